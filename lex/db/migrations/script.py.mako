"""${message}.

Revision ID: ${up_revision}
Revises:${" " + down_revision if down_revision else ""}
"""

from alembic import op
% if config.attributes["kind"] == "data":
from sqlalchemy import text
% endif

revision = "${up_revision}"
down_revision = ${'"' + down_revision + '"' if down_revision else None}
branch_labels = None
depends_on = None
kind = "${config.attributes["kind"]}"

% if config.attributes["kind"] == "data":
TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '10min'"


def upgrade() -> None:
    # One transaction: all rows or none. A policy that hides rows would make the statement do nothing and say nothing,
    # so the rows are counted first and the count is compared.
    connection = op.get_bind()
    connection.execute(text(TIMEOUTS))
    expected = connection.execute(text("SELECT count(*) FROM table_name WHERE condition")).scalar_one()
    changed = connection.execute(text("UPDATE table_name SET column_name = value WHERE condition")).rowcount
    if changed != expected:
        raise RuntimeError(f"{changed} rows changed instead of {expected}")


def downgrade() -> None:
    connection = op.get_bind()
    connection.execute(text(TIMEOUTS))
    expected = connection.execute(text("SELECT count(*) FROM table_name WHERE condition")).scalar_one()
    changed = connection.execute(text("UPDATE table_name SET column_name = value WHERE condition")).rowcount
    if changed != expected:
        raise RuntimeError(f"{changed} rows changed instead of {expected}")
% else:
TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

UP = """
"""

DOWN = """
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, UP)


def downgrade() -> None:
    run(TIMEOUTS, DOWN)
% endif
