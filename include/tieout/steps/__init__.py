"""One file per step: load, compute, save, in one database transaction. Steps do not call steps."""
