"""Names other people own, and the few we define; of medicine none: that is in packs."""
