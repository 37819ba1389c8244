"""Frozen values that parse, decide and render meet in; no behaviour beyond their invariants."""
