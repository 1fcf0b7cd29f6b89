"""What is suggested while somebody types."""

import json

import pytest

from lex.core.errors import Invalid
from lex.db.session import CountingCursor
from lex.flows.search.suggest import suggest
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")


async def _suggested(typed: str) -> list[tuple[str, str, str | None]]:
    return [(item["kind"], item["text"], item["slug"]) for item in json.loads(await suggest(typed))["items"]]


async def _stock() -> None:
    await goods.product("Brass bell", sku="B-1", category="Bells & horns")
    await goods.product("Bell, small", sku="B-2", description="A belated gift.")
    await goods.product("Café cup", sku="B-3", tags=["espresso"])
    await goods.product("Belt", sku="B-4", is_active=False)


async def test_words_categories_and_entries_that_begin_so() -> None:
    await _stock()
    assert await _suggested("bel") == [
        ("word", "belated", None),
        ("word", "bell", None),
        ("category", "Bells & horns", "bells-horns"),
        ("product", "Bell, small", "bell-small"),
        ("product", "Brass bell", "brass-bell"),
    ]
    assert ("product", "Brass bell", "brass-bell") in await _suggested("brass b")
    assert await _suggested("brass x") == []
    assert ("word", "espresso", None) in await _suggested("ESPR")
    assert ("product", "Café cup", "cafe-cup") in await _suggested("cafe")
    assert ("product", "Café cup", "cafe-cup") in await _suggested("café")


async def test_completed_words_find_something_together() -> None:
    await _stock()
    assert [text for kind, text, _ in await _suggested("small be") if kind == "word"] == ["small belated", "small bell"]
    assert [text for kind, text, _ in await _suggested("cup be") if kind == "word"] == []


async def test_at_most_eight_and_none_twice_by_one_statement() -> None:
    for number in range(20):
        await goods.product(f"Bell {number:02}", sku=f"B-{number}", description=f"bell{number}x bells")
    before = CountingCursor.sent
    found = await _suggested("bell")
    assert CountingCursor.sent == before + 1
    assert len(found) == 8
    assert len({text.lower() for _, text, _ in found}) == 8


async def test_anything_typed_is_answered() -> None:
    await _stock()
    for typed in (
        "",
        "b",
        "%",
        "__",
        "%%%",
        "\\",
        "'",
        "''",
        "🚲🚲",
        "מש",
        "b:*",
        "a|b",
        "(((",
        "!!",
        "x" * 200,
        "a " * 99,
    ):
        assert len(await _suggested(typed)) <= 8
    assert await _suggested("%el") == await _suggested("el") == []
    for typed in ("x" * 201, "be\0"):
        with pytest.raises(Invalid) as refused:
            await suggest(typed)
        assert refused.value.errors[0].field == "q"
