"""The schema's history: numbered steps in `versions/`, run at start by `storage.label_store` under its lock."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

_STEPS = Path(__file__).parent / "versions"


def is_current(connection: Connection) -> bool:
    """Whether the database stands at the last step: asked without Alembic, whose import is a tenth of the start."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    last = max(each.stem for each in _STEPS.glob("[0-9]*.py")).split("_")[0]
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) == [last]


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Brings the database behind `connection` to `revision`, inside the transaction that it is in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic reads these through a format with %: double it, or a folder named "50%" is fatal
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
