"""Stock moves with its holds and movements alone, and customers move their own.

Revision ID: 20250126000014
Revises: 20250126000013
"""

from alembic import op

revision = "20250126000014"
down_revision = "20250126000013"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# Whose an order is, as the policies say it, for functions that see every order. Nobody asks the back office and Lex.
MINE = """(
            session_user <> 'lex_app' OR o.user_id = nullif(current_setting('lex.user_id', true), '')::uuid
            OR o.id = ANY (coalesce(nullif(current_setting('lex.orders', true), ''), '{}')::uuid[]))"""

# A payment under way keeps its units for thirty days; the job that asks the provider ends it long before.
LONGEST = "interval '31 days'"

# Holds carry the stock: one that comes or goes moves the counters and writes the movement, and what it was follows from
# its order, which is locked while units are taken for it: nobody pays or cancels it at that moment. These fire once the
# statement is done, which may write order and lines too. An order is found by its id and its lines by the order, in
# words that allow no other index: while few orders are pending, or few lines are of a product, that of the pending or
# of the product looks as good, and the plan stays when they have become many.
HOLDS = f"""
CREATE TRIGGER tr_products_tracked BEFORE UPDATE OF reserved_quantity ON products
    FOR EACH ROW WHEN (NEW.reserved_quantity > OLD.reserved_quantity AND NOT NEW.track_inventory)
    EXECUTE FUNCTION forbid('products', 'of a product whose stock is not tracked nothing is held');

CREATE FUNCTION public.move_held_stock() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held public.stock_holds := coalesce(NEW, OLD);
    reserved integer := CASE TG_OP WHEN 'INSERT' THEN held.quantity ELSE -held.quantity END;
    sold integer := 0;
    told text;
    why text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT CASE
            WHEN o.status = 'pending' AND o.payment_status <> 'paid' AND {MINE} AND held.quantity = (
                SELECT sum(i.quantity) FROM public.order_items i WHERE i.order_id = o.id AND i.user_id = o.user_id
                    AND i.product_id IS NOT DISTINCT FROM held.product_id AND i.is_stock_tracked)
                AND held.expires_at < now() + {LONGEST} THEN 'hold'
        END INTO told FROM public.orders o WHERE o.id = held.order_id FOR NO KEY UPDATE;
    ELSE
        SELECT CASE
            WHEN {MINE} AND o.payment_status = 'paid' THEN 'sale'
            WHEN {MINE} AND o.status = 'canceled' OR session_user <> 'lex_app' OR held.expires_at < now() THEN 'release'
        END, CASE o.status WHEN 'canceled' THEN o.cancel_reason ELSE 'expired' END
        INTO told, why FROM (SELECT) one LEFT JOIN public.orders o ON o.id = held.order_id;
    END IF;
    IF told IS NULL THEN
        RAISE EXCEPTION 'units are held for the lines of an own pending order until it is paid, canceled or expired'
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'stock_holds', CONSTRAINT = 'ck_stock_holds_order';
    ELSIF told = 'sale' THEN
        sold := held.quantity;
    END IF;
    UPDATE public.products
    SET reserved_quantity = reserved_quantity + reserved, stock_quantity = stock_quantity - sold
    WHERE id = held.product_id;
    INSERT INTO public.stock_movements
        (id, product_id, order_id, kind, on_hand_change, reserved_change, reason, actor_id)
    VALUES (public.uuid_v7(), held.product_id, held.order_id, told, -sold, reserved,
        CASE told WHEN 'release' THEN why END, nullif(current_setting('lex.user_id', true), '')::uuid);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.move_held_stock IS
    'Moves the counters with the holds and writes it down; a hold goes as its order is paid, canceled or expired.';
CREATE TRIGGER tr_stock_holds_insert AFTER INSERT ON stock_holds
    FOR EACH ROW WHEN (current_user = ANY ('{{lex_app,lex_staff,lex_worker}}'::text[]))
    EXECUTE FUNCTION move_held_stock();
CREATE TRIGGER tr_stock_holds_delete AFTER DELETE ON stock_holds
    FOR EACH ROW WHEN (current_user = ANY ('{{lex_app,lex_staff,lex_worker}}'::text[]))
    EXECUTE FUNCTION move_held_stock();

CREATE FUNCTION public.guard_hold() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.orders o WHERE o.id = OLD.order_id) THEN
        RAISE EXCEPTION 'how long an order of somebody else holds its units is not yours to say'
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'stock_holds', CONSTRAINT = 'ck_stock_holds_order';
    ELSIF NEW.expires_at >= now() + {LONGEST} THEN
        RAISE EXCEPTION 'an order holds its units while it is being paid, not for ever'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'stock_holds', COLUMN = 'expires_at',
                  CONSTRAINT = 'ck_stock_holds_expires_at';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.guard_hold IS
    'Lets customers move the time of their own holds alone (the policies say whose), and as far as a payment takes.';
CREATE TRIGGER tr_stock_holds_guard BEFORE UPDATE ON stock_holds
    FOR EACH ROW WHEN (current_user = 'lex_app' AND ((
        OLD.order_id = ANY (nullif(current_setting('lex.orders', true), '')::uuid[])) IS NOT TRUE
        OR NEW.expires_at >= now() + {LONGEST}))
    EXECUTE FUNCTION guard_hold();
"""

