"""A month by legal entity: trial balances, what they owe each other, one entity's statement.

Owns the view only; whose a line is, `ledger.intercompany` says.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from tieout.core.errors import NotReadyError
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.core.period import Period
from tieout.focus.ledger_columns import unallocated_units
from tieout.ledger.chart import Chart
from tieout.ledger.entities import Entities, Entity
from tieout.ledger.entry import JournalEntry
from tieout.ledger.intercompany import PairBalance, books_of, pairs
from tieout.ledger.trial_balance import trial_balance
from tieout.reports.tieout_statement import StatementInputs


def entities_of(chart: Chart) -> Entities:
    """The entities of a chart.

    Raises:
        NotReadyError: the books are those of one.
    """
    if chart.entities is None:
        raise NotReadyError(
            "The books are those of one legal entity: expected an approved entities policy with "
            "two or more; leave the entity out, or have one approved."
        )
    return chart.entities


def entity_books(
    entries: Sequence[JournalEntry], *, chart: Chart, period: Period
) -> dict[str, Any]:
    """Trial balances at the end of a period by entity, and all pairs, money as text.

    Each trial balance sums to zero; `eliminated` is what consolidation takes out, `left` what it
    would leave and is zero.

    Raises:
        NotReadyError: the books are those of one entity.
        UnbalancedEntryError: the lines of an entity do not balance.
    """
    group, digits = entities_of(chart), minor_digits(chart.currency)
    known = [entry for entry in entries if entry.posting_on <= period.last_on]
    owed = pairs(known)
    return {
        "period": str(period),
        "currency": chart.currency,
        "entities": [_books(one, known, group=group, chart=chart) for one in group.members],
        "pairs": [_pair_json(one, digits) for one in owed],
        "eliminated": _text(sum(abs(one.first_minor) for one in owed), digits),
        "left": _text(sum(one.left_minor for one in owed), digits),
    }


def of_entity(inputs: StatementInputs, entity_id: str) -> StatementInputs:
    """What one entity's statement is made of.

    The accounts that it is billed for, the ledger lines that it bears and its lines of the journal:
    where it bears cost of accounts that another is billed for, its rows are fewer than its cost.

    Raises:
        NotReadyError: the books are those of one entity.
        UnknownSubjectError: there is no such entity.
    """
    group = entities_of(inputs.chart)
    own = tuple(books_of(inputs.entries, entity_id, entities=group))
    bears = [group.bearer(row) == entity_id for row in inputs.ledger.to_pylist()]
    ledger = inputs.ledger.filter(pa.array(bears, pa.bool_()))
    return replace(
        inputs,
        entries=own,
        ledger=ledger,
        unallocated_units=unallocated_units(ledger),
        bridges=tuple(
            one
            for one in inputs.bridges
            if group.payer(one.provider, one.billing_account_id) == entity_id
        ),
    )


def _books(
    one: Entity, entries: Sequence[JournalEntry], *, group: Entities, chart: Chart
) -> dict[str, Any]:
    digits = minor_digits(chart.currency)
    own = books_of(entries, one.entity_id, entities=group)
    return {
        "entity": one.entity_id,
        "name": one.name,
        "trial_balance": [
            {
                "account": row["account"],
                "name": chart.account(row["account"]).name,
                "debit": _text(row["debit_minor"], digits),
                "credit": _text(row["credit_minor"], digits),
                "balance": _text(row["balance_minor"], digits),
            }
            for row in trial_balance(own).to_pylist()
        ],
    }


def _pair_json(pair: PairBalance, digits: int) -> dict[str, str]:
    return {
        "first": pair.first,
        "second": pair.second,
        "first_is_owed": _text(pair.first_minor, digits),
        "second_is_owed": _text(pair.second_minor, digits),
        "left": _text(pair.left_minor, digits),
    }


def _text(minor: int, digits: int) -> str:
    return format_units(from_minor(minor, digits), digits)
