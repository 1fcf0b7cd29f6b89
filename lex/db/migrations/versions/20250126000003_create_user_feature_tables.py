"""Addresses, carts, bookings, reviews, notifications and the audit trail, partitioned by month.

Revision ID: 20250126000003
Revises: 20250126000002
"""

from alembic import op

revision = "20250126000003"
down_revision = "20250126000002"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TOUCHED = "addresses carts cart_items bookings reviews notifications"
TOUCH = "CREATE TRIGGER tr_{0}_touch BEFORE UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"

# From the previous month to six ahead. Later ones are made by the daily job (lex/ops/partitions.py). A long entry stays
# in its page: what is written of an order is ciphertext, which takes longest to compress and gets no smaller.
PARTITIONS = """
DO $$
DECLARE
    first timestamp := date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month';
    lower timestamp;
BEGIN
    FOR lower IN SELECT generate_series(first, first + interval '7 months', interval '1 month') LOOP
        EXECUTE format(
            'CREATE TABLE public.%I PARTITION OF public.audit_logs FOR VALUES FROM (%L) TO (%L)'
            ' WITH (toast_tuple_target = 8160)',
            'audit_logs_p' || to_char(lower, 'YYYYMM'),
            public.uuid_v7_floor(lower AT TIME ZONE 'UTC'),
            public.uuid_v7_floor((lower + interval '1 month') AT TIME ZONE 'UTC')
        );
    END LOOP;
END
$$;
"""

ADDRESSES = """
CREATE DOMAIN address_type AS text CONSTRAINT ck_address_type CHECK (VALUE = ANY ('{billing,shipping,both}'));
CREATE TABLE addresses (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    type address_type DEFAULT 'both' NOT NULL,
    recipient_name bytea NOT NULL,
    company bytea,
    line1 bytea NOT NULL,
    line2 bytea,
    phone bytea,
    city text NOT NULL,
    region text,
    postal_code text,
    country country_code NOT NULL,
    is_default_billing boolean DEFAULT false NOT NULL,
    is_default_shipping boolean DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_addresses PRIMARY KEY (id),
    CONSTRAINT uq_addresses_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_addresses_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_addresses_default CHECK (NOT (is_default_billing AND type = 'shipping'
        OR is_default_shipping AND type = 'billing'))
);
CREATE UNIQUE INDEX uq_addresses_default_billing ON addresses (user_id) WHERE is_default_billing AND deleted_at IS
    NULL;
CREATE UNIQUE INDEX uq_addresses_default_shipping ON addresses (user_id) WHERE is_default_shipping AND deleted_at IS
    NULL;
CREATE INDEX idx_addresses_user_id ON addresses (user_id);
"""

