"""The language of the search, and the words that typing mistakes are put right to.

The columns `search` are made through the text search configuration `public.lex_text`; its comment says which
language they are in. Another language changes what it does and computes the columns anew, some rows at a time: the shop
goes on selling, and until the end a search finds the rows not yet reached by words that both languages write alike.
"""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
from psycopg import sql

_BATCH = 500
_WORDS: LiteralString = "asciiword, word, asciihword, hword, hword_asciipart, hword_part"
_TABLES = ("products", "services", "subscription_plans")

_LANGUAGE: LiteralString = """
SELECT obj_description(oid, 'pg_ts_config') FROM pg_ts_config
WHERE cfgname = 'lex_text' AND cfgnamespace = 'public'::regnamespace
"""
_HAS_STOP_WORDS: LiteralString = """
SELECT dictinitoption LIKE '%%stopwords%%' FROM pg_ts_dict
WHERE dictname = %s AND dictnamespace = 'pg_catalog'::regnamespace
"""
# Naming a column it is made of has `search` computed anew. In the order of ids, as everybody locks them.
_COMPUTE: LiteralString = """
WITH next AS (SELECT id FROM {table} WHERE id > %(after)s ORDER BY id LIMIT %(batch)s FOR NO KEY UPDATE),
changed AS (UPDATE {table} t SET name = t.name FROM next WHERE t.id = next.id RETURNING t.id)
SELECT count(*), max(id::text)::uuid FROM changed
"""
# What is found gone is only marked, and removed when it is still gone at the next count: an entry that brings the word
# back may be about to commit meanwhile.
_COUNT: LiteralString = """
WITH counted AS (
    SELECT word, count(*)::int AS frequency FROM (
        SELECT words_of(name, labels(brand, tags), options::text, description) AS word
        FROM products WHERE deleted_at IS NULL AND is_active
        UNION ALL SELECT words_of(name, description) FROM services WHERE deleted_at IS NULL AND is_active
        UNION ALL SELECT words_of(name, description) FROM subscription_plans
        WHERE deleted_at IS NULL AND is_active AND is_current
    ) words GROUP BY word
), gone AS (
    DELETE FROM search_words w WHERE frequency = 0 AND NOT EXISTS (SELECT FROM counted c WHERE c.word = w.word)
), missing AS (
    UPDATE search_words w SET frequency = 0
    WHERE frequency > 0 AND NOT EXISTS (SELECT FROM counted c WHERE c.word = w.word)
), present AS (
    INSERT INTO search_words AS w (word, frequency) SELECT word, frequency FROM counted ORDER BY word
    ON CONFLICT (word) DO UPDATE SET frequency = excluded.frequency WHERE w.frequency <> excluded.frequency
)
SELECT count(*) FROM counted
"""


def language(database_url: str) -> str:
    """The language the database searches in; other words while a change of it is not finished."""
    with psycopg.connect(database_url) as connection:
        return _language(connection)


def rebuild(database_url: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Search in this language (a name of `lex.core.settings.LANGUAGES`): yields rows done and rows in all.

    What was broken off is done again by the next call.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        if _language(connection) != wanted:
            _speak(connection, wanted)
        total, done = sum(_number(connection, table) for table in _TABLES), 0
        for table in _TABLES:
            after = "00000000-0000-0000-0000-000000000000"
            while True:
                statement = sql.SQL(_COMPUTE).format(table=sql.Identifier(table))
                row = connection.execute(statement, {"after": after, "batch": _BATCH}).fetchone()
                if row is None or not row[0]:
                    break
                done, after = done + row[0], row[1]
                yield done, max(total, done)
        _note(connection, wanted)
    count_words(database_url)


def count_words(database_url: str) -> int:
    """Count the words of what is on offer anew and forget those that are gone; returns how many there are."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(_COUNT).fetchone()
        return int(row[0]) if row else 0


def _language(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    row = connection.execute(_LANGUAGE).fetchone()
    return str(row[0]) if row else ""


def _number(connection: psycopg.Connection[tuple[int, ...]], table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return row[0] if row else 0


def _speak(connection: psycopg.Connection[tuple[object, ...]], wanted: str) -> None:
    """The configuration in another language. `simple` takes words as they are, without accents."""
    stem = sql.Identifier("pg_catalog", "simple" if wanted == "simple" else f"{wanted}_stem")
    row = connection.execute(_HAS_STOP_WORDS, (f"{wanted}_stem",)).fetchone()
    stop = sql.SQL("STOPWORDS = {}").format(sql.Identifier(wanted)) if row and row[0] else sql.SQL("STOPWORDS")
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '5s'")
        connection.execute(sql.SQL("ALTER TEXT SEARCH DICTIONARY public.lex_stop ({})").format(stop))
        connection.execute(
            sql.SQL("ALTER TEXT SEARCH CONFIGURATION public.lex_text ALTER MAPPING FOR {} WITH {}, {}, {}").format(
                sql.SQL(_WORDS), sql.Identifier("public", "lex_stop"), sql.Identifier("public", "unaccent"), stem
            )
        )
        _note(connection, f"on the way to {wanted}")


def _note(connection: psycopg.Connection[tuple[object, ...]], words: str) -> None:
    comment = sql.SQL("COMMENT ON TEXT SEARCH CONFIGURATION public.lex_text IS {}")
    connection.execute(comment.format(sql.Literal(words)))
