"""Full-text search in SQL: what the columns `search` are made of, and how a question is asked of them.

The language is that of the text search configuration `public.lex_text`; docs/concepts/search.md tells how a setting
reaches it.
"""

from typing import LiteralString

#: How much a word counts in a description, an option, brand and tags, and the name.
WEIGHTS: LiteralString = "'{0.05, 0.2, 0.4, 1.0}'::real[]"

#: What a person typed, as a query; it asks nothing when there is no word in it that has to be found.
QUERY: LiteralString = "(SELECT public.search_query(%(q)s))"


def weighted(expression: str, weight: str) -> str:
    """A part of a generated column `search`: the words of a text, each under a weight from A to D."""
    return f"setweight(to_tsvector('public.lex_text'::regconfig, {expression}), '{weight}')"


def rank(alias: LiteralString, query: LiteralString = QUERY) -> LiteralString:
    """How well a row fits the query as a whole number, the best lowest, so that it sorts together with an id."""
    return f"-(ts_rank({WEIGHTS}, {alias}.search, {query}) * 1000000)::int"
