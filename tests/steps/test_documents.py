"""Which fetched documents are read as bills, and what is remarked about them."""

from pathlib import Path
from typing import Any

import pytest
from tests.steps.handed_in import OCTOBER, read

from tieout.sources.base import RawDocument, load_provider
from tieout.steps import pull
from tieout.steps.context import Context
from tieout.store import findings, intake

SUMMARIES = Path(__file__).parents[1] / "golden" / "aws_invoicing" / "several_invoices"


def _fetched(name: str, kind: Any, content: bytes, **request: str) -> RawDocument:
    return RawDocument(
        name=name, kind=kind, content=content, media_type="application/json", request=request
    )


def test_a_copy_for_evidence_is_kept_and_not_read_and_an_exchange_rate_is_remarked(
    desk: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (SUMMARIES / "document.json").read_bytes()
    papers = (
        _fetched("summaries.json", "billing_document", content, format="aws_invoicing"),
        _fetched("invoice.pdf", "data", b"%PDF-1.4\n% the picture of an invoice\n%%EOF\n"),
    )
    monkeypatch.setattr(load_provider("aws"), "fetch_documents", lambda *_, **__: papers)
    pull.run(desk, provider="aws", period=str(OCTOBER), kinds=("documents",))
    read(desk, "aws")
    with desk.store.transaction() as tx:
        kinds = [one.finding.kind for one in findings.for_period(tx, str(OCTOBER))]
        assert intake.open_papers(tx, None) == []
    assert "invoice_exchanged" in kinds
    assert "document_unreadable" not in kinds
