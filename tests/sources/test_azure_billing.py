"""Azure's invoices: what counts, what cancels out, what does not tie out, where they come from."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tieout.config import ProviderConnection
from tieout.core.errors import DocumentUnreadableError, SourceAnswerError
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.focus.document import BillingDocument
from tieout.sources.azure_invoices import scope_of
from tieout.sources.base import load_invoice_format, load_provider

Answering = Callable[..., str]
ConnectionTo = Callable[..., ProviderConnection]

CASE = Path("tests") / "golden" / "azure_billing" / "credit_and_rebill" / "document.json"
ENTRIES = {one["name"]: one for one in json.loads(CASE.read_text())["value"]}
ASKED: dict[str, Any] = {
    "account": "N7XK-WQ2M-BG7-PGB",
    "period": Period(2026, 10),
    "now": datetime(2026, 11, 6, tzinfo=UTC),
}


def read(*entries: Any) -> tuple[BillingDocument, ...]:
    content = json.dumps({"value": entries}).encode()
    return load_invoice_format("azure_billing").read(content, document_sha256="ab" * 32)


def entry(name: str = "G000000001", **changes: Any) -> dict[str, Any]:
    found = ENTRIES[name]
    return {**found, "properties": {**found["properties"], **changes}}


def money(value: float | str, currency: str = "USD") -> dict[str, Any]:
    return {"currency": currency, "value": value}


def test_a_chain_of_credit_and_rebill_adds_up_to_the_new_invoice() -> None:
    chain = read(*(ENTRIES[f"G00000000{number}"] for number in (5, 6, 7)))
    assert sum(one.total_units for one in chain) == to_units("77.70")
    assert [one.corrects for one in chain] == [None, "G000000005", None]


def test_a_credit_note_on_the_same_page_keeps_the_voided_invoice() -> None:
    voided = entry("G000000005", rebillDetails=None)
    assert [one.number for one in read(voided)] == []
    both = read(voided, ENTRIES["G000000006"])
    assert sum(one.total_units for one in both) == 0
    assert len(both) == 2


def test_a_credit_note_is_negative_whichever_sign_azure_gives() -> None:
    plus = entry(
        "G000000006",
        billedAmount=money(77.7),
        subTotal=money(77.7),
        taxAmount=money(14.76),
        totalAmount=money(92.46),
    )
    assert read(plus)[0].total_units == read(ENTRIES["G000000006"])[0].total_units < 0


@pytest.mark.parametrize("name", ["G000000003", "G000000004", "T000000008"])
def test_what_is_no_debt_is_left_out(name: str) -> None:
    assert read(ENTRIES[name]) == ()


def test_a_pay_as_you_go_invoice_has_a_total_only() -> None:
    absent: dict[str, Any] = dict.fromkeys(("subTotal", "taxAmount", "totalAmount", "creditAmount"))
    absent |= {"billedAmount": money(50), "amountDue": money(50)}
    (found,) = read(entry(**absent))
    assert (found.total_units, found.subtotal_units) == (to_units("50"), to_units("50"))


def test_days_are_utc_days() -> None:
    (found,) = read(entry())
    assert (found.service_start, found.service_end) == (date(2026, 10, 1), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subTotal": money(1)}, "is not the subtotal"),
        ({"taxAmount": money(1)}, "do not add up to the total"),
        ({"amountDue": money(1)}, "total less payments is not the amount due"),
        ({"totalAmount": money(1044.3, "EUR")}, "EUR"),
        ({"documentType": "Other"}, "KeyError"),
        ({"invoiceDate": "soon"}, "ValueError"),
        ({"billedAmount": money("much")}, "MoneyFormatError"),
    ],
)
def test_an_invoice_that_does_not_tie_out_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentUnreadableError, match=words):
        read(entry(**changes))


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"{}", b'{"value": [7]}', b'{"value": [{}]}'])
def test_what_is_no_page_of_invoices_is_refused(content: bytes) -> None:
    with pytest.raises(DocumentUnreadableError, match="enter the document by hand"):
        load_invoice_format("azure_billing").read(content, document_sha256="ab" * 32)


def test_transactions_are_proof_and_no_document() -> None:
    assert read({"name": "t", "properties": {"transactionAmount": money(5)}}) == ()


def test_an_odd_page_of_the_api_is_refused(
    answering: Answering, connection_to: ConnectionTo
) -> None:
    connection = connection_to("azure", answering(200, "{}"), billing_account="owner")
    with pytest.raises(SourceAnswerError, match="a list called value"):
        load_provider("azure").fetch_documents(connection, **ASKED)


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ({"billing_account": "owner"}, "owner/billingProfiles/N7XK-WQ2M-BG7-PGB/invoices"),
        ({"billing_account": ASKED["account"]}, "billingAccounts/N7XK-WQ2M-BG7-PGB/invoices"),
        ({"agreement": "mosp"}, "default/billingSubscriptions/N7XK-WQ2M-BG7-PGB/invoices"),
    ],
)
def test_invoices_are_asked_where_the_agreement_keeps_them(
    answering: Answering, connection_to: ConnectionTo, extra: dict[str, str], path: str
) -> None:
    sent: list[str] = []
    connection = connection_to("azure", answering(200, '{"value": []}'), **extra)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tieout.sources.azure_client._place", _noting(sent))
        assert load_provider("azure").fetch_documents(connection, **ASKED) == ()
    assert any(path in address for address in sent)
    assert any("periodStartDate=2026-10-01&periodEndDate=2026-11-06" in one for one in sent)


def test_an_enterprise_agreement_has_its_documents_in_a_folder(
    connection_to: ConnectionTo, tmp_path: Path
) -> None:
    (tmp_path / "E0123.json").write_bytes(b"{}")
    connection = connection_to("azure", "https://management.azure.com", agreement="ea")
    (found,) = load_provider("azure").fetch_documents(connection, **ASKED)
    assert (found.name, found.request["format"]) == ("E0123.json", "azure_billing")


def test_scopes_follow_the_agreement(connection_to: ConnectionTo) -> None:
    home = "providers/Microsoft.Billing/billingAccounts"
    for extra, account, scope in (
        ({"agreement": "ea"}, "8611537", f"{home}/8611537"),
        ({"agreement": "mosp"}, "s-1", "subscriptions/s-1"),
        ({"billing_account": "o"}, "p", f"{home}/o/billingProfiles/p"),
        ({"billing_account": "o", "billing_profile": "q"}, "p", f"{home}/o/billingProfiles/q"),
        ({"billing_account": "o"}, "o", f"{home}/o"),
    ):
        connection = connection_to("azure", "https://management.azure.com", **extra)
        assert scope_of(connection, account=account) == scope


def _noting(sent: list[str]) -> Callable[[str], tuple[str, str, int]]:
    def place(url: str) -> tuple[str, str, int]:
        sent.append(url)
        return ("", "", 0)

    return place
