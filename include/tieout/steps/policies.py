"""Policies: rules, registers, pools and accounts are proposed as text and approved by a person.

Owns the check that a text says something valid before it is stored; approval is `sign`'s.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from tieout import log as logs
from tieout.allocation.drivers import parse_drivers
from tieout.allocation.parse import parse_pools
from tieout.close.limits import parse_limits
from tieout.close.plan import parse_plan
from tieout.core.errors import RuleFileError
from tieout.ledger.billing_accounts import parse_accounts
from tieout.ledger.chart import parse_chart
from tieout.ledger.entities import parse_entities
from tieout.ledger.fx_rates import parse_rates
from tieout.ledger.sides import misfits as postings_unfit
from tieout.publish.erp.base import load_import
from tieout.publish.erp_layout import sheet_of
from tieout.publish.erp_target import parse_target
from tieout.rating.card import parse_card
from tieout.reconciliation.commitments import parse_commitments
from tieout.reconciliation.contract_rates import parse_contract_rates
from tieout.rules.check import check_lookups, check_outcomes
from tieout.rules.lookup import LookupTable, parse_lookup
from tieout.rules.parse import parse_rules
from tieout.rules.register import parse_initiatives
from tieout.rules.rule_tests import run_tests
from tieout.rules.tag_map import parse_owners, parse_tag_map
from tieout.steps.context import Context, StepResult
from tieout.steps.contracts import misfits
from tieout.steps.entity_fit import refuse_unfit_entities
from tieout.steps.pools import pool_misfits, table_misfits
from tieout.store import audit, policies
from tieout.store.session import Tx

PARSERS: dict[policies.PolicyKind, Callable[..., object]] = {
    "accounts": parse_accounts,
    "allocation": parse_pools,
    "chart": parse_chart,
    "classification": parse_rules,
    "close": parse_plan,
    "commitments": parse_commitments,
    "contract_rates": parse_contract_rates,
    "drivers": parse_drivers,
    "entities": parse_entities,
    "fx_rates": parse_rates,
    "initiatives": parse_initiatives,
    "owners": parse_owners,
    "rate_card": parse_card,
    "tag_map": parse_tag_map,
    "tolerances": parse_limits,
}
log = logs.get("policies")


_NAMED_IN: Mapping[str, str] = {
    "allocation": "pools",
    "drivers": "lines",
    "commitments": "contracts",
    "contract_rates": "contracts",
}


def propose(
    context: Context,
    *,
    kind: str,
    text: str,
    name: str,
    valid_from: date,
    person: str,
    why: str = "",
) -> StepResult:
    """Store a new draft version of a policy; the same text again changes nothing.

    `why` is the person's reason, for the log.

    Raises:
        UsageError: there is no such kind of policy.
        RuleFileError: the text breaks its language; names file, line and what to do.
    """
    known = policies.parse_kind(kind)
    _parse(known, text, name=name)
    with context.store.transaction(actor=person) as tx:
        _refuse_misfits(tx, known, text, name=name, valid_from=valid_from)
        before = policies.versions(tx, known)
        made = policies.propose(tx, known, text, valid_from=valid_from)
        is_new = made.version not in {one.version for one in before}
        if is_new:
            facts = {"sha256": made.sha256, "kind": kind}
            audit.record(tx, "policy_proposed", made.label, facts, why=why)
    log.info("policy_proposed", kind=kind, version=made.version, new=is_new)
    return StepResult(
        step="policies",
        subject=made.label,
        status="done" if is_new else "unchanged",
        summary={"version": made.version, "approved_by": made.approved_by},
    )


def check(
    context: Context, *, kind: str, text: str, name: str, valid_from: date
) -> tuple[str, ...]:
    """What would keep a text from being proposed, one sentence each; empty when nothing does.

    The file's own tests run as well. Nothing is stored.

    Raises:
        UsageError: there is no such kind of policy.
    """
    known = policies.parse_kind(kind)
    try:
        _parse(known, text, name=name)
        with context.store.transaction() as tx:
            return tuple(_misfits(tx, known, text, name=name, valid_from=valid_from))
    except RuleFileError as error:
        return (str(error),)


def _parse(kind: policies.PolicyKind, text: str, *, name: str) -> None:
    if kind.startswith(policies.ERP_PREFIX):
        target = parse_target(text, name=name)
        sheet_of(load_import(target.erp).LAYOUT, target)
    else:
        PARSERS.get(kind, parse_lookup)(text, name=name)


def _refuse_misfits(
    tx: Tx, kind: policies.PolicyKind, text: str, *, name: str, valid_from: date
) -> None:
    """Rules and pools may only name what is registered, as far as that is known."""
    found = _misfits(tx, kind, text, name=name, valid_from=valid_from)
    if found:
        what = _NAMED_IN.get(kind, "rules")
        raise RuleFileError(f"{name}: {len(found)} {what} do not fit, first: {found[0]}")


def _misfits(
    tx: Tx, kind: policies.PolicyKind, text: str, *, name: str, valid_from: date
) -> Sequence[str]:
    """What a text names and nobody registered, one sentence each."""
    if kind in ("allocation", "drivers"):
        return _unfit_shares(tx, kind, text, name=name, valid_from=valid_from)
    if kind in ("accounts", "entities"):
        refuse_unfit_entities(tx, kind, text, name=name, valid_from=valid_from)
    if kind in ("commitments", "contract_rates"):
        return misfits(tx, kind, text, name=name, on=valid_from)
    register = policies.current(tx, "initiatives", valid_from)
    if register is None:
        return ()
    known = {
        one.initiative_id: one for one in parse_initiatives(register.body, name=register.label)
    }
    pools = policies.current(tx, "allocation", valid_from)
    if kind == "classification" and pools is not None:
        ids = [one.pool_id for one in parse_pools(pools.body, name=pools.label)]
        rules, tables = parse_rules(text, name=name), _lookups(tx, valid_from)
        found = check_outcomes(rules, known, ids, lookups=tables)
        return found or run_tests(rules, initiatives=known, lookups=tables)
    if kind.startswith(policies.LOOKUP_PREFIX):
        return _broken_rules(tx, kind, parse_lookup(text, name=name), valid_from)
    return ()


def _unfit_shares(
    tx: Tx, kind: policies.PolicyKind, text: str, *, name: str, valid_from: date
) -> Sequence[str]:
    """Pools and driver tables hold for whole months and may only name what is there.

    Raises:
        RuleFileError: in force from a day inside a month.
    """
    if valid_from.day != 1:
        raise RuleFileError(
            f"{name}: in force from {valid_from}, inside a month, and pools are shared once a "
            "month; choose the first of a month (a driver table has days of its own)."
        )
    register = policies.current(tx, "initiatives", valid_from)
    known = None
    if register is not None:
        registered = parse_initiatives(register.body, name=register.label)
        known = [one.initiative_id for one in registered]
    if kind == "drivers":
        pools = policies.current(tx, "allocation", valid_from)
        return table_misfits(
            parse_drivers(text, name=name),
            initiatives=known,
            pools=parse_pools(pools.body, name=pools.label) if pools else (),
        )
    own = parse_pools(text, name=name)
    books = policies.current(tx, "chart", valid_from)
    unfit = postings_unfit(own, parse_chart(books.body, name=books.label)) if books else []
    if known is None:
        return unfit
    table = policies.current(tx, "drivers", valid_from)
    return [*unfit, *pool_misfits(own, initiatives=known, table=table)]


def _lookups(tx: Tx, on: date) -> dict[str, LookupTable]:
    """The approved look-up tables by name."""
    found = {
        kind: policies.current(tx, kind, on) for kind in policies.named(tx, policies.LOOKUP_PREFIX)
    }
    return {
        kind.removeprefix(policies.LOOKUP_PREFIX): parse_lookup(one.body, name=one.label)
        for kind, one in found.items()
        if one is not None
    }


def _broken_rules(
    tx: Tx, kind: policies.PolicyKind, table: LookupTable, on: date
) -> tuple[str, ...]:
    """What the approved rules take from a table and would not find in its new version."""
    rules = policies.current(tx, "classification", on)
    if rules is None:
        return ()
    tables = {**_lookups(tx, on), kind.removeprefix(policies.LOOKUP_PREFIX): table}
    return check_lookups(parse_rules(rules.body, name=rules.label), tables)
