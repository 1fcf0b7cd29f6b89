"""A person who was erased stays erased and gives nothing new, and nobody is erased whose order is still open.

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
CREATE FUNCTION public.open_orders(person uuid) RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(o.order_number ORDER BY o.id), '{}') FROM public.orders o
    WHERE o.user_id = person AND (
        o.status = 'pending'
        OR o.status IN ('confirmed', 'processing') AND o.fulfilment_status NOT IN ('fulfilled', 'not_needed')
        OR EXISTS (SELECT FROM public.refunds r WHERE r.order_id = o.id AND r.user_id = person AND r.status = 'pending')
        OR EXISTS (
            SELECT FROM public.payment_attempts a WHERE a.order_id = o.id AND a.user_id = person
            AND a.status IN ('sending', 'unknown', 'requires_action', 'processing')))
$$;
COMMENT ON FUNCTION public.open_orders IS
    'Numbers of a person''s orders that are unpaid, not handed over yet, being paid or being refunded.';
"""

# The rules are ENABLE ALWAYS: they hold for every role and for replication sessions too. A key is wrapped anew under
# another key of the ring, and no otherwise: half a change would make it unreadable.
GUARD = """
CREATE FUNCTION public.guard_person_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    open text[];
BEGIN
    IF OLD.wrapped_key IS NULL THEN
        RAISE EXCEPTION 'person % was erased; the key does not come back', OLD.user_id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'person_keys', COLUMN = 'wrapped_key',
                  CONSTRAINT = 'ck_person_keys_final';
    END IF;
    IF NEW.wrapped_key IS NULL THEN
        PERFORM public.demand_read_committed('person_keys');
        -- Who places an order has locked it.
        PERFORM FROM public.person_keys k WHERE k.user_id = OLD.user_id FOR UPDATE;
        open := public.open_orders(OLD.user_id);
        IF open <> '{}' THEN
            RAISE EXCEPTION 'person % has open orders: %', OLD.user_id, array_to_string(open, ', ')
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'person_keys', COLUMN = 'wrapped_key',
                      CONSTRAINT = 'ck_person_keys_open_orders';
        END IF;
    ELSIF NEW.user_id <> OLD.user_id OR NEW.created_at <> OLD.created_at
            OR (NEW.wrapped_key = OLD.wrapped_key) <> (NEW.key_id = OLD.key_id) THEN
        RAISE EXCEPTION 'the key of person % is wrapped anew under another key of the ring, or stays', OLD.user_id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'person_keys', COLUMN = 'wrapped_key',
                  CONSTRAINT = 'ck_person_keys_rewrapped';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_person_key IS
    'Keeps a destroyed key destroyed, and a key as long as its person has open orders; else it is only wrapped anew.';

CREATE TRIGGER tr_person_keys_guard BEFORE UPDATE ON person_keys
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION guard_person_key();
CREATE TRIGGER tr_person_keys_truncate BEFORE TRUNCATE ON person_keys
    EXECUTE FUNCTION forbid('person_keys', 'a key is destroyed by erasing its person');

CREATE FUNCTION public.keep_person_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM public.users u WHERE u.id = OLD.user_id) THEN
        RAISE EXCEPTION 'the key of person % is destroyed by erasing, never deleted', OLD.user_id
            USING ERRCODE = '23001', SCHEMA = 'public', TABLE = 'person_keys', CONSTRAINT = 'tr_person_keys_keep';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.keep_person_key IS
    'Lets the row of a key go with its person alone: so none is put in again.';
CREATE CONSTRAINT TRIGGER tr_person_keys_keep AFTER DELETE ON person_keys DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION keep_person_key();
ALTER TABLE person_keys ENABLE ALWAYS TRIGGER tr_person_keys_guard, ENABLE ALWAYS TRIGGER tr_person_keys_truncate,
    ENABLE ALWAYS TRIGGER tr_person_keys_keep;
"""

# Whoever places locks the key, and whoever destroys it locks it against that: the second sees what the first did.
PLACE = """
CREATE FUNCTION public.require_person_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_erased boolean;
BEGIN
    SELECT k.wrapped_key IS NULL INTO is_erased FROM public.person_keys k WHERE k.user_id = NEW.user_id FOR KEY SHARE;
    IF is_erased OR is_erased IS NULL AND session_user IN ('lex_app', 'lex_staff', 'lex_worker') THEN
        RAISE EXCEPTION 'person % %; no new data is kept of them', NEW.user_id,
            CASE WHEN is_erased THEN 'was erased' ELSE 'has no key' END
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = TG_ARGV[0], COLUMN = 'user_id',
                  CONSTRAINT = 'ck_' || TG_ARGV[0] || '_erased';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.require_person_key IS
    'Keeps the key of whoever orders, books, writes or has something kept until that is done.';
CREATE TRIGGER tr_orders_person BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION require_person_key('orders');
CREATE TRIGGER tr_addresses_person BEFORE INSERT ON addresses
    FOR EACH ROW EXECUTE FUNCTION require_person_key('addresses');
CREATE TRIGGER tr_idempotency_keys_person BEFORE INSERT ON idempotency_keys
    FOR EACH ROW WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION require_person_key('idempotency_keys');
ALTER TABLE orders ENABLE ALWAYS TRIGGER tr_orders_person;
ALTER TABLE addresses ENABLE ALWAYS TRIGGER tr_addresses_person;
ALTER TABLE idempotency_keys ENABLE ALWAYS TRIGGER tr_idempotency_keys_person;
"""

DROP = """
DROP TRIGGER tr_idempotency_keys_person ON idempotency_keys;
DROP TRIGGER tr_addresses_person ON addresses;
DROP TRIGGER tr_orders_person ON orders;
DROP TRIGGER tr_person_keys_keep ON person_keys;
DROP TRIGGER tr_person_keys_truncate ON person_keys;
DROP TRIGGER tr_person_keys_guard ON person_keys;
DROP FUNCTION require_person_key(), keep_person_key(), guard_person_key(), open_orders(uuid);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, OPEN, GUARD, PLACE)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
