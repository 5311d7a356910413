"""What `make up` prints: it leads to the pages, with log-ins that are really there."""

from pathlib import Path

import pytest
import yaml
from demo import welcome
from demo.airflow import PASSWORDS, ROLES

PEOPLE = Path(__file__).parents[1] / "sample" / "policies" / "people.yaml"


def test_every_log_in_is_told_with_what_it_may_do(capsys: pytest.CaptureFixture[str]) -> None:
    welcome.tell("http://127.0.0.1:1")
    told = capsys.readouterr().out
    known = {one["person_id"] for one in yaml.safe_load(PEOPLE.read_text())["people"]}
    assert known == set(ROLES) == set(welcome.MAY)
    for name, password in PASSWORDS.items():
        (line,) = [one for one in told.splitlines() if one.startswith(f"  {name} ")]
        assert password in line
        assert welcome.MAY[name] in line
    assert "http://127.0.0.1:1/plugin/tieout/tieout/" in told
