#!/bin/sh
# Make .venv with a Python that works here, and install one group of hashed requirements into it.
# usage: deploy/setup.sh run|test|lint|build        (make calls it; a stamp says that it is done)
set -eu
cd "$(dirname "$0")/.."
group=$1
bin=.venv/bin

say() { printf '%s\n' "$*" >&2; }

stop() {
  say "$@"
  exit 1
}

# A name in the path proves nothing (shims fail when run), so each candidate is run. A Python
# that only lacks venv or ensurepip is told apart: on Debian that is a package of its own.
find_python() {
  bare=
  suits='import sys; assert sys.version_info >= (3, 11); print(sys.executable)'
  for name in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14; do
    path=$("$name" -c "$suits" 2>/dev/null) || continue
    if "$path" -c 'import venv, ensurepip' 2>/dev/null; then
      printf '%s\n' "$path"
      return
    fi
    bare=$path
  done
  if [ -n "$bare" ]; then
    stop "$bare cannot make an environment: its venv is missing. On Debian: apt-get install python3-venv"
  fi
  stop "No Python 3.11 or later was found. On Debian: apt-get install python3 python3-venv" \
    "(or name one: make PYTHON=/path/to/python3 …)"
}

make_environment() {
  if "$bin/python" -c 'import pip' 2>/dev/null; then
    return
  fi
  python=$(find_python)
  say "Making .venv with $python"
  rm -rf .venv
  "$python" -m venv .venv
}

explain_failure() {
  say "The $1 group could not be installed."
  if [ -e /etc/debian_version ] && [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
    say "This machine has no CA certificates: apt-get install ca-certificates"
  fi
  exit 1
}

with_pip() {
  "$bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@"
}

# uv installs in seconds what takes pip a minute; where it cannot (a platform without its wheel, a
# mirror that only pip knows), pip does. uv does not read pip's settings, nor fetch a Python.
install() {
  if [ -x "$bin/uv" ] && UV_PYTHON_DOWNLOADS=never "$bin/uv" pip install --quiet --system-certs \
    --python "$bin/python" "$@"; then
    return
  fi
  say "Installing with pip."
  with_pip "$@"
}

make_environment
if [ ! -e .venv/.setup-build ] || [ requirements/build.txt -nt .venv/.setup-build ]; then
  say "Installing the tools that install"
  with_pip --require-hashes -r requirements/build.txt || explain_failure build
  touch .venv/.setup-build
fi
if [ "$group" != build ]; then
  say "Installing the $group group"
  install --require-hashes -r "requirements/$group.txt" || explain_failure "$group"
fi
if [ "$group" = run ]; then
  # the project itself has no hash; what builds it is in the build group
  install --no-deps --no-build-isolation -e . || explain_failure "$group"
fi
touch ".venv/.setup-$group"
