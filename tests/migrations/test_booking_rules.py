"""Bookings take their time, their seats and their place in a day: for raw SQL of the owner."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ExclusionViolation, ForeignKeyViolation, RestrictViolation

from lex.core import ids
from tests.support.rows import START, Rows


def test_a_booking_takes_its_time_with_its_buffers(rows: Rows) -> None:
    rows.add("services", buffer_before_minutes=10, buffer_after_minutes=20)
    resource = rows.add("resources")["id"]
    first = rows.add("bookings", status="pending", resource_id=resource, starts_at=START)
    assert rows.one("SELECT upper(occupied) - lower(occupied) FROM occupancies") == timedelta(minutes=90)
    late = {"starts_at": first["ends_at"] + timedelta(minutes=29), "ends_at": first["ends_at"] + timedelta(hours=2)}
    with pytest.raises(ExclusionViolation):
        rows.add("bookings", status="held", resource_id=resource, **late)
    later = {"starts_at": first["ends_at"] + timedelta(minutes=30), "ends_at": first["ends_at"] + timedelta(hours=2)}
    second = rows.add("bookings", status="held", resource_id=resource, **later)
    with pytest.raises(ExclusionViolation):
        rows.run("UPDATE bookings SET starts_at = %s WHERE id = %s", START, second["id"])
    rows.run("UPDATE bookings SET status = 'canceled' WHERE id = %s", first["id"])
    assert rows.run("UPDATE bookings SET starts_at = %s WHERE id = %s", START, second["id"]) == 1
    assert rows.one("SELECT count(*) FROM occupancies WHERE status = 'held'") == 1


def test_a_canceled_booking_does_not_come_back_over_another(rows: Rows) -> None:
    resource = rows.add("resources")["id"]
    first = rows.add("bookings", status="confirmed", resource_id=resource, starts_at=START)
    rows.run("UPDATE bookings SET status = 'canceled'")
    rows.add("bookings", status="confirmed", resource_id=resource, starts_at=START)
    with pytest.raises(ExclusionViolation):
        rows.run("UPDATE bookings SET status = 'confirmed' WHERE id = %s", first["id"])


def test_bookings_of_a_slot_take_seats_until_it_is_full(rows: Rows) -> None:
    slot = rows.add("service_slots", capacity=3)["id"]
    first = rows.add("bookings", status="held", resource_id=None, service_slot_id=slot, seats=2)
    with pytest.raises(CheckViolation, match="ck_service_slots_booked"):
        rows.add("bookings", status="held", resource_id=None, service_slot_id=slot, seats=2)
    rows.add("bookings", status="held", resource_id=None, service_slot_id=slot, seats=1)
    with pytest.raises(CheckViolation, match="ck_service_slots_booked"):
        rows.run("UPDATE bookings SET seats = 3 WHERE id = %s", first["id"])
    rows.run("UPDATE bookings SET status = 'canceled' WHERE id = %s", first["id"])
    assert rows.one("SELECT booked FROM service_slots") == 1
    rows.run("UPDATE bookings SET status = 'confirmed' WHERE id = %s", first["id"])
    rows.run("UPDATE bookings SET status = 'completed' WHERE id = %s", first["id"])
    assert rows.one("SELECT booked FROM service_slots") == 3


def test_a_day_takes_as_many_bookings_as_its_service_allows(rows: Rows) -> None:
    """By the date in the zone of the service: 9:00 UTC is 22:00 in Auckland, and 12:00 UTC is the next day."""
    zone = "Pacific/Auckland"
    rows.add("services", max_bookings_per_day=2, timezone=zone)
    begin = [START + timedelta(hours=hours) for hours in range(4)]

    def book(starts_at: datetime, **given: Any) -> dict[str, Any]:
        rows.add("resources")
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}
        return rows.add("bookings", **{"status": "held", "timezone": zone, **times, **given})

    def days() -> list[int]:
        return rows.column("SELECT booked FROM service_days ORDER BY on_date")

    first, second = book(begin[0]), book(begin[1])
    assert days() == [2]
    with pytest.raises(CheckViolation, match="ck_service_days_booked"):
        book(begin[1])
    with pytest.raises(CheckViolation, match="in the zone of its service"):
        book(begin[1], timezone="UTC")
    book(begin[3])
    assert days() == [2, 1]
    rows.run("UPDATE bookings SET starts_at = %s, ends_at = %s WHERE id = %s", begin[2], begin[3], second["id"])
    assert days() == [1, 2]
    rows.run("UPDATE bookings SET status = 'canceled' WHERE id = %s", second["id"])
    assert days() == [1, 1]
    rows.run("UPDATE services SET max_bookings_per_day = 1")
    a_bit = "UPDATE bookings SET starts_at = starts_at + interval '1 min' WHERE id = %s"
    assert rows.run(a_bit, first["id"]) == 1  # within its day
    with pytest.raises(CheckViolation, match="ck_service_days_booked"):
        rows.run("UPDATE bookings SET status = 'held' WHERE id = %s", second["id"])
    rows.run("UPDATE bookings SET status = 'completed' WHERE id = %s", first["id"])
    rows.run("UPDATE services SET max_bookings_per_day = NULL")
    book(begin[1])
    assert days() == [2, 1]
    assert rows.one("SELECT count(*) FROM service_days WHERE capacity IS NULL") == 1


def test_a_booking_has_a_place_and_keeps_it(rows: Rows) -> None:
    slot = rows.add("service_slots", capacity=3)
    with pytest.raises(CheckViolation, match="ck_bookings_place"):
        rows.add("bookings", resource_id=None)
    rows.add("bookings", status="held", resource_id=None, service_slot_id=slot["id"])
    moved = "UPDATE bookings SET starts_at = %s, ends_at = %s"
    later = (START + timedelta(days=1), START + timedelta(days=1, hours=1))
    with pytest.raises(ForeignKeyViolation, match="fk_bookings_service_slots"):
        rows.run(moved, *later)
    rows.run("SET CONSTRAINTS fk_bookings_service_slots DEFERRED")
    rows.run("UPDATE service_slots SET starts_at = %s", later[0])
    rows.run(moved, *later)
    rows.run("SET CONSTRAINTS fk_bookings_service_slots IMMEDIATE")  # together they move
    with pytest.raises(RestrictViolation, match="keeps its service and its time"):
        rows.run("UPDATE bookings SET service_slot_id = NULL")
    with pytest.raises(CheckViolation, match="ck_bookings_deleted_at"):
        rows.run("UPDATE bookings SET deleted_at = now()")
    other = rows.add("services")["id"]
    with pytest.raises(ForeignKeyViolation, match="fk_bookings_service_slots"):
        rows.add(
            "bookings", resource_id=None, service_slot_id=slot["id"], service_id=other, starts_at=later[0],
            ends_at=later[1],
        )  # fmt: skip
    stranger = rows.add("resources")["id"]
    with pytest.raises(CheckViolation, match="none of the service"):
        rows.run("UPDATE bookings SET resource_id = %s", stranger)


def test_an_occupancy_follows_its_booking(rows: Rows) -> None:
    booking = rows.add("bookings", status="held")["id"]
    for status, expected in {"confirmed": "confirmed", "completed": "confirmed", "canceled": "released"}.items():
        rows.run("UPDATE bookings SET status = %s WHERE id = %s", status, booking)
        assert rows.one("SELECT status FROM occupancies") == expected


def test_two_who_want_the_last_place_of_a_day_are_one_too_many(own_rows: Rows, database_url: str) -> None:
    own_rows.add("services", max_bookings_per_day=3)
    booking = own_rows.add("bookings", status="held")
    own_rows.run("UPDATE bookings SET status = 'canceled'")
    again = (
        "INSERT INTO bookings (id, user_id, service_id, resource_id, status, starts_at, ends_at, timezone, uid)"
        " SELECT uuid_v7(), user_id, service_id, resource_id, 'held', starts_at + %(n)s * interval '1 hour',"
        " ends_at + %(n)s * interval '1 hour', timezone, %(n)s FROM bookings WHERE id = %(id)s"
    )

    def book(number: int) -> bool:
        with psycopg.connect(database_url) as connection:
            try:
                connection.execute(again, {"n": number, "id": booking["id"]})
            except CheckViolation:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(book, range(1, 9))) == [False] * 5 + [True] * 3
    assert own_rows.one("SELECT booked FROM service_days") == 3


def test_a_booking_that_stands_is_not_deleted_and_one_that_is_over_frees_all(rows: Rows) -> None:
    slot = rows.add("service_slots", capacity=3)["id"]
    rows.add("resources")
    booking = rows.add("bookings", status="confirmed", service_slot_id=slot)["id"]
    for table in ("bookings", "service_slots", "service_days"):
        with pytest.raises(RestrictViolation, match=r"canceled first|it is booked"):
            rows.run(f"DELETE FROM {table}")
    rows.run("UPDATE bookings SET status = 'completed' WHERE id = %s", booking)
    rows.run("DELETE FROM bookings")
    assert rows.one("SELECT count(*) FROM occupancies") == 0
    assert (rows.one("SELECT booked FROM service_slots"), rows.one("SELECT booked FROM service_days")) == (0, 0)
    for table in ("service_slots", "service_days", "service_resources", "resources"):
        assert rows.run(f"DELETE FROM {table}") == 1


def test_a_booking_of_a_slot_that_is_not_there_takes_no_seat(rows: Rows) -> None:
    rows.run("SET CONSTRAINTS ALL DEFERRED")
    nowhere = {"service_slot_id": ids.new_id(), "service_id": rows.add("services")["id"], "starts_at": START}
    with pytest.raises(ForeignKeyViolation, match="there is no slot"):
        rows.add("bookings", resource_id=None, **nowhere)


def test_an_occupancy_says_what_its_booking_says(rows: Rows) -> None:
    resource = rows.add("resources")["id"]
    first = rows.add("bookings", status="held", resource_id=resource, expires_at=START)
    rows.run("UPDATE bookings SET expires_at = %s", START + timedelta(minutes=5))
    assert rows.one("SELECT expires_at FROM occupancies") == START + timedelta(minutes=5)
    rows.run("UPDATE bookings SET status = 'canceled'")
    rows.add("bookings", status="confirmed", resource_id=resource)
    hour = timedelta(hours=1)
    back = "UPDATE bookings SET status = 'held', starts_at = %s, ends_at = %s WHERE id = %s"
    assert rows.run(back, START + hour, START + 2 * hour, first["id"]) == 1  # at a free time


def test_a_zone_that_is_none_is_named(rows: Rows) -> None:
    with pytest.raises(CheckViolation, match="in the zone of its service, UTC"):
        rows.add("bookings", timezone="Nowhere/X")


def test_what_is_canceled_moves_freely(rows: Rows) -> None:
    resource = rows.add("resources")["id"]
    first = rows.add("bookings", status="confirmed", resource_id=resource)
    hour = timedelta(hours=1)
    times = {"starts_at": START + hour, "ends_at": START + 2 * hour}
    rows.add("bookings", status="confirmed", resource_id=resource, **times)
    moved = "UPDATE bookings SET status = 'canceled', starts_at = %s, ends_at = %s WHERE id = %s"
    assert rows.run(moved, START + hour, START + 2 * hour, first["id"]) == 1


def test_two_who_change_days_do_not_deadlock(own_rows: Rows, database_url: str) -> None:
    own_rows.add("services", max_bookings_per_day=9)
    day = timedelta(days=1)
    bookings = []
    for number in range(2):
        own_rows.add("resources")
        times = {"starts_at": START + number * day, "ends_at": START + number * day + timedelta(minutes=30)}
        bookings.append(own_rows.add("bookings", status="held", **times)["id"])
    move = "UPDATE bookings SET starts_at = starts_at + %s, ends_at = ends_at + %s WHERE id = %s"

    def there_and_back(number: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for step in range(40):
                shift = day if (step + number) % 2 == 0 else -day
                connection.execute(move, (shift, shift, bookings[number]))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(there_and_back, range(2)))
    assert own_rows.column("SELECT booked FROM service_days ORDER BY on_date") == [1, 1]
