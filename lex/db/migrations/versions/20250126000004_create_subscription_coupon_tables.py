"""Plans and subscriptions, coupons and their use.

Revision ID: 20250126000004
Revises: 20250126000003
"""

from alembic import op

revision = "20250126000004"
down_revision = "20250126000003"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TOUCHED = "subscription_plans subscriptions coupons"
TOUCH = "CREATE TRIGGER tr_{0}_touch BEFORE UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"

# Lines of carts and orders may be plans; their tables are older than the plans.
LINES = """
ALTER TABLE order_items ADD CONSTRAINT fk_order_items_subscription_plans
    FOREIGN KEY (subscription_plan_id) REFERENCES subscription_plans (id);
ALTER TABLE cart_items ADD CONSTRAINT fk_cart_items_subscription_plans
    FOREIGN KEY (subscription_plan_id) REFERENCES subscription_plans (id);
"""

# Without the plans, lines that name one would point nowhere and the way up would be blocked.
UNLINES = """
ALTER TABLE cart_items DROP CONSTRAINT fk_cart_items_subscription_plans;
ALTER TABLE order_items DROP CONSTRAINT fk_order_items_subscription_plans;
DELETE FROM cart_items WHERE subscription_plan_id IS NOT NULL;
DELETE FROM fulfilment_items f USING order_items i
    WHERE i.id = f.order_item_id AND i.subscription_plan_id IS NOT NULL;
DELETE FROM order_items WHERE subscription_plan_id IS NOT NULL;
"""

PLANS = """
CREATE DOMAIN billing_interval AS text CONSTRAINT ck_billing_interval CHECK (VALUE = ANY ('{day,week,month,year}'));
CREATE TABLE subscription_plans (
    id uuid NOT NULL,
    slug slug NOT NULL,
    name text NOT NULL,
    description text,
    price amount NOT NULL,
    tax_class text DEFAULT 'standard' NOT NULL,
    billing_interval billing_interval NOT NULL,
    interval_count positive_integer DEFAULT 1 NOT NULL,
    trial_days non_negative_integer DEFAULT 0 NOT NULL,
    features jsonb DEFAULT '[]'::jsonb NOT NULL,
    images jsonb DEFAULT '[]'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    previous_version_id uuid,
    is_current boolean DEFAULT true NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    "order" integer DEFAULT 0 NOT NULL,
    search tsvector GENERATED ALWAYS AS (setweight(to_tsvector('public.lex_text'::regconfig, name), 'A') ||
        setweight(to_tsvector('public.lex_text'::regconfig, coalesce(description, '')), 'D')) STORED NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_subscription_plans PRIMARY KEY (id),
    CONSTRAINT fk_subscription_plans_subscription_plans FOREIGN KEY (previous_version_id) REFERENCES
        subscription_plans (id)
);
CREATE UNIQUE INDEX uq_subscription_plans_slug ON subscription_plans (slug) WHERE deleted_at IS NULL AND is_current;
CREATE INDEX idx_subscription_plans_features ON subscription_plans USING gin (features jsonb_path_ops);
CREATE INDEX idx_subscription_plans_name ON subscription_plans USING gin (name gin_trgm_ops);
CREATE INDEX idx_subscription_plans_previous_version_id ON subscription_plans (previous_version_id);
CREATE INDEX idx_subscription_plans_search ON subscription_plans USING gin (search);
CREATE INDEX idx_subscription_plans_slug ON subscription_plans (slug);
"""

