"""What the back office may do to people and reviews: nobody raises themself, the last super_admin stays, words stay.

Revision ID: 20250126000022
Revises: 20250126000021
"""

from alembic import op

revision = "20250126000022"
down_revision = "20250126000021"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# Who acts is lex.user_id, and how high they stand is read from their row, not from lex.role, which proves nothing.
RANKS = """
CREATE FUNCTION public.staff_rank(role text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE role WHEN 'super_admin' THEN 3 WHEN 'admin' THEN 2 WHEN 'moderator' THEN 1 ELSE 0 END
$$;
COMMENT ON FUNCTION public.staff_rank IS 'How high a role stands; customers and guests stand at 0.';

CREATE FUNCTION public.acting_rank() RETURNS integer LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(public.staff_rank(u.role::text)), 0) FROM public.users u
    WHERE u.id = nullif(current_setting('lex.user_id', true), '')::uuid AND u.is_active AND u.deleted_at IS NULL
$$;
COMMENT ON FUNCTION public.acting_rank IS 'How high the active person stands who acts in this transaction.';
REVOKE EXECUTE ON FUNCTION public.acting_rank FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.acting_rank TO lex_staff, lex_worker;
"""

# Jobs and the command line appoint: for themselves they are nobody. The back office reaches what stands below whoever
# acts, super_admins reach everybody, and everybody their own password. Up goes nobody by their own hand.
STANDING = """
CREATE FUNCTION public.guard_standing() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('lex.user_id', true), '')::uuid;
    was text := CASE TG_OP WHEN 'INSERT' THEN 'guest' ELSE OLD.role END;
    is_me boolean := NEW.id = me AND (TG_OP = 'INSERT' OR OLD.id = me);
    mine integer;
BEGIN
    IF NOT public.works_as(VARIADIC '{lex_owner,lex_staff,lex_worker}'::name[]) THEN
        RAISE EXCEPTION 'a customer''s connection cannot make somebody %', NEW.role
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'users', COLUMN = 'role',
                  CONSTRAINT = 'ck_users_promotion';
    ELSIF is_me AND public.staff_rank(NEW.role::text) > public.staff_rank(was) THEN
        RAISE EXCEPTION 'nobody makes themself %', NEW.role
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'users', COLUMN = 'role',
                  CONSTRAINT = 'ck_users_own_promotion';
    ELSIF NOT public.works_as(VARIADIC '{lex_owner,lex_worker}'::name[]) THEN
        mine := public.acting_rank();
        IF NOT (mine = 3 OR is_me AND mine > 0
                OR mine > greatest(public.staff_rank(was), public.staff_rank(NEW.role::text))) THEN
            RAISE EXCEPTION 'whoever acts does not stand above a % and a %', was, NEW.role
                USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'users', COLUMN = 'role',
                      CONSTRAINT = 'ck_users_standing';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_standing IS
    'Lets staff change the role, the standing and the ways to sign in of those below them, and nobody raise themself.';
CREATE TRIGGER tr_users_role BEFORE INSERT ON users
    FOR EACH ROW WHEN (NEW.role NOT IN ('user', 'guest')) EXECUTE FUNCTION guard_standing();
CREATE TRIGGER tr_users_role_update BEFORE UPDATE OF role ON users
    FOR EACH ROW WHEN (NEW.role <> OLD.role) EXECUTE FUNCTION guard_standing();
CREATE TRIGGER tr_users_standing BEFORE UPDATE OF
        id, is_active, deleted_at, password, two_factor_enabled, two_factor_secret, two_factor_step, email,
        email_blind_index, email_verified_at ON users
    FOR EACH ROW WHEN (OLD.role NOT IN ('user', 'guest') AND
        (OLD.id, OLD.is_active, OLD.deleted_at, OLD.password, OLD.two_factor_enabled, OLD.two_factor_secret,
         OLD.two_factor_step, OLD.email, OLD.email_blind_index, OLD.email_verified_at) IS DISTINCT FROM
        (NEW.id, NEW.is_active, NEW.deleted_at, NEW.password, NEW.two_factor_enabled, NEW.two_factor_secret,
         NEW.two_factor_step, NEW.email, NEW.email_blind_index, NEW.email_verified_at))
    EXECUTE FUNCTION guard_standing();
"""

# Two super_admins who demote each other at once come here one after the other, and the second sees what the first did.
LAST = """
CREATE FUNCTION public.keep_last_super_admin() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.demand_read_committed('users');
    PERFORM pg_advisory_xact_lock(x'4C45585355504552'::bigint);  -- "LEXSUPER"
    IF NOT EXISTS (SELECT FROM public.users WHERE role = 'super_admin' AND is_active AND deleted_at IS NULL) THEN
        RAISE EXCEPTION 'the last active super_admin stays'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'users', COLUMN = 'role',
                  CONSTRAINT = 'ck_users_last_super_admin';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.keep_last_super_admin IS
    'Refuses what would leave the shop without an active super_admin, also when two go at once.';
CREATE TRIGGER tr_users_last AFTER DELETE ON users
    FOR EACH ROW WHEN (OLD.role = 'super_admin' AND OLD.is_active AND OLD.deleted_at IS NULL)
    EXECUTE FUNCTION keep_last_super_admin();
CREATE TRIGGER tr_users_last_update AFTER UPDATE OF role, is_active, deleted_at ON users
    FOR EACH ROW WHEN (
        OLD.role = 'super_admin' AND OLD.is_active AND OLD.deleted_at IS NULL
        AND NOT (NEW.role = 'super_admin' AND NEW.is_active AND NEW.deleted_at IS NULL)
    ) EXECUTE FUNCTION keep_last_super_admin();
"""

