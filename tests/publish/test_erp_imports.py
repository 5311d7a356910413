"""Import files of other ledgers: what is refused, split, cut with a mark, and proved."""

import io
import zipfile
from collections import Counter
from dataclasses import replace
from types import ModuleType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.publish.erp_entries import SETTINGS, entry, target

from tieout.core.errors import (
    ConservationError,
    DocumentUnreadableError,
    RuleFileError,
    UnbalancedEntryError,
    UnknownPluginError,
    UsageError,
)
from tieout.ledger.entry import JournalType, entry_from_json
from tieout.publish.erp import sap_s4hana, xero
from tieout.publish.erp.base import ImportFile, import_files, load, load_import
from tieout.publish.erp_documents import (
    DATE_STYLES,
    balanced_parts,
    dated,
    day_from,
    documents_of,
    number_within,
    prove,
)
from tieout.publish.erp_layout import csv_rows, sheet_of
from tieout.publish.erp_target import parse_target

FORMATS = sorted(SETTINGS)


def rows(erp: str, *entries: dict[str, Any], more: str = "") -> list[list[str]]:
    (one,) = import_files(entries, target(erp, more))
    return csv_rows(one.content)


@pytest.mark.parametrize("erp", FORMATS)
def test_an_unknown_and_a_missing_setting_are_named(erp: str) -> None:
    wrong = target(erp, settings="{colour: red}")
    with pytest.raises(RuleFileError, match="does not know the settings colour"):
        import_files([entry()], wrong)


def test_each_required_setting_is_named() -> None:
    with pytest.raises(RuleFileError, match="Oracle FBDI needs the settings ledger_id, journal_so"):
        import_files([entry()], parse_target("erp: oracle_fbdi\n", name="erp:oracle"))


def test_unknown_and_missing_columns_of_a_header_are_named_in_one_sentence() -> None:
    wrong = target("sage_intacct", "header: JOURNAL,DATE,COLOUR,LINE_NO,ACCT_NO,DEBIT,CURRENCY\n")
    sentence = (
        "erp:sage_intacct: Sage Intacct does not know COLOUR and needs DESCRIPTION, REFERENCE_NO, "
        "CREDIT; correct 'header', or fill a column of the tenant's own under 'columns'."
    )
    with pytest.raises(RuleFileError) as refusal:
        import_files([entry()], wrong)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("erp", "more", "message"),
    [
        ("oracle_fbdi", "header: Status Code\n", "fixed by their position"),
        ("sap_s4hana", "header: BUKRS,HKONT\n", "'header' has 1 lines; SAP S/4HANA has 2"),
        ("netsuite", "columns: {Region: {value: EU}}\n", "'columns' fills Region, which the head"),
        ("netsuite", "columns: {Date: {dimension: project}}\n", "Date is said once for an entry"),
        ("netsuite", "accounts: {'5100': '1'}\n", "account 2100 has no code for netsuite"),
        (
            "netsuite",
            "columns: {Class: {dimension: initiative}}\ndimensions: {initiative: {a: b}}\n",
            "initiative 'search' has no code for netsuite",
        ),
        ("quickbooks_online", "accounts: {'5100': Cost}\n", "account 2100 has no code"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(erp: str, more: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=message):
        import_files([entry()], target(erp, more))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settings: {a: b}\n", "expected erp"),
        ("erp: xero\nheader: 'a,b,a'\n", "the header has 'a' more than once"),
        ("erp: xero\nheader: 'a,\"b'\n", "not comma separated"),
        ("erp: xero\ncolumns: {A: {}}\n", "expected a dimension, a value or both"),
        ("erp: xero\ncolumns: {A: {dimension: cost_centre}}\n", "expected one of initiative"),
        ("erp: xero\ndimensions: {colour: {a: b}}\n", "unknown dimension 'colour'"),
    ],
)
def test_a_target_that_breaks_the_language_names_the_line(text: str, message: str) -> None:
    with pytest.raises(RuleFileError, match=f"target.yaml, line .*{message}"):
        parse_target(text, name="target.yaml")


def test_quickbooks_needs_the_names_of_accounts() -> None:
    bare = parse_target(
        "erp: quickbooks_online\nsettings: {payable_accounts: '2000'}\n", name="erp:qbo"
    )
    with pytest.raises(RuleFileError, match="QuickBooks Online knows accounts by name"):
        import_files([entry()], bare)


def test_quickbooks_refuses_a_payable_line_without_a_name() -> None:
    payable = target("quickbooks_online", settings='{payable_accounts: "2100, 2000"}')
    with pytest.raises(RuleFileError, match="line 2 of 2026-accrual-000001 is on the payable"):
        import_files([entry()], payable)
    named = replace(payable, fillings=target("xero", NAMED).fillings)
    assert b",openai," in import_files([entry()], named)[0].content


NAMED = "columns: {Name: {dimension: provider}}\n"


def test_xero_refuses_another_currency_than_the_organisations() -> None:
    with pytest.raises(UsageError, match=r"is in EUR; Xero's manual journals are in .* USD"):
        import_files([entry(currency="EUR")], target("xero"))


