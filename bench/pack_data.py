"""A synthetic evidence pack of any size, sealed as the product seals one: for tests and the bench.

Owns the data; every hash is made from it by `seal`, so that a test can change a figure and seal the
whole again as a forger would who knows everything but the signing key.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieout.audit import verifier
from tieout.audit.canonical import canonical_bytes, canonical_hash
from tieout.audit.chain import GENESIS, Event, event_hash, export_line
from tieout.audit.checkpoint import checkpoint_of
from tieout.audit.merkle import leaf_hash, root
from tieout.core.ids import sha256_hex
from tieout.publish.evidence import json_bytes, manifest
from tieout.reports.tieout_statement import close_content

PERIOD, BEFORE, AFTER = "2026-10", "2026-09", "2026-11"
PREPARER, CONTROLLER = "ana", "ben"
_CENT = 10**10  # units of 1e-12
_EIGHT, _TAXED = 8, 3  # of eight lines, the one that is tax
Json = dict[str, Any]
Signer = tuple[str, Callable[[str], str]]  # verifier key, and what makes a signature line


@dataclass(kw_only=True)
class Case:
    """Everything that a pack says; `acts` are the audit events in order, by action."""

    entries: list[Json]
    ledger: list[tuple[str, str, str, str, str, int]]
    direct: list[tuple[str, str, str, str, int]]
    bridges: list[Json]
    acts: list[Json]
    people: tuple[str, str] = (PREPARER, CONTROLLER)
    chart: tuple[tuple[str, str, str], ...] = (
        ("5000", "AI models", "expense"),
        ("2000", "Accrued", "liability"),
    )
    statement: Json = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    content_hash: str = ""


def a_case(*, lines: int = 8, entries: int = 6, entry_lines: int = 2) -> Case:
    """A month that holds: one pool line in eight is shared in two, one entry in six is reversed."""
    ledger, direct = [], []
    for number in range(lines):
        units = (number * 7919 + 13) * 10**7
        if number % 8:
            direct.append((f"d{number}", f"team-{number % 5}", "models", _category(number), units))
            ledger.append((f"d{number}", f"team-{number % 5}", _category(number), "", "", units))
            continue
        direct.append((f"d{number}", "pool:gpu", "models", "Usage", units))
        for part, share in (("a", units // 3), ("b", units - units // 3)):
            ledger.append((f"s{number}{part}", f"team-{part}", "Usage", "gpu", f"d{number}", share))
    ledger.append(("dx", "", "Usage", "", "", 5 * _CENT))
    direct.append(("dx", "", "models", "Usage", 5 * _CENT))
    posted = list(_entries(entries, entry_lines))
    acts = [{"action": "policy_approved", "subject": "chart@1", "payload": {}}]
    acts += [_posting([one]) for one in posted[:2]] + [_posting(posted[2:])]
    acts += [
        {"action": "period_signed", "subject": PERIOD, "actor": who, "payload": {"duty": duty}}
        for who, duty in ((PREPARER, "preparer"), (CONTROLLER, "controller"))
    ]
    acts.append({"action": "period_published", "subject": PERIOD, "payload": {}})
    total = sum(units for *_, units in ledger)
    return Case(entries=posted, ledger=ledger, direct=direct, acts=acts, bridges=_bridges(total))


def seal(case: Case, folder: Path, *, signer: Signer | None = None) -> Path:
    """Write the pack with all its hashes made anew; gives the folder."""
    files = _files(case)
    files["11-signed-ledger.parquet"] = b"what was signed, byte for byte"
    content_hash = case.content_hash or _content_hash(case, files)
    shown = [
        {"person_id": who, "duty": duty, "content_hash": content_hash, "comment": ""}
        for who, duty in zip(case.people, ("preparer", "controller"), strict=True)
    ]
    files |= {"11-sign-offs.json": json_bytes(shown)} | case.files
    published = {name: files[name] for name in sorted(files) if name in verifier.BOUND}
    files["16-publication-SHA256SUMS.txt"] = manifest(published)
    known = {"content_hash": content_hash, "people": case.people}
    texts = list(_texts(case, known, sha256_hex(files["16-publication-SHA256SUMS.txt"])))
    files["16-audit-events.jsonl"] = b"".join(_links(texts))
    body = checkpoint_of("tieout/audit-log", texts).text()
    line = f"\n{signer[1](body)}\n" if signer else ""
    files["16-checkpoint.txt"] = (body + line).encode()
    files["16-checkpoints/000000000002.txt"] = checkpoint_of("t", texts[:2]).text().encode()
    if signer:
        files["16-public-key.txt"] = f"{signer[0]}\n".encode()
    files |= {"verify.py": Path(verifier.__file__).read_bytes(), "README.txt": b"Read me.\n"}
    files["SHA256SUMS"] = manifest(files)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def reseal_sums(folder: Path) -> None:
    """Make the manifest fit the files again, as the laziest forger does."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    (folder / "SHA256SUMS").write_bytes(manifest(files))


