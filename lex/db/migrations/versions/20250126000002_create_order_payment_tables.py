"""Orders, partitioned by quarter, and everything sold, fulfilled, invoiced and paid under them.

Revision ID: 20250126000002
Revises: 20250126000001
"""

from alembic import op

revision = "20250126000002"
down_revision = "20250126000001"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TOUCHED = "orders order_items fulfilments payment_methods payments payment_attempts refunds"
TOUCH = "CREATE TRIGGER tr_{0}_touch BEFORE UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"

# From the previous quarter to four ahead. Later ones are made by the daily job (lex/ops/partitions.py).
PARTITIONS = """
DO $$
DECLARE
    first timestamp := date_trunc('quarter', now() AT TIME ZONE 'UTC') - interval '3 months';
    lower timestamp;
    name text;
BEGIN
    FOR lower IN SELECT generate_series(first, first + interval '15 months', interval '3 months') LOOP
        name := 'orders_p' || to_char(lower, 'YYYY"q"Q');
        EXECUTE format(
            'CREATE TABLE public.%I PARTITION OF public.orders FOR VALUES FROM (%L) TO (%L)',
            name,
            public.uuid_v7_floor(lower AT TIME ZONE 'UTC'),
            public.uuid_v7_floor((lower + interval '3 months') AT TIME ZONE 'UTC')
        );
        -- An order number carries the day of its id, so unique within the quarter is unique for ever.
        EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (order_number)', 'uq_' || name || '_order_number', name);
    END LOOP;
END
$$;
"""

ORDERS = """
CREATE DOMAIN instant AS timestamptz CONSTRAINT ck_instant CHECK (
    date_part('epoch', VALUE) BETWEEN 0 AND 250000000000);
COMMENT ON DOMAIN instant IS 'a time from 1970 to 9892';
CREATE DOMAIN order_status AS text CONSTRAINT ck_order_status CHECK (VALUE = ANY (
    '{pending,confirmed,processing,completed,canceled}'));
CREATE DOMAIN order_payment_status AS text CONSTRAINT ck_order_payment_status CHECK (VALUE = ANY (
    '{unpaid,pending,authorized,partially_paid,paid,partially_refunded,refunded,failed,voided}'));
CREATE DOMAIN order_fulfilment_status AS text CONSTRAINT ck_order_fulfilment_status CHECK (VALUE = ANY (
    '{unfulfilled,partially_fulfilled,fulfilled,not_needed}'));
CREATE DOMAIN order_type AS text CONSTRAINT ck_order_type CHECK (VALUE = ANY ('{product,service,mixed}'));
CREATE DOMAIN cancel_reason AS text CONSTRAINT ck_cancel_reason CHECK (VALUE = ANY ('{customer,shop,expired}'));
CREATE TABLE orders (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    order_number text NOT NULL,
    order_type order_type NOT NULL,
    status order_status DEFAULT 'pending' NOT NULL,
    payment_status order_payment_status DEFAULT 'unpaid' NOT NULL,
    fulfilment_status order_fulfilment_status DEFAULT 'unfulfilled' NOT NULL,
    currency currency_code NOT NULL,
    prices_include_tax boolean NOT NULL,
    subtotal_amount amount NOT NULL,
    discount_amount amount NOT NULL,
    shipping_amount amount NOT NULL,
    tax_amount amount NOT NULL,
    total_amount amount NOT NULL,
    taxes jsonb DEFAULT '[]'::jsonb NOT NULL,
    email bytea,
    phone bytea,
    billing_address bytea,
    shipping_address bytea,
    shipping_country country_code,
    shipping_region text,
    shipping_city text,
    shipping_postal_code text,
    shipping_method jsonb DEFAULT '{}'::jsonb NOT NULL,
    customer_note bytea,
    cart_id uuid,
    placed_at instant NOT NULL,
    expires_at instant,
    paid_at instant,
    completed_at instant,
    canceled_at instant,
    cancel_reason cancel_reason,
    created_at timestamptz NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_orders PRIMARY KEY (id),
    CONSTRAINT uq_orders_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_orders_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_orders_created_at CHECK (created_at = uuid_v7_time(id)),
    CONSTRAINT ck_orders_order_number CHECK (substr(order_number, 5, 8) = to_char(created_at AT TIME ZONE 'UTC',
        'YYYYMMDD')),
    CONSTRAINT ck_orders_discount_amount CHECK (discount_amount <= subtotal_amount),
    CONSTRAINT ck_orders_total_amount CHECK (total_amount = subtotal_amount - discount_amount + shipping_amount +
        CASE WHEN prices_include_tax THEN 0 ELSE tax_amount END)
) PARTITION BY RANGE (id);
CREATE INDEX idx_orders_expires_at ON orders (expires_at) WHERE status = 'pending';
-- Newest first by one state; what else may be asked is told from the index, so that a pair that hardly exists is not
-- looked for in all the rows that one of the two is common in.
CREATE INDEX idx_orders_fulfilment_status ON orders (fulfilment_status, id DESC, status, payment_status);
CREATE INDEX idx_orders_order_number ON orders (order_number);
CREATE INDEX idx_orders_payment_status ON orders (payment_status, id DESC, status, fulfilment_status);
CREATE INDEX idx_orders_status ON orders (status, id DESC, payment_status, fulfilment_status);
CREATE INDEX idx_orders_user_id ON orders (user_id, id DESC);
"""