SUBSCRIPTIONS = """
CREATE DOMAIN subscription_status AS text CONSTRAINT ck_subscription_status CHECK (VALUE = ANY (
    '{incomplete,incomplete_expired,trialing,active,past_due,unpaid,paused,canceled}'));
CREATE TABLE subscriptions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    payment_method_id uuid,
    status subscription_status NOT NULL,
    timezone text DEFAULT 'UTC' NOT NULL,
    anchor_at timestamptz NOT NULL,
    cycle non_negative_integer DEFAULT 0 NOT NULL,
    current_period_start timestamptz NOT NULL,
    current_period_end timestamptz NOT NULL,
    trial_start timestamptz,
    trial_end timestamptz,
    cancel_at_period_end boolean DEFAULT false NOT NULL,
    pause_at_period_end boolean DEFAULT false NOT NULL,
    payment_collection_paused boolean DEFAULT false NOT NULL,
    pending_update jsonb,
    paused_at timestamptz,
    resumes_at timestamptz,
    canceled_at timestamptz,
    ended_at timestamptz,
    next_action_at timestamptz,
    locked_until timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_subscriptions PRIMARY KEY (id),
    CONSTRAINT uq_subscriptions_id_user_id UNIQUE (id, user_id),
    CONSTRAINT fk_subscriptions_payment_methods FOREIGN KEY (payment_method_id, user_id) REFERENCES payment_methods
        (id, user_id),
    CONSTRAINT fk_subscriptions_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT fk_subscriptions_subscription_plans FOREIGN KEY (plan_id) REFERENCES subscription_plans (id),
    CONSTRAINT ck_subscriptions_current_period_end CHECK (current_period_end > current_period_start)
);
CREATE INDEX idx_subscriptions_current_period_end ON subscriptions (current_period_end);
CREATE INDEX idx_subscriptions_next_action_at ON subscriptions (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX idx_subscriptions_payment_method_id ON subscriptions (payment_method_id);
CREATE INDEX idx_subscriptions_plan_id ON subscriptions (plan_id);
CREATE INDEX idx_subscriptions_status ON subscriptions (status);
CREATE INDEX idx_subscriptions_user_id ON subscriptions (user_id);

CREATE DOMAIN subscription_period_kind AS text CONSTRAINT ck_subscription_period_kind CHECK (VALUE = ANY (
    '{renewal,trial,proration}'));
CREATE TABLE subscription_periods (
    id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    user_id uuid NOT NULL,
    order_id uuid,
    kind subscription_period_kind NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_subscription_periods PRIMARY KEY (id),
    CONSTRAINT uq_subscription_periods_subscription_id_period_start_kind UNIQUE (subscription_id, period_start,
        kind),
    CONSTRAINT fk_subscription_periods_subscriptions FOREIGN KEY (subscription_id, user_id) REFERENCES subscriptions
        (id, user_id),
    CONSTRAINT fk_subscription_periods_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id)
);
CREATE INDEX idx_subscription_periods_order_id ON subscription_periods (order_id);
CREATE INDEX idx_subscription_periods_user_id ON subscription_periods (user_id);

CREATE TABLE subscription_events (
    id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    user_id uuid NOT NULL,
    from_status text,
    to_status text NOT NULL,
    trigger text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_subscription_events PRIMARY KEY (id),
    CONSTRAINT fk_subscription_events_subscriptions FOREIGN KEY (subscription_id, user_id) REFERENCES subscriptions
        (id, user_id)
);
CREATE INDEX idx_subscription_events_subscription_id ON subscription_events (subscription_id, id);
CREATE INDEX idx_subscription_events_user_id ON subscription_events (user_id);
"""

