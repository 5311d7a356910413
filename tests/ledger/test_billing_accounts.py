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


def test_an_account_may_have_its_own_connection_and_credit_events() -> None:
    text = TEXT.replace(
        "currency: USD\n    opening",
        "currency: USD\n    connection: anthropic_eu\n    credits:\n"
        '      - {period: 2026-10, kind: granted, amount: "50", evidence: mail of 3 October}\n'
        '      - {period: 2026-11, kind: expired, amount: "7.25", evidence: console}\n'
        "    opening",
    )
    anthropic, openai = parse_accounts(text, name="accounts.yaml")
    assert (anthropic.connection, openai.connection) == ("anthropic_eu", "openai")
    (granted,) = anthropic.credit_events("2026-10")
    assert (granted.kind, granted.signed_units) == ("granted", to_units("50"))
    assert [one.signed_units for one in anthropic.credit_events("2026-11")] == [to_units("-7.25")]
    assert openai.credit_events("2026-10") == ()


def test_a_credit_event_of_a_negative_amount_names_its_line() -> None:
    text = TEXT + '    credits: [{period: 2026-10, kind: expired, amount: "-1", evidence: x}]\n'
    with pytest.raises(RuleFileError, match="line 13: expected an amount above zero"):
        parse_accounts(text, name="accounts.yaml")


def test_a_balance_that_the_provider_shows_is_kept_by_period() -> None:
    anthropic, openai = parse_accounts(
        TEXT + '    balances: [{period: 2026-10, amount: "418.82", evidence: console}]\n', name="a"
    )
    assert anthropic.stated_units("2026-10") == to_units("418.82")
    assert anthropic.stated_units("2026-11") is None
    assert openai.stated_units("2026-10") is None


def test_two_balances_of_one_period_are_refused() -> None:
    one = '{period: 2026-10, amount: "1", evidence: console}'
    with pytest.raises(RuleFileError, match="balance of a period '2026-10' is already in line 13"):
        parse_accounts(TEXT + f"    balances: [{one}, {one}]\n", name="accounts.yaml")


def test_relief_is_stated_for_accounts_in_arrears_only() -> None:
    text = TEXT.replace("mode: arrears", "mode: arrears\n    relief: clear_on_match")
    anthropic, openai = parse_accounts(text, name="accounts.yaml")
    assert (anthropic.relief, openai.relief) == ("auto_reverse", "clear_on_match")
    with pytest.raises(RuleFileError, match="line 6: expected one of auto_reverse, clear_on_match"):
        parse_accounts(text.replace("clear_on_match", "never"), name="accounts.yaml")
    with pytest.raises(RuleFileError, match="only mode arrears accrues, found prepaid; leave it"):
        parse_accounts(text.replace("mode: arrears", "mode: prepaid"), name="accounts.yaml")
