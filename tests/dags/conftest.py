"""Our DAGs, read as the DAG processor reads them."""

import pytest

from tests.dags.airflow_home import REPOSITORY  # isort: skip  before anything of Airflow
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG


@pytest.fixture(scope="session")
def bag() -> DagBag:
    """All files of dags/."""
    return DagBag(dag_folder=REPOSITORY / "dags")


@pytest.fixture(scope="session")
def dags(bag: DagBag) -> dict[str, DAG]:
    """The DAGs by id."""
    return dict(bag.dags)
