"""Tie out: do estimate, report and invoice of each account meet, and which charges say why not.

Reads only. Owns which figure comes first and which last for an account; bridges and causes were
computed by the steps that keep them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tieout.core.errors import UnknownSubjectError
from tieout.core.money import format_units, from_decimal
from tieout.core.period import Period, parse_period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.steps.context import Context
from tieout.steps.inputs import (
    accounts,
    charges,
    estimate_file,
    latest_outputs,
    stage_snapshots,
)
from tieout.store import documents, reconciliations
from tieout.store.session import Tx

Values = dict[str, Any]
SECTIONS: Final = (
    "estimate_to_report",
    "draft_to_final",
    "report_to_invoice",
    "credit_rollforward",
    "estimate_to_invoice",
)
_FIRST: Final = ("estimate_to_report", "draft_to_final")
_SUMS: Final = ("difference", "explained", "unexplained")
# the two tables that a section compares, each with its sign in the difference
_SIDES: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "estimate_to_report": (("own estimate", -1), ("final report", 1)),
    "draft_to_final": (("draft report", -1), ("final report", 1)),
    "report_to_invoice": (("final report", 1),),
    "credit_rollforward": (("final report", -1),),
    "estimate_to_invoice": (),
}
_SHOWN: Final = (
    "line_id",
    "charge_period_start",
    "charge_description",
    "service_name",
    "sub_account_id",
    "consumed_quantity",
    "consumed_unit",
    "billed_cost",
    "source_document",
    "source_row",
)


def overview(context: Context, *, period: str) -> Values:
    """Each account's figures, what lies between the first and the last, and how much is explained.

    Amounts are text. `first` is the own estimate, else the provider's draft; `last` the invoices,
    of a prepaid account the credit drawn, None before there is one. Explained and unexplained add
    up to the difference, and the totals (None where currencies differ) re-add the accounts.

    Raises:
        NotReadyError: the month has not been reconciled yet.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        latest_outputs(tx, "reconcile", period)
        known = {one.subject: one for one in accounts(tx, month)}
        bridges = reconciliations.for_period(tx, period)
    found: dict[str, dict[str, Values]] = {}
    for one in bridges:
        found.setdefault(_subject(one), {})[one["section"]] = one
    rows = [_units(subject, found[subject], known.get(subject)) for subject in sorted(found)]
    units = {name: sum(row[name] for row in rows) for name in _SUMS}
    is_one = len({row["currency"] for row in rows}) == 1
    return {
        "period": period,
        "accounts": [_texts(row) for row in rows],
        "total": {name: format_units(value) for name, value in units.items()} if is_one else None,
    }


def bridges(context: Context, *, period: str, account: str) -> list[Values]:
    """Every bridge of one account (`provider/id`) in the order of the month; amounts are text.

    Raises:
        NotReadyError: the month has not been reconciled yet.
        UnknownSubjectError: the account has no bridge.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        latest_outputs(tx, "reconcile", period)
        kept = reconciliations.for_period(tx, period)
    own = [one for one in kept if _subject(one) == account]
    if not own:
        known = sorted({_subject(one) for one in kept})
        raise UnknownSubjectError(
            f"No account {account[:60]!r} was reconciled in {period}: expected one of "
            f"{', '.join(known) or 'none'}."
        )
    return [_shown(one) for one in sorted(own, key=lambda one: SECTIONS.index(one["section"]))]


def rows_behind(
    context: Context, *, period: str, account: str, section: str, ids: Sequence[str]
) -> Values:
    """The charges and documents that evidence names; each charge as it counts in the difference.

    `ids` are ids of charges, hashes of documents, or words (kept as `others`). A charge of the
    earlier figure counts with the other sign, so that `total` is what the rows say of the gap.

    Raises:
        UnknownSubjectError: no such account is registered.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        one = _registered(tx, month, account)
        papers = {kept.sha256: kept for kept in documents.for_period(tx, period)}
        sides = [
            (title, sign, table)
            for title, sign in _SIDES[section]
            for table in [_table(context, tx, month, one, title)]
            if table is not None
        ]
    found = [row for side in sides for row in _charges(side, ids)]
    known = {row["line_id"] for row in found}
    return {
        "rows": [
            {
                **row,
                "amount": format_units(row["amount"]),
                "document_name": papers[row["document"]].name if row["document"] in papers else "",
            }
            for row in sorted(found, key=lambda row: (-abs(row["amount"]), row["line_id"]))
        ],
        "total": format_units(sum(row["amount"] for row in found)),
        "documents": [
            {"sha256": text, "name": papers[text].name, "fetched_at": papers[text].fetched_at}
            for text in ids
            if text in papers
        ],
        "others": [text for text in ids if text not in known and text not in papers],
    }


