"""One box over goods, services and plans: what is found, in which order, and what filters leave."""

import itertools
import json
import random
from typing import Any

import pytest

from lex.core.errors import Invalid, NotFound
from lex.db.session import CountingCursor, transact
from lex.flows.search.find import find
from lex.flows.search.question import SORTS, Search
from lex.services import commands as services
from lex.services.commands import ServiceDraft
from lex.subscriptions import commands as plans
from lex.subscriptions.commands import PlanDraft
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")


async def _search(q: str, **wanted: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(await find(Search(q=q, **wanted)))
    return document


async def _names(q: str, **wanted: Any) -> list[str]:
    return [item["name"] for item in (await _search(q, **wanted))["items"]]


async def _stock() -> None:
    await goods.family(
        "Merino jersey",
        {"S": (8000, 0), "M": (9000, 3)},
        category="Clothing > Jerseys",
        brand="Loom",
        tags=["wool"],
        description="<p>Fine wool for <b>long</b> rides.</p>",
    )
    await goods.product("Bib shorts", price=11900, category="Clothing > Shorts", brand="Loom", barcode="4012345678901")
    await goods.product("Brass bell", price=1900, sku="BELL-1", category="Parts", on_hand=0, compare_at_price=2500)
    await goods.product("Handlebar", price=4900, sku="BAR-1", description="Takes a bell and a lamp.")
    await goods.product("Café lamp", price=5900, sku="LAMP-1", category="Parts", description="Bright.")
    await goods.product("Hidden bell", sku="HIDDEN-1", is_active=False)


async def _serve() -> None:
    async def work(session: Any) -> None:
        await services.create_service(
            session, ServiceDraft(name="Bell tuning", service_type="one_time", price=2500, description="We ring it.")
        )
        await plans.create_plan(
            session,
            PlanDraft(name="Bell club", price=900, billing_interval="month", description="A bell a month."),
        )

    await transact(goods.ACTOR, work)


async def test_one_box_finds_goods_services_and_plans() -> None:
    await _stock()
    await _serve()
    page = await _search("bell")
    kinds = {item["name"]: item["kind"] for item in page["items"]}
    assert kinds == {"Brass bell": "product", "Handlebar": "product", "Bell tuning": "service", "Bell club": "plan"}
    assert page["kinds"] == {"product": 2, "service": 1, "plan": 1}
    assert (page["total"], page["corrected"], page["near_words"]) == (4, None, [])
    assert page["items"][-1]["name"] == "Handlebar"  # named in its description only
    only = await _search("bell", kind="service")
    assert ([item["name"] for item in only["items"]], only["total"]) == (["Bell tuning"], 1)
    assert only["kinds"] == page["kinds"]
    assert only["facets"]["total"] == 1


async def test_a_card_has_all_it_shows() -> None:
    await _stock()
    await _serve()
    items = {item["name"]: item for item in (await _search("bell or jersey"))["items"]}
    jersey, bell, club = items["Merino jersey"], items["Brass bell"], items["Bell club"]
    assert (jersey["price"], jersey["price_max"], jersey["in_stock"], jersey["variant_count"]) == (8000, 9000, True, 2)
    assert jersey["category"] == {"slug": "jerseys", "name": "Jerseys"}
    assert (bell["in_stock"], bell["compare_at_price"]) == (False, 2500)
    assert (club["billing_interval"], club["interval_count"], club["in_stock"]) == ("month", 1, True)
    assert {tuple(item) for item in items.values()} == {tuple(jersey)}


async def test_the_order_of_results() -> None:
    await goods.product("Saddle bag", sku="A-1", description="A bag.")
    await goods.product("Tools", sku="A-2", description="Bag of tools with a saddle bag, a bag and a bag.")
    await goods.product("Strap", sku="A-3", tags=["bag"])
    await goods.product("Bag", sku="A-4")
    await goods.product("Pump", sku="BAG")
    assert await _names("bag") == ["Pump", "Bag", "Saddle bag", "Strap", "Tools"]
    assert await _names("BAG", literal=True) == ["Pump", "Bag", "Saddle bag", "Strap", "Tools"]


async def test_codes_find_the_family_they_belong_to() -> None:
    await _stock()
    variant = await goods.value("SELECT sku FROM products WHERE name = 'Merino jersey M'")
    assert await _names(variant.lower()) == ["Merino jersey"]
    assert await _names(" 4012345678901 ") == ["Bib shorts"]
    assert await _names("hidden-1") == []
    await goods.run("UPDATE products SET deleted_at = now() WHERE sku = 'BAR-1'")
    assert await _names("bar-1") == []


FOUND = [
    *(("jerseys", "Merino jersey"), ("riding", "Merino jersey"), ("loom jersey", "Merino jersey")),
    *(("cafe", "Café lamp"), ("CAFÉ", "Café lamp"), ('"long rides"', "Merino jersey"), ("bell -brass", "Handlebar")),
]


async def test_words_are_found_in_any_form() -> None:
    await _stock()
    for words, name in FOUND:
        page = await _search(words)
        assert (words, [item["name"] for item in page["items"]], page["corrected"]) == (words, [name], None)


MISSPELLED = [
    *(("brass bel", "brass bell"), ("jursey", "jersey"), ("jresey", "jersey"), ("jrsey", "jersey")),
    *(("jerssey", "jersey"), ("lmap", "lamp"), ("merno jersy", "merino jersey"), ("caffé lampp", "cafe lamp")),
    *(("handelbar", "handlebar"), ("jers", "jersey"), ("merino -wol", "merino -wol")),
]


async def test_mistakes_are_put_right_and_told() -> None:
    await _stock()
    for typed, meant in MISSPELLED:
        page = await _search(typed)
        expected = None if typed == meant else meant
        assert (typed, page["corrected"]) == (typed, expected)
        assert (typed, page["q"]) == (typed, typed)
        assert page["total"] == len(page["items"]) > 0
    literal = await _search("jursey", literal=True)
    assert (literal["total"], literal["corrected"], literal["near_words"]) == (0, None, ["jersey"])


async def test_near_words_stand_in_for_results_and_find_something() -> None:
    await _stock()
    page = await _search("brass saddle")
    assert (page["total"], page["items"], page["corrected"]) == (0, [], None)
    assert page["near_words"][0] == "brass"
    for word in page["near_words"]:
        assert await _names(word)
    assert (await _search("zzzzqqqq"))["near_words"] == []


async def test_filters_that_leave_nothing_put_nothing_right() -> None:
    await _stock()
    page = await _search("jersey", max_price=100)
    assert (page["total"], page["corrected"], page["near_words"]) == (0, None, [])
    assert page["facets"]["price"] == {"min": 8000, "max": 9000}


async def test_a_word_that_is_gone_is_not_offered() -> None:
    await _stock()
    await goods.run("UPDATE products SET is_active = false WHERE name = 'Brass bell'")
    page = await _search("bras")
    assert (page["total"], page["corrected"], page["near_words"]) == (0, None, [])


async def test_a_change_is_found_by_the_next_search() -> None:
    await _stock()
    assert await _names("velvet", literal=True) == []
    await goods.run("UPDATE products SET name = 'Velvet cap' WHERE sku = 'LAMP-1'")
    assert await _names("velvet") == ["Velvet cap"]
    assert (await _search("velvt"))["corrected"] == "velvet"
    assert "Velvet cap" not in await _names("lamp")


NOTHING = [
    *("%", "_", "'", "\\", '"', "-", "--", "!!! ???", "🚲🚲", "the of and", "-bell", "or", "!", "()", "a|b&c!d:*"),
    *("<script>alert(1)</script>", "مرحبا", "שלום", "\u202e\u200f", "日本語", "'; DROP TABLE products; --", "x" * 200),
    *("a " * 100, '"a b c', "bell:*", "((((", "\\'\\\"", "\x0b"),
]


async def test_anything_typed_is_answered() -> None:
    await _stock()
    for typed in NOTHING:
        if not typed.strip():
            continue
        page = await _search(typed)
        assert (typed, page["q"]) == (typed, typed)
        assert page["total"] == len(page["items"]), typed
    assert await goods.value("SELECT count(*) FROM products") == 8


async def test_scripts_in_names_come_back_as_they_are() -> None:
    name = '<script>alert("x")</script> bell'
    await goods.product(name, sku="S-1")
    assert await _names("bell") == [name]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"q": ""}, "q"),
    ({"q": "   "}, "q"),
    ({"q": "a\0b"}, "q"),
    ({"q": "x" * 201}, "q"),
    ({"q": "bell", "sort": "password"}, "sort"),
    ({"q": "bell", "kind": "order"}, "kind"),
    ({"q": "bell", "limit": 0}, "limit"),
    ({"q": "bell", "min_rating": 6}, "min_rating"),
    ({"q": "bell", "min_price": 2, "max_price": 1}, "min_price"),
    ({"q": "bell", "cursor": "x"}, "cursor"),
    ({"q": "bell", "category": "No Slug"}, "category"),
]


