"""What auditors ask of a journal and of an access list, as saved queries that anybody can read.

Owns the SQL; it only reads. `:period` is the month, `:upto` the ledger sequence up to which entries
count, so that the same question about the same month gives the same rows for ever.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tieout.core.errors import UnknownSubjectError
from tieout.store.session import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question; `sql` gives one row per finding, ordered."""

    name: str
    asks: str
    sql: str


QUERIES = (
    Query(
        name="seldom_used_accounts",
        asks="Accounts that the month posts to and that at most two entries ever used",
        sql="""SELECT account, count(DISTINCT document_no) AS entries, min(document_no) AS first_no
          FROM tieout.v_journal WHERE ledger_seq <= :upto GROUP BY account
        HAVING count(DISTINCT document_no) <= 2 AND bool_or(period = :period) ORDER BY account""",
    ),
    Query(
        name="seldom_used_pairs",
        asks="Pairs of debited and credited accounts that only one entry ever joined",
        sql="""SELECT debit.account AS debited, credit.account AS credited,
               min(document_no) AS document_no
          FROM tieout.v_journal AS debit JOIN tieout.v_journal AS credit USING (document_no)
         WHERE debit.debit_minor > 0 AND credit.credit_minor > 0 AND debit.ledger_seq <= :upto
         GROUP BY 1, 2
        HAVING count(DISTINCT document_no) = 1 AND bool_or(debit.period = :period)
         ORDER BY 1, 2""",
    ),
    Query(
        name="seldom_posters",
        asks="Who posted in the month and has posted fewer than five entries in all",
        sql="""SELECT recorded_by, login, count(*) AS entries FROM tieout.journal_entry
         WHERE ledger_seq <= :upto GROUP BY recorded_by, login
        HAVING count(*) < 5 AND bool_or(period = :period) ORDER BY 1, 2""",
    ),
    Query(
        name="odd_hours",
        asks="Entries recorded on a weekend or between 20:00 and 06:00 UTC",
        sql="""SELECT document_no, recorded_by, tieout_text.at AS recorded_at
          FROM tieout.journal_entry AS entry,
               LATERAL (SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                        AS at, recorded_at AT TIME ZONE 'UTC' AS utc) AS tieout_text
         WHERE ledger_seq <= :upto AND period = :period
           AND (extract(isodow FROM utc) > 5 OR extract(hour FROM utc) NOT BETWEEN 6 AND 19)
         ORDER BY ledger_seq""",
    ),
    Query(
        name="after_close",
        asks="Entries whose month was closed when they were recorded: expected none",
        sql="""SELECT entry.document_no, entry.period, entry.ledger_seq, month.closed_seq
          FROM tieout.journal_entry AS entry JOIN tieout.period AS month USING (period)
         WHERE entry.ledger_seq <= :upto AND entry.ledger_seq > month.closed_seq
           AND entry.period <= :period ORDER BY entry.ledger_seq""",
    ),
    Query(
        name="short_descriptions",
        asks="Entries whose description has fewer than ten characters",
        sql="""SELECT document_no, description FROM tieout.journal_entry
         WHERE ledger_seq <= :upto AND period = :period AND length(btrim(description)) < 10
         ORDER BY ledger_seq""",
    ),
    Query(
        name="round_amounts",
        asks="Lines of a round amount: whole thousands of the major unit, or 999 at the end",
        sql="""SELECT document_no, line_no, account, debit_minor, credit_minor
          FROM tieout.v_journal
         WHERE ledger_seq <= :upto AND period = :period
           AND ((debit_minor + credit_minor) % 100000 = 0
                OR (debit_minor + credit_minor) % 1000 = 999)
         ORDER BY ledger_seq, line_no""",
    ),
    Query(
        name="manual_entries",
        asks="Entries that a person typed or reclassified, and the accounts that they touch",
        sql="""SELECT document_no, journal_type, recorded_by, account, debit_minor, credit_minor
          FROM tieout.v_journal
         WHERE ledger_seq <= :upto AND period = :period AND journal_type IN ('manual', 'reclass')
         ORDER BY ledger_seq, line_no""",
    ),
    Query(
        name="early_reversals",
        asks="Reversals within ten days after the end of the month of what they reverse",
        sql="""SELECT entry.document_no, reversed.document_no AS reverses,
               entry.posting_on::text AS posting_on
          FROM tieout.journal_entry AS entry
          JOIN tieout.journal_entry AS reversed ON reversed.entry_id = entry.reverses_entry_id
         WHERE entry.ledger_seq <= :upto AND :period IN (entry.period, reversed.period)
           AND entry.posting_on > reversed.posting_on
           AND entry.posting_on <= (date_trunc('month', reversed.posting_on)
                                    + interval '1 month 9 days')::date
         ORDER BY entry.ledger_seq""",
    ),
    Query(
        name="back_dated",
        asks="Entries recorded more than ten days after their posting date",
        sql="""SELECT document_no, posting_on::text AS posting_on,
               (recorded_at AT TIME ZONE 'UTC')::date::text AS recorded_on
          FROM tieout.journal_entry
         WHERE ledger_seq <= :upto AND period = :period
           AND (recorded_at AT TIME ZONE 'UTC')::date - posting_on > 10 ORDER BY ledger_seq""",
    ),
    Query(
        name="one_person_twice",
        asks="Persons who signed the month as preparer and as controller: expected none",
        sql="""SELECT person_id, count(DISTINCT duty) AS duties FROM tieout.signoff
         WHERE period = :period AND :upto >= 0
         GROUP BY person_id HAVING count(DISTINCT duty) > 1 ORDER BY person_id""",
    ),
)