@pytest.mark.parametrize("erp", ["netsuite", "quickbooks_online", "sage_intacct", "xero"])
def test_three_decimals_are_refused_where_two_are_taken(erp: str) -> None:
    with pytest.raises(UsageError, match=r"takes 2 decimals; entry .* is in KWD, which has 3"):
        import_files([entry(currency="KWD")], target(erp))


@pytest.mark.parametrize("erp", ["dynamics_365", "oracle_fbdi", "sap_s4hana"])
@pytest.mark.parametrize(("currency", "shown"), [("KWD", b",1.000,"), ("JPY", b",1000,")])
def test_a_currency_keeps_its_own_decimals(erp: str, currency: str, shown: bytes) -> None:
    (one,) = import_files([entry(currency=currency)], target(erp))
    content = one.content
    if one.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read("GlInterface.csv")
    assert shown in content


def test_a_file_is_split_between_entries_at_the_ledgers_limit() -> None:
    entries = [entry(f"2026-accrual-{n:06d}", *([1] * 99)) for n in range(1, 8)]
    files = import_files(entries, target("xero"))
    assert [one.line_count for one in files] == [300, 300, 100]
    assert [number for one in files for number in one.document_nos] == [
        one["document_no"] for one in entries
    ]


def test_an_entry_longer_than_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match=r"takes 300 lines in a file; entry .* has 301"):
        import_files([entry("2026-accrual-000001", *([1] * 300))], target("xero"))


@pytest.mark.parametrize("most", ["none", "0", "2.5"])
def test_a_limit_that_is_no_number_is_refused(most: str) -> None:
    wrong = target("netsuite", settings=f'{{max_lines: "{most}"}}')
    with pytest.raises(RuleFileError, match="max_lines"):
        import_files([entry()], wrong)


def test_sap_gets_a_long_entry_in_balanced_parts_under_one_reference() -> None:
    (one,) = import_files([entry("2026-accrual-000001", *range(1, 2001))], target("sap_s4hana"))
    sheet = sheet_of(sap_s4hana.LAYOUT, target("sap_s4hana"))
    found = sap_s4hana.read_back(one.content, sheet)
    sizes = Counter(line.part for line in found)
    assert sizes == {1: 999, 2: 999, 3: 5}
    assert {line.number for line in found} == {"2026-accr-000001"}
    assert one.document_nos == ("2026-accrual-000001",)


@given(
    amounts=st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=40),
    most=st.integers(3, 9),
)
def test_parts_balance_and_add_up_to_the_entry(amounts: list[int], most: int) -> None:
    whole = entry("2026-accrual-000001", *amounts, 10**15)
    lines = entry_from_json(whole).lines
    parts = balanced_parts(lines, most)
    assert all(sum(line.amount_minor for line in part) == 0 for part in parts)
    assert all(2 <= len(part) <= max(most, 2) for part in parts)
    assert all(min(line.debit_minor, line.credit_minor) == 0 for part in parts for line in part)
    sums: Counter[str] = Counter()
    for line in (line for part in parts for line in part):
        sums[line.account] += line.amount_minor
    assert sums == {"5100": sum(amounts) + 10**15, "2100": -sum(amounts) - 10**15}


def test_every_type_of_journal_has_a_short_number_of_its_own() -> None:
    short = {number_within(f"2026-{kind}-000001", 16) for kind in get_args(JournalType)}
    assert len(short) == len(get_args(JournalType))
    assert max(map(len, short)) <= 16


def test_a_number_that_fits_no_way_is_refused() -> None:
    with pytest.raises(UsageError, match="2026-accrual-1000001 has 20 characters and 16 fit"):
        import_files([entry("2026-accrual-1000001")], target("sap_s4hana"))


def test_two_numbers_that_would_become_one_are_refused() -> None:
    entries = [entry("2026-accrual-000001"), entry("2026-accrued-000001")]
    with pytest.raises(UsageError, match="would both be 2026-accr-000001"):
        import_files(entries, target("sap_s4hana"))


def test_a_memo_that_is_too_long_is_cut_with_a_mark_and_a_code_is_refused() -> None:
    long = entry()
    long["lines"][0]["memo"] = "m" * 60
    assert f"{'m' * 49}…" in [cell for row in rows("sap_s4hana", long) for cell in row]
    with pytest.raises(UsageError, match="HKONT: '12345678901' has 11 characters, 10 fit"):
        rows("sap_s4hana", entry(), more='accounts: {"5100": "12345678901", "2100": "1"}\n')


def test_a_formula_in_a_memo_is_defused_and_in_a_code_refused() -> None:
    bad = entry()
    bad["lines"][0]["memo"] = "\t=1+1"
    assert "'=1+1" in [cell for row in rows("netsuite", bad) for cell in row]
    with pytest.raises(UsageError, match="Account: '=1' starts like a formula"):
        rows("netsuite", entry(), more='accounts: {"5100": "=1", "2100": "1"}\n')


