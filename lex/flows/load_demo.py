"""`lex demo`: the invented cycle workshop into the shop, through the same functions as everybody.

What is there already (also when it was changed or deleted since) is left alone: a second run changes nothing.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from lex.adapters.files import Store
from lex.catalog import categories, files
from lex.catalog.commands import change_product
from lex.catalog.drafts import ProductDraft
from lex.core.actor import Actor
from lex.core.errors import NotFound
from lex.core.texts import make_slug
from lex.coupons import commands as coupons
from lex.coupons.drafts import Scope
from lex.db import sql
from lex.db.session import Session, transact
from lex.flows.add_product import add_product
from lex.flows.demo import offers
from lex.flows.demo import pictures_work as work
from lex.flows.demo.extras import ACCESSORIES, TRAINING, training_plan
from lex.flows.demo.goods import CLOTHING, PARTS, Choice, Good
from lex.flows.demo.people import load_people
from lex.identity.policy import Permission, demand
from lex.services import commands as services
from lex.services.commands import ServiceDraft
from lex.shipping import commands as shipping
from lex.subscriptions import commands as plans
from lex.tax import commands as tax

_PAGES = Path(__file__).parent / "demo" / "pages"
GOODS = (*CLOTHING, *PARTS, *ACCESSORIES, *TRAINING)

# Deleted rows count as there: what a shop threw out does not come back by itself.
_THERE: LiteralString = """
SELECT 'product:' || slug AS name, id FROM products
UNION ALL SELECT 'service:' || slug, id FROM services
UNION ALL SELECT 'group:' || slug, id FROM service_categories
UNION ALL SELECT 'resource:' || slug, id FROM resources
UNION ALL SELECT 'plan:' || slug, id FROM subscription_plans
UNION ALL SELECT 'shipping:' || code, id FROM shipping_methods
UNION ALL SELECT 'coupon:' || code, id FROM coupons
UNION ALL SELECT 'tax:' || country || ':' || tax_class, id FROM tax_rates
"""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    id: UUID


@dataclass(slots=True)
class _Loading:
    """A run: who, where pictures and files go, what is there."""

    actor: Actor
    media: Store
    private: Store
    there: dict[str, UUID]
    made: dict[str, int]

    async def once(self, name: str, verb: Callable[..., Awaitable[UUID]], *values: Any, **named: Any) -> None:
        """Do `verb(session, …)` in a transaction of its own, unless `kind:key` is there."""
        if name not in self.there:
            self.there[name] = await transact(self.actor, lambda session: verb(session, *values, **named))
            kind = name.partition(":")[0]
            self.made[kind] = self.made.get(kind, 0) + 1


async def load_demo(actor: Actor, media: Store, private: Store, home: Path) -> dict[str, int]:
    """Load what is missing of the demo business; returns how many of each kind were made.

    API keys and passwords of its people are kept in `demo.json` of the home folder, readable by its owner only.
    Raises `Forbidden`.
    """
    demand(actor, Permission.SYSTEM_WRITE)
    rows = await transact(actor, lambda session: sql.fetch_all(session, _THERE, _Row))
    loading = _Loading(actor, media, private, {row.name: row.id for row in rows}, {})
    await _load_charges(loading)
    await _load_services(loading)
    for place, good in enumerate(GOODS):
        await _load_good(loading, good, place)
    await _load_plans(loading)
    await _load_coupons(loading)
    await load_people(loading.actor, home, loading.made)
    await asyncio.to_thread(_load_pages, loading, home / "pages")
    return loading.made


async def _picture(loading: _Loading, name: str, drawing: str, alt: str) -> dict[str, str]:
    """Keep a drawing unless it is kept already; returns it as a product names it."""
    key = f"demo/{name}.svg"
    try:
        await loading.media.get(key)
    except NotFound:
        await loading.media.put(key, drawing.encode(), "image/svg+xml")
    return {"src": loading.media.url(key), "alt": alt}


async def _load_charges(loading: _Loading) -> None:
    for rate in offers.rates():
        await loading.once(f"tax:{rate[0]}:{rate[1]}", tax.create_rate, *rate)
    for order, (code, name, kind, price, free_from, countries) in enumerate(offers.SHIPPING):
        terms: dict[str, Any] = {"free_from": free_from, "countries": countries, "order": order}
        await loading.once(f"shipping:{code}", shipping.create_method, code, name, kind, price, **terms)


async def _load_good(loading: _Loading, good: Good, place: int) -> None:
    titles = [good.name] if len(good.draw) == 1 else [f"{good.name}, {choice}" for choice in _colours(good)]
    images = [
        await _picture(loading, make_slug(title), draw(title), title)
        for draw, title in zip(good.draw, titles, strict=True)
    ]
    if f"product:{good.slug}" in loading.there:
        return
    data = training_plan()
    file = (
        await files.put_file(loading.private, "first-hundred.pdf", data, "application/pdf") if good.is_digital else None
    )

    reduced: dict[UUID, ProductDraft] = {}

    async def add(session: Session, draft: ProductDraft, on_hand: int) -> UUID:
        """At its full price: only what cost more before can be reduced."""
        full = replace(draft, price=draft.compare_at_price or draft.price, compare_at_price=None)
        product_id = await add_product(session, loading.actor, full, on_hand)
        if draft.compare_at_price:
            reduced[product_id] = draft
        return product_id

    async def make(session: Session) -> UUID:
        reduced.clear()
        category_id, _ = await categories.ensure_path(session, good.category)
        draft = _draft(good, category_id, images, place)
        product_id = await add(session, draft, 0 if good.choices else good.on_hand or 0)
        for number, choice in enumerate(good.choices):
            await add(session, _variant(good, choice, draft, product_id, images, number), choice.on_hand)
        if file:
            await files.add_file(session, product_id, file, data)
        return product_id

    await loading.once(f"product:{good.slug}", make)
    if reduced:
        await transact(loading.actor, lambda session: _reduce(session, reduced))


async def _reduce(session: Session, reduced: dict[UUID, ProductDraft]) -> None:
    for product_id, draft in reduced.items():
        await change_product(session, product_id, draft)


def _colours(good: Good) -> list[str]:
    return list(dict.fromkeys(choice.values[0] for choice in good.choices))


def _draft(good: Good, category_id: UUID | None, images: list[dict[str, str]], place: int) -> ProductDraft:
    return ProductDraft(
        slug=good.slug,
        name=good.name,
        sku=good.slug.upper(),
        price=good.price,
        compare_at_price=good.compare_at_price,
        category_id=category_id,
        product_type="digital" if good.is_digital else "physical",
        description=good.text,
        brand=good.brand,
        track_inventory=bool(good.choices) or good.on_hand is not None,
        order=place,
        images=images,
        options=[
            {"name": name, "values": list(dict.fromkeys(choice.values[n] for choice in good.choices))}
            for n, name in enumerate(good.options)
        ],
        attributes=good.attributes,
        tags=good.tags,
        weight_grams=good.weight_grams,
        is_featured=good.is_featured,
    )


def _variant(
    good: Good, choice: Choice, family: ProductDraft, family_id: UUID, images: list[dict[str, str]], number: int
) -> ProductDraft:
    suffix = make_slug(" ".join(choice.values))
    shown = images[_colours(good).index(choice.values[0])] if len(images) > 1 else None
    return replace(
        family,
        variant_of=family_id,
        slug=f"{good.slug}-{suffix}",
        sku=f"{good.slug}-{suffix}".upper(),
        name=f"{good.name} – {' / '.join(choice.values)}",
        price=choice.price,
        compare_at_price=choice.compare_at_price,
        description=None,
        brand=None,
        tags=(),
        attributes={},
        is_featured=False,
        order=number,
        options=dict(zip(good.options, choice.values, strict=True)),
        images=[shown] if shown else [],
    )


async def _load_services(loading: _Loading) -> None:
    for order, (slug, (name, about)) in enumerate(offers.SERVICE_CATEGORIES.items()):
        await loading.once(f"group:{slug}", services.create_category, name, slug=slug, description=about, order=order)
    for slug, (name, kind, week) in offers.RESOURCES.items():
        await loading.once(
            f"resource:{slug}",
            services.create_resource,
            *(name, kind),
            slug=slug,
            timezone=offers.ZONE,
            availability=week,
        )
    for draft, category, performers, draw in offers.SERVICES:
        image = await _picture(loading, draft.slug, draw(draft.name), draft.name)
        whole = replace(draft, category_id=loading.there[f"group:{category}"], images=[image])
        who = [loading.there[f"resource:{performer}"] for performer in performers]
        await loading.once(f"service:{draft.slug}", _offer, whole, who)


async def _offer(session: Session, draft: ServiceDraft, performers: list[UUID]) -> UUID:
    service_id = await services.create_service(session, draft)
    await services.let_perform(session, service_id, performers)
    return service_id


async def _load_plans(loading: _Loading) -> None:
    for draft in offers.PLANS:
        image = await _picture(loading, draft.slug, work.club(draft.name), draft.name)
        await loading.once(f"plan:{draft.slug}", plans.create_plan, replace(draft, images=[image]))


def _load_pages(loading: _Loading, folder: Path) -> None:
    """The shop's own pages, while the folder for them is not there; after that they are the merchant's."""
    if not folder.exists():
        shutil.copytree(_PAGES, folder)
        loading.made["page"] = len(list(folder.iterdir()))


async def _load_coupons(loading: _Loading) -> None:
    for coupon, products in offers.COUPONS:
        scope = Scope([loading.there[f"product:{slug}"] for slug in products]) if products else None
        whole = msgspec.structs.replace(coupon, scope=scope)
        await loading.once(f"coupon:{coupon.code}", coupons.create_coupon, whole)
