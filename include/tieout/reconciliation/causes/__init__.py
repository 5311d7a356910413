"""One file for each cause of a difference; the file's name is the cause. See `base`."""
