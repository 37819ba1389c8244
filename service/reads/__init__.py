"""Looks: one question, one module; nothing is changed."""
