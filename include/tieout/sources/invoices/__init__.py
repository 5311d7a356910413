"""One file per invoice format; the file name is the key of `base.load_invoice_format`."""
