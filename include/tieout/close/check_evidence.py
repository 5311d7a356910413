"""What a check looked at, as ids and hashes, so that a reviewer opens exactly that.

Owns the naming only: `kind:id`, or `kind:sha256` over many. Nothing is judged here.
"""

from collections.abc import Callable, Iterable, Mapping

from tieout.close.evidence import CloseInputs
from tieout.core.ids import content_key
from tieout.ledger.entry import JournalEntry

_MOST_NAMED = 12


def _reports(inputs: CloseInputs) -> tuple[str, ...]:
    return _named("report", (f"{one.subject}={one.content_sha256}" for one in inputs.reports))


def _documents(inputs: CloseInputs) -> tuple[str, ...]:
    return _named(
        "document",
        (
            f"{document.number}={document.document}"
            for account in inputs.accounts
            for document in account.documents
        ),
    )


def _policies(inputs: CloseInputs) -> tuple[str, ...]:
    return _named("policy", (f"{one.label}={one.sha256}" for one in inputs.policies))


def _certificate(inputs: CloseInputs) -> tuple[str, ...]:
    return _named("certificate", (one for one in [inputs.certificate_hash] if one))


def _bridges(inputs: CloseInputs) -> tuple[str, ...]:
    return _named(
        "bridge",
        (
            f"{account.subject}/{bridge.section}="
            + content_key((bridge.start_units, bridge.end_units, bridge.unexplained_units))
            for account in inputs.accounts
            for bridge in account.bridges
        ),
    )


def _entries(*types: str) -> Callable[[CloseInputs], tuple[str, ...]]:
    """Entries of these types in the period or for it; of all types when none is given."""

    def found(inputs: CloseInputs) -> tuple[str, ...]:
        own = (one for one in inputs.entries if _is_own(one, inputs))
        return _named(
            "entry", (one.idempotency_key for one in own if not types or one.journal_type in types)
        )

    return found


def _exceptions(inputs: CloseInputs) -> tuple[str, ...]:
    return _named("exception", (one.exception_id for one in inputs.acceptances))


def _moves(inputs: CloseInputs) -> tuple[str, ...]:
    return _named("movement", (one.digest for one in inputs.flux.moves) if inputs.flux else ())


def _acts(inputs: CloseInputs) -> tuple[str, ...]:
    return _named("acts", [inputs.controls.digest] if inputs.controls else ())


EVIDENCE: Mapping[str, Callable[[CloseInputs], tuple[str, ...]]] = {
    **dict.fromkeys(("C01", "C02", "C03"), _reports),
    "C04": _policies,
    **dict.fromkeys(("C05", "C06"), _certificate),
    **dict.fromkeys(("C07", "C14"), _entries("accrual", "true_up", "reversal")),
    "C08": _entries(
        "opening",
        "credit_purchase",
        "drawdown",
        "manual",
        "breakage",
        "amortisation",
        "commitment",
        "shortfall",
    ),
    **dict.fromkeys(("C09", "C12"), _documents),
    "C10": _bridges,
    **dict.fromkeys(("C15", "TB"), _entries()),
    "C16": _moves,
    "C17": _exceptions,
    "C18": _acts,
}


def _is_own(entry: JournalEntry, inputs: CloseInputs) -> bool:
    return entry.service_period == str(inputs.period) or inputs.period.contains(entry.posting_on)


def _named(kind: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Each by its id while they are few; one hash over all, in order, when they are many."""
    found = sorted(ids)
    if len(found) <= _MOST_NAMED:
        return tuple(f"{kind}:{one}" for one in found)
    return (f"{len(found)} {kind}s:{content_key(found)}",)
