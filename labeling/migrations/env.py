"""What Alembic runs for every command: the caller's connection, our tables."""

from alembic import context

from labeling.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
