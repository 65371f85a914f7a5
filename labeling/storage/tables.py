"""The database's tables, in SQLAlchemy's terms; SQLite and PostgreSQL alike.

`annotations`, `exclusions`, `ratings`, `transitions` only ever grow: triggers refuse to change or delete
their rows. `assignments` and `coverage` are what the running app looks up, and can be worked out from the
annotations. Times are seconds since 1970 (UTC). Changing anything here needs a migration beside it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy import BigInteger as _BigInteger

metadata = MetaData()
Big = _BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys alone
ID = String(64)


def _key(table: str) -> Column:
    return Column(f"{table}_id", ID, primary_key=True)


def _of(table: str, **options) -> Column:
    return Column(f"{table}_id", ID, ForeignKey(f"{table}s.{table}_id"), nullable=False, **options)


rooms = Table(
    "rooms",
    metadata,
    _key("room"),
    Column("code", String(16), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("seats", Integer),  # null: no limit
    Column("closed", Boolean, nullable=False, server_default=false()),  # nobody new comes in
)

rounds = Table(
    "rounds",
    metadata,
    _key("round"),
    _of("room"),
    Column("name", String(200), nullable=False, unique=True),
    Column("purpose", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("policies", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("generation", JSON, nullable=False),
    Column("guidelines_version", Integer, nullable=False),
    Column("discussed", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("opened_at", Float),
    Column("number", Integer),  # under which people know it while it is blind
    Column("secret", String(64)),  # nobody but the server knows it: sides and seeds are drawn from it
)
Index(
    "one_open_round_per_room",
    rounds.c.room_id,
    unique=True,
    sqlite_where=rounds.c.state.in_(("open", "locked", "discussing", "open_again")),
    postgresql_where=rounds.c.state.in_(("open", "locked", "discussing", "open_again")),
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    _of("round", index=True),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("at", Float, nullable=False),
)

guidelines = Table(
    "guidelines",
    metadata,
    _of("round", primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

prompts = Table(
    "prompts",
    metadata,
    _of("round", primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("prompt", JSON, nullable=False),
    Column("split", String(8), nullable=False),
    Column("state", String(16), nullable=False),  # waiting, generated, dropped
    Column("reason", String(64)),
)

comparisons = Table(
    "comparisons",
    metadata,
    _key("comparison"),
    _of("round"),
    Column("position", Integer, nullable=False),
    Column("prompt", JSON, nullable=False),
    Column("completion_a", Text, nullable=False),
    Column("completion_b", Text, nullable=False),
    Column("policy_a", String(500), nullable=False),
    Column("policy_b", String(500), nullable=False),
    Column("generation", JSON),
    Column("split", String(8), nullable=False),
    Column("is_gold", Boolean, nullable=False),
    Column("gold_winner", String(16)),
    Column("is_common", Boolean, nullable=False),
    Column("metadata", JSON),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("round_id", "position"),
)

annotators = Table(
    "annotators",
    metadata,
    _key("annotator"),
    _of("room", index=True),
    Column("token_hash", ID, unique=True),  # sha256: who reads the database cannot vote for others
    Column("kind", String(16), nullable=False),
    Column("group", String(100), nullable=False),
    Column("language", String(8), nullable=False),
    Column("quota", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("withdrawn_at", Float),
    Column("device", ID),  # the browser that joined, a random number; "" without a cookie, null where none is known
    Column("doubt", String(16), nullable=False, server_default=""),  # see labeling.schema.Doubt
    Column("undone_at", Float),  # the teacher has undone the joining
    Column("left_out", Boolean, nullable=False, server_default=false()),  # what `exclusions` says of them now
    Index("annotators_of_a_device", "device", "created_at"),
    Index("annotators_in_time", "created_at"),
)

assignments = Table(
    "assignments",
    metadata,
    _of("annotator", primary_key=True),
    _of("comparison", primary_key=True),
    Column("phase", String(16), primary_key=True),
    Column("repeat", Integer, primary_key=True),
    Column("assignment_id", ID, nullable=False, unique=True),
    Column("round_id", ID, nullable=False),
    Column("position_swapped", Boolean, nullable=False),
    Column("served_at", Float, nullable=False),
    Column("lease_until", Float, nullable=False),
    Column("current", ID),  # the annotation that counts
    Column("action", String(16)),  # its action: vote, skip, report; null while unjudged
    Index("assignments_of_a_round", "round_id", "phase", "annotator_id"),
    Index("assignments_of_a_comparison", "comparison_id"),
)
Index(
    "assignments_under_way",
    assignments.c.round_id,
    assignments.c.phase,
    assignments.c.lease_until,
    sqlite_where=assignments.c.action.is_(None),
    postgresql_where=assignments.c.action.is_(None),
)

coverage = Table(
    "coverage",
    metadata,
    _of("comparison", primary_key=True),
    Column("phase", String(16), primary_key=True),
    Column("round_id", ID, nullable=False, index=True),
    Column("votes", Integer, nullable=False),  # those that count: without left-out ones
    Column("skips", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("doubted", Integer, nullable=False, server_default="0"),  # votes among them that take no place from others
)

annotation_log = Table(
    "annotations",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    Column("annotation_id", ID, nullable=False, unique=True),
    Column("body_hash", ID, nullable=False),
    _of("comparison", index=True),
    _of("annotator", index=True),
    Column("round_id", ID, nullable=False, index=True),
    Column("assignment_id", ID, nullable=False, index=True),
    Column("action", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("position_swapped", Boolean, nullable=False),
    Column("winner", String(16)),
    Column("preference_strength", Integer),
    Column("ratings", JSON(none_as_null=True)),
    Column("rationale", Text),
    Column("edited_completion", Text),
    Column("edited_from", String(1)),
    Column("flags", JSON(none_as_null=True)),
    Column("guidelines_version", Integer, nullable=False),
    Column("group", String(100), nullable=False),
    Column("decision_time_ms", Integer),
    Column("created_at", Float, nullable=False),
    Column("supersedes", ID),
    Column("source", String(16), nullable=False),
    Column("exclude_reason", String(200)),
)

exclusions = Table(
    "exclusions",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),  # annotation or annotator
    Column("target_id", ID, nullable=False, index=True),
    Column("reason", String(200)),  # null takes an earlier exclusion back
    Column("at", Float, nullable=False),
)

ratings = Table(
    "ratings",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=True),
    Column("rating_id", ID, nullable=False, unique=True),
    _of("annotator", index=True),
    Column("prompt", JSON, nullable=False),
    Column("completion", Text, nullable=False),
    Column("policy", String(500), nullable=False),
    Column("split", String(8), nullable=False),
    Column("scale", String(16), nullable=False),
    Column("value", Integer, nullable=False),
    Column("source", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("verified", Boolean, nullable=False, server_default=false()),  # the reply's signature was checked
    Column("taken_back", Boolean, nullable=False, server_default=false()),  # by the person who gave the rating
)

trained = Table(
    "trained",
    metadata,
    Column("run_id", ID, primary_key=True),
    Column("annotation_id", ID, primary_key=True, index=True),
)

# Secrets and the like, shared by the apps on one database. `private`: never part of a backup.
installation = Table(
    "installation",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    info={"private": True},
)
