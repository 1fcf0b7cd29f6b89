"""What must hold in every database of Lex once nothing is in flight: run after races, chaos and load."""

from typing import LiteralString

import psycopg
from psycopg.rows import dict_row

#: What a row of the answer would mean → a statement that finds such rows.
INVARIANTS: dict[str, LiteralString] = {
    "stock: reserved is not the sum of the holds, or on hand not that of the movements": """
        SELECT p.sku, p.stock_quantity, m.on_hand, p.reserved_quantity, m.reserved, h.held
        FROM products p
        LEFT JOIN (SELECT product_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved
                   FROM stock_movements GROUP BY product_id) m ON m.product_id = p.id
        LEFT JOIN (SELECT product_id, sum(quantity) AS held FROM stock_holds GROUP BY product_id) h
            ON h.product_id = p.id
        WHERE (p.stock_quantity, p.reserved_quantity, p.reserved_quantity)
            <> (coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(h.held, 0))
           OR p.reserved_quantity NOT BETWEEN 0 AND p.stock_quantity""",
    "stock: an order that is not pending holds units, or a pending one lacks its own": """
        SELECT o.order_number, o.status, i.sku, i.wanted, h.quantity
        FROM orders o
        JOIN (SELECT order_id, product_id, min(sku) AS sku, sum(quantity) AS wanted FROM order_items
              WHERE is_stock_tracked GROUP BY order_id, product_id) i ON i.order_id = o.id
        LEFT JOIN stock_holds h ON h.order_id = o.id AND h.product_id = i.product_id
        WHERE coalesce(h.quantity, 0) <> CASE WHEN o.status = 'pending' THEN i.wanted ELSE 0 END
            AND NOT (o.status = 'pending' AND o.expires_at < now() AND h.quantity IS NULL)  -- given to somebody else
        UNION ALL
        SELECT NULL, 'no order', h.order_id::text, NULL, h.quantity FROM stock_holds h
        WHERE NOT EXISTS (SELECT FROM orders o WHERE o.id = h.order_id)""",
    "stock: what a paid order took is not what it sold, or an unpaid one took something": """
        SELECT o.order_number, o.status, o.payment_status, i.sku, i.wanted, m.taken
        FROM orders o
        JOIN (SELECT order_id, product_id, min(sku) AS sku, sum(quantity) AS wanted FROM order_items
              WHERE is_stock_tracked GROUP BY order_id, product_id) i ON i.order_id = o.id
        LEFT JOIN (SELECT order_id, product_id, -sum(on_hand_change) AS taken FROM stock_movements
                   GROUP BY order_id, product_id) m ON m.order_id = o.id AND m.product_id = i.product_id
        WHERE coalesce(m.taken, 0)
            <> CASE WHEN o.payment_status = 'paid' AND o.status <> 'canceled' THEN i.wanted ELSE 0 END
            AND NOT EXISTS (SELECT FROM order_events e WHERE e.order_id = o.id AND e.kind = 'stock_short')""",
    "orders: the lines do not add up to the total": """
        SELECT o.order_number, o.total_amount, l.total FROM orders o
        LEFT JOIN (SELECT order_id, sum(total_amount) AS total FROM order_items GROUP BY order_id) l
            ON l.order_id = o.id
        WHERE l.total IS DISTINCT FROM o.total_amount""",
    "orders: one cart became two orders": """
        SELECT cart_id, count(*) FROM orders GROUP BY cart_id HAVING count(*) > 1""",
    "payments: paid is not captured in full, or money was taken for what is not paid": """
        SELECT o.order_number, o.status, o.payment_status, o.total_amount, p.captured_amount FROM orders o
        LEFT JOIN payments p ON p.order_id = o.id
        WHERE coalesce(p.captured_amount - p.refunded_amount, 0)
            <> CASE WHEN o.payment_status = 'paid' THEN o.total_amount ELSE 0 END""",
    "payments: the ledger or the attempts do not add up to what was captured": """
        SELECT p.id, p.captured_amount, e.captured AS told, a.captured AS attempted FROM payments p
        LEFT JOIN (SELECT payment_id, sum(amount) AS captured FROM payment_events WHERE kind = 'captured'
                   GROUP BY payment_id) e ON e.payment_id = p.id
        LEFT JOIN (SELECT payment_id, sum(captured_amount) AS captured FROM payment_attempts GROUP BY payment_id) a
            ON a.payment_id = p.id
        WHERE p.captured_amount <> coalesce(e.captured, 0) OR p.captured_amount <> coalesce(a.captured, 0)""",
    "payments: the provider took another amount than the payment says, or took it twice": """
        SELECT p.order_id, p.captured_amount, s.captured, s.takings FROM payments p
        LEFT JOIN (SELECT a.payment_id, sum(s.captured) AS captured, count(*) FILTER (WHERE s.captured > 0) AS takings
                   FROM payment_attempts a JOIN sandbox_payments s ON s.idempotency_key = a.id::text
                   GROUP BY a.payment_id) s ON s.payment_id = p.id
        WHERE coalesce(s.captured, 0) <> p.captured_amount * CASE p.currency WHEN 'JPY' THEN 1 ELSE 100 END
           OR s.takings > 1""",
    "payments: the provider took money for an attempt that is not ours": """
        SELECT s.id FROM sandbox_payments s LEFT JOIN payment_attempts a ON a.id::text = s.idempotency_key
        WHERE s.captured > 0 AND a.id IS NULL""",
    "notifications: a paid order was confirmed never or twice, or an unpaid one was": """
        SELECT o.order_number, o.payment_status, count(n.id) FROM orders o
        LEFT JOIN notifications n ON n.order_id = o.id AND n.template = 'order_confirmed'
        GROUP BY o.id HAVING count(n.id) <> (o.paid_at IS NOT NULL)::int""",
    "carts: a placed cart has no order, or a customer has two open carts": """
        SELECT c.id::text FROM carts c WHERE c.status = 'placed'
            AND NOT EXISTS (SELECT FROM orders o WHERE o.id = c.order_id AND o.cart_id = c.id)
        UNION ALL
        SELECT user_id::text FROM carts WHERE status = 'open' AND deleted_at IS NULL AND user_id IS NOT NULL
        GROUP BY user_id HAVING count(*) > 1""",
    "coupons: the count is not that of the uses, or passes a limit": """
        SELECT c.code, c.used_count, u.number FROM coupons c
        LEFT JOIN (SELECT coupon_id, count(*) AS number FROM coupon_usages WHERE status <> 'released'
                   GROUP BY coupon_id) u ON u.coupon_id = c.id
        WHERE c.used_count <> coalesce(u.number, 0) OR c.used_count > c.usage_limit
        UNION ALL
        SELECT c.code, c.usage_limit_per_customer, count(*) FROM coupons c
        JOIN coupon_usages u ON u.coupon_id = c.id AND u.status <> 'released'
        GROUP BY c.id, u.email_blind_index HAVING count(*) > c.usage_limit_per_customer""",
    "coupons: an order's uses are not what became of it, or not what was taken off": """
        SELECT o.order_number, o.status, u.status, u.amount, d.amount FROM coupon_usages u
        JOIN orders o ON o.id = u.order_id
        LEFT JOIN LATERAL (
            SELECT sum((d ->> 'amount')::numeric) / CASE o.currency WHEN 'JPY' THEN 1 ELSE 100 END AS amount
            FROM order_items i, jsonb_array_elements(i.discounts) d
            WHERE i.order_id = o.id AND d ->> 'coupon_id' = u.coupon_id::text) d ON true
        WHERE u.status <> CASE WHEN o.status = 'canceled' THEN 'released' WHEN o.paid_at IS NOT NULL THEN 'redeemed'
                          ELSE 'held' END
           OR u.amount <> coalesce(d.amount, 0)""",
    "facets: what lists count by is not what the products are": """
        WITH wanted AS (
            SELECT p.id, p.variant_of, p.category_id, p.brand, floor(p.rating_average)::smallint, p.price,
                   CASE jsonb_typeof(p.options) WHEN 'object' THEN p.options ELSE '{}' END, p.variant_count > 0,
                   p.variant_of IS NULL AND (p.variant_count = 0 OR EXISTS (
                       SELECT FROM products v WHERE v.variant_of = p.id AND v.deleted_at IS NULL AND v.is_active)),
                   NOT p.track_inventory OR p.stock_quantity > p.reserved_quantity,
                   coalesce(p.compare_at_price > p.price, false)
            FROM products p WHERE p.deleted_at IS NULL AND p.is_active
        ) (TABLE wanted EXCEPT ALL TABLE product_facets) UNION ALL (TABLE product_facets EXCEPT ALL TABLE wanted)""",
    "texts: what words find is not what lists show": """
        WITH wanted AS (
            SELECT p.id, p.search FROM products p JOIN product_facets f ON f.product_id = p.id WHERE f.is_shown
        ) (TABLE wanted EXCEPT ALL TABLE product_texts) UNION ALL (TABLE product_texts EXCEPT ALL TABLE wanted)""",
    "keys: an answer is kept in the clear, with the tokens in it": """
        SELECT key FROM idempotency_keys WHERE position('\x7b'::bytea IN response_body) = 1""",
}


def broken(database_url: str) -> dict[str, list[dict[str, object]]]:
    """The invariants that do not hold, each with rows that break it; empty when all is well."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        found = {what: connection.execute(statement).fetchmany(5) for what, statement in INVARIANTS.items()}
    return {what: rows for what, rows in found.items() if rows}
