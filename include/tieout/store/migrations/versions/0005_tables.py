"""Tables that rules and pools draw on: drivers, and look-up tables by name.

Revision ID: 0005
Revises: 0004
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0005_tables.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