# A key acts as its person: whoever could make one for somebody above would act as them. What it may do, and until when,
# is settled when it is made; and revoked it stays.
KEYS = """
CREATE FUNCTION public.guard_api_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine integer;
BEGIN
    IF public.works_as(VARIADIC '{lex_owner}'::name[]) THEN
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND (
            (OLD.id, OLD.user_id, OLD.kind, OLD.prefix, OLD.token_hash, OLD.scopes, OLD.expires_at) IS DISTINCT FROM
            (NEW.id, NEW.user_id, NEW.kind, NEW.prefix, NEW.token_hash, NEW.scopes, NEW.expires_at)
            OR OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN
        RAISE EXCEPTION 'a key stays what it was made to be, and its person''s: make a new one'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'api_keys', CONSTRAINT = 'ck_api_keys_frozen';
    ELSIF public.works_as(VARIADIC '{lex_staff}'::name[])
            AND NEW.user_id IS DISTINCT FROM nullif(current_setting('lex.user_id', true), '')::uuid THEN
        mine := public.acting_rank();
        IF mine < 3 AND mine <= (
                SELECT public.staff_rank(u.role::text) FROM public.users u WHERE u.id = NEW.user_id) THEN
            RAISE EXCEPTION 'whoever acts does not stand above the person of this key'
                USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'api_keys', CONSTRAINT = 'ck_api_keys_standing';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_api_key IS
    'Keeps a key its person''s and what it was made to be, and staff from keys of those above them.';
CREATE TRIGGER tr_api_keys_guard BEFORE INSERT OR UPDATE OF
        id, user_id, kind, prefix, token_hash, scopes, expires_at, revoked_at ON api_keys
    FOR EACH ROW EXECUTE FUNCTION guard_api_key();
"""

REVIEWS = """
CREATE FUNCTION public.verify_review() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.is_verified_purchase := EXISTS (
        SELECT FROM public.order_items i JOIN public.orders o ON o.id = i.order_id AND o.user_id = i.user_id
        WHERE i.user_id = NEW.user_id AND o.payment_status IN ('paid', 'partially_refunded') AND o.status <> 'canceled'
          AND (i.service_id = NEW.service_id OR i.product_id IN (
              SELECT p.id FROM public.products p WHERE NEW.product_id IN (p.id, p.variant_of)
              UNION ALL SELECT p.variant_of FROM public.products p WHERE p.id = NEW.product_id))
    );
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.verify_review IS
    'Says whether the reviewer has a paid order of it, whatever the statement says; variants count for their family.';

CREATE FUNCTION public.guard_review() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('lex.user_id', true), '')::uuid;
    is_staff boolean := public.works_as(VARIADIC '{lex_staff}'::name[])
        AND NOT public.works_as(VARIADIC '{lex_owner}'::name[]);
    is_written boolean := (NEW.id, NEW.rating, NEW.title, NEW.body, NEW.product_id, NEW.service_id, NEW.order_item_id)
        IS DISTINCT FROM (OLD.id, OLD.rating, OLD.title, OLD.body, OLD.product_id, OLD.service_id, OLD.order_item_id);
BEGIN
    IF is_staff AND (is_written AND NEW.user_id IS DISTINCT FROM me
            OR TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id) THEN
        RAISE EXCEPTION 'the words of a review are its author''s'
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'reviews', CONSTRAINT = 'ck_reviews_words';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE EXCEPTION 'a review starts pending, not %', NEW.status
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'reviews', COLUMN = 'status',
                      CONSTRAINT = 'ck_reviews_pending';
        END IF;
    ELSIF is_written AND NEW.status = OLD.status THEN
        NEW.status := 'pending';
        NEW.moderated_by := NULL;
        NEW.moderated_at := NULL;
    ELSIF NEW.status <> 'pending' AND (NEW.status, NEW.moderated_by, NEW.moderated_at) IS DISTINCT FROM
            (OLD.status, OLD.moderated_by, OLD.moderated_at) THEN
        IF is_written OR NOT is_staff THEN
            RAISE EXCEPTION 'a review becomes % by staff only', NEW.status
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'reviews', COLUMN = 'status',
                      CONSTRAINT = 'ck_reviews_moderation';
        ELSIF NEW.moderated_by IS DISTINCT FROM me OR public.acting_rank() = 0 THEN
            RAISE EXCEPTION 'whoever decides about a review is its moderator, and one of the staff'
                USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'reviews', COLUMN = 'moderated_by',
                      CONSTRAINT = 'ck_reviews_moderator';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_review IS
    'Reviews start pending, their authors write them and only staff, in their own name, decide; one that is rewritten'
    ' waits again.';
CREATE TRIGGER tr_reviews_guard BEFORE INSERT OR UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION guard_review();
CREATE TRIGGER tr_reviews_verify BEFORE INSERT OR UPDATE OF user_id, rating, product_id, service_id, order_item_id,
        is_verified_purchase ON reviews
    FOR EACH ROW EXECUTE FUNCTION verify_review();
"""

TRIGGERS = (
    *("users tr_users_role", "users tr_users_role_update", "users tr_users_standing", "users tr_users_last"),
    *("users tr_users_last_update", "api_keys tr_api_keys_guard", "reviews tr_reviews_guard"),
    "reviews tr_reviews_verify",
)

DROP = """
DROP FUNCTION guard_review(), verify_review(), guard_api_key(), keep_last_super_admin(),
    guard_standing(), acting_rank(), staff_rank(text);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, RANKS, STANDING, LAST, KEYS, REVIEWS)
    for line in TRIGGERS:
        run("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}".format(*line.split()))


def downgrade() -> None:
    run(TIMEOUTS, *("DROP TRIGGER {1} ON {0}".format(*line.split()) for line in reversed(TRIGGERS)), DROP)
