"""One file per allocation method; `tieout.allocation.base.load` imports the one that is named."""
