"""What commitments and contract rates name and other policies lack; asked before one is proposed.

Owns the comparison with the register, the chart and the pools in force on the day; a policy that
has not been approved yet is not missed.
"""

from collections.abc import Iterator
from datetime import date

from tieout.allocation.parse import parse_pools
from tieout.ledger.billing_accounts import BillingAccount, parse_accounts
from tieout.ledger.chart import Chart, parse_chart
from tieout.ledger.commitments import MEMO_ROLES, SHORTFALL_ROLES
from tieout.reconciliation.commitments import Terms, parse_commitments
from tieout.reconciliation.contract_rates import parse_contract_rates
from tieout.store import policies
from tieout.store.session import Tx

_POOL_METHOD = "amortise"


def misfits(tx: Tx, kind: policies.PolicyKind, text: str, *, name: str, on: date) -> list[str]:
    """One sentence for each thing of a contract that is not there; empty when all fits."""
    register = policies.current(tx, "accounts", on)
    known = None
    if register is not None:
        accounts = parse_accounts(register.body, name=register.label)
        known = {one.subject: one for one in accounts}
    if kind == "contract_rates":
        rates = parse_contract_rates(text, name=name)
        subjects = [(one.rate_id, f"{one.provider}/{one.billing_account_id}") for one in rates]
        return [_no_account(*one) for one in subjects if known is not None and one[1] not in known]
    books = policies.current(tx, "chart", on)
    chart = parse_chart(books.body, name=books.label) if books else None
    return [
        problem
        for terms in parse_commitments(text, name=name)
        for problem in (
            *_account_misfits(terms, known),
            *_chart_misfits(terms, chart),
            *_pool_misfits(tx, terms, on),
        )
    ]


def _no_account(name: str, subject: str) -> str:
    return f"{name}: account {subject} is not in the register; register it first."


def _account_misfits(terms: Terms, known: dict[str, BillingAccount] | None) -> Iterator[str]:
    if known is None:
        return
    one, name = known.get(terms.account), terms.commitment.commitment_id
    if one is None:
        yield _no_account(name, terms.account)
    elif one.currency != terms.commitment.currency:
        yield (
            f"{name}: it is in {terms.commitment.currency}, account {terms.account} bills in "
            f"{one.currency}; expected the currency of the account."
        )


def _chart_misfits(terms: Terms, chart: Chart | None) -> Iterator[str]:
    if chart is None:
        return
    wanted = MEMO_ROLES if terms.waived else (*MEMO_ROLES, *SHORTFALL_ROLES)
    missing = [role for role in wanted if not chart.has(role)]
    if missing:
        yield (
            f"{terms.commitment.commitment_id}: the chart {chart.name} names no control account "
            f"for {', '.join(missing)}; add one for each first."
        )
    for role in wanted:
        code = chart.control.get(role)
        others = [other for other, found in chart.control.items() if found == code]
        if code is not None and others != [role]:
            yield (
                f"{terms.commitment.commitment_id}: account {code} serves {', '.join(others)}; "
                f"expected one of its own for {role}, or other balances would not tie."
            )


def _pool_misfits(tx: Tx, terms: Terms, on: date) -> Iterator[str]:
    found = policies.current(tx, "allocation", on)
    if terms.upfront_pool is None or found is None:
        return
    name, promise = terms.commitment.commitment_id, terms.commitment
    pools = {one.pool_id: one for one in parse_pools(found.body, name=found.label)}
    pool = pools.get(terms.upfront_pool)
    if pool is None or pool.method != _POOL_METHOD:
        yield (
            f"{name}: upfront_pool {terms.upfront_pool} is no pool of method {_POOL_METHOD}; add "
            "it to the allocation policy first."
        )
    elif pool.parameters.term and (
        (pool.parameters.term.start_on, pool.parameters.term.end_on)
        != (promise.start_on, promise.end_on)
    ):
        yield (
            f"{name}: pool {pool.pool_id} spreads its fee from {pool.parameters.term.start_on} to "
            f"before {pool.parameters.term.end_on}; expected the term of the commitment, "
            f"{promise.start_on} to before {promise.end_on}."
        )
