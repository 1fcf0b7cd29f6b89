"""A search that finds some 480 of the products and shows the best 24; what is suggested while it is typed."""

import random

from bench.goods import FAMILIES, MATERIALS, NOUNS, SIMPLE, WORDS, Goods, material_of
from bench.http import Connection
from bench.scenario import Query, Scenario, check, expect
from lex.flows.search.question import Search, question

_FOUND = {
    material: sum(material_of(number) == material for number in range(1, SIMPLE + FAMILIES + 1))
    for material in MATERIALS
}


async def _search(connection: Connection, dice: random.Random, extra: str) -> None:
    material = dice.choice(MATERIALS)
    page = expect(await connection.request("GET", f"/api/v1/search?q={material}{extra}"), 200)
    check(page["total"] == page["kinds"]["product"] == _FOUND[material], (material, page["total"]))
    check(len(page["items"]) == 24 and page["next_cursor"] and page["corrected"] is None, page["next_cursor"])
    numbers = [int(item["slug"].removeprefix("item-")) for item in page["items"]]
    check(all(material_of(number) == material for number in numbers), (material, numbers))
    check(("facets" in page) == (not extra), "facets")


async def _plain(connection: Connection, _: Goods, dice: random.Random) -> None:
    await _search(connection, dice, "&facets=false")


async def _with_facets(connection: Connection, _: Goods, dice: random.Random) -> None:
    await _search(connection, dice, "")


async def _misspelled(connection: Connection, _: Goods, dice: random.Random) -> None:
    material = dice.choice(MATERIALS)
    path = f"/api/v1/search?q={material[0]}{material[2]}{material[1]}{material[3:]}&facets=false"
    page = expect(await connection.request("GET", path), 200)
    check((page["corrected"], page["total"]) == (material, _FOUND[material]), (material, page["corrected"]))


async def _suggest(connection: Connection, _: Goods, dice: random.Random) -> None:
    typed = dice.choice(WORDS + NOUNS)[: dice.randrange(2, 5)]
    items = expect(await connection.request("GET", f"/api/v1/search/suggestions?q={typed}"), 200)["items"]
    check(0 < len(items) <= 8, (typed, len(items)))
    check(all(any(word.startswith(typed) for word in item["text"].lower().split()) for item in items), (typed, items))


def _query() -> Query:
    statement, params = question(Search(q="varying", facets=False))
    value = "(ARRAY[" + ", ".join(f"'{material}'" for material in MATERIALS) + "])[:n]"
    return Query(statement, params | {"corrected": None}, "q", value, len(MATERIALS))


SCENARIOS = [
    Scenario("search", "the best 24 of some 480 that fit a word", _plain, (0.30, 0.70), _query),
    Scenario("search, facets", "the same with its facets counted", _with_facets),
    Scenario("search, typo", "the same with two letters swapped", _misspelled),
    Scenario("suggestions", "what begins with two to four letters", _suggest),
]
