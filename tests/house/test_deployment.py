"""Dockerfile and compose.yaml, read as an engine reads them; their entry points without one."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.cli import cli_parser
from demo.postgres import Logins, Server
from tests.cli.command import in_a_process

from tieout.cli.main import app
from tieout.steps.doctor import airflow
from tieout.store.logins import LOGINS

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GUIDE = (ROOT / "docs" / "guides" / "run-with-docker.md").read_text()
FOREIGN = {"postgres", "broker"}
OURS = sorted(set(SERVICES) - FOREIGN)
_PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)
_SECRET_PATH = re.compile(r"/run/secrets/(\w+)")


def _instructions() -> list[tuple[str, str]]:
    """Word and arguments of each instruction, with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (one.partition(" ") for one in joined.splitlines())]


def _last_stage() -> list[tuple[str, str]]:
    every = _instructions()
    return every[max(place for place, (word, _) in enumerate(every) if word == "FROM") :]


def _all(word: str) -> list[str]:
    return [rest for found, rest in _instructions() if found == word]


def _environment() -> dict[str, str]:
    """What the image sets, as its last stage says it."""
    pairs = [one for word, rest in _last_stage() if word == "ENV" for one in rest.split()]
    return dict(one.split("=", 1) for one in pairs)


def test_the_image_runs_as_a_user_without_rights_and_in_exec_form() -> None:
    users = [rest for word, rest in _last_stage() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1])
    for word in ("ENTRYPOINT", "CMD"):
        (said,) = _all(word)
        assert isinstance(json.loads(said), list)


def test_both_stages_stand_on_one_base_that_a_digest_can_pin() -> None:
    (base,) = _all("ARG")
    assert re.fullmatch(r"BASE=python:3\.\d+-slim-[a-z]+", base)
    assert [one.partition(" ")[0] for one in _all("FROM")] == ["${BASE}", "${BASE}"]
    assert "BASE=python:3.11-slim-bookworm@sha256:" in GUIDE


def test_packages_come_from_the_lock_with_hashes_and_nothing_is_compiled() -> None:
    runs = " && ".join(_all("RUN"))
    installs = re.findall(r"(?:pip install|pip sync)[^&]*", runs)
    fetched = [one for one in installs if "--no-build-isolation" not in one]
    assert len(fetched) == 2
    assert all("--require-hashes" in one for one in fetched)
    assert "uv pip sync --require-hashes --only-binary :all: requirements-image.txt" in runs
    assert re.search(r"gcc|build-essential|sudo|curl|wget", runs) is None
    assert "--no-install-recommends" in runs
    assert "rm -rf /var/lib/apt/lists/*" in runs
    assert _all("ADD") == []


