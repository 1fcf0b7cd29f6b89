"""Owner and currency go down an order; what was sold, moved and said stays.

Revision ID: 20250126000015
Revises: 20250126000014
"""

from alembic import op

revision = "20250126000015"
down_revision = "20250126000014"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# What hangs on a row of a person follows its owner (adopt_guest_orders moves orders). A line of two parents follows one
# after the other, so the looking may be put off.
FOLLOW = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT o.conname, o.conrelid::regclass AS tablename, pg_get_constraintdef(o.oid) AS definition
        FROM pg_constraint o JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attname = 'user_id'
        WHERE o.contype = 'f' AND o.conparentid = 0 AND a.attnum = ANY (o.conkey) AND cardinality(o.conkey) > 1
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.tablename, found.conname);
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I %s', found.tablename, found.conname,
            replace(found.definition, ' ON UPDATE CASCADE', '') || ' ON UPDATE CASCADE DEFERRABLE'
        );
    END LOOP;
END
$$;
"""
UNFOLLOW = FOLLOW.replace(
    "replace(found.definition, ' ON UPDATE CASCADE', '') || ' ON UPDATE CASCADE DEFERRABLE'",
    """replace(found.definition, ' ON UPDATE CASCADE DEFERRABLE', '')
                || CASE found.conname WHEN 'fk_cart_items_carts_user' THEN ' ON UPDATE CASCADE' ELSE '' END""",
)

UNIQUE = """
ALTER TABLE orders ADD CONSTRAINT uq_orders_id_user_id_currency UNIQUE (id, user_id, currency);
ALTER TABLE payments ADD CONSTRAINT uq_payments_id_user_id_order_id_currency UNIQUE (id, user_id, order_id, currency),
    ADD CONSTRAINT uq_payments_id_user_id_order_id UNIQUE (id, user_id, order_id);
"""
UNUNIQUE = """
ALTER TABLE payments DROP CONSTRAINT uq_payments_id_user_id_order_id_currency,
    DROP CONSTRAINT uq_payments_id_user_id_order_id;
ALTER TABLE orders DROP CONSTRAINT uq_orders_id_user_id_currency;
"""
# The currency of an order is that of its lines, payments and invoices; that of a payment is its events' and refunds'.
#: child, parent, the child's columns and the parent's, and how many of them the key had before
KEYS = (
    ("order_items", "orders", "order_id, user_id, currency", "id, user_id, currency", 2),
    ("payments", "orders", "order_id, user_id, currency", "id, user_id, currency", 2),
    ("invoices", "orders", "order_id, user_id, currency", "id, user_id, currency", 2),
    ("payment_events", "payments", "payment_id, user_id, order_id, currency", "id, user_id, order_id, currency", 2),
    ("refunds", "payments", "payment_id, user_id, order_id, currency", "id, user_id, order_id, currency", 2),
    ("payment_attempts", "payments", "payment_id, user_id, order_id", "id, user_id, order_id", 2),
    ("payment_references", "payments", "payment_id, user_id, order_id", "id, user_id, order_id", 2),
    ("payments", "payment_methods", "payment_method_id, user_id", "id, user_id", 1),
)
#: Nothing refers to this key of payments any more.
UNUSED = "ALTER TABLE payments DROP CONSTRAINT uq_payments_id_user_id"
USED = "ALTER TABLE payments ADD CONSTRAINT uq_payments_id_user_id UNIQUE (id, user_id)"
KEY = """
ALTER TABLE {0} DROP CONSTRAINT fk_{0}_{1}, ADD CONSTRAINT fk_{0}_{1} FOREIGN KEY ({2}) REFERENCES {1} ({3})
"""

# Written by the orders alone, once for each: what a key of two columns would cost here buys nothing. It is there before
# the order, so that what is asked of the order's lines finds it (LINES).
NUMBERS = """
CREATE TABLE order_numbers (
    order_number text NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT pk_order_numbers PRIMARY KEY (order_number),
    CONSTRAINT ck_order_numbers_order_number CHECK (order_number ~ '^LEX-[0-9]{8}-[2-9A-HJKMNP-TV-Z]{8}$')
);
INSERT INTO order_numbers SELECT order_number, id, user_id FROM orders;

CREATE FUNCTION public.note_order_number() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.order_numbers VALUES (NEW.order_number, NEW.id, NEW.user_id);
    ELSE
        UPDATE public.order_numbers SET user_id = NEW.user_id WHERE order_number = NEW.order_number;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.note_order_number IS 'Writes down whose order a number is, for who knows the number alone.';
