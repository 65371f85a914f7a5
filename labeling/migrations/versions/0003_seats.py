"""Seats of a room; joins that are doubted, undone or left out; counters of counting votes alone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Votes by machines never had a place; votes that were left out keep theirs no longer.
_COUNTING = """
    SELECT count(*) FROM assignments
    JOIN annotators ON annotators.annotator_id = assignments.annotator_id
    WHERE assignments.comparison_id = coverage.comparison_id AND assignments.phase = coverage.phase
    AND assignments.repeat = 0 AND assignments.current IS NOT NULL AND assignments.action = '{action}'
    AND annotators.kind <> 'machine' AND NOT annotators.left_out
    AND NOT EXISTS (
        SELECT 1 FROM exclusions WHERE exclusions.kind = 'annotation'
        AND exclusions.target_id = assignments.current AND exclusions.reason IS NOT NULL
        AND exclusions.seq = (
            SELECT max(newest.seq) FROM exclusions AS newest
            WHERE newest.kind = 'annotation' AND newest.target_id = assignments.current))
"""
_LEFT_OUT = """
    UPDATE annotators SET left_out = {true} WHERE EXISTS (
        SELECT 1 FROM exclusions WHERE exclusions.kind = 'annotator'
        AND exclusions.target_id = annotators.annotator_id AND exclusions.reason IS NOT NULL
        AND exclusions.seq = (
            SELECT max(newest.seq) FROM exclusions AS newest
            WHERE newest.kind = 'annotator' AND newest.target_id = annotators.annotator_id))
"""


def upgrade() -> None:
    op.add_column("rooms", sa.Column("seats", sa.Integer(), nullable=True))
    op.add_column("rooms", sa.Column("closed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("annotators", sa.Column("device", sa.String(length=64), nullable=True))
    op.add_column("annotators", sa.Column("doubt", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("annotators", sa.Column("undone_at", sa.Float(), nullable=True))
    op.add_column("annotators", sa.Column("left_out", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("annotators_of_a_device", "annotators", ["device", "created_at"], unique=False)
    op.create_index("annotators_in_time", "annotators", ["created_at"], unique=False)
    op.add_column("coverage", sa.Column("doubted", sa.Integer(), nullable=False, server_default="0"))
    true = "true" if op.get_bind().dialect.name == "postgresql" else "1"
    op.execute(_LEFT_OUT.format(true=true))
    if op.get_bind().execute(sa.text("SELECT 1 FROM exclusions LIMIT 1")).first() is None:
        return
    for name, action in (("votes", "vote"), ("skips", "skip"), ("reports", "report")):
        op.execute(f"UPDATE coverage SET {name} = ({_COUNTING.format(action=action)})")