_PEOPLE = sa.text("""
  SELECT person_id, display_name, array_to_string(duties, ' ') AS duties,
         tieout.utc_text(recorded_at) AS since, recorded_by
    FROM tieout.person ORDER BY person_id, person_seq""")
_GRANTS = sa.text("""
  SELECT role.rolname::text AS role, 'table' AS kind, class.relname::text AS name,
         string_agg(privilege, ' ' ORDER BY privilege) AS may
    FROM pg_class AS class, pg_roles AS role,
         unnest(ARRAY['DELETE', 'INSERT', 'SELECT', 'TRUNCATE', 'UPDATE']) AS privilege
   WHERE class.relnamespace = 'tieout'::regnamespace AND class.relkind IN ('r', 'v')
     AND role.rolname IN ('t_worker', 't_web', 't_reader')
     AND CASE WHEN privilege IN ('DELETE', 'TRUNCATE')
              THEN has_table_privilege(role.oid, class.oid, privilege)
              ELSE has_any_column_privilege(role.oid, class.oid, privilege) END
   GROUP BY 1, 2, 3
  UNION ALL
  SELECT role.rolname::text, 'function', function.proname::text, 'EXECUTE'
    FROM pg_proc AS function, pg_roles AS role
   WHERE function.pronamespace = 'tieout'::regnamespace
     AND role.rolname IN ('t_worker', 't_web', 't_reader')
     AND has_function_privilege(role.oid, function.oid, 'EXECUTE')
   GROUP BY 1, 2, 3
  UNION ALL
  SELECT held.rolname::text, 'member', member.rolname::text, ''
    FROM pg_auth_members AS membership
    JOIN pg_roles AS held ON held.oid = membership.roleid
    JOIN pg_roles AS member ON member.oid = membership.member
   WHERE held.rolname IN ('t_worker', 't_web', 't_reader', 't_owner')
   GROUP BY 1, 2, 3
   ORDER BY 1, 2, 3""")


def find(name: str) -> Query:
    """The saved query of that name.

    Raises:
        UnknownSubjectError: there is none; lists all.
    """
    known = {one.name: one for one in QUERIES}
    if name not in known:
        raise UnknownSubjectError(
            f"There is no saved query {name[:60]!r}: expected one of {', '.join(known)}."
        )
    return known[name]


def run(tx: Tx, query: Query, *, period: str, upto_seq: int) -> tuple[list[str], list[Any]]:
    """Column names, and rows as mappings."""
    result = tx.execute(sa.text(query.sql), {"period": period, "upto": upto_seq})
    return list(result.keys()), [dict(row) for row in result.mappings()]


def people(tx: Tx) -> list[dict[str, Any]]:
    """Every state that a person's duties ever had, with since when and by which login."""
    return [dict(row) for row in tx.execute(_PEOPLE).mappings()]


def grants(tx: Tx) -> list[dict[str, Any]]:
    """The role matrix: what each role may do with which table or function, and who is in it."""
    return [dict(row) for row in tx.execute(_GRANTS).mappings()]
