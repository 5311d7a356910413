"""Accounts that bill in another currency than the books: their rates, charts, lines and entries.

Owns where the rates come from (the `fx_rates` policy in force, the terms of the `close` policy) and
which accounts are refused because they cannot be translated rightly yet; the arithmetic is
`ledger.foreign`'s. A month that is all in the books' currency never gets here.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from tieout.close.plan import parse_plan
from tieout.core.errors import NotReadyError
from tieout.core.finding import Finding
from tieout.core.period import Period, parse_period
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import BillingAccount
from tieout.ledger.building import AccountMonth
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, entry_from_json
from tieout.ledger.exchange import DEFAULT_TERMS, AccountRates, ExchangeTerms, month_rate
from tieout.ledger.foreign import own_chart, valued
from tieout.ledger.foreign_lines import AccountKey
from tieout.ledger.fx_rates import Rate, parse_rates
from tieout.ledger.posting import Posting
from tieout.ledger.remeasure import currencies, remeasurements
from tieout.reconciliation.variance import Exchange
from tieout.steps.inputs import accounts, chart, currency, optional_policy, policy
from tieout.store import journal, periods, policies
from tieout.store.session import Tx

KIND: policies.PolicyKind = "fx_rates"
_ROLE = "exchange_difference"


def foreign_accounts(tx: Tx, month: Period) -> tuple[BillingAccount, ...]:
    """The accounts of a month in another currency than the books, each of them translatable.

    Raises:
        NotReadyError: one cannot be translated yet, or the chart or the rates are not there for it.
    """
    books = chart(tx, month)
    found = tuple(one for one in accounts(tx, month) if one.currency != books.currency)
    for account in found:
        _refuse_unfit(account, books)
    return found


def cost_rates(tx: Tx, month: Period) -> dict[AccountKey, Rate]:
    """The rate of the month's cost for each account in a foreign currency; empty without any.

    Raises:
        NotReadyError: as `foreign_accounts`; there are no rates, or none for the month.
    """
    books = chart(tx, month).currency
    return {
        (one.provider, one.billing_account_id): cost_rate(tx, month, (one.currency, books))
        for one in foreign_accounts(tx, month)
    }


def cost_rate(tx: Tx, month: Period, pair: tuple[str, str]) -> Rate:
    """The rate of a month's cost, as finance has decided.

    Raises:
        NotReadyError: there is none.
    """
    agreed = terms(tx, month)
    rates = _rates(tx, month)
    return month_rate(rates, pair, month, rate_type=agreed.cost_rate, terms=agreed)


def closing_rate(tx: Tx, month: Period, pair: tuple[str, str]) -> Rate:
    """The rate of a month's last day.

    Raises:
        NotReadyError: there is none.
    """
    return month_rate(_rates(tx, month), pair, month, rate_type="closing", terms=terms(tx, month))


def missing_rates(tx: Tx, month: Period) -> tuple[Finding, ...]:
    """A blocking finding for each account whose month has no rate for its cost, or none at its end.

    Nothing is translated without: the steps stop until the rate is approved.
    """
    if (
        optional_policy(tx, "chart", month) is None
        or optional_policy(tx, "accounts", month) is None
    ):
        return ()
    books = currency(tx, month)
    return tuple(
        Finding(
            kind="missing_rate",
            severity="blocking",
            subject=account.subject,
            message=sentence,
            amount_units=0,
            currency=account.currency,
        )
        for account in accounts(tx, month)
        if account.currency != books
        for sentence in dict.fromkeys(_missing(tx, month, (account.currency, books)))
    )


def _missing(tx: Tx, month: Period, pair: tuple[str, str]) -> Iterator[str]:
    for wanted in (cost_rate, closing_rate):
        try:
            wanted(tx, month, pair)
        except NotReadyError as error:
            yield str(error)


def account_rates(
    tx: Tx, service: Period, booked_in: Period, pair: tuple[str, str]
) -> AccountRates:
    """The rates of a service month whose papers are booked in that month or the next.

    The month's own come from the version that it stands on, those of papers from the newest.

    Raises:
        NotReadyError: there is none for the service month.
    """
    newest = policies.current(tx, KIND, booked_in.next().last_on)
    return AccountRates(
        cost=cost_rate(tx, service, pair),
        published=parse_rates(newest.body, name=newest.label) if newest else (),
        terms=terms(tx, service),
    )


def exchange_of(
    tx: Tx, account: BillingAccount, month: Period, papers: Sequence[BillingDocument]
) -> Exchange | None:
    """The rates of the month's cost and of its papers, all of them together; None at home.

    Raises:
        NotReadyError: a rate is missing.
    """
    pair = (account.currency, chart(tx, month).currency)
    if pair[0] == pair[1]:
        return None
    rates = account_rates(tx, month, month, pair)
    accrued = Fraction(rates.cost.rate)
    own = [one for one in papers if one.currency == account.currency]
    billed = sum(one.total_units for one in own)
    worth = (one.total_units * Fraction(rates.spot(one.issued_on).rate) for one in own)
    return Exchange(
        transaction_currency=pair[0],
        functional_currency=pair[1],
        accrual_rate=accrued,
        invoice_rate=sum(worth, Fraction(0)) / billed if billed else accrued,
    )


def terms(tx: Tx, month: Period) -> ExchangeTerms:
    """What finance decided about rates, or what holds without a decision."""
    known = optional_policy(tx, "close", month)
    return parse_plan(known.body, name=known.label).exchange if known else DEFAULT_TERMS


def chart_of(tx: Tx, month: AccountMonth, books: Chart) -> Chart:
    """The chart as the account is posted by, in its own currency.

    An account that has left the register is in the books'.
    """
    own = [
        one.currency
        for one in accounts(tx, month.period)
        if (one.provider, one.billing_account_id) == (month.provider, month.billing_account_id)
    ]
    return own_chart(books, own[0] if own else books.currency)


def refuse_fee(tx: Tx, month: AccountMonth, books: Chart) -> None:
    """An upfront fee stays at the rate of its payment, which nothing here keeps.

    Raises:
        NotReadyError: the fee is of an account in a foreign currency.
    """
    own = chart_of(tx, month, books).currency
    if own != books.currency:
        raise NotReadyError(
            f"Account {month.provider}/{month.billing_account_id} bills an upfront fee in {own}: "
            f"expected {books.currency}, because a fee in a foreign currency is not kept at the "
            "rate of its payment yet; book the fee by hand and leave its account out."
        )


def in_books(tx: Tx, month: Period, books: Chart, made: Sequence[Posting]) -> list[Posting]:
    """The postings, each entry in the currency of the books; what is in it already is itself.

    Raises:
        NotReadyError: a rate is missing.
    """
    if not any(one.entry and one.entry.currency != books.currency for one in made):
        return list(made)
    known = [entry_from_json(value) for value in journal.entries(tx)]
    found = []
    for one in made:
        entry = one.entry and _valued(tx, month, books, one.entry, known)
        known += [entry] if entry else []
        found.append(Posting(entry=entry, findings=one.findings))
    return found


def remeasured(tx: Tx, month: Period, books: Chart, made: Sequence[Posting]) -> list[Posting]:
    """The month's open foreign items at its closing rate, and back; nothing in a closed month.

    Raises:
        NotReadyError: a closing rate is missing.
    """
    if periods.state(tx, str(month)) == "closed":
        return []
    posted = [entry_from_json(value) for value in journal.entries(tx)]
    posted += [one.entry for one in made if one.entry]
    rates = {
        one: closing_rate(tx, month, (one, books.currency))
        for one in sorted(currencies(posted, chart=books, period=month))
    }
    entries = remeasurements(posted, chart=books, period=month, rates=rates)
    return [Posting(entry=one, findings=()) for one in entries]


def _valued(
    tx: Tx, month: Period, books: Chart, entry: JournalEntry, known: Sequence[JournalEntry]
) -> JournalEntry:
    if entry.currency == books.currency:
        return entry
    pair = (entry.currency, books.currency)
    rates = account_rates(tx, parse_period(entry.service_period), month, pair)
    return valued(entry, known=known, rates=rates, chart=books)


def _rates(tx: Tx, month: Period) -> tuple[Rate, ...]:
    found = policy(tx, KIND, month)
    return parse_rates(found.body, name=found.label)


def _refuse_unfit(account: BillingAccount, books: Chart) -> None:
    because = None
    if account.mode != "arrears":
        because = f"mode {account.mode} stays at the rates of its payments, which are not kept yet"
    elif account.relief != "auto_reverse":
        because = "an accrual that is cleared on match is not translated yet"
    elif _ROLE not in books.control:
        because = f"chart {books.name} has no control account for the role {_ROLE}"
    if because:
        raise NotReadyError(
            f"Account {account.subject} bills in {account.currency}: expected {books.currency}, "
            f"the currency of the chart of accounts, because {because}; keep it out of this "
            "register, or change what stands in the way."
        )
