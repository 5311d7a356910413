"""The evidence folder of a close: what an auditor needs to re-walk the month without us.

Owns the list of files and the manifest of their SHA-256; knows no database and no lake.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tieout.core.ids import sha256_hex
from tieout.publish.tables import csv_bytes

DOCUMENT_COLUMNS = (
    "sha256",
    "provider",
    "billing_account_id",
    "period",
    "kind",
    "name",
    "size_bytes",
    "fetched_at",
    "lake_path",
)
MANIFEST = "SHA256SUMS"


def json_bytes(value: Any) -> bytes:
    """Sorted, indented JSON with a newline at the end: the same value gives the same bytes."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def documents_csv(documents: Sequence[Mapping[str, Any]]) -> bytes:
    """The provider documents behind the month, one row each, ordered by account and name."""
    ordered = sorted(
        documents, key=lambda row: (row["provider"], row["kind"], row["name"], row["sha256"])
    )
    return csv_bytes(DOCUMENT_COLUMNS, ordered)


def manifest(files: Mapping[str, bytes]) -> bytes:
    """`sha256sum -c` format over all files, ordered by name."""
    return "".join(
        f"{sha256_hex(content)}  {name}\n" for name, content in sorted(files.items())
    ).encode()
