"""The schema's history: numbered steps in `versions/`, run at start by `labeling.store` under its lock."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection


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