def reversal_of(entry: Json, number: int, *, on: str = "2026-10-31") -> Json:
    """The mirror of an entry."""
    lines = [
        {**line, "debit_minor": line["credit_minor"], "credit_minor": line["debit_minor"]}
        for line in entry["lines"]
    ]
    return an_entry(number, "reversal", lines, on=on, reverses=entry["idempotency_key"])


def an_entry(
    number: int,
    kind: str,
    lines: list[Json],
    *,
    on: str = "2026-10-31",
    reverses: str | None = None,
) -> Json:
    """An entry with its number in the series of its kind."""
    return {
        "document_no": f"{on[:4]}-{kind}-{number:06d}",
        "journal_type": kind,
        "posting_on": on,
        "service_period": PERIOD,
        "currency": "USD",
        "description": f"{kind} {number}",
        "reverses": reverses,
        "idempotency_key": f"{kind}-{on}-{number}",
        "lines": lines,
    }


def sides(amount: int, count: int = 2) -> list[Json]:
    """Balanced lines: all but the last are debits to expense."""
    parts = [amount // (count - 1)] * (count - 2)
    debits = [*parts, amount - sum(parts)]
    amounts = [(value, 0) for value in debits] + [(0, amount)]
    return [
        {
            "line_no": place,
            "account": "5000" if debit else "2000",
            "debit_minor": debit,
            "credit_minor": credit,
            "memo": "",
            "dimensions": {"initiative": "search"} if debit else {},
        }
        for place, (debit, credit) in enumerate(amounts, start=1)
    ]


def _category(number: int) -> str:
    return "Tax" if number % _EIGHT == _TAXED else "Usage"


def _entries(count: int, lines: int) -> Iterator[Json]:
    reversed_count = 0
    for number in range(1, count + 1 - count // 6):
        on = "2026-09-30" if number == 1 else "2026-10-31"
        one = an_entry(number, "accrual", sides(1_000 + number * 37, lines), on=on)
        yield one
        if number % 5 == 0:
            reversed_count += 1
            yield reversal_of(one, reversed_count)


def _posting(entries: list[Json]) -> Json:
    return {"action": "entries_posted", "subject": PERIOD, "entries": entries}


def _bridges(total: int) -> list[Json]:
    ends = {"provider": "openai", "billing_account_id": "org-1", "currency": "USD"}
    first = {"section": "estimate_to_report", "start_label": "estimated", "end_label": "reported"}
    second = {"section": "report_to_invoice", "start_label": "reported", "end_label": "billed"}
    price = {"component": "price", "cause": "Prices rose.", "amount_units": "70", "evidence": []}
    fees = {"component": "fees", "cause": "A fee.", "amount_units": "-40", "evidence": []}
    return [
        {
            **ends,
            **first,
            "start_units": str(total - 75),
            "end_units": str(total),
            "lines": [price],
            "unexplained_units": "5",
        },
        {
            **ends,
            **second,
            "start_units": str(total),
            "end_units": str(total - 40),
            "lines": [fees],
            "unexplained_units": "0",
        },
    ]


def _files(case: Case) -> dict[str, bytes]:
    rows = [
        {
            "document_no": one["document_no"],
            "ledger_seq": place,
            "recorded_at": "2026-11-01T00:00:00+00:00",
            "recorded_by": "service:tieout_worker",
            "canonical": _canonical(one),
        }
        for place, one in enumerate(case.entries, start=1)
    ]
    document = b"an invoice"
    policy = b"accounts: []\n"
    ledger = "".join(
        f"{line},{initiative},{category},{pool},{pool_line},{_text(units)}\r\n"
        for line, initiative, category, pool, pool_line, units in case.ledger
    )
    direct = "".join(
        f"{line},{initiative},{pl},{category},{_text(units)}\r\n"
        for line, initiative, pl, category, units in case.direct
    )
    pooled = sum(units for _, initiative, *_, units in case.direct if initiative == "pool:gpu")
    pools = [{"pool_id": "gpu", "amount_in_units": str(pooled), "amount_out_units": str(pooled)}]
    return {
        "01-ledger-lines.csv": (
            "ledger_line_id,initiative,charge_category,pool_id,pool_line_id,billed_cost\r\n"
            + ledger
        ).encode(),
        "01-trial-balance.csv": _balances(case).encode(),
        "01-statement.json": json_bytes(_statement(case)),
        "02-entries.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "05-documents.csv": f"sha256,name\r\n{sha256_hex(document)},invoice.pdf\r\n".encode(),
        f"05-documents/{sha256_hex(document)}.pdf": document,
        "06-bridges.json": json_bytes(case.bridges),
        "07-certificate.json": json_bytes({"pools": pools, "größe": 1}),
        "07-direct-lines.csv": (
            "ledger_line_id,initiative,pl_category,charge_category,billed_cost\r\n" + direct
        ).encode(),
        "07-policies/chart@1.txt": policy,
        "08-chart.csv": "".join(
            f"{code},{name},{kind}\r\n"
            for code, name, kind in (("code", "name", "type"), *case.chart)
        ).encode(),
        "08-policies-used.json": json_bytes([f"chart:{sha256_hex(policy)}"]),
    }


def _balances(case: Case) -> str:
    sums: dict[str, list[int]] = {}
    for entry in case.entries:
        for line in entry["lines"]:
            figures = sums.setdefault(line["account"], [0, 0, 0])
            if entry["posting_on"][:7] < PERIOD:
                figures[0] += line["debit_minor"] - line["credit_minor"]
            elif entry["posting_on"][:7] == PERIOD:
                figures[1] += line["debit_minor"]
                figures[2] += line["credit_minor"]
    rows = [
        f"{account},USD,{start},{debit},{credit},{start + debit - credit}\r\n"
        for account, (start, debit, credit) in sorted(sums.items())
    ]
    head = "account,currency,opening_minor,debit_minor,credit_minor,closing_minor\r\n"
    return head + "".join(rows)


def _statement(case: Case) -> Json:
    own = [one for one in case.entries if one["posting_on"][:7] == PERIOD]
    lines = [line for one in own for line in one["lines"]]
    debit, credit = (sum(line[f"{side}_minor"] for line in lines) for side in ("debit", "credit"))
    expense = sum(
        line["debit_minor"] - line["credit_minor"] for line in lines if line["account"] == "5000"
    )
    first, second = case.bridges
    row = {
        "provider": "openai",
        "billing_account_id": "org-1",
        "estimated": _text(int(first["start_units"])),
        "reported": _text(int(first["end_units"])),
        "billed": _text(int(second["end_units"])),
        "explained": _text(70 - 40),
        "unexplained": _text(5),
    }
    net = sum(units for _, _, category, *_, units in case.ledger if category != "Tax")
    return {
        "period": PERIOD,
        "rows": [row],
        "ledger_total": _text(sum(units for *_, units in case.ledger)),
        "ledger_net": _text(net),
        "unallocated": _text(sum(abs(units) for _, name, *_, units in case.ledger if not name)),
        "journal_debit": _cents(debit),
        "journal_credit": _cents(credit),
        "expense": _cents(expense),
        "own_dimensions": [],
    } | case.statement


def _content_hash(case: Case, files: dict[str, bytes]) -> str:
    at_close = []
    for act in case.acts:
        at_close += act.get("entries", [])
        if act.get("payload", {}).get("duty") == "controller":
            break
    own = sorted(at_close, key=lambda one: str(one["idempotency_key"]))
    return canonical_hash(
        close_content(
            ledger_hash=sha256_hex(files["11-signed-ledger.parquet"]),
            entries_hash=canonical_hash([_given(one) for one in own]),
            bridges_hash=canonical_hash(case.bridges),
            certificate_hash=canonical_hash(json.loads(files["07-certificate.json"])),
            policies_hash=canonical_hash(json.loads(files["08-policies-used.json"])),
        )
    )


def _texts(case: Case, known: Json, published: str) -> Iterator[str]:
    for act in case.acts:
        payload = dict(act.get("payload", {}))
        who = act.get("actor", "service:tieout_worker")
        if act["action"] == "entries_posted":
            names = [one["document_no"] for one in act["entries"]]
            leaves = [leaf_hash(_canonical(one).encode()) for one in act["entries"]]
            payload = {"document_nos": names, "entries_root": root(leaves).hex()} | payload
        if act["action"] == "period_signed":
            state = "closed" if payload["duty"] == "controller" else "soft_closed"
            payload = {"content_hash": known["content_hash"], "state": state} | payload
            who = known["people"][payload["duty"] == "controller"]
        if act["action"] == "period_published":
            payload = {"content_hash": known["content_hash"], "manifest": published}
        event = {"action": act["action"], "subject": act["subject"], "actor": who}
        yield canonical_bytes(event | {"payload": payload}).decode()


def _links(texts: list[str]) -> Iterator[bytes]:
    previous = GENESIS
    for seq, text in enumerate(texts, start=1):
        link = event_hash(previous, text.encode())
        one = Event(seq=seq, prev_hash=previous, hash=link, canonical=text)
        yield (export_line(one) + "\n").encode()
        previous = link


def _given(entry: Json) -> Json:
    return {name: value for name, value in entry.items() if name != "document_no"}


def _canonical(entry: Json) -> str:
    return canonical_bytes(_given(entry)).decode()


def _text(units: int) -> str:
    sign, whole = "-" * (units < 0), abs(units)
    return f"{sign}{whole // 10**12}.{whole % 10**12:012d}"


def _cents(minor: int) -> str:
    sign, whole = "-" * (minor < 0), abs(minor)
    return f"{sign}{whole // 100}.{whole % 100:02d}"
