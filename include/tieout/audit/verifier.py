"""Re-perform a month's close from its evidence pack: standard library only, no database, no tieout.

    python verify.py PACK_FOLDER [--checkpoint FILE ...] [--key FILE]
    python verify.py --events events.jsonl --checkpoint checkpoint.txt

Give it the checkpoints and the key that you kept outside the books: nobody rewrites your copy.
Exit: 0 all holds; 1 content fails (an entry, a sum, a sign-off); 2 integrity fails (a hash, a link,
a root); 3 an input is missing. Each check prints `ok:` and what it saw, or `FAILED:` and the first
failing record. Amounts: units of 1e-12, or minor units. No code is shared with tieout: it is a
second opinion, short enough to be read first. Python 3.9 or later.
"""

# The formatter would make 450 lines of it; an auditor is promised under 400:
# fmt: off
from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

CONTENT, INTEGRITY, MISSING, SUMS = 1, 2, 3, "SHA256SUMS"
PUBLISHED, EARLIER = "16-publication-SHA256SUMS.txt", "16-checkpoints"
EVENTS, CHECKPOINT, KEY = "16-audit-events.jsonl", "16-checkpoint.txt", "16-public-key.txt"
STATEMENT, LINES, BALANCES = "01-statement.json", "01-ledger-lines.csv", "01-trial-balance.csv"
ENTRIES, BRIDGES, DIRECT = "02-entries.jsonl", "06-bridges.json", "07-direct-lines.csv"
DOCUMENTS, CERTIFICATE, CHART = "05-documents.csv", "07-certificate.json", "08-chart.csv"
POLICIES, SIGN_OFFS = "08-policies-used.json", "11-sign-offs.json"
SIGNED = "11-signed-ledger.parquet"  # bound by the content hash, not read
BOUND = (STATEMENT, LINES, BALANCES, ENTRIES, BRIDGES, DIRECT, DOCUMENTS, CERTIFICATE, CHART,
         POLICIES, SIGN_OFFS)  # has figures: must be what the log says was published
AMOUNT, PLACES = re.compile(r"-?[0-9]+(\.[0-9]{1,12})?"), 12
PRIME, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, -1, PRIME)
Json = dict[str, Any]
class FailedCheckError(Exception):
    """What does not hold, with the exit code that says of which sort it is."""

def need(holds: object, message: str, code: int = CONTENT) -> None:
    """Stop at the first record that does not hold."""
    if not holds:
        raise FailedCheckError(message, code)

def main(arguments: list[str] | None = None) -> int:
    """Run all checks; prints one line per check and gives the exit code."""
    parser = argparse.ArgumentParser(description="Re-perform a close from its evidence pack.")
    parser.add_argument("pack", type=Path, nargs="?", help="folder of the pack")
    parser.add_argument("--events", type=Path, help="an exported log alone, without a pack")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    parser.add_argument("--key", type=Path, help="your own copy of the public key")
    try:
        for line in _checks(parser.parse_args(arguments)):
            sys.stdout.write(f"ok: {line}\n")
    except FailedCheckError as failure:
        sys.stdout.write(f"FAILED: {' '.join(failure.args[0].split())}\n")
        return int(failure.args[1])
    except SystemExit as usage:  # argparse has said what it misses, or printed its help
        return MISSING if usage.code else 0
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        sys.stdout.write(f"FAILED: cannot be read, or has another form than expected: {error!r}\n")
        code = MISSING if isinstance(error, OSError) else CONTENT
        return INTEGRITY if isinstance(error, UnicodeDecodeError) else code
    return 0

def _checks(given: argparse.Namespace) -> Iterator[str]:
    need(given.pack or given.events, "give the folder of a pack", MISSING)
    pack = _Pack(given.pack or given.events.parent)
    if given.pack:
        yield pack.check_manifest()
    yield pack.check_events(given.events or given.pack / EVENTS)
    key_file = given.key or (pack.folder / KEY if KEY in pack.sums else None)
    key = _text(key_file).strip() if key_file else ""
    for path in given.checkpoint + sorted(pack.folder.glob(f"{EARLIER}/*")) * bool(given.pack):
        yield pack.check_checkpoint(path, key)
    if given.pack:
        yield pack.check_checkpoint(pack.folder / CHECKPOINT, key, is_last=True)
        for check in (pack.check_publication, pack.check_postings, pack.check_entries,
                      pack.check_balances, pack.check_allocation, pack.check_bridges,
                      pack.check_statement, pack.check_content, pack.check_sign_offs):
            yield check()

