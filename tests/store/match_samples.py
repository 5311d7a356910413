"""A pair of figures as it is kept: one suggested match, one open row, one cause. Not a test."""

from typing import Any

from tieout.core.ids import sha256_hex
from tieout.core.money import to_units

SUGGESTED = sha256_hex(b"suggested")
PLACE = {
    "provider": "openai",
    "billing_account_id": "org-1",
    "section": "estimate_to_report",
}


def a_set(run_id: int, **fields: Any) -> dict[str, Any]:
    """10.00 estimated, 12.00 reported: 5.00 matched, the rest open; 1.50 explained."""
    amounts = {
        "earlier_amount": "10.00",
        "later_amount": "12.00",
        "matched_earlier_amount": "5.00",
        "matched_later_amount": "5.00",
        "open_earlier_amount": "5.00",
        "open_later_amount": "7.00",
        "explained_amount": "1.50",
        "rounding_amount": "0.10",
        "unexplained_amount": "0.40",
    }
    return {
        "run_id": run_id,
        **PLACE,
        "period": "2026-10",
        "currency": "USD",
        **{name: to_units(text) for name, text in amounts.items()},
        "record_count": 2,
        "suggested_count": 1,
        "open_earlier_count": 1,
        "open_later_count": 1,
        "lake_path": "matches/x",
        "sha256": sha256_hex(b"file"),
    } | fields


def a_record(**fields: Any) -> dict[str, Any]:
    """A suggestion that 5.00 is 5.01."""
    return {
        "match_id": SUGGESTED,
        "pass": "meter and day 1:1",
        "keys": {"x_model": "gpt-6-sol", "sub_account_id": None},
        "earlier": [["line-1", str(to_units("5.00"))]],
        "later": [["line-2", str(to_units("5.01"))]],
        "earlier_amount": to_units("5.00"),
        "later_amount": to_units("5.01"),
        "decision": "suggested",
        "person": None,
        "reason": None,
        "replaces": None,
    } | fields


def a_cause(**fields: Any) -> dict[str, Any]:
    """1.50 at the negotiated rate, proven by two lines."""
    return {
        "cause": "negotiated_rate",
        "keys": {"charge_day": "2026-10-01"},
        "amount": to_units("1.50"),
        "line_ids": ["line-1", "line-2"],
        "witnesses": [],
        "sentence": "Estimated at the list price, billed at the negotiated rate (2 charges).",
    } | fields


def a_decision(**fields: Any) -> dict[str, Any]:
    """The suggestion is right."""
    return {
        **PLACE,
        "kind": "confirm",
        "match_id": SUGGESTED,
        "earlier_ids": [],
        "later_ids": [],
        "reason": "A cent of rounding.",
    } | fields
