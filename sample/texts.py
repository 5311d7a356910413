"""Numbers, names and files as the builder of the AWS sample writes them."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path


def plain(value: Decimal) -> str:
    """Plain digits, no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def digest(*parts: str) -> str:
    """A stable name out of its parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:40]


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a newline at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
