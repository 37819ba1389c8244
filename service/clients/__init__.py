"""Servers of other people: every answer is a claim, and may be hostile."""
