"""Every change of a row is written to audit_logs by the database itself, and what is written there stays.

Revision ID: 20250126000008
Revises: 20250126000007
"""

from alembic import op

revision = "20250126000008"
down_revision = "20250126000007"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# The settings of the transaction say who acts: actor, role, request and address. Whoever sends SQL may set them to
# anything, so they are looked at here; CHECKs of the table, read anew by every statement, would cost a third of it
# again. The id is made as uuid_v7() makes it, here because created_at is made of the same number. All is computed in
# variables, which are prepared once a transaction; what an INSERT computes is prepared at each row.
ADD = """
CREATE FUNCTION public.add_audit(action text, resource text, resource_id text, changes jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    microseconds bigint := date_part('epoch', clock_timestamp()) * 1000000;
    entry uuid := lpad(to_hex(microseconds / 1000 << 16 | 28672 | microseconds % 1000 * 4096 / 1000), 16, '0')
        || to_hex(2147483648 + (random() * 1073741823)::bigint)
        || lpad(to_hex((random() * 4294967295)::bigint), 8, '0');
    instant timestamptz := to_timestamp(microseconds / 1000 / 1000::double precision);
    person uuid := nullif(current_setting('lex.user_id', true), '');
    acting uuid := nullif(current_setting('lex.acted_by', true), '');
    address inet := nullif(current_setting('lex.ip_address', true), '');
    role text := nullif(current_setting('lex.role', true), '');
    request text := nullif(current_setting('lex.request_id', true), '');
BEGIN
    IF octet_length(request) > 64 OR request ~ '[^!-~]' OR octet_length(role) > 32 THEN
        IF octet_length(role) > 32 THEN
            RAISE EXCEPTION 'a role has 32 bytes at most (ck_audit_logs_role)'
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'audit_logs', CONSTRAINT = 'ck_audit_logs_role';
        END IF;
        RAISE EXCEPTION 'a request id is 64 printable characters of ASCII at most (ck_audit_logs_request_id)'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'audit_logs', CONSTRAINT = 'ck_audit_logs_request_id';
    END IF;
    INSERT INTO public.audit_logs
        (id, created_at, user_id, acted_by, role, request_id, ip_address, action, resource, resource_id, changes)
    VALUES (entry, instant, person, acting, role, request, address, action, resource, resource_id, changes);
    RETURN entry;
END
$$;
REVOKE EXECUTE ON FUNCTION public.add_audit FROM PUBLIC;
COMMENT ON FUNCTION public.add_audit IS 'Adds an entry to audit_logs, for the functions that may: its id.';
"""

# `about`: the table's name (a partition would give its own), its secret columns, its columns left out, its key.
# `updated_at` alone is no change worth telling. A function of its own, because PostgreSQL prepares a trigger's for each
# table and again in each transaction: this one is prepared once for all of them.
CHANGE = """
CREATE FUNCTION public.audit_change(operation text, about text[], before jsonb, after jsonb) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    subject jsonb := coalesce(after, before);
    changes jsonb;
    field text;
    name text := subject ->> btrim(about[3], '{}');
BEGIN
    IF operation = 'UPDATE' THEN
        SELECT jsonb_object_agg(
            key, CASE WHEN key = ANY (about[1]::text[]) THEN '["***", "***"]'
                ELSE jsonb_build_array(before -> key, value) END
        ) INTO changes
        FROM jsonb_each(after)
        WHERE value IS DISTINCT FROM before -> key AND key <> 'updated_at' AND key <> ALL (about[2]::text[]);
        IF changes IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        -- Most tables have neither: each step over the row costs as much as reading it.
        changes := CASE WHEN about[2] = '{}' THEN subject ELSE subject - about[2]::text[] END;
        IF about[1] <> '{}' THEN
            FOREACH field IN ARRAY about[1]::text[] LOOP
                IF changes ->> field IS NOT NULL THEN
                    changes := changes || jsonb_build_object(field, '***');
                END IF;
            END LOOP;
        END IF;
        changes := jsonb_build_object(CASE operation WHEN 'INSERT' THEN 'new' ELSE 'old' END, changes);
    END IF;
    IF name IS NULL THEN  -- a key of several columns
        SELECT string_agg(subject ->> key, '/' ORDER BY place) INTO name
        FROM unnest(about[3]::text[]) WITH ORDINALITY k (key, place);
    END IF;
    RETURN public.add_audit(lower(operation), about[0], name, changes);
END
$$;
REVOKE EXECUTE ON FUNCTION public.audit_change FROM PUBLIC;
COMMENT ON FUNCTION public.audit_change IS 'Adds the change of a row to audit_logs, secrets redacted.';
"""

AUDIT = """
CREATE FUNCTION public.audit_row() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry uuid := public.audit_change(TG_OP, TG_ARGV, to_jsonb(OLD), to_jsonb(NEW));
BEGIN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.audit_row IS 'Writes the change to audit_logs, secrets redacted.';
"""

