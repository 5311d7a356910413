import pytest
from tests.ledger.books import CHART, CHART_TEXT

from tieout.core.errors import RuleFileError
from tieout.ledger.chart import parse_chart


def test_a_chart_keeps_codes_as_text_and_roles_by_name() -> None:
    assert CHART.currency == "USD"
    assert CHART.account("1000").name == "Cash"
    assert CHART.control_account("accrued", provider="openai") == "2100"


def test_a_provider_may_have_a_control_account_of_its_own() -> None:
    assert CHART.control_account("payable", provider="aws") == "2010"
    assert CHART.control_account("payable", provider="openai") == "2000"


def test_the_first_expense_rule_that_matches_wins() -> None:
    assert CHART.expense_account("Cost of revenue") == "5100"
    assert CHART.expense_account("Marketing") is None
    assert CHART.expense_account(None) is None


def test_an_account_that_is_not_in_the_chart_is_named() -> None:
    with pytest.raises(RuleFileError, match="Chart nordlicht has no account '9999'"):
        CHART.account("9999")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: Cash, type: asset", "name: Cash, type: money", "chart.yaml, line 4: expected one"),
        ('code: "1300"', 'code: "1000"', "line 5: account '1000' is already in line 4"),
        ('cash: "1000"', 'cash: "1001"', "line 15: account '1001' is not in the list of accounts"),
        ('cash: "1000"', 'cash: "2000"', "line 15: account 2000 is of type liability"),
        ('cash: "1000"', 'till: "1000"', "line 15: unknown role 'till'"),
        ('  suspense: "6900"\n', "", "no control account for suspense"),
        ('account: "6100"}', 'account: "2100"}', "of type liability; expected expense"),
        ("currency: USD\n", "", "add currency"),
        ("type: equity}", "type: equity, parent: x}", "unknown key 'parent'"),
    ],
)  # fmt: skip
def test_a_broken_chart_names_the_line(old: str, new: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=message):
        parse_chart(CHART_TEXT.replace(old, new), name="chart.yaml")
