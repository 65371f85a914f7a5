"""First schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


APPEND_ONLY = ("annotations", "exclusions", "ratings", "transitions", "guidelines")


def upgrade() -> None:
    _create_exclusions()
    _create_rooms()
    _create_trained()
    _create_annotators()
    _create_rounds()
    _create_comparisons()
    _create_guidelines()
    _create_prompts()
    _create_ratings()
    _create_transitions()
    _create_annotations()
    _create_assignments()
    _create_coverage()
    for table in APPEND_ONLY:
        _refuse_changes(table)


def _create_exclusions() -> None:
    op.create_table(
        "exclusions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("target_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(op.f("ix_exclusions_target_id"), "exclusions", ["target_id"], unique=False)


def _create_rooms() -> None:
    op.create_table(
        "rooms",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("room_id"),
        sa.UniqueConstraint("code"),
    )


def _create_trained() -> None:
    op.create_table(
        "trained",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("annotation_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "annotation_id"),
    )
    op.create_index(op.f("ix_trained_annotation_id"), "trained", ["annotation_id"], unique=False)


def _create_annotators() -> None:
    op.create_table(
        "annotators",
        sa.Column("annotator_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("withdrawn_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_id"],
            ["rooms.room_id"],
        ),
        sa.PrimaryKeyConstraint("annotator_id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index(op.f("ix_annotators_room_id"), "annotators", ["room_id"], unique=False)


def _create_rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("policies", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("generation", sa.JSON(), nullable=False),
        sa.Column("guidelines_version", sa.Integer(), nullable=False),
        sa.Column("discussed", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_id"],
            ["rooms.room_id"],
        ),
        sa.PrimaryKeyConstraint("round_id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(
        "one_open_round_per_room",
        "rounds",
        ["room_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('open', 'locked', 'discussing', 'open_again')"),
        postgresql_where=sa.text("state IN ('open', 'locked', 'discussing', 'open_again')"),
    )


def _create_comparisons() -> None:
    op.create_table(
        "comparisons",
        sa.Column("comparison_id", sa.String(length=64), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.JSON(), nullable=False),
        sa.Column("completion_a", sa.Text(), nullable=False),
        sa.Column("completion_b", sa.Text(), nullable=False),
        sa.Column("policy_a", sa.String(length=500), nullable=False),
        sa.Column("policy_b", sa.String(length=500), nullable=False),
        sa.Column("generation", sa.JSON(), nullable=True),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("is_gold", sa.Boolean(), nullable=False),
        sa.Column("gold_winner", sa.String(length=16), nullable=True),
        sa.Column("is_common", sa.Boolean(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["rounds.round_id"],
        ),
        sa.PrimaryKeyConstraint("comparison_id"),
        sa.UniqueConstraint("round_id", "position"),
    )


def _create_guidelines() -> None:
    op.create_table(
        "guidelines",
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["rounds.round_id"],
        ),
        sa.PrimaryKeyConstraint("round_id", "version"),
    )


def _create_prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.JSON(), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["rounds.round_id"],
        ),
        sa.PrimaryKeyConstraint("round_id", "position"),
    )


def _create_ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("rating_id", sa.String(length=64), nullable=False),
        sa.Column("annotator_id", sa.String(length=64), nullable=False),
        sa.Column("prompt", sa.JSON(), nullable=False),
        sa.Column("completion", sa.Text(), nullable=False),
        sa.Column("policy", sa.String(length=500), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("scale", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.annotator_id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("rating_id"),
    )
    op.create_index(op.f("ix_ratings_annotator_id"), "ratings", ["annotator_id"], unique=False)


def _create_transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=False),
        sa.Column("to_state", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_id"],
            ["rounds.round_id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(op.f("ix_transitions_round_id"), "transitions", ["round_id"], unique=False)


def _create_annotations() -> None:
    op.create_table(
        "annotations",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("annotation_id", sa.String(length=64), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("comparison_id", sa.String(length=64), nullable=False),
        sa.Column("annotator_id", sa.String(length=64), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("assignment_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("position_swapped", sa.Boolean(), nullable=False),
        sa.Column("winner", sa.String(length=16), nullable=True),
        sa.Column("preference_strength", sa.Integer(), nullable=True),
        sa.Column("ratings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=True),
        sa.Column("edited_completion", sa.Text(), nullable=True),
        sa.Column("edited_from", sa.String(length=1), nullable=True),
        sa.Column("flags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("guidelines_version", sa.Integer(), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=False),
        sa.Column("decision_time_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("supersedes", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("exclude_reason", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.annotator_id"],
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.comparison_id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("annotation_id"),
    )
    op.create_index(op.f("ix_annotations_annotator_id"), "annotations", ["annotator_id"], unique=False)
    op.create_index(op.f("ix_annotations_assignment_id"), "annotations", ["assignment_id"], unique=False)
    op.create_index(op.f("ix_annotations_comparison_id"), "annotations", ["comparison_id"], unique=False)
    op.create_index(op.f("ix_annotations_round_id"), "annotations", ["round_id"], unique=False)


def _create_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("annotator_id", sa.String(length=64), nullable=False),
        sa.Column("comparison_id", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.String(length=64), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("position_swapped", sa.Boolean(), nullable=False),
        sa.Column("served_at", sa.Float(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("current", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotators.annotator_id"],
        ),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.comparison_id"],
        ),
        sa.PrimaryKeyConstraint("annotator_id", "comparison_id", "phase", "repeat"),
        sa.UniqueConstraint("assignment_id"),
    )
    op.create_index("assignments_of_a_comparison", "assignments", ["comparison_id"], unique=False)
    op.create_index("assignments_of_a_round", "assignments", ["round_id", "phase", "annotator_id"], unique=False)
    op.create_index(
        "assignments_under_way",
        "assignments",
        ["round_id", "phase", "lease_until"],
        unique=False,
        sqlite_where=sa.text("action IS NULL"),
        postgresql_where=sa.text("action IS NULL"),
    )


def _create_coverage() -> None:
    op.create_table(
        "coverage",
        sa.Column("comparison_id", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("round_id", sa.String(length=64), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("skips", sa.Integer(), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"],
            ["comparisons.comparison_id"],
        ),
        sa.PrimaryKeyConstraint("comparison_id", "phase"),
    )
    op.create_index(op.f("ix_coverage_round_id"), "coverage", ["round_id"], unique=False)


def _refuse_changes(table: str) -> None:
    """A trigger by which `table` only grows: an UPDATE or DELETE of its rows fails."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} only grows'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_only_grows()"
    )
