"""A batch of past orders as set statements: from what was drawn for it to every row such orders would have left.

Drawn is who bought what and when, in two temporary tables; prices, tax, sums and all rows that follow are PostgreSQL's.
"""

from typing import LiteralString

#: Ids of child rows carry the time of their order, then their place in it, then its random digits.
PREPARE: LiteralString = """
CREATE TEMP TABLE seed_goods (
    product_id uuid PRIMARY KEY, name text, sku text, price numeric, options jsonb, image text, tax_class text,
    rate numeric, ships boolean, is_tracked boolean
);
CREATE TEMP TABLE seed_orders (
    id uuid, user_id uuid, order_number text, outcome text, email bytea, shipping_address bytea, billing_address bytea,
    city text, postal_code text
);
CREATE TEMP TABLE seed_lines (order_id uuid, user_id uuid, position int, product_id uuid, quantity int);
CREATE TEMP TABLE seed_items (LIKE order_items);
CREATE TEMP TABLE seed_placed (LIKE orders INCLUDING DEFAULTS);
CREATE TEMP TABLE seed_paid (id uuid, user_id uuid, total_amount numeric, minor bigint, currency text,
    placed_at timestamptz, paid_at timestamptz, payment_id uuid, attempt_id uuid, provider_id text);
CREATE TEMP TABLE seed_stock (product_id uuid, sold int, held int) ON COMMIT DELETE ROWS;
CREATE FUNCTION pg_temp.child(parent uuid, place int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (left(parent::text, 15) || lpad(to_hex(place), 3, '0') || substr(parent::text, 19))::uuid
$$
"""

#: What is on sale, narrow and with its tax: read for every batch.
GOODS: LiteralString = """
INSERT INTO seed_goods
SELECT p.id, p.name, p.sku, p.price, CASE jsonb_typeof(p.options) WHEN 'object' THEN p.options ELSE '{}' END,
       p.images -> 0 ->> 'src', p.tax_class, coalesce(r.rate, 0), p.product_type = 'physical', p.track_inventory
FROM products p
LEFT JOIN tax_rates r ON r.country = %(country)s AND r.tax_class = p.tax_class AND r.deleted_at IS NULL
WHERE p.id = ANY(%(products)s)
"""

#: Emptied before each batch.
EMPTY: LiteralString = "TRUNCATE seed_orders, seed_lines, seed_items, seed_placed, seed_paid"

_PRICE: LiteralString = """
WITH bought AS (
    SELECT l.*, g.name, g.sku, g.price, g.options, g.image, g.tax_class, g.rate, g.ships, g.is_tracked
    FROM seed_lines l JOIN seed_goods g USING (product_id)
), all_lines AS (
    SELECT order_id, user_id, position, 'product' AS item_type, product_id, name, sku, image, quantity,
           options, price, tax_class, rate, ships, is_tracked
    FROM bought
    UNION ALL
    SELECT b.order_id, b.user_id, max(b.position) + 1, 'shipping', NULL, m.name, NULL, NULL, 1, '{}',
           CASE WHEN sum(b.price * b.quantity) >= m.free_from THEN 0 ELSE m.price END, m.tax_class, coalesce(r.rate, 0),
           false, false
    FROM bought b CROSS JOIN shipping_methods m
    LEFT JOIN tax_rates r ON r.country = %(country)s AND r.tax_class = m.tax_class AND r.deleted_at IS NULL
    WHERE m.id = %(method_id)s GROUP BY b.order_id, b.user_id, m.id, r.rate
), taxed AS (
    SELECT *, CASE WHEN %(inclusive)s THEN round(price * quantity * rate / (100 + rate), %(places)s)
                   ELSE round(price * quantity * rate / 100, %(places)s) END AS tax
    FROM all_lines
)
INSERT INTO seed_items (
    id, order_id, user_id, position, item_type, product_id, name, sku, options, image, quantity, unit_price,
    discounted_unit_price, discount_amount, discounts, tax_class, tax_rate, net_amount, tax_amount, total_amount,
    currency, requires_shipping, is_digital, is_stock_tracked, fulfilled_quantity, refunded_quantity, created_at,
    updated_at)
SELECT pg_temp.child(order_id, position), order_id, t.user_id, position, item_type, product_id, name, sku, options,
       image, quantity, price, price, 0, '[]', tax_class, rate,
       price * quantity - CASE WHEN %(inclusive)s THEN tax ELSE 0 END, tax,
       price * quantity + CASE WHEN %(inclusive)s THEN 0 ELSE tax END,
       %(currency)s, ships, item_type = 'product' AND NOT ships, is_tracked,
       CASE WHEN ships AND o.outcome IN ('processing', 'completed') THEN quantity ELSE 0 END, 0,
       uuid_v7_time(order_id), now()
FROM taxed t JOIN seed_orders o ON o.id = t.order_id ORDER BY order_id, position
"""

