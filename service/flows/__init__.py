"""Verbs: one module, one public coroutine, one transaction each; no flow calls another."""
