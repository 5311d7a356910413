"""Posted entries as Beancount text, so that a foreign program can add everything up again.

Owns names, directives and balance assertions of the file. Amounts are written as posted, in minor
units; nothing is computed but the balances that are asserted. Checked with bean-check 3.2.3.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tieout.core.money import format_units, from_minor, minor_digits
from tieout.core.period import Period
from tieout.ledger.chart import Account, AccountType, Chart
from tieout.ledger.entry import JournalEntry, JournalLine, entry_from_json
from tieout.ledger.trial_balance import daily_control_balances
from tieout.publish.erp_documents import FileLine, posting, prove, whole

NAME = "beancount"
FILE_SUFFIX = ".beancount"

_ROOTS: dict[AccountType, str] = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
# Without the first line bean-check lets half a cent pass; the plug-in refuses a repeated entry.
_HEADER = (
    'option "tolerance_multiplier" "0"',
    'plugin "beancount.plugins.noduplicates"',
)


def export(entries: Sequence[Mapping[str, Any]], chart: Chart, *, period: Period) -> str:
    """One Beancount file of posted entries (`entry_json` plus `document_no`), by date and number.

    Pass all entries of the books from the opening on: the control accounts' balances are asserted
    on the first day after the period and on the day after the last entry (Beancount's balance
    means the start of the day). Parsed back, each transaction has the lines and cents of its entry.

    It is read back and compared with the entries before it is given out.

    Raises:
        UnbalancedEntryError: a stored entry does not balance.
        ConservationError: the text, read back, is not the entries.
        RuleFileError: an entry uses an account that the chart does not have.
    """
    numbered = sorted(
        ((str(value["document_no"]), entry_from_json(value)) for value in entries),
        key=lambda pair: (pair[1].posting_on, pair[0]),
    )
    numbers = {entry.idempotency_key: number for number, entry in numbered}
    journal = [entry for _, entry in numbered]
    used = sorted({line.account for entry in journal for line in entry.lines})
    accounts = {code: _account_name(chart.account(code)) for code in used}
    blocks = [
        "\n".join([*_HEADER, f'option "operating_currency" "{chart.currency}"']),
        "\n".join(_opens(accounts, journal, chart=chart)),
    ]
    for number, entry in numbered:
        reversed_number = numbers.get(entry.reverses or "")
        head = _head(entry, number, reversed_number=reversed_number)
        blocks.append("\n".join([*head, *_postings(entry, accounts)]))
    blocks.append("\n".join(_balances(accounts, journal, chart=chart, period=period)))
    text = "\n\n".join(block for block in blocks if block) + "\n"
    documents = [whole(_flat(number), entry) for number, entry in numbered]
    prove(read_back(text), documents, account=accounts.__getitem__, erp=NAME)
    return text


def read_back(text: str) -> list[FileLine]:
    """The postings of such a file under their document number, accounts as it names them."""
    found = []
    day, number = date.min, ""
    for row in text.splitlines():
        if row[:1].isdecimal():
            day = date.fromisoformat(row[:10])
        elif row.startswith("  document_no: "):
            number = _unquoted(row.partition(": ")[2])
        elif row.startswith("  ") and row[2:3].isupper():
            account, _, amount = row.strip().partition("  ")
            shown, _, currency = amount.partition(" ")
            found.append(posting(number, day, account, amount=shown, currency=currency))
    return found


def _account_name(account: Account) -> str:
    words = "".join(
        character if character.isalpha() or character in "0123456789" else " "
        for character in f"{account.code} {account.name}"
    ).split()
    return f"{_ROOTS[account.type]}:{'-'.join(words)}"


def _opens(
    accounts: Mapping[str, str], journal: Sequence[JournalEntry], *, chart: Chart
) -> Iterator[str]:
    for account in accounts.values():
        opened_on = min(entry.posting_on for entry in journal)
        yield f"{opened_on.isoformat()} open {account} {chart.currency}"


def _head(entry: JournalEntry, number: str, *, reversed_number: str | None) -> list[str]:
    links = [number] if reversed_number is None else [number, reversed_number]
    shown = " ".join(f"^{_word(link)}" for link in links)
    payee = f"{entry.provider} {entry.billing_account_id}"
    titled = f"{entry.posting_on.isoformat()} * {_text(payee)} {_text(entry.description)}"
    return [
        f"{titled} #{entry.journal_type} {shown}",
        f"  document_no: {_text(number)}",
        f"  document_on: {entry.document_on.isoformat()}",
        f"  service_period: {_text(entry.service_period)}",
        f"  idempotency_key: {_text(entry.idempotency_key)}",
        f"  source_refs: {_text(' '.join(entry.source_refs))}",
    ]


def _postings(entry: JournalEntry, accounts: Mapping[str, str]) -> Iterator[str]:
    for line in entry.lines:
        amount = _amount(line.amount_minor, entry.currency)
        yield f"  {accounts[line.account]}  {amount}"
        yield from _metadata(line)


def _metadata(line: JournalLine) -> Iterator[str]:
    yield f"    memo: {_text(line.memo)}"
    for name, value in line.dimensions.items():
        if value is not None:
            yield f"    {name}: {_text(value)}"


def _balances(
    accounts: Mapping[str, str],
    journal: Sequence[JournalEntry],
    *,
    chart: Chart,
    period: Period,
) -> Iterator[str]:
    """Asserted at a day's start, so on the day after."""
    found = daily_control_balances(journal, accounts=accounts, chart=chart, period=period)
    for day, code, minor in found:
        after = day + timedelta(days=1)
        amount = _amount(minor, chart.currency)
        yield f"{after.isoformat()} balance {accounts[code]}  {amount}"


def _amount(minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{format_units(from_minor(minor, digits), digits)} {currency}"


def _word(text: str) -> str:
    return "".join(
        character if character.isascii() and (character.isalnum() or character in "-_./") else "-"
        for character in text
    )


def _text(value: str) -> str:
    escaped = _flat(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _flat(value: str) -> str:
    return " ".join(value.split())


def _unquoted(text: str) -> str:
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
