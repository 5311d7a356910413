"""Entries of accounts that bill in another currency than the books: built in it, then translated.

What an account's month needs is decided in the account's own currency (`own_view`, `own_chart`),
so no rate can hide or make a difference there. Each entry is translated once, when it is posted.
Owns that translation; which entries a month needs is `posting`'s and `late`'s. Minor units.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tieout.core.errors import NotReadyError, StateError
from tieout.core.period import period_of
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry, JournalLine, balanced, numbered, reverse, signed_line
from tieout.ledger.exchange import AccountRates, Exchange
from tieout.ledger.fx import translate, translate_parts
from tieout.ledger.fx_rates import Rate
from tieout.ledger.grouping import is_cost
from tieout.ledger.sides import POOL

_ACCRUALS = ("accrual", "true_up")
_BILLS = ("invoice", "credit_note")


def own_chart(chart: Chart, currency: str) -> Chart:
    """The chart as an account in that currency is posted by; itself where it is the books' own.

    Raises:
        NotReadyError: the books are of several legal entities: the legs between them would be
            rounded apart when they are translated.
    """
    if chart.currency == currency:
        return chart
    if chart.entities is not None:
        raise NotReadyError(
            f"An account bills in {currency} and the books have several legal entities: expected "
            f"accounts in {chart.currency} only, because intercompany legs are not translated yet; "
            "keep the account out of this register, or the entities in books of their own."
        )
    return replace(chart, currency=currency)


def own_view(entries: Iterable[JournalEntry]) -> list[JournalEntry]:
    """Entries as their papers have them: amounts and currency of the transaction.

    An entry that was not translated is itself; what only a rate made is left out.
    """
    shown = (_own(entry) for entry in entries)
    return [entry for entry in shown if entry.lines]


def valued(
    entry: JournalEntry, *, known: Sequence[JournalEntry], rates: AccountRates, chart: Chart
) -> JournalEntry:
    """An entry in its account's currency as the books take it; `chart` is that of the books.

    Cost is valued at the service month's rate, and so are the accruals that hold it, all of a month
    together: their liability is the translated sum. A paper's payable and tax are valued at the
    rate of its day; what the rates differ by is a line of its own. A reversal mirrors what was
    booked. `known` are the entries of the books, this one's originals among them. No line that has
    an amount loses it by rounding: it keeps a minor unit, which the largest line bears.

    Raises:
        NotReadyError: there is no rate for the day of the paper.
        StateError: the original of a reversal is not among the known ones, or such an entry is not
            translated.
    """
    if entry.journal_type == "reversal":
        return _mirror(entry, known)
    if entry.journal_type in _BILLS:
        return _bill(entry, rates, chart)
    if entry.journal_type in _ACCRUALS:
        return _accrual(entry, known, rates.cost, chart)
    if entry.journal_type == "reclass":
        return _translated(entry, _parts(entry.lines, rates.cost, total=0), [rates.cost], chart)
    raise StateError(
        f"An entry of type {entry.journal_type} in {entry.currency} is not translated to "
        f"{chart.currency}: keep this account's books in its own currency."
    )


def _own(entry: JournalEntry) -> JournalEntry:
    if entry.exchange is None:
        return entry
    lines = [
        signed_line(
            line.account,
            line.transaction_minor or 0,
            memo=line.memo,
            dimensions=line.dimensions,
            source_line_ref=line.source_line_ref,
        )
        for line in entry.lines
    ]
    return replace(entry, currency=entry.exchange.currency, exchange=None, lines=numbered(lines))


def _mirror(entry: JournalEntry, known: Sequence[JournalEntry]) -> JournalEntry:
    for original in known:
        if original.idempotency_key == entry.reverses:
            return reverse(original, on=entry.posting_on)
    raise StateError(
        f"Entry {(entry.reverses or '')[:12]} is not in the books and cannot be reversed: expected "
        "it among them; post it first."
    )


def _accrual(
    entry: JournalEntry, known: Sequence[JournalEntry], cost: Rate, chart: Chart
) -> JournalEntry:
    """Together with the accruals of its month before it, the liability is the translated sum."""
    before = [
        line
        for one in known
        if one.journal_type in _ACCRUALS and _series(one) == _series(entry)
        for line in one.lines
        if not is_cost(line)
    ]
    paper = sum(line.transaction_minor or 0 for line in before)
    now = sum(line.amount_minor for line in entry.lines if not is_cost(line))
    booked = sum(line.amount_minor for line in before)
    liability = _least(translate(paper + now, cost) - booked, now)
    amounts = [liability if not is_cost(line) else 0 for line in entry.lines]
    parts = _parts([line for line in entry.lines if is_cost(line)], cost, total=-liability)
    merged = dict(zip((line.line_no for line in entry.lines), amounts, strict=True)) | parts
    return _translated(entry, merged, [cost], chart)


def _bill(entry: JournalEntry, rates: AccountRates, chart: Chart) -> JournalEntry:
    """Cost at the month's rate, payable and tax at that of the paper's day."""
    cost, spot = rates.cost, rates.spot(entry.document_on)
    expense = [line for line in entry.lines if is_cost(line)]
    net = sum(line.amount_minor for line in expense)
    amounts = _parts(expense, cost, total=_least(translate(net, cost), net))
    payable = chart.control_account("payable", provider=entry.provider)
    owed = sum(line.amount_minor for line in entry.lines if line.account == payable)
    whole = _least(translate(owed, spot), owed)
    for line in entry.lines:
        if line.account == payable:
            amounts[line.line_no] = whole
        elif not is_cost(line):  # what the payable leaves beside the amount before tax
            tax = -whole - translate(net, spot)
            amounts[line.line_no] = (
                tax if tax * line.amount_minor > 0 else translate(line.amount_minor, spot)
            )
    return _translated(entry, amounts, [cost, spot], chart)


def _translated(
    entry: JournalEntry, amounts: Mapping[int, int], rates: Sequence[Rate], chart: Chart
) -> JournalEntry:
    """The entry with these amounts by line number; what they leave is a difference of exchange."""
    lines = [
        signed_line(
            line.account,
            amounts[line.line_no],
            memo=line.memo,
            dimensions=line.dimensions,
            source_line_ref=line.source_line_ref,
            transaction_minor=line.amount_minor,
        )
        for line in entry.lines
    ]
    shown = ", ".join(f"{one.rate_type} {one.rate:f} of {one.on}" for one in rates)
    lines.append(
        signed_line(
            chart.control_account("exchange_difference", provider=entry.provider),
            -sum(amounts.values()),
            memo=f"Difference of exchange, {entry.currency} at {shown}",
            dimensions={"provider": entry.provider},
        )
    )
    return balanced(
        replace(
            entry,
            currency=chart.currency,
            lines=numbered(lines),
            exchange=Exchange(currency=entry.currency, rates=tuple(rates)),
        )
    )


def _parts(lines: Sequence[JournalLine], rate: Rate, *, total: int) -> dict[int, int]:
    """Amounts by line number that add up to `total`, none of them zero.

    Where the largest cannot bear what the others keep, they add up to more: a few minor units that
    the difference of exchange takes. What pools pass on adds up to zero for each of them.
    """
    names = {f"{line.line_no:09d}": line for line in lines if POOL not in line.dimensions}
    found = translate_parts({key: line.amount_minor for key, line in names.items()}, rate)
    made = {key: _least(found[key], line.amount_minor) for key, line in names.items()}
    if made:
        largest = max(made, key=lambda key: (abs(made[key]), key))
        borne = made[largest] + total - sum(made.values())
        made[largest] = borne if borne * made[largest] > 0 else made[largest]
    moved: dict[str | None, list[JournalLine]] = {}
    for line in lines:
        if POOL in line.dimensions:
            moved.setdefault(line.dimensions[POOL], []).append(line)
    passed = {no: minor for own in moved.values() for no, minor in _to_zero(own, rate).items()}
    return {names[key].line_no: minor for key, minor in made.items()} | passed


def _to_zero(lines: Sequence[JournalLine], rate: Rate) -> dict[int, int]:
    """Amounts by line number of lines that add up to zero, and do so in the books; none is zero.

    The largest bears what rounding leaves; were it to change sides, one of the other side does.
    """
    largest = max(lines, key=lambda line: (abs(line.amount_minor), line.line_no))
    made = {
        line.line_no: _least(translate(line.amount_minor, rate), line.amount_minor)
        for line in lines
    }
    side = _least(0, largest.amount_minor)
    borne = made[largest.line_no] - sum(made.values())
    if borne * side <= 0:
        borne = side
        other = min(lines, key=lambda line: (line.amount_minor * side, line.line_no))
        made[other.line_no] -= sum(made.values()) - made[largest.line_no] + side
    return made | {largest.line_no: borne}


def _least(amount_minor: int, paper_minor: int) -> int:
    """An amount that rounded to nothing keeps one minor unit of its side."""
    return amount_minor or (paper_minor > 0) - (paper_minor < 0)


def _series(entry: JournalEntry) -> tuple[str, str, str, str]:
    """Accruals that are one liability: of an account and service month, posted in one month."""
    return (
        entry.provider,
        entry.billing_account_id,
        entry.service_period,
        str(period_of(entry.posting_on)),
    )
