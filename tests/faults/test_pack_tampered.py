"""Nothing in a pack can be touched unseen: single bytes, events, files, lines, whole forgeries.

A few hundred single bytes each time, all of the 2,400 in the long run (TIEOUT_SOAK=1).
"""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.pack_data import a_case, reseal_sums, seal
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tieout.audit import verifier
from tieout.audit.chain import GENESIS, Event, event_hash, export_line
from tieout.audit.checkpoint import checkpoint_of
from tieout.publish.pack_keys import SigningKey, load_key, make_key

pytestmark = pytest.mark.fault
MUTATIONS = 2_400 if os.environ.get("TIEOUT_SOAK") == "1" else 600
EVENTS = "16-audit-events.jsonl"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    file = tmp_path_factory.mktemp("key") / "signing.pem"
    make_key(file)
    found = load_key(str(file))
    assert found is not None
    assert isinstance(found.private, Ed25519PrivateKey)
    return found


@pytest.fixture
def pack(tmp_path: Path, key: SigningKey) -> Path:
    return seal(a_case(lines=24, entries=18), tmp_path, signer=(key.verifier_key, key.line))


def verdict(folder: Path, *arguments: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = verifier.main([str(folder), *arguments])
    return code, said.getvalue().splitlines()[-1]


def test_every_single_byte_that_is_changed_is_found_and_named(pack: Path) -> None:
    files = sorted(path for path in pack.rglob("*") if path.is_file())
    weighted = [path for path in files for _ in range(1 + path.stat().st_size // 1_000)]
    assert verdict(pack)[0] == 0
    missed = []
    for number in range(MUTATIONS):
        drawn = hashlib.sha256(f"seed 20261031, {number}".encode()).digest()
        first, second = (int.from_bytes(drawn[at : at + 8], "big") for at in (0, 8))
        # each file is hit, the large ones more often
        file = files[number] if number < len(files) else weighted[first % len(weighted)]
        good = file.read_bytes()
        at, flip = second % len(good), 1 + drawn[16] % 255
        file.write_bytes(good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :])
        code, line = verdict(pack)
        file.write_bytes(good)
        if code not in {1, 2, 3} or not line.startswith("FAILED: "):
            missed.append((file.name, at, flip, code))
    assert missed == []
    assert verdict(pack)[0] == 0


Lines = list[str]
CHANGES: dict[str, Callable[[Lines], Lines]] = {
    "deleted": lambda lines: lines[:2] + lines[3:],
    "inserted": lambda lines: [*lines[:2], lines[1], *lines[2:]],
    "swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "the first cut": lambda lines: lines[1:],
    "the last cut": lambda lines: lines[:-1],
    "all but two cut": lambda lines: lines[:2],
}


def _chained(texts: Lines) -> Lines:
    """The links of these texts, all right in themselves."""
    previous, found = GENESIS, []
    for seq, text in enumerate(texts, start=1):
        link = event_hash(previous, text.encode())
        found.append(export_line(Event(seq=seq, prev_hash=previous, hash=link, canonical=text)))
        previous = link
    return found


@pytest.mark.parametrize("name", sorted(CHANGES))
@pytest.mark.parametrize("rechained", [False, True])
def test_events_deleted_inserted_moved_or_cut_are_found_whatever_was_hashed_anew(
    name: str, rechained: bool, pack: Path
) -> None:
    lines = (pack / EVENTS).read_text().splitlines()
    if rechained:
        changed = _chained(CHANGES[name]([json.loads(line)["canonical"] for line in lines]))
    else:
        changed = CHANGES[name](lines)
    (pack / EVENTS).write_text("".join(f"{line}\n" for line in changed))
    assert verdict(pack)[0] == 2
    reseal_sums(pack)
    code, line = verdict(pack)
    assert code == 2, line
    assert "event" in line


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_who_makes_a_new_checkpoint_of_the_forged_log_lacks_the_signature(
    name: str, pack: Path
) -> None:
    lines = (pack / EVENTS).read_text().splitlines()
    texts = CHANGES[name]([json.loads(line)["canonical"] for line in lines])
    old = (pack / "16-checkpoint.txt").read_text()
    signature = old.partition("\n\n")[2]
    (pack / EVENTS).write_text("".join(f"{line}\n" for line in _chained(texts)))
    forged = checkpoint_of("tieout/audit-log", texts).text()
    (pack / "16-checkpoint.txt").write_text(f"{forged}\n{signature}")
    (pack / "16-checkpoints" / "000000000002.txt").unlink()
    reseal_sums(pack)
    code, line = verdict(pack)
    assert (code, "not signed by" in line) == (2, True), line


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_without_a_key_the_checkpoint_kept_outside_finds_the_same(
    name: str, pack: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = tmp_path_factory.mktemp("outside") / "kept.txt"
    kept.write_bytes((pack / "16-checkpoint.txt").read_bytes())
    lines = (pack / EVENTS).read_text().splitlines()
    texts = CHANGES[name]([json.loads(line)["canonical"] for line in lines])
    (pack / EVENTS).write_text("".join(f"{line}\n" for line in _chained(texts)))
    (pack / "16-checkpoint.txt").write_text(checkpoint_of("tieout/audit-log", texts).text())
    (pack / "16-checkpoints" / "000000000002.txt").unlink()
    (pack / "16-public-key.txt").unlink()
    reseal_sums(pack)
    code, line = verdict(pack, "--checkpoint", str(kept))
    assert code == 2, line
    assert "events, the log has" in line or "have another root" in line


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_deleted_file_and_swapped_lines_are_found(suffix: str, pack: Path) -> None:
    file = min(pack.glob(f"0[12]-*.{suffix}"))
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([lines[0], lines[2], lines[1], *lines[3:]]))
    assert verdict(pack)[0] == 2
    reseal_sums(pack)
    code, line = verdict(pack)
    assert (code, f"{file.name}: not what was published" in line) == (2, True), line
    file.unlink()
    assert verdict(pack)[0] == 3
