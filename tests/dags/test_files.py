import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG

FOLDER = Path(__file__).parents[2] / "dags"
FILES = sorted(FOLDER.glob("*.py"))
ALLOWED_AT_TOP = ("airflow.sdk", "airflow.providers.standard", "pendulum", "tieout")
BANNED_ANYWHERE = ("airflow.models", "airflow.settings", "airflow.utils.session", "sqlalchemy")


def imported(nodes: Iterator[ast.AST]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def test_every_file_loads_without_secrets(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert sorted(bag.dags) == [
        "daily_alerts",
        "daily_sync",
        "monthly_close",
        "reapply",
        "receive_documents",
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_thin(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_imports_only_what_says_when_and_in_what_order(file: Path) -> None:
    module = ast.parse(file.read_text(encoding="utf-8"))
    for name in imported(iter(module.body)):
        assert name.startswith(ALLOWED_AT_TOP), name
        assert not name.startswith("tieout."), f"{name}: steps are imported inside the tasks"
    for name in imported(ast.walk(module)):
        assert not name.startswith(BANNED_ANYWHERE), name


def test_every_dag_says_what_it_is_for(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        assert dag.doc_md, dag.dag_id
        assert {"tieout", "finance"} <= set(dag.tags)


def test_every_task_has_an_owner_and_says_how_often_it_retries(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            assert task.owner == "finance-platform", task.task_id
            assert task.retries in {0, 2, 3}, task.task_id
            assert task.retry_policy is not None, task.task_id


def test_only_the_task_that_judges_is_never_retried(
    dags: dict[str, DAG],
) -> None:
    never = {task.task_id for dag in dags.values() for task in dag.tasks if not task.retries}
    assert never == {"verify_closed"}
