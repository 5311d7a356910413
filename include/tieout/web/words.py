"""Words around numbers in a sentence of a page. Knows no page."""


def counted(count: int, one: str, several: str) -> str:
    """A number with its words: `1 day is`, `2 days are`."""
    return f"{count:,} {one if count == 1 else several}"
