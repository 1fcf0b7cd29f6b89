"""Filters and their counts, compared with a count by hand over random goods, services and plans."""

import json
import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from lex.db.session import Session, transact
from lex.flows.search.find import find
from lex.flows.search.question import Search
from lex.services import commands as services
from lex.services.commands import ServiceDraft
from lex.subscriptions import commands as plans
from lex.subscriptions.commands import PlanDraft
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")

WORDS = ("bell", "lamp", "saddle")
CATEGORIES = ("", "Parts", "Parts > Bells", "Clothing")
SIZES = ("S", "M", "L")


@dataclass
class Entry:
    """What is on offer, as a person would count it: `offers` are (price, size, is in stock)."""

    name: str
    kind: str
    words: str
    branch: tuple[str, ...] = ()
    brand: str | None = None
    rating: int = 0
    offers: list[tuple[int, str, bool]] = field(default_factory=list)


async def _seed(dice: random.Random) -> list[Entry]:
    entries = []
    for number in range(26):
        entry = Entry(f"Thing {number}", "product", " ".join(dice.sample(WORDS, 2)), rating=dice.randrange(6))
        place = dice.choice(CATEGORIES)
        entry.branch = tuple(part.lower() for part in place.split(" > ") if part)
        entry.brand = dice.choice([None, "Loom", "Clang"])
        about: dict[str, Any] = {"category": place, "description": entry.words, "brand": entry.brand}
        if number % 3:
            price, on_hand = dice.randrange(1, 9) * 100, dice.randrange(2)
            entry.offers = [(price, "", on_hand > 0)]
            await goods.product(entry.name, price=price, on_hand=on_hand, **about)
        else:
            sizes = {size: (dice.randrange(1, 9) * 100, dice.randrange(2)) for size in dice.sample(SIZES, 2)}
            entry.offers = [(price, size, on_hand > 0) for size, (price, on_hand) in sizes.items()]
            await goods.family(entry.name, sizes, **about)
        if entry.rating:
            await goods.tamper(
                "UPDATE products SET rating_average = %(rating)s WHERE name = %(name)s",
                rating=entry.rating,
                name=entry.name,
            )
        entries.append(entry)
    return entries + await _seed_others(dice)


async def _seed_others(dice: random.Random) -> list[Entry]:
    entries = []
    for number in range(5):
        price, words = dice.randrange(1, 9) * 100, " ".join(dice.sample(WORDS, 2))
        offers = [(price, "", True)]
        entries.append(Entry(f"Service {number}", "service", words, branch=(f"repairs-{number}",), offers=offers))
        entries.append(Entry(f"Plan {number}", "plan", words, offers=offers))
    for entry in entries:
        await transact(goods.ACTOR, partial(_offer, entry))
    return entries


async def _offer(entry: Entry, session: Session) -> None:
    price = entry.offers[0][0]
    if entry.kind == "plan":
        await plans.create_plan(session, PlanDraft(name=entry.name, price=price, description=entry.words))
        return
    (group,) = entry.branch
    category_id = await services.create_category(session, group.capitalize(), slug=group)
    draft = ServiceDraft(name=entry.name, price=price, description=entry.words, category_id=category_id)
    await services.create_service(session, draft)


def _fits(entry: Entry, wanted: dict[str, Any], left_out: str = "") -> bool:
    asked = {name: value for name, value in wanted.items() if name != left_out}
    sizes = {value for _, value in asked.get("options", ())}
    return (
        asked.get("kind") in (None, entry.kind)
        and asked["q"] in entry.words
        and ("category" not in asked or asked["category"] in entry.branch)
        and ("brands" not in asked or entry.brand in asked["brands"])
        and entry.rating >= asked.get("min_rating", 0)
        and any(_offer_fits(offer, asked, sizes) for offer in entry.offers)
    )


def _offer_fits(offer: tuple[int, str, bool], asked: dict[str, Any], sizes: set[str]) -> bool:
    price, size, is_there = offer
    low, high = asked.get("min_price", 0), asked.get("max_price", 10**9)
    return low <= price <= high and (is_there or not asked.get("in_stock")) and (not sizes or size in sizes)


def _wanted(dice: random.Random) -> dict[str, Any]:
    may: dict[str, Any] = {
        "kind": dice.choice(["product", "service", "plan"]),
        "category": dice.choice(["parts", "bells", "clothing", "repairs-1"]),
        "brands": dice.choice([("Loom",), ("Loom", "Clang")]),
        "options": dice.choice([(("Size", "M"),), (("Size", "S"), ("Size", "L"))]),
        "min_price": dice.randrange(1, 5) * 100,
        "max_price": dice.randrange(5, 9) * 100,
        "min_rating": dice.randrange(1, 6),
        "in_stock": True,
    }
    return {"q": dice.choice(WORDS)} | {name: value for name, value in may.items() if dice.random() < 0.25}


async def test_results_and_counts_are_those_of_a_count_by_hand() -> None:
    dice = random.Random(42)
    entries = await _seed(dice)
    for _ in range(120):
        wanted = _wanted(dice)
        page = json.loads(await find(Search(**wanted, limit=100)))
        expected = [entry for entry in entries if _fits(entry, wanted)]
        assert {item["name"] for item in page["items"]} == {entry.name for entry in expected}, wanted
        assert page["total"] == page["facets"]["total"] == len(expected), wanted
        _compare(page, entries, wanted)


def _compare(page: dict[str, Any], entries: list[Entry], wanted: dict[str, Any]) -> None:
    facets = page["facets"]
    kinds = {kind: sum(e.kind == kind and _fits(e, wanted, "kind") for e in entries) for kind in page["kinds"]}
    assert page["kinds"] == kinds, wanted
    by_category: dict[str, int] = {}
    for entry in entries:
        for slug in entry.branch if _fits(entry, wanted, "category") else ():
            by_category[slug] = by_category.get(slug, 0) + 1
    assert {line["slug"]: line["count"] for line in facets["categories"]} == by_category, wanted
    brands = [entry.brand for entry in entries if entry.brand and _fits(entry, wanted, "brands")]
    assert {line["value"]: line["count"] for line in facets["brands"]} == {b: brands.count(b) for b in brands}, wanted
    for line in facets["ratings"]:
        rated = sum(e.rating >= line["min_rating"] and _fits(e, wanted, "min_rating") for e in entries)
        assert line["count"] == rated, (wanted, line)
    sizes = {s: sum(_fits(e, wanted | {"options": (("Size", s),)}) for e in entries) for s in SIZES}
    told = {line["value"]: line["count"] for option in facets["options"] for line in option["values"]}
    assert told == {size: number for size, number in sizes.items() if number}, wanted
    assert facets["in_stock"] == sum(_fits(e, wanted | {"in_stock": True}) for e in entries), wanted