class _Pack:
    """The folder, and what the checks so far have read from it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.period, self.content_hash = folder, "", ""
        self.sums, self.leaves = dict[str, str](), list[bytes]()
        self.events, self.entries = list[Json](), list[Json]()
        self.at_close = 0  # so many entries were posted when the month was closed
        self.totals = {"ledger_total": 0, "ledger_net": 0, "unallocated": 0}

    def json(self, name: str) -> Any:
        return _json(_text(self.folder / name), object, name)
    def rows(self, name: str) -> csv.DictReader[str]:
        return csv.DictReader(io.StringIO(_text(self.folder / name), newline=""), strict=True)

    def check_manifest(self) -> str:
        rows = [line.partition("  ") for line in _lines(self.folder / SUMS)]
        self.sums = {name: digest for digest, _, name in rows}
        need(len(self.sums) == len(rows), f"{SUMS}: a file is listed twice", INTEGRITY)
        there = (path for path in self.folder.rglob("*") if not path.is_dir())
        files = {path.relative_to(self.folder).as_posix() for path in there} - {SUMS}
        for name, digest in self.sums.items():
            need(name in files, f"{name}: listed in {SUMS} and not there", MISSING)
            found = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
            need(found == digest, f"{name}: its SHA-256 is not {digest}", INTEGRITY)
        odd = sorted(files - self.sums.keys())
        need(not odd, f"{odd[:1]}: there and not listed in {SUMS}", INTEGRITY)
        return f"{len(files)} files have the hashes of the manifest; none is missing or unlisted"

    def check_events(self, path: Path) -> str:
        previous = bytes(32)
        for number, line in enumerate(_lines(path), start=1):
            link = _json(line, dict, f"{path.name} line {number}")
            leaf = _leaf(str(link["canonical"]))
            digest = hashlib.sha256(previous + leaf).digest()
            found, right = (link["seq"], link["prev_hash"]), (number, previous.hex())
            holds = found == right and link["hash"] == digest.hex()
            need(holds, f"event {number}: number or hash does not follow from the log", INTEGRITY)
            self.events.append(_json(link["canonical"], dict, f"event {number}"))
            self.leaves.append(leaf)
            previous = digest
        return f"{len(self.events)} events, every link holds"

    def check_checkpoint(self, path: Path, key: str, *, is_last: bool = False) -> str:
        text, count, start = _text(path), len(self.leaves), f"\u2014 {key.partition('+')[0]} "
        head: Any = re.match(r"[^\n]+\n([0-9]+)\n([0-9A-Za-z+/]{43}=)\n([^\n]+\n)*", text)
        need(head, f"{path}: not a checkpoint (origin, size, root)", INTEGRITY)
        size, root = int(head[1]), base64.b64decode(head[2])
        fits = size == count if is_last else size <= count
        need(fits, f"{path}: stands for {size} events, the log has {count}", INTEGRITY)
        same = _root(self.leaves[:size]) == root
        need(same, f"{path}: the first {size} events have another root", INTEGRITY)
        mine = [one[len(start) :] for one in text.split("\n") if key and one.startswith(start)]
        signed = all(_signed(key, head[0].encode(), one) for one in mine)
        need(signed and (mine or not (key and is_last)), f"{path}: not signed by {key}", INTEGRITY)
        said = f"signed by {key}" if mine else "NOT SIGNED by a key that is known here"
        return f"{path.name}: the log agrees ({size} events), {said}"

    def check_publication(self) -> str:
        last: Json = self.events[-1] if self.events else {"action": "", "payload": {}}
        same = last["payload"].get("manifest") == self.sums.get(PUBLISHED)
        same = same and last["action"] == "period_published"
        need(same, f"{PUBLISHED}: not what the last event publishes", INTEGRITY)
        self.period, self.content_hash = last["subject"], last["payload"]["content_hash"]
        hashes = {line.partition("  ")[0] for line in _lines(self.folder / PUBLISHED)}
        for name in BOUND:
            need(name in self.sums, f"{name}: not in the pack", MISSING)
            need(self.sums[name] in hashes, f"{name}: not what was published", INTEGRITY)
        behind = [row["sha256"] for row in self.rows(DOCUMENTS)]
        behind += [one.rpartition(":")[2] for one in self.json(POLICIES)]
        gone = sorted(set(behind) - set(self.sums.values()))
        need(not gone, f"{gone[:1]}: listed, but no file has this hash", MISSING)
        return f"what was published of {self.period} is here, and {len(behind)} files behind it"

    def check_postings(self) -> str:
        for line in _lines(self.folder / ENTRIES):
            row = _json(line, dict, ENTRIES)
            self.entries.append({**_json(row["canonical"], dict, row["document_no"]), **row})
        journal = {entry["document_no"]: entry for entry in self.entries}
        closed, posted = set[str](), list[str]()
        for seq, event in enumerate(self.events, start=1):
            action, payload = event["action"], event["payload"]
            if action == "period_signed" and payload["state"] == "closed":
                closed.add(event["subject"])
                self.at_close = len(posted) if event["subject"] == self.period else self.at_close
            elif action == "period_reopened":
                closed.discard(event["subject"])
            elif action == "entries_posted":
                _check_posted(seq, payload, journal, closed)
                posted += payload["document_nos"]
        need(self.period in closed, f"{self.period}: the log does not close it")
        names, logged = Counter(e["document_no"] for e in self.entries), Counter(posted)
        odd = sorted((names - logged) + (logged - names))
        need(not odd, f"{odd[:1]}: in the journal and not posted once by the log")
        return f"{len(posted)} entries are those of the log; none entered a closed month"

    def check_entries(self) -> str:
        seen, last, sequence = set[str](), Counter[str](), 0
        to_reverse: Json = {}
        for entry in self.entries:
            name, key, target = entry["document_no"], entry["idempotency_key"], entry["reverses"]
            in_order = entry["ledger_seq"] > sequence and key not in seen
            need(in_order, f"{name}: out of order, or its key is there twice")
            _check_lines(name, entry["lines"])
            year = str(entry.get("fiscal_period", entry["posting_on"]))[:4]
            last[series := f"{year}-{entry['journal_type']}"] += 1
            need(name == f"{series}-{last[series]:06d}", f"{name}: not number {last[series]}")
            is_reversal = entry["journal_type"] == "reversal"
            need(is_reversal == (target is not None), f"{name}: a reversal names its entry")
            if is_reversal:  # of an entry that is none itself and was not reversed before
                mirrored = _sides(entry, "debit", "credit") == to_reverse.pop(target, None)
                need(mirrored, f"{name}: not the first exact mirror of {target}")
            else:
                to_reverse[key] = _sides(entry, "credit", "debit")
            seen.add(key)
            sequence = entry["ledger_seq"]
        return f"{len(seen)} entries balance, are numbered without a gap and lawfully reversed"

    def check_balances(self) -> str:
        ours, found = Counter[str](), Counter[str]()
        for entry in (one for one in self.entries if _month(one) <= self.period):
            for line in entry["lines"]:
                key, net = f"{line['account']} {entry['currency']}", _net(line)
                ours[f"{key} closing_minor"] += net
                if _month(entry) < self.period:
                    ours[f"{key} opening_minor"] += net
                else:
                    ours[f"{key} debit_minor"] += line["debit_minor"]
                    ours[f"{key} credit_minor"] += line["credit_minor"]
        for row in self.rows(BALANCES):
            for name in ("opening_minor", "debit_minor", "credit_minor", "closing_minor"):
                found[f"{row['account']} {row['currency']} {name}"] += int(row[name])
        wrong = sorted(key for key in {**found, **ours} if found[key] != ours[key])[:1]
        need(not wrong, f"{BALANCES}: {[(key, found[key], ours[key]) for key in wrong]}")
        return f"opening balances + entries of {self.period} = closing balances"

    def check_allocation(self) -> str:
        went_in, gaps, shares, count = {}, Counter[str](), Counter[str](), 0
        for row in self.rows(DIRECT):
            went_in[row["ledger_line_id"]] = units = _units(row["billed_cost"])
            if row["initiative"].startswith("pool:"):
                gaps[row["initiative"][5:]] += units
        pools = dict(gaps)
        for row in self.rows(LINES):
            line, units, count = row["ledger_line_id"], _units(row["billed_cost"]), count + 1
            self.totals["ledger_total"] += units
            self.totals["ledger_net"] += units if row["charge_category"] != "Tax" else 0
            self.totals["unallocated"] += abs(units) if not row["initiative"] else 0
            shares[row["pool_line_id"]] += units
            gaps[row["pool_id"]] -= units
            if not row["pool_id"] and went_in.pop(line, None) != units:
                raise FailedCheckError(f"ledger line {line}: not as it was classified", CONTENT)
        del shares[""], gaps[""]
        for line, units in shares.items():
            need(went_in.get(line) == units, f"pool line {line}: {units} came out, not as went in")
        wrong = sorted(item for item in gaps.items() if item[1])[:1]
        need(not wrong, f"pool {wrong} did not come out as it went in")
        need(sum(went_in.values()) == sum(pools.values()), f"{LINES}: a line is missing")
        return f"{count} ledger lines: the shares of {len(pools)} pools add up to what went in"

    def check_bridges(self) -> str:
        bridges, chain = self.json(BRIDGES), Counter[str]()
        for one in bridges:
            causes = sum(int(line["amount_units"]) for line in one["lines"])
            end = int(one["start_units"]) + causes + int(one["unexplained_units"])
            name = f"bridge {one['section']} of {_account(one)}"
            need(end == int(one["end_units"]), f"{name}: leads to {end}")
            used = one["section"] in ("estimate_to_report", "report_to_invoice")
            chain[_account(one)] += causes * used
        for row in self.json(STATEMENT)["rows"]:
            causes = chain[_account(row)]
            first, last = row["estimated"] or row["reported"], row["billed"] or row["reported"]
            end = _units(first) + causes + _units(row["unexplained"])
            holds = causes == _units(row["explained"]) and end == _units(last)
            need(holds, f"{STATEMENT}: the row of {_account(row)} does not follow from its bridges")
        return f"{len(bridges)} bridges and the statement's rows lead from figure to figure"

    def check_statement(self) -> str:
        shown = self.json(STATEMENT)
        expenses = {row["code"] for row in self.rows(CHART) if row["type"] == "expense"}
        own = [one for e in self.entries if _month(e) == self.period for one in e["lines"]]
        minor = {"journal_debit": sum(one["debit_minor"] for one in own),
                 "journal_credit": sum(one["credit_minor"] for one in own),
                 "expense": sum(_net(one) for one in own if one["account"] in expenses)}
        for name, total in {**self.totals, **minor}.items():
            places = len(shown[name].partition(".")[2]) if name in minor else PLACES
            same = _units(shown[name]) == total * 10 ** (PLACES - places)
            need(same, f"{STATEMENT}: {name} {shown[name]} is not the sum of its lines")
        return f"the statement of {shown['period']} is the sum of ledger lines and entries"

    def check_content(self) -> str:
        known, month = self.entries[: self.at_close], self.period
        known = [one for one in known if month in (one["service_period"], _month(one))]
        known.sort(key=lambda entry: str(entry["idempotency_key"]))
        texts = ",".join(one["canonical"] for one in known)
        parts = {"entries_hash": _hash(f"[{texts}]"), "ledger_hash": self.sums[SIGNED]}
        files = {"bridges": BRIDGES, "certificate": CERTIFICATE, "policies": POLICIES}
        for name, file in files.items():
            parts[f"{name}_hash"] = _hash(_canonical(self.json(file)))
        found = _hash(_canonical(parts))
        need(found == self.content_hash, f"signed was {self.content_hash}, this is {found}")
        return f"lines, entries, bridges, certificate and policies have the content {found[:12]}"

    def check_sign_offs(self) -> str:
        signed = [one for one in self.events if one["action"] == "period_signed"]
        said = {(e["actor"], e["payload"]["duty"], e["payload"]["content_hash"]) for e in signed}
        shown = [(s["person_id"], s["duty"], s["content_hash"]) for s in self.json(SIGN_OFFS)]
        need(set(shown) <= said, f"{SIGN_OFFS}: the log does not have these signatures")
        people = {duty: person for person, duty, digest in shown if digest == self.content_hash}
        first, second = people.get("preparer"), people.get("controller")
        need(first and second and first != second, f"{SIGN_OFFS}: not two persons: {people}")
        return f"signed by {first} as preparer and {second} as controller"

def _check_posted(seq: int, payload: Json, journal: Json, closed: set[str]) -> None:
    names = payload["document_nos"]
    for name in names:
        need(name in journal, f"{name}: posted by event {seq}, not in the journal")
        late = _month(journal[name]) in closed
        need(not late, f"{name}: posted by event {seq} to a month that was closed")
    root = _root([_leaf(journal[name]["canonical"]) for name in names]).hex()
    need(root == payload["entries_root"], f"{names[:1]}: event {seq} has another root", INTEGRITY)

def _check_lines(name: str, lines: list[Json]) -> None:
    pairs = [(line["debit_minor"], line["credit_minor"]) for line in lines]
    for one in pairs:
        is_side = type(one[0]) is type(one[1]) is int and min(one) == 0 < max(one)
        need(is_side, f"{name}: {one} are not zero and a whole number of minor units")
    numbered = [line["line_no"] for line in lines] == list(range(1, len(lines) + 1))
    need(numbered and len(lines) > 1, f"{name}: expected lines from 1 to 2 or more")
    debits, credits_ = (sum(pair[side] for pair in pairs) for side in (0, 1))
    need(debits == credits_, f"{name}: debits {debits}, credits {credits_}")
    need(not sum(one.get("transaction_minor", 0) for one in lines), f"{name}: paper off balance")

def _sides(entry: Json, one: str, other: str) -> list[str]:
    names = ("account", f"{one}_minor", f"{other}_minor", "dimensions")
    lines = ([line[name] for name in names] for line in entry["lines"])
    return sorted(_canonical([entry["currency"], line]) for line in lines)

def _account(one: Json) -> str:
    return f"{one['provider']}/{one['billing_account_id']}"
def _net(line: Json) -> int:
    return int(line["debit_minor"] - line["credit_minor"])
def _month(entry: Json) -> str:
    return str(entry["posting_on"])[:7]
def _leaf(text: str) -> bytes:
    return hashlib.sha256(b"\x00" + text.encode()).digest()
def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
def _text(path: Path) -> str:
    return path.read_bytes().decode()
def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a whole number")

def _units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    need(AMOUNT.fullmatch(text), f"{text!r} is not an amount")
    return int(whole + fraction.ljust(PLACES, "0"))

def _root(leaves: list[bytes]) -> bytes:  # recursive, as RFC 6962 writes it
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()

def _canonical(value: Any) -> str:  # RFC 8785 of what is hashed here, texts in normal form C
    if isinstance(value, dict):
        pairs = [(unicodedata.normalize("NFC", key), _canonical(one)) for key, one in value.items()]
        pairs.sort(key=lambda pair: pair[0].encode("utf-16-be"))
        return "{" + ",".join(f"{_canonical(key)}:{one}" for key, one in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_canonical(one) for one in value) + "]"
    plain = unicodedata.normalize("NFC", value) if isinstance(value, str) else value
    return json.dumps(plain, ensure_ascii=False)

def _signed(known: str, text: bytes, line: str) -> bool:
    """Ed25519, RFC 8032: S*B = R + SHA-512(R, A, text)*A. The key is written `name+hint+base64`."""
    def plus(one: Any, other: Any) -> tuple[int, int]:
        (a, b), (c, d) = one, other
        up, down = (pow(1 + sign * CURVE * a * b * c * d, -1, PRIME) for sign in (1, -1))
        return (a * d + b * c) * up % PRIME, (b * d + a * c) * down % PRIME
    def times(scalar: int, point: Any) -> tuple[int, int]:
        half = times(scalar >> 1, plus(point, point)) if scalar > 1 else (0, 1)
        return plus(half, point) if scalar & 1 else half
    def point(encoded: bytes) -> tuple[int, int]:
        y = int.from_bytes(encoded, "little") & (1 << 255) - 1
        square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
        x = pow(square, (PRIME + 3) // 8, PRIME)
        x = x if (x * x - square) % PRIME == 0 else x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        need((x * x - square) % PRIME == 0, f"{known}: no point of the curve", INTEGRITY)
        return (x if x % 2 == encoded[-1] >> 7 else PRIME - x), y
    _, hint, encoded = known.split("+", 2)
    key, blob = base64.b64decode(encoded)[1:], base64.b64decode(line, validate=True)
    nonce, scalar = blob[4:36], int.from_bytes(blob[36:], "little")
    if blob[:4].hex() != hint or scalar >= ORDER:
        return False
    digest = int.from_bytes(hashlib.sha512(nonce + key + text).digest(), "little") % ORDER
    base = point((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))
    return times(scalar, base) == plus(point(nonce), times(digest, point(key)))

def _json(text: str, kind: type, place: object) -> Any:
    found = json.loads(text, parse_float=_refuse, parse_constant=_refuse)
    need(isinstance(found, kind), f"{place}: not a JSON {kind.__name__}", INTEGRITY)
    return found
def _lines(path: Path) -> list[str]:
    text = _text(path).removesuffix("\n")
    return text.split("\n") if text else []

if __name__ == "__main__":
    sys.exit(main())
