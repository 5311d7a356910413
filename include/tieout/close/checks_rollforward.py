"""Checks of balances that roll forward: accrued liabilities, prepaid credit through the month."""

from collections.abc import Iterable, Iterator, Sequence

from tieout.close.evidence import AccountEvidence, CloseInputs
from tieout.close.limits import Limits
from tieout.core.finding import Finding
from tieout.core.money import SCALE, format_units, from_minor, minor_digits, to_minor
from tieout.core.period import Period
from tieout.ledger.accrued import accrued, movements
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry
from tieout.ledger.fx import translate
from tieout.ledger.prepaid_roll import PrepaidKind, PrepaidRoll, prepaid_rolls
from tieout.reconciliation.bridge import Bridge
from tieout.reconciliation.rollforward import Liability, rollforward, stale

# What the books post for each component of the credit roll-forward, in whole minor units.
_EXACT: tuple[PrepaidKind, ...] = ("purchase", "grant", "expiry")


def accrued_ties(inputs: CloseInputs) -> tuple[list[str], str]:
    """C14: the accrued liability, its control account and its open items close at one figure.

    The closing month is accrued at what its documents (without any: its lines) come to before tax,
    and an earlier month that was reversed and is not invoiced is accrued again.
    """
    found = accrued(
        inputs.entries,
        chart=inputs.chart,
        period=inputs.period,
        owed=owed(inputs.accounts, period=inputs.period, currency=inputs.currency),
    )
    closing = _shown(found.closing_minor, inputs)
    return (
        [finding.message for finding in found.findings],
        f"{closing} accrued, {len(found.rolls)} rolls of {len(found.ties)} accounts{_old(inputs)}",
    )


def stale_accruals(
    entries: Sequence[JournalEntry], *, chart: Chart, period: Period, limits: Limits
) -> tuple[Finding, ...]:
    """Accruals that have waited for their invoice as long as the tolerances allow, or longer."""
    if limits.stale_months is None:
        return ()
    rolls = rollforward(movements(entries, chart=chart), period=period)
    return stale(rolls, months=limits.stale_months)


def credit_ties(inputs: CloseInputs) -> tuple[list[str], str]:
    """C08, credit: each month of the books begins, moves and ends as the roll-forward does.

    Purchases, grants and expiries agree to the minor unit. Usage is posted in minor units once a
    month and the roll-forward runs exact, so both ends may be half a minor unit apart for each
    month that was posted, and for the statement itself; no further.
    """
    rolls = {
        roll.subject: roll
        for roll in prepaid_rolls(inputs.entries, chart=inputs.chart, period=inputs.period)
        if roll.what == "credit"
    }
    prepaid = [account for account in inputs.accounts if account.mode != "arrears"]
    problems = [
        problem for account in prepaid for problem in _credit(account, rolls, inputs=inputs)
    ]
    return problems, f"{len(prepaid)} prepaid or commitment accounts"


def owed(
    accounts: Iterable[AccountEvidence], *, period: Period, currency: str
) -> dict[Liability, int]:
    """What a month of each account in arrears comes to before tax, in minor units.

    The documents say it, without any the ledger lines.
    """
    return {
        Liability(
            provider=account.provider,
            billing_account_id=account.billing_account_id,
            currency=currency,
            service_period=period,
        ): _owed_minor(account, currency)
        for account in accounts
        if account.mode == "arrears"
    }


def _credit(
    account: AccountEvidence, rolls: dict[str, PrepaidRoll], *, inputs: CloseInputs
) -> Iterator[str]:
    bridge, roll = account.bridge("credit_rollforward"), rolls.get(account.subject)
    if bridge is None:
        yield f"{account.subject}: no credit roll-forward"
        return
    if roll is None:
        if bridge.start_units or bridge.lines:
            yield f"{account.subject}: the books have no prepaid credit"
        return
    before = roll.opening_minor + roll.movements["opening_balance"]
    for name, books, units in (
        ("opens", before, bridge.start_units),
        ("closes", roll.closing_minor, bridge.end_units),
    ):
        gap = from_minor(books, minor_digits(inputs.currency)) - units
        step: int = 10 ** (SCALE - minor_digits(inputs.currency))
        if 2 * abs(gap) > step * (roll.drawdowns + 1):
            yield (
                f"{account.subject}: {name} with {_shown(books, inputs)} in the books, "
                f"{format_units(units)} in the roll-forward"
            )
    for kind in _EXACT:
        wanted = _component_minor(bridge, kind)
        if roll.movements[kind] != wanted:
            yield (
                f"{account.subject}: {kind} of {_shown(roll.movements[kind], inputs)} in the "
                f"books, {_shown(wanted, inputs)} in the roll-forward"
            )


def _old(inputs: CloseInputs) -> str:
    """How much of it is stale, and how old the oldest is; empty where nobody has set a limit."""
    months = inputs.limits.stale_months
    if months is None:
        return ""
    rolls = rollforward(movements(inputs.entries, chart=inputs.chart), period=inputs.period)
    old = [one for one in rolls if one.closing_minor and one.age_months >= months]
    amount = _shown(sum(one.closing_minor for one in old), inputs)
    oldest = max((one.age_months for one in old), default=0)
    since = f", the oldest for {oldest}" if old else ""
    return f"; {amount} in {len(old)} of them for {months} months or longer{since}"


def _component_minor(bridge: Bridge, component: str) -> int:
    digits = minor_digits(bridge.currency)
    own = [line for line in bridge.lines if line.component == component]
    return sum(to_minor(line.amount_units, digits) for line in own)


def _owed_minor(account: AccountEvidence, currency: str) -> int:
    """In the currency of the books, what is foreign at the closing rate."""
    own = account.own
    if own is None:
        return to_minor(_net_units(account), minor_digits(currency))
    return translate(to_minor(_net_units(account), minor_digits(own.currency)), own.closing_rate)


def _net_units(account: AccountEvidence) -> int:
    if not account.documents:
        return account.own.net_units if account.own else account.ledger_lines_net_units
    return sum(one.total_units - one.tax_units for one in account.documents)


def _shown(amount_minor: int, inputs: CloseInputs) -> str:
    digits = minor_digits(inputs.currency)
    return f"{format_units(from_minor(amount_minor, digits), digits)} {inputs.currency}"
