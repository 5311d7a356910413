import pytest

from tieout.core.errors import NotReadyError, RuleFileError
from tieout.core.money import to_units
from tieout.ledger.billing_accounts import accounts_of, parse_accounts

TEXT = """\
accounts:
  - provider: openai
    billing_account_id: org-1
    name: Labs
    mode: arrears
    currency: USD
  - provider: anthropic
    billing_account_id: org-2
    name: Labs
    mode: prepaid
    currency: USD
    opening: {period: 2026-10, amount: "1234.56", evidence: console}
"""


def test_accounts_come_in_order_with_their_opening() -> None:
    anthropic, openai = parse_accounts(TEXT, name="accounts.yaml")
    assert (anthropic.subject, anthropic.mode) == ("anthropic/org-2", "prepaid")
    assert (anthropic.opening_period, anthropic.opening_units) == ("2026-10", to_units("1234.56"))
    assert (openai.mode, openai.opening_period, openai.opening_units) == ("arrears", None, 0)


def test_a_provider_without_account_is_not_ready() -> None:
    accounts = parse_accounts(TEXT, name="accounts.yaml")
    assert [each.name for each in accounts_of(accounts, "openai")] == ["Labs"]
    with pytest.raises(NotReadyError, match="beside anthropic, openai"):
        accounts_of(accounts, "aws")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2026-10", "October", "line 12: Expected a period"),
        ("1234.56", "a lot", "line 12: Expected a decimal number"),
        ("mode: arrears", "mode: later", "line 5: expected one of arrears, prepaid"),
        ("name: Labs", "owner: x", "unknown key 'owner'"),
        ("anthropic", "openai", ""),
    ],
)
def test_a_broken_register_names_the_line(old: str, new: str, message: str) -> None:
    text = TEXT.replace(old, new).replace("org-2", "org-1" if old == "anthropic" else "org-2")
    with pytest.raises(RuleFileError, match=message or "account 'openai/org-1' is already in line"):
        parse_accounts(text, name="accounts.yaml")
