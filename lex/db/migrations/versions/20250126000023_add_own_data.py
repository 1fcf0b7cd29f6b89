"""What people may ask for of their data: a copy of it, and its end.

Revision ID: 20250126000023
Revises: 20250126000022
"""

from alembic import op

revision = "20250126000023"
down_revision = "20250126000022"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TABLES = """
CREATE DOMAIN data_export_status AS text CONSTRAINT ck_data_export_status CHECK (VALUE = ANY (
    '{waiting,working,ready,removed}'));
CREATE TABLE data_exports (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    status data_export_status DEFAULT 'waiting' NOT NULL,
    storage_key text NOT NULL,
    done_parts integer DEFAULT 0 NOT NULL,
    all_parts integer DEFAULT 0 NOT NULL,
    size_bytes bigint,
    ready_at timestamptz,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_data_exports PRIMARY KEY (id),
    CONSTRAINT uq_data_exports_storage_key UNIQUE (storage_key),
    CONSTRAINT fk_data_exports_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_data_exports_parts CHECK (done_parts BETWEEN 0 AND all_parts),
    CONSTRAINT ck_data_exports_ready CHECK (status <> 'ready' OR num_nulls(size_bytes, ready_at) = 0)
);
CREATE INDEX idx_data_exports_user_id ON data_exports (user_id);
CREATE UNIQUE INDEX uq_data_exports_open ON data_exports (user_id) WHERE status IN ('waiting', 'working');
CREATE INDEX idx_data_exports_expires_at ON data_exports (expires_at) WHERE status <> 'removed';

CREATE DOMAIN erasure_request_status AS text CONSTRAINT ck_erasure_request_status CHECK (VALUE = ANY (
    '{waiting,canceled,done}'));
CREATE TABLE erasure_requests (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    status erasure_request_status DEFAULT 'waiting' NOT NULL,
    due_at timestamptz NOT NULL,
    ended_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_erasure_requests PRIMARY KEY (id),
    CONSTRAINT fk_erasure_requests_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_erasure_requests_ended_at CHECK ((status = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX idx_erasure_requests_user_id ON erasure_requests (user_id);
CREATE UNIQUE INDEX uq_erasure_requests_open ON erasure_requests (user_id) WHERE status = 'waiting';
CREATE INDEX idx_erasure_requests_due_at ON erasure_requests (due_at) WHERE status = 'waiting';
"""

#: table → columns whose change is told; how far an export has come is nobody's history
AUDITED = {
    "data_exports": "OF id, user_id, status, storage_key, size_bytes, ready_at, expires_at",
    "erasure_requests": "",
}
RULES = """
CREATE TRIGGER tr_{0}_touch BEFORE UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER tr_{0}_audit AFTER INSERT OR DELETE ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_row('{0}', '{{storage_key}}', '{{}}', '{{id}}');
CREATE TRIGGER tr_{0}_audit_update AFTER UPDATE {1} ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_row('{0}', '{{storage_key}}', '{{}}', '{{id}}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_touch, ENABLE ALWAYS TRIGGER tr_{0}_audit,
    ENABLE ALWAYS TRIGGER tr_{0}_audit_update;
"""

# Customers and staff have no right on them: Lex itself asks for the password first.
RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON data_exports, erasure_requests TO lex_worker"
BARE = "user_id = nullif(current_setting('lex.user_id', true), '')::uuid"
MINE = "user_id = (SELECT nullif(current_setting('lex.user_id', true), '')::uuid)"
POLICIES = """
ALTER TABLE {0} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {0} FORCE ROW LEVEL SECURITY;
CREATE POLICY p_{0}_own ON {0} TO lex_app USING ({1}) WITH CHECK ({2});
CREATE POLICY p_{0}_staff ON {0} TO lex_staff USING (true) WITH CHECK (true);
CREATE POLICY p_{0}_worker ON {0} TO lex_worker USING (true) WITH CHECK (true);
CREATE POLICY p_{0}_owner ON {0} TO lex_owner USING (true) WITH CHECK (true);
CREATE POLICY p_{0}_read ON {0} FOR SELECT TO lex_ro USING (true);
"""

