"""To which billing account and month a paper belongs; exactly one of each, or a reason why not.

Owns the comparison of what a person said with what the paper says. It never guesses: what fits
twice, contradicts itself or says too little is given back as a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tieout.core.errors import UnknownSubjectError
from tieout.core.period import Period, parse_period, period_of
from tieout.focus.document import BillingDocument
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.invoice_parts import of_month
from tieout.sources.sellers import providers_of, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the person who handed a paper in says about it; None leaves it to the paper."""

    provider: str | None = None
    account: str | None = None
    period: str | None = None

    @property
    def month(self) -> Period | None:
        """The month, checked.

        Raises:
            PeriodFormatError: not such as 2026-10.
        """
        return None if self.period is None else parse_period(self.period)


def identity(document: BillingDocument) -> str:
    """The same paper has the same identity, however its seller spaces its name.

    The kind is part of it: a receipt bears the number of the invoice that it pays.
    """
    return f"{document.kind} {document.number} of {words(document.seller)}"


def month_of(
    documents: Sequence[BillingDocument], given: Given, known: Sequence[BillingDocument] = ()
) -> Period | str:
    """The one month of all these documents, or why there is none.

    A month that was given must be the one under which the close would look for them; `known` are
    the documents that it has already, which a credit note may correct.
    """
    if not documents:
        return "It holds no invoice, receipt or credit note."
    if given.month is not None:
        return _given_month(documents, given.month, known)
    found: set[Period] = set()
    for document in documents:
        is_dated = document.kind == "receipt" or document.service_end or document.service_start
        if not is_dated:
            return f"{_named(document)} prints no service dates: say the month with --period."
        if _spans_months(document):
            return (
                f"{_named(document)} covers {document.service_start} to {document.service_end}: "
                "say the month with --period."
            )
        found |= {month for month in _months(document) if of_month((document,), month)}
    if len(found) != 1:
        shown = ", ".join(str(month) for month in sorted(found)) or "none"
        return f"It belongs to {len(found)} months ({shown}): hand its documents in one by one."
    return found.pop()


def account_of(
    documents: Sequence[BillingDocument], registered: Sequence[BillingAccount], given: Given
) -> BillingAccount | str:
    """The one registered account of all these documents, or why there is none.

    Raises:
        UnknownSubjectError: the person named an account that is not registered.
    """
    pool = _named_accounts(registered, given)
    fitting = pool if given.account else [one for one in pool if _fits(documents, one, given)]
    own = [one for one in fitting if _billed(documents, one)]
    found = own if own and not given.account else fitting
    if len(found) != 1:
        return _not_one(documents, found, registered)
    return _contradiction(documents, found[0], registered) or found[0]


def _given_month(
    documents: Sequence[BillingDocument], month: Period, known: Sequence[BillingDocument]
) -> Period | str:
    placed = {id(one) for one in of_month([*known, *documents], month)}
    other = next((one for one in documents if id(one) not in placed), None)
    if other is None:
        return month
    return (
        f"{_named(other)} is dated {other.issued_on} for {other.service_start or 'no service day'} "
        f"to {other.service_end or 'no service day'}: expected a document of {month}."
    )


def _spans_months(document: BillingDocument) -> bool:
    start, end = document.service_start, document.service_end
    return document.kind != "receipt" and bool(start and end and period_of(start) != period_of(end))


def _months(document: BillingDocument) -> set[Period]:
    days = (document.issued_on, document.service_start, document.service_end)
    return {period_of(day) for day in days if day is not None}


def _named_accounts(
    registered: Sequence[BillingAccount], given: Given
) -> tuple[BillingAccount, ...]:
    found = tuple(
        one
        for one in registered
        if given.provider in (None, one.provider)
        and given.account in (None, one.billing_account_id)
    )
    if found:
        return found
    known = ", ".join(one.subject for one in registered)
    raise UnknownSubjectError(
        f"No registered account is {given.provider or 'any provider'}/{given.account or '*'}: "
        f"expected one of {known}; correct the request, or register the account."
    )


def _fits(documents: Sequence[BillingDocument], account: BillingAccount, given: Given) -> bool:
    """Whether the papers themselves name the account; a provider that was given is enough."""
    if given.provider:
        return True
    return all(
        account.provider in providers_of(one.seller) or words(one.seller) == words(account.name)
        for one in documents
    )


def _billed(documents: Sequence[BillingDocument], account: BillingAccount) -> bool:
    return all(account.billing_account_id == one.bill_to for one in documents)


def _not_one(
    documents: Sequence[BillingDocument],
    found: Sequence[BillingAccount],
    registered: Sequence[BillingAccount],
) -> str:
    seller = documents[0].seller
    if found:
        return (
            f"{_named(documents[0])} of {seller} fits several accounts "
            f"({', '.join(one.subject for one in found)}): say which with --account."
        )
    return (
        f"{_named(documents[0])} comes from {seller}, whose account is not known: expected one of "
        f"{', '.join(one.subject for one in registered)}; say which with --provider and --account."
    )


def _contradiction(
    documents: Sequence[BillingDocument],
    account: BillingAccount,
    registered: Sequence[BillingAccount],
) -> str | None:
    others = {one.billing_account_id for one in registered} - {account.billing_account_id}
    for document in documents:
        sellers = providers_of(document.seller)
        if sellers and account.provider not in sellers and account.provider != "focus_file":
            return (
                f"{_named(document)} comes from {document.seller}: expected an invoice for "
                f"{account.subject}."
            )
        if document.bill_to in others:
            return (
                f"{_named(document)} is billed to account {document.bill_to}: expected "
                f"{account.subject}."
            )
        if document.currency != account.currency:
            return (
                f"{_named(document)} is in {document.currency}: expected {account.currency}, the "
                f"currency of {account.subject}."
            )
    return None


def _named(document: BillingDocument) -> str:
    return f"{document.kind.replace('_', ' ').capitalize()} {document.number}"
