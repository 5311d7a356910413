"""Closing a month: tolerances, the checklist, and who may move the period to which state."""
