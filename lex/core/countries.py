"""ISO 3166 countries, as Babel's CLDR data knows them."""

import unicodedata
from collections.abc import Iterable
from functools import cache

from babel import Locale

from lex.core.errors import Invalid
from lex.core.settings import settings

# CLDR lists groupings and test regions beside countries.
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})

#: Those an English sentence gives an article: “in the Netherlands”.
_WITH_ARTICLE = frozenset(
    (
        *("AE", "AX", "BQ", "BS", "CC", "CF", "CK", "DO", "FK", "FO", "GB", "GM"),
        *("GS", "HM", "IC", "IM", "IO", "KM", "KY", "MH", "MP", "MV", "NL", "PH"),
        *("PN", "PS", "SB", "SC", "TC", "TF", "UM", "US", "VG", "VI"),
    )
)


def names(language: str = "") -> dict[str, str]:
    """Country code → name in a language, or in the shop's."""
    return _names(language or settings().locale)


@cache
def _names(language: str) -> dict[str, str]:
    territories = Locale.parse(language).territories
    return {code: name for code, name in territories.items() if len(code) == 2 and code not in _NOT_COUNTRIES}


def in_sentence(code: str) -> str:
    """A country as an English sentence names it; a code that is none stays as it is."""
    name = names("en").get(code, code)
    return f"the {name}" if code in _WITH_ARTICLE else name


def options(codes: Iterable[str] = ()) -> list[tuple[str, str]]:
    """For lists to choose from: code and name of these countries, or of all, by name in the shop's language."""
    named = names()
    return sorted(((code, named.get(code, code)) for code in codes or named), key=lambda option: _folded(option[1]))


def _folded(name: str) -> str:
    """What a name is sorted by: Åland stands among the A, where people look for it."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def checked(code: str, field: str = "country") -> str:
    """The code if it names a country. Raises `Invalid` naming `field`."""
    if code not in names("en"):  # not every language names the same ones
        raise Invalid(field, f"“{code[:12]}” is not a country; use its two-letter code in capitals, such as DE.")
    return code
