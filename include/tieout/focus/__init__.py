"""The FOCUS columns and types that a charge has in tieout, and the checks that a charge passes."""
