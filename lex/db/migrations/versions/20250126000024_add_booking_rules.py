"""Bookings take what they are given: the time of a resource, the seats of a slot, their place in a day.

Revision ID: 20250126000024
Revises: 20250126000023
"""

from alembic import op

revision = "20250126000024"
down_revision = "20250126000023"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# A booking takes one place of its day; one of a slot takes seats of it, one of a resource its stretch of time, buffers
# included, where no two may overlap. All of it is the booking's doing: who writes bookings need not, and may not, write
# there. Canceled it frees them, attended or missed it keeps them until it is purged. Triggers fire by their names: day,
# slot and resource are locked in this order by all, and of two of a kind the lesser first.
TIME = """
CREATE FUNCTION public.take_booked_time() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_moved boolean := (NEW.resource_id, NEW.starts_at, NEW.ends_at) IS DISTINCT FROM
        (OLD.resource_id, OLD.starts_at, OLD.ends_at);
    taken tstzrange;
    stands text := CASE NEW.status WHEN 'canceled' THEN 'released' WHEN 'completed' THEN 'confirmed'
        WHEN 'no_show' THEN 'confirmed' ELSE NEW.status END;
    until timestamptz := CASE WHEN NEW.status = 'held' THEN NEW.expires_at END;
BEGIN
    PERFORM FROM public.resources r WHERE r.id IN (OLD.resource_id, NEW.resource_id)
    ORDER BY r.id FOR NO KEY UPDATE;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM public.occupancies WHERE booking_id = OLD.id;
        RETURN NULL;
    END IF;
    IF NEW.resource_id IS DISTINCT FROM OLD.resource_id AND NOT EXISTS (
        SELECT FROM public.service_resources r
        WHERE r.service_id = NEW.service_id AND r.resource_id = NEW.resource_id
    ) THEN
        RAISE EXCEPTION 'this resource is none of the service'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'bookings', CONSTRAINT = 'ck_bookings_resource_id';
    END IF;
    SELECT tstzrange(NEW.starts_at - s.buffer_before_minutes * interval '1 minute',
                     NEW.ends_at + s.buffer_after_minutes * interval '1 minute')
    INTO taken FROM public.services s WHERE s.id = NEW.service_id;
    UPDATE public.occupancies SET resource_id = NEW.resource_id, status = stands, expires_at = until,
        occupied = CASE WHEN is_moved THEN taken ELSE occupied END
    WHERE booking_id = NEW.id;
    IF NOT FOUND THEN
        INSERT INTO public.occupancies (id, resource_id, occupied, status, booking_id, expires_at)
        VALUES (public.uuid_v7(), NEW.resource_id, taken, stands, NEW.id, until);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.take_booked_time IS
    'Takes the time of a booking from its resource, buffers included, and frees that of a canceled one.';
CREATE TRIGGER tr_bookings_take AFTER INSERT ON bookings
    FOR EACH ROW WHEN (NEW.resource_id IS NOT NULL) EXECUTE FUNCTION take_booked_time();
CREATE TRIGGER tr_bookings_take_delete AFTER DELETE ON bookings
    FOR EACH ROW WHEN (OLD.resource_id IS NOT NULL) EXECUTE FUNCTION take_booked_time();
CREATE TRIGGER tr_bookings_take_update AFTER UPDATE OF status, expires_at, resource_id, starts_at, ends_at ON bookings
    FOR EACH ROW WHEN (
        NEW.resource_id IS NOT NULL
        AND (OLD.status, OLD.expires_at, OLD.resource_id, OLD.starts_at, OLD.ends_at) IS DISTINCT FROM
            (NEW.status, NEW.expires_at, NEW.resource_id, NEW.starts_at, NEW.ends_at)
    ) EXECUTE FUNCTION take_booked_time();
"""

SEATS = """
CREATE FUNCTION public.count_booked_seats() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.service_slots s WHERE s.id IN (OLD.service_slot_id, NEW.service_slot_id)
    ORDER BY s.id FOR NO KEY UPDATE;
    IF TG_OP <> 'INSERT' AND OLD.status <> 'canceled' AND OLD.service_slot_id IS NOT NULL THEN
        UPDATE public.service_slots SET booked = booked - OLD.seats WHERE id = OLD.service_slot_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.status <> 'canceled' AND NEW.service_slot_id IS NOT NULL THEN
        UPDATE public.service_slots SET booked = booked + NEW.seats WHERE id = NEW.service_slot_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no slot %', NEW.service_slot_id
                USING ERRCODE = '23503', SCHEMA = 'public', TABLE = 'bookings',
                      CONSTRAINT = 'fk_bookings_service_slots';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.count_booked_seats IS 'Moves the seats taken of a slot with its bookings.';
CREATE TRIGGER tr_bookings_seats AFTER INSERT ON bookings
    FOR EACH ROW WHEN (NEW.service_slot_id IS NOT NULL) EXECUTE FUNCTION count_booked_seats();
CREATE TRIGGER tr_bookings_seats_delete AFTER DELETE ON bookings
    FOR EACH ROW WHEN (OLD.service_slot_id IS NOT NULL) EXECUTE FUNCTION count_booked_seats();
CREATE TRIGGER tr_bookings_seats_update AFTER UPDATE OF status, seats, service_slot_id ON bookings
    FOR EACH ROW WHEN (
        (OLD.service_slot_id, OLD.seats, OLD.status = 'canceled') IS DISTINCT FROM
        (NEW.service_slot_id, NEW.seats, NEW.status = 'canceled')
    ) EXECUTE FUNCTION count_booked_seats();
CREATE TRIGGER tr_service_slots_booked BEFORE DELETE ON service_slots
    FOR EACH ROW WHEN (OLD.booked > 0) EXECUTE FUNCTION forbid('service_slots', 'it is booked');
"""

