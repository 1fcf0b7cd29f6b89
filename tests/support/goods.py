"""Goods made as the shop makes them: `await goods.family(sizes="S M")`."""

from typing import Any, LiteralString
from uuid import UUID

import psycopg

from lex.catalog.categories import ensure_path
from lex.catalog.drafts import ProductDraft
from lex.core import actor
from lex.db import sql
from lex.db.session import Session, database, transact
from lex.flows.add_product import add_product

ACTOR = actor.system()


async def product(name: str, *, price: int = 1000, on_hand: int = 5, category: str = "", **more: Any) -> UUID:
    """A simple product; `category` is a path such as `Clothing > Jerseys`."""

    async def work(session: Session) -> UUID:
        path = [part for part in category.split(" > ") if part]
        category_id, _ = await ensure_path(session, path)
        draft = ProductDraft(name=name, sku=more.pop("sku", name.upper()), price=price, category_id=category_id, **more)
        return await add_product(session, ACTOR, draft, on_hand)

    return await transact(ACTOR, work)


async def family(name: str, sizes: dict[str, tuple[int, int]], *, category: str = "", **more: Any) -> UUID:
    """A family by size → (price, on hand)."""
    options = [{"name": "Size", "values": list(sizes)}]
    family_id = await product(name, price=1, on_hand=0, category=category, options=options, **more)
    for size, (price, on_hand) in sizes.items():
        await product(
            f"{name} {size}",
            price=price,
            on_hand=on_hand,
            variant_of=family_id,
            options={"Size": size},
            category=category,
        )
    return family_id


async def value(statement: str, **params: Any) -> Any:
    """One value straight from the database."""
    return await transact(ACTOR, lambda session: sql.fetch_value(session, statement, **params))  # type: ignore[arg-type]


async def run(statement: str, **params: Any) -> int:
    """Raw SQL, as somebody at the database would type it."""
    return await transact(ACTOR, lambda session: sql.execute(session, statement, **params))  # type: ignore[arg-type]


async def tamper(statement: LiteralString, **params: Any) -> None:
    """What no role of Lex may do, as whoever administers the database."""
    async with await psycopg.AsyncConnection.connect(database().url, autocommit=True) as administering:
        await administering.execute(statement, params)
