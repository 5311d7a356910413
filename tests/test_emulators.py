"""The emulators that other tests lean on behave as those tests expect."""

from decimal import Decimal
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from tests.emulators import Azurite, BigQueryEmulator, FocusValidator, Prism

OPENAPI = Path(__file__).parent / "data" / "openapi"
LABELS = [{"key": "team", "value": "search"}, {"key": "env", "value": "prod"}]
HEADERS = {"Authorization": "Bearer x", "x-api-key": "x", "anthropic-version": "2023-06-01"}
COST_REPORT = "/v1/organizations/cost_report?starting_at=2026-10-01T00:00:00Z"


def test_azurite_keeps_and_lists_blobs_for_the_real_client(azurite: Azurite) -> None:
    with BlobServiceClient(azurite.blob_url, credential=azurite.key) as service:
        container = service.create_container("smoke")
        container.upload_blob("exports/2026-10/part-1.csv", b"a,b\n1,2\n")
        container.upload_blob("exports/2026-11/part-1.csv", b"")
        with pytest.raises(ResourceExistsError):
            container.upload_blob("exports/2026-10/part-1.csv", b"other")
        assert container.download_blob("exports/2026-10/part-1.csv").readall() == b"a,b\n1,2\n"
        assert [*container.list_blob_names(name_starts_with="exports/2026-11")] == [
            "exports/2026-11/part-1.csv"
        ]


@pytest.fixture(scope="module")
def client(bigquery_emulator: BigQueryEmulator) -> bigquery.Client:
    return bigquery.Client(
        project=bigquery_emulator.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # google-auth has no types here
        client_options={"api_endpoint": bigquery_emulator.rest_url},
    )


def test_bigquery_answers_nested_labels_and_credits(client: bigquery.Client) -> None:
    pair = (
        bigquery.SchemaField("key", "STRING"),
        bigquery.SchemaField("value", "STRING"),
    )
    credit = (
        bigquery.SchemaField("name", "STRING"),
        bigquery.SchemaField("amount", "FLOAT64"),
    )
    schema = [
        bigquery.SchemaField("sku_id", "STRING"),
        bigquery.SchemaField("cost", "NUMERIC"),
        bigquery.SchemaField("labels", "RECORD", mode="REPEATED", fields=pair),
        bigquery.SchemaField("credits", "RECORD", mode="REPEATED", fields=credit),
    ]
    client.create_dataset("smoke")
    table = client.create_table(bigquery.Table(f"{client.project}.smoke.export", schema=schema))
    row = {
        "sku_id": "sku-1",
        "cost": "10.25",
        "labels": LABELS,
        "credits": [{"name": "spend", "amount": -1.5}, {"name": "promo", "amount": -0.25}],
    }
    assert client.insert_rows_json(table, [row]) == []
    statement = """
        SELECT sku_id, cost, labels, credits,
               (SELECT l.value FROM UNNEST(labels) AS l WHERE l.key = 'team' LIMIT 1) AS team
        FROM `smoke.export` WHERE sku_id = @sku
    """
    config = bigquery.QueryJobConfig(
        query_parameters=[bigquery.ScalarQueryParameter("sku", "STRING", "sku-1")]
    )
    (found,) = client.query(statement, job_config=config).result()
    assert (found["cost"], found["team"]) == (Decimal("10.25"), "search")
    assert found["labels"] == LABELS
    assert [credit["amount"] for credit in found["credits"]] == [-1.5, -0.25]


def test_bigquery_says_what_it_does_not_have(client: bigquery.Client) -> None:
    with pytest.raises(NotFound):
        client.get_table(f"{client.project}.smoke.no_such_table")


@pytest.mark.parametrize(
    ("specification", "path", "key"),
    [
        ("openai-admin", "/organization/costs?start_time=1", "data"),
        ("anthropic-usage-cost", COST_REPORT, "data"),
        ("github-org-billing", "/organizations/octo/settings/billing/usage", "usageItems"),
        ("github-enterprise-billing", "/enterprises/octo/settings/billing/usage", "usageItems"),
    ],
)
def test_prism_answers_with_the_documented_example(
    prism: Prism, specification: str, path: str, key: str
) -> None:
    url = prism(OPENAPI / f"{specification}.openapi.json")
    answer = requests.get(url + path, headers=HEADERS, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.json()[key]


def test_the_focus_validator_names_the_rules_that_a_file_breaks(
    focus_validator: FocusValidator, tmp_path: Path
) -> None:
    file = tmp_path / "short.csv"
    file.write_text("BilledCost,BillingCurrency\n1.25,dollars\n")
    result = focus_validator(file)
    broken = {rule.rule: rule.text for rule in result.failed}
    assert result.checked > 100
    assert "MUST be present" in broken["CostAndUsage-D-008-M"]
    assert "MUST conform to CurrencyFormat" in broken["BillingCurrency-C-003-M"]
    assert "BilledCost-C-001-M" not in broken  # it is a number