CREATE TRIGGER tr_orders_number BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note_order_number();
CREATE TRIGGER tr_orders_number_update AFTER UPDATE OF user_id ON orders
    FOR EACH ROW WHEN (OLD.user_id <> NEW.user_id) EXECUTE FUNCTION note_order_number();
"""

#: Limits of single values: name → table and condition
LIMITS = {
    "ck_person_keys_wrapped_key": ("person_keys", "octet_length(wrapped_key) = 60"),
    "ck_users_password": ("users", r"password ~ '^\$2[aby]\$\d\d\$.{53}$'"),
    "ck_invoices_total_amount": ("invoices", "net_amount + tax_amount = total_amount"),
    "ck_invoices_number": ("invoices", "number > 0"),
    "ck_reviews_moderated_by": ("reviews", "moderated_by <> user_id"),
}

#: table → what of a row never changes, and why. The owner follows the order's; all else moves freely.
LASTING = {
    "order_items": (
        """id, order_id, position, item_type, product_id, service_id, subscription_plan_id, name, sku, options,
        quantity, unit_price, discounted_unit_price, discount_amount, discounts, tax_class, tax_rate, net_amount,
        tax_amount, total_amount, currency, requires_shipping, is_digital, is_stock_tracked""",
        "a line stays as it was sold",
    ),
    "payment_events": (
        "id, payment_id, order_id, provider_reference, kind, amount, currency, occurred_at",
        "the ledger of a payment is only added to",
    ),
    "invoices": (
        "id, order_id, kind, series, number, issued_on, currency, net_amount, tax_amount, total_amount, lines",
        "an invoice is corrected by a credit note, never changed",
    ),
}
KEEP = """
CREATE TRIGGER tr_{0}_keep BEFORE UPDATE OF {1} ON {0}
    FOR EACH ROW WHEN (({2}) IS DISTINCT FROM ({3})) EXECUTE FUNCTION forbid('{0}', '{4}');
CREATE TRIGGER tr_{0}_delete BEFORE DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION forbid('{0}', '{4}');
CREATE TRIGGER tr_{0}_truncate BEFORE TRUNCATE ON {0} EXECUTE FUNCTION forbid('{0}', '{4}');
"""
UNKEEP = "DROP TRIGGER tr_{0}_truncate ON {0}; DROP TRIGGER tr_{0}_delete ON {0}; DROP TRIGGER tr_{0}_keep ON {0};"

# Everything begins at its beginning. Only the owner writes history: what is moved here from elsewhere, or seeded.
#: table → what no new row says, and why
BEGINNINGS = {
    "orders": (
        """NEW.status <> 'pending' OR NEW.payment_status <> 'unpaid'
        OR NEW.fulfilment_status NOT IN ('unfulfilled', 'not_needed')
        OR num_nonnulls(NEW.paid_at, NEW.completed_at, NEW.canceled_at) > 0
        OR NEW.created_at NOT BETWEEN now() - interval '10 minutes' AND now() + interval '10 minutes'""",
        "an order starts pending and unpaid, at the time of its id",
    ),
    "payments": (
        """NEW.status <> 'pending' OR NEW.authorized_amount <> 0 OR NEW.captured_amount <> 0
        OR num_nonnulls(NEW.provider_payment_id, NEW.processed_at) > 0""",
        "a payment starts before any money moved",
    ),
    "payment_attempts": (
        """NEW.status <> 'sending' OR NEW.captured_amount <> 0
        OR num_nonnulls(NEW.provider_payment_id, NEW.finished_at) > 0""",
        "an attempt starts before the provider was asked",
    ),
    "refunds": (
        "NEW.status <> 'pending' OR num_nonnulls(NEW.provider_refund_id, NEW.processed_at) > 0",
        "a refund starts before the provider was asked",
    ),
}
# Asked in a function, prepared once a transaction: the text of a long WHEN is read anew in every statement.
# The worker writes what became of a payment, so its own name is asked before its rights, which are looked up.
ONLY = """
CREATE FUNCTION public.check_{0}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({3}) AND NOT (current_user = ANY ('{{{5}}}') OR public.works_as(VARIADIC '{{{5}}}'::name[])) THEN
        RAISE EXCEPTION '% on {1} is forbidden: {4}', TG_OP
            USING ERRCODE = '23001', SCHEMA = 'public', TABLE = '{1}', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.check_{0} IS '{4}; only {5} may say otherwise.';
