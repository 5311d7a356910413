"""The real SDKs against the stand-ins: request, bytes, charges, and the totals to the unit."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from demo.standins import ACCOUNTS, BUCKET, StandIns

from tieout.config import ProviderConnection, Secret
from tieout.core.errors import (
    DocumentUnreadableError,
    NotReadyError,
    SettingError,
    SourceAnswerError,
)
from tieout.core.money import to_units
from tieout.core.period import Period
from tieout.focus.columns import CHARGE_SCHEMA, with_attr_ids
from tieout.sources.base import Normalised, RawDocument, load_invoice_format, load_provider
from tieout.sources.providers import aws

OCTOBER = Period(2026, 10)
THROUGH = date(2026, 10, 31)
NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
TRUTH: dict[str, Any] = json.loads((Path("sample") / "truth.json").read_text())


def truth_of(cloud: str) -> dict[str, Any]:
    """What the builder of a cloud's bills says must be found."""
    path = Path("sample") / "bills" / cloud / "truth.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


Connect = Callable[[str], ProviderConnection]


def pull(name: str, connection: ProviderConnection) -> tuple[RawDocument, ...]:
    provider = load_provider(name)
    wanted: dict[str, Any] = {"account": ACCOUNTS[name], "period": OCTOBER, "now": NOW}
    cost = provider.fetch_cost(connection, through=THROUGH, **wanted)
    return (*cost, *provider.fetch_usage(connection, through=THROUGH, **wanted))


def normalised(name: str, connection: ProviderConnection) -> Normalised:
    documents = pull(name, connection)
    return load_provider(name).to_focus(documents, account=ACCOUNTS[name], period=OCTOBER)


def by_sub_account(result: Normalised) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in result.charges.to_pylist():
        key = row["sub_account_id"]
        sums[key] = sums.get(key, 0) + to_units(row["billed_cost"])
    return sums


@pytest.mark.parametrize(
    ("as_of", "total"),
    [
        (date(2026, 11, 1), TRUTH["openai"]["cost_api_total_when_pulled_on_first"]),
        (date(2026, 11, 3), TRUTH["openai"]["cost_api_total_final"]),
    ],
)
def test_openai_totals_are_the_known_ones(
    world: StandIns, connect: Connect, as_of: date, total: str
) -> None:
    world.set_as_of(as_of)
    result = normalised("openai", connect("openai"))
    # the first pull's pages print one amount a few 1e-16 shorter than the truth was computed with
    assert to_units(result.totals.source_total) == to_units(total)
    assert abs(result.totals.residual_units()) * 2 <= result.totals.rows_in
    assert result.findings == ()


def test_openai_projects_have_their_names_and_totals(final: StandIns, connect: Connect) -> None:
    result = normalised("openai", connect("openai"))
    expected = TRUTH["openai"]["cost_api_by_project"]
    found = by_sub_account(result)
    assert found.keys() == expected.keys()
    rows = result.totals.rows_in
    assert all(abs(found[key] - to_units(expected[key])) * 2 <= rows for key in expected)
    assert set(result.charges["sub_account_name"].to_pylist()) == {
        "SupportBot",
        "SearchRank",
        "Internal",
    }