async def test_what_cannot_be_asked_is_named() -> None:
    for wanted, field in WRONG:
        with pytest.raises(Invalid) as refused:
            await find(Search(**wanted))
        assert refused.value.errors[0].field == field, wanted
    with pytest.raises(NotFound, match="nowhere"):
        await find(Search(q="bell", category="nowhere"))


async def test_statements_do_not_grow_with_results() -> None:
    await _stock()

    async def sent(q: str, **wanted: Any) -> int:
        before = CountingCursor.sent
        await find(Search(q=q, **wanted))
        return CountingCursor.sent - before

    assert await sent("jersey") == 1
    for number in range(30):
        await goods.product(f"Jersey {number}", sku=f"J-{number}")
    assert await sent("jersey") == 1
    assert await sent("jersey", max_price=1) == 2
    assert await sent("jursey") == 4
    assert await sent("zzzzqqqq") == 3


async def test_pages_have_no_gaps_and_nothing_twice() -> None:
    dice = random.Random(7)
    for number in range(23):
        words = " ".join(dice.choices(["bell", "brass", "lamp"], k=3))
        await goods.product(f"Thing {number % 5}", sku=f"T-{number}", price=dice.randrange(1, 4), description=words)
    await _serve()
    for sort, limit in itertools.product(SORTS, (1, 5)):
        whole = [item["id"] for item in (await _search("bell", sort=sort, limit=100))["items"]]
        cursor, found = None, []
        while True:
            page = await _search("bell", sort=sort, limit=limit, cursor=cursor)
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == whole, sort
        assert len(set(found)) == len(found) > 10


async def test_a_corrected_search_is_paged_by_what_it_was_corrected_to() -> None:
    for number in range(3):
        await goods.product(f"Jersey {number}", sku=f"J-{number}")
    first = await _search("jursey", limit=2)
    rest = await _search(first["corrected"], limit=2, cursor=first["next_cursor"])
    assert len({item["id"] for item in [*first["items"], *rest["items"]]}) == 3
