"""Immutable files named by the SHA-256 of their content; nothing is ever overwritten."""