def test_anthropic_cents_become_dollars_exactly(final: StandIns, connect: Connect) -> None:
    result = normalised("anthropic", connect("anthropic"))
    assert result.totals.loaded_units == to_units(TRUTH["anthropic"]["usage_usd"])
    cents = TRUTH["anthropic"]["by_workspace_cents"]
    assert by_sub_account(result) == {key: to_units(cents[key]) // 100 for key in cents}
    listed = sum(to_units(cost) for cost in result.charges["list_cost"].to_pylist())
    assert listed == to_units(TRUTH["anthropic"]["analytics_list_cents"]) // 100


def test_anthropic_usage_has_the_priority_tokens_that_cost_has_not(
    final: StandIns, connect: Connect
) -> None:
    provider = load_provider("anthropic")
    documents = pull("anthropic", connect("anthropic"))
    usage = provider.to_usage(documents, account=ACCOUNTS["anthropic"], period=OCTOBER)
    priority = [row for row in usage.usage.to_pylist() if row["service_tier"] == "priority"]
    tokens = sum(row["input_tokens"] + row["output_tokens"] for row in priority)
    assert tokens == TRUTH["anthropic"]["priority_tier_tokens_in_usage_but_not_in_cost"]
    charges = provider.to_focus(documents, account=ACCOUNTS["anthropic"], period=OCTOBER).charges
    assert "priority" not in charges["x_service_tier"].to_pylist()


@pytest.mark.parametrize("state", ["draft", "final"])
def test_aws_totals_are_the_known_ones(world: StandIns, connect: Connect, state: str) -> None:
    world.set_as_of(date(2026, 11, 1 if state == "draft" else 3))
    result = normalised("aws", connect("aws"))
    assert result.totals.source_total == Decimal(TRUTH["aws"][f"report_total_{state}"])
    invoice_ids = set(result.charges["invoice_id"].to_pylist())
    assert invoice_ids == ({None} if state == "draft" else set(TRUTH["aws"]["invoices"]))
    assert "nordlicht-platform" in result.charges["sub_account_name"].to_pylist()


def test_only_the_files_that_the_manifest_lists_are_read(final: StandIns, connect: Connect) -> None:
    # the draft's files still lie beside the final ones
    names = [one.name for one in pull("aws", connect("aws")) if one.kind == "data"]
    assert len(names) == 2
    assert all("20261103T061840Z" in name for name in names)


@pytest.mark.parametrize("name", sorted(ACCOUNTS))
def test_charges_take_the_charge_schema_with_attribute_ids(
    final: StandIns, connect: Connect, name: str
) -> None:
    charges = with_attr_ids(normalised(name, connect(name)).charges)
    assert charges.schema.names == CHARGE_SCHEMA.names
    assert len(set(charges["line_id"].to_pylist())) == charges.num_rows


def test_no_document_exists_before_the_bills_are_issued(draft: StandIns, connect: Connect) -> None:
    for name, account in ACCOUNTS.items():
        provider = load_provider(name)
        found = provider.fetch_documents(connect(name), account=account, period=OCTOBER, now=NOW)
        assert found == ()


def test_bills_are_read_once_they_are_issued(final: StandIns, connect: Connect) -> None:
    totals: dict[str, list[int]] = {}
    for name, account in ACCOUNTS.items():
        provider = load_provider(name)
        for found in provider.fetch_documents(
            connect(name), account=account, period=OCTOBER, now=NOW
        ):
            read = load_invoice_format(found.request["format"]).read
            bills = read(found.content, document_sha256=found.sha256)
            totals.setdefault(name, []).extend(bill.total_units for bill in bills)
    assert totals == {
        "aws": [to_units(total) for total in TRUTH["aws"]["invoices"].values()],
        "openai": [to_units(TRUTH["openai"]["invoice_total"])],
        "anthropic": [to_units(one["gross"]) for one in TRUTH["anthropic"]["purchases"]],
        "gcp": [to_units(truth_of("gcp")["invoice_total"])],
        "azure": [
            to_units(truth_of("azure")["services_invoice_total"]),
            to_units(truth_of("azure")["marketplace_invoice_total"]),
        ],
    }


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_pull_in_the_middle_of_the_month_has_only_days_up_to_it(
    draft: StandIns, connect: Connect, name: str
) -> None:
    provider = load_provider(name)
    documents = provider.fetch_cost(
        connect(name),
        account=ACCOUNTS[name],
        period=OCTOBER,
        through=date(2026, 10, 14),
        now=NOW,
    )
    charges = provider.to_focus(documents, account=ACCOUNTS[name], period=OCTOBER).charges
    days = {instant.date() for instant in charges["charge_period_start"].to_pylist()}
    assert max(days) <= date(2026, 10, 14)
    assert len(days) == 14


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_connection_without_a_key_is_refused_before_anything_is_sent(
    draft: StandIns, connect: Connect, name: str
) -> None:
    keyless = replace(connect(name), secret=Secret(" "))
    with pytest.raises(SettingError, match=f"tieout_{name} has no password"):
        pull(name, keyless)


def test_a_month_without_a_manifest_is_not_ready(draft: StandIns, connect: Connect) -> None:
    with pytest.raises(NotReadyError, match="wait a day"):
        load_provider("aws").fetch_cost(
            connect("aws"),
            account=ACCOUNTS["aws"],
            period=Period(2026, 11),
            through=THROUGH,
            now=NOW,
        )


def test_a_listed_file_that_is_not_there_stops_the_pull(draft: StandIns, connect: Connect) -> None:
    listed = next(one.name for one in pull("aws", connect("aws")) if one.kind == "data")
    draft._s3().delete_object(Bucket=BUCKET, Key=listed)
    with pytest.raises(SourceAnswerError, match="expected every listed file"):
        pull("aws", connect("aws"))


def test_a_file_cut_short_on_the_way_is_refused_whole(draft: StandIns, connect: Connect) -> None:
    documents = pull("aws", connect("aws"))
    cut = [
        replace(one, content=one.content[:-20]) if one.kind == "data" else one for one in documents
    ]
    with pytest.raises(DocumentUnreadableError, match="truncated gzip"):
        load_provider("aws").to_focus(cut, account=ACCOUNTS["aws"], period=OCTOBER)


def test_account_names_are_read_only_when_they_are_asked_for(
    draft: StandIns, connect: Connect
) -> None:
    connection = connect("aws")
    extra = {key: value for key, value in connection.extra.items() if key != "account_names"}
    documents = pull("aws", replace(connection, extra=extra))
    assert "names" not in {one.kind for one in documents}


def test_a_report_file_that_is_too_large_is_refused(
    draft: StandIns, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "MAX_UNPACKED_BYTES", 10_000)
    with pytest.raises(SourceAnswerError, match="expected at most 10,000"):
        pull("aws", connect("aws"))


def test_the_world_moves_over_http_and_back(world: StandIns) -> None:
    replay = world.endpoints["anthropic"]
    for day in ("2026-11-03", "2026-11-01"):
        moved = httpx.post(f"{replay}/_standin/as-of", json={"date": day})
        assert moved.json() == {"as_of": day}
        health = httpx.get(f"{replay}/_standin/health")
        assert health.json() == {"status": "ok", "as_of": day}
