"""Words of the reconciliation: its headlines, names of causes and sections, states of an account.

Owns wording only: which figures lie between which is the steps' business.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tieout.core.period import parse_period
from tieout.web.table import Tone

Values = Mapping[str, Any]
Money = Callable[[Decimal, str], str]

SECTIONS: Final[Mapping[str, str]] = {
    "estimate_to_report": "From estimate to report",
    "draft_to_final": "From draft to final report",
    "report_to_invoice": "From report to invoice",
    "credit_rollforward": "Credit, from opening to closing",
    "estimate_to_invoice": "The whole month by price, volume and mix",
}
_MOST_NAMED: Final = 3
_SHOWN: Final = Decimal("0.005")
_UNEXPLAINED: Final = "unexplained"


def month_name(period: str) -> str:
    """`October 2026`."""
    return f"{parse_period(period).start_on:%B %Y}"


def cause(name: str) -> str:
    """A cause as people read it."""
    return name.replace("_", " ").capitalize()


def start(label: str) -> str:
    """The first figure's label within a sentence."""
    return label[:1].lower() + label[1:]


def first(label: str) -> str:
    """What the first figure is, where it is no estimate of our own."""
    return "" if label.startswith("Own estimate") else start(label)


def state(one: Values) -> tuple[str, Tone]:
    """Whether an account ties, as a word with its tone."""
    if Decimal(one["unexplained"]):
        return "does not tie", "block"
    if one["last"] is None:
        return "no invoice yet", "wait"
    return ("explained" if Decimal(one["difference"]) else "equal"), "good"


def of_month(period: str, accounts: Sequence[Values], waits_for: str, money: Money) -> str:
    """The answer for a month."""
    name = month_name(period)
    if waits_for:
        return f"{name} has not been reconciled yet."
    out = [one for one in accounts if Decimal(one["unexplained"])]
    if out:
        told = ", ".join(
            f"{one['name']} leaves {money(Decimal(one['unexplained']), one['currency'])}"
            for one in out
        )
        return f"{name} does not tie: {told} unexplained."
    late = [one["name"] for one in accounts if one["last"] is None]
    if late:
        return (
            f"{name} ties as far as it is known: nothing is unexplained, and no invoice of "
            f"{', '.join(late)} has been read."
        )
    widest = max(accounts, key=lambda one: abs(Decimal(one["difference"])))
    amount = Decimal(widest["difference"])
    side = "over" if amount > 0 else "under"
    return (
        f"{name} ties: all {len(accounts)} accounts are explained to the last cent; the widest is "
        f"{widest['name']}, {money(abs(amount), widest['currency'])} {side} its first figure."
    )


def of_account(period: str, found: Values, causes: Sequence[Values], money: Money) -> str:
    """Why an account cost more or less than was estimated, largest cause first."""
    unit, amount = found["currency"], Decimal(found["difference"])
    own = not first(found["first_label"])
    base = "estimated" if own else f"the {first(found['first_label'])} said"
    name, when = found["name"], month_name(period)
    left = Decimal(found["unexplained"])
    rest = f"{money(left, unit)} is unexplained" if left else "nothing is unexplained"
    if abs(amount) < _SHOWN:
        return f"{name} cost what {'was ' if own else ''}{base} in {when}; {rest}."
    side = "more" if amount > 0 else "less"
    told = _named(causes, lambda value: money(value, unit))
    return f"{name} cost {money(abs(amount), unit)} {side} than {base} in {when}: {told}; {rest}."


def lines(bridge: Values, proven: Sequence[Values]) -> list[dict[str, Any]]:
    """The causes of a bridge with what stands behind each, what nobody explains last.

    `proven` is what the matching says of the account; where it comes to the same difference it is
    shown, because its causes name every charge. A line's `key` tells it from its like.
    """
    own = [one for one in proven if one["section"] == bridge["section"]]
    is_same = sum((Decimal(one["amount"]) for one in own), Decimal(0)) == Decimal(
        bridge["difference"]
    )
    found = [_proven(one) for one in own] if own and is_same else _kept(bridge)
    count: dict[str, int] = {}
    for one in found:
        count[one["cause"]] = number = count.get(one["cause"], 0) + 1
        one["key"] = one["cause"] if number == 1 else f"{one['cause']}-{number}"
    return found


def _proven(one: Values) -> dict[str, Any]:
    ids = [row for proof in one.get("proofs", ()) for row in proof["line_ids"]]
    named = list(one.get("evidence", ()))
    return {
        **{name: one[name] for name in ("cause", "amount", "sentence")},
        "ids": ids or named,
        "rows": f"{len(ids):,} charges" if ids else _pieces(named),
    }


def _kept(bridge: Values) -> list[dict[str, Any]]:
    found = [
        {
            **{name: one[name] for name in ("cause", "amount", "sentence")},
            "ids": list(one["evidence"]),
            "rows": _pieces(one["evidence"]),
        }
        for one in bridge["lines"]
    ]
    if Decimal(bridge["unexplained"]):
        told = "No cause explains this difference."
        gap = {"cause": _UNEXPLAINED, "amount": bridge["unexplained"], "sentence": told}
        found.append({**gap, "ids": [], "rows": ""})
    return found


def _pieces(evidence: Sequence[str]) -> str:
    return f"{len(evidence)} named" if evidence else ""


def _named(causes: Sequence[Values], money: Callable[[Decimal], str]) -> str:
    ordered = sorted(causes, key=lambda one: -abs(Decimal(one["amount"])))
    shown = [one for one in ordered if abs(Decimal(one["amount"])) >= _SHOWN]
    told = [
        f"{start(cause(one['cause']))} {money(Decimal(one['amount']))}"
        for one in shown[:_MOST_NAMED]
    ]
    others = len(shown) - len(told)
    if others:
        told.append(f"{others} more")
    return ", ".join(told)
