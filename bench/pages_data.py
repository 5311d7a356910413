"""A ledger of twelve closed months for `bench_pages`: lines as many small teams make them.

It is written past the guards, which are not what is measured there; the same number of lines is the
same ledger. Owns the rows; which pages are asked is the benchmark's.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import psycopg

from bench import pages_books
from tieout.core.ids import content_key, sha256_hex
from tieout.focus.columns import AI_SERVICE_CATEGORY
from tieout.focus.ledger_columns import LEDGER_SCHEMA

T = TypeVar("T")
MONTHS = tuple(f"2026-{month:02d}" for month in range(1, 13))
PROVIDERS = ("aws", "azure", "gcp", "openai", "anthropic")
_AI = PROVIDERS[3:]
TEAMS = 400
POOLS = 10
READER = "rea"
LAST_SEQ = len(MONTHS) * (1 + pages_books.ENTRIES)
_POLICIES = Path(__file__).parents[1] / "sample" / "policies"
_CATEGORIES = ("Cost of revenue", "Research and development", "General and administrative", None)
# of a hundred lines
_SHARES, _CREDITS, _UNALLOCATED = range(15), range(15, 18), range(18, 22)
_ENVIRONMENTS = ("prod", "staging", "dev")


def load(admin_url: str, home: Path, lines: int) -> None:
    """Months, policies, publications, lines and what is beside them; the planner knows all of it.

    The head stands at the publication of the last month: that of month n has the sequence n.
    """
    with psycopg.connect(admin_url, dbname="tieout") as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO tieout.person (person_id, display_name, duties)"
            " VALUES (%s, 'A reader', '{auditor}')",
            (READER,),
        )
        for kind, name in (("chart", "chart.yaml"), ("classification", "classification.yaml")):
            _policy(admin, kind, (_POLICIES / name).read_text(encoding="utf-8"))
        each = lines // len(MONTHS)
        for number, month in enumerate(MONTHS, start=1):
            _publish(admin, home, number, month, each)
            first = len(MONTHS) + 1 + (number - 1) * pages_books.ENTRIES
            pages_books.add_journal(admin, number, month, first)
        admin.execute("UPDATE tieout.head SET ledger_seq = %s", (LAST_SEQ,))
        admin.commit()
        admin.autocommit = True
        admin.execute("VACUUM ANALYZE")


def _policy(admin: psycopg.Connection, kind: str, body: str) -> None:
    admin.execute(
        "INSERT INTO tieout.policy (kind, version, sha256, body, valid_from, proposed_by,"
        " proposed_at) VALUES (%s, 1, %s, %s, '2026-01-01', 'ana', '2025-12-01')",
        (kind, sha256_hex(body.encode()), body),
    )
    admin.execute(
        "INSERT INTO tieout.policy_approval (kind, version, approved_by, approved_at)"
        " VALUES (%s, 1, 'ben', '2025-12-02')",
        (kind,),
    )


def _publish(admin: psycopg.Connection, home: Path, number: int, month: str, lines: int) -> None:
    content, rows = content_key([month]), list(_lines(month, lines))
    run_id = pages_books.add_allocation(admin, home, month, rows)
    total = sum((Decimal(str(row["billed_cost"])) for row in rows), Decimal(0))
    admin.execute(
        "INSERT INTO tieout.period (period, state, closed_at, closed_seq, content_hash)"
        " VALUES (%s, 'closed', now(), %s, %s)",
        (month, number, content),
    )
    made = admin.execute(
        "INSERT INTO tieout.publication (period, run_id, content_hash, ledger_seq, line_count,"
        " total_amount, files, rule_versions) VALUES (%s, %s, %s, %s, %s, %s, '{}', '{}')"
        " RETURNING publication_id",
        (month, run_id, content, number, lines, total),
    ).fetchone()
    if made is None:
        raise RuntimeError("Expected the id of the new publication, found no row.")
    names = ", ".join(("publication_id", *LEDGER_SCHEMA.names))
    with admin.cursor().copy(f"COPY tieout.ledger_line ({names}) FROM STDIN") as copy:
        for values in rows:
            copy.write_row((made[0], *(values.get(name) for name in LEDGER_SCHEMA.names)))


def _lines(month: str, count: int) -> Iterator[dict[str, object]]:
    """Lines as many small teams make them; a line's own id draws its values."""
    for place in range(count):
        line_id = content_key([month, place])
        draw = Draw(line_id)
        team, provider = draw.below(TEAMS), draw.one_of(PROVIDERS)
        way = draw.below(100)
        yield {
            "ledger_line_id": line_id,
            "period": month,
            "provider": provider,
            "billing_account_id": f"account-{team % 20}",
            "sub_account_id": f"sub-{team}",
            "service_name": f"service-{draw.below(120)}",
            "service_category": AI_SERVICE_CATEGORY if provider in _AI else "Compute",
            "charge_category": "Credit" if way in _CREDITS else "Usage",
            "initiative": None if way in _UNALLOCATED else f"initiative-{team}",
            "pool_id": f"pool-{team % POOLS}" if way in _SHARES else None,
            "pool_line_id": content_key([month, team % POOLS]) if way in _SHARES else None,
            "cost_center": f"CC-{team % 60}",
            "pl_category": draw.one_of(_CATEGORIES),
            "environment": draw.one_of(_ENVIRONMENTS),
            "project": f"project-{draw.below(2000)}",
            "billed_cost": Decimal(draw.below(10**13) - 10**11).scaleb(-10),
            "charge_count": 1 + draw.below(500),
        }


class Draw:
    """Numbers out of a hash: as good as chance here, and the same for the same text."""

    def __init__(self, digest: str) -> None:
        self._left = int(digest, 16)

    def below(self, end: int) -> int:
        """A number from 0 to `end` - 1; some 200 bits can be drawn in all."""
        self._left, found = divmod(self._left, end)
        return found

    def one_of(self, values: Sequence[T]) -> T:
        """One of some values."""
        return values[self.below(len(values))]
