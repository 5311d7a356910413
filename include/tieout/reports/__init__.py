"""Statements as plain values: what a reader sees and what two people sign."""
