"""The audit trail is sealed link by link, its old months can be archived, and the application adds what no row tells.

Revision ID: 20250126000016
Revises: 20250126000015
"""

from alembic import op

revision = "20250126000016"
down_revision = "20250126000015"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# They stay when this is taken back, as long as the trail does, so that the chain goes on where it ended: a seal that is
# made anew is another one than its copies say.
TABLES = """
CREATE TABLE IF NOT EXISTS audit_seals (
    number bigint NOT NULL,
    from_transaction bigint NOT NULL,
    until_transaction bigint NOT NULL,
    row_count integer NOT NULL,
    entries bytea NOT NULL,
    previous bytea NOT NULL,
    key_id text NOT NULL,
    seal bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_audit_seals PRIMARY KEY (number),
    CONSTRAINT ck_audit_seals_range CHECK (from_transaction < until_transaction),
    CONSTRAINT ck_audit_seals_entries CHECK (octet_length(entries) = row_count * 32)
);
-- Ids and digests are random: compressing them is wasted.
ALTER TABLE audit_seals ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE TABLE IF NOT EXISTS audit_archives (
    id uuid NOT NULL,
    partition text NOT NULL,
    lower_id uuid NOT NULL,
    upper_id uuid NOT NULL,
    file_name text NOT NULL,
    file_digest bytea NOT NULL,
    row_count integer NOT NULL,
    key_id text NOT NULL,
    signature bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_audit_archives PRIMARY KEY (id),
    CONSTRAINT uq_audit_archives_partition UNIQUE (partition),
    CONSTRAINT ck_audit_archives_row_count CHECK (row_count >= 0)
);
"""

KEPT = {
    "audit_seals": "a seal is never changed; the next one seals what came after it",
    "audit_archives": "what was archived stays known",
}
KEEP = """
CREATE TRIGGER tr_{0}_change BEFORE UPDATE OR DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION forbid('{0}', '{1}');
CREATE TRIGGER tr_{0}_truncate BEFORE TRUNCATE ON {0} EXECUTE FUNCTION forbid('{0}', '{1}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_change, ENABLE ALWAYS TRIGGER tr_{0}_truncate;
"""

# What no row tells: a sign-in, an export, somebody of the staff reading a customer's data. Changes of rows are told by
# the database alone; nobody may invent one. The actions are those of lex/audit/actions.py, and a test compares them.
RECORD = """
CREATE FUNCTION public.record_audit(action text, resource text, resource_id text, details jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF action <> ALL (ARRAY[
        'read', 'export', 'archive', 'erase', 'seed',
        'sign_up', 'sign_in', 'sign_in_failed', 'sign_out', 'session_ended', 'password_changed', 'password_reset',
        'email_verified', 'email_change_asked', 'email_changed', 'account_unlocked', 'account_closed',
        'account_opened', 'staff_appointed', 'role_changed', 'acting_started', 'acting_ended', 'enable_two_factor',
        'disable_two_factor', 'use_recovery_code', 'make_recovery_codes', 'add_passkey', 'remove_passkey',
        'second_factor_given', 'second_factor_failed', 'make_token', 'revoke_token', 'use_ended_token'
    ]) THEN
        RAISE EXCEPTION '“%” is nothing to record; the change of a row is told by the database itself', left(action, 40)
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'audit_logs', CONSTRAINT = 'ck_audit_logs_action';
    END IF;
    IF session_user = 'lex_staff' AND action <> ALL (ARRAY[
        'read', 'export', 'account_closed', 'account_opened', 'session_ended', 'staff_appointed', 'role_changed',
        'acting_started', 'make_token', 'revoke_token'
    ]) THEN
        RAISE EXCEPTION '“%” is not for the back office to record', action
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'audit_logs', CONSTRAINT = 'ck_audit_logs_action';
    END IF;
    IF octet_length(resource) NOT BETWEEN 1 AND 63 OR octet_length(resource_id) > 200
        OR octet_length(details::text) > 32768
    THEN
        RAISE EXCEPTION 'a resource has 63 bytes at most, the id of one 200, the details 32768'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'audit_logs', CONSTRAINT = 'ck_audit_logs_size';
    END IF;
    RETURN public.add_audit(action, resource, resource_id, details);
END
$$;
COMMENT ON FUNCTION public.record_audit IS 'Adds to audit_logs what no row tells: a sign-in, an export.';
"""

AUDITED = """
CREATE TRIGGER tr_shop_facts_audit AFTER INSERT OR DELETE ON shop_facts
    FOR EACH ROW EXECUTE FUNCTION audit_row('shop_facts', '{}', '{}', '{name}');
CREATE TRIGGER tr_shop_facts_audit_update AFTER UPDATE ON shop_facts
    FOR EACH ROW EXECUTE FUNCTION audit_row('shop_facts', '{}', '{}', '{name}');
ALTER TABLE shop_facts
    ENABLE ALWAYS TRIGGER tr_shop_facts_audit, ENABLE ALWAYS TRIGGER tr_shop_facts_audit_update;
"""

DROP = """
DROP TRIGGER tr_shop_facts_audit_update ON shop_facts;
DROP TRIGGER tr_shop_facts_audit ON shop_facts;
DROP FUNCTION record_audit(text, text, text, jsonb);
"""


UNKEEP = "DROP TRIGGER tr_{0}_truncate ON {0}; DROP TRIGGER tr_{0}_change ON {0};"


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, TABLES, RECORD, AUDITED, *(KEEP.format(table, reason) for table, reason in KEPT.items()))


def downgrade() -> None:
    run(TIMEOUTS, DROP, *(UNKEEP.format(table) for table in KEPT))
