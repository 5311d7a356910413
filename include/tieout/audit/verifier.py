"""Check an exported audit log and journal without us: standard library only, no database.

    python verifier.py --events events.jsonl --checkpoint checkpoint.txt
                       [--manifest SHA256SUMS] [--entries entries.jsonl]

Exit: 0 all holds; 1 content fails (an entry does not balance, a number is missing); 2 integrity
fails (a hash, a link, a root); 3 an input is missing or unreadable. Prints the first failing
record. It shares no code with tieout on purpose: it is the second opinion, and it is short enough
to be read before it is trusted. `--checkpoint` may be given more than once, oldest first.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

CONTENT, INTEGRITY, MISSING = 1, 2, 3


class Failure(Exception):  # noqa: N818  a finding of the check with its exit code, not a defect of it
    """What does not hold, with the exit code that says of which sort it is."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks that have inputs; prints one line per check and gives the exit code."""
    parser = _Parser(description="Check an exported audit log without its makers.")
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, action="append", required=True)
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--entries", type=Path)
    try:
        options = parser.parse_args(arguments)
        for line in _run(options):
            sys.stdout.write(f"ok: {line}\n")
    except Failure as failure:
        sys.stdout.write(f"FAILED: {failure}\n")
        return failure.code
    return 0


def _run(options: argparse.Namespace) -> Iterator[str]:
    if options.manifest:
        yield check_manifest(options.manifest)
    leaves = list(check_events(options.events))
    yield f"{len(leaves)} events, every link holds"
    for path in options.checkpoint:
        yield check_checkpoint(path, leaves)
    if options.entries:
        yield check_entries(options.entries)


def check_manifest(path: Path) -> str:
    """Every file that the manifest names (`<sha256>  <path>` per line) has that hash."""
    count = 0
    for line in _lines(path):
        expected, _, name = line.partition("  ")
        file = (path.parent / name).resolve()
        if not name or not file.is_relative_to(path.parent.resolve()):
            raise Failure(INTEGRITY, f"{path}: {line[:80]!r} is not a hash and a path below it")
        if hashlib.sha256(_bytes(file)).hexdigest() != expected:
            raise Failure(INTEGRITY, f"{name}: its SHA-256 is not {expected}")
        count += 1
    return f"{count} files have the hashes of the manifest"


def check_events(path: Path) -> Iterator[bytes]:
    """Walk the chain; gives the Merkle leaf of each event."""
    previous = bytes(32)
    for number, line in enumerate(_lines(path), start=1):
        event = _object(line, f"{path.name} line {number}", INTEGRITY)
        leaf = hashlib.sha256(b"\x00" + str(event.get("canonical")).encode()).digest()
        link = hashlib.sha256(previous + leaf).digest()
        if event.get("seq") != number:
            raise Failure(INTEGRITY, f"event {number}: found number {event.get('seq')}")
        if event.get("prev_hash") != previous.hex() or event.get("hash") != link.hex():
            raise Failure(INTEGRITY, f"event {number}: its hash does not follow from its content")
        previous = link
        yield leaf


def check_checkpoint(path: Path, leaves: Sequence[bytes]) -> str:
    """The log begins with exactly the events that the checkpoint stands for."""
    lines = _text(path).split("\n")
    try:
        size, expected = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError, binascii.Error):
        raise Failure(INTEGRITY, f"{path}: not a checkpoint (origin, size, root)") from None
    if not 0 <= size <= len(leaves):
        raise Failure(INTEGRITY, f"{path}: stands for {size} events, the log has {len(leaves)}")
    if _root(leaves[:size]) != expected:
        raise Failure(INTEGRITY, f"{path}: the first {size} events have another root")
    return f"{path.name}: the log agrees with it ({size} events)"


def check_entries(path: Path) -> str:
    """Entries balance, numbers have no gap, reversals are lawful; exported in ledger order."""
    seen: dict[str, Any] = {}
    last: dict[str, int] = {}
    reversed_keys: set[str] = set()
    for number, line in enumerate(_lines(path), start=1):
        entry = _object(line, f"{path.name} line {number}", CONTENT)
        try:
            _check_entry(entry, seen, last, reversed_keys)
        except (KeyError, TypeError, ValueError) as error:
            raise Failure(CONTENT, f"{path.name} line {number}: not an entry ({error!r})") from None
    return f"{len(seen)} entries balance, are numbered without a gap and reversed at most once"


def _check_entry(
    entry: dict[str, Any], seen: dict[str, Any], last: dict[str, int], reversed_keys: set[str]
) -> None:
    name = entry["document_no"]
    debits = sum(line["debit_minor"] for line in entry["lines"])
    credits_ = sum(line["credit_minor"] for line in entry["lines"])
    if debits != credits_ or len(entry["lines"]) < 2:  # noqa: PLR2004  an entry has two sides
        raise Failure(CONTENT, f"{name}: debits {debits}, credits {credits_}")
    series, _, count = name.rpartition("-")
    if int(count) != last.get(series, 0) + 1:
        raise Failure(CONTENT, f"{name}: expected number {last.get(series, 0) + 1} of {series}")
    last[series] = int(count)
    target = entry["reverses"]
    if target is not None:
        if target not in seen or seen[target]["reverses"] is not None or target in reversed_keys:
            raise Failure(CONTENT, f"{name}: not a lawful reversal of {target}")
        reversed_keys.add(target)
    seen[entry["idempotency_key"]] = entry


def _root(leaves: Sequence[bytes]) -> bytes:
    """Recursive, as RFC 6962 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _object(line: str, place: str, code: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failure(code, f"{place}: not a JSON object")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(MISSING, f"{path}: cannot be read ({error.strerror})") from None


def _lines(path: Path) -> list[str]:
    """Lines as newlines end them: splitlines() would let other characters pass for one."""
    text = _text(path).removesuffix("\n")
    return text.split("\n") if text else []


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError:
        raise Failure(INTEGRITY, f"{path}: not UTF-8") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure(MISSING, message)


if __name__ == "__main__":
    sys.exit(main())
