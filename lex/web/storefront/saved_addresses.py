"""What a customer's account fills in at the checkout, and what of the checkout their account keeps.

Of a guest nothing is known, and nothing is asked. A saved address is chosen by a radio button: the form tells beside
it which one its fields were filled from, so that what was typed since is what counts.
"""

from contextlib import suppress
from dataclasses import dataclass

from lex.carts.priced import PricedCart
from lex.core.actor import Actor
from lex.core.errors import Refusal
from lex.db.session import Session, transact, transaction
from lex.flows.checkout import Checkout
from lex.identity.address_book import AddressDraft, OwnAddress, Use, add_address, list_addresses
from lex.identity.addresses import PARTS, PostalAddress
from lex.identity.details import OwnDetails, get_details
from lex.web.storefront.checkout_form import FIELD_OF, is_billed, is_sent

Form = dict[str, str]
_NEW = "new"


@dataclass(frozen=True, slots=True)
class Known:
    """What the account of whoever buys tells; nothing without one."""

    details: OwnDetails | None = None
    addresses: tuple[OwnAddress, ...] = ()

    def for_use(self, use: str) -> list[OwnAddress]:
        """The addresses that are for "shipping" or "billing", the default first."""
        fitting = [one for one in self.addresses if one.is_for(use)]
        return sorted(fitting, key=lambda one: not getattr(one, f"is_default_{use}"))


async def known_of(actor: Actor) -> Known:
    """Details and addresses of a customer; for guests and staff the database is not asked."""
    if actor.user_id is None or actor.is_staff:
        return Known()
    async with transaction(actor) as session:
        details = await get_details(session, actor.user_id)
        return Known(details, tuple(await list_addresses(session, actor.user_id)))


def begun(known: Known, priced: PricedCart) -> Form:
    """The form as a customer first sees it: who they are, and their default addresses where the cart can go there.

    A cart that was given a way to ship keeps its country: an address there is taken, or none.
    """
    if known.details is None:
        return {}
    names = (known.details.first_name, known.details.last_name)
    form = {"email": known.details.email, "phone": known.details.phone or "", "name": " ".join(filter(None, names))}
    is_fresh = priced.shipping_method is None
    ships = any(line.requires_shipping for line in priced.lines)
    parcel = _first(known.for_use("shipping"), priced.shipping_countries, None if is_fresh else priced.country)
    if ships and parcel and (is_fresh or is_sent(priced)):
        form |= _filled("", parcel)
    bill = _first(known.for_use("billing"), [], priced.billing_country)
    needs_bill = is_billed(priced) and not (is_fresh and ships)
    if bill and (needs_bill or (ships and "address" in form and bill != parcel)):
        form |= _filled("billing_", bill) | {"billing": "other"}
    return form


def _first(addresses: list[OwnAddress], countries: list[str], country: str | None) -> OwnAddress | None:
    fitting = (one for one in addresses if not countries or one.country in countries)
    return next((one for one in fitting if country in (None, one.country)), None)


async def switched(actor: Actor, form: Form) -> Form:
    """The form with the fields of a saved address that was chosen since it was shown, or empty ones for another."""
    changed = [prefix for prefix in ("", "billing_") if _is_switched(form, prefix)]
    if not changed:
        return form
    kept = {str(one.id): one for one in (await known_of(actor)).addresses}
    for prefix in changed:
        form = form | _filled(prefix, kept.get(form[f"{prefix}address"]))
    return form


def _is_switched(form: Form, prefix: str) -> bool:
    wanted, shown = form.get(f"{prefix}address", ""), form.get(f"{prefix}address_shown", _NEW)
    return wanted not in ("", shown)


def _filled(prefix: str, address: OwnAddress | None) -> Form:
    chosen = str(address.id) if address else _NEW
    texts = {prefix + FIELD_OF[part]: (getattr(address, part) if address else "") or "" for part in PARTS}
    place = {f"{prefix}country": address.country} if address else {}
    return texts | place | {f"{prefix}address": chosen, f"{prefix}address_shown": chosen}


async def keep_addresses(actor: Actor, checkout: Checkout) -> None:
    """Keep what an order was placed with, where the account has it not yet. The order stands whatever comes of it."""
    if actor.user_id is None or actor.is_staff:
        return
    user_id = actor.user_id
    uses: dict[Use, PostalAddress | None] = {"both": checkout.shipping_address, "billing": checkout.billing_address}

    async def work(session: Session) -> None:
        known = [one.postal() for one in await list_addresses(session, user_id)]
        for use, address in uses.items():
            if address is not None and address.normal() not in known:
                parts = {name: getattr(address, name) for name in PostalAddress.__struct_fields__}
                await add_address(session, user_id, AddressDraft(**parts, type=use))

    with suppress(Refusal):
        await transact(actor, work)
