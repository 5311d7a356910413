"""Ask every cause in order what it can prove of two figures; what is left has no cause.

Owns the order, the law that no row explains twice, and the bridge that comes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tieout.core.errors import ConservationError
from tieout.core.money import format_units
from tieout.reconciliation.breaks import Break, Case
from tieout.reconciliation.bridge import Bridge, Part, Section, gather
from tieout.reconciliation.causes.base import Explanation, known_causes, load

_ROUNDING = "rounding"
_LABELS: dict[Section, tuple[str, str]] = {
    "estimate_to_report": ("Own estimate", "Provider report (final)"),
    "draft_to_final": ("Provider report (draft)", "Provider report (final)"),
    "report_to_invoice": ("Provider report (final)", "Invoice"),
    "estimate_to_invoice": ("Own estimate", "Invoice"),
    "credit_rollforward": ("Opening credit", "Closing credit"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Every difference of two figures, proven or open; conserves or does not exist.

    `rounding_units` is what agreeing keys differ by, within their own rows' rounding; it never
    holds anything of a break.

    Raises:
        ConservationError: explained, rounding and open are not later minus earlier, or a row
            explains twice.
    """

    explanations: tuple[Explanation, ...]
    open_breaks: tuple[Break, ...]
    earlier_units: int
    later_units: int
    rounding_units: int

    def __post_init__(self) -> None:
        explained = sum(one.amount_units for one in self.explanations)
        found = explained + self.rounding_units + self.unexplained_units
        if found != self.later_units - self.earlier_units:
            raise ConservationError(
                "The causes and what is open should add up to "
                f"{format_units(self.later_units - self.earlier_units)} and are "
                f"{format_units(found)}: a cause took rows that no break has; correct it."
            )
        used = [row for one in self.explanations for row in one.rows]
        if len({(row.side, row.line_id) for row in used}) < len(used):
            raise ConservationError(
                "Expected each row to explain once, found one behind two causes: correct the later "
                "of them."
            )

    @property
    def unexplained_units(self) -> int:
        """What no cause has proven."""
        return sum(one.open_units for one in self.open_breaks)


def explain(case: Case, *, causes: Sequence[str] | None = None) -> Explained:
    """Ask `causes` (all, in their fixed order) one after the other.

    Each sees only rows that none before it has used.
    """
    explanations: list[Explanation] = []
    for name in known_causes() if causes is None else causes:
        found = tuple(load(name).find(case))
        explanations += found
        case = case.without(row for one in found for row in one.rows)
    return Explained(
        explanations=tuple(explanations),
        open_breaks=case.breaks,
        earlier_units=case.earlier_units,
        later_units=case.later_units,
        rounding_units=case.rounding_units,
    )


def causes_bridge(
    found: Explained, *, provider: str, account: str, section: Section, currency: str
) -> Bridge:
    """The same as a bridge: one line for each cause, in their order, rounding, and what is open.

    A cause whose keys cancel out (a shift between days) has no line; its explanations remain.
    """
    labels = _LABELS[section]
    sentences = {name: load(name).SENTENCE for name in known_causes()}
    parts = [
        Part(
            component=one.cause,
            amount_units=row.signed_units,
            rows=1,
            evidence=row.line_id,
        )
        for one in found.explanations
        for row in one.rows
    ]
    rounding = Part(
        component=_ROUNDING, amount_units=found.rounding_units, rows=0, evidence=labels[1]
    )
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section=section,
        currency=currency,
        start_label=labels[0],
        start_units=found.earlier_units,
        end_label=labels[1],
        end_units=found.later_units,
        lines=gather(
            section,
            [*parts, rounding],
            causes={**sentences, _ROUNDING: "Rounding inside keys that agree."},
        ),
        unexplained_units=found.unexplained_units,
    )
