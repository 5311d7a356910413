"""The canonical text of an entry: what is stored, hashed and posted, written in one pass.

Owns the fast way to the bytes of `canonical_bytes(entry_json(entry))`, for entries whose texts are
ASCII, as nearly all are, in the currency and the calendar of the books; every other entry goes the
general way. Hashes and posts nothing.
"""

from collections.abc import Mapping
from json.encoder import encode_basestring as quoted

from tieout.audit.canonical import LARGEST, canonical_bytes
from tieout.ledger.entry import JournalEntry, JournalLine, entry_json


def canonical_text(entry: JournalEntry) -> str:
    """The RFC 8785 text of `entry_json(entry)`: keys in order, no spaces.

    Raises:
        IntegrityError: a text is not valid Unicode, or an amount is 2**53 minor units or more.
    """
    if _is_plain(entry):
        text = _written(entry)
        if text.isascii():
            return text
    return canonical_bytes(entry_json(entry)).decode()


def _is_plain(entry: JournalEntry) -> bool:
    """Whether it has only what every entry has, in amounts that each JSON reader reads alike."""
    has_more = entry.exchange is not None or entry.fiscal_period is not None
    return not has_more and all(map(_is_countable, entry.lines))


def _is_countable(line: JournalLine) -> bool:
    amounts = max(line.debit_minor, line.credit_minor)
    return line.transaction_minor is None and amounts <= LARGEST


def _written(entry: JournalEntry) -> str:
    """Keys in the order of RFC 8785, which for ASCII is that of the alphabet."""
    lines = ",".join(map(_line, entry.lines))
    refs = ",".join(map(quoted, entry.source_refs))
    return (
        f'{{"adjustment_kind":{quoted(entry.adjustment_kind)}'
        f',"billing_account_id":{quoted(entry.billing_account_id)}'
        f',"currency":{quoted(entry.currency)},"description":{quoted(entry.description)}'
        f',"document_on":"{entry.document_on.isoformat()}"'
        f',"idempotency_key":{quoted(entry.idempotency_key)}'
        f',"journal_type":{quoted(entry.journal_type)},"lines":[{lines}]'
        f',"posting_on":"{entry.posting_on.isoformat()}","provider":{quoted(entry.provider)}'
        f',"reverses":{_or_null(entry.reverses)},"service_period":{quoted(entry.service_period)}'
        f',"source_refs":[{refs}]}}'
    )


def _line(line: JournalLine) -> str:
    return (
        f'{{"account":{quoted(line.account)},"credit_minor":{line.credit_minor:d}'
        f',"debit_minor":{line.debit_minor:d},"dimensions":{{{_pairs(line.dimensions)}}}'
        f',"line_no":{line.line_no:d},"memo":{quoted(line.memo)}'
        f',"source_line_ref":{_or_null(line.source_line_ref)}}}'
    )


def _pairs(dimensions: Mapping[str, str | None]) -> str:
    return ",".join([f"{quoted(name)}:{_or_null(dimensions[name])}" for name in sorted(dimensions)])


def _or_null(text: str | None) -> str:
    return "null" if text is None else quoted(text)
