"""A page of what was searched for; words that are not in the shop are put right."""

from lex.adapters import cached
from lex.core.errors import NotFound
from lex.flows.search import near, spelling
from lex.flows.search.near import Known
from lex.flows.search.question import Search, question

#: How the document of a search that found nothing begins, as PostgreSQL writes it.
_NOTHING = b'{"total" : 0,'
_OFFERED = 6  # near words


async def find(wanted: Search) -> bytes:
    """Results of all kinds, as JSON; one statement where something is found.

    Where nothing is, and not only because of the filters, words that the shop does not know are replaced by near ones
    and the document says so in `corrected`; when no such text finds anything, or `literal` forbids it, `near_words`
    each find something. Raises `Invalid` naming each bad field, `NotFound` for an unknown category.
    """
    document = await _ask(wanted)
    if not document.startswith(_NOTHING) or wanted.cursor is not None:
        return document
    typed = wanted.q or ""
    is_found, words = await near.look_up(typed, list(spelling.words_in(typed)))
    if is_found or not words:
        return document
    better = None if wanted.literal else await near.first_found(spelling.variants(typed, _meant(words)))
    if better:
        return await _ask(wanted, corrected=better)
    offered = _near_words(words)
    return await _ask(wanted, near=offered) if offered else document


async def _ask(wanted: Search, *, corrected: str | None = None, near: tuple[str, ...] = ()) -> bytes:
    document = await cached.find_document("search", *question(wanted, corrected=corrected, near=near))
    if document is None:
        raise NotFound(f"There is no category “{wanted.category}”.", code="category_not_found")
    return document


def _meant(words: list[Known]) -> dict[str, list[str]]:
    """What each unknown word may have meant, likeliest first."""
    return {word.word: spelling.meant(word.plain, word.candidates) for word in words if not word.is_known}


def _near_words(words: list[Known]) -> tuple[str, ...]:
    """The words that find something alone, then those that resemble the others, nearest first."""
    known = [word.word for word in words if word.is_known] if len(words) > 1 else []
    resembling = sorted(
        entry for word in words if not word.is_known for entry in spelling.ranked(word.plain, word.candidates)
    )
    return tuple(dict.fromkeys([*known, *(entry[-1] for entry in resembling)]))[:_OFFERED]
