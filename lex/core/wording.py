"""How amounts and times are written for people: one way on pages, in mails and in what refusals say.

The shop's language unless another is named; times in the shop's zone, which is told with them. The API answers minor
units and UTC.
"""

import re
from datetime import datetime
from functools import lru_cache

from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency

from lex.core import clock, money
from lex.core.settings import settings

#: Where a code stands right beside the digits, as Babel writes “CHF5.00”; CLDR wants a space there.
_GLUED = re.compile(r"(?<=[A-Z])(?=\d)|(?<=\d)(?=[A-Z])")


def amount(minor: int, currency: str, locale: str = "") -> str:
    """Minor units as money: `amount(8450, "EUR")` is “€84.50”."""
    return _amount(minor, currency, locale or settings().locale)


@lru_cache(maxsize=8192)
def _amount(minor: int, currency: str, locale: str) -> str:
    written = format_currency(money.major(minor, currency), currency, locale=locale)
    return _GLUED.sub("\xa0", written)


def day(at: datetime | str, locale: str = "") -> str:
    """A date in words with its weekday, as the shop's zone has it."""
    return format_date(_local(at), format="full", locale=locale or settings().locale)


def moment(at: datetime | str, locale: str = "") -> str:
    """A date and a time with its zone, as the language orders them: “November 5, 14:30 CET”.

    The year is told when it is not this one.
    """
    local, words = _local(at), locale or settings().locale
    is_this_year = local.year == _local(clock.now()).year
    date = format_skeleton("MMMMd", local, locale=words) if is_this_year else format_date(local, "long", words)
    return f"{date}, {format_skeleton('Hm', local, locale=words)} {_zone(local)}"


def _local(at: datetime | str) -> datetime:
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(settings().zone)


def _zone(local: datetime) -> str:
    """Its abbreviation, or, where a zone has none, how far it is from UTC."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local.isoformat()[-6:]}"
