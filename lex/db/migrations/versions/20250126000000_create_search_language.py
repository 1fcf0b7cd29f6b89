"""The text search configurations that the generated columns of the catalogue are made through.

Revision ID: 20250126000000
Revises:
"""

from alembic import op

revision = "20250126000000"
down_revision = None
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# What a generated column calls must never change, and yet the language is a setting: the columns name the configuration
# lex_text, and `lex search rebuild` changes what that does and computes them anew. lex_stop leaves out the words that
# say nothing before their accents go, as the lists of such words have them. lex_words keeps words as they are spelled.
SEARCH = """
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE TEXT SEARCH DICTIONARY public.lex_stop (
    TEMPLATE = pg_catalog.simple, STOPWORDS = english, ACCEPT = false
);
CREATE TEXT SEARCH CONFIGURATION public.lex_text (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION public.lex_text
    ALTER MAPPING FOR asciiword, word, asciihword, hword, hword_asciipart, hword_part
    WITH public.lex_stop, public.unaccent, pg_catalog.english_stem;
COMMENT ON TEXT SEARCH CONFIGURATION public.lex_text IS 'english';
CREATE TEXT SEARCH CONFIGURATION public.lex_words (PARSER = pg_catalog.default);
ALTER TEXT SEARCH CONFIGURATION public.lex_words
    ADD MAPPING FOR asciiword, word, numword, hword_asciipart, hword_part, hword_numpart
    WITH public.unaccent, pg_catalog.simple;

CREATE FUNCTION public.labels(brand text, tags text[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(brand, '') || ' ' || array_to_string(tags, ' ')
$$;
COMMENT ON FUNCTION public.labels IS 'Brand and tags as one text; array_to_string alone is not immutable.';
"""

DROP = """
DROP FUNCTION labels(text, text[]);
DROP TEXT SEARCH CONFIGURATION lex_words, lex_text;
DROP TEXT SEARCH DICTIONARY lex_stop;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, SEARCH)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