_PLACE: LiteralString = """
WITH rates AS (
    SELECT order_id, tax_rate, sum(net_amount) AS net, sum(tax_amount) AS tax FROM seed_items
    WHERE net_amount <> 0 GROUP BY order_id, tax_rate
), taxes AS (
    SELECT order_id, jsonb_agg(jsonb_build_object('rate', tax_rate::text, 'net_amount', (net * %(scale)s)::bigint,
        'tax_amount', (tax * %(scale)s)::bigint) ORDER BY tax_rate) AS shares
    FROM rates GROUP BY order_id
), sums AS (
    SELECT order_id, sum(unit_price * quantity) FILTER (WHERE item_type <> 'shipping') AS goods,
           coalesce(sum(unit_price) FILTER (WHERE item_type = 'shipping'), 0) AS shipping,
           sum(tax_amount) AS tax, sum(total_amount) AS total
    FROM seed_items GROUP BY order_id
)
INSERT INTO seed_placed (
    id, created_at, user_id, order_number, order_type, status, payment_status, fulfilment_status, currency,
    prices_include_tax, subtotal_amount, discount_amount, shipping_amount, tax_amount, total_amount, taxes, email,
    billing_address, shipping_address, shipping_country, shipping_city, shipping_postal_code, shipping_method, cart_id,
    placed_at, expires_at, paid_at, completed_at, canceled_at, cancel_reason)
SELECT o.id, at, o.user_id, o.order_number, 'product', o.outcome,
       CASE o.outcome WHEN 'pending' THEN 'unpaid' WHEN 'canceled' THEN 'voided' ELSE 'paid' END,
       CASE WHEN o.outcome IN ('processing', 'completed') THEN 'fulfilled' ELSE 'unfulfilled' END,
       %(currency)s, %(inclusive)s, s.goods, 0, s.shipping, s.tax, s.total, coalesce(t.shares, '[]'), o.email,
       o.billing_address, o.shipping_address, %(country)s, o.city, o.postal_code,
       jsonb_build_object('code', m.code, 'name', m.name, 'description', m.description, 'kind', m.kind,
                          'price', (s.shipping * %(scale)s)::bigint),
       pg_temp.child(o.id, 0), at, at + %(hold)s, CASE WHEN is_paid THEN at + interval '1 minute' END,
       CASE o.outcome WHEN 'completed' THEN at + interval '3 days' END,
       CASE o.outcome WHEN 'canceled' THEN at + %(hold)s END,
       CASE o.outcome WHEN 'canceled' THEN 'expired' END
FROM seed_orders o JOIN sums s ON s.order_id = o.id LEFT JOIN taxes t ON t.order_id = o.id
JOIN shipping_methods m ON m.id = %(method_id)s
CROSS JOIN LATERAL (SELECT uuid_v7_time(o.id) AS at, o.outcome NOT IN ('pending', 'canceled') AS is_paid OFFSET 0) x
ORDER BY o.id
"""

