"""Acts from the pages: correct and reject documents, refuse suggested matches.

Revision ID: 0020
Revises: 0019
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision in order, in one transaction."""
    for part in ("review_on_pages", "refused_matches"):
        run_sql(f"0020_{part}.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