# Who locks a row of a product or a coupon needs the right to change some column of it, and changes none.
LOCKED = ("products", "coupons")
LOCK = """
CREATE TRIGGER tr_{0}_locked BEFORE UPDATE ON {0}
    FOR EACH ROW WHEN (current_user = 'lex_app') EXECUTE FUNCTION forbid('{0}', 'customers lock this row, no more');
"""

# What no hold tells: late money finds its units given away, and a canceled order gives back what did not leave yet.
# Both lock the order and then look at what moved for it: of two at once the second sees what the first did. What is
# held is sold by its hold.
SALES = f"""
CREATE FUNCTION public.sell_unheld_stock(placed uuid) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    short integer;
BEGIN
    PERFORM public.demand_read_committed('products');
    PERFORM FROM public.orders o WHERE o.id = placed AND o.payment_status = 'paid' AND {MINE} FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only a paid order of one''s own takes stock'
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'products', CONSTRAINT = 'ck_products_sale';
    END IF;
    WITH wanted AS (
        SELECT i.product_id, sum(i.quantity)::int AS quantity FROM public.order_items i
        WHERE i.order_id = placed AND i.is_stock_tracked AND NOT EXISTS (
            SELECT FROM public.stock_movements m
            WHERE m.order_id = placed AND m.product_id = i.product_id AND m.kind = 'sale')
            AND NOT EXISTS (SELECT FROM public.stock_holds h WHERE h.order_id = placed AND h.product_id = i.product_id)
        GROUP BY i.product_id
    ), sold AS (
        UPDATE public.products p SET stock_quantity = p.stock_quantity - w.quantity FROM wanted w
        WHERE p.id = w.product_id AND p.stock_quantity - p.reserved_quantity >= w.quantity
        RETURNING p.id AS product_id, w.quantity
    ), moved AS (
        INSERT INTO public.stock_movements (id, product_id, order_id, kind, on_hand_change, actor_id)
        SELECT public.uuid_v7(), product_id, placed, 'sale', -quantity,
            nullif(current_setting('lex.user_id', true), '')::uuid FROM sold
    )
    SELECT (SELECT count(*) FROM wanted) - (SELECT count(*) FROM sold) INTO short;
    RETURN short;
END
$$;
COMMENT ON FUNCTION public.sell_unheld_stock IS
    'Sells what a paid order no longer holds, from what is free; returns how many products are short.';

CREATE FUNCTION public.take_back_stock(placed uuid) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told text;
    products integer;
BEGIN
    PERFORM public.demand_read_committed('products');
    SELECT o.cancel_reason INTO told FROM public.orders o WHERE o.id = placed AND o.status = 'canceled' AND {MINE}
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only a canceled order of one''s own gives stock back'
            USING ERRCODE = '42501', SCHEMA = 'public', TABLE = 'products', CONSTRAINT = 'ck_products_return';
    END IF;
    WITH back AS (
        SELECT i.product_id, sum(i.quantity - i.fulfilled_quantity)::int AS quantity FROM public.order_items i
        WHERE i.order_id = placed AND i.is_stock_tracked AND i.quantity > i.fulfilled_quantity AND EXISTS (
            SELECT FROM public.stock_movements m
            WHERE m.order_id = placed AND m.product_id = i.product_id
            HAVING bool_or(m.kind = 'sale') AND NOT bool_or(m.kind = 'return'))
        GROUP BY i.product_id
    ), restocked AS (
        UPDATE public.products p SET stock_quantity = p.stock_quantity + b.quantity FROM back b
        WHERE p.id = b.product_id
    ), moved AS (
        INSERT INTO public.stock_movements (id, product_id, order_id, kind, on_hand_change, reason, actor_id)
        SELECT public.uuid_v7(), product_id, placed, 'return', quantity, told,
            nullif(current_setting('lex.user_id', true), '')::uuid FROM back
    )
    SELECT count(*) INTO products FROM back;
    RETURN products;
END
$$;
COMMENT ON FUNCTION public.take_back_stock IS
    'Puts what a canceled order sold and never handed over back on the shelf, once; returns how many products.';
REVOKE EXECUTE ON FUNCTION public.sell_unheld_stock, public.take_back_stock FROM PUBLIC;
"""