#: What was bought and paid: every statement on money goes through it.
_PAY: LiteralString = """
INSERT INTO seed_paid
SELECT id, user_id, total_amount, (total_amount * %(scale)s)::bigint, currency, placed_at, paid_at,
       pg_temp.child(id, 6), pg_temp.child(id, 7), 'pay_' || replace(pg_temp.child(id, 8)::text, '-', '')
FROM seed_placed WHERE paid_at IS NOT NULL
"""

_ORDERS: LiteralString = "INSERT INTO orders SELECT * FROM seed_placed"

_ITEMS: LiteralString = "INSERT INTO order_items SELECT * FROM seed_items"

_EVENTS: LiteralString = """
INSERT INTO order_events (id, order_id, user_id, kind, data, actor_role, created_at)
SELECT pg_temp.child(n.id, e.place), n.id, n.user_id, e.kind,
       CASE WHEN e.kind = 'placed' THEN jsonb_build_object('total_amount', n.total_amount::text,
                                                           'currency', n.currency)
            WHEN e.kind = 'paid' THEN jsonb_build_object('amount', (n.total_amount * %(scale)s)::bigint,
                                                         'currency', n.currency)
            WHEN e.kind = 'canceled' THEN jsonb_build_object('reason', n.cancel_reason)
            ELSE '{}' END, e.role, n.placed_at + e.after
FROM seed_placed n CROSS JOIN LATERAL (VALUES
    (1, 'placed', 'user', interval '0', true),
    (2, 'paid', 'user', interval '1 minute', n.paid_at IS NOT NULL),
    (3, 'fulfilled', 'admin', interval '2 days', n.fulfilment_status = 'fulfilled'),
    (4, 'completed', 'admin', interval '3 days', n.completed_at IS NOT NULL),
    (5, 'canceled', 'system', %(hold)s, n.canceled_at IS NOT NULL)
) e (place, kind, role, after, happened)
WHERE e.happened
"""

_PAYMENTS: LiteralString = """
INSERT INTO payments (id, order_id, user_id, provider, provider_payment_id, method_type, status, currency, amount,
    captured_amount, processed_at, created_at)
SELECT payment_id, id, user_id, 'sandbox', provider_id, 'card', 'captured', currency, total_amount, total_amount,
       paid_at, placed_at
FROM seed_paid"""
_ATTEMPTS: LiteralString = """
INSERT INTO payment_attempts (id, payment_id, order_id, user_id, number, status, provider_payment_id, captured_amount,
    checked_at, finished_at, created_at)
SELECT attempt_id, payment_id, id, user_id, 1, 'succeeded', provider_id, total_amount, paid_at, paid_at, placed_at
FROM seed_paid"""
_LEDGER: LiteralString = """
INSERT INTO payment_events (id, payment_id, order_id, user_id, provider_reference, kind, amount, currency, data,
    occurred_at, created_at)
SELECT pg_temp.child(id, 9), payment_id, id, user_id,
       provider_id || ':' || minor, 'captured', total_amount, currency,
       jsonb_build_object('amount', minor, 'currency', currency), paid_at, paid_at
FROM seed_paid"""
_REFERENCES: LiteralString = """
INSERT INTO payment_references (provider, provider_payment_id, payment_id, order_id, user_id)
SELECT 'sandbox', provider_id, payment_id, id, user_id
FROM seed_paid"""
_BOOKS: LiteralString = """
INSERT INTO sandbox_payments (id, idempotency_key, request, reference, status, amount, captured, refunded, currency,
    card, refunds, created_at)
SELECT provider_id, attempt_id::text, jsonb_build_object('reference', attempt_id, 'idempotency_key', attempt_id,
       'amount', minor, 'currency', currency, 'capture', true), attempt_id::text, 'captured', minor, minor, 0, currency,
       '{"token": "tok_visa", "brand": "visa", "last4": "4242", "course": "paid"}', '[]', paid_at
FROM seed_paid"""
_NOTICES: LiteralString = """
INSERT INTO notifications (id, user_id, order_id, channel, template, status, attempts, sent_at, created_at)
SELECT pg_temp.child(id, 10), user_id, id, 'email', 'order_confirmed', 'sent', 1, paid_at, paid_at
FROM seed_paid"""