def test_what_is_copied_is_there_and_passes_the_ignore_file() -> None:
    passed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = {
        source
        for rest in _all("COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    assert sources == passed
    assert all((ROOT / source).exists() for source in sources)


def test_no_secret_is_baked_into_the_image() -> None:
    said = " ".join((*_all("ENV"), *_all("ARG"), *_all("COPY")))
    assert re.search(r"password|secret|token|_key|_url|\.tieout", said, re.IGNORECASE) is None


def test_the_image_has_the_versions_that_were_tested() -> None:
    tested = dict(_PIN.findall((ROOT / "requirements.txt").read_text()))
    image = dict(_PIN.findall((ROOT / "requirements-image.txt").read_text()))
    assert {name: image.get(name) for name in tested} == tested
    assert "apache-airflow-providers-celery" in image
    assert "apache-airflow-providers-fab" in image


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert {"mem_limit", "pids_limit", "cpus"} <= set(service)
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)
    assert service.get("network_mode") != "host"
    assert "docker.sock" not in json.dumps(service)
    assert re.search(r":[^/]*\d", service["image"])


def test_only_loopback_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["network_mode"] == "none"


def test_each_login_is_mounted_where_it_belongs_and_nowhere_else() -> None:
    holders: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for secret in service.get("secrets", ()):
            holders.setdefault(secret, set()).add(name)
    assert holders["web_url"] == {"api-server"}
    assert holders["worker_url"] == {"worker"}
    assert holders["owner_url"] == {"migrate"}
    assert holders["admin_url"] == {"logins"}
    assert "worker" not in holders["airflow_url"] | holders["jwt_secret"] | holders["fernet_key"]
    assert set(holders) == set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_settings_name_secrets_by_file_and_the_container_has_them(name: str) -> None:
    service = SERVICES[name]
    said = json.dumps([service.get("environment", {}), service.get("command", "")])
    named = set(_SECRET_PATH.findall(said))
    assert named <= set(service.get("secrets", ()))
    hidden = re.compile(r"(SECRET|PASSWORD|FERNET|DATABASE_URL|BROKER_URL|CONN)(_KEY)?$")
    plain = [key for key in service.get("environment", {}) if hidden.search(key)]
    assert plain == []


@pytest.mark.parametrize("name", ["api-server", "scheduler", "dag-processor", "triggerer"])
def test_the_doctor_finds_nothing_in_airflow_s_settings(name: str) -> None:
    settings = {**_environment(), **SERVICES[name]["environment"]}
    assert [p.found for p in airflow.look(settings, demo=False) if p.state != "ok"] == []


def test_the_guide_makes_every_secret_that_the_logins_do_not(tmp_path: Path) -> None:
    script = GUIDE.partition("```sh\n")[2].partition("```")[0]
    subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, check=True)
    wanted = {Path(one["file"]).name for one in COMPOSE["secrets"].values()}
    made = {file.name for file in (tmp_path / "secrets").iterdir()}
    assert wanted == made | ({f"{name}.url" for name in LOGINS} - {"reader.url"})
    assert len((tmp_path / "secrets" / "jwt_secret").read_bytes()) >= airflow.LEAST_JWT_BYTES
    assert len((tmp_path / "secrets" / "fernet_key").read_bytes()) == 44


def test_every_command_of_a_container_exists() -> None:
    parser = cli_parser.get_parser()
    known = {command.name for command in app.registered_commands} | {
        command.callback.__name__ for command in app.registered_commands if command.callback
    }
    for name in OURS:
        service = SERVICES[name]
        command = service["command"]
        if service.get("entrypoint") == ["tieout"]:
            assert set(command) <= known
        elif command[0] != "celery":  # from a package that only the image has
            assert parser.parse_args(command).func


def test_the_entry_points_run_without_an_engine(
    postgres_server: Server, postgres_logins: Logins, postgres_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    for file in (postgres_home / "secrets").glob("*.url"):
        shutil.copy(file, tmp_path / "secrets")  # logins of this server that exist are kept
    admin = tmp_path / "admin.url"
    admin.write_text(postgres_server.admin_url)
    base = {
        name: value.replace("/opt/tieout", str(ROOT)).replace("/opt/airflow", str(tmp_path))
        for name, value in _environment().items()
        if name != "PATH"
    } | {"TIEOUT_HOME": str(tmp_path), "HOME": str(tmp_path)}
    owner = str(tmp_path / "secrets" / "owner.url")
    worker = str(tmp_path / "secrets" / "worker.url")
    made = in_a_process(
        [*SERVICES["logins"]["command"], "--json"], {**base, "TIEOUT_DATABASE_URL_FILE": str(admin)}
    )
    assert (made.code, set(json.loads(made.out)["files"])) == (0, {f"{n}.url" for n in LOGINS})
    migrated = in_a_process(
        SERVICES["migrate"]["command"], {**base, "TIEOUT_OWNER_DATABASE_URL_FILE": owner}
    )
    assert (migrated.code, migrated.error) == (0, "")
    settings = {key: str(value) for key, value in SERVICES["api-server"]["environment"].items()}
    airflow_only = {key: value for key, value in settings.items() if key.startswith("AIRFLOW__")}
    looked = in_a_process(
        ["doctor", "--offline", "--json"],
        {**base, **airflow_only, "TIEOUT_WORKER_DATABASE_URL_FILE": worker},
    )
    points = {one["name"]: one["state"] for one in json.loads(looked.out)["points"]}
    assert (points["schema"], points["login worker"], points["jwt secret"]) == ("ok", "ok", "ok")
    version = subprocess.run(
        [sys.executable, "-m", *json.loads(_all("ENTRYPOINT")[0]), *json.loads(_all("CMD")[0])],
        env={**base, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        f"apache-airflow=={version.stdout.split()[-1]}" in (ROOT / "requirements.txt").read_text()
    )