@pytest.mark.parametrize(
    "account_format", ["{cost_center}-{account}", "{account}-{colour}", "account"]
)
def test_an_account_format_that_cannot_be_read_back_is_refused(account_format: str) -> None:
    wrong = f'{{journal_name: GenJrn, account_format: "{account_format}"}}'
    with pytest.raises(RuleFileError, match="account_format is"):
        import_files([entry()], target("dynamics_365", settings=wrong))


def test_an_account_that_contains_the_divider_is_refused() -> None:
    given_format = '{journal_name: GenJrn, account_format: "{account}-{cost_center}"}'
    codes = 'accounts: {"5100": "51-00", "2100": "2100"}\n'
    with pytest.raises(RuleFileError, match="account 51-00 contains '-'"):
        import_files([entry()], target("dynamics_365", codes, settings=given_format))


@pytest.mark.parametrize("number", ["0", "31", "three"])
def test_the_segment_of_the_account_is_a_number_to_thirty(number: str) -> None:
    settings = SETTINGS["oracle_fbdi"].replace('"3"', f'"{number}"')
    with pytest.raises(RuleFileError, match="account_segment"):
        import_files([entry()], target("oracle_fbdi", settings=settings))


def test_a_filling_over_an_account_is_found_when_the_file_is_read_back() -> None:
    filled = target("netsuite", "columns: {Account: {value: '9999'}}\n")
    with pytest.raises(ConservationError, match="4 lines of the netsuite file differ"):
        import_files([entry()], filled)


def test_a_file_with_one_cent_changed_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _spoil(monkeypatch, xero, b",10.00,", b",10.01,")
    with pytest.raises(UnbalancedEntryError, match="out of balance by 1 minor units"):
        import_files([entry()], target("xero"))


def test_a_file_with_an_amount_finer_than_a_cent_is_not_given_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _spoil(monkeypatch, xero, b",10.00,", b",10.001,")
    with pytest.raises(UnbalancedEntryError, match="expected whole minor units"):
        import_files([entry()], target("xero"))


def test_a_lost_document_is_found() -> None:
    layout = load_import("netsuite").LAYOUT
    documents = documents_of([("2026-accrual-000001", entry_from_json(entry()))], layout)
    with pytest.raises(ConservationError, match="2 lines of the netsuite file differ"):
        prove([], documents, account=str, erp="netsuite")


def _spoil(patch: pytest.MonkeyPatch, module: ModuleType, old: bytes, new: bytes) -> None:
    write = module.write

    def spoiled(*given: Any) -> bytes:
        content: bytes = write(*given)
        assert old in content
        return content.replace(old, new)

    patch.setattr(module, "write", spoiled)


@pytest.mark.parametrize("content", [b"\xff\xfe", b'"a', b"one,two\r\n1,2\r\n"])
def test_bytes_that_are_no_import_file_are_refused(content: bytes) -> None:
    sheet = sheet_of(load_import("netsuite").LAYOUT, target("netsuite"))
    with pytest.raises(DocumentUnreadableError):
        load_import("netsuite").read_back(content, sheet)


@pytest.mark.parametrize("erp", FORMATS)
def test_the_same_entries_give_the_same_bytes(erp: str) -> None:
    def files() -> tuple[ImportFile, ...]:
        return import_files([entry(), entry("2026-accrual-000002", 5, -3)], target(erp))

    assert files() == files()


@given(day=st.dates(), style=st.sampled_from(DATE_STYLES))
def test_a_day_is_read_as_it_was_written(day: Any, style: str) -> None:
    assert day_from(dated(day, style), style) == day


def test_an_unknown_date_format_names_the_known_ones() -> None:
    wrong = target("netsuite", settings="{date_format: YY-M-D}")
    with pytest.raises(RuleFileError, match="expected one of YYYY-MM-DD"):
        import_files([entry()], wrong)


def test_a_text_ledger_is_no_import_format_and_the_other_way_round() -> None:
    with pytest.raises(UnknownPluginError, match="hledger is a text ledger"):
        load_import("hledger")
    with pytest.raises(UnknownPluginError, match="xero is an import format"):
        load("xero")
    with pytest.raises(UnknownPluginError, match="expected one of beancount"):
        load_import("abacus")


def test_no_entries_are_no_files() -> None:
    assert import_files([], target("xero")) == ()


def test_sap_and_netsuite_say_the_fiscal_period_where_an_entry_has_one() -> None:
    fiscal = entry(fiscal_period="2027-04")
    labels, heading, *_ = rows("sap_s4hana", fiscal)
    assert heading[labels.index("MONAT")] == "04"
    assert rows("sap_s4hana", entry())[1][labels.index("MONAT")] == ""
    pattern = '{subsidiary: Main, posting_period: "P{number} FY{year}"}'
    (one,) = import_files([fiscal], target("netsuite", settings=pattern))
    header, first, *_ = csv_rows(one.content)
    assert first[header.index("Posting Period")] == "P04 FY2027"
    (other,) = import_files([entry()], target("netsuite", settings=pattern))
    assert csv_rows(other.content)[1][header.index("Posting Period")] == "P10 FY2026"
    assert rows("netsuite", fiscal)[1][header.index("Posting Period")] == "Oct 2026"
