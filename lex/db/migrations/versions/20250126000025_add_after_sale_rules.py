"""What comes after a sale is what the sale tells: parcels, files, refunds, invoices and stars.

Revision ID: 20250126000025
Revises: 20250126000024
"""

from alembic import op

revision = "20250126000025"
down_revision = "20250126000024"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"
#: Holds for Lex's own logins; the owner writes history that happened elsewhere.
BY_LEX = "current_user = ANY ('{lex_app,lex_staff,lex_worker}'::text[])"

# The units handed over of a line are those of its parcels; CHECK keeps them below what was sold. Whether an order is
# handed over is looked at when all of it is written; on the way it only goes forward, and only while the order is
# under way.
PARCELS = f"""
CREATE FUNCTION public.count_handed_over() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.demand_read_committed('fulfilments');
    PERFORM FROM public.orders o JOIN public.fulfilments f ON f.order_id = o.id AND f.user_id = o.user_id
    WHERE f.id = NEW.fulfilment_id AND f.user_id = NEW.user_id FOR NO KEY UPDATE OF o;
    UPDATE public.order_items i SET fulfilled_quantity = i.fulfilled_quantity + NEW.quantity
    FROM public.fulfilments f JOIN public.orders o ON o.id = f.order_id AND o.user_id = f.user_id
    WHERE f.id = NEW.fulfilment_id AND f.user_id = NEW.user_id AND o.status IN ('confirmed', 'processing')
        AND o.payment_status IN ('paid', 'partially_refunded')
        AND i.id = NEW.order_item_id AND i.order_id = f.order_id AND i.user_id = f.user_id
        AND i.item_type <> 'shipping' AND i.requires_shipping;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'what is handed over is a line of the order, which is confirmed and waits for it'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'fulfilment_items',
                  CONSTRAINT = 'ck_fulfilment_items_order_item_id';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.count_handed_over IS 'Counts what a parcel holds on the lines of its order.';
CREATE TRIGGER tr_fulfilment_items_count AFTER INSERT ON fulfilment_items
    FOR EACH ROW WHEN ({BY_LEX}) EXECUTE FUNCTION count_handed_over();

CREATE FUNCTION public.check_handed_over() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told text;
    shown text;
BEGIN
    SELECT o.fulfilment_status, CASE
            WHEN pg_catalog.count(i.id) = 0 THEN 'not_needed'
            WHEN pg_catalog.sum(i.fulfilled_quantity) = 0 THEN 'unfulfilled'
            WHEN bool_and(i.fulfilled_quantity = i.quantity) THEN 'fulfilled'
            ELSE 'partially_fulfilled' END
    INTO shown, told
    FROM public.orders o LEFT JOIN public.order_items i ON i.order_id = o.id AND i.user_id = o.user_id
        AND i.item_type <> 'shipping' AND i.requires_shipping
    -- By name from JSON: a field that one of the two tables lacks is refused even where it is not read.
    WHERE o.id = CASE TG_ARGV[0] WHEN 'orders' THEN NEW.id ELSE (
        SELECT f.order_id FROM public.fulfilments f WHERE f.id = (to_jsonb(NEW) ->> 'fulfilment_id')::uuid) END
    GROUP BY o.fulfilment_status;
    IF shown IS DISTINCT FROM told THEN
        RAISE EXCEPTION 'the order is %, and its lines are %', shown, told
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'orders', COLUMN = 'fulfilment_status',
                  CONSTRAINT = 'ck_orders_handed_over';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_handed_over IS 'Lets an order say that it is handed over as far as its lines are.';
CREATE CONSTRAINT TRIGGER tr_fulfilment_items_told AFTER INSERT ON fulfilment_items DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({BY_LEX}) EXECUTE FUNCTION check_handed_over('fulfilment_items');
CREATE CONSTRAINT TRIGGER tr_orders_handed_over AFTER UPDATE OF fulfilment_status ON orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({BY_LEX} AND OLD.fulfilment_status <> NEW.fulfilment_status)
    EXECUTE FUNCTION check_handed_over('orders');
CREATE TRIGGER tr_orders_forward BEFORE UPDATE OF fulfilment_status ON orders
    FOR EACH ROW WHEN ({BY_LEX} AND OLD.fulfilment_status <> NEW.fulfilment_status AND NOT (
        OLD.status IN ('confirmed', 'processing') AND NEW.status IN ('confirmed', 'processing', 'completed')
        AND (OLD.fulfilment_status, NEW.fulfilment_status) IN (('unfulfilled', 'partially_fulfilled'),
            ('unfulfilled', 'fulfilled'), ('partially_fulfilled', 'fulfilled'))))
    EXECUTE FUNCTION forbid('orders', 'what was handed over stays so, of an order that is under way');
CREATE TRIGGER tr_fulfilments_keep BEFORE UPDATE OF id, order_id ON fulfilments
    FOR EACH ROW WHEN ((NEW.id, NEW.order_id) IS DISTINCT FROM (OLD.id, OLD.order_id))
    EXECUTE FUNCTION forbid('fulfilments', 'a parcel stays with its order');
"""

