"""Wrong data that does not stop the work: what was found, where, how much is at stake."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "blocking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact about the data that a person should see; stored, counted, shown on the checklist.

    `kind` is a stable word (`bad_row`, `unpriced`, `unallocated`, `unexplained`, ...), `subject`
    names the thing, `message` is one sentence that says what was expected, what was found and what
    to do. `amount_units` is the money at stake (1e-12), `source_document` a SHA-256, `source_row`
    counts from 1 in that document.
    """

    kind: str
    severity: Severity
    subject: str
    message: str
    amount_units: int = 0
    currency: str = "USD"
    source_document: str | None = None
    source_row: int | None = None
