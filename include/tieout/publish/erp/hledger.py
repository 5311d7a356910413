"""Posted entries as an hledger journal, so that a second foreign program adds everything up.

Owns names, directives and balance assertions of the file. Amounts are written as posted, with six
decimals, so that hledger balances them exactly. Checked with hledger 1.25, `check -s` (strict).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from tieout.core.errors import DocumentUnreadableError
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.core.period import Period
from tieout.ledger.chart import Account, AccountType, Chart
from tieout.ledger.entry import JournalEntry, JournalLine, entry_from_json
from tieout.ledger.trial_balance import daily_control_balances
from tieout.publish.erp_documents import FileLine, posting, prove, whole

NAME = "hledger"
FILE_SUFFIX = ".journal"

_TYPES: dict[AccountType, str] = {
    "asset": "A",
    "liability": "L",
    "equity": "E",
    "income": "R",
    "expense": "X",
}
_ROOTS: dict[AccountType, str] = {
    "asset": "assets",
    "liability": "liabilities",
    "equity": "equity",
    "income": "income",
    "expense": "expenses",
}
_BALANCES = "tieout"
_DECIMALS = 6  # with two, hledger lets half a cent pass


def export(entries: Sequence[Mapping[str, Any]], chart: Chart, *, period: Period) -> str:
    """One journal of posted entries (`entry_json` plus `document_no`), by date and number.

    Pass all entries of the books from the opening on: the control accounts' balances are asserted
    on the last posting of the period and of the file. The text is read back and compared with the
    entries before it is given out.

    Raises:
        UnbalancedEntryError: a stored entry does not balance.
        ConservationError: the text, read back, is not the entries.
        RuleFileError: an entry uses an account that the chart does not have.
    """
    numbered = sorted(
        ((str(value["document_no"]), entry_from_json(value)) for value in entries),
        key=lambda pair: (pair[1].posting_on, pair[0]),
    )
    journal = [entry for _, entry in numbered]
    used = sorted({line.account for entry in journal for line in entry.lines})
    accounts = {code: _account_name(chart.account(code)) for code in used}
    dated = [
        (entry.posting_on, "\n".join(_transaction(number, entry, accounts)))
        for number, entry in numbered
    ]
    dated += _assertions(accounts, journal, chart=chart, period=period)
    dated.sort(key=lambda block: block[0])  # stable: balances come after the entries of their day
    heading = "\n".join(_directives(accounts, journal, chart=chart))
    text = "\n\n".join([heading, *(block for _, block in dated)]) + "\n"
    documents = [whole(number, entry) for number, entry in numbered]
    prove(read_back(text), documents, account=accounts.__getitem__, erp=NAME)
    return text


def read_back(text: str) -> list[FileLine]:
    """The postings of such a journal, accounts as it names them; assertions are none.

    Raises:
        DocumentUnreadableError: a posting has no account and amount.
    """
    found = []
    day, number = date.min, ""
    for row in text.splitlines():
        if row[:1].isdecimal():
            day, number = date.fromisoformat(row[:10]), row.partition("(")[2].partition(")")[0]
        elif number and row.startswith("    ") and not row.lstrip().startswith(";"):
            found.append(_posting(row, day, number))
    return found


def _posting(row: str, day: date, number: str) -> FileLine:
    account, _, amount = row.strip().rpartition("  ")
    shown, _, currency = amount.partition(" ")
    if not account or not currency:
        raise DocumentUnreadableError(
            f"A posting of {number} is {row.strip()[:60]!r}; expected account, amount and currency."
        )
    return posting(number, day, account.strip(), amount=shown, currency=currency)


def _account_name(account: Account) -> str:
    words = "".join(
        character if character.isalnum() else " " for character in f"{account.code} {account.name}"
    ).split()
    return f"{_ROOTS[account.type]}:{'-'.join(words)}"


def _directives(
    accounts: Mapping[str, str], journal: Sequence[JournalEntry], *, chart: Chart
) -> Iterator[str]:
    for currency in sorted({chart.currency, *(entry.currency for entry in journal)}):
        yield f"commodity 1000.{'0' * _DECIMALS} {currency}"
    for payee in sorted({_BALANCES, *(_payee(entry) for entry in journal)}):
        yield f"payee {payee}"
    for code, name in accounts.items():
        yield f"account {name}  ; type: {_TYPES[chart.account(code).type]}"


def _transaction(number: str, entry: JournalEntry, accounts: Mapping[str, str]) -> Iterator[str]:
    description = _words(entry.description)
    yield f"{entry.posting_on.isoformat()} * ({number}) {_payee(entry)} | {description}"
    yield f"    ; journal_type: {entry.journal_type}"
    yield f"    ; document_on: {entry.document_on.isoformat()}"
    yield f"    ; service_period: {entry.service_period}"
    yield f"    ; idempotency_key: {entry.idempotency_key}"
    for line in entry.lines:
        amount = _amount(line.amount_minor, entry.currency)
        yield f"    {accounts[line.account]}  {amount}"
        yield from _comments(line)


def _comments(line: JournalLine) -> Iterator[str]:
    if line.memo:
        yield f"        ; memo: {_words(line.memo)}"
    for name, value in line.dimensions.items():
        if value is not None:
            yield f"        ; {name}: {_words(value)}"


def _assertions(
    accounts: Mapping[str, str],
    journal: Sequence[JournalEntry],
    *,
    chart: Chart,
    period: Period,
) -> Iterator[tuple[date, str]]:
    """Balances of a day's end as transactions without an effect."""
    found = daily_control_balances(journal, accounts=accounts, chart=chart, period=period)
    for day, of_day in groupby(found, key=itemgetter(0)):
        rows = [f"{day.isoformat()} * {_BALANCES} | balances"]
        for _, code, minor in of_day:
            shown = _amount(minor, chart.currency)
            rows.append(f"    {accounts[code]}  {_amount(0, chart.currency)} == {shown}")
        yield day, "\n".join(rows)


def _amount(minor: int, currency: str) -> str:
    units = from_minor(minor, minor_digits(currency))
    return f"{format_units(units, _DECIMALS)} {currency}"


def _payee(entry: JournalEntry) -> str:
    return _words(f"{entry.provider} {entry.billing_account_id}")


def _words(text: str) -> str:
    """One line without the marks that end a field: `;` begins a comment, `|` ends the payee."""
    return " ".join(text.replace(";", ",").replace("|", "/").split())
