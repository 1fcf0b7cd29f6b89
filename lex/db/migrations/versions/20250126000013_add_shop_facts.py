"""What holds for the whole shop and its data is kept once, beside the data: the currency its prices are in.

Revision ID: 20250126000013
Revises: 20250126000012
"""

from alembic import op

revision = "20250126000013"
down_revision = "20250126000012"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TABLE = """
CREATE DOMAIN shop_fact_name AS text CONSTRAINT ck_shop_fact_name CHECK (VALUE = ANY ('{currency}'));
CREATE TABLE shop_facts (
    name shop_fact_name NOT NULL,
    value text NOT NULL,
    CONSTRAINT pk_shop_facts PRIMARY KEY (name)
)
"""


def upgrade() -> None:
    op.execute(TIMEOUTS)
    op.execute(TABLE)


def downgrade() -> None:
    op.execute(TIMEOUTS)
    op.execute("DROP TABLE shop_facts; DROP DOMAIN shop_fact_name")
