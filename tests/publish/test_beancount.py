import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.close.month import entries
from tests.ledger.books import CHART, CHART_TEXT, MONTH, OCTOBER, ledger, line

from tieout.core.errors import RuleFileError, UnknownPluginError
from tieout.core.money import from_minor, to_decimal
from tieout.ledger.chart import parse_chart
from tieout.ledger.entry import entry_json
from tieout.ledger.posting import accrual
from tieout.ledger.trial_balance import trial_balance
from tieout.publish.erp.base import known_formats, load

BEAN_CHECK = Path(sys.executable).parent / "bean-check"
_POSTING = re.compile(r"^  ([A-Z][^ ]*)  (-?\d+\.\d\d) USD$")

GOLDEN = """\
option "tolerance_multiplier" "0"
plugin "beancount.plugins.noduplicates"
option "operating_currency" "USD"

2026-10-31 open Liabilities:2100-Accrued-cloud-and-AI-cost USD
2026-10-31 open Expenses:5100-Cost-of-revenue-AI-and-hosting USD

2026-10-31 * "openai org-1" "Accrual of usage received and not invoiced: openai org-1, 2026-10" \
#accrual ^JE-2026-000001
  document_no: "JE-2026-000001"
  document_on: 2026-10-31
  service_period: "2026-10"
  idempotency_key: "KEY"
  source_refs: "lake:1 lake:2"
  Expenses:5100-Cost-of-revenue-AI-and-hosting  12.34 USD
    memo: "Usage, AI and Machine Learning, say \\"hello\\" \\\\ twice"
    initiative: "say \\"hello\\" \\\\ twice"
    pl_category: "Cost of revenue"
    provider: "openai"
    service_category: "AI and Machine Learning"
    charge_category: "Usage"
  Liabilities:2100-Accrued-cloud-and-AI-cost  -12.34 USD
    memo: "Accrued cloud and AI cost, openai org-1"
    provider: "openai"

2026-11-01 balance Liabilities:2100-Accrued-cloud-and-AI-cost  -12.34 USD
"""


def stored() -> list[dict[str, Any]]:
    """The month's entries as the store gives them back."""
    return [
        {**entry_json(entry), "document_no": f"JE-2026-{number:06d}"}
        for number, entry in enumerate(entries(), start=1)
    ]


def exported() -> str:
    return load("beancount").export(stored(), CHART, period=OCTOBER)


def bean_check(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "books.beancount"
    file.write_text(text)
    return subprocess.run(
        [str(BEAN_CHECK), "--no-cache", str(file)], capture_output=True, text=True, check=False
    )


def transactions(text: str) -> Iterator[dict[str, Decimal]]:
    """Parse back: the sums by account of each transaction."""
    for block in text.split("\n\n"):
        found = [match.groups() for match in map(_POSTING.match, block.splitlines()) if match]
        if found:
            accounts = {account for account, _ in found}
            yield {
                account: sum(
                    (Decimal(amount) for name, amount in found if name == account), start=Decimal(0)
                )
                for account in accounts
            }


def test_an_entry_is_written_with_its_number_period_and_dimensions() -> None:
    rough = 'say "hello" \\\ntwice'
    made = accrual(
        ledger(line("12.34", initiative=rough)),
        month=MONTH,
        chart=CHART,
        source_refs=("lake:1", "lake:2"),
    ).entry
    assert made
    value = {**entry_json(made), "document_no": "JE-2026-000001"}
    text = load("beancount").export([value], CHART, period=OCTOBER)
    assert text.replace(made.idempotency_key, "KEY") == GOLDEN


def test_an_independent_program_accepts_the_books(tmp_path: Path) -> None:
    found = bean_check(exported(), tmp_path)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  98.00 USD", "  98.01 USD", "Transaction does not balance"),
        ("  90.00 USD", "  89.99 USD", "Transaction does not balance"),
        (":1300-Prepaid", ":1300-Paid", "Invalid reference to unknown account"),
        ("22.34 USD", "22.35 USD", "Balance failed"),
    ],
)
def test_an_independent_program_refuses_books_that_were_touched(
    old: str, new: str, complaint: str, tmp_path: Path
) -> None:
    text = exported()
    at = text.rindex(old)
    found = bean_check(text[:at] + new + text[at + len(old) :], tmp_path)
    assert found.returncode == 1
    assert complaint in found.stdout + found.stderr


