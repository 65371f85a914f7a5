"""Rounds get a number, under which a class knows them, and a secret, from which coins and seeds are drawn."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rounds", sa.Column("number", sa.Integer(), nullable=True))
    op.add_column("rounds", sa.Column("secret", sa.String(length=64), nullable=True))
    rounds = sa.table(
        "rounds",
        *(sa.column(name) for name in ("round_id", "number", "secret", "created_at")),
        sa.column("discussed", sa.JSON()),
    )
    connection = op.get_bind()
    ordered = sa.select(rounds.c.round_id, rounds.c.discussed).order_by(rounds.c.created_at, rounds.c.round_id)
    for number, row in enumerate(connection.execute(ordered).all(), 1):
        # What was discussed before keeps the sides on which it stood.
        values = {"number": number, "secret": None if row.discussed else secrets.token_hex(16)}
        connection.execute(sa.update(rounds).where(rounds.c.round_id == row.round_id).values(**values))
