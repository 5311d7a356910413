"""The one guard against cells that a spreadsheet would run as a formula; numbers never pass it."""

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def guarded(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it as a formula."""
    return "'" + text if runs_as_formula(text) else text


def runs_as_formula(text: str) -> bool:
    """Whether the first character that is no space makes a spreadsheet calculate."""
    return text.lstrip(" ").startswith(_STARTS)
