"""Whether legal entities fit chart and register of accounts. Owns the refusal, no rule."""

from datetime import date

from tieout.core.errors import RuleFileError
from tieout.ledger.billing_accounts import parse_accounts
from tieout.ledger.chart import parse_chart
from tieout.ledger.entities import Entities, parse_entities
from tieout.store import policies
from tieout.store.session import Tx


def refuse_unfit_entities(
    tx: Tx, kind: policies.PolicyKind, text: str, *, name: str, valid_from: date
) -> None:
    """Refuse a text of kind `entities` or `accounts` that does not fit what is approved.

    Raises:
        RuleFileError: an entity is unknown, gone, of other accounts than the chart's, or begins
            inside a month.
    """
    current = policies.current(tx, "entities", valid_from)
    group = parse_entities(current.body, name=current.label) if current else None
    if kind == "accounts":
        _refuse_strangers(text, group, name=name)
        return
    if valid_from.day != 1:
        raise RuleFileError(
            f"{name}: in force from {valid_from}, inside a month, and entities bear the cost of "
            "whole months; choose the first of a month."
        )
    new = parse_entities(text, name=name)
    for problem in (*_gone(new, group), *_misfits(tx, new, valid_from)):
        raise RuleFileError(f"{name}: {problem}.")
    register = policies.current(tx, "accounts", valid_from)
    if register is not None:
        _refuse_strangers(register.body, new, name=register.label)


def _gone(new: Entities, group: Entities | None) -> list[str]:
    """Entities that may have entries in the journal stay."""
    gone = [one for one in (group.ids if group else ()) if one not in new.ids]
    return [f"entity {one} is gone, and its books stay in the journal; keep it" for one in gone]


def _misfits(tx: Tx, new: Entities, on: date) -> list[str]:
    found = policies.current(tx, "chart", on)
    if found is None:
        return []
    books = parse_chart(found.body, name=found.label)
    types = {account.code: account.type for account in books.accounts}
    return new.misfits(types, currency=books.currency)


def _refuse_strangers(text: str, group: Entities | None, *, name: str) -> None:
    """The register may only bill entities that there are."""
    known = group.ids if group else ()
    for account in parse_accounts(text, name=name):
        if account.entity and account.entity not in known:
            raise RuleFileError(
                f"{name}: account {account.subject} bills entity {account.entity[:60]!r}, expected "
                f"one of the entities policy ({', '.join(known) or 'none is approved'}); have the "
                "entity approved first."
            )