# Queues and derived counters are not here: docs/schema/README.md lists them with the reason of each.
PLAIN = """
    addresses bookings cart_items categories coupon_codes digital_files fulfilment_items invoices
    notifications occupancies order_events order_items orders payment_events payments refunds resources
    schedule_exceptions service_categories service_slots shipping_methods stock_movements subscription_events
    subscription_periods subscriptions tax_rates
"""
#: table → secret columns, columns left out, key. What is readable about a person and goes when they are erased is a
#: secret too: the audit stays.
SPECIAL = {
    "api_keys": ("token_hash,name", "", "id"),
    "carts": ("token_hash", "", "id"),
    "coupon_usages": ("email_blind_index", "", "id"),
    "coupons": ("", "used_count", "id"),
    "downloads": ("token_hash", "", "id"),
    "fulfilments": ("tracking_number,tracking_url", "", "id"),
    "order_tokens": ("token_hash", "", "id"),
    "payment_attempts": ("action", "", "id"),
    "payment_methods": ("provider_token,brand,last4", "", "id"),
    "person_keys": ("wrapped_key", "", "user_id"),
    "products": ("", "search,stock_quantity,reserved_quantity", "id"),
    "reviews": ("title,body", "", "id"),
    "service_resources": ("", "", "service_id,resource_id"),
    "services": ("", "search", "id"),
    "status_transitions": ("", "", "subject,from_status,to_status"),
    "subscription_plans": ("", "search", "id"),
    "users": ("password,two_factor_secret,email_blind_index,phone_blind_index", "", "id"),
}
AUDITED = {**dict.fromkeys(PLAIN.split(), ("", "", "id")), **SPECIAL}

ATTACH = """
CREATE TRIGGER tr_{0}_audit AFTER INSERT OR DELETE ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_row('{0}', '{{{1}}}', '{{{2}}}', '{{{3}}}');
CREATE TRIGGER tr_{0}_audit_update AFTER UPDATE {4} ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_row('{0}', '{{{1}}}', '{{{2}}}', '{{{3}}}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_audit, ENABLE ALWAYS TRIGGER tr_{0}_audit_update;
"""
# Holding and selling stock names none of these columns and costs no call; stock_movements tells that story. So do
# coupon_usages for the uses of a coupon. That a key was used is written down each minute.
COLUMNS = {
    "api_keys": "OF id, user_id, kind, name, prefix, token_hash, scopes, expires_at, revoked_at, created_at",
    "coupons": """OF id, code, name, type, amount, percentage, buy_quantity, get_quantity, minimum_amount, starts_at,
        ends_at, usage_limit, usage_limit_per_customer, is_stackable, is_exclusive, priority, scope, is_bulk, is_active,
        created_at, deleted_at""",
    "products": """OF id, variant_of, category_id, product_type, sku, slug, name, description, brand, price,
        compare_at_price, lowest_price_30_days, tax_class, track_inventory, variant_count, "order", images, options,
        attributes, tags, weight_grams, barcode, is_active, is_featured, seo_title, seo_description, rating_average,
        rating_count, imported_from, created_at, deleted_at""",
}
DETACH = "DROP TRIGGER tr_{0}_audit ON {0}; DROP TRIGGER tr_{0}_audit_update ON {0};"

APPEND_ONLY = """
CREATE TRIGGER tr_audit_logs_change BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION forbid('audit_logs', 'the audit trail is only added to');
CREATE TRIGGER tr_audit_logs_truncate BEFORE TRUNCATE ON audit_logs
    EXECUTE FUNCTION forbid('audit_logs', 'the audit trail is only added to');
ALTER TABLE audit_logs
    ENABLE ALWAYS TRIGGER tr_audit_logs_change, ENABLE ALWAYS TRIGGER tr_audit_logs_truncate;

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.audit_logs'::regclass LOOP
        EXECUTE format(
            'CREATE TRIGGER tr_audit_logs_truncate BEFORE TRUNCATE ON %s EXECUTE FUNCTION public.forbid(%L, %L)',
            partition, 'audit_logs', 'the audit trail is only added to'
        );
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER tr_audit_logs_truncate', partition);
    END LOOP;
END
$$;
"""
CHANGEABLE = """
DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.audit_logs'::regclass LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS tr_audit_logs_truncate ON %s', partition);
    END LOOP;
END
$$;
DROP TRIGGER tr_audit_logs_truncate ON audit_logs;
DROP TRIGGER tr_audit_logs_change ON audit_logs;
"""

DROP = """
DROP FUNCTION audit_row();
DROP FUNCTION audit_change(text, text[], jsonb, jsonb);
DROP FUNCTION add_audit(text, text, text, jsonb);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, ADD, CHANGE, AUDIT, APPEND_ONLY)
    for table, (secret, left_out, key) in AUDITED.items():
        run(ATTACH.format(table, secret, left_out, key, COLUMNS.get(table, "")))


def downgrade() -> None:
    run(TIMEOUTS, *(DETACH.format(table) for table in AUDITED), CHANGEABLE, DROP)
