"""Which figures of an account are matched with which, and which differences are asked for causes.

AI with an own estimate: estimate, report, invoice; everything else: draft, final data, invoice.
Owns the choice; `matching` finds the matches, `explaining` the causes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tieout.focus.document import BillingDocument
from tieout.reconciliation.arrears import currency_of, is_metered
from tieout.reconciliation.breaks import AI_KEY, CLOUD_KEY, Known
from tieout.reconciliation.bridge import Section
from tieout.reconciliation.cases import open_case
from tieout.reconciliation.explaining import Explained, explain
from tieout.reconciliation.match_passes import (
    DRAFT_TO_FINAL,
    ESTIMATE_TO_REPORT,
    REPORT_TO_INVOICE,
)
from tieout.reconciliation.match_sides import Side, charges_side, invoices_side
from tieout.reconciliation.match_values import Decision, Matching
from tieout.reconciliation.matching import Within, match

Decisions = Mapping[Section, Sequence[Decision]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is known of one account's month (CHARGE_SCHEMA).

    `invoices` are the documents that bill the report, each once; none of a prepaid account, whose
    receipts buy credit. `estimate` is None where nothing was rated.
    """

    estimate: pa.Table | None
    draft: pa.Table
    final: pa.Table
    invoices: Sequence[BillingDocument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two figures matched; `explained` is None where the later one is paper.

    What an invoice adds (credit, tax, rounding) is named by the bridge `report_to_invoice`.
    `names` are the columns of the keys of `explained`.
    """

    section: Section
    currency: str
    earlier: Side
    later: Side
    matching: Matching
    explained: Explained | None
    names: tuple[str, ...] = ()


def match_account(figures: Figures, *, within: Within, decisions: Decisions) -> tuple[Pair, ...]:
    """Match the figures of an account pair by pair, in their order.

    Documents in another currency than the report's are not matched; `reconcile_arrears` blocks the
    month for them.
    """
    estimate = figures.estimate
    first = (
        _estimate_to_report(figures, estimate, within=within, decisions=decisions)
        if estimate is not None and is_metered(estimate)
        else _draft_to_final(figures, within=within, decisions=decisions)
    )
    currency = first.currency
    if not figures.invoices or any(one.currency != currency for one in figures.invoices):
        return (first,)
    return first, _report_to_invoice(figures, currency, within=within, decisions=decisions)


def _estimate_to_report(
    figures: Figures, estimate: pa.Table, *, within: Within, decisions: Decisions
) -> Pair:
    known = Known(draft=figures.draft)
    earlier = charges_side("own estimate", estimate)
    later = charges_side("provider's report", figures.final)
    own = decisions.get("estimate_to_report", ())
    return Pair(
        section="estimate_to_report",
        currency=currency_of(figures.final),
        earlier=earlier,
        later=later,
        matching=match(earlier, later, passes=ESTIMATE_TO_REPORT, within=within, decisions=own),
        explained=explain(open_case(estimate, figures.final, names=AI_KEY, known=known)),
        names=AI_KEY,
    )


def _draft_to_final(figures: Figures, *, within: Within, decisions: Decisions) -> Pair:
    known = Known(draft=figures.draft)
    earlier = charges_side("draft", figures.draft)
    later = charges_side("final data", figures.final)
    own = decisions.get("draft_to_final", ())
    return Pair(
        section="draft_to_final",
        currency=currency_of(figures.final),
        earlier=earlier,
        later=later,
        matching=match(earlier, later, passes=DRAFT_TO_FINAL, within=within, decisions=own),
        explained=explain(open_case(figures.draft, figures.final, names=CLOUD_KEY, known=known)),
        names=CLOUD_KEY,
    )


def _report_to_invoice(
    figures: Figures, currency: str, *, within: Within, decisions: Decisions
) -> Pair:
    earlier = charges_side("provider's report", figures.final)
    later = invoices_side("invoice", figures.invoices, report=figures.final)
    own = decisions.get("report_to_invoice", ())
    return Pair(
        section="report_to_invoice",
        currency=currency,
        earlier=earlier,
        later=later,
        matching=match(earlier, later, passes=REPORT_TO_INVOICE, within=within, decisions=own),
        explained=None,
    )
