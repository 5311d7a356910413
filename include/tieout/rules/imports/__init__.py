"""Rules that were written for another tool, as rule files of this one; one file a tool."""
