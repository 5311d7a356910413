"""Three figures of each account side by side, each with its state, and how they moved in a day.

Owns the states: `estimated`, `provisional` (reported, its bill has not come), `invoiced`, `closed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tieout.core.money import format_units
from tieout.reconciliation.so_far import SoFar

FigureState = Literal["estimated", "provisional", "invoiced", "closed"]
_FIGURES = ("estimated", "reported", "invoiced")
_MOVING = (*_FIGURES, "gap", "unexplained")
Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """What is known of one account's month on a day."""

    account: str
    mode: str
    currency: str
    found: SoFar


def figures_rows(known: Sequence[AccountFigures], *, is_closed: bool) -> list[Values]:
    """One row an account as plain values; amounts are text, what is not known is None.

    `known` is the newest figure (invoice, else report, else estimate) and `state` its state.
    """
    return [_row(one, is_closed=is_closed) for one in known]


def drift(now: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> list[Values]:
    """What moved between two days' units (see `kept`), account by account; amounts are text.

    An account or figure that only one day knows counts from, or to, nothing. What stood still is
    left out.
    """
    days = [{one["account"]: one for one in day} for day in (now, before)]
    found: list[Values] = []
    for account in sorted(days[0].keys() | days[1].keys()):
        after, earlier = (day.get(account, {}) for day in days)
        moved = {name: int(after.get(name) or 0) - int(earlier.get(name) or 0) for name in _MOVING}
        if any(moved.values()):
            changes = {name: format_units(units) for name, units in moved.items()}
            found.append({"account": account, **changes})
    return found


def kept(known: Sequence[AccountFigures]) -> list[Values]:
    """The figures of a day as they are kept: whole units of 1e-12 as text."""
    return [{"account": one.account, **_texts(_units(one.found))} for one in known]


def _row(one: AccountFigures, *, is_closed: bool) -> Values:
    units, found = _units(one.found), one.found
    states = _states(one, is_closed=is_closed)
    known = [name for name in _FIGURES if units[name] is not None]
    compared = found.compared
    return {
        "account": one.account,
        "mode": one.mode,
        "currency": one.currency,
        **{
            name: None
            if units[name] is None
            else {"amount": _amount(units[name]), "state": states[name], "through": through}
            for name, through in (
                ("estimated", _text(found.estimated_through)),
                ("reported", _text(found.reported_through)),
                ("invoiced", None),
            )
        },
        "known": _amount(units[known[-1]]) if known else None,
        "state": states[known[-1]] if known else None,
        "compared_through": _text(compared.through) if compared else None,
        "gap": _amount(units["gap"]),
        "unexplained": _amount(units["unexplained"]),
    }


def _states(one: AccountFigures, *, is_closed: bool) -> dict[str, FigureState]:
    if is_closed:
        return dict.fromkeys(_FIGURES, "closed")
    has_bill = one.found.invoiced_units is not None
    return {
        "estimated": "estimated",
        "reported": "invoiced" if has_bill else "provisional",
        "invoiced": "invoiced",
    }


def _units(found: SoFar) -> dict[str, int | None]:
    return {
        "estimated": found.estimated_units,
        "reported": found.reported_units,
        "invoiced": found.invoiced_units,
        "gap": found.compared.gap_units if found.compared else None,
        "unexplained": found.compared.unexplained_units if found.compared else None,
    }


def _texts(units: Mapping[str, int | None]) -> dict[str, str | None]:
    return {name: None if one is None else str(one) for name, one in units.items()}


def _amount(units: int | None) -> str | None:
    return None if units is None else format_units(units)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
