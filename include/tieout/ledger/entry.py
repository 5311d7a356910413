"""The journal entry: what is posted, always balanced, never changed; corrections are new entries.

Owns the values, their JSON and the mirror. Which entries a month needs is `posting`'s business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, cast

from tieout.core.errors import StateError, UnbalancedEntryError
from tieout.core.ids import content_key
from tieout.ledger.exchange import Exchange, exchange_from_json, exchange_json

_SIDES = 2  # double entry
JournalType = Literal[
    "opening",
    "accrual",
    "true_up",
    "reversal",
    "invoice",
    "credit_note",
    "drawdown",
    "credit_purchase",
    "breakage",
    "amortisation",
    "manual",
    "reclass",
    "commitment",
    "shortfall",
    "fx_reval",
]
AdjustmentKind = Literal["none", "change_in_estimate", "error_correction", "policy_change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One line; debit and credit are minor units (cents), both >= 0, exactly one is not zero.

    `source_line_ref` is the content key of the ledger lines behind it (see `grouping`), None for a
    control account. `transaction_minor` is debit minus credit in the currency of the paper, minor
    units of that; None where the paper is in the books' own, and on what only the rate made.
    """

    line_no: int
    account: str
    debit_minor: int
    credit_minor: int
    memo: str
    dimensions: Mapping[str, str | None]
    source_line_ref: str | None
    transaction_minor: int | None = None

    @property
    def amount_minor(self) -> int:
        """Debit minus credit."""
        return self.debit_minor - self.credit_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One entry of one currency, that of the books.

    `posting_on` decides the period it enters; `document_on` is the date on the paper;
    `service_period` the month in which the cost was consumed. `reverses` is the
    idempotency key of the entry that this one mirrors. `fiscal_period` is the fiscal year and
    number (2027-01) of the posting date, None where they are those of the calendar. `exchange` says
    from which currency and at which rates it was translated; None where nothing was.
    """

    journal_type: JournalType
    posting_on: date
    document_on: date
    service_period: str
    currency: str
    description: str
    provider: str
    billing_account_id: str
    lines: tuple[JournalLine, ...]
    source_refs: tuple[str, ...]
    reverses: str | None
    idempotency_key: str
    adjustment_kind: AdjustmentKind = "none"
    fiscal_period: str | None = None
    exchange: Exchange | None = None


def signed_line(
    account: str,
    amount_minor: int,
    *,
    memo: str,
    dimensions: Mapping[str, str | None],
    source_line_ref: str | None = None,
    transaction_minor: int | None = None,
) -> JournalLine:
    """A line without its number: a positive amount is a debit, a negative one a credit."""
    return JournalLine(
        line_no=0,
        account=account,
        debit_minor=max(amount_minor, 0),
        credit_minor=max(-amount_minor, 0),
        memo=memo,
        dimensions=dimensions,
        source_line_ref=source_line_ref,
        transaction_minor=transaction_minor,
    )


def numbered(lines: Sequence[JournalLine]) -> tuple[JournalLine, ...]:
    """The lines that are not zero, numbered from 1 without gaps."""
    kept = [line for line in lines if line.amount_minor]
    return tuple(replace(line, line_no=number) for number, line in enumerate(kept, start=1))


def balanced(entry: JournalEntry) -> JournalEntry:
    """The entry itself, once it is known to be a proper one.

    Raises:
        UnbalancedEntryError: debits and credits differ, fewer than two lines, a line with none or
            both of debit and credit or a negative one, numbers with gaps, or no description.
    """
    problem = _problem(entry)
    if problem:
        raise UnbalancedEntryError(
            f"The {entry.journal_type} entry of {entry.provider}/{entry.billing_account_id} for "
            f"{entry.service_period} cannot be posted: {problem}; build it again from its lines."
        )
    return entry


def reverse(entry: JournalEntry, *, on: date) -> JournalEntry:
    """The exact mirror, posted on `on`: debit and credit of each line change places.

    Raises:
        StateError: the entry is a reversal itself.
    """
    if entry.journal_type == "reversal":
        raise StateError(
            f"Entry {entry.idempotency_key[:12]} is a reversal and cannot be reversed: "
            "post a new entry instead."
        )
    return replace(
        entry,
        journal_type="reversal",
        posting_on=on,
        document_on=on,
        description=f"Reversal of: {entry.description}",
        lines=tuple(_mirrored(line) for line in entry.lines),
        reverses=entry.idempotency_key,
        fiscal_period=None,
        idempotency_key=entry_key(
            "reversal",
            service_period=entry.service_period,
            provider=entry.provider,
            account=entry.billing_account_id,
            source=entry.idempotency_key,
        ),
    )


def entry_key(
    journal_type: JournalType, *, service_period: str, provider: str, account: str, source: str
) -> str:
    """Idempotency key: the same source posted again for the same purpose is the same entry."""
    return content_key((journal_type, service_period, provider, account, source))


def entry_json(entry: JournalEntry) -> dict[str, Any]:
    """Plain JSON values: dates as ISO text, amounts as whole minor units.

    A fiscal period is there where the entry has one, `exchange` and `transaction_minor` only where
    something was translated.
    """
    own = {"exchange": exchange_json(entry.exchange)} if entry.exchange else {}
    fiscal = {} if entry.fiscal_period is None else {"fiscal_period": entry.fiscal_period}
    return {
        **own,
        **fiscal,
        "journal_type": entry.journal_type,
        "posting_on": entry.posting_on.isoformat(),
        "document_on": entry.document_on.isoformat(),
        "service_period": entry.service_period,
        "currency": entry.currency,
        "description": entry.description,
        "provider": entry.provider,
        "billing_account_id": entry.billing_account_id,
        "source_refs": list(entry.source_refs),
        "reverses": entry.reverses,
        "idempotency_key": entry.idempotency_key,
        "adjustment_kind": entry.adjustment_kind,
        "lines": [_line_json(line) for line in entry.lines],
    }


def entry_from_json(value: Mapping[str, Any]) -> JournalEntry:
    """Read `entry_json` back; further keys such as `document_no` are left alone.

    Raises:
        UnbalancedEntryError: what was stored is no proper entry any more.
    """
    return balanced(
        JournalEntry(
            journal_type=cast("JournalType", value["journal_type"]),
            posting_on=date.fromisoformat(value["posting_on"]),
            document_on=date.fromisoformat(value["document_on"]),
            service_period=value["service_period"],
            currency=value["currency"],
            description=value["description"],
            provider=value["provider"],
            billing_account_id=value["billing_account_id"],
            lines=tuple(_line_from_json(line) for line in value["lines"]),
            source_refs=tuple(value["source_refs"]),
            reverses=value["reverses"],
            idempotency_key=value["idempotency_key"],
            adjustment_kind=cast("AdjustmentKind", value["adjustment_kind"]),
            fiscal_period=value.get("fiscal_period"),
            exchange=exchange_from_json(value["exchange"]) if "exchange" in value else None,
        )
    )


def _mirrored(line: JournalLine) -> JournalLine:
    paper = None if line.transaction_minor is None else -line.transaction_minor
    return replace(
        line,
        debit_minor=line.credit_minor,
        credit_minor=line.debit_minor,
        transaction_minor=paper,
    )


def _line_json(line: JournalLine) -> dict[str, Any]:
    paper = line.transaction_minor
    return {
        **({} if paper is None else {"transaction_minor": paper}),
        "line_no": line.line_no,
        "account": line.account,
        "debit_minor": line.debit_minor,
        "credit_minor": line.credit_minor,
        "memo": line.memo,
        "dimensions": dict(line.dimensions),
        "source_line_ref": line.source_line_ref,
    }


def _line_from_json(line: Mapping[str, Any]) -> JournalLine:
    return JournalLine(
        line_no=line["line_no"],
        account=line["account"],
        debit_minor=line["debit_minor"],
        credit_minor=line["credit_minor"],
        memo=line["memo"],
        dimensions=dict(line["dimensions"]),
        source_line_ref=line["source_line_ref"],
        transaction_minor=line.get("transaction_minor"),
    )


def _problem(entry: JournalEntry) -> str | None:
    lines = entry.lines
    debit = sum(line.debit_minor for line in lines)
    credit = sum(line.credit_minor for line in lines)
    if debit != credit:
        return f"debits are {debit} and credits {credit} minor units of {entry.currency}"
    if problem := _paper_problem(entry):
        return problem
    if len(lines) < _SIDES:
        return f"it has {len(lines)} lines and needs two"
    if not all(_one_sided(line) for line in lines):
        return "a line has not exactly one of debit and credit above zero"
    if [line.line_no for line in lines] != list(range(1, len(lines) + 1)):
        return "its line numbers do not run from 1 without gaps"
    return None if entry.description else "it has no description"


def _paper_problem(entry: JournalEntry) -> str | None:
    amounts = [one for line in entry.lines if (one := line.transaction_minor) is not None]
    if entry.exchange is None:
        return "it has transaction amounts and no rate" if amounts else None
    left = sum(amounts)
    return f"its transaction amounts are off by {left} minor units" if left else None


def _one_sided(line: JournalLine) -> bool:
    return min(line.debit_minor, line.credit_minor) == 0 < max(line.debit_minor, line.credit_minor)
