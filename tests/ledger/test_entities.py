from typing import Any

import pytest
from tests.ledger.group import ENGINEERING, ENTITIES_TEXT, GROUP, ONE_CHART, SALES, SUPPORT

from tieout.core.errors import RuleFileError, UnknownSubjectError
from tieout.ledger.entities import Mutual, parse_entities

TYPES = {one.code: one.type for one in ONE_CHART.accounts}


def test_a_group_has_its_entities_in_the_order_of_the_file() -> None:
    assert GROUP.ids == ("gmbh", "inc", "ltd")
    assert GROUP.member("inc").name == "Nordlicht Labs Inc."


def test_the_register_says_who_is_billed_and_else_the_default_is() -> None:
    assert GROUP.payer("openai", "org-2") == "inc"
    assert GROUP.payer("aws", "4711") == "gmbh"
    assert GROUP.payer(None, None) == "gmbh"


@pytest.mark.parametrize(
    ("center", "account", "bearer"),
    [
        (SUPPORT, "org-1", "inc"),
        (SALES, "org-1", "ltd"),
        (ENGINEERING, "org-2", "gmbh"),
        (None, "org-2", "inc"),
        ("CC-999 Nowhere", "org-1", "gmbh"),
    ],
)
def test_a_cost_center_bears_in_its_entity_and_without_one_the_billed_entity_does(
    center: str | None, account: str, bearer: str
) -> None:
    row = {"cost_center": center, "provider": "openai", "billing_account_id": account}
    assert GROUP.bearer(row) == bearer


def test_an_entity_may_have_accounts_of_its_own_for_a_partner() -> None:
    assert GROUP.mutual_of("gmbh", "inc") == Mutual(due_from="1510", due_to="2500")
    assert GROUP.mutual_of("inc", "gmbh") == Mutual(due_from="1500", due_to="2500")


def test_an_unknown_entity_is_refused_by_name() -> None:
    with pytest.raises(UnknownSubjectError, match=r"no legal entity 'sarl'.*gmbh, inc, ltd"):
        GROUP.with_accounts({("aws", "4711"): "sarl"})


def test_a_group_that_fits_its_chart_has_no_misfits() -> None:
    assert GROUP.misfits(TYPES, currency="USD") == []


def test_misfits_name_the_account_and_the_currency() -> None:
    types: dict[str, Any] = {code: kind for code, kind in TYPES.items() if code != "1510"}
    found = GROUP.misfits(types | {"2500": "asset"}, currency="EUR")
    do = "correct the code or the chart"
    assert found == [
        f"intercompany account 1510 is not in the chart, expected an account of type asset; {do}",
        f"intercompany account 2500 is asset, expected an account of type liability; {do}",
        *(
            f"entity {one} keeps its books in USD, expected EUR as the chart, because nothing "
            "translates between entities yet; leave it out"
            for one in ("gmbh", "inc", "ltd")
        ),
    ]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("id: ltd", "id: inc", r"line 15: entity 'inc' is already in line 11"),
        ("[CC-500 Sales]", "[CC-310 Search]", r"cost center 'CC-310 Search' is already in line"),
        ("default: gmbh", "default: sarl", r"line 2: 'sarl' is no other entity of this file"),
        ("      inc: {", "      gmbh: {", r"'gmbh' is no other entity of this file \(it has inc"),
        ('{due_from: "1500", due_to', "{due_to", r"add due_from"),
        ("    currency: USD\n    cost_centers: [CC-500 Sales]\n", "", r"add currency"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(before: str, after: str, problem: str) -> None:
    text = ENTITIES_TEXT.replace(before, after, 1)
    assert text != ENTITIES_TEXT
    with pytest.raises(RuleFileError, match=problem):
        parse_entities(text, name="entities.yaml")
