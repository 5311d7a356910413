"""Page indexes: lines by amount, entries by service, events by who and what.

Revision ID: 0017
Revises: 0016
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0017_page_indexes.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
