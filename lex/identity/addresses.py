"""Postal addresses as they are given and kept."""

from typing import Annotated

import msgspec

from lex.core import countries
from lex.core.errors import Invalid
from lex.core.texts import fault_in_writing

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PostalAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a letter or a parcel goes. `country` is a two-letter ISO 3166 code."""

    recipient_name: Text
    line1: Text
    city: Text
    country: Annotated[str, msgspec.Meta(min_length=2, max_length=2)]
    postal_code: Text | None = None
    region: Text | None = None
    line2: Text | None = None
    company: Text | None = None

    def check(self, field: str) -> None:
        """Raises `Invalid` naming the field below `field` that cannot be used."""
        countries.checked(self.country, f"{field}.country")
        for name in self.__struct_fields__:
            if fault := fault_in_writing(getattr(self, name) or "", longest=200):
                raise Invalid(f"{field}.{name}", fault, code="text")
        for name in ("recipient_name", "line1", "city"):
            if not getattr(self, name).strip():
                raise Invalid(f"{field}.{name}", "This is needed to deliver; please fill it in.")