def test_an_independent_program_refuses_an_entry_written_twice(tmp_path: Path) -> None:
    blocks = exported().split("\n\n")
    found = bean_check("\n\n".join([*blocks[:3], blocks[2], *blocks[3:]]), tmp_path)
    assert found.returncode == 1
    assert "Duplicate entry" in found.stdout + found.stderr


def test_parsed_back_the_file_has_the_entries_and_their_balances() -> None:
    found = list(transactions(exported()))
    assert len(found) == len(entries())
    assert all(sum(each.values()) == 0 for each in found)
    totals: dict[str, Decimal] = {}
    for each in found:
        for account, amount in each.items():
            code = account.split(":")[1].split("-")[0]
            totals[code] = totals.get(code, Decimal(0)) + amount
    assert totals == {
        row["account"]: to_decimal(from_minor(row["balance_minor"], 2))
        for row in trial_balance(entries()).to_pylist()
    }


def test_a_reversal_links_to_what_it_reverses() -> None:
    heads = [text for text in exported().splitlines() if "#reversal" in text]
    assert [text.split("#reversal ")[1] for text in heads] == [
        "^JE-2026-000006 ^JE-2026-000004",
        "^JE-2026-000007 ^JE-2026-000005",
    ]


def test_control_accounts_are_asserted_after_the_period_and_after_the_last_entry() -> None:
    found = re.findall(r"^(\S+) balance \S+:(\d+)\S*  (\S+) USD$", exported(), re.MULTILINE)
    assert [each for each in found if each[1] == "2100"] == [
        ("2026-11-01", "2100", "-98.00"),
        ("2026-11-04", "2100", "0.00"),
    ]
    assert ("2026-11-01", "1300", "22.34") in found


def test_entries_come_by_date_and_number_whatever_order_they_are_given_in() -> None:
    turned = load("beancount").export(stored()[::-1], CHART, period=OCTOBER)
    assert turned == exported()


def test_a_document_number_that_is_no_link_is_kept_in_the_metadata(tmp_path: Path) -> None:
    value = {**stored()[0], "document_no": "JE 2026/1 Ä"}
    text = load("beancount").export([value], CHART, period=OCTOBER)
    assert "^JE-2026/1--" in text
    assert 'document_no: "JE 2026/1 Ä"' in text
    assert bean_check(text, tmp_path).returncode == 0


def test_books_without_entries_are_a_file_without_accounts(tmp_path: Path) -> None:
    text = load("beancount").export([], CHART, period=OCTOBER)
    assert text.count("\n") == 3
    assert bean_check(text, tmp_path).returncode == 0


def test_a_currency_without_decimals_is_written_without_a_point(tmp_path: Path) -> None:
    chart = parse_chart(CHART_TEXT.replace("currency: USD", "currency: JPY"), name="chart.yaml")
    made = accrual(ledger(line("1234")), month=MONTH, chart=chart).entry
    assert made
    value = {**entry_json(made), "document_no": "JE-1"}
    text = load("beancount").export([value], chart, period=OCTOBER)
    assert "Expenses:5100-Cost-of-revenue-AI-and-hosting  1234 JPY" in text
    assert bean_check(text, tmp_path).returncode == 0


def test_an_account_that_left_the_chart_stops_the_export() -> None:
    fewer = replace(CHART, accounts=tuple(each for each in CHART.accounts if each.code != "5100"))
    with pytest.raises(RuleFileError, match="no account '5100'"):
        load("beancount").export(stored(), fewer, period=OCTOBER)


def test_a_format_is_found_by_its_file_name() -> None:
    assert "beancount" in known_formats()
    assert "base" not in known_formats()
    found = load("beancount")
    assert (found.NAME, found.FILE_SUFFIX) == ("beancount", ".beancount")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UnknownPluginError, match="expected one of beancount"):
        load("abacus")
