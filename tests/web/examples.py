"""An address for each route: every part of a path that the app knows, with a value that fits it."""

import re

HASH = "0" * 64
_PART = re.compile(r"\{(\w+)(?::path)?\}")
_EXAMPLES = {
    "period": "2026-10",
    "kind": "chart",
    "version": "1",
    "document": HASH,
    "sha256": HASH,
    "target": "books",
    "exception": HASH,
    "reopening": "1",
    "page": "1",
    "account": "openai/org-1",
    "section": "estimate_to_report",
    "key": "tax",
    "number": "1",
    "initiative": "search",
    "pool": "platform",
    "seq": "1",
    "name": "manual_entries",
    "line": HASH,
    "document_no": "2026-invoice-000001",
    "form": "workbook",
}


def an_address(path: str) -> str:
    """The path of a route with its parts filled in; KeyError for a part that nobody gave."""
    return _PART.sub(lambda part: _EXAMPLES[part[1]], path)
