"""What somebody may be about to type: words, categories and entries, by the beginning of the last word."""

import re
from typing import LiteralString

from lex.adapters import cached
from lex.catalog.parts import LISTED
from lex.core.errors import Invalid
from lex.core.texts import fault_in
from lex.flows.search.near import found
from lex.flows.search.question import LONGEST

MOST = 8
_WORD = re.compile(r"[^\W_]+")
#: Sorts behind every text that begins so. A range, unlike LIKE, is found by the index in a statement that is prepared.
_LAST = "\U0010ffff"

# Each source reads a bounded part of an index: a beginning that half the shop shares costs no more than a rare one.
# What begins so in a name is found in an index of names; the words before it may stand anywhere and are looked at after
# that (IS TRUE keeps their index out of it). A last word that means nothing, such as "the", leaves only them to find.
_SUGGEST: LiteralString = f"""
WITH asked AS MATERIALIZED (
    SELECT to_tsquery('public.lex_text', %(query)s) AS query, to_tsquery('public.lex_text', %(last)s) AS last
), begun AS MATERIALIZED (
    (SELECT 'product' AS kind, p.name, p.slug, 2 AS source,
            row_number() OVER (ORDER BY lower(p.name) USING ~<~) AS place
     FROM products p WHERE {LISTED} AND lower(p.name) ~>=~ %(name)s AND lower(p.name) ~<~ %(name_end)s
     ORDER BY lower(p.name) USING ~<~ LIMIT 5)
    UNION ALL
    (SELECT 'product', p.name, p.slug, 3, 0 FROM products p
     WHERE {LISTED} AND to_tsvector('public.lex_text'::regconfig, p.name) @@ (SELECT last FROM asked)
       AND (p.search @@ (SELECT query FROM asked)) IS TRUE LIMIT 5)
    UNION ALL
    (SELECT 'product', p.name, p.slug, 3, 0 FROM products p
     WHERE (SELECT numnode(last) FROM asked) = 0 AND {LISTED} AND p.search @@ (SELECT query FROM asked) LIMIT 5)
    UNION ALL
    (SELECT 'service', name, slug, 3, 0 FROM services
     WHERE deleted_at IS NULL AND is_active AND search @@ (SELECT query FROM asked) LIMIT 3)
    UNION ALL
    (SELECT 'plan', name, slug, 3, 0 FROM subscription_plans
     WHERE deleted_at IS NULL AND is_active AND is_current
       AND search @@ (SELECT query FROM asked) LIMIT 2)
    UNION ALL
    (SELECT 'category', name, slug, 1, row_number() OVER (ORDER BY path) FROM categories
     WHERE deleted_at IS NULL AND is_active
       AND (starts_with(lower(name), %(name)s) OR strpos(lower(name), ' ' || %(name)s) > 0)
     ORDER BY path LIMIT 2)
    UNION ALL
    (SELECT 'word', %(head)s || word, NULL, 0, row_number() OVER (ORDER BY frequency DESC, word) FROM (
        SELECT word, frequency FROM (
            SELECT word, frequency FROM search_words
            WHERE word ~>=~ %(word)s AND word ~<~ %(word_end)s AND frequency > 0
            ORDER BY word USING ~<~ LIMIT 200) begun
        WHERE word <> %(word)s ORDER BY frequency DESC, word LIMIT 8) frequent
     WHERE {found("(SELECT plainto_tsquery('public.lex_text', %(head)s || word))")}
     ORDER BY frequency DESC, word LIMIT 3)
), different AS (
    SELECT DISTINCT ON (lower(name)) * FROM begun ORDER BY lower(name), kind = 'word', source, place
)
SELECT json_build_object('items', coalesce((
    SELECT json_agg(json_build_object('kind', kind, 'text', name, 'slug', slug) ORDER BY source, place, lower(name))
    FROM (SELECT * FROM different ORDER BY source, place, lower(name) LIMIT {MOST}) first), '[]'))
"""


async def suggest(typed: str) -> bytes:
    """Suggestions as JSON, one statement. Raises `Invalid` naming `q`; for less than two letters there are none."""
    fault = fault_in(typed, longest=LONGEST)
    if fault:
        raise Invalid("q", fault)
    words = _WORD.findall(typed.lower())
    if not words or len("".join(words)) < 2:
        return b'{"items":[]}'
    last, name = words[-1], " ".join(typed.lower().split())
    params = {
        "name": name,
        "name_end": name + _LAST,
        "query": " & ".join([*words[:-1], f"{last}:*A"]),
        "last": f"{last}:*",
        "head": typed.lower()[: typed.lower().rindex(last)].lstrip(),
        "word": last,
        "word_end": last + _LAST,
    }
    return await cached.find_document("suggestions", _SUGGEST, params) or b'{"items":[]}'
