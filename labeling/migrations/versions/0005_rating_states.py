"""Ratings say whether their reply's signature was checked, and whether they were taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("verified", "taken_back"):
        op.add_column("ratings", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