# Somebody erased gets no new row here, and nothing that names them in one there is. What the shop writes of somebody,
# as the recipient of an invoice or a note, it writes under the person's key, which is gone.
#: Tables whose rows may be emptied of whom they name → the columns that do.
NAMING = {
    "addresses": "recipient_name, company, line1, line2, phone, city, region, postal_code",
    "bookings": "notes",
    "orders": "email, phone, billing_address, shipping_address, customer_note",
    "payment_methods": "provider_customer_id, provider_token, fingerprint, brand, last4",
    "reviews": "title, body",
}
#: Tables that take no new row of somebody erased; orders and addresses have their rule for that already.
ADDED = ("api_keys", "bookings", "passkeys", "payment_methods", "reviews")
ADD = """
CREATE TRIGGER tr_{0}_person BEFORE INSERT ON {0} FOR EACH ROW EXECUTE FUNCTION require_person_key('{0}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_person;
"""
NAME = """
CREATE TRIGGER tr_{0}_named BEFORE UPDATE OF user_id, {1} ON {0}
    FOR EACH ROW WHEN (num_nonnulls({2}) > 0 AND ({2}, NEW.user_id) IS DISTINCT FROM ({3}, OLD.user_id))
    EXECUTE FUNCTION require_person_key('{0}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_named;
"""
ERASED = """
CREATE TRIGGER tr_carts_person BEFORE INSERT ON carts
    FOR EACH ROW WHEN (NEW.user_id IS NOT NULL) EXECUTE FUNCTION require_person_key('carts');
CREATE TRIGGER tr_carts_named BEFORE UPDATE OF user_id, token_hash ON carts
    FOR EACH ROW WHEN (NEW.user_id IS NOT NULL AND (
        NEW.status = 'open' AND NEW.user_id IS DISTINCT FROM OLD.user_id
        OR NEW.token_hash IS NOT NULL AND NEW.token_hash IS DISTINCT FROM OLD.token_hash))
    EXECUTE FUNCTION require_person_key('carts');
ALTER TABLE carts ENABLE ALWAYS TRIGGER tr_carts_person, ENABLE ALWAYS TRIGGER tr_carts_named;

CREATE FUNCTION public.keep_person_erased() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.person_keys k WHERE k.user_id = NEW.id AND k.wrapped_key IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'person % was erased; no new data is kept of them', NEW.id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'users', CONSTRAINT = 'ck_users_erased';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.keep_person_erased IS 'Refuses names, addresses and ways to sign in of somebody erased.';
CREATE TRIGGER tr_users_erased BEFORE UPDATE OF email, email_blind_index, first_name, last_name, phone,
        phone_blind_index, birth_date, notes, password, two_factor_secret ON users
    FOR EACH ROW WHEN (num_nonnulls(NEW.email, NEW.email_blind_index, NEW.first_name, NEW.last_name, NEW.phone,
        NEW.phone_blind_index, NEW.birth_date, NEW.notes, NEW.password, NEW.two_factor_secret) > 0)
    EXECUTE FUNCTION keep_person_erased();
ALTER TABLE users ENABLE ALWAYS TRIGGER tr_users_erased;
"""
UNERASED = """
DROP TRIGGER tr_users_erased ON users;
DROP FUNCTION keep_person_erased();
DROP TRIGGER tr_carts_named ON carts;
DROP TRIGGER tr_carts_person ON carts;
"""

# Rows that are emptied out together would leave no trace in the audit.
EMPTIED = """
DO $$
DECLARE
    audited regclass;
BEGIN
    FOR audited IN SELECT t.tgrelid FROM pg_trigger t
        WHERE t.tgname ~ '_audit$' AND t.tgparentid = 0 AND NOT EXISTS (
            SELECT FROM pg_trigger o
            WHERE o.tgrelid = t.tgrelid AND o.tgtype & 32 > 0 AND o.tgfoid = 'public.forbid'::regproc)
        ORDER BY t.tgrelid::regclass::text
    LOOP
        EXECUTE format('CREATE TRIGGER tr_%1$s_empty BEFORE TRUNCATE ON %1$s'
            ' EXECUTE FUNCTION public.forbid(%2$L, %3$L)', audited, audited, 'rows are deleted, and audited, each');
        EXECUTE format('ALTER TABLE %1$s ENABLE ALWAYS TRIGGER tr_%1$s_empty', audited);
    END LOOP;
END
$$;
"""
UNEMPTIED = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT tgname, tgrelid::regclass AS audited FROM pg_trigger WHERE tgname ~ '_empty$' LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.audited);
    END LOOP;
END
$$;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def _name(table: str, columns: str) -> str:
    new, old = (", ".join(f"{row}.{name}" for name in columns.split(", ")) for row in ("NEW", "OLD"))
    return NAME.format(table, columns, new, old)


def upgrade() -> None:
    run(TIMEOUTS, TABLES, *(RULES.format(*one) for one in AUDITED.items()), RIGHTS)
    run(*(POLICIES.format(table, MINE, BARE) for table in AUDITED), EMPTIED)
    run(ERASED, *(ADD.format(table) for table in ADDED), *(_name(*one) for one in NAMING.items()))


def downgrade() -> None:
    run(
        TIMEOUTS,
        *(f"DROP TRIGGER tr_{table}_named ON {table}" for table in NAMING),
        *(f"DROP TRIGGER tr_{table}_person ON {table}" for table in ADDED),
        UNERASED,
        UNEMPTIED,
        "DROP TABLE data_exports, erasure_requests; DROP DOMAIN data_export_status, erasure_request_status",
    )