CREATE TRIGGER tr_{0} BEFORE {2} ON {1} FOR EACH ROW EXECUTE FUNCTION check_{0}();
"""

# What a customer's connection says of a payment is that another try begins, once the last has failed; what became of it
# Lex says, who asked the provider. A payment for less than is due would be captured in full and leave the order unpaid.
WORD = (
    """NEW.status <> 'pending' OR OLD.status NOT IN ('pending', 'failed')
        OR OLD.status <> 'failed' AND NEW.provider <> OLD.provider
        OR num_nonnulls(NEW.provider_payment_id, NEW.failure_code) > 0""",
    "what becomes of a payment is the word of its provider",
)

# Payments of an order are numbered without a gap, and a number is taken once. So of two that come at once and do not
# see each other one finds its number taken, or none before it: no lock is needed.
TENDER = """
CREATE FUNCTION public.check_tender() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    due numeric;
    next integer;
BEGIN
    SELECT o.total_amount - p.amount, p.number + 1 INTO due, next FROM public.orders o, LATERAL (
        SELECT coalesce(sum(p.amount), 0) AS amount, count(*)::int AS number FROM public.payments p
        WHERE p.order_id = o.id AND p.user_id = o.user_id AND p.id <> NEW.id
    ) p WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.status = 'pending';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a payment is for an order that is there and waits for it'
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'order_id',
                  CONSTRAINT = 'ck_payments_order';
    ELSIF NEW.amount <> due THEN
        RAISE EXCEPTION 'a payment of % is not the % that is due', NEW.amount, due
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'amount',
                  CONSTRAINT = 'ck_payments_due';
    ELSIF NEW.tender NOT BETWEEN 1 AND next THEN
        RAISE EXCEPTION 'tender % of an order comes after those before it', NEW.tender
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'payments', COLUMN = 'tender',
                  CONSTRAINT = 'ck_payments_tender';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_tender IS
    'Refuses a payment of another amount than the order still asks for, and one that skips a number.';
CREATE TRIGGER tr_payments_due AFTER INSERT OR UPDATE OF order_id, tender, amount ON payments
    FOR EACH ROW WHEN (NOT pg_has_role('lex_owner', 'USAGE')) EXECUTE FUNCTION check_tender();
"""

# Asked after the statement, which may write the payment and the order at once. An order of no lines is nothing to
# confirm, and what was given back a customer does not call paid again.
PAID = """
CREATE FUNCTION public.check_order_paid() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    captured numeric;
    refunded numeric;
    told boolean;
BEGIN
    IF (OLD.status, OLD.payment_status) IS NOT DISTINCT FROM (NEW.status, NEW.payment_status) THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(sum(p.captured_amount), 0), coalesce(sum(p.refunded_amount), 0) INTO captured, refunded
    FROM public.payments p WHERE p.order_id = NEW.id AND p.user_id = NEW.user_id;
    told := CASE NEW.payment_status
        WHEN 'paid' THEN captured - refunded >= NEW.total_amount AND (refunded = 0 OR current_user <> 'lex_app')
        WHEN 'partially_paid' THEN captured > 0 AND captured < NEW.total_amount
        WHEN 'partially_refunded' THEN refunded > 0 AND refunded < captured
        WHEN 'refunded' THEN captured > 0 AND refunded >= captured
        ELSE captured = 0
    END AND (NEW.status = OLD.status OR NEW.status NOT IN ('confirmed', 'processing', 'completed')
             OR NEW.payment_status IN ('paid', 'partially_refunded')
             AND (NEW.status <> 'completed' OR NEW.fulfilment_status IN ('fulfilled', 'not_needed'))
             AND EXISTS (SELECT FROM public.order_items i WHERE i.order_id = NEW.id AND i.user_id = NEW.user_id))
        AND (NEW.status = OLD.status OR NEW.status <> 'canceled'
             OR NEW.fulfilment_status NOT IN ('fulfilled', 'partially_fulfilled')
             AND (current_user <> 'lex_app' OR captured = 0));
    IF NOT told AND NOT public.works_as(VARIADIC '{lex_owner}'::name[]) THEN
        RAISE EXCEPTION 'order %: %, % and % is not what % captured and % refunded of % tell', NEW.order_number,
            NEW.status, NEW.fulfilment_status, NEW.payment_status, captured, refunded, NEW.total_amount
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'orders', COLUMN = 'payment_status',
                  CONSTRAINT = 'ck_orders_paid';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_order_paid IS
    'Lets an order say what its payments tell: it is confirmed once it is paid and has lines, completed once it is'
    ' handed over, canceled only before that, and by its buyer only while nothing is paid.';
CREATE TRIGGER tr_orders_paid AFTER UPDATE OF status, payment_status ON orders
    FOR EACH ROW EXECUTE FUNCTION check_order_paid();
