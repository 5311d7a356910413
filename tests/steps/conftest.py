"""A ledger where October is open and five accounts are registered."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.steps.handed_in import a_desk, context

from tieout.steps.context import Context


@pytest.fixture
def desk(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    """The worker to whom people hand papers in."""
    with a_desk(ledger_database, tmp_path) as made:
        yield made


@pytest.fixture
def pages(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    """The finance pages of the same ledger."""
    made = context(ledger_database.web_url, tmp_path)
    yield made
    made.close()
