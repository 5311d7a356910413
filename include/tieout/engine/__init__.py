"""Bulk distinct, join and sum over charges; rule meaning and arithmetic never enter an engine."""