"""

# The number of an order is written with it, never changed, and by nobody's statement: whose transaction wrote it is
# the one that places the order. Rules that only look run as the owner: policies would be read into each of them again.
# Whoever prices a cart has locked its products. Which tax is due the catalogue does not say.
# LIMIT makes a plan for any order look as cheap as one for this order alone: it is planned once, not at every order.
LINES = """
CREATE FUNCTION public.check_lines() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one uuid;
    found record;
    wrong text;
BEGIN
    FOREACH one IN ARRAY ARRAY(SELECT DISTINCT order_id FROM added) LOOP
        SELECT o.currency, o.total_amount, o.subtotal_amount, o.discount_amount,
               o.fulfilment_status = CASE WHEN i.ships THEN 'unfulfilled' ELSE 'not_needed' END AS is_waiting, i.*,
               (SELECT n.xmin = pg_current_xact_id()::xid FROM public.order_numbers n
                WHERE n.order_number = o.order_number) AS is_new,
               (SELECT f.value FROM public.shop_facts f WHERE f.name = 'currency') AS shop_currency
        INTO found FROM public.orders o, LATERAL (
            SELECT pg_catalog.sum(i.total_amount::numeric) AS lines,
                   pg_catalog.sum(i.discount_amount::numeric) AS given,
                   pg_catalog.sum(i.discount_amount::numeric) FILTER (WHERE i.item_type <> 'shipping') AS off_goods,
                   pg_catalog.sum(i.quantity * i.unit_price::numeric) FILTER (WHERE i.item_type <> 'shipping') AS goods,
                   bool_and(i.quantity * i.unit_price - i.discount_amount
                       = CASE WHEN o.prices_include_tax THEN i.total_amount ELSE i.net_amount END) AS adds_up,
                   bool_and(CASE i.item_type
                       WHEN 'product' THEN p.is_active AND p.deleted_at IS NULL AND p.variant_count = 0
                           AND p.price = i.unit_price AND p.track_inventory = i.is_stock_tracked
                           AND p.sku IS NOT DISTINCT FROM i.sku AND (p.name = i.name OR p.variant_of IS NOT NULL)
                           AND i.requires_shipping = (p.product_type = 'physical')
                           AND i.is_digital = (p.product_type = 'digital')
                       WHEN 'service' THEN NOT i.is_stock_tracked AND i.unit_price = (
                           SELECT s.price FROM public.services s
                           WHERE s.id = i.service_id AND s.is_active AND s.deleted_at IS NULL)
                       WHEN 'plan' THEN NOT i.is_stock_tracked AND i.unit_price = (
                           SELECT s.price FROM public.subscription_plans s
                           WHERE s.id = i.subscription_plan_id AND s.is_active AND s.is_current
                             AND s.deleted_at IS NULL)
                       ELSE NOT i.is_stock_tracked END IS TRUE) AS is_listed,
                   bool_and(i.item_type <> 'shipping' OR i.quantity = 1 AND EXISTS (
                       SELECT FROM public.shipping_methods m
                       WHERE m.code = o.shipping_method ->> 'code' AND m.is_active AND m.deleted_at IS NULL
                         AND (m.kind = 'pickup' OR m.countries = '{}' OR o.shipping_country = ANY (m.countries))
                         AND i.unit_price = CASE WHEN o.subtotal_amount >= m.free_from THEN 0 ELSE m.price END)
                   ) AS is_offered,
                   bool_or(i.item_type <> 'shipping' AND i.requires_shipping) AS ships,
                   bool_or(i.item_type = 'shipping') AS is_sent,
                   bool_and(i.fulfilled_quantity = 0 AND i.refunded_quantity = 0) AS is_new_sale
            FROM public.order_items i LEFT JOIN public.products p ON p.id = i.product_id
            WHERE i.order_id = o.id AND i.user_id = o.user_id
        ) i WHERE o.id = one LIMIT 1;
        wrong := CASE
            WHEN found.is_new IS NOT TRUE THEN 'lines come with the order, none later'
            WHEN found.lines <> found.total_amount THEN
                format('its lines come to %s, not %s', found.lines, found.total_amount)
            WHEN NOT found.adds_up THEN 'a line is its units at their price, less its discount'
            WHEN NOT found.is_listed THEN 'a line has the price, the stock and the name of what is on sale'
            WHEN NOT found.is_offered THEN 'it is sent by a way to ship that reaches it, at its price'
            WHEN found.ships AND NOT found.is_sent THEN 'what is shipped has a way to ship'
            WHEN NOT found.is_new_sale OR NOT found.is_waiting THEN
                'what is shipped waits for it, and nothing was handed over or given back yet'
            WHEN found.currency <> found.shop_currency THEN format('the shop sells in %s', found.shop_currency)
            WHEN (coalesce(found.goods, 0), coalesce(found.off_goods, 0))
                <> (found.subtotal_amount::numeric, found.discount_amount::numeric) THEN
                'subtotal and discount are those of its goods'
            WHEN found.given > 0 AND found.given <> (
                SELECT coalesce(pg_catalog.sum(u.amount::numeric), 0) FROM public.coupon_usages u
                WHERE u.order_id = one AND u.status = 'held') THEN 'what is taken off is what its coupons give'
        END;
        CONTINUE WHEN wrong IS NULL;
        RAISE EXCEPTION 'order %: %', one, wrong
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'order_items', CONSTRAINT = CASE
                WHEN found.is_listed AND found.is_offered THEN 'ck_order_items_placed' ELSE 'ck_order_items_listed' END;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.check_lines IS
    'Lets lines be written by the transaction that places their order only, at the prices of the catalogue, less what'
    ' coupons give, and asks that they make up its amounts.';