FILES = f"""
CREATE FUNCTION public.check_download() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.order_items i
    JOIN public.orders o ON o.id = i.order_id AND o.user_id = i.user_id
    JOIN public.digital_files f ON f.product_id = i.product_id
    WHERE i.id = NEW.order_item_id AND i.user_id = NEW.user_id AND i.order_id = NEW.order_id AND i.is_digital
        AND f.id = NEW.digital_file_id AND o.payment_status IN ('paid', 'partially_refunded');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a link opens a file of a line of its order, which is paid'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'downloads',
                  CONSTRAINT = 'ck_downloads_order_item_id';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_download IS 'Lets a link lead to the files of what was bought and paid.';
CREATE TRIGGER tr_downloads_bought AFTER INSERT ON downloads
    FOR EACH ROW WHEN ({BY_LEX}) EXECUTE FUNCTION check_download();
CREATE TRIGGER tr_downloads_keep BEFORE UPDATE OF id, order_id, order_item_id, digital_file_id ON downloads
    FOR EACH ROW WHEN ((NEW.id, NEW.order_id, NEW.order_item_id, NEW.digital_file_id) IS DISTINCT FROM
        (OLD.id, OLD.order_id, OLD.order_item_id, OLD.digital_file_id))
    EXECUTE FUNCTION forbid('downloads', 'a link stays one to what was bought');
"""

# An order that was paid says so until money goes back; then it says that, at the latest when all of it is written.
REFUNDS = f"""
CREATE FUNCTION public.check_refund_told() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shown text;
    total numeric;
    captured numeric;
    refunded numeric;
    told boolean;
BEGIN
    SELECT o.payment_status, o.total_amount, p.captured, p.refunded INTO shown, total, captured, refunded
    FROM public.orders o, LATERAL (
        SELECT pg_catalog.sum(p.captured_amount::numeric) AS captured,
               pg_catalog.sum(p.refunded_amount::numeric) AS refunded
        FROM public.payments p WHERE p.order_id = o.id AND p.user_id = o.user_id) p
    WHERE o.id = NEW.order_id;
    told := CASE shown
        WHEN 'paid' THEN captured - refunded >= total
        WHEN 'partially_refunded' THEN refunded > 0 AND refunded < captured
        WHEN 'refunded' THEN refunded >= captured
        ELSE true
    END;
    IF NOT told THEN
        RAISE EXCEPTION 'an order of % is not % when % of % went back', total, shown, refunded, captured
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'orders', COLUMN = 'payment_status',
                  CONSTRAINT = 'ck_orders_refunded';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_refund_told IS 'Has an order say what went back of its payments.';
CREATE CONSTRAINT TRIGGER tr_payments_refund_told AFTER UPDATE OF refunded_amount ON payments
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({BY_LEX} AND OLD.refunded_amount <> NEW.refunded_amount) EXECUTE FUNCTION check_refund_told();
"""

# The number is the next of its series, whatever was asked for: one that is rolled back, or not added for a conflict,
# leaves no gap. The owner's own numbers stay, and the series goes on after them. An order is billed once; a credit note
# takes back of what stands billed, and what was taken back whole may be billed anew.
INVOICES = f"""
CREATE FUNCTION public.number_invoice() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    due record;
    billed record;
    wrong text;
BEGIN
    PERFORM public.demand_read_committed('invoices');
    SELECT o.total_amount, o.tax_amount, o.status INTO due FROM public.orders o
    WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id FOR NO KEY UPDATE;
    INSERT INTO public.invoice_counters (series) VALUES (NEW.series) ON CONFLICT DO NOTHING;
    PERFORM FROM public.invoice_counters c WHERE c.series = NEW.series FOR NO KEY UPDATE;
    SELECT 1 + coalesce(pg_catalog.max(i.number), 0) INTO NEW.number FROM public.invoices i WHERE i.series = NEW.series;
    SELECT pg_catalog.count(*) AS number, coalesce(pg_catalog.sum(i.sign * i.total_amount), 0) AS total,
           coalesce(pg_catalog.sum(i.sign * i.net_amount), 0) AS net,
           coalesce(pg_catalog.sum(i.sign * i.tax_amount), 0) AS tax
    INTO billed FROM (
        SELECT i.total_amount::numeric, i.net_amount::numeric, i.tax_amount::numeric,
            CASE i.kind WHEN 'invoice' THEN 1 ELSE -1 END AS sign
        FROM public.invoices i WHERE i.order_id = NEW.order_id AND i.user_id = NEW.user_id) i;
    wrong := CASE
        WHEN NEW.issued_on NOT BETWEEN current_date - 1 AND current_date + 1 THEN 'it is of today'
        WHEN NEW.kind = 'credit_note' THEN
            CASE WHEN NEW.net_amount > billed.net OR NEW.tax_amount > billed.tax OR NEW.total_amount = 0
                THEN format('a credit note takes back of %s with %s of tax that are billed', billed.total, billed.tax)
            END
        WHEN (NEW.total_amount, NEW.tax_amount) IS DISTINCT FROM (due.total_amount, due.tax_amount)
            THEN format('it bills %s with %s of tax', due.total_amount, due.tax_amount)
        WHEN billed.total > 0 OR billed.number > 0 AND due.total_amount = 0 THEN 'it was billed'
        WHEN due.status = 'canceled' THEN 'it was canceled'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'invoice of order %: %', NEW.order_id, wrong
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'invoices', CONSTRAINT = 'ck_invoices_order';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.number_invoice IS
    'Gives an invoice the next number of its series; it bills what its order comes to, once.';
CREATE TRIGGER tr_invoices_number BEFORE INSERT ON invoices
    FOR EACH ROW WHEN ({BY_LEX}) EXECUTE FUNCTION number_invoice();
"""

