"""C13: the legal entities of a group owe each other what their books say, entry by entry."""

from tieout.close.evidence import CloseInputs
from tieout.core.money import format_units, from_minor, minor_digits
from tieout.ledger.intercompany import disagreements, pairs

_MOST = 5  # entries that are named


def pairs_agree(inputs: CloseInputs) -> tuple[list[str], str]:
    """C13: in every entry each entity balances and pairs mirror; each pair adds up to zero."""
    found, digits = pairs(inputs.entries), minor_digits(inputs.currency)
    problems = [
        f"{one.first or 'the books'} and {one.second}: "
        f"{format_units(from_minor(one.left_minor, digits), digits)} {inputs.currency} is left"
        for one in found
        if one.left_minor
    ]
    wrong = [
        f"{entry.journal_type} {entry.idempotency_key[:12]}: {problem}"
        for entry in inputs.entries
        for problem in disagreements(entry)
    ]
    more = [f"{len(wrong) - _MOST} more of the kind"] if len(wrong) > _MOST else []
    return [*problems, *wrong[:_MOST], *more], f"{len(found)} pairs of entities"


def one_entity(inputs: CloseInputs) -> str | None:
    """Why C13 does not apply: nobody names another entity, and no entities are in force."""
    if inputs.chart.entities is not None or pairs(inputs.entries):
        return None
    return "the books are those of one legal entity: no line names a partner"
