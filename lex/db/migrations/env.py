"""Alembic's environment: `lex/ops/migrations.py` hands it an open connection; each migration is one transaction."""

from alembic import context

connection = context.config.attributes["connection"]
told = context.config.attributes.get("told")


def tell(*, step: object, **_: object) -> None:
    """Report each migration as it is applied or taken back; Alembic calls it by keyword."""
    if told is not None:
        told(step)


context.configure(connection=connection, transaction_per_migration=True, on_version_apply=tell)  # type: ignore[arg-type]
with context.begin_transaction():
    context.run_migrations()
