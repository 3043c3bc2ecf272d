"""What alembic runs: the migrations, on the connection and in the transaction that `app.sessions.database` gives it."""

from alembic import context

from app.sessions.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
