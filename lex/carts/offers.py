"""The coupons entered in a cart, as a part of the statement that reads it."""

from typing import LiteralString

# Over a cart `c`, with `codes` (instead of the cart's own), `mailboxes` and `email_indexes` of a buyer once known. Uses
# by the order the cart became do not count against it.
OFFERS: LiteralString = """(
    SELECT json_agg(json_strip_nulls(json_build_object(
        'code', e.code, 'coupon_id', k.id, 'coupon_code_id', x.id, 'name', k.name, 'type', k.type,
        'amount', (k.amount * %(scale)s)::bigint, 'percentage', k.percentage::text,
        'buy_quantity', k.buy_quantity, 'get_quantity', k.get_quantity,
        'minimum_amount', (k.minimum_amount * %(scale)s)::bigint, 'starts_at', k.starts_at, 'ends_at', k.ends_at,
        'usage_limit', k.usage_limit, 'usage_limit_per_customer', k.usage_limit_per_customer,
        'used_count', k.used_count - u.by_order,
        'customer_uses', CASE WHEN k.usage_limit_per_customer IS NOT NULL THEN u.by_customer END,
        'is_spent', u.is_spent,
        'is_stackable', k.is_stackable, 'is_exclusive', k.is_exclusive, 'priority', k.priority, 'is_bulk', k.is_bulk,
        'is_active', k.is_active,
        'lines', (
            SELECT json_agg(i.id) FROM cart_items i
            LEFT JOIN products p ON p.id = i.product_id
            LEFT JOIN services s ON s.id = i.service_id
            WHERE i.cart_id = c.id AND (
                k.scope = '{}'
                OR k.scope -> 'products' ?| ARRAY[p.id::text, p.variant_of::text]
                OR k.scope -> 'services' ? s.id::text
                OR k.scope -> 'plans' ? i.subscription_plan_id::text
                OR k.scope ? 'categories' AND EXISTS (
                    SELECT FROM products f JOIN categories g ON g.id = f.category_id
                    JOIN categories t ON g.path = t.path OR g.path LIKE t.path || '/%%'
                    WHERE f.id IN (p.id, p.variant_of) AND k.scope -> 'categories' ? t.id::text)))
    )) ORDER BY e.place)
    FROM unnest(coalesce(%(codes)s::text[], c.coupon_codes)) WITH ORDINALITY AS e (code, place)
    LEFT JOIN coupon_codes x ON x.code = e.code
        AND NOT EXISTS (SELECT FROM coupons n WHERE n.code = e.code AND n.deleted_at IS NULL)
    LEFT JOIN coupons k ON k.deleted_at IS NULL AND (k.id = x.coupon_id OR k.code = e.code)
    LEFT JOIN LATERAL coupon_uses(k.id, x.id, c.order_id, c.user_id, %(mailboxes)s, %(email_indexes)s) u
        ON k.id IS NOT NULL
)"""