# The day is that of the zone the booking is told in, which is its service's when it is made. A day without a limit is
# counted too: one that gets a limit later knows what was taken. A lower limit refuses the next and drives nobody out:
# who moves within a day stays counted.
DAYS = """
CREATE FUNCTION public.count_booked_days() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone text;
    most integer;
    was date;
    becomes date;
BEGIN
    SELECT s.timezone, s.max_bookings_per_day INTO zone, most FROM public.services s WHERE s.id = NEW.service_id;
    IF NEW.timezone <> zone AND NEW.timezone IS DISTINCT FROM OLD.timezone THEN
        RAISE EXCEPTION 'a booking is told in the zone of its service, %', zone
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'bookings', CONSTRAINT = 'ck_bookings_timezone';
    END IF;
    was := CASE WHEN OLD.status <> 'canceled' THEN (OLD.starts_at AT TIME ZONE OLD.timezone)::date END;
    becomes := CASE WHEN NEW.status <> 'canceled' THEN (NEW.starts_at AT TIME ZONE NEW.timezone)::date END;
    IF was = becomes THEN
        RETURN NULL;
    END IF;
    PERFORM FROM public.service_days d
    WHERE d.service_id IN (OLD.service_id, NEW.service_id) AND d.on_date IN (was, becomes)
    ORDER BY d.on_date FOR NO KEY UPDATE;
    UPDATE public.service_days SET booked = booked - 1 WHERE service_id = OLD.service_id AND on_date = was;
    IF becomes IS NOT NULL THEN
        INSERT INTO public.service_days AS d (service_id, on_date, capacity, booked)
        VALUES (NEW.service_id, becomes, most, 1)
        ON CONFLICT (service_id, on_date) DO UPDATE SET booked = d.booked + 1, capacity = EXCLUDED.capacity;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.count_booked_days IS 'Counts the bookings of a service by local date, up to its limit.';
CREATE TRIGGER tr_bookings_day AFTER INSERT OR DELETE ON bookings FOR EACH ROW EXECUTE FUNCTION count_booked_days();
CREATE TRIGGER tr_bookings_day_update AFTER UPDATE OF status, starts_at, timezone ON bookings
    FOR EACH ROW WHEN (
        (OLD.starts_at, OLD.timezone, OLD.status = 'canceled') IS DISTINCT FROM
        (NEW.starts_at, NEW.timezone, NEW.status = 'canceled')
    ) EXECUTE FUNCTION count_booked_days();
CREATE TRIGGER tr_service_days_booked BEFORE DELETE ON service_days
    FOR EACH ROW WHEN (OLD.booked > 0) EXECUTE FUNCTION forbid('service_days', 'it is booked');
"""

# What it took is found by the booking and was taken for its service.
KEEP = """
CREATE TRIGGER tr_bookings_keep BEFORE UPDATE OF id, service_id, resource_id, service_slot_id ON bookings
    FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.service_id <> OLD.service_id
        OR NEW.resource_id IS NULL AND OLD.resource_id IS NOT NULL
        OR NEW.service_slot_id IS NULL AND OLD.service_slot_id IS NOT NULL)
    EXECUTE FUNCTION forbid('bookings', 'a booking keeps its service and its time: cancel it and book anew');
CREATE TRIGGER tr_bookings_stand BEFORE DELETE ON bookings
    FOR EACH ROW WHEN (OLD.status IN ('held', 'pending', 'confirmed'))
    EXECUTE FUNCTION forbid('bookings', 'one that stands is canceled first');
"""

TRIGGERS = {
    "bookings": "day day_update seats seats_delete seats_update take take_delete take_update keep stand",
    "service_slots": "booked",
    "service_days": "booked",
}


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def _all(statement: str) -> list[str]:
    """The statement for each of TRIGGERS."""
    return [statement.format(table, name) for table, names in TRIGGERS.items() for name in names.split()]


def upgrade() -> None:
    run(TIMEOUTS, TIME, SEATS, DAYS, KEEP, *_all("ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_{1}"))


def downgrade() -> None:
    run(TIMEOUTS, *_all("DROP TRIGGER tr_{0}_{1} ON {0}"))
    run("DROP FUNCTION count_booked_days, count_booked_seats, take_booked_time")