ORDER_LINES = """
CREATE DOMAIN order_item_type AS text CONSTRAINT ck_order_item_type CHECK (VALUE = ANY (
    '{product,service,plan,shipping}'));
CREATE TABLE order_items (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    position integer NOT NULL,
    item_type order_item_type NOT NULL,
    product_id uuid,
    service_id uuid,
    subscription_plan_id uuid,
    name text NOT NULL,
    sku text,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    image text,
    quantity positive_integer NOT NULL,
    unit_price amount NOT NULL,
    discounted_unit_price amount NOT NULL,
    discount_amount amount NOT NULL,
    discounts jsonb DEFAULT '[]'::jsonb NOT NULL,
    tax_class text NOT NULL,
    tax_rate percentage NOT NULL,
    net_amount amount NOT NULL,
    tax_amount amount NOT NULL,
    total_amount amount NOT NULL,
    currency currency_code NOT NULL,
    requires_shipping boolean DEFAULT false NOT NULL,
    is_digital boolean DEFAULT false NOT NULL,
    is_stock_tracked boolean DEFAULT false NOT NULL,
    fulfilled_quantity integer DEFAULT 0 NOT NULL,
    refunded_quantity integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_order_items PRIMARY KEY (id),
    CONSTRAINT uq_order_items_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_order_items_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_order_items_products FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT fk_order_items_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT ck_order_items_fulfilled_quantity CHECK (fulfilled_quantity BETWEEN 0 AND quantity),
    CONSTRAINT ck_order_items_refunded_quantity CHECK (refunded_quantity BETWEEN 0 AND quantity),
    CONSTRAINT ck_order_items_total_amount CHECK (net_amount + tax_amount = total_amount),
    CONSTRAINT ck_order_items_item CHECK (num_nonnulls(product_id, service_id, subscription_plan_id) = (item_type <>
        'shipping')::int)
);
CREATE UNIQUE INDEX uq_order_items_order_id ON order_items (order_id, position);
CREATE INDEX idx_order_items_order_id ON order_items (order_id, item_type);
CREATE INDEX idx_order_items_product_id ON order_items (product_id);
CREATE INDEX idx_order_items_service_id ON order_items (service_id);
CREATE INDEX idx_order_items_subscription_plan_id ON order_items (subscription_plan_id);
CREATE INDEX idx_order_items_user_id ON order_items (user_id);

CREATE TABLE order_events (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    note bytea,
    actor_id uuid,
    actor_role text NOT NULL,
    request_id text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_order_events PRIMARY KEY (id),
    CONSTRAINT fk_order_events_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id)
);
CREATE INDEX idx_order_events_order_id ON order_events (order_id, id);
CREATE INDEX idx_order_events_user_id ON order_events (user_id);

CREATE TABLE order_tokens (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    is_once boolean DEFAULT false NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_order_tokens PRIMARY KEY (id),
    CONSTRAINT uq_order_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_order_tokens_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id)
);
CREATE INDEX idx_order_tokens_order_id ON order_tokens (order_id);
CREATE INDEX idx_order_tokens_user_id ON order_tokens (user_id);
"""