def _units(subject: str, found: Mapping[str, Values], account: BillingAccount | None) -> Values:
    """One account in units of 1e-12."""
    first = next(found[name] for name in _FIRST if name in found)
    invoiced, credit = found.get("report_to_invoice"), found.get("credit_rollforward")
    chain = [one for one in (first, invoiced) if one]
    open_credit = credit["unexplained_units"] if credit else 0
    unexplained = sum(one["unexplained_units"] for one in chain) - open_credit
    explained = sum(line["amount_units"] for one in chain for line in one["lines"])
    last = invoiced["end_units"] if invoiced else None
    if credit:
        last = first["end_units"] - open_credit
    return {
        "account": subject,
        "name": account.name if account else subject,
        "provider": first["provider"],
        "mode": account.mode if account else "",
        "currency": first["currency"],
        "first_label": first["start_label"],
        "first": first["start_units"],
        "reported": first["end_units"],
        "last": last,
        "difference": explained + unexplained,
        "explained": explained,
        "unexplained": unexplained,
    }


def _texts(row: Values) -> Values:
    amounts = ("first", "reported", "last", *_SUMS)
    return row | {name: None if row[name] is None else format_units(row[name]) for name in amounts}


def _shown(bridge: Values) -> Values:
    return {
        **{name: bridge[name] for name in ("section", "currency", "start_label", "end_label")},
        "start": format_units(bridge["start_units"]),
        "end": format_units(bridge["end_units"]),
        "difference": format_units(bridge["end_units"] - bridge["start_units"]),
        "unexplained": format_units(bridge["unexplained_units"]),
        "lines": [
            {
                "cause": line["component"],
                "amount": format_units(line["amount_units"]),
                "sentence": line["cause"],
                "evidence": line["evidence"],
            }
            for line in bridge["lines"]
        ],
    }


def _registered(tx: Tx, month: Period, account: str) -> BillingAccount:
    found = [one for one in accounts(tx, month) if one.subject == account]
    if not found:
        raise UnknownSubjectError(
            f"No account {account[:60]!r} is registered for {month}: expected `provider/account` "
            "as in the register."
        )
    return found[0]


def _table(
    context: Context, tx: Tx, month: Period, account: BillingAccount, title: str
) -> pa.Table | None:
    if title == "own estimate":
        file = estimate_file(tx, account, month)
        return file and context.lake.get_table(file.lake_path, file.file_sha256)
    stage = "draft" if title == "draft report" else "final"
    own = [
        one for one in stage_snapshots(tx, month, stage) if one.account.subject == account.subject
    ]
    return charges(context, tuple(own))


def _charges(side: tuple[str, int, pa.Table], ids: Iterable[str]) -> list[Values]:
    title, sign, table = side
    wanted = pa.array(list(ids), pa.string())
    rows = table.filter(pc.is_in(table["line_id"], value_set=wanted)).select(_SHOWN).to_pylist()
    return [
        {
            "figure": title,
            "line_id": row["line_id"],
            "day": row["charge_period_start"].date(),
            "description": row["charge_description"] or row["service_name"],
            "service": row["service_name"],
            "sub_account": row["sub_account_id"],
            "quantity": row["consumed_quantity"],
            "unit": row["consumed_unit"],
            "amount": sign * from_decimal(row["billed_cost"]),
            "document": row["source_document"],
            "row": row["source_row"],
        }
        for row in rows
    ]


def _subject(one: Values) -> str:
    return f"{one['provider']}/{one['billing_account_id']}"