COUPONS = """
CREATE DOMAIN coupon_type AS text CONSTRAINT ck_coupon_type CHECK (VALUE = ANY (
    '{fixed,percentage,free_shipping,buy_x_get_y}'));
CREATE TABLE coupons (
    id uuid NOT NULL,
    code text NOT NULL,
    name text,
    type coupon_type NOT NULL,
    amount amount,
    percentage percentage,
    buy_quantity positive_integer,
    get_quantity positive_integer,
    minimum_amount amount,
    starts_at instant,
    ends_at instant,
    usage_limit positive_integer,
    usage_limit_per_customer positive_integer,
    used_count integer DEFAULT 0 NOT NULL,
    is_stackable boolean DEFAULT false NOT NULL,
    is_exclusive boolean DEFAULT false NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    scope jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_bulk boolean DEFAULT false NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_coupons PRIMARY KEY (id),
    CONSTRAINT ck_coupons_code CHECK (code ~ '^[A-Z0-9][A-Z0-9_-]{0,63}$'),
    CONSTRAINT ck_coupons_type_amount CHECK ((type = 'fixed') = (amount IS NOT NULL)),
    CONSTRAINT ck_coupons_type_percentage CHECK ((type = 'percentage') = (percentage IS NOT NULL)),
    CONSTRAINT ck_coupons_type_quantity CHECK (num_nonnulls(buy_quantity, get_quantity)
        = 2 * (type = 'buy_x_get_y')::int),
    CONSTRAINT ck_coupons_ends_at CHECK (ends_at > starts_at),
    CONSTRAINT ck_coupons_used_count CHECK (used_count >= 0 AND used_count <= usage_limit)
);
CREATE UNIQUE INDEX uq_coupons_code ON coupons (code) WHERE deleted_at IS NULL;
CREATE INDEX idx_coupons_code ON coupons (code);
CREATE INDEX idx_coupons_ends_at ON coupons (ends_at);
CREATE INDEX idx_coupons_scope ON coupons USING gin (scope jsonb_path_ops);

CREATE TABLE coupon_codes (
    id uuid NOT NULL,
    coupon_id uuid NOT NULL,
    code text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_coupon_codes PRIMARY KEY (id),
    CONSTRAINT uq_coupon_codes_code UNIQUE (code),
    CONSTRAINT uq_coupon_codes_coupon_id_id UNIQUE (coupon_id, id),
    CONSTRAINT fk_coupon_codes_coupons FOREIGN KEY (coupon_id) REFERENCES coupons (id),
    CONSTRAINT ck_coupon_codes_code CHECK (code ~ '^[A-Z0-9][A-Z0-9_-]{0,63}$')
);

CREATE DOMAIN coupon_usage_status AS text CONSTRAINT ck_coupon_usage_status CHECK (VALUE = ANY (
    '{held,redeemed,released}'));
CREATE TABLE coupon_usages (
    id uuid NOT NULL,
    coupon_id uuid NOT NULL,
    coupon_code_id uuid,
    user_id uuid NOT NULL,
    order_id uuid NOT NULL,
    email_blind_index bytea,
    amount amount NOT NULL,
    status coupon_usage_status NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_coupon_usages PRIMARY KEY (id),
    CONSTRAINT fk_coupon_usages_orders FOREIGN KEY (order_id, user_id) REFERENCES orders (id, user_id),
    CONSTRAINT fk_coupon_usages_coupons FOREIGN KEY (coupon_id) REFERENCES coupons (id),
    CONSTRAINT fk_coupon_usages_coupon_codes FOREIGN KEY (coupon_id, coupon_code_id) REFERENCES coupon_codes
        (coupon_id, id),
    CONSTRAINT fk_coupon_usages_users FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE UNIQUE INDEX uq_coupon_usages_order_id ON coupon_usages (order_id, coupon_id);
CREATE UNIQUE INDEX uq_coupon_usages_coupon_code_id ON coupon_usages (coupon_code_id) WHERE status <> 'released';
CREATE INDEX idx_coupon_usages_coupon_id ON coupon_usages (coupon_id, status);
CREATE INDEX idx_coupon_usages_email ON coupon_usages (coupon_id, email_blind_index);
CREATE INDEX idx_coupon_usages_user_id ON coupon_usages (user_id);
"""

DROP = """
DROP TABLE coupon_usages, coupon_codes, coupons, subscription_events, subscription_periods, subscriptions,
    subscription_plans;
DROP DOMAIN billing_interval, subscription_status, subscription_period_kind, coupon_type, coupon_usage_status;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, PLANS, SUBSCRIPTIONS, COUPONS, LINES, *(TOUCH.format(table) for table in TOUCHED.split()))


def downgrade() -> None:
    run(TIMEOUTS, UNLINES, DROP)
