"""A coupon's uses are counted by the database, never pass its limits, and go one way.

Every use is a row of coupon_usages; `coupons.used_count` follows the rows and cannot be set. The row of the coupon is
locked by the counting, so limits hold however many place orders at once.

Revision ID: 20250126000009
Revises: 20250126000008
"""

from alembic import op

revision = "20250126000009"
down_revision = "20250126000008"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

USAGES = """
CREATE FUNCTION public.count_coupon_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    step integer := (TG_OP = 'INSERT' AND NEW.status <> 'released')::int
        - (TG_OP = 'UPDATE' AND OLD.status <> 'released' AND NEW.status = 'released')::int;
    most integer;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.coupon_id, NEW.order_id, NEW.amount) <>
                (OLD.id, OLD.coupon_id, OLD.order_id, OLD.amount)
            OR NEW.coupon_code_id IS DISTINCT FROM OLD.coupon_code_id
            OR NEW.email_blind_index IS DISTINCT FROM OLD.email_blind_index AND NOT (
                NEW.email_blind_index IS NULL AND EXISTS (  -- the person was erased
                    SELECT FROM public.person_keys k WHERE k.user_id = NEW.user_id AND k.wrapped_key IS NULL)
                OR (NEW.email_blind_index, OLD.email_blind_index) IS NOT NULL AND session_user = 'lex_worker')  -- anew
            OR NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN
                (('held', 'redeemed'), ('held', 'released'), ('redeemed', 'released')) THEN
            RAISE EXCEPTION 'a use of a coupon only goes from held to redeemed or released, from % to % it does not',
                OLD.status, NEW.status
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'coupon_usages',
                      CONSTRAINT = 'ck_coupon_usages_transition';
        END IF;
    END IF;
    IF step = 0 THEN
        RETURN NEW;
    END IF;
    UPDATE public.coupons SET used_count = used_count + step
    WHERE id = NEW.coupon_id AND (step < 0 OR usage_limit IS NULL OR used_count < usage_limit)
    RETURNING usage_limit_per_customer INTO most;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'coupon % is used up', NEW.coupon_id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'coupons', CONSTRAINT = 'ck_coupons_used_count';
    END IF;
    IF step > 0 AND most IS NOT NULL AND most <= (
        SELECT count(*) FROM public.coupon_usages u
        WHERE u.coupon_id = NEW.coupon_id AND u.status <> 'released'
          AND (u.user_id = NEW.user_id OR u.email_blind_index = NEW.email_blind_index)
    ) THEN
        RAISE EXCEPTION 'coupon % was used by this customer as often as allowed', NEW.coupon_id
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'coupon_usages',
                  CONSTRAINT = 'ck_coupon_usages_customer';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.count_coupon_usage IS 'Moves used_count with the rows of use and holds both limits.';

CREATE TRIGGER tr_coupon_usages_count BEFORE INSERT OR UPDATE ON coupon_usages
    FOR EACH ROW EXECUTE FUNCTION count_coupon_usage();
CREATE TRIGGER tr_coupon_usages_delete BEFORE DELETE ON coupon_usages
    FOR EACH ROW EXECUTE FUNCTION forbid('coupon_usages', 'a use is released, never deleted');
CREATE TRIGGER tr_coupon_usages_truncate BEFORE TRUNCATE ON coupon_usages
    EXECUTE FUNCTION forbid('coupon_usages', 'a use is released, never deleted');
ALTER TABLE coupon_usages
    ENABLE ALWAYS TRIGGER tr_coupon_usages_delete, ENABLE ALWAYS TRIGGER tr_coupon_usages_truncate;
"""

#: ISO 4217: currencies that have no smaller part.
WITHOUT_DECIMALS = "{BIF,CLP,DJF,GNF,ISK,JPY,KMF,KRW,PYG,RWF,UGX,UYI,VND,VUV,XAF,XOF,XPF}"

