"""Benchmarks: one command each, figures for docs and decisions; none is a timed test."""
