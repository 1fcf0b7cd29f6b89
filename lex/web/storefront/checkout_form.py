"""The checkout's form: what it holds, what is wrong with it, and the `Checkout` it becomes."""

from collections.abc import Mapping

from lex.carts.priced import PricedCart, PricedMethod
from lex.core.countries import names
from lex.core.errors import FieldError, Refusal
from lex.core.settings import settings
from lex.flows.checkout import Checkout
from lex.identity.addresses import PARTS, PostalAddress, address_faults
from lex.identity.commands import checked_email
from lex.web.kit.forms import has_card_number, text_fault, whole_number
from lex.web.kit.templates import gettext
from lex.web.storefront.paying import is_token

#: The form's field of each part of an address.
FIELD_OF = {part: "name" if part == "recipient_name" else part for part in PARTS}
#: Fields of ours: the digits of an id may look like a card number's.
_IDS = ("csrf", "address", "address_shown", "billing_address", "billing_address_shown")
_LONGEST = {"email": 254, "phone": 40, "note": 2000}
_NEEDED = {"email": "Write your e-mail address; the receipt goes there."}


def is_sent(priced: PricedCart) -> bool:
    """Whether goods of the cart go to an address."""
    return priced.shipping_method is not None and priced.shipping_method.kind != "pickup"


def has_files(priced: PricedCart) -> bool:
    """Whether something of the cart is not handed over: it is taxed where its buyer is billed."""
    return any(not line.requires_shipping for line in priced.lines)


def is_billed(priced: PricedCart) -> bool:
    """Whether a billing address is needed: nothing else says where the buyer is."""
    return not is_sent(priced) and has_files(priced)


def countries_of(form: Mapping[str, str], priced: PricedCart) -> tuple[str, str]:
    """Where a form's goods go and where its buyer is, as far as the cart is priced for other countries."""
    country = form.get("country") or priced.country or ""
    billed = form.get("billing_country", "") if _has_billing(form, priced) else country if "billing" in form else ""
    taxed = priced.billing_country or country or settings().country
    is_taxed_elsewhere = has_files(priced) and billed != taxed
    return country if country != priced.country else "", billed if is_taxed_elsewhere else ""


def is_delivered_otherwise(form: Mapping[str, str], priced: PricedCart) -> bool:
    """Whether a form was sent without having been priced for its countries and its way to ship."""
    chosen = priced.shipping_method.code if priced.shipping_method else ""
    is_chosen_anew = bool(priced.shipping_methods) and form.get("shipping_method", chosen) not in ("", chosen)
    return is_chosen_anew or any(countries_of(form, priced))


def method_of(priced: PricedCart) -> PricedMethod:
    """The chosen way to ship, or one without a name."""
    return priced.shipping_method or PricedMethod("", "", None, "", 0)


def told_of_dropped(form: Mapping[str, str], priced: PricedCart) -> str:
    """That the way to ship a form asks for does not reach its country, and what took its place; "" when nothing did."""
    wanted, now = form.get("shipping_method", ""), method_of(priced)
    if wanted in ("", now.code) or not now.name:
        return ""
    told = gettext("The way to ship that you had chosen is not offered there; it is %(own)s now.", own=now.name)
    if is_sent(priced):
        return told
    return told + " " + gettext("To have it sent, choose another country or address.")


def told_of_delivery(form: Mapping[str, str], other: PricedCart, own: PricedCart, *, is_stale: bool) -> list[str]:
    """What a form changed of a cart's delivery; `is_stale` is one that had not seen how the cart was delivered."""
    if dropped := told_of_dropped(form, own):
        return [dropped]
    was, now = method_of(other), method_of(own)
    if was.code != now.code and now.name:
        if not is_stale or not was.name:
            return [gettext("You chose %(own)s; the total follows it.", own=now.name)]
        names_of = {"other": was.name, "own": now.name}
        return [gettext("Another window had chosen %(other)s; it is %(own)s again, as you chose here.", **names_of)]
    if is_stale and other.country != own.country:
        places = {"other": names().get(other.country or ""), "own": names().get(own.country or "")}
        return [gettext("Another window had set the country to %(other)s; it is %(own)s again, as here.", **places)]
    return []


