"""Accounts: keys that mails carry, changes of e-mail, second factors, attempts, and the one door of a sign-in.

Revision ID: 20250126000021
Revises: 20250126000020
"""

from alembic import op

revision = "20250126000021"
down_revision = "20250126000020"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TABLES = """
CREATE TABLE email_changes (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    email bytea,
    old_confirmed_at timestamptz,
    new_confirmed_at timestamptz,
    done_at timestamptz,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_email_changes PRIMARY KEY (id),
    CONSTRAINT uq_email_changes_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_email_changes_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_email_changes_done_at
        CHECK (done_at IS NULL OR old_confirmed_at IS NOT NULL AND new_confirmed_at IS NOT NULL)
);
CREATE INDEX idx_email_changes_user_id ON email_changes (user_id);

CREATE DOMAIN account_token_purpose AS text CONSTRAINT ck_account_token_purpose CHECK (VALUE = ANY (
    '{verify_email,reset_password,unlock,confirm_old_email,confirm_new_email}'));
CREATE TABLE account_tokens (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    email_change_id uuid,
    purpose account_token_purpose NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_account_tokens PRIMARY KEY (id),
    CONSTRAINT uq_account_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_account_tokens_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_account_tokens_email_changes FOREIGN KEY (email_change_id, user_id)
        REFERENCES email_changes (id, user_id) ON UPDATE CASCADE DEFERRABLE,
    CONSTRAINT ck_account_tokens_email_change_id
        CHECK ((email_change_id IS NOT NULL) = (purpose = ANY ('{confirm_old_email,confirm_new_email}')))
);
CREATE INDEX idx_account_tokens_user_id ON account_tokens (user_id);
CREATE INDEX idx_account_tokens_email_change_id ON account_tokens (email_change_id);

CREATE TABLE recovery_codes (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    used_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_recovery_codes PRIMARY KEY (id),
    CONSTRAINT uq_recovery_codes_user_id_code_hash UNIQUE (user_id, code_hash),
    CONSTRAINT fk_recovery_codes_users FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE TABLE passkeys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name bytea NOT NULL,
    credential_id bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_counter bigint DEFAULT 0 NOT NULL,
    last_used_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_passkeys PRIMARY KEY (id),
    CONSTRAINT uq_passkeys_credential_id UNIQUE (credential_id),
    CONSTRAINT fk_passkeys_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_passkeys_sign_counter CHECK (sign_counter >= 0)
);
CREATE INDEX idx_passkeys_user_id ON passkeys (user_id);

CREATE TABLE sign_in_attempts (
    subject bytea NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failed_at timestamptz,
    locked_until timestamptz,
    trusted_until timestamptz,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_sign_in_attempts PRIMARY KEY (subject)
);
CREATE INDEX idx_sign_in_attempts_updated_at ON sign_in_attempts (updated_at);
CREATE TRIGGER tr_sign_in_attempts_touch BEFORE UPDATE ON sign_in_attempts
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
ALTER TABLE sign_in_attempts ENABLE ALWAYS TRIGGER tr_sign_in_attempts_touch;
"""

#: table → secret columns
AUDITED = {
    "account_tokens": "token_hash",
    "email_changes": "",
    "passkeys": "credential_id,public_key",
    "recovery_codes": "code_hash",
}
AUDIT = """
CREATE TRIGGER tr_{0}_audit AFTER INSERT OR DELETE ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_row('{0}', '{{{1}}}', '{{}}', '{{id}}');
CREATE TRIGGER tr_{0}_audit_update AFTER UPDATE ON {0}
    FOR EACH ROW EXECUTE FUNCTION audit_row('{0}', '{{{1}}}', '{{}}', '{{id}}');
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_audit, ENABLE ALWAYS TRIGGER tr_{0}_audit_update;
"""

# Customers and staff have no right on any of them: what a mail's key or a second factor opens is done by Lex itself.
RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE
ON account_tokens, email_changes, passkeys, recovery_codes, sign_in_attempts TO lex_worker
"""
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

# Whoever signs in is nobody yet. This is the only way a request of nobody's reaches a password's hash: one account by
# the HMACs of its address, which cannot be made without the shop's key. There is always one row, so that an address
# without an account costs the same. A lock that strangers can bring about, of the account or of an address they share,
# does not hold where the owner was seen before (`trusted_until`).
LOGIN = """
CREATE FUNCTION public.find_login(email_indexes bytea[], account bytea[], pair bytea[], address bytea[],
    instant timestamptz,
    OUT user_id uuid, OUT role text, OUT password text, OUT is_active boolean, OUT is_verified boolean,
    OUT two_factor_enabled boolean, OUT wait_until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT u.id, u.role, u.password, u.is_active, u.email_verified_at IS NOT NULL, u.two_factor_enabled
    INTO user_id, role, password, is_active, is_verified, two_factor_enabled
    FROM public.users u WHERE u.email_blind_index = ANY (email_indexes) AND u.role <> 'guest' AND u.deleted_at IS NULL;
    SELECT max(a.locked_until) INTO wait_until FROM public.sign_in_attempts a
    WHERE a.locked_until > instant AND (a.subject = ANY (pair) OR a.subject = ANY (account || address) AND NOT EXISTS (
        SELECT FROM public.sign_in_attempts t WHERE t.subject = ANY (pair) AND t.trusted_until > instant));
END
$$;
COMMENT ON FUNCTION public.find_login IS
    'What a sign-in is checked by: the account of an address and its password''s hash, and until when it has to wait.';
REVOKE EXECUTE ON FUNCTION public.find_login FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.find_login TO lex_app, lex_worker;
"""

# Whoever changes them and however: what somebody may do now holds in every browser a moment later. Signing in again
# gives the new role. Keys end at once and for good: one that was made for less must not come to mean more.
SESSIONS = """
CREATE FUNCTION public.end_sessions() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.api_keys SET revoked_at = clock_timestamp() WHERE user_id = NEW.id AND revoked_at IS NULL;
    INSERT INTO public.procrastinate_jobs (queue_name, task_name, priority, args) VALUES (
        'default', 'end_sessions', 20, jsonb_build_object(
            'user_id', NEW.id, 'before', clock_timestamp(),
            'request_id', nullif(current_setting('lex.request_id', true), '')));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.end_sessions IS 'Ends keys and sessions of somebody whose role or standing changed.';
CREATE TRIGGER tr_users_sessions AFTER UPDATE OF role, is_active, deleted_at ON users
    FOR EACH ROW WHEN (OLD.role <> 'guest' AND (
        NEW.role <> OLD.role OR OLD.is_active AND NOT NEW.is_active OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at))
    EXECUTE FUNCTION end_sessions();
ALTER TABLE users ENABLE ALWAYS TRIGGER tr_users_sessions;
"""

DROP = """
DROP TRIGGER tr_users_sessions ON users;
DROP FUNCTION end_sessions();
DROP FUNCTION find_login(bytea[], bytea[], bytea[], bytea[], timestamptz);
DROP TABLE account_tokens, email_changes, passkeys, recovery_codes, sign_in_attempts;
DROP DOMAIN account_token_purpose;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, TABLES, *(AUDIT.format(table, secret) for table, secret in AUDITED.items()), RIGHTS)
    run(*(POLICIES.format(table, MINE, BARE) for table in AUDITED), LOGIN, SESSIONS)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