CARTS = """
CREATE DOMAIN cart_status AS text CONSTRAINT ck_cart_status CHECK (VALUE = ANY ('{open,placed,merged,expired}'));
CREATE TABLE carts (
    id uuid NOT NULL,
    user_id uuid,
    token_hash bytea,
    status cart_status DEFAULT 'open' NOT NULL,
    currency currency_code NOT NULL,
    country country_code,
    billing_country country_code,
    shipping_method_id uuid,
    seen_shipping jsonb,
    coupon_codes text[] DEFAULT '{}'::text[] NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    order_id uuid,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_carts PRIMARY KEY (id),
    CONSTRAINT uq_carts_id_user_id UNIQUE (id, user_id),
    CONSTRAINT uq_carts_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_carts_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_carts_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_carts_shipping_methods FOREIGN KEY (shipping_method_id) REFERENCES shipping_methods (id),
    CONSTRAINT ck_carts_owner CHECK (user_id IS NOT NULL OR token_hash IS NOT NULL),
    CONSTRAINT ck_carts_order_id CHECK ((status = 'placed') = (order_id IS NOT NULL)
        AND (order_id IS NULL OR user_id IS NOT NULL))
);
CREATE UNIQUE INDEX uq_carts_user_id ON carts (user_id) WHERE status = 'open' AND deleted_at IS NULL;
CREATE INDEX idx_carts_expires_at ON carts (expires_at) WHERE status = 'open';
CREATE INDEX idx_carts_order_id ON carts (order_id);
CREATE INDEX idx_carts_shipping_method_id ON carts (shipping_method_id);
CREATE INDEX idx_carts_user_id ON carts (user_id);

CREATE DOMAIN cart_item_type AS text CONSTRAINT ck_cart_item_type CHECK (VALUE = ANY ('{product,service,plan}'));
CREATE TABLE cart_items (
    id uuid NOT NULL,
    cart_id uuid NOT NULL,
    user_id uuid,
    item_type cart_item_type NOT NULL,
    product_id uuid,
    service_id uuid,
    subscription_plan_id uuid,
    quantity integer NOT NULL,
    seen_price amount NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_cart_items PRIMARY KEY (id),
    CONSTRAINT fk_cart_items_carts_user FOREIGN KEY (cart_id, user_id) REFERENCES carts (id, user_id) ON UPDATE
        CASCADE,
    CONSTRAINT fk_cart_items_carts FOREIGN KEY (cart_id) REFERENCES carts (id),
    CONSTRAINT fk_cart_items_products FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT fk_cart_items_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT ck_cart_items_quantity CHECK (quantity BETWEEN 1 AND 9999),
    CONSTRAINT ck_cart_items_item CHECK (num_nonnulls(product_id, service_id, subscription_plan_id) = 1)
);
CREATE UNIQUE INDEX uq_cart_items_product_id ON cart_items (cart_id, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX idx_cart_items_cart_id ON cart_items (cart_id, id);
CREATE INDEX idx_cart_items_product_id ON cart_items (product_id);
CREATE INDEX idx_cart_items_service_id ON cart_items (service_id);
CREATE INDEX idx_cart_items_subscription_plan_id ON cart_items (subscription_plan_id);
CREATE INDEX idx_cart_items_user_id ON cart_items (user_id);
"""

