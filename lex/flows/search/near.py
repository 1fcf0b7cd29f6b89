"""What the shop knows of words that found nothing: whether they stand in it, and which words are near them."""

from typing import Any, LiteralString

from lex.core import codec
from lex.db.documents import find_document
from lex.flows.search.spelling import Candidate

_SERVED: LiteralString = "deleted_at IS NULL AND is_active"


def found(query: LiteralString) -> LiteralString:
    """Whether anything on offer fits a query. What half the shop fits is among the newest; the index lists it all."""
    return f"""(EXISTS (SELECT FROM (
            SELECT search FROM products WHERE variant_of IS NULL AND {_SERVED} ORDER BY id DESC LIMIT 20
        ) newest WHERE search @@ {query})
        OR EXISTS (SELECT FROM products WHERE search @@ {query} AND variant_of IS NULL AND {_SERVED})
        OR EXISTS (SELECT FROM services WHERE search @@ {query} AND {_SERVED})
        OR EXISTS (SELECT FROM subscription_plans WHERE search @@ {query} AND {_SERVED} AND is_current))"""


# Near is: one slip away (they share a shape), begins so, or has much in common. What was deleted or hidden since the
# last count still stands in search_words, so each candidate is looked up in what is offered.
_NEAR: LiteralString = f"""
SELECT json_build_object('is_found', {found("(SELECT public.search_query(%(q)s))")}, 'words', coalesce((
    SELECT json_agg(json_build_object(
        'word', asked.word, 'plain', asked.plain, 'is_known', asked.query = ''::tsquery OR {found("asked.query")},
        'near', coalesce((
            SELECT json_agg(json_build_object('word', word, 'frequency', frequency)) FROM (
                SELECT word, frequency FROM (
                    (SELECT word, frequency FROM search_words
                     WHERE shapes && public.word_shapes(asked.plain) ORDER BY frequency DESC, word LIMIT 16)
                    UNION (SELECT word, frequency FROM search_words
                     WHERE length(asked.plain) > 2 AND word ~>=~ asked.plain AND word ~<~ (asked.plain || chr(1114111))
                     ORDER BY frequency DESC, word LIMIT 8)
                    UNION (SELECT word, frequency FROM search_words
                     WHERE word %% asked.plain ORDER BY similarity(word, asked.plain) DESC, word LIMIT 8)
                ) candidates WHERE {found("plainto_tsquery('public.lex_text', word)")}
            ) near), '[]')) ORDER BY place)
    FROM (
        SELECT word, place, plainto_tsquery('public.lex_text', word) AS query,
               coalesce((SELECT string_agg(part, '') FROM public.words_of(word) part), word) AS plain
        FROM unnest(%(words)s::text[]) WITH ORDINALITY typed (word, place)
    ) asked), '[]'))
"""

_FIRST: LiteralString = f"""
SELECT to_json(text) FROM unnest(%(texts)s::text[]) WITH ORDINALITY asked (text, place)
WHERE {found("(SELECT public.search_query(text))")} ORDER BY place LIMIT 1
"""


class Known:
    """A word of a search: how it stands without accents, whether it finds something alone, and what else would."""

    __slots__ = ("candidates", "is_known", "plain", "word")

    def __init__(self, document: dict[str, Any]) -> None:
        self.word: str = document["word"]
        self.plain: str = document["plain"]
        self.is_known: bool = document["is_known"]
        self.candidates = [Candidate(**near) for near in document["near"]]


async def look_up(text: str, words: list[str]) -> tuple[bool, list[Known]]:
    """Whether the text finds anything before filters, and what is known of each of its words; one statement."""
    document: dict[str, Any] = codec.decode(await find_document(_NEAR, {"q": text, "words": words}) or b"{}")
    return document["is_found"], [Known(word) for word in document["words"]]


async def first_found(texts: list[str]) -> str | None:
    """The first of the texts that finds anything before filters; one statement."""
    document = await find_document(_FIRST, {"texts": texts})
    return None if document is None else str(codec.decode(document))
