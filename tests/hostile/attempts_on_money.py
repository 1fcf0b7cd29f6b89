"""What somebody tries to have goods without paying, or money back that nobody paid."""

from tests.hostile.attempts import APP, OWNER, STAFF, WORKER, Attempt

MONEY = [
    Attempt(
        "change a captured payment's amount",
        (APP, STAFF),
        "UPDATE payments SET amount = 1 WHERE id = {payment}",
        "permission denied",
    ),
    Attempt(
        "change a captured payment's amount",
        (WORKER, OWNER),
        "UPDATE payments SET amount = 1 WHERE id = {payment}",
        "is captured: its amount cannot change any more",
    ),
    Attempt(
        "raise what was captured",
        (APP, STAFF),
        "UPDATE payments SET captured_amount = 99 WHERE id = {payment}",
        "permission denied",
    ),
    Attempt(
        "raise what was captured",
        (WORKER, OWNER),
        "UPDATE payments SET captured_amount = 99 WHERE id = {payment}",
        "99.00 captured is not the 12.00 of its ledger",
    ),
    Attempt(
        "say it was refunded",
        (APP, STAFF),
        "UPDATE payments SET refunded_amount = 3 WHERE id = {payment}",
        "permission denied",
    ),
    Attempt(
        "say it was refunded",
        (WORKER, OWNER),
        "UPDATE payments SET refunded_amount = 3 WHERE id = {payment}",
        "3.00 refunded is more than the 0 of its refunds",
    ),
    Attempt(
        "take a capture back to pending",
        (APP, STAFF, WORKER, OWNER),
        "UPDATE payments SET status = 'pending' WHERE id = {payment}",
        "is captured and cannot become pending",
    ),
    Attempt("delete a payment", (APP, STAFF, WORKER), "DELETE FROM payments WHERE id = {payment}", "permission denied"),
    Attempt("delete a payment", (OWNER,), "DELETE FROM payments WHERE id = {payment}", "a payment is kept for ever"),
    Attempt("rewrite the ledger", (APP, STAFF, WORKER), "UPDATE payment_events SET amount = 1", "permission denied"),
    Attempt("rewrite the ledger", (OWNER,), "UPDATE payment_events SET amount = 1", "is only added to"),
    Attempt(
        "refund oneself",
        (APP,),
        "INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency)"
        " VALUES (public.uuid_v7(), {payment}, {order}, {eve}, 1, 'EUR')",
        "permission denied",
    ),
    Attempt(
        "refund more than was captured",
        (STAFF, WORKER, OWNER),
        "INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency)"
        " VALUES (public.uuid_v7(), {payment}, {order}, {eve}, 12.01, 'EUR')",
        "is too much: 12.00 of the 12.00 captured is left",
    ),
    Attempt(
        "refund in another currency",
        (STAFF, WORKER, OWNER),
        "INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency)"
        " VALUES (public.uuid_v7(), {payment}, {order}, {eve}, 1, 'USD')",
        "cannot be refunded in USD",
    ),
    Attempt(
        "say that an unpaid order is paid",
        (APP, STAFF, WORKER),
        "UPDATE orders SET payment_status = 'paid', paid_at = now() WHERE id = {unpaid}",
        "pending, unfulfilled and paid is not what 0 captured and 0 refunded of 12.00 tell",
    ),
    Attempt(
        "confirm an unpaid order",
        (APP, STAFF, WORKER),
        "UPDATE orders SET status = 'confirmed' WHERE id = {unpaid}",
        "confirmed, unfulfilled and unpaid is not what",
    ),
    Attempt(
        "place an order that is paid",
        (APP, STAFF, WORKER),
        "INSERT INTO orders SELECT (json_populate_record(o, json_build_object('id', public.uuid_v7(),"
        " 'order_number', 'LEX-20260101-EVEEVE22', 'payment_status', 'paid'))).* FROM orders o WHERE o.id = {unpaid}",
        "an order starts pending and unpaid",
    ),
    Attempt(
        "place an order that is done",
        (APP, STAFF, WORKER),
        "INSERT INTO orders SELECT (json_populate_record(o, json_build_object('id', public.uuid_v7(),"
        " 'order_number', 'LEX-20260101-EVEEVE22', 'status', 'completed'))).* FROM orders o WHERE o.id = {unpaid}",
        "an order starts pending and unpaid",
    ),
    Attempt(
        "pay with a payment that is captured",
        (APP, STAFF),
        "INSERT INTO payments (id, order_id, user_id, provider, currency, amount, captured_amount, status)"
        " VALUES (public.uuid_v7(), {unpaid}, {eve}, 'sandbox', 'EUR', 12, 12, 'captured')",
        "permission denied",
    ),
    Attempt(
        "pay with a payment that is captured",
        (WORKER,),
        "INSERT INTO payments (id, order_id, user_id, provider, currency, amount, captured_amount, status)"
        " VALUES (public.uuid_v7(), {unpaid}, {eve}, 'sandbox', 'EUR', 12, 12, 'captured')",
        "a payment starts before any money moved",
    ),
    Attempt(
        "give an order a number that is markup",
        (APP, STAFF, WORKER),
        "INSERT INTO orders SELECT (json_populate_record(o, json_build_object('id', n.id, 'order_number', 'LEX-'"
        " || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') || '-<i>A</i>', 'created_at', uuid_v7_time(n.id)))).*"
        " FROM orders o, LATERAL (SELECT public.uuid_v7() AS id) n WHERE o.id = {unpaid}",
        "ck_order_numbers_order_number",
    ),
    *(
        Attempt(
            f"place an order of {when}",
            (APP, STAFF, WORKER),
            "INSERT INTO orders SELECT (json_populate_record(o, json_build_object('id', n.id, 'order_number', 'LEX-'"
            " || to_char(uuid_v7_time(n.id) AT TIME ZONE 'UTC', 'YYYYMMDD') || '-EVEEVE22', 'created_at',"
            " uuid_v7_time(n.id)))).* FROM orders o, LATERAL (SELECT overlay(public.uuid_v7()::text placing left("
            f"uuid_v7_floor(now() + interval '{shift}')::text, 13) from 1)::uuid AS id) n WHERE o.id = {{unpaid}}",
            "an order starts pending and unpaid, at the time of its id",
        )
        for when, shift in (("last week", "-7 days"), ("an hour ago", "-1 hour"), ("next month", "30 days"))
    ),
    Attempt(
        "confirm an order of nothing",
        (APP, STAFF, WORKER),
        "UPDATE orders SET status = 'confirmed', payment_status = 'paid' WHERE id = {empty}",
        "confirmed, unfulfilled and paid is not what",
    ),
    Attempt(
        "a customer tells the timeline of a refund",
        (APP,),
        "INSERT INTO order_events (id, order_id, user_id, kind, data, actor_role) SELECT uuid_v7(), id, user_id,"
        " 'refunded', '{{\"amount\": \"9.00\"}}', 'admin' FROM orders WHERE id = {paid}",
        "violates row-level security policy",
    ),
    Attempt(
        "a customer tells the timeline of a payment that was none",
        (APP,),
        "INSERT INTO order_events (id, order_id, user_id, kind, actor_role) SELECT uuid_v7(), id, user_id, 'paid',"
        " 'user' FROM orders WHERE id = {unpaid}",
        "violates row-level security policy",
    ),
    Attempt(
        "complete what nobody handed over",
        (APP, STAFF, WORKER),
        "UPDATE orders SET status = 'completed' WHERE id = {paid}",
        "completed, unfulfilled and paid is not what",
    ),
    Attempt(
        "say that what is paid is paid in part",
        (APP, STAFF, WORKER),
        "UPDATE orders SET payment_status = 'partially_paid' WHERE id = {paid}",
        "confirmed, unfulfilled and partially_paid is not what",
    ),
    Attempt(
        "say that what is given back is paid",
        (APP,),
        "UPDATE orders SET payment_status = 'paid' WHERE id = {returned}",
        "and paid is not what 12.00 captured and 12.00 refunded",
    ),
    Attempt(
        "say that all that is given back is a part",
        (APP, STAFF, WORKER),
        "UPDATE orders SET payment_status = 'partially_refunded' WHERE id = {returned}",
        "partially_refunded is not what 12.00 captured and 12.00 refunded",
    ),
    Attempt(
        "begin a payment under way again",
        (APP, STAFF),
        "UPDATE payments SET status = 'pending', provider = 'stripe', provider_payment_id = NULL"
        " WHERE id = {under_way}",
        "the word of its provider",
    ),
    Attempt(
        "owe a cent",
        (APP, STAFF, WORKER),
        "INSERT INTO payments (id, order_id, user_id, provider, currency, amount)"
        " VALUES (public.uuid_v7(), {unpaid}, {eve}, 'sandbox', 'EUR', 0.01)",
        "a payment of 0.01 is not the 12.00 that is due",
    ),
    Attempt(
        "say that a payment under way was captured",
        (APP, STAFF),
        "UPDATE payments SET status = 'captured' WHERE id = {begun}",
        "the word of its provider",
    ),
    Attempt(
        "name a payment of the provider that somebody else made",
        (APP, STAFF),
        "UPDATE payments SET provider_payment_id = 'pi_of_ada' WHERE id = {begun}",
        "the word of its provider",
    ),
    Attempt(
        "name a payment of the provider that somebody else made",
        (APP, STAFF),
        "INSERT INTO payment_references (provider, provider_payment_id, payment_id, order_id, user_id)"
        " VALUES ('sandbox', 'pi_of_ada', {begun}, {waiting}, {eve})",
        "permission denied",
    ),
    Attempt(
        "write the ledger",
        (APP, STAFF),
        "INSERT INTO payment_events (id, payment_id, order_id, user_id, provider_reference, kind, amount, currency,"
        " occurred_at) VALUES (public.uuid_v7(), {begun}, {waiting}, {eve}, 'x', 'captured', 12, 'EUR', now())",
        "permission denied",
    ),
    Attempt(
        "say that a try succeeded",
        (APP, STAFF),
        "UPDATE payment_attempts SET status = 'succeeded' WHERE order_id = {waiting}",
        "permission denied",
    ),
    Attempt(
        "begin with a try that succeeded",
        (APP, STAFF),
        "INSERT INTO payment_attempts (id, payment_id, order_id, user_id, number, status)"
        " VALUES (public.uuid_v7(), {begun}, {waiting}, {eve}, 2, 'succeeded')",
        "permission denied",
    ),
    Attempt(
        "say that a refund arrived",
        (STAFF,),
        "INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency, status)"
        " VALUES (public.uuid_v7(), {payment}, {order}, {eve}, 1, 'EUR', 'succeeded')",
        "a refund starts before the provider was asked",
    ),
    Attempt(
        "put another thing into an order that is placed",
        (APP, STAFF, WORKER),
        "INSERT INTO order_items SELECT (json_populate_record(i, json_build_object('id', public.uuid_v7(),"
        " 'position', 99))).* FROM order_items i WHERE i.id = {line}",
        "lines come with the order, none later",
    ),
    Attempt(
        "put it in after touching the order",
        (APP, STAFF, WORKER),
        "WITH touched AS (UPDATE orders SET cancel_reason = 'shop' WHERE id = {order}) INSERT INTO order_items"
        " SELECT (json_populate_record(i, json_build_object('id', public.uuid_v7(), 'position', 99))).*"
        " FROM order_items i WHERE i.id = {line}",
        "lines come with the order, none later",
    ),
    Attempt(
        "refund a payment that is not there yet",
        (STAFF, WORKER),
        "SET CONSTRAINTS ALL DEFERRED; INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency)"
        " VALUES (public.uuid_v7(), public.uuid_v7(), {order}, {eve}, 5000, 'EUR')",
        "a refund is of a payment that is there before it",
    ),
    Attempt(
        "have sent back what another payment took",
        (STAFF, WORKER),
        "INSERT INTO refunds (id, payment_id, order_id, user_id, amount, currency, provider_payment_id)"
        " VALUES (public.uuid_v7(), {payment}, {order}, {eve}, 1, 'EUR', 'pi_of_ada')",
        "is not what this payment captured as pi_of_ada",
    ),
    Attempt(
        "pay a cent before the order is there",
        (APP, STAFF),
        "SET CONSTRAINTS ALL DEFERRED; INSERT INTO payments (id, order_id, user_id, provider, currency, amount)"
        " VALUES (public.uuid_v7(), public.uuid_v7(), {eve}, 'sandbox', 'EUR', 0.01)",
        "a payment is for an order that is there and waits for it",
    ),
    Attempt(
        "go to another provider with a try under way",
        (APP, STAFF),
        "UPDATE payments SET provider = 'paypal' WHERE id = {begun}",
        "the word of its provider",
    ),
    Attempt(
        "try a payment for another order",
        (APP, STAFF),
        "INSERT INTO payment_attempts (id, payment_id, order_id, user_id, number)"
        " VALUES (public.uuid_v7(), {begun}, {unpaid}, {eve}, 2)",
        "fk_payment_attempts_payments",
    ),
    Attempt(
        "cancel what one has paid",
        (APP,),
        "UPDATE orders SET status = 'canceled', canceled_at = now(), cancel_reason = 'customer' WHERE id = {order}",
        "is not what 12.00 captured",
    ),
    *(
        Attempt(
            f"tell {told}",
            (APP,),
            "INSERT INTO order_events (id, order_id, user_id, kind, actor_id, actor_role)"
            f" VALUES (public.uuid_v7(), {{unpaid}}, {{eve}}, {kind})",
            "row-level security",
        )
        for told, kind in (
            ("that an order was canceled", "'canceled', {eve}, 'user'"),
            ("it in the name of somebody else", "'placed', {ada}, 'user'"),
            ("it in the name of staff", "'placed', {eve}, 'super_admin'"),
        )
    ),
    Attempt("change an invoice", (OWNER,), "UPDATE invoices SET number = 7", "never changed"),
]
