"""Checks of the journal: accruals, tax, expense against the sub-ledger, trial balance."""

from tieout.close.checks_exchange import expense_problem, input_tax_units
from tieout.close.evidence import AccountEvidence, CloseInputs
from tieout.core.errors import UnbalancedEntryError
from tieout.core.money import format_units, from_minor, minor_digits, to_minor
from tieout.ledger.accrued import forgotten, open_items
from tieout.ledger.amortisation import without_fees
from tieout.ledger.commitments import without_commitments
from tieout.ledger.entry import JournalEntry
from tieout.ledger.to_date import ACCRUALS
from tieout.ledger.trial_balance import account_balance, trial_balance


def accruals_posted(inputs: CloseInputs) -> tuple[list[str], str]:
    """C07: each account in arrears with cost has an accrual or a true-up in the period.

    Of an earlier month whose invoice was not booked by the end of the period, the accrual is still
    there: an automatic reversal takes it away, and it has to be made again.
    """
    arrears = [account for account in inputs.accounts if account.mode == "arrears"]
    problems = [
        f"{account.subject}: no accrual for "
        f"{format_units(account.ledger_lines_net_units)} {inputs.currency}"
        for account in arrears
        if _net_minor(account, inputs)
        and not any(entry.journal_type in ACCRUALS for entry in _of_month(account, inputs))
    ]
    by_end = [entry for entry in inputs.entries if entry.posting_on <= inputs.period.last_on]
    again = forgotten(by_end, chart=inputs.chart, period=inputs.period)
    problems += [
        f"{liability.provider}/{liability.billing_account_id}: {liability.service_period} is not "
        f"invoiced and not accrued any more on {inputs.period.last_on}; accrue it again"
        for liability in sorted(again)
    ]
    accrued = {
        one for one in open_items(by_end, chart=inputs.chart) if one.service_period < inputs.period
    }
    earlier = len(accrued | set(again))
    waiting = f", {earlier} earlier months without an invoice" if earlier else ""
    return problems, f"{len(arrears)} accounts in arrears{waiting}"


def tax_ties(inputs: CloseInputs) -> tuple[list[str], str]:
    """C12: tax on the documents = tax in the ledger (in arrears) = input tax in the journal."""
    problems = []
    for account in inputs.accounts:
        if inputs.stands_accrued(account):  # an accrual is made before tax
            continue
        paper = sum(document.tax_units for document in account.documents)
        booked = account.own.tax_units if account.own else account.ledger_tax_units
        ledger = booked if account.mode == "arrears" else paper
        journal = _input_tax_units(account, inputs)
        if not paper == ledger == journal:
            problems.append(
                f"{account.subject}: documents {format_units(paper)}, ledger "
                f"{format_units(ledger)}, journal {format_units(journal)} "
                f"{account.own.currency if account.own else inputs.currency}"
            )
    return problems, f"{len(inputs.accounts)} accounts"


def _input_tax_units(account: AccountEvidence, inputs: CloseInputs) -> int:
    """In the currency of the papers."""
    if account.own:
        return input_tax_units(account, account.own, inputs)
    balance = account_balance(
        _of_month(account, inputs),
        account=inputs.chart.control_account("input_tax", provider=account.provider),
    )
    return from_minor(balance, minor_digits(inputs.currency))


def expense_ties(inputs: CloseInputs) -> tuple[list[str], str]:
    """C15: expense posted in the period for its own month = ledger before tax, in cents.

    Without what takes upfront fees to other months: the ledger shows a fee whole, in the month that
    billed it; C08 ties the rest. Without shortfalls of commitments, which no ledger line carries.
    """
    digits = minor_digits(inputs.currency)
    expense = {account.code for account in inputs.chart.accounts if account.type == "expense"}
    problems, total = [], 0
    for account in inputs.accounts:
        posted = sum(
            line.amount_minor
            for entry in without_fees(without_commitments(_of_month(account, inputs)))
            if entry.posting_on <= inputs.period.last_on
            for line in entry.lines
            if line.account in expense
        )
        wanted = _net_minor(account, inputs)
        total += posted
        if account.own:
            problem = expense_problem(account, account.own, inputs)
            problems += [problem] if problem else []
        elif posted != wanted:
            problems.append(
                f"{account.subject}: journal {format_units(from_minor(posted, digits))}, ledger "
                f"{format_units(from_minor(wanted, digits))} {inputs.currency}"
            )
    return problems, f"{format_units(from_minor(total, digits))} {inputs.currency} of expense"


def trial_balance_is_zero(inputs: CloseInputs) -> tuple[list[str], str]:
    """TB: the balance at the end of the period and the one of all entries sum to zero."""
    try:
        trial_balance(inputs.entries)
        table = trial_balance(inputs.entries, through=inputs.period.last_on)
    except UnbalancedEntryError as error:
        return [str(error)], ""
    return [], f"{table.num_rows} accounts on {inputs.period.last_on.isoformat()}"


def _of_month(account: AccountEvidence, inputs: CloseInputs) -> list[JournalEntry]:
    wanted = (account.provider, account.billing_account_id, str(inputs.period))
    return [
        entry
        for entry in inputs.entries
        if (entry.provider, entry.billing_account_id, entry.service_period) == wanted
    ]


def _net_minor(account: AccountEvidence, inputs: CloseInputs) -> int:
    return to_minor(account.ledger_lines_net_units, minor_digits(inputs.currency))