_PARCELS: LiteralString = """
INSERT INTO fulfilments (id, order_id, user_id, kind, carrier, tracking_number, fulfilled_at, created_at)
SELECT pg_temp.child(n.id, 11), n.id, n.user_id, 'ship', 'DHL', right(n.id::text, 12), n.placed_at + interval '2 days',
       n.placed_at + interval '2 days'
FROM seed_placed n WHERE n.fulfilment_status = 'fulfilled'
"""
_CONTENTS: LiteralString = """
INSERT INTO fulfilment_items (id, fulfilment_id, order_item_id, user_id, quantity, created_at)
SELECT pg_temp.child(order_id, 100 + position), pg_temp.child(order_id, 11), id, user_id, quantity,
       created_at + interval '2 days'
FROM seed_items WHERE fulfilled_quantity > 0
"""

_SOLD: LiteralString = """
INSERT INTO stock_movements (id, product_id, order_id, kind, on_hand_change, reserved_change, created_at)
SELECT pg_temp.child(i.order_id, i.position), i.product_id, i.order_id,
       CASE o.outcome WHEN 'pending' THEN 'hold' ELSE 'sale' END,
       CASE o.outcome WHEN 'pending' THEN 0 ELSE -i.quantity END,
       CASE o.outcome WHEN 'pending' THEN i.quantity ELSE 0 END, i.created_at
FROM seed_items i JOIN seed_orders o ON o.id = i.order_id WHERE i.is_stock_tracked AND o.outcome <> 'canceled'
"""
_HELD: LiteralString = """
INSERT INTO stock_holds (id, product_id, order_id, quantity, expires_at, created_at)
SELECT i.id, i.product_id, i.order_id, i.quantity, i.created_at + %(hold)s, i.created_at
FROM seed_items i JOIN seed_orders o ON o.id = i.order_id WHERE i.is_stock_tracked AND o.outcome = 'pending'
"""
_COUNTED: LiteralString = """
INSERT INTO seed_stock
SELECT i.product_id, CASE o.outcome WHEN 'pending' THEN 0 ELSE i.quantity END,
       CASE o.outcome WHEN 'pending' THEN i.quantity ELSE 0 END
FROM seed_items i JOIN seed_orders o ON o.id = i.order_id WHERE i.is_stock_tracked AND o.outcome <> 'canceled'
"""

#: Once a transaction: what its batches sold leaves the shelf; where little would be left, more is received.
TAKE: LiteralString = """
WITH taken AS (
    SELECT product_id, sum(sold) AS sold, sum(held) AS held FROM seed_stock GROUP BY product_id
), needed AS (
    SELECT t.*, CASE WHEN p.stock_quantity - p.reserved_quantity - sold - held < 100 THEN sold + held + 1000 ELSE 0 END
        AS received
    FROM taken t JOIN products p ON p.id = t.product_id
), counted AS (
    UPDATE products p SET stock_quantity = p.stock_quantity - n.sold + n.received,
        reserved_quantity = p.reserved_quantity + n.held
    FROM needed n WHERE p.id = n.product_id
    RETURNING p.id, n.received
)
INSERT INTO stock_movements (id, product_id, kind, on_hand_change)
SELECT uuid_v7(), id, 'receive', received FROM counted WHERE received > 0
"""

#: In this order, each once a batch, with the table it fills.
BATCH: tuple[tuple[str, LiteralString], ...] = (
    ("", _PRICE),
    ("", _PLACE),
    ("", _PAY),
    ("orders", _ORDERS),
    ("order_items", _ITEMS),
    ("order_events", _EVENTS),
    ("payments", _PAYMENTS),
    ("payment_attempts", _ATTEMPTS),
    ("payment_events", _LEDGER),
    ("payment_references", _REFERENCES),
    ("", _BOOKS),
    ("notifications", _NOTICES),
    ("fulfilments", _PARCELS),
    ("fulfilment_items", _CONTENTS),
    ("stock_movements", _SOLD),
    ("", _HELD),
    ("", _COUNTED),
)
