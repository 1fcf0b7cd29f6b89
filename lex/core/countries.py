"""ISO 3166 countries, as Babel's CLDR data knows them."""

from functools import cache

from babel import Locale

from lex.core.errors import Invalid

# CLDR lists groupings and test regions beside countries.
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})


@cache
def names(language: str = "en") -> dict[str, str]:
    """Country code → name in a language."""
    territories = Locale.parse(language).territories
    return {code: name for code, name in territories.items() if len(code) == 2 and code not in _NOT_COUNTRIES}


def checked(code: str, field: str = "country") -> str:
    """The code if it names a country. Raises `Invalid` naming `field`."""
    if code not in names():
        raise Invalid(field, f"“{code[:12]}” is not a country; use its two-letter code in capitals, such as DE.")
    return code