def _has_billing(form: Mapping[str, str], priced: PricedCart) -> bool:
    return form.get("billing") == "other" or is_billed(priced)


def faults_of(form: Mapping[str, str], priced: PricedCart) -> list[FieldError]:
    """Everything wrong with the form, in the order of its fields."""
    found = [_field_fault(form, name) for name in ("email", "phone")]
    if is_sent(priced):
        found += _address_faults(form, "", priced.country or "")
    elif not form.get("name"):
        found.append(FieldError("name", "Write your name.", "required"))
    if _has_billing(form, priced):
        found += _address_faults(form, "billing_", form.get("billing_country", ""))
    found.append(_field_fault(form, "note", one_line=False))
    faults = [fault for fault in found if fault is not None]
    if form.get("email") and not any(fault.field == "email" for fault in faults):
        faults = [*_email_faults(form["email"]), *faults]
    if has_card_number(form, *_IDS):
        words = (
            "A card number stands in one of the fields. It belongs into the payment provider's form only; remove it."
        )
        faults.append(FieldError("payment", words, "card_number"))
    elif form.get("payment_token") and not is_token(form["payment_token"]):
        faults.append(FieldError("payment", "Enter the card again.", "payment_token"))
    return faults


def _email_faults(email: str) -> list[FieldError]:
    try:
        checked_email(email)
    except Refusal as refusal:
        return list(refusal.errors)
    return []


def _address_faults(form: Mapping[str, str], prefix: str, country: str) -> list[FieldError | None]:
    parts = {part: form.get(prefix + field, "") for part, field in FIELD_OF.items()}
    told = "Billing address: " if prefix else ""
    return [
        FieldError(prefix + FIELD_OF[fault.field], told + fault.message, fault.code)
        for fault in address_faults(parts, country)
    ]


def _field_fault(form: Mapping[str, str], name: str, *, one_line: bool = True) -> FieldError | None:
    text = form.get(name, "")
    told = text_fault(text, longest=_LONGEST.get(name, 200), needed=_NEEDED.get(name, ""), one_line=one_line)
    if told is None and name == "phone" and text and len(text) < 4:
        told = "This is too short for a phone number."
    return FieldError(name, told, "required" if not text else "text") if told else None


def checkout_of(form: Mapping[str, str], priced: PricedCart) -> Checkout:
    """The checkout of a form without faults. Raises `Invalid` (version, total) for hidden fields that were changed."""
    name = form.get("name", "")
    first, _, last = name.rpartition(" ")
    address = _address(form, "", priced.country or "") if is_sent(priced) else None
    billing_country = form.get("billing_country") or priced.country or settings().country
    billing = _address(form, "billing_", billing_country) if _has_billing(form, priced) else None
    return Checkout(
        version=whole_number(form, "version", least=1, most=2**31 - 1),
        total_amount=whole_number(form, "total", least=0, most=10**12),
        email=form["email"],
        first_name=(first or last)[:100] or None,
        last_name=last[:100] if first else None,
        phone=form.get("phone") or None,
        shipping_address=address,
        billing_address=billing,
        note=form.get("note") or None,
    )


def _address(form: Mapping[str, str], prefix: str, country: str) -> PostalAddress:
    def text(name: str) -> str | None:
        return form.get(prefix + name) or None

    return PostalAddress(
        recipient_name=form[prefix + "name"],
        company=text("company"),
        line1=form[prefix + "line1"],
        line2=text("line2"),
        postal_code=text("postal_code"),
        city=form[prefix + "city"],
        region=text("region"),
        country=country,
    ).normal()
