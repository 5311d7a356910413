"""The second opinion: what it passes, and that it finds each thing that was touched."""

import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tieout.audit import verifier
from tieout.audit.chain import GENESIS, Event, event_hash, export_line
from tieout.audit.checkpoint import checkpoint_of
from tieout.core.ids import sha256_hex

TEXTS = ['{"action":"pull"}', '{"action":"post","subject":"é"}', '{"action":"close"}']


def entry(number: int, *, reverses: str | None = None, credit: int = 1234567) -> dict[str, object]:
    return {
        "document_no": f"2026-accrual-{number:06d}",
        "idempotency_key": f"key-{number}",
        "reverses": reverses,
        "lines": [
            {"debit_minor": 1234567, "credit_minor": 0},
            {"debit_minor": 0, "credit_minor": credit},
        ],
    }


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    previous = GENESIS
    lines = []
    for seq, text in enumerate(TEXTS, start=1):
        link = event_hash(previous, text.encode())
        lines.append(export_line(Event(seq=seq, prev_hash=previous, hash=link, canonical=text)))
        previous = link
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "old.txt").write_text(checkpoint_of("tieout", TEXTS[:2]).text())
    (tmp_path / "now.txt").write_text(checkpoint_of("tieout", TEXTS).text())
    write_entries(tmp_path, [entry(1), entry(2, reverses="key-1"), entry(3)])
    seal(tmp_path)
    return tmp_path


def write_entries(pack: Path, entries: list[dict[str, object]]) -> None:
    (pack / "entries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in entries))


def seal(pack: Path) -> None:
    names = ("events.jsonl", "entries.jsonl", "now.txt", "old.txt")
    rows = [f"{sha256_hex((pack / name).read_bytes())}  {name}\n" for name in names]
    (pack / "SHA256SUMS").write_text("".join(rows))


def arguments(pack: Path) -> list[str]:
    return [
        *("--manifest", str(pack / "SHA256SUMS"), "--events", str(pack / "events.jsonl")),
        *("--checkpoint", str(pack / "old.txt"), "--checkpoint", str(pack / "now.txt")),
        *("--entries", str(pack / "entries.jsonl")),
    ]


def test_an_untouched_pack_passes_without_tieout_and_without_packages(pack: Path) -> None:
    program = [sys.executable, "-I", "-S", str(Path(verifier.__file__)), *arguments(pack)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("ok: ")) == (0, 5), done.stdout + done.stderr


def test_it_says_what_holds(
    pack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["verifier.py", *arguments(pack)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(verifier.__file__, run_name="__main__")
    assert exit_.value.code == 0
    assert verifier.main(arguments(pack)) == 0
    assert capsys.readouterr().out.splitlines()[:5] == [
        "ok: 4 files have the hashes of the manifest",
        "ok: 3 events, every link holds",
        "ok: old.txt: the log agrees with it (2 events)",
        "ok: now.txt: the log agrees with it (3 events)",
        "ok: 3 entries balance, are numbered without a gap and reversed at most once",
    ]


def test_an_empty_log_agrees_with_the_checkpoint_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("")
    (tmp_path / "empty.txt").write_text(checkpoint_of("tieout", []).text())
    inputs = ["--events", str(tmp_path / "events.jsonl")]
    assert verifier.main([*inputs, "--checkpoint", str(tmp_path / "empty.txt")]) == 0


def test_it_imports_the_standard_library_only() -> None:
    tree = ast.parse(Path(verifier.__file__).read_text())
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_manifest_and_entries_may_be_left_out(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--events", str(pack / "events.jsonl"), "--checkpoint", str(pack / "now.txt")]
    assert verifier.main(short) == 0
    assert "3 events, every link holds" in capsys.readouterr().out


def test_every_changed_byte_of_the_log_is_found(pack: Path) -> None:
    log = pack / "events.jsonl"
    good = log.read_bytes()
    short = ["--events", str(log), "--checkpoint", str(pack / "now.txt")]
    for at in range(0, len(good) - 1, 3):
        log.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert verifier.main(short) in {1, 2}, f"byte {at}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "stands for 3 events, the log has 2"),
        (lambda lines: [lines[0], lines[2]], "event 2: found number 3"),
        (lambda lines: [*lines, "[]"], "line 4: not a JSON object"),
    ],
)
def test_a_cut_or_reordered_log_is_named(
    pack: Path, capsys: pytest.CaptureFixture[str], change: object, message: str
) -> None:
    assert callable(change)
    log = pack / "events.jsonl"
    log.write_text("\n".join(change(log.read_text().splitlines())))
    assert verifier.main(arguments(pack)[2:]) == 2
    assert message in capsys.readouterr().out


def test_a_rewritten_log_does_not_agree_with_an_older_checkpoint(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pack / "old.txt").write_text(checkpoint_of("tieout", ["{}", TEXTS[1]]).text())
    assert verifier.main(arguments(pack)[2:]) == 2
    assert "the first 2 events have another root" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["tieout\n", "tieout\nthree\nAAAA\n", "tieout\n3\n!\n"])
def test_a_broken_checkpoint_is_an_integrity_failure(pack: Path, text: str) -> None:
    (pack / "now.txt").write_text(text)
    assert verifier.main(arguments(pack)[2:]) == 2


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry(1, credit=1234566)], "debits 1234567, credits 1234566"),
        ([entry(1), entry(3)], "expected number 2"),
        ([entry(1), entry(2, reverses="key-9")], "not a lawful reversal of key-9"),
        ([entry(1), entry(2, reverses="key-1"), entry(3, reverses="key-2")], "key-2"),
        ([entry(1), entry(2, reverses="key-1"), entry(3, reverses="key-1")], "key-1"),
        ([{"document_no": "2026-accrual-000001"}], "line 1: not an entry"),
        ([entry(1) | {"lines": []}], "debits 0, credits 0"),
    ],
)
def test_a_wrong_journal_is_a_content_failure(
    pack: Path,
    capsys: pytest.CaptureFixture[str],
    entries: list[dict[str, object]],
    message: str,
) -> None:
    write_entries(pack, entries)
    seal(pack)
    assert verifier.main(arguments(pack)) == 1
    assert message in capsys.readouterr().out


def test_a_changed_file_and_a_path_outside_the_pack_are_found(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pack / "entries.jsonl").write_text("")
    assert verifier.main(arguments(pack)) == 2
    assert "entries.jsonl: its SHA-256 is not" in capsys.readouterr().out
    (pack / "SHA256SUMS").write_text(f"{'0' * 64}  ../outside\n")
    assert verifier.main(arguments(pack)) == 2
    assert "not a hash and a path below it" in capsys.readouterr().out


def test_missing_and_unreadable_inputs_are_told_apart(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verifier.main([]) == 3
    (pack / "old.txt").unlink()
    assert verifier.main(arguments(pack)[2:]) == 3
    assert "cannot be read" in capsys.readouterr().out
    (pack / "events.jsonl").write_bytes(b"\xff")
    assert verifier.main(arguments(pack)[2:]) == 2
    assert "not UTF-8" in capsys.readouterr().out