FULFILMENT = """
CREATE DOMAIN fulfilment_kind AS text CONSTRAINT ck_fulfilment_kind CHECK (VALUE = ANY (
    '{ship,pickup,attend,activate}'));
CREATE TABLE fulfilments (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind fulfilment_kind NOT NULL,
    carrier text,
    tracking_number text,
    tracking_url text,
    fulfilled_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_fulfilments PRIMARY KEY (id),
    CONSTRAINT uq_fulfilments_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_fulfilments_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id)
);
CREATE INDEX idx_fulfilments_order_id ON fulfilments (order_id);
CREATE INDEX idx_fulfilments_user_id ON fulfilments (user_id);

CREATE TABLE fulfilment_items (
    id uuid NOT NULL,
    fulfilment_id uuid NOT NULL,
    order_item_id uuid NOT NULL,
    user_id uuid NOT NULL,
    quantity positive_integer NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_fulfilment_items PRIMARY KEY (id),
    CONSTRAINT uq_fulfilment_items_fulfilment_id_order_item_id UNIQUE (fulfilment_id, order_item_id),
    CONSTRAINT fk_fulfilment_items_fulfilments FOREIGN KEY (fulfilment_id, user_id) REFERENCES fulfilments (id,
        user_id),
    CONSTRAINT fk_fulfilment_items_order_items FOREIGN KEY (order_item_id, user_id) REFERENCES order_items (id,
        user_id)
);
CREATE INDEX idx_fulfilment_items_order_item_id ON fulfilment_items (order_item_id);
CREATE INDEX idx_fulfilment_items_user_id ON fulfilment_items (user_id);

CREATE TABLE downloads (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    order_item_id uuid NOT NULL,
    digital_file_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    download_limit integer DEFAULT 5 NOT NULL,
    download_count integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_downloads PRIMARY KEY (id),
    CONSTRAINT uq_downloads_order_item_id_digital_file_id UNIQUE (order_item_id, digital_file_id),
    CONSTRAINT uq_downloads_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_downloads_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_downloads_order_items FOREIGN KEY (order_item_id, user_id) REFERENCES order_items (id, user_id),
    CONSTRAINT fk_downloads_digital_files FOREIGN KEY (digital_file_id) REFERENCES digital_files (id),
    CONSTRAINT ck_downloads_download_count CHECK (download_count BETWEEN 0 AND download_limit)
);
CREATE INDEX idx_downloads_digital_file_id ON downloads (digital_file_id);
CREATE INDEX idx_downloads_order_id ON downloads (order_id);
CREATE INDEX idx_downloads_user_id ON downloads (user_id);
"""

INVOICES = """
CREATE DOMAIN invoice_kind AS text CONSTRAINT ck_invoice_kind CHECK (VALUE = ANY ('{invoice,credit_note}'));
CREATE TABLE invoices (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind invoice_kind NOT NULL,
    series text NOT NULL,
    number integer NOT NULL,
    issued_on date NOT NULL,
    currency currency_code NOT NULL,
    net_amount amount NOT NULL,
    tax_amount amount NOT NULL,
    total_amount amount NOT NULL,
    lines jsonb NOT NULL,
    recipient bytea,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_invoices PRIMARY KEY (id),
    CONSTRAINT uq_invoices_series_number UNIQUE (series, number),
    CONSTRAINT fk_invoices_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id)
);
CREATE INDEX idx_invoices_order_id ON invoices (order_id);
CREATE INDEX idx_invoices_user_id ON invoices (user_id);

CREATE TABLE invoice_counters (
    series text NOT NULL,
    CONSTRAINT pk_invoice_counters PRIMARY KEY (series)
);
"""

