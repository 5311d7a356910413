"""The second opinion: what it passes, and that each check finds what it is there for.

A forger here knows everything but the signing key: after each change all hashes are made anew.
"""

import ast
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.pack_data import a_case, reseal_sums, seal
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.audit.signing import signer
from tests.audit.verdict import failed

from tieout.audit import verifier
from tieout.audit.checkpoint import checkpoint_of
from tieout.core.ids import sha256_hex

TEXTS = ['{"action":"pull"}', '{"action":"post","subject":"é"}', '{"action":"close"}']


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return seal(a_case(), tmp_path / "pack", signer=signer())


def test_an_untouched_pack_passes_without_tieout_and_without_packages(pack: Path) -> None:
    program = [sys.executable, "-I", "-S", str(pack / "verify.py"), str(pack)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("ok: ")) == (0, 13), done.stdout + done.stderr


def test_it_says_what_holds(
    pack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["verify.py", str(pack)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(verifier.__file__, run_name="__main__")
    assert exit_.value.code == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("ok: 21 files have the hashes of the manifest")
    assert said[3].endswith(f"signed by {signer()[0]}")
    assert said[-1] == "ok: signed by ana as preparer and ben as controller"


def test_it_is_short_and_needs_the_standard_library_of_python_39_only() -> None:
    text = Path(verifier.__file__).read_text()
    assert len(text.splitlines()) < 400
    tree = ast.parse(text, feature_version=(3, 9))
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_a_log_alone_is_compared_with_a_checkpoint(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, now = pack / "16-audit-events.jsonl", pack / "16-checkpoint.txt"
    assert verifier.main(["--events", str(log), "--checkpoint", str(now)]) == 0
    assert "NOT SIGNED" in capsys.readouterr().out
    log.write_text("\n".join(log.read_text().splitlines()[:-1]))
    assert verifier.main(["--events", str(log), "--checkpoint", str(now)]) == 2
    log.write_text("")
    now.write_text(checkpoint_of("tieout", []).text())
    assert verifier.main(["--events", str(log), "--checkpoint", str(now)]) == 0


INTEGRITY: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "a file gone": (lambda pack: (pack / "06-bridges.json").unlink(), 3, "and not there"),
    "a file put in": (lambda pack: (pack / "17.txt").write_text(""), 2, "not listed"),
    "a file changed": (lambda pack: (pack / "README.txt").write_text(""), 2, "its SHA-256 is not"),
    "a file listed twice": (
        lambda pack: (pack / "SHA256SUMS").write_text((pack / "SHA256SUMS").read_text() * 2),
        2,
        "listed twice",
    ),
    "no manifest": (lambda pack: (pack / "SHA256SUMS").unlink(), 3, "cannot be read"),
    "a manifest that is no text": (
        lambda pack: (pack / "SHA256SUMS").write_bytes(b"\xff"),
        2,
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", sorted(INTEGRITY))
def test_a_touched_folder_is_found(
    name: str, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch, code, said = INTEGRITY[name]
    touch(pack)
    found = failed(pack, capsys)
    assert (found[0], said in found[1]) == (code, True), found


RESEALED: dict[str, tuple[str, Callable[[bytes], bytes], int, str]] = {
    "another checkpoint": (
        "16-checkpoint.txt",
        lambda _: b"x\n1\n",
        2,
        "not a checkpoint",
    ),
    "a checkpoint without its signature": (
        "16-checkpoint.txt",
        lambda text: text.split(b"\n\n")[0] + b"\n",
        2,
        "not signed by",
    ),
    "a checkpoint of another size": (
        "16-checkpoint.txt",
        lambda text: text.replace(b"\n7\n", b"\n6\n"),
        2,
        "stands for 6",
    ),
    "an earlier checkpoint of another log": (
        "16-checkpoints/000000000002.txt",
        lambda _: checkpoint_of("t", TEXTS[:2]).text().encode(),
        2,
        "have another root",
    ),
    "another publication": (
        "16-publication-SHA256SUMS.txt",
        lambda text: text + b"\n",
        2,
        "the last event publishes",
    ),
    "another figure": ("06-bridges.json", lambda _: b"[]", 2, "not what was published"),
    "a document that is not the one": (
        f"05-documents/{sha256_hex(b'an invoice')}.pdf",
        lambda _: b"other",
        3,
        "no file has this",
    ),
    "a public key of somebody else": (
        "16-public-key.txt",
        lambda _: signer(Ed25519PrivateKey.generate())[0].encode(),
        2,
        "not signed by",
    ),
    "an event that is no object": (
        "16-audit-events.jsonl",
        lambda text: text + b"[]\n",
        2,
        "not a JSON",
    ),
    "an event that is no JSON": ("16-audit-events.jsonl", lambda text: text[:-9], 1, "other form"),
}


@pytest.mark.parametrize("name", sorted(RESEALED))
def test_a_forger_who_fixes_the_manifest_is_found_by_log_and_signature(
    name: str, pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, change, code, said = RESEALED[name]
    (pack / file).write_bytes(change((pack / file).read_bytes()))
    reseal_sums(pack)
    found = failed(pack, capsys)
    assert (found[0], said in found[1]) == (code, True), found


def test_a_pack_without_a_file_with_figures_is_not_whole(
    pack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pack / "06-bridges.json").unlink()
    reseal_sums(pack)
    assert failed(pack, capsys) == (3, "FAILED: 06-bridges.json: not in the pack")


def test_an_empty_log_and_a_posting_with_another_root_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = a_case()
    case.acts.clear()
    code, line = failed(seal(case, tmp_path / "empty"), capsys)
    assert (code, "the last event publishes" in line) == (2, True)
    case = a_case()
    case.acts[3]["payload"] = {"entries_root": "0" * 64}
    code, line = failed(seal(case, tmp_path / "root"), capsys)
    assert (code, "event 4 has another root" in line) == (2, True)


def test_who_rewrites_all_and_the_key_is_found_by_what_is_kept_outside(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, key = tmp_path / "kept.txt", tmp_path / "key.txt"
    kept.write_bytes((pack / "16-checkpoint.txt").read_bytes())
    key.write_text(signer()[0])
    assert verifier.main([str(pack), "--checkpoint", str(kept), "--key", str(key)]) == 0
    forged = a_case()
    forged.acts[0]["subject"] = "chart@2"
    other = seal(forged, tmp_path / "forged", signer=signer(Ed25519PrivateKey.generate()))
    assert verifier.main([str(other)]) == 0
    assert failed(other, capsys, "--checkpoint", str(kept))[0] == 2
    assert "have another root" in failed(other, capsys, "--checkpoint", str(kept))[1]
    assert "not signed by" in failed(other, capsys, "--key", str(key))[1]


def test_wrong_requests_and_help_have_their_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert verifier.main([]) == 3
    assert verifier.main(["--nothing"]) == 3
    assert verifier.main(["--help"]) == 0
    assert "evidence pack" in capsys.readouterr().out
