"""One file per provider; the file name is the key that `base.load_provider` takes."""
