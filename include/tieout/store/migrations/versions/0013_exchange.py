"""Foreign currencies: amounts of papers beside those of the books, on entries and ledger lines.

Revision ID: 0013
Revises: 0012
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0013_exchange.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
