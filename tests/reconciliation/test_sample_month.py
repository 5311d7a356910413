"""The figures that a correct reconciliation of the sample month must find (from its truth file)."""

from datetime import date
from typing import Any

from tests.reconciliation.charge_rows import charge, charges, document, tokens

from tieout.core.money import format_units, to_units
from tieout.core.period import Period
from tieout.focus.ledger_columns import total_units
from tieout.reconciliation.arrears import reconcile_arrears
from tieout.reconciliation.invoice_charges import invoice_only_charges
from tieout.reconciliation.prepaid import CreditMonth, reconcile_prepaid

OPENAI_PROJECTS = {
    "proj_SupportBot": "535.359033346672271",
    "proj_SearchRank": "697.3644323550",
    "proj_Internal": "606.9070731125",
}
OPENAI_DRAFT = {**OPENAI_PROJECTS, "proj_Internal": "581.41732014696657083"}
OPENAI_LINES = [
    *("7.01", "1.26", "28.85", "36.25", "7.56", "160.26", "241.27", "0.36", "0.17", "2.61"),
    *("3.25", "2.69", "1.01", "19.37", "28.67", "7.67", "3.07", "55.23", "69.76", "50.43"),
    *("14.37", "363.08", "508.10", "227.33"),
]
ANTHROPIC = {
    "default": "1608.48932799",
    "wrkspc_01Support": "1545.23416603",
    "wrkspc_01Search": "1740.01719695",
}


def usd(units: int) -> str:
    return format_units(units)


def openai(amounts: dict[str, str], pull: str) -> Any:
    rows = [charge(31, cost, sub_account_id=project) for project, cost in amounts.items()]
    return charges(*rows, pull=pull)


def openai_invoice() -> Any:
    printed = [(f"line {number}", amount) for number, amount in enumerate(OPENAI_LINES)]
    return document(printed, credit="-150.00", number="SAMPLE01OA-0010")


def test_openai_ties_from_draft_to_the_amount_due() -> None:
    bridges, findings = reconcile_arrears(
        provider="openai",
        account="org-1",
        estimate=None,
        draft=openai(OPENAI_DRAFT, "draft"),
        final=openai(OPENAI_PROJECTS, "final"),
        invoices=[openai_invoice()],
    )
    restated, invoiced = bridges
    assert usd(restated.start_units) == "1814.140785848639"
    assert usd(restated.explained_units) == "25.489752965533"
    assert usd(invoiced.start_units) == "1839.630538814172"
    assert {line.component: usd(line.amount_units) for line in invoiced.lines} == {
        "credit": "-150.00",
        "rounding": "-0.000538814172",
    }
    assert usd(invoiced.end_units) == "1689.63"
    assert (invoiced.unexplained_units, findings) == (0, ())


def test_openai_with_invoice_only_charges_is_the_invoice_exactly() -> None:
    final = openai(OPENAI_PROJECTS, "final")
    made = invoice_only_charges(
        provider="openai",
        account="org-1",
        period=Period(2026, 10),
        final=final,
        invoice=openai_invoice(),
    )
    assert usd(total_units(final) + total_units(made)) == "1689.63"


def test_anthropic_discount_and_credit_rollforward_tie() -> None:
    share = {name: to_units(cost) * 100 // 95 for name, cost in ANTHROPIC.items()}
    share["default"] += to_units("5151.30599035") - sum(share.values())
    final = charges(
        *(
            tokens(1, cost, sub_account_id=name, listed=usd(share[name]))
            for name, cost in ANTHROPIC.items()
        )
    )
    estimate = charges(
        *(tokens(1, units, sub_account_id=name) for name, units in share.items()), pull="estimate"
    )
    paid = (("0001", 3, "1631"), ("0002", 17, "1631"), ("0003", 28, "816"))
    receipts = tuple(
        document(
            [("credit", amount)],
            kind="receipt",
            number=f"SAMPLE01AN-{number}",
            issued_on=date(2026, 10, day),
        )
        for number, day, amount in paid
    )
    bridges, findings = reconcile_prepaid(
        provider="anthropic",
        account="org-2",
        estimate=estimate,
        draft=final,
        final=final,
        credit=CreditMonth(
            purchases=receipts,
            opening_units=to_units("1234.56"),
            stated_closing_units=to_units("418.82"),
        ),
    )
    estimated, _, credit = bridges
    assert usd(estimated.start_units) == "5151.30599035"
    assert {line.component: usd(line.amount_units) for line in estimated.lines} == {
        "negotiated_discount": "-257.56529938"
    }
    assert usd(estimated.end_units) == "4893.74069097"
    assert usd(sum(line.amount_units for line in credit.lines[:3])) == "4078.00"
    assert usd(credit.end_units) == "418.81930903"
    assert (credit.unexplained_units, findings) == (0, ())
