"""A product with what is in stock of it: made by the catalogue, counted by stock, in the caller's transaction."""

from uuid import UUID

from lex.catalog import commands as catalog
from lex.catalog.drafts import ProductDraft
from lex.core.actor import Actor
from lex.db.session import Session
from lex.identity.policy import Permission, demand
from lex.stock import commands as stock


async def add_product(session: Session, actor: Actor, draft: ProductDraft, on_hand: int = 0) -> UUID:
    """Make a product, family or variant and receive its first units, so that movements add up from the start.

    Raises `Forbidden`, `Invalid` with every bad field, and what a taken SKU or slug refuses at the end.
    """
    demand(actor, Permission.CATALOG_WRITE)
    product_id = await catalog.create_product(session, draft)
    if on_hand:
        await stock.receive(session, product_id, on_hand, "initial stock", actor.user_id)
    return product_id
