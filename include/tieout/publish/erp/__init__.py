"""Journal exports for other ledgers: one file per format, found by its name through `base.load`."""
