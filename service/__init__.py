"""The shell: doors, flows, the database and the clients of other people's servers."""
