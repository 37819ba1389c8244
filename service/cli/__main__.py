"""`python -m service.cli`: the same as `tpi`, in this very environment."""

from service.cli import main

if __name__ == "__main__":
    main()