# Counted anew under the lock of what is rated: whoever waited for it sees the review that was counted before.
STARS = """
CREATE FUNCTION public.count_stars() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rated record;
    stars record;
BEGIN
    FOR rated IN
        SELECT t.product_id, t.service_id FROM (VALUES (OLD.product_id, OLD.service_id, OLD.status),
            (NEW.product_id, NEW.service_id, NEW.status)) AS t (product_id, service_id, status)
        WHERE t.status = 'approved' GROUP BY t.product_id, t.service_id ORDER BY t.product_id, t.service_id
    LOOP
        PERFORM public.demand_read_committed('reviews');
        PERFORM FROM public.products p WHERE p.id = rated.product_id FOR NO KEY UPDATE;
        PERFORM FROM public.services s WHERE s.id = rated.service_id FOR NO KEY UPDATE;
        SELECT pg_catalog.count(*) AS number, round(pg_catalog.avg(r.rating), 2) AS mean INTO stars
        FROM public.reviews r WHERE r.status = 'approved' AND r.deleted_at IS NULL
            AND (r.product_id = rated.product_id OR r.service_id = rated.service_id);
        UPDATE public.products SET rating_average = stars.mean, rating_count = stars.number WHERE id = rated.product_id;
        UPDATE public.services SET rating_average = stars.mean, rating_count = stars.number WHERE id = rated.service_id;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.count_stars IS 'Keeps the mean and the number of the approved reviews with what they rate.';
CREATE TRIGGER tr_reviews_stars AFTER INSERT OR DELETE ON reviews FOR EACH ROW EXECUTE FUNCTION count_stars();
-- Not OF columns: a review that is rewritten waits again, by a trigger's word and no statement's.
CREATE TRIGGER tr_reviews_stars_update AFTER UPDATE ON reviews
    FOR EACH ROW WHEN ((OLD.status, OLD.rating, OLD.product_id, OLD.service_id, OLD.deleted_at) IS DISTINCT FROM
        (NEW.status, NEW.rating, NEW.product_id, NEW.service_id, NEW.deleted_at)) EXECUTE FUNCTION count_stars();
"""
RATED = """
CREATE TRIGGER tr_{0}_rated_new BEFORE INSERT ON {0}
    FOR EACH ROW WHEN ({1} AND (NEW.rating_count > 0 OR NEW.rating_average IS NOT NULL))
    EXECUTE FUNCTION forbid('{0}', 'stars are counted from reviews');
CREATE TRIGGER tr_{0}_rated BEFORE UPDATE OF rating_average, rating_count ON {0}
    FOR EACH ROW WHEN ({1} AND (OLD.rating_average, OLD.rating_count) IS DISTINCT FROM
        (NEW.rating_average, NEW.rating_count))
    EXECUTE FUNCTION forbid('{0}', 'stars are counted from reviews');
"""

TRIGGERS = {
    "fulfilment_items": "count told",
    "fulfilments": "keep",
    "orders": "handed_over forward",
    "downloads": "bought keep",
    "payments": "refund_told",
    "invoices": "number",
    "reviews": "stars stars_update",
    "products": "rated_new rated",
    "services": "rated_new rated",
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
    rated = (RATED.format(table, BY_LEX) for table in ("products", "services"))
    run(TIMEOUTS, PARCELS, FILES, REFUNDS, INVOICES, STARS, *rated)
    run(*_all("ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_{1}"))


def downgrade() -> None:
    run(TIMEOUTS, *_all("DROP TRIGGER tr_{0}_{1} ON {0}"))
    run(
        "DROP FUNCTION count_stars, number_invoice, check_refund_told, check_download,"
        " check_handed_over, count_handed_over"
    )
