"""Entries as documents of an import file, and the proof that a file read back says the same.

Owns numbers that fit, parts that balance, batches of a file, amounts and dates as text. Amounts are
minor units of the entry's currency; nothing is rounded.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from tieout.core.errors import ConservationError, RuleFileError, UnbalancedEntryError, UsageError
from tieout.core.money import minor_digits, parse_decimal
from tieout.ledger.entry import JournalEntry, JournalLine
from tieout.publish.erp_layout import Layout

DATE_STYLES = ("YYYY-MM-DD", "MM/DD/YYYY", "DD/MM/YYYY", "YYYY/MM/DD", "DD.MM.YYYY", "YYYYMMDD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One entry as it goes out, or one of its parts; `number` is ours as far as it fits."""

    number: str
    document_no: str
    part: int
    entry: JournalEntry
    lines: tuple[JournalLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One line as it was read back; `account` is the other ledger's code."""

    number: str
    part: int
    posting_on: date
    currency: str
    account: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """In which columns of a row a format says what."""

    number: str
    posting_on: str
    currency: str
    account: str
    debit: str
    credit: str


def documents_of(
    entries: Sequence[tuple[str, JournalEntry]], layout: Layout
) -> tuple[Document, ...]:
    """Each entry as one document, or as balanced parts where the ledger takes no longer one.

    Raises:
        UsageError: a number does not fit, two numbers become one, or the currency has more
            decimals than the ledger takes.
    """
    found = []
    for document_no, entry in entries:
        digits = minor_digits(entry.currency)
        if digits > layout.most_decimals:
            raise UsageError(
                f"{layout.title} takes {layout.most_decimals} decimals; entry {document_no} is in "
                f"{entry.currency}, which has {digits}: post it by hand."
            )
        number = number_within(document_no, layout.number_length)
        parts = balanced_parts(entry.lines, layout.most_document_lines or len(entry.lines))
        found += [
            Document(number=number, document_no=document_no, part=at, entry=entry, lines=lines)
            for at, lines in enumerate(parts, start=1)
        ]
    _refuse_equal_numbers(found)
    return tuple(found)


def _refuse_equal_numbers(documents: Iterable[Document]) -> None:
    seen: dict[str, str] = {}
    for one in documents:
        if seen.setdefault(one.number, one.document_no) != one.document_no:
            raise UsageError(
                f"Entries {seen[one.number]} and {one.document_no} would both be {one.number} in "
                "the other ledger, which would join them: export them apart."
            )


def number_within(document_no: str, most: int) -> str:
    """The document number, or `2026-crno-000001` where only so many characters fit.

    Raises:
        UsageError: not even the short form fits.
    """
    if len(document_no) <= most:
        return document_no
    year, _, rest = document_no.partition("-")
    kind, _, number = rest.rpartition("-")
    first, _, second = kind.partition("_")
    short = f"{year}-{first[:2] + second[:2] if second else first[:4]}-{number}"
    if len(short) > most:
        raise UsageError(
            f"Document number {document_no} has {len(document_no)} characters and {most} fit; "
            "expected a number such as 2026-accrual-000001."
        )
    return short


def balanced_parts(
    lines: tuple[JournalLine, ...], most: int
) -> tuple[tuple[JournalLine, ...], ...]:
    """At most `most` lines (three or more) in each part, every part balanced.

    The largest line of the entry is divided: each part gets as much of it as its other lines need.
    Added up, account by account, the parts are the entry.
    """
    if len(lines) <= most:
        return (lines,)
    pivot = max(lines, key=lambda line: (abs(line.amount_minor), -line.line_no))
    others = [line for line in lines if line is not pivot]
    chunks = [others[at : at + most - 1] for at in range(0, len(others), most - 1)]
    return tuple((*chunk, *_share(pivot, chunk)) for chunk in chunks)


def _share(pivot: JournalLine, chunk: Iterable[JournalLine]) -> Iterator[JournalLine]:
    amount = -sum(line.amount_minor for line in chunk)
    if amount:
        yield replace(pivot, debit_minor=max(amount, 0), credit_minor=max(-amount, 0))


def batches(documents: Sequence[Document], layout: Layout, most: str) -> list[list[Document]]:
    """The documents of each file, in order; `most` is the tenant's own limit of lines, or empty.

    Raises:
        UsageError: one entry alone has more lines than a file takes.
        RuleFileError: `most` is no number.
    """
    limit = _limit(layout, most)
    found: list[list[Document]] = []
    room = 0
    for _, parts in _together(documents):
        size = sum(len(one.lines) for one in parts)
        if limit is not None and size > limit:
            raise UsageError(
                f"{layout.title} takes {limit} lines in a file; entry {parts[0].document_no} has "
                f"{size}: post it with fewer dimensions."
            )
        if not found or (limit is not None and size > room):
            found.append([])
            room = limit or 0
        found[-1] += parts
        room -= size
    return found


def _limit(layout: Layout, most: str) -> int | None:
    if not most:
        return layout.most_lines
    if not most.isdecimal() or int(most) == 0:
        raise RuleFileError(
            f"The setting max_lines is {most[:20]!r}; expected a whole number of lines above zero."
        )
    return min(int(most), layout.most_lines or int(most))


def _together(documents: Sequence[Document]) -> Iterator[tuple[str, list[Document]]]:
    by_number: dict[str, list[Document]] = {}
    for document in documents:
        by_number.setdefault(document.document_no, []).append(document)
    yield from by_number.items()


def sides(line: JournalLine, currency: str) -> tuple[Decimal | None, Decimal | None]:
    """Debit and credit in the major unit; the side that is zero stays blank."""
    return major(line.debit_minor, currency), major(line.credit_minor, currency)


def major(minor: int, currency: str) -> Decimal | None:
    """A posted amount with all decimals of its currency, None for zero."""
    return Decimal(minor).scaleb(-minor_digits(currency)) if minor else None


def minor_of(text: str, currency: str) -> int:
    """The amount of a cell in minor units; an empty cell is zero.

    Raises:
        UnbalancedEntryError: the cell has more decimals than the currency.
    """
    value = parse_decimal(text or 0).scaleb(minor_digits(currency))
    if value != value.to_integral_value():
        raise UnbalancedEntryError(
            f"The file has the amount {text[:40]} {currency}; expected whole minor units: write "
            "the file again."
        )
    return int(value)


def fiscal_parts(entry: JournalEntry) -> tuple[str, str]:
    """Fiscal year and number of the period, such as `2027` and `01`; else of the posting date."""
    year, _, number = (entry.fiscal_period or entry.posting_on.isoformat()[:7]).partition("-")
    return year, number


def dated(day: date, style: str) -> str:
    """The day in one of `DATE_STYLES`.

    Raises:
        RuleFileError: the style is none of them.
    """
    if style not in DATE_STYLES:
        raise RuleFileError(
            f"The date format is {style[:20]!r}; expected one of {', '.join(DATE_STYLES)}."
        )
    year, month, number = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    return style.replace("YYYY", year).replace("MM", month).replace("DD", number)


def day_from(text: str, style: str) -> date:
    """The day of a cell that `dated` wrote."""
    year, month, number = (
        int(text[style.index(mark) :][: len(mark)]) for mark in ("YYYY", "MM", "DD")
    )
    return date(year, month, number)


def line_from(values: Mapping[str, str], places: Places, *, style: str, part: int = 1) -> FileLine:
    """The journal line of a row that has a column for each side."""
    currency = values[places.currency]
    return FileLine(
        number=values[places.number],
        part=part,
        posting_on=day_from(values[places.posting_on], style),
        currency=currency,
        account=values[places.account],
        debit_minor=minor_of(values[places.debit], currency),
        credit_minor=minor_of(values[places.credit], currency),
    )


def posting(number: str, posting_on: date, account: str, *, amount: str, currency: str) -> FileLine:
    """The journal line of a row with one signed amount: a debit when positive."""
    minor = minor_of(amount, currency)
    return FileLine(
        number=number,
        part=1,
        posting_on=posting_on,
        currency=currency,
        account=account,
        debit_minor=max(minor, 0),
        credit_minor=max(-minor, 0),
    )


def whole(document_no: str, entry: JournalEntry) -> Document:
    """The entry as one document under its own number."""
    return Document(
        number=document_no, document_no=document_no, part=1, entry=entry, lines=entry.lines
    )


def prove(
    found: Sequence[FileLine],
    documents: Iterable[Document],
    *,
    account: Callable[[str], str],
    erp: str,
) -> None:
    """Refuse a file that, read back, is not these documents, each balanced to the minor unit.

    `account` gives the other ledger's code of our account.

    Raises:
        UnbalancedEntryError: a document of the file does not balance.
        ConservationError: a line or a document is missing, doubled or changed.
    """
    balances: Counter[tuple[str, int]] = Counter()
    for line in found:
        balances[line.number, line.part] += line.debit_minor - line.credit_minor
    for (number, part), balance in balances.items():
        if balance:
            raise UnbalancedEntryError(
                f"Document {number}, part {part}, is out of balance by {balance} minor units in "
                f"the {erp} file: nothing was given out; tell the maintainers."
            )
    expected = Counter(_expected(documents, account))
    differing = (expected - Counter(found)) + (Counter(found) - expected)
    if differing:
        first = min(differing, key=lambda line: (line.number, line.part, line.account))
        raise ConservationError(
            f"{differing.total()} lines of the {erp} file differ from the entries, first in "
            f"document {first.number}, account {first.account}: nothing was given out; check the "
            "codes and fillings of the target."
        )


def _expected(documents: Iterable[Document], account: Callable[[str], str]) -> Iterator[FileLine]:
    for document in documents:
        for line in document.lines:
            yield FileLine(
                number=document.number,
                part=document.part,
                posting_on=document.entry.posting_on,
                currency=document.entry.currency,
                account=account(line.account),
                debit_minor=line.debit_minor,
                credit_minor=line.credit_minor,
            )
