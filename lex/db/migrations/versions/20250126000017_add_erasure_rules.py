"""A person who was erased stays erased, and nobody is erased whose order is still open.

Revision ID: 20250126000017
Revises: 20250126000016
"""

from alembic import op

revision = "20250126000017"
down_revision = "20250126000016"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

OPEN = """
CREATE FUNCTION public.open_orders(person uuid) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS
$$
    SELECT coalesce(array_agg(o.order_number ORDER BY o.id), '{}') FROM orders o
    WHERE o.user_id = person AND (
        o.status = 'pending'
        OR o.status IN ('confirmed', 'processing') AND o.fulfilment_status NOT IN ('fulfilled', 'not_needed')
        OR EXISTS (SELECT FROM refunds r WHERE r.order_id = o.id AND r.user_id = person AND r.status = 'pending')
        OR EXISTS (
            SELECT FROM payment_attempts a WHERE a.order_id = o.id AND a.user_id = person
            AND a.status IN ('sending', 'unknown', 'requires_action', 'processing')))
$$;
COMMENT ON FUNCTION public.open_orders IS
    'Numbers of a person''s orders that are unpaid, not handed over yet, being paid or being refunded.';
"""

# The rule is ENABLE ALWAYS: it holds for every role and for replication sessions too.
GUARD = """
CREATE FUNCTION public.guard_person_key() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    open text[];
BEGIN
    IF OLD.wrapped_key IS NULL THEN
        RAISE EXCEPTION 'person % was erased; the key does not come back', OLD.user_id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'person_keys', COLUMN = 'wrapped_key',
                  CONSTRAINT = 'ck_person_keys_final';
    END IF;
    IF NEW.wrapped_key IS NULL THEN
        open := open_orders(OLD.user_id);
        IF open <> '{}' THEN
            RAISE EXCEPTION 'person % has open orders: %', OLD.user_id, array_to_string(open, ', ')
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'person_keys', COLUMN = 'wrapped_key',
                      CONSTRAINT = 'ck_person_keys_open_orders';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_person_key IS
    'Keeps a destroyed key destroyed, and a key as long as its person has open orders.';

CREATE TRIGGER tr_person_keys_guard BEFORE UPDATE ON person_keys
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION guard_person_key();
ALTER TABLE person_keys ENABLE ALWAYS TRIGGER tr_person_keys_guard;
"""

DROP = """
DROP TRIGGER tr_person_keys_guard ON person_keys;
DROP FUNCTION guard_person_key(), open_orders(uuid);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, OPEN, GUARD)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
