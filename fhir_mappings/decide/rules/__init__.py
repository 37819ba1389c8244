"""The interpreter of a pack's rules: one module per group of members, no medicine in it."""
