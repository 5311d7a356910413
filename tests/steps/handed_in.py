"""Papers and a desk for tests of handed-in documents; not a test itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from demo.postgres import Logins

from tieout.config import ProviderConnection, Secret, load_settings, utc_now
from tieout.core.period import Period
from tieout.ledger.billing_accounts import parse_accounts
from tieout.steps import normalise, policies, receive, review, sign
from tieout.steps.bills import billing_documents
from tieout.steps.context import Context, StepResult
from tieout.steps.match import Given
from tieout.store import audit, findings, periods, snapshots

OCTOBER = Period(2026, 10)
ACCOUNTS = """
accounts:
  - {provider: aws, billing_account_id: "417000000001", name: Payer, mode: arrears, currency: USD}
  - {provider: focus_file, billing_account_id: K-1, name: Suchhaus, mode: arrears, currency: EUR}
  - {provider: openai, billing_account_id: org-1, name: Main, mode: arrears, currency: USD}
  - {provider: anthropic, billing_account_id: lab-1, name: Lab 1, mode: arrears, currency: USD}
  - {provider: anthropic, billing_account_id: lab-2, name: Lab 2, mode: arrears, currency: USD}
"""
LETTER = b"%PDF-1.4\n% a letter, not an invoice\n%%EOF\n"
ASSIGNED = Given(provider="openai", account="org-1", period="2026-10")
NOTHING = Given()


def csv(number: str = "INV-1", **facts: str) -> bytes:
    """An invoice of October from OpenAI over 10.00 USD, unless said otherwise."""
    known = {
        "number": number,
        "kind": "invoice",
        "seller": "OpenAI, LLC",
        "bill_to": "Nordlicht",
        "currency": "USD",
        "issued_on": "2026-11-01",
        "service_start": "2026-10-01",
        "service_end": "2026-10-31",
        "description": "Tokens",
        "amount": "10.00",
        "total": "10.00",
    } | facts
    cells = ['"' + one + '"' for one in known.values()]
    return f"{','.join(known)}\n{','.join(cells)}\n".encode()


def typed(
    number: str = "INV-7", *, person: str = "ana", given: Given = NOTHING, **facts: str
) -> review.Typed:
    known = {
        "kind": "invoice",
        "number": number,
        "seller": "OpenAI, LLC",
        "bill_to": "Nordlicht",
        "currency": "USD",
        "issued_on": "2026-11-01",
        "service_start": "2026-10-01",
        "service_end": "2026-10-31",
        "subtotal": "12.50",
        "total": "12.50",
    } | facts
    lines = "".join(f"{key}: {value}\n" for key, value in known.items())
    text = f'{lines}lines: [{{description: Tokens, amount: "12.50"}}]\n'
    return review.Typed(
        name="typed.yaml", content=text.encode(), given=given, person=person, reason="Read it."
    )


def context(url: str, home: Path) -> Context:
    drop = {"documents_url": (home / "drop").as_uri()}
    return Context(
        settings=load_settings({"TIEOUT_HOME": str(home)}),
        connection=lambda provider: ProviderConnection(name=provider, extra=drop),
        now=utc_now,
        database_url=Secret(url),
    )


@contextmanager
def a_desk(logins: Logins, home: Path) -> Iterator[Context]:
    """A worker of a ledger with five accounts, where October is open."""
    (home / "drop").mkdir()
    made = context(logins.worker_url, home)
    policies.propose(
        made, kind="accounts", text=ACCOUNTS, name="a", valid_from=date(2026, 1, 1), person="ana"
    )
    pages = context(logins.web_url, home)
    sign.approve_policy(pages, kind="accounts", version=1, person="ben")
    pages.close()
    with made.store.transaction() as tx:
        periods.ensure(tx, "2026-10")
    yield made
    made.close()


def hand_in(
    desk: Context, content: bytes, given: Given = NOTHING, name: str = "invoice.csv"
) -> StepResult:
    return receive.invoice(desk, name=name, content=content, given=given)


def read(desk: Context, provider: str = "openai") -> list[str]:
    """Numbers of October's documents of the first account, after they were read."""
    normalise.run(desk, provider=provider, period="2026-10")
    registered = parse_accounts(ACCOUNTS, name="a")
    account = next(one for one in registered if one.provider == provider)
    with desk.store.transaction() as tx:
        return [one.number for one in billing_documents(desk, tx, account, OCTOBER)]


def versions(desk: Context) -> list[tuple[str, ...]]:
    with desk.store.transaction() as tx:
        found = snapshots.versions(
            tx, provider="openai", billing_account_id="org-1", period="2026-10", kind="documents"
        )
    return [one.document_sha256s for one in found]


def blocking(desk: Context, period: str = "2026-10") -> list[tuple[str, str]]:
    with desk.store.transaction() as tx:
        found = [one.finding for one in findings.for_period(tx, period)]
    return sorted((one.kind, one.subject) for one in found if one.severity == "blocking")


def actions(desk: Context) -> list[str]:
    with desk.store.transaction() as tx:
        texts = [one.canonical for one in audit.events(tx)]
    names = [text.split('"action":"')[1].split('"')[0] for text in texts]
    return [one for one in names if one.startswith(("document", "review"))]


def why(result: StepResult) -> str:
    assert result.summary["state"] == "queued", result.summary
    return str(result.summary["why"])
