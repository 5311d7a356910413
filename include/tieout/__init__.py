"""tieout closes the month for AI and cloud spend; see docs/concepts."""
