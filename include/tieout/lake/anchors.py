"""Anchors: copies of a checkpoint out of the database's reach, in a folder and as git tags.

Owns how a copy is written and read again. A copy that is there is never written over: if it says
something else, that is the finding. Which checkpoints are anchored is the step's business.
"""

import subprocess
from collections.abc import Mapping

from tieout.core.errors import IntegrityError, SettingError
from tieout.lake.folder import Folder

_TIMEOUT_S = 60
_TAGS = "refs/tags/tieout-checkpoint-*"
_TAGGER = {
    "GIT_COMMITTER_NAME": "tieout",
    "GIT_COMMITTER_EMAIL": "tieout@localhost",
    "GIT_TERMINAL_PROMPT": "0",
}


def places(size: int, *, url: str, repository: str) -> list[dict[str, str]]:
    """Where the checkpoint of this size is to be found; empty when nothing is configured."""
    found = []
    if url:
        found.append({"kind": "folder", "place": f"{url.rstrip('/')}/{_name(size)}.txt"})
    if repository:
        found.append({"kind": "git tag", "place": f"{repository} refs/tags/{_name(size)}"})
    return found


def put(anchor: Mapping[str, str], note: str) -> None:
    """Write the copy unless it is there.

    Raises:
        IntegrityError: another text is there; names the place.
        SettingError: the place cannot be written to.
    """
    there = get(anchor)
    if there is None:
        _write(anchor, note)
    elif _body(there) != _body(note):
        raise IntegrityError(
            f"The anchor {anchor['place']} holds another checkpoint than the database: expected "
            f"{_body(note)!r}, found {_body(there)[:200]!r}; one of the two was changed."
        )


def get(anchor: Mapping[str, str]) -> str | None:
    """The copy as it is outside; None when there is none."""
    if anchor["kind"] == "folder":
        url, _, name = anchor["place"].rpartition("/")
        folder = Folder(url)
        return folder.get(name).decode() if folder.has(name) else None
    repository, _, tag = anchor["place"].rpartition(" ")
    known = _git(repository, "for-each-ref", "--format=%(objectname)", tag).strip()
    return _git(repository, "cat-file", "blob", f"{tag}^{{blob}}") if known else None


def reach(kind: str, place: str) -> str:
    """What is found at a place (`folder` or `git`), without writing to it.

    Raises:
        SettingError: it cannot be read.
    """
    if kind == "git":
        count = len(_git(place, "for-each-ref", "--format=%(refname)", _TAGS).splitlines())
        return f"a repository with {count} checkpoints"
    try:
        Folder(place).has(_name(0))
    except Exception as error:  # each kind of bucket has refusals of its own
        raise SettingError(f"Cannot read the anchor {place}: {error}.") from error
    return "can be read"


def _write(anchor: Mapping[str, str], note: str) -> None:
    if anchor["kind"] == "folder":
        url, _, name = anchor["place"].rpartition("/")
        Folder(url).put(name, note.encode())
        return
    repository, _, tag = anchor["place"].rpartition(" ")
    blob = _git(repository, "hash-object", "-w", "--stdin", given=note).strip()
    name = tag.removeprefix("refs/tags/")
    _git(repository, "tag", "--annotate", "--file=-", "--no-sign", name, blob, given=note)
    if "origin" in _git(repository, "remote").split():
        _git(repository, "push", "--quiet", "origin", tag)


def _git(repository: str, *arguments: str, given: str = "") -> str:
    command = ["/usr/bin/env", *(f"{name}={value}" for name, value in _TAGGER.items())]
    command += ["git", "-C", repository, *arguments]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingError(
            f"Cannot run git on {repository}: {error}; install git, or unset TIEOUT_ANCHOR_GIT."
        ) from None
    if done.returncode:
        raise SettingError(
            f"git {arguments[0]} failed in {repository}: {done.stderr.strip()[:200]}; set "
            "TIEOUT_ANCHOR_GIT to a repository that this process may write to."
        )
    return done.stdout


def _name(size: int) -> str:
    return f"tieout-checkpoint-{size:012d}"


def _body(note: str) -> str:
    return note.partition("\n\n")[0].removesuffix("\n")
