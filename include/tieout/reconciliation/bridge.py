"""The bridge: how one figure becomes another, cause by cause, and what no cause explains.

Owns the values and their law (start + lines + unexplained = end, to the unit); finds no causes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tieout.core.errors import ConservationError
from tieout.core.money import format_units

Section = Literal[
    "estimate_to_report",
    "draft_to_final",
    "report_to_invoice",
    "credit_rollforward",
    "estimate_to_invoice",
]

EVIDENCE_LIMIT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeLine:
    """One named cause; `amount_units` (1e-12) is positive when it makes the end larger.

    `evidence` holds up to five ids of charges or documents; `cause` is one sentence that counts
    all of them.
    """

    section: str
    component: str
    cause: str
    amount_units: int
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """From one figure of an account to the next; conserves to the last unit or does not exist.

    `section` is a `Section`, or names one commitment of the account (`reconciliation.commitments`).

    Raises:
        ConservationError: start + lines + unexplained is not the end.
    """

    provider: str
    billing_account_id: str
    section: str
    currency: str
    start_label: str
    start_units: int
    end_label: str
    end_units: int
    lines: tuple[BridgeLine, ...]
    unexplained_units: int

    def __post_init__(self) -> None:
        found = self.start_units + self.explained_units + self.unexplained_units
        if found != self.end_units:
            raise ConservationError(
                f"The bridge {self.section} of {self.provider}/{self.billing_account_id} should "
                f"end at {format_units(self.end_units)} {self.currency} and ends at "
                f"{format_units(found)}: recompute it from the charges."
            )

    @property
    def explained_units(self) -> int:
        """Sum of the named causes."""
        return sum(line.amount_units for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one row, or one group of rows, adds to a component."""

    component: str
    amount_units: int
    rows: int
    evidence: str


def gather(
    section: str, parts: Iterable[Part], *, causes: Mapping[str, str]
) -> tuple[BridgeLine, ...]:
    """Sum parts to one line per component, in the order of `causes`; drops components of zero.

    A cause may hold `{rows}`, the number of charges behind the line.
    """
    grouped: dict[str, list[Part]] = {component: [] for component in causes}
    for part in parts:
        grouped[part.component].append(part)
    lines = [
        BridgeLine(
            section=section,
            component=component,
            cause=causes[component].format(rows=sum(part.rows for part in found)),
            amount_units=sum(part.amount_units for part in found),
            evidence=tuple(sorted({part.evidence for part in found})[:EVIDENCE_LIMIT]),
        )
        for component, found in grouped.items()
    ]
    return tuple(line for line in lines if line.amount_units)


def bridge_json(bridge: Bridge) -> dict[str, Any]:
    """Plain JSON values; amounts are whole units as text, so that no reader makes them floats."""
    return {
        "provider": bridge.provider,
        "billing_account_id": bridge.billing_account_id,
        "section": bridge.section,
        "currency": bridge.currency,
        "start_label": bridge.start_label,
        "start_units": str(bridge.start_units),
        "end_label": bridge.end_label,
        "end_units": str(bridge.end_units),
        "unexplained_units": str(bridge.unexplained_units),
        "lines": [
            {
                "component": line.component,
                "cause": line.cause,
                "amount_units": str(line.amount_units),
                "evidence": list(line.evidence),
            }
            for line in bridge.lines
        ],
    }


def bridge_from_json(value: Mapping[str, Any]) -> Bridge:
    """Read `bridge_json` back.

    Raises:
        ConservationError: the stored bridge no longer adds up.
    """
    section: str = value["section"]
    lines: Sequence[Mapping[str, Any]] = value["lines"]
    return Bridge(
        provider=value["provider"],
        billing_account_id=value["billing_account_id"],
        section=section,
        currency=value["currency"],
        start_label=value["start_label"],
        start_units=int(value["start_units"]),
        end_label=value["end_label"],
        end_units=int(value["end_units"]),
        unexplained_units=int(value["unexplained_units"]),
        lines=tuple(
            BridgeLine(
                section=section,
                component=line["component"],
                cause=line["cause"],
                amount_units=int(line["amount_units"]),
                evidence=tuple(line["evidence"]),
            )
            for line in lines
        ),
    )
