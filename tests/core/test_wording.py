"""Amounts and times as people read them."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lex.core import clock, wording
from lex.core.settings import settings

LATE = datetime(2026, 11, 5, 23, 30, tzinfo=UTC)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.mark.parametrize(
    ("zone", "day", "moment"),
    [
        ("UTC", "Thursday, November 5, 2026", "November 5, 23:30 UTC"),
        ("Europe/Berlin", "Friday, November 6, 2026", "November 6, 00:30 CET"),
        ("America/New_York", "Thursday, November 5, 2026", "November 5, 18:30 EST"),
        ("Asia/Kathmandu", "Friday, November 6, 2026", "November 6, 05:15 UTC+05:45"),
        ("America/Sao_Paulo", "Thursday, November 5, 2026", "November 5, 20:30 UTC-03:00"),
    ],
)
def test_times_are_told_in_the_shops_zone(environment: pytest.MonkeyPatch, zone: str, day: str, moment: str) -> None:
    environment.setenv("LEX_TIMEZONE", zone)
    this_year = LATE.replace(year=clock.now().year)
    assert (wording.day(LATE), wording.moment(this_year)) == (day, moment)
    assert (wording.day(LATE.isoformat()), wording.moment(this_year.isoformat())) == (day, moment)


def test_summer_time_is_told(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LEX_TIMEZONE", "Europe/Berlin")
    assert wording.moment(f"{clock.now().year}-07-01T12:00:00Z") == "July 1, 14:00 CEST"


@pytest.mark.parametrize(
    ("locale", "this_year", "another"),
    [
        ("en", "November 5, 23:30 UTC", "November 5, 2019, 23:30 UTC"),
        ("en_GB", "5 November, 23:30 UTC", "5 November 2019, 23:30 UTC"),
        ("de", "5. November, 23:30 UTC", "5. November 2019, 23:30 UTC"),
        ("da", "5. november, 23.30 UTC", "5. november 2019, 23.30 UTC"),
        ("ja", "11月5日, 23:30 UTC", "2019年11月5日, 23:30 UTC"),
    ],
)
def test_moments_are_ordered_as_the_language_does_and_name_another_year(
    environment: pytest.MonkeyPatch, locale: str, this_year: str, another: str
) -> None:
    environment.setenv("LEX_TIMEZONE", "UTC")
    assert wording.moment(LATE.replace(year=clock.now().year), locale) == this_year
    assert wording.moment(LATE.replace(year=2019), locale) == another


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "told"),
    [
        (8450, "EUR", "en", "€84.50"),
        (123450, "EUR", "de", "1.234,50\xa0€"),
        (1999, "JPY", "en", "¥1,999"),
        (0, "CHF", "en", "CHF\xa00.00"),
    ],
)
def test_amounts_carry_their_currency(minor: int, currency: str, locale: str, told: str) -> None:
    assert wording.amount(minor, currency, locale) == told
