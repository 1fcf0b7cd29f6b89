"""Pictures of products on other hosts: each address once, and what became of it.

Revision ID: 20250126000012
Revises: 20250126000011
"""

from alembic import op

revision = "20250126000012"
down_revision = "20250126000011"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

PICTURES = """
CREATE DOMAIN picture_status AS text CONSTRAINT ck_picture_status CHECK (VALUE = ANY ('{waiting,stored,failed}'));
CREATE TABLE pictures (
    id uuid NOT NULL,
    source text NOT NULL,
    status picture_status DEFAULT 'waiting' NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    src text,
    width integer,
    height integer,
    error text,
    tried_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_pictures PRIMARY KEY (id),
    CONSTRAINT ck_pictures_src CHECK ((status = 'stored') = (num_nonnulls(src, width, height) = 3))
);
"""


def upgrade() -> None:
    op.execute(TIMEOUTS)
    op.execute(PICTURES)


def downgrade() -> None:
    op.execute(TIMEOUTS)
    op.execute("DROP TABLE pictures; DROP DOMAIN picture_status")
