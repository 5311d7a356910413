"""The doctor's look at files: the lake, what is published, disk, signing key, anchors.

Owns what is good and what is not. The lake and the published folder are written to and read again
under one fixed name; anchors are only read: what is written there may have to stay for ever.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tieout.lake import anchors
from tieout.lake.files import Lake
from tieout.publish.pack_keys import load_key
from tieout.steps.context import Context
from tieout.steps.doctor.points import Area, Point

LEAST_FREE_BYTES, ENOUGH_FREE_BYTES = 1_000_000_000, 5_000_000_000
_GIGA = 1_000_000_000
_FILES, _PROOF = Area("files"), Area("proof")


def look(context: Context) -> Iterator[Point]:
    """All points about files."""
    settings, said = context.settings, context.now().isoformat()
    places = {"lake": settings.lake_url, "published": settings.publish_url}
    for name, url in places.items():
        setting = "TIEOUT_LAKE_URL" if name == "lake" else "TIEOUT_PUBLISH_URL"
        yield _FILES.attempt(
            name,
            partial(_written, url, said),
            mend=f"let this process write to {setting}, on a file system that keeps what it says",
        )
    local = [url.removeprefix("file://") for url in places.values() if url.startswith("file://")]
    yield from (disk(folder) for folder in dict.fromkeys([str(settings.home), *local]))
    yield _key(settings.signing_key)
    yield from _anchors(settings.anchor_url, settings.anchor_git)


def _written(url: str, said: str) -> str:
    Lake(url).probe(said)
    return "written, flushed to disk and read again"


def disk(folder: str) -> Point:
    """Room where the folder is, or will be."""
    path = Path(folder)
    there = next(place for place in (path, *path.parents) if place.exists())
    return room(folder, shutil.disk_usage(there).free)


def room(folder: str, free: int) -> Point:
    """Below 1 GB a day may not fit, below 5 GB somebody should know."""
    name, found = f"disk {folder}", f"{free / _GIGA:.1f} GB free"
    mend = "make room or move it to a larger volume"
    if free < LEAST_FREE_BYTES:
        return _FILES.fail(name, found, mend)
    return _FILES.warn(name, found, mend) if free < ENOUGH_FREE_BYTES else _FILES.ok(name, found)


def _key(file: str) -> Point:
    if not file:
        mend = (
            "`tieout checkpoint keygen FILE`, then TIEOUT_SIGNING_KEY where checkpoints are "
            "made; workers need none"
        )
        return _PROOF.warn("signing key", "none here: checkpoints are not signed", mend)

    def opened() -> str:
        key = load_key(file)
        return f"mode 0400, {key.verifier_key.rpartition('+')[0]}" if key else "none"

    return _PROOF.attempt("signing key", opened, mend="keep the key in a file of mode 0400")


def _anchors(url: str, repository: str) -> Iterator[Point]:
    if not (url or repository):
        mend = "set TIEOUT_ANCHOR_URL or TIEOUT_ANCHOR_GIT, best to a place of the auditor's"
        yield _PROOF.warn("anchors", "no copy of checkpoints outside the database", mend)
    for kind, place in (("folder", url), ("git", repository)):
        if place:
            yield _PROOF.attempt(
                f"anchor {kind}",
                partial(anchors.reach, kind, place),
                mend="let this process read it, and write new names to it",
            )
