"""What journal lines come to in the currency of their papers, and the rates that were used.

Owns the columns of both; a month without a foreign currency has neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tieout.core.money import from_minor, minor_digits, to_decimal

PAPER_AMOUNT = "transaction_amount"
PAPER_COLUMNS = ("transaction_currency", PAPER_AMOUNT, "exchange_rates")
RATE_COLUMNS = (
    "from", "to", "type", "date", "rate", "source", "policy", "policy_sha256", "entries",
)  # fmt: skip


def paper_rows(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a journal line (entries as the store gives them): its amount, a debit positive.

    All are null on lines in the books' currency, the amount on what only a rate made.
    """
    return [_paper(entry, line) for entry in entries for line in entry["lines"]]


def rate_rows(
    entries: Iterable[Mapping[str, Any]], versions: Sequence[tuple[str, str, frozenset[str]]]
) -> list[dict[str, Any]]:
    """Each rate that the entries used, once, with the version of the policy that has it.

    `versions` are label, SHA-256 and rates (`rate_text`) of the approved versions, oldest first:
    the first that has a rate is named. `entries` counts the entries.
    """
    used: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for rate in entry.get("exchange", {}).get("rates", ()):
            row = used.setdefault(rate_text(rate), {**rate, "entries": 0})
            row["entries"] += 1
    for text, row in used.items():
        label, sha256 = next(
            ((label, sha256) for label, sha256, rates in versions if text in rates), ("", "")
        )
        row |= {"policy": label, "policy_sha256": sha256}
    return [used[text] for text in sorted(used)]


def rate_text(rate: Mapping[str, Any]) -> str:
    """A rate as one text, to find it again."""
    return " ".join(str(rate[name]) for name in ("from", "to", "type", "date", "rate", "source"))


def _paper(entry: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    exchange = entry.get("exchange")
    if exchange is None:
        return dict.fromkeys(PAPER_COLUMNS)
    minor = line.get("transaction_minor")
    rates = (f"{one['type']} {one['rate']} of {one['date']}" for one in exchange["rates"])
    units = None if minor is None else from_minor(minor, minor_digits(exchange["currency"]))
    return {
        "transaction_currency": exchange["currency"],
        PAPER_AMOUNT: None if units is None else to_decimal(units),
        "exchange_rates": ", ".join(rates),
    }
