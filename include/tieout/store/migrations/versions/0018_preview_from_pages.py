"""Previews from the pages: what a proposed policy would move may be kept by the web login.

Revision ID: 0018
Revises: 0017
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0018_preview_from_pages.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
