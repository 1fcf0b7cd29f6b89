"""Attempts on the time of resources, the seats of classes and the limits of days."""

from tests.hostile.attempts import APP, EVERYBODY, OWNER, STAFF, WORKER, Attempt

BOOKINGS = [
    Attempt(
        "book somebody else's time",
        (STAFF, WORKER, OWNER),
        "INSERT INTO bookings (id, user_id, service_id, resource_id, status, starts_at, ends_at, timezone, uid)"
        " SELECT public.uuid_v7(), {eve}, service_id, resource_id, 'confirmed', starts_at + interval '30 minutes',"
        " ends_at + interval '30 minutes', timezone, 'eve' FROM bookings WHERE id = {ada_booking}",
        "ex_occupancies_resource_id_occupied",
    ),
    Attempt(
        "book it as a customer",
        (APP,),
        "INSERT INTO bookings (id, user_id, service_id, resource_id, status, starts_at, ends_at, timezone, uid)"
        " SELECT public.uuid_v7(), {eve}, {service}, resource_id, 'confirmed', lower(occupied), upper(occupied), 'UTC',"
        " 'eve' FROM occupancies",
        "permission denied",
    ),
    Attempt(
        "book a resource for what it does not do",
        (STAFF, WORKER, OWNER),
        "WITH other AS (INSERT INTO resources (id, slug, name, kind)"
        " VALUES (public.uuid_v7(), 'other', 'Other', 'room') RETURNING id)"
        " UPDATE bookings SET resource_id = other.id FROM other WHERE bookings.id = {ada_booking}",
        "this resource is none of the service",
    ),
    Attempt(
        "book nobody's time",
        (STAFF, WORKER, OWNER),
        "INSERT INTO bookings (id, user_id, service_id, status, starts_at, ends_at, timezone, uid)"
        " SELECT public.uuid_v7(), {eve}, service_id, 'confirmed', starts_at, ends_at, timezone, 'eve'"
        " FROM bookings WHERE id = {ada_booking}",
        "ck_bookings_place",
    ),
    Attempt("make room in a day", EVERYBODY, "UPDATE service_days SET booked = 0", "permission denied"),
    Attempt("lift the limit of a day", EVERYBODY, "UPDATE service_days SET capacity = 99", "permission denied"),
    Attempt(
        "hide a booking that takes its time",
        (STAFF, WORKER, OWNER),
        "UPDATE bookings SET deleted_at = now() WHERE id = {ada_booking}",
        "ck_bookings_deleted_at",
    ),
    Attempt("free somebody's time", EVERYBODY, "UPDATE occupancies SET status = 'released'", "permission denied"),
    Attempt("take it without a booking", EVERYBODY, "DELETE FROM occupancies", "permission denied"),
    Attempt("empty a class", EVERYBODY, "UPDATE service_slots SET booked = 0", "permission denied"),
    Attempt(
        "part a booking from its time",
        (STAFF, WORKER, OWNER),
        "UPDATE bookings SET id = public.uuid_v7() WHERE id = {ada_booking}",
        "a booking keeps its service and its time",
    ),
    Attempt(
        "leave a time taken by nobody",
        (STAFF, WORKER, OWNER),
        "UPDATE bookings SET resource_id = NULL WHERE id = {ada_booking}",
        "a booking keeps its service and its time",
    ),
]