CREATE TRIGGER tr_order_items_placed AFTER INSERT ON order_items REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (NOT pg_has_role('lex_owner', 'USAGE')) EXECUTE FUNCTION check_lines();
"""

# USAGE: what a role may do at once. An administrator who could become staff is not staff until then. No setting counts:
# whoever sends SQL may set any.
ROLES = """
CREATE FUNCTION public.works_as(VARIADIC roles name[]) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pg_roles r WHERE r.rolname = ANY (roles) AND pg_has_role(current_user, r.oid, 'USAGE')
    )
$$;
COMMENT ON FUNCTION public.works_as IS 'Whether this connection has the rights of one of these roles.';
"""


# Whatever replication role a session takes on, its changes are guarded, counted and audited.
ALWAYS = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgname, t.tgrelid::regclass AS tablename FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'A'
          AND c.relnamespace = 'public'::regnamespace AND c.relname !~ '^procrastinate_'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', found.tablename, found.tgname);
    END LOOP;
END
$$;
"""

DROP = """
DROP TRIGGER tr_order_items_placed ON order_items;
DROP TRIGGER tr_orders_paid ON orders;
DROP TRIGGER tr_payments_due ON payments;
DROP TRIGGER tr_payments_word ON payments;
DROP FUNCTION check_payments_word();
DROP TRIGGER tr_orders_number_update ON orders;
DROP TRIGGER tr_orders_number ON orders;
DROP FUNCTION note_order_number();
DROP TABLE order_numbers;
DROP FUNCTION check_lines(), check_order_paid(), check_tender(),
    works_as(name[]);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def _keep(table: str, columns: str, reason: str) -> str:
    names = [name.strip() for name in columns.split(",")]
    old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("OLD", "NEW"))
    return KEEP.format(table, columns, old, new, reason)


def _only(name: str, table: str, what: str, wrong: str, reason: str, *roles: str) -> str:
    return ONLY.format(name, table, what, wrong, reason, ",".join(roles))


def _first(columns: str, number: int) -> str:
    return ", ".join(columns.split(", ")[:number])


def upgrade() -> None:
    keep = (_keep(table, columns, reason) for table, (columns, reason) in LASTING.items())
    limits = (f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({limit})" for name, (table, limit) in LIMITS.items())
    keys = (KEY.format(*key) for key in KEYS)
    begin = (_only(f"{table}_start", table, "INSERT", *rule, "lex_owner") for table, rule in BEGINNINGS.items())
    word = _only("payments_word", "payments", "UPDATE", *WORD, "lex_worker", "lex_owner")
    run(TIMEOUTS, UNIQUE, *keys, UNUSED, NUMBERS, FOLLOW, *limits, *keep, ROLES, *begin, word, TENDER, PAID, LINES)
    run(ALWAYS)


def downgrade() -> None:
    unkeep = (UNKEEP.format(table) for table in LASTING)
    unlimit = (f"ALTER TABLE {table} DROP CONSTRAINT {name}" for name, (table, _) in LIMITS.items())
    keys = (KEY.format(child, parent, _first(own, n), _first(its, n)) for child, parent, own, its, n in KEYS)
    unbegin = (f"DROP TRIGGER tr_{table}_start ON {table}; DROP FUNCTION check_{table}_start()" for table in BEGINNINGS)
    run(TIMEOUTS, *unbegin, DROP, *unkeep, *unlimit, UNFOLLOW, USED, *keys, UNUNIQUE)
