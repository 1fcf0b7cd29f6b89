"""Ids carry their time, and order numbers the day of theirs."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lex.core import clock, ids

INSTANTS = st.datetimes(timezones=st.just(UTC)).filter(lambda at: at.year >= 1970)


def test_an_id_carries_the_time_it_was_made() -> None:
    before = clock.real_now() - timedelta(milliseconds=1)
    made = ids.new_id()
    assert before <= ids.instant_of(made) <= clock.real_now()
    assert made.version == 7


def test_an_order_number_is_for_people() -> None:
    made = ids.new_id()
    number = ids.order_number(made)
    assert re.fullmatch(r"LEX-\d{8}-[2-9A-HJ-NP-TV-Z]{8}", number)
    assert number[4:12] == f"{ids.instant_of(made):%Y%m%d}"
    assert len({ids.order_number(made) for _ in range(200)}) == 200


@given(INSTANTS, INSTANTS)
def test_bounds_hold_exactly_the_ids_of_their_time(start: datetime, end: datetime) -> None:
    low, high = ids.id_bounds(start, end)
    floor = ids.instant_of(low)
    assert timedelta(0) <= start - floor < timedelta(milliseconds=1)
    assert (low <= high) or start > end


def test_travelling_moves_business_time_only_and_comes_back() -> None:
    with clock.travelled(timedelta(days=400)):
        assert clock.now() - clock.real_now() > timedelta(days=399)
        with clock.travelled(timedelta(days=-400)):
            assert abs(clock.now() - clock.real_now()) < timedelta(seconds=5)
        assert ids.instant_of(ids.new_id()) < clock.now() - timedelta(days=399)
    assert abs(clock.now() - clock.real_now()) < timedelta(seconds=5)