# What the shop receives and counts it writes itself: counters and movements in one statement, after which they agree.
STOCK = """
CREATE FUNCTION public.check_stock_told() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    product uuid := (coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> TG_ARGV[0])::uuid;
    wrong record;
BEGIN
    SELECT p.sku, p.stock_quantity, p.reserved_quantity, m.on_hand, m.reserved INTO wrong
    FROM public.products p, (
        SELECT coalesce(sum(on_hand_change), 0) AS on_hand, coalesce(sum(reserved_change), 0) AS reserved
        FROM public.stock_movements WHERE product_id = product) m
    WHERE p.id = product AND (p.stock_quantity, p.reserved_quantity) <> (m.on_hand, m.reserved);
    IF FOUND THEN
        RAISE EXCEPTION 'product %: % on hand and % reserved, but its movements tell % and %', wrong.sku,
            wrong.stock_quantity, wrong.reserved_quantity, wrong.on_hand, wrong.reserved
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'products', CONSTRAINT = 'ck_products_movements';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_stock_told IS
    'Refuses counters without their movements, and movements without theirs.';
CREATE TRIGGER tr_products_told_insert AFTER INSERT ON products FOR EACH ROW
    WHEN (current_user = ANY ('{lex_staff,lex_worker}'::text[]) AND NEW.stock_quantity <> 0)
    EXECUTE FUNCTION check_stock_told('id');
CREATE TRIGGER tr_products_told AFTER UPDATE OF stock_quantity, reserved_quantity ON products FOR EACH ROW
    WHEN (current_user = ANY ('{lex_staff,lex_worker}'::text[])) EXECUTE FUNCTION check_stock_told('id');
CREATE TRIGGER tr_stock_movements_told AFTER INSERT OR DELETE ON stock_movements FOR EACH ROW
    WHEN (current_user = ANY ('{lex_staff,lex_worker}'::text[])) EXECUTE FUNCTION check_stock_told('product_id');
"""

DROP = """
DROP TRIGGER tr_stock_movements_told ON stock_movements;
DROP TRIGGER tr_products_told ON products;
DROP TRIGGER tr_products_told_insert ON products;
DROP TRIGGER tr_stock_holds_guard ON stock_holds;
DROP TRIGGER tr_stock_holds_delete ON stock_holds;
DROP TRIGGER tr_stock_holds_insert ON stock_holds;
DROP TRIGGER tr_products_tracked ON products;
DROP FUNCTION check_stock_told(), take_back_stock(uuid), sell_unheld_stock(uuid), guard_hold(), move_held_stock();
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    locked = (LOCK.format(table) for table in LOCKED)
    run(TIMEOUTS, HOLDS, *locked, SALES, STOCK)


def downgrade() -> None:
    unlock = (f"DROP TRIGGER tr_{table}_locked ON {table}" for table in LOCKED)
    run(TIMEOUTS, *unlock, DROP)