BOOKINGS = """
CREATE TABLE service_slots (
    id uuid NOT NULL,
    service_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    capacity integer NOT NULL,
    booked integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_service_slots PRIMARY KEY (id),
    CONSTRAINT uq_service_slots_service_id_starts_at UNIQUE (service_id, starts_at),
    CONSTRAINT uq_service_slots_id_service_id_starts_at UNIQUE (id, service_id, starts_at),
    CONSTRAINT fk_service_slots_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT ck_service_slots_booked CHECK (booked BETWEEN 0 AND capacity)
);

CREATE TABLE service_days (
    service_id uuid NOT NULL,
    on_date date NOT NULL,
    capacity integer,
    booked integer DEFAULT 0 NOT NULL,
    CONSTRAINT pk_service_days PRIMARY KEY (service_id, on_date),
    CONSTRAINT fk_service_days_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT ck_service_days_booked CHECK (booked BETWEEN 0 AND capacity)
);

CREATE DOMAIN occupancy_status AS text CONSTRAINT ck_occupancy_status CHECK (VALUE = ANY (
    '{held,pending,confirmed,released}'));
CREATE TABLE occupancies (
    id uuid NOT NULL,
    resource_id uuid NOT NULL,
    occupied tstzrange NOT NULL,
    status occupancy_status NOT NULL,
    booking_id uuid,
    expires_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_occupancies PRIMARY KEY (id),
    CONSTRAINT fk_occupancies_resources FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT ck_occupancies_occupied CHECK (NOT isempty(occupied)),
    CONSTRAINT ex_occupancies_resource_id_occupied EXCLUDE USING gist (resource_id WITH =, occupied WITH &&) WHERE
        (status IN ('held', 'pending', 'confirmed'))
);
CREATE INDEX idx_occupancies_booking_id ON occupancies (booking_id);
CREATE INDEX idx_occupancies_expires_at ON occupancies (expires_at) WHERE status = 'held';
CREATE INDEX idx_occupancies_resource_id ON occupancies (resource_id);

CREATE DOMAIN booking_status AS text CONSTRAINT ck_booking_status CHECK (VALUE = ANY (
    '{held,pending,confirmed,completed,no_show,canceled}'));
CREATE TABLE bookings (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    order_id uuid,
    order_item_id uuid,
    service_id uuid NOT NULL,
    resource_id uuid,
    service_slot_id uuid,
    status booking_status NOT NULL,
    starts_at instant NOT NULL,
    ends_at instant NOT NULL,
    timezone text NOT NULL,
    seats positive_integer DEFAULT 1 NOT NULL,
    uid text NOT NULL,
    sequence integer DEFAULT 0 NOT NULL,
    notes bytea,
    expires_at timestamptz,
    canceled_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_bookings PRIMARY KEY (id),
    CONSTRAINT uq_bookings_id_user_id UNIQUE (id, user_id),
    CONSTRAINT uq_bookings_uid UNIQUE (uid),
    CONSTRAINT fk_bookings_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_bookings_order_items FOREIGN KEY (order_item_id, user_id) REFERENCES order_items (id, user_id),
    CONSTRAINT fk_bookings_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_bookings_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT fk_bookings_resources FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT fk_bookings_service_slots FOREIGN KEY (service_slot_id, service_id, starts_at)
        REFERENCES service_slots (id, service_id, starts_at) DEFERRABLE,
    CONSTRAINT ck_bookings_ends_at CHECK (ends_at > starts_at),
    CONSTRAINT ck_bookings_place CHECK (num_nonnulls(resource_id, service_slot_id) > 0),
    CONSTRAINT ck_bookings_deleted_at CHECK (deleted_at IS NULL OR status IN ('completed', 'no_show', 'canceled'))
);
CREATE INDEX idx_bookings_order_id ON bookings (order_id);
CREATE INDEX idx_bookings_order_item_id ON bookings (order_item_id);
CREATE INDEX idx_bookings_resource_id ON bookings (resource_id, starts_at);
CREATE INDEX idx_bookings_service_id ON bookings (service_id, starts_at);
CREATE INDEX idx_bookings_service_slot_id ON bookings (service_slot_id);
CREATE INDEX idx_bookings_status ON bookings (status);
CREATE INDEX idx_bookings_user_id ON bookings (user_id, starts_at);
"""

REVIEWS = """
CREATE DOMAIN review_status AS text CONSTRAINT ck_review_status CHECK (VALUE = ANY ('{pending,approved,rejected}'));
CREATE TABLE reviews (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    product_id uuid,
    service_id uuid,
    order_item_id uuid,
    rating smallint NOT NULL,
    title text,
    body text,
    status review_status DEFAULT 'pending' NOT NULL,
    is_verified_purchase boolean DEFAULT false NOT NULL,
    moderated_by uuid,
    moderated_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_reviews PRIMARY KEY (id),
    CONSTRAINT fk_reviews_order_items FOREIGN KEY (order_item_id, user_id) REFERENCES order_items (id, user_id),
    CONSTRAINT fk_reviews_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_reviews_products FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT fk_reviews_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT fk_reviews_moderators FOREIGN KEY (moderated_by) REFERENCES users (id),
    CONSTRAINT ck_reviews_rating CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT ck_reviews_item CHECK (num_nonnulls(product_id, service_id) = 1),
    CONSTRAINT ck_reviews_moderated_at CHECK ((status = 'pending') = (moderated_at IS NULL) AND
        (status = 'pending') = (moderated_by IS NULL))
);
CREATE UNIQUE INDEX uq_reviews_product_id ON reviews (user_id, product_id) WHERE product_id IS NOT NULL AND
    deleted_at IS NULL;
CREATE UNIQUE INDEX uq_reviews_service_id ON reviews (user_id, service_id) WHERE service_id IS NOT NULL AND
    deleted_at IS NULL;
CREATE INDEX idx_reviews_moderated_by ON reviews (moderated_by);
CREATE INDEX idx_reviews_order_item_id ON reviews (order_item_id);
CREATE INDEX idx_reviews_product_id ON reviews (product_id, status, rating);
CREATE INDEX idx_reviews_service_id ON reviews (service_id, status, rating);
CREATE INDEX idx_reviews_status ON reviews (status, created_at);
CREATE INDEX idx_reviews_user_id ON reviews (user_id);
"""