# A use moves with its order: asked once the statement is done, which may place the order or mark it paid. The order is
# locked: nobody cancels it at that moment. The coupon is locked by the counting: nobody changes it. Of what a coupon
# gives the most is asked, which is a comparison, and that all of them give what the lines are less; not, which goods it
# covers.
STANDING = """
CREATE FUNCTION public.check_coupon_usage() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    placed record;
    has_right boolean;
BEGIN
    SELECT o.status, o.payment_status, o.subtotal_amount, o.currency INTO placed FROM public.orders o
    WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id LIMIT 1 FOR NO KEY UPDATE;
    IF (CASE NEW.status WHEN 'held' THEN placed.status = 'pending' WHEN 'redeemed' THEN placed.payment_status = 'paid'
            ELSE placed.status = 'canceled' END) IS NOT TRUE THEN
        RAISE EXCEPTION 'the use of a coupon is not % while its order is % and %', NEW.status, placed.status,
            placed.payment_status
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'coupon_usages', COLUMN = 'status',
                  CONSTRAINT = 'ck_coupon_usages_order';
    ELSIF TG_OP = 'INSERT' THEN
        SELECT c.is_active AND c.deleted_at IS NULL AND c.is_bulk = (NEW.coupon_code_id IS NOT NULL)
               AND coalesce(c.starts_at <= now(), true) AND coalesce(c.ends_at > now(), true)
               AND coalesce(c.minimum_amount <= placed.subtotal_amount, true)
               AND NEW.amount > 0 AND NEW.amount <= CASE c.type WHEN 'fixed' THEN c.amount
                   WHEN 'percentage' THEN round(placed.subtotal_amount * c.percentage / 100,
                       CASE WHEN placed.currency = ANY ('{WITHOUT_DECIMALS}') THEN 0 ELSE 2 END)
                   WHEN 'free_shipping' THEN given.off_shipping
                   ELSE placed.subtotal_amount * c.get_quantity / (c.buy_quantity + c.get_quantity) END
               AND given.off = (SELECT pg_catalog.sum(u.amount::numeric) FROM public.coupon_usages u
                                WHERE u.order_id = NEW.order_id AND u.user_id = NEW.user_id AND u.status = 'held')
        INTO has_right FROM public.coupons c, LATERAL (
            SELECT pg_catalog.sum(i.discount_amount::numeric) AS off,
                   pg_catalog.sum(i.discount_amount::numeric) FILTER (WHERE i.item_type = 'shipping') AS off_shipping
            FROM public.order_items i WHERE i.order_id = NEW.order_id AND i.user_id = NEW.user_id
        ) given WHERE c.id = NEW.coupon_id;
        IF has_right IS NOT TRUE THEN
            RAISE EXCEPTION 'coupon % does not give % now', NEW.coupon_id, NEW.amount
                USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'coupon_usages', COLUMN = 'amount',
                      CONSTRAINT = 'ck_coupon_usages_given';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_coupon_usage IS
    'Holds a coupon that is valid for a pending order, redeems it for a paid one, releases it of a canceled one.';
CREATE TRIGGER tr_coupon_usages_order AFTER INSERT ON coupon_usages FOR EACH ROW
    WHEN (current_user IN ('lex_app', 'lex_staff', 'lex_worker')) EXECUTE FUNCTION check_coupon_usage();
CREATE TRIGGER tr_coupon_usages_order_update AFTER UPDATE OF status ON coupon_usages FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND current_user IN ('lex_app', 'lex_staff', 'lex_worker'))
    EXECUTE FUNCTION check_coupon_usage();
""".replace("{WITHOUT_DECIMALS}", WITHOUT_DECIMALS)

# Only the counting above, itself a trigger, moves the count.
COUNT = """
CREATE FUNCTION public.refuse_coupon_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 AND NEW.used_count <> (CASE TG_OP WHEN 'INSERT' THEN 0 ELSE OLD.used_count END) THEN
        RAISE EXCEPTION 'used_count of coupon % follows coupon_usages and cannot be set', NEW.code
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'coupons', COLUMN = 'used_count',
                  CONSTRAINT = 'ck_coupons_counted';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.refuse_coupon_count IS 'Refuses a used_count that the rows of use did not make.';

CREATE TRIGGER tr_coupons_count BEFORE INSERT OR UPDATE OF used_count ON coupons
    FOR EACH ROW EXECUTE FUNCTION refuse_coupon_count();
"""

DROP = """
DROP TRIGGER tr_coupons_count ON coupons;
DROP TRIGGER tr_coupon_usages_order_update ON coupon_usages;
DROP TRIGGER tr_coupon_usages_order ON coupon_usages;
DROP TRIGGER tr_coupon_usages_truncate ON coupon_usages;
DROP TRIGGER tr_coupon_usages_delete ON coupon_usages;
DROP TRIGGER tr_coupon_usages_count ON coupon_usages;
DROP FUNCTION refuse_coupon_count(), check_coupon_usage(), count_coupon_usage();
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, USAGES, STANDING, COUNT)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
