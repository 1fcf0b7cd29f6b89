"""Postal addresses as they are given and kept."""

from collections.abc import Mapping
from typing import Annotated, Self

import msgspec

from lex.core import countries
from lex.core.errors import FieldError, Invalid
from lex.core.texts import fault_in_writing
from lex.identity.address_forms import AddressForm, in_region, normal_postal_code

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

#: The parts of an address in the order of its form, and what whoever left out a needed one is told.
PARTS = ("recipient_name", "company", "line1", "line2", "postal_code", "city", "region")
_NEEDED = {
    "recipient_name": "Write the name that stands on the door.",
    "line1": "Write street and house number.",
    "city": "Write the town.",
}
_LONGEST = {"postal_code": 20}


class PostalAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a letter or a parcel goes. `country` is a two-letter ISO 3166 code.

    What else is needed is the country's to say: a postal code and a region where it has them.
    """

    recipient_name: Text
    line1: Text
    city: Text
    country: Annotated[str, msgspec.Meta(min_length=2, max_length=2)]
    postal_code: Text | None = None
    region: Text | None = None
    line2: Text | None = None
    company: Text | None = None

    def check(self, field: str = "") -> None:
        """Raises `Invalid` naming the fields below `field` that cannot be used in the address's country."""
        prefix = f"{field}." if field else ""
        countries.checked(self.country, f"{prefix}country")
        parts = {name: getattr(self, name) or "" for name in PARTS}
        if faults := address_faults(parts, self.country, prefix):
            raise Invalid.of(faults)

    def normal(self) -> Self:
        """The same, with the postal code in capitals and the region by its code, such as CA for California."""
        region = in_region(self.country, None).region_of(self.region or "") or self.region
        code = normal_postal_code(self.postal_code) if self.postal_code else None
        return msgspec.structs.replace(self, region=region, postal_code=code)


def address_faults(parts: Mapping[str, str], country: str, prefix: str = "") -> list[FieldError]:
    """What is wrong with the parts of an address in a country, in the order of the form's fields."""
    form = in_region(country, parts.get("region"))
    found = {name: _part_fault(form, name, parts.get(name, "")) for name in PARTS}
    told = ((name, parts.get(name, "").strip(), fault) for name, fault in found.items())
    return [FieldError(prefix + name, fault, "text" if text else "required") for name, text, fault in told if fault]


def _part_fault(form: AddressForm, name: str, text: str) -> str | None:
    if not text.strip():
        return _missing(form, name)
    if fault := fault_in_writing(text, longest=_LONGEST.get(name, 200)):
        return fault
    land = countries.in_sentence(form.country)
    if name == "postal_code":
        code, like = normal_postal_code(text), f"; they look like {form.postal_example}" if form.postal_example else ""
        if not form.is_code(code):
            return f"“{text}” is no postal code in {land}{like}."
        return None if form.is_code_of_region(code) else f"“{text}” is no postal code of that region{like}."
    if name == "region" and form.needs_region and form.region_of(text) is None:
        return f"“{text}” is no region of {land}; write one such as {form.choices[0]}."
    return None


def _missing(form: AddressForm, name: str) -> str | None:
    if name == "postal_code":
        like = f", such as {form.postal_example}" if form.postal_example else ""
        return f"Write the postal code{like}." if form.needs_postal_code else None
    if name == "region":
        return f"Write the region, such as {form.choices[0]}." if form.needs_region else None
    return _NEEDED.get(name)
