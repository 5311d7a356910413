"""The vocabulary: money, periods, findings, ids, errors. Value types only; no I/O, no clock."""
