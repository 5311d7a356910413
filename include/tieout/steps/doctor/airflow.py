"""The doctor's look at Airflow: version and the settings that guard it, without importing it.

Owns which settings matter. They are read as Airflow reads them: environment first (`AIRFLOW__...`,
also its `_CMD` and `_SECRET` forms), then `airflow.cfg`, then the default named here.
"""

from collections.abc import Iterator, Mapping
from configparser import Error as UnreadableError
from configparser import RawConfigParser
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tieout.steps.doctor.points import Area, Point

LEAST_JWT_BYTES = 64
SENSITIVE = ("admin_key", "account_key", "account_sas", "sig", "signing_key", "salt")
OLDEST = (3, 1)
ELSEWHERE = "(kept elsewhere)"
_AREA = Area("airflow")
_SIMPLE = "SimpleAuthManager"


@dataclass(frozen=True, slots=True)
class Options:
    """Airflow's settings as an environment and a file give them."""

    environ: Mapping[str, str]
    file: RawConfigParser

    def get(self, section: str, name: str) -> str:
        """The value; empty when it is not set, `ELSEWHERE` when a command or backend gives it."""
        variable = f"AIRFLOW__{section.upper()}__{name.upper()}"
        if variable in self.environ:
            return self.environ[variable].strip()
        if any(f"{variable}{form}" in self.environ for form in ("_CMD", "_SECRET")):
            return ELSEWHERE
        given = self.file.get(section, name, fallback="").strip()
        other = any(self.file.has_option(section, f"{name}{form}") for form in ("_cmd", "_secret"))
        return given or (ELSEWHERE if other else "")


def look(environ: Mapping[str, str], *, demo: bool) -> Iterator[Point]:
    """All points about Airflow; a machine without any of its settings gets one warning."""
    yield _version()
    home = Path(environ.get("AIRFLOW_HOME") or Path.home() / "airflow")
    file = home / "airflow.cfg"
    if not file.exists() and not any(name.startswith("AIRFLOW__") for name in environ):
        mend = "run this once more in the API server's container, with its environment"
        yield _AREA.warn("settings", f"none here: no AIRFLOW__ variable and no {file}", mend)
        return
    parsed = RawConfigParser(strict=False)
    try:
        parsed.read(file, encoding="utf-8")
    except (UnreadableError, UnicodeDecodeError) as error:
        why = str(error).splitlines()[0]
        yield _AREA.fail("settings", f"{file} cannot be read: {why}", "correct the file")
        return
    options = Options(environ, parsed)
    yield from (_manager(options, demo=demo), _jwt(options), _masked(options))
    yield from (_config(options), _fernet(options), _zone(options))


def _version() -> Point:
    try:
        found = version("apache-airflow")
    except PackageNotFoundError:
        mend = "install the locked packages: requirements.txt"
        return _AREA.fail("version", "Airflow is not installed here", mend)
    return judged_version(found)


def judged_version(found: str) -> Point:
    """3.1 or newer: earlier ones have no navigation entry and no event log to read."""
    parts = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    wanted = ".".join(map(str, OLDEST))
    mend = f"move to Airflow {wanted} or newer, best to the one in requirements.txt"
    return _AREA.judge("version", good=parts >= OLDEST, found=f"Airflow {found}", mend=mend)


def _manager(options: Options, *, demo: bool) -> Point:
    manager = options.get("core", "auth_manager").rpartition(".")[2] or _SIMPLE
    if manager != _SIMPLE:
        return _AREA.ok("auth manager", manager)
    found = f"{_SIMPLE}: a log-in that anybody on the machine can forge"
    mend = "set [core] auth_manager to FabAuthManager or your identity provider's"
    if demo:
        return _AREA.warn("auth manager", f"{found}; this is a demo", mend)
    return _AREA.fail("auth manager", found, mend)


def _jwt(options: Options) -> Point:
    secret = options.get("api_auth", "jwt_secret")
    mend = "set [api_auth] jwt_secret to 64 random bytes, the same in every component"
    if secret == ELSEWHERE:
        return _AREA.ok("jwt secret", "comes from a command or a secrets backend")
    size = len(secret.encode())
    found = f"{size} bytes" if size else "not set: each component makes its own"
    return _AREA.judge("jwt secret", good=size >= LEAST_JWT_BYTES, found=found, mend=mend)


def _masked(options: Options) -> Point:
    named = {one.strip() for one in options.get("core", "sensitive_var_conn_names").split(",")}
    missing = [name for name in SENSITIVE if name not in named]
    return _AREA.judge(
        "masked names",
        good=not missing,
        found=f"Airflow's logs would show {', '.join(missing)}" if missing else "all are masked",
        mend=f"set [core] sensitive_var_conn_names={','.join(SENSITIVE)}",
    )


def _config(options: Options) -> Point:
    shown = options.get("api", "expose_config").lower() or "false"
    mend = "set [api] expose_config = False"
    found = f"expose_config is {shown}"
    return _AREA.judge("expose config", good=shown in {"false", "f", "0"}, found=found, mend=mend)


def _fernet(options: Options) -> Point:
    kept = options.get("core", "fernet_key")
    found = "set" if kept else "not set: connections stand in clear in Airflow's database"
    mend = "set [core] fernet_key, the same in every component"
    return _AREA.judge("fernet key", good=bool(kept), found=found, mend=mend)


def _zone(options: Options) -> Point:
    zone = options.get("core", "default_timezone") or "utc"
    if zone.lower() in {"utc", "etc/utc"}:
        return _AREA.ok("time zone", "UTC")
    mend = "set [core] default_timezone = utc: a provider's day is a UTC day"
    return _AREA.warn("time zone", f"Airflow's days are those of {zone}", mend)