PAYMENTS = """
CREATE DOMAIN payment_method_type AS text CONSTRAINT ck_payment_method_type CHECK (VALUE = ANY (
    '{card,bank_account,paypal,apple_pay,google_pay,crypto}'));
CREATE DOMAIN payment_provider AS text CONSTRAINT ck_payment_provider CHECK (VALUE = ANY (
    '{stripe,paypal,square,razorpay,sandbox}'));
CREATE TABLE payment_methods (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    type payment_method_type NOT NULL,
    provider payment_provider NOT NULL,
    provider_customer_id bytea,
    provider_token bytea,
    fingerprint bytea,
    brand text,
    last4 text,
    expires_month integer,
    expires_year integer,
    is_default boolean DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_payment_methods PRIMARY KEY (id),
    CONSTRAINT uq_payment_methods_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_payment_methods_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_payment_methods_provider_token CHECK (provider_token IS NOT NULL OR deleted_at IS NOT NULL),
    CONSTRAINT ck_payment_methods_last4 CHECK (last4 ~ '^[0-9]{4}$')
);
CREATE UNIQUE INDEX uq_payment_methods_default ON payment_methods (user_id) WHERE is_default AND deleted_at IS NULL;
CREATE INDEX idx_payment_methods_user_id ON payment_methods (user_id);

CREATE DOMAIN payment_status AS text CONSTRAINT ck_payment_status CHECK (VALUE = ANY (
    '{pending,requires_action,processing,authorized,captured,partially_captured,partially_refunded,
    refunded,voided,expired,failed,disputed,overcharged}'));
CREATE TABLE payments (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    tender integer DEFAULT 1 NOT NULL,
    provider payment_provider NOT NULL,
    provider_payment_id text,
    payment_method_id uuid,
    method_type payment_method_type,
    status payment_status DEFAULT 'pending' NOT NULL,
    currency currency_code NOT NULL,
    amount amount NOT NULL,
    authorized_amount amount DEFAULT 0 NOT NULL,
    captured_amount amount DEFAULT 0 NOT NULL,
    refunded_amount amount DEFAULT 0 NOT NULL,
    failure_code text,
    failure_message text,
    processed_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_payments PRIMARY KEY (id),
    CONSTRAINT uq_payments_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_payments_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_payments_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_payments_payment_methods FOREIGN KEY (payment_method_id) REFERENCES payment_methods (id),
    CONSTRAINT ck_payments_refunded_amount CHECK (refunded_amount <= captured_amount)
);
CREATE UNIQUE INDEX uq_payments_order_id ON payments (order_id, tender);
CREATE INDEX idx_payments_order_id ON payments (order_id);
CREATE INDEX idx_payments_payment_method_id ON payments (payment_method_id);
CREATE INDEX idx_payments_provider ON payments (provider);
CREATE INDEX idx_payments_provider_payment_id ON payments (provider_payment_id);
CREATE INDEX idx_payments_status ON payments (status);
CREATE INDEX idx_payments_user_id ON payments (user_id, status);

CREATE DOMAIN payment_attempt_status AS text CONSTRAINT ck_payment_attempt_status CHECK (VALUE = ANY (
    '{sending,unknown,requires_action,processing,succeeded,failed,abandoned}'));
CREATE TABLE payment_attempts (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    tender integer DEFAULT 1 NOT NULL,
    number integer NOT NULL,
    status payment_attempt_status DEFAULT 'sending' NOT NULL,
    provider_payment_id text,
    captured_amount amount DEFAULT 0 NOT NULL,
    action jsonb,
    failure_code text,
    failure_message text,
    checked_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_payment_attempts PRIMARY KEY (id),
    CONSTRAINT uq_payment_attempts_payment_id_number UNIQUE (payment_id, number),
    CONSTRAINT fk_payment_attempts_payments FOREIGN KEY (payment_id, user_id) REFERENCES payments (id, user_id),
    CONSTRAINT fk_payment_attempts_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id)
);
CREATE UNIQUE INDEX uq_payment_attempts_open ON payment_attempts (order_id, tender) WHERE status IN ('sending',
    'unknown', 'requires_action', 'processing');
CREATE INDEX idx_payment_attempts_order_id ON payment_attempts (order_id);
CREATE INDEX idx_payment_attempts_status ON payment_attempts (status, created_at) WHERE status IN ('sending',
    'unknown', 'requires_action', 'processing');
CREATE INDEX idx_payment_attempts_user_id ON payment_attempts (user_id);

CREATE DOMAIN payment_event_kind AS text CONSTRAINT ck_payment_event_kind CHECK (VALUE = ANY (
    '{authorized,captured,failed,requires_action,processing,voided,expired,refund_pending,refunded,
    refund_failed,disputed,dispute_won,dispute_lost}'));
CREATE TABLE payment_events (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider_reference text NOT NULL,
    kind payment_event_kind NOT NULL,
    amount amount DEFAULT 0 NOT NULL,
    currency currency_code NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_payment_events PRIMARY KEY (id),
    CONSTRAINT uq_payment_events_payment_id_provider_reference_kind UNIQUE (payment_id, provider_reference, kind),
    CONSTRAINT fk_payment_events_payments FOREIGN KEY (payment_id, user_id) REFERENCES payments (id, user_id)
);
CREATE INDEX idx_payment_events_user_id ON payment_events (user_id);

CREATE TABLE payment_references (
    provider text NOT NULL,
    provider_payment_id text NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT pk_payment_references PRIMARY KEY (provider, provider_payment_id),
    CONSTRAINT fk_payment_references_payments FOREIGN KEY (payment_id, user_id) REFERENCES payments (id, user_id)
);
CREATE INDEX idx_payment_references_payment_id ON payment_references (payment_id);

CREATE DOMAIN refund_status AS text CONSTRAINT ck_refund_status CHECK (VALUE = ANY (
    '{pending,succeeded,failed,canceled}'));
CREATE TABLE refunds (
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    user_id uuid NOT NULL,
    amount amount NOT NULL,
    currency currency_code NOT NULL,
    status refund_status DEFAULT 'pending' NOT NULL,
    reason cancel_reason,
    lines jsonb DEFAULT '[]'::jsonb NOT NULL,
    provider_payment_id text,
    provider_refund_id text,
    failure_code text,
    checked_at timestamptz,
    processed_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_refunds PRIMARY KEY (id),
    CONSTRAINT fk_refunds_payments FOREIGN KEY (payment_id, user_id) REFERENCES payments (id, user_id),
    CONSTRAINT fk_refunds_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT ck_refunds_amount CHECK (amount > 0.0)
);
CREATE INDEX idx_refunds_order_id ON refunds (order_id);
CREATE INDEX idx_refunds_payment_id ON refunds (payment_id);
CREATE INDEX idx_refunds_status ON refunds (status);
CREATE INDEX idx_refunds_user_id ON refunds (user_id);

CREATE TABLE sandbox_payments (
    id text NOT NULL,
    idempotency_key text NOT NULL,
    request jsonb NOT NULL,
    reference text NOT NULL,
    status text NOT NULL,
    amount bigint NOT NULL,
    captured bigint NOT NULL,
    refunded bigint NOT NULL,
    currency text NOT NULL,
    decline_code text,
    card jsonb NOT NULL,
    return_url text,
    refunds jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_sandbox_payments PRIMARY KEY (id),
    CONSTRAINT uq_sandbox_payments_idempotency_key UNIQUE (idempotency_key)
);
"""

DROP = """
DROP TABLE sandbox_payments, refunds, payment_references, payment_events, payment_attempts, payments,
    payment_methods, invoice_counters, invoices, downloads, fulfilment_items, fulfilments, order_tokens,
    order_events, order_items, orders;
DROP DOMAIN instant, order_status, order_payment_status, order_fulfilment_status, order_type, cancel_reason,
    order_item_type, fulfilment_kind, invoice_kind, payment_method_type, payment_provider, payment_status,
    payment_attempt_status, payment_event_kind, refund_status;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(
        TIMEOUTS,
        ORDERS,
        PARTITIONS,
        ORDER_LINES,
        FULFILMENT,
        INVOICES,
        PAYMENTS,
        *(TOUCH.format(table) for table in TOUCHED.split()),
    )


def downgrade() -> None:
    run(TIMEOUTS, DROP)
