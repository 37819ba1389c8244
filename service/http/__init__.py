"""The door for requests: arguments in, one flow or read, an answer out."""