NOTIFICATIONS = """
CREATE DOMAIN notification_channel AS text CONSTRAINT ck_notification_channel CHECK (VALUE = ANY (
    '{in_app,email,sms,push}'));
CREATE DOMAIN notification_priority AS text CONSTRAINT ck_notification_priority CHECK (VALUE = ANY (
    '{low,normal,high,urgent}'));
CREATE DOMAIN notification_status AS text CONSTRAINT ck_notification_status CHECK (VALUE = ANY (
    '{pending,sent,failed,expired}'));
CREATE TABLE notifications (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    order_id uuid,
    channel notification_channel NOT NULL,
    template text NOT NULL,
    priority notification_priority DEFAULT 'normal' NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_marketing boolean DEFAULT false NOT NULL,
    status notification_status DEFAULT 'pending' NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    is_read boolean DEFAULT false NOT NULL,
    read_at timestamptz,
    sent_at timestamptz,
    expires_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_notifications PRIMARY KEY (id),
    CONSTRAINT fk_notifications_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_notifications_users FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX idx_notifications_order_id ON notifications (order_id);
CREATE INDEX idx_notifications_status ON notifications (created_at) WHERE status = 'pending';
CREATE INDEX idx_notifications_user_id ON notifications (user_id, is_read, created_at);
"""

AUDIT = """
CREATE TABLE audit_logs (
    id uuid NOT NULL,
    user_id uuid,
    acted_by uuid,
    role text,
    request_id text,
    ip_address inet,
    action text NOT NULL,
    resource text NOT NULL,
    resource_id text,
    changes jsonb NOT NULL,
    database_user text DEFAULT session_user NOT NULL,
    transaction_id bigint DEFAULT (pg_current_xact_id()::text)::bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_audit_logs PRIMARY KEY (id)
) PARTITION BY RANGE (id);
-- Nearly every row is an insert or an update: those are found by their time, only the rest needs an index by action.
CREATE INDEX idx_audit_logs_action ON audit_logs (action, id DESC) WHERE action <> ALL (ARRAY['insert', 'update']);
-- Hardly any row is of one of the staff who acts for somebody else.
CREATE INDEX idx_audit_logs_acted_by ON audit_logs (acted_by, id DESC) WHERE acted_by IS NOT NULL;
-- Both grow with the table: a range index costs next to nothing where rows are written.
CREATE INDEX idx_audit_logs_created_at ON audit_logs USING brin (created_at, transaction_id);
CREATE INDEX idx_audit_logs_resource ON audit_logs (resource, resource_id, id DESC);
CREATE INDEX idx_audit_logs_user_id ON audit_logs (user_id, id DESC) WHERE user_id IS NOT NULL;
"""

# The seals of the trail and the list of its archives outlive the migration that makes them: they go with it.
DROP = """
DROP TABLE IF EXISTS audit_seals, audit_archives;
DROP TABLE audit_logs, notifications, reviews, bookings, occupancies, service_days, service_slots, cart_items,
    carts, addresses;
DROP DOMAIN
    address_type, cart_status, cart_item_type, occupancy_status, booking_status, review_status,
    notification_channel, notification_priority, notification_status;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(
        TIMEOUTS,
        ADDRESSES,
        CARTS,
        BOOKINGS,
        REVIEWS,
        NOTIFICATIONS,
        AUDIT,
        PARTITIONS,
        *(TOUCH.format(table) for table in TOUCHED.split()),
    )


def downgrade() -> None:
    run(TIMEOUTS, DROP)
