"""Import files for ledgers outside: what each holds, and what the other ledger has taken.

Revision ID: 0007
Revises: 0006
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0007_erp_exports.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
