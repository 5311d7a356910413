"""Checks of figures against paper: invoices, receipts, credit roll-forward, bridges."""

from fractions import Fraction

from tieout.close.checks_commitments import commitment_ties
from tieout.close.checks_rollforward import credit_ties
from tieout.close.evidence import AccountEvidence, CloseInputs
from tieout.close.limits import Limits
from tieout.close.tolerance import Tolerance, all_within, within
from tieout.core.money import SCALE, format_units, from_minor, minor_digits
from tieout.ledger.amortisation import of_fees, prepaid_balance
from tieout.ledger.fx import minor_rate
from tieout.reconciliation.bridge import Bridge


def prepaid_ties(inputs: CloseInputs) -> tuple[list[str], str]:
    """C08: prepaid balances are the roll-forwards' closing credit and what is left of fees.

    Commitments tie to their memo and to the provider's statement.

    What upfront fees leave in the books is kept apart from credit, for an account may have both.
    """
    problems, compared = credit_ties(inputs)
    fees = _fees_tie(inputs)
    counted = f", {len(inputs.fees)} upfront fees" if inputs.fees else ""
    untied, promised = commitment_ties(inputs)
    also = f", {promised}" if promised else ""
    return [*problems, *fees, *untied], f"{compared}{counted}{also}"


def _fees_tie(inputs: CloseInputs) -> list[str]:
    """Per account, what deferrals and releases leave against what is still to release."""
    digits = minor_digits(inputs.currency)
    books: dict[str, int] = {}
    for entry in of_fees(inputs.entries):
        if entry.posting_on <= inputs.period.last_on:
            subject = f"{entry.provider}/{entry.billing_account_id}"
            books[subject] = books.get(subject, 0) + prepaid_balance([entry])
    plans: dict[str, int] = {}
    for fee in inputs.fees:
        subject = f"{fee.provider}/{fee.billing_account_id}"
        plans[subject] = plans.get(subject, 0) + fee.prepaid_minor
    return [
        f"{subject}: books have {format_units(from_minor(found, digits), digits)} of upfront fees, "
        f"{format_units(from_minor(wanted, digits), digits)} {inputs.currency} are to be released"
        for subject in sorted({*books, *plans})
        for found, wanted in [(books.get(subject, 0), plans.get(subject, 0))]
        if found != wanted
    ]


def invoices_matched(inputs: CloseInputs) -> tuple[list[str], str]:
    """C09: an arrears account that bills has a matched invoice; documents are posted in full.

    An account whose invoice comes later, as a person has accepted for a time, stands accrued.
    """
    problems = []
    for account in inputs.accounts:
        is_billed = bool(account.is_billed or account.documents)
        no_bridge = account.bridge("report_to_invoice") is None
        waits = inputs.stands_accrued(account)
        if account.mode == "arrears" and is_billed and no_bridge and not waits:
            problems.append(f"{account.subject}: no invoice is matched")
        problems += [
            f"{account.subject}: {document.number} is not posted with "
            f"{format_units(document.total_units)} {document.currency}"
            for document in account.documents
            if document.total_units != _posted_units(document.number, account, inputs=inputs)
        ]
    count = sum(len(account.documents) for account in inputs.accounts)
    waiting = [account.subject for account in inputs.accounts if inputs.stands_accrued(account)]
    accrued = f"; accrued until its invoice comes: {', '.join(waiting)}" if waiting else ""
    return problems, f"{count} documents{accrued}"


def bridges_explain(inputs: CloseInputs) -> tuple[list[str], str]:
    """C10: what no cause explains is within tolerance, per bridge and in the sum of absolutes.

    A bridge to an invoice is measured at the level of invoices, every other one, and the sum, at
    that of a provider's month.
    """
    found = [
        (f"{account.subject}: {bridge.section}", bridge, _in_minor(bridge, account))
        for account in inputs.accounts
        for bridge in account.bridges
        if bridge.section != "estimate_to_invoice"  # the whole way, which the others cover in parts
    ]
    problems = [
        f"{name} leaves {format_units(bridge.unexplained_units)} {bridge.currency} unexplained"
        for name, bridge, (difference, base) in found
        if not within(difference, base, tolerance=_level(bridge, inputs.limits))
    ]
    pairs = [pair for _, _, pair in found]
    if not problems and not all_within(pairs, tolerance=inputs.limits.provider_month):
        problems = ["unexplained amounts are above tolerance when added up without their signs"]
    return problems, f"{len(found)} bridges ({inputs.limits.name})"


def _level(bridge: Bridge, limits: Limits) -> Tolerance:
    return limits.invoice if bridge.section == "report_to_invoice" else limits.provider_month


def _posted_units(number: str, account: AccountEvidence, *, inputs: CloseInputs) -> int:
    chart = inputs.chart
    paid_through = {
        chart.control_account("payable", provider=account.provider),
        chart.control_account("cash", provider=account.provider),
    }
    minor = -sum(
        (line.transaction_minor or 0) if account.own else line.amount_minor
        for entry in inputs.entries
        if (entry.provider, entry.billing_account_id)
        == (account.provider, account.billing_account_id)
        and number in entry.source_refs
        for line in entry.lines
        if line.account in paid_through
    )
    own = account.own.currency if account.own else inputs.currency
    return from_minor(minor, minor_digits(own))


def _in_minor(bridge: Bridge, account: AccountEvidence) -> tuple[Fraction, Fraction]:
    """What is unexplained and what it is measured by, in minor units of the books' currency."""
    step: int = 10 ** (SCALE - minor_digits(bridge.currency))
    rate = minor_rate(account.own.closing_rate) if account.own else Fraction(1)
    return Fraction(bridge.unexplained_units, step) * rate, Fraction(bridge.end_units, step) * rate
