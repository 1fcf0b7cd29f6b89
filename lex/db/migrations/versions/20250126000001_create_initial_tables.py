"""People, catalogue, services, stock, charges and repeated requests, on the functions that ids and triggers need.

Revision ID: 20250126000001
Revises: 20250126000000
"""

from alembic import op

revision = "20250126000001"
down_revision = "20250126000000"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TOUCHED = "users categories products service_categories services resources shipping_methods tax_rates"
TOUCH = "CREATE TRIGGER tr_{0}_touch BEFORE UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"

EXTENSIONS = "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE EXTENSION IF NOT EXISTS btree_gist"

# What a value must be, wherever it stands: lex/db/domains.py says why these are no CHECKs of tables.
DOMAINS = """
CREATE DOMAIN public.amount AS numeric(10, 2) CONSTRAINT ck_amount CHECK (VALUE >= 0 AND VALUE < 'NaN');
COMMENT ON DOMAIN public.amount IS 'money in major units, never negative';
CREATE DOMAIN public.percentage AS numeric(6, 3) CONSTRAINT ck_percentage CHECK (VALUE BETWEEN 0 AND 100);
COMMENT ON DOMAIN public.percentage IS 'percent, 0 to 100';
CREATE DOMAIN public.rating AS numeric(3, 2) CONSTRAINT ck_rating CHECK (VALUE BETWEEN 1 AND 5);
COMMENT ON DOMAIN public.rating IS 'a mean of stars, 1 to 5';
CREATE DOMAIN public.positive_integer AS integer CONSTRAINT ck_positive_integer CHECK (VALUE > 0);
CREATE DOMAIN public.non_negative_integer AS integer CONSTRAINT ck_non_negative_integer CHECK (VALUE >= 0);
CREATE DOMAIN public.slug AS text CONSTRAINT ck_slug CHECK (VALUE ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
COMMENT ON DOMAIN public.slug IS 'small letters and digits, words joined by dashes';
CREATE DOMAIN public.currency_code AS text CONSTRAINT ck_currency_code CHECK (VALUE ~ '^[A-Z]{3}$');
COMMENT ON DOMAIN public.currency_code IS 'ISO 4217';
CREATE DOMAIN public.country_code AS text CONSTRAINT ck_country_code CHECK (VALUE ~ '^[A-Z]{2}$');
COMMENT ON DOMAIN public.country_code IS 'ISO 3166-1 alpha-2';
"""

# In plpgsql, not sql: a check constraint that calls an sql function parses its body anew in every statement.
FUNCTIONS = """
CREATE FUNCTION public.uuid_v7_time(id uuid) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN to_timestamp(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000::double precision);
END
$$;
COMMENT ON FUNCTION public.uuid_v7_time IS 'The instant a UUIDv7 carries, to the millisecond.';
CREATE FUNCTION public.uuid_v7_floor(instant timestamptz) RETURNS uuid LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM instant) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
COMMENT ON FUNCTION public.uuid_v7_floor IS 'The smallest id of an instant: the bound that prunes partitions.';

-- Milliseconds, the version, the fraction of the millisecond, then random bits: the rows of one transaction keep their
-- order. The random numbers are the backend's own: an id need not be hard to guess, and the system's cost more. In SQL,
-- which a plan takes in: a function with plans of its own is planned anew for each search path that it is called under.
CREATE FUNCTION public.uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL RESTRICTED AS $$
    SELECT (overlay(
        lpad(to_hex((date_part('epoch', clock_timestamp()) * 4096000)::bigint), 15, '0') PLACING '7' FROM 13 FOR 0
    ) || to_hex(2147483648 + (random() * 1073741823)::bigint) || lpad(to_hex((random() * 4294967295)::bigint), 8, '0')
    )::uuid
$$;
COMMENT ON FUNCTION public.uuid_v7 IS 'A new id for rows the database itself makes.';

CREATE FUNCTION public.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.touch_updated_at IS 'Keeps the time of the last change.';
"""

PEOPLE = """
CREATE DOMAIN user_role AS text CONSTRAINT ck_user_role CHECK (VALUE = ANY (
    '{super_admin,admin,moderator,user,guest}'));
CREATE TABLE users (
    id uuid NOT NULL,
    email bytea,
    email_blind_index bytea,
    role user_role NOT NULL,
    password text,
    two_factor_enabled boolean DEFAULT false NOT NULL,
    two_factor_secret bytea,
    two_factor_step bigint,
    first_name bytea,
    last_name bytea,
    phone bytea,
    phone_blind_index bytea,
    birth_date bytea,
    notes bytea,
    locale text DEFAULT 'en' NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    email_verified_at timestamptz,
    last_login_at timestamptz,
    preferences jsonb DEFAULT '{}'::jsonb NOT NULL,
    marketing_agreed_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT ck_users_guest_password CHECK (role <> 'guest' OR password IS NULL)
);
CREATE UNIQUE INDEX uq_users_email ON users (email_blind_index) WHERE deleted_at IS NULL AND role <> 'guest';
CREATE INDEX idx_users_created_at ON users (created_at);
CREATE INDEX idx_users_email ON users (email_blind_index);
CREATE INDEX idx_users_is_active ON users (is_active);
CREATE INDEX idx_users_phone ON users (phone_blind_index);
CREATE INDEX idx_users_role ON users (role);

CREATE TABLE person_keys (
    user_id uuid NOT NULL,
    wrapped_key bytea,
    key_id text NOT NULL,
    blind_key_id text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    destroyed_at timestamptz,
    CONSTRAINT pk_person_keys PRIMARY KEY (user_id),
    CONSTRAINT fk_person_keys_users FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT ck_person_keys_destroyed_at CHECK ((wrapped_key IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX idx_person_keys_key_id ON person_keys (key_id);

CREATE TABLE blind_tokens (
    user_id uuid NOT NULL,
    token bytea NOT NULL,
    CONSTRAINT pk_blind_tokens PRIMARY KEY (user_id, token),
    CONSTRAINT fk_blind_tokens_users FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX idx_blind_tokens_token ON blind_tokens (token);

CREATE DOMAIN api_key_kind AS text CONSTRAINT ck_api_key_kind CHECK (VALUE = ANY ('{personal,application}'));
CREATE TABLE api_keys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind api_key_kind DEFAULT 'application' NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    expires_at timestamptz CONSTRAINT ck_api_keys_expires_at CHECK (kind = 'application' OR expires_at IS NOT NULL),
    last_used_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_api_keys PRIMARY KEY (id),
    CONSTRAINT uq_api_keys_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_api_keys_users FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX idx_api_keys_user_id ON api_keys (user_id);
"""

CATALOGUE = """
CREATE TABLE categories (
    id uuid NOT NULL,
    parent_id uuid,
    slug slug NOT NULL,
    name text NOT NULL,
    description text,
    image jsonb DEFAULT '{}'::jsonb NOT NULL,
    path text NOT NULL,
    "order" integer DEFAULT 0 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_categories PRIMARY KEY (id),
    CONSTRAINT fk_categories_categories FOREIGN KEY (parent_id) REFERENCES categories (id),
    CONSTRAINT ck_categories_parent_id CHECK (parent_id <> id)
);
CREATE UNIQUE INDEX uq_categories_slug ON categories (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_categories_order ON categories ("order");
CREATE INDEX idx_categories_parent_id ON categories (parent_id);
CREATE INDEX idx_categories_path ON categories (path text_pattern_ops);
CREATE INDEX idx_categories_slug ON categories (slug);

CREATE DOMAIN product_type AS text CONSTRAINT ck_product_type CHECK (VALUE = ANY ('{physical,digital}'));
CREATE TABLE products (
    -- What lists and searches look at in every row stands first: reaching a column costs all those before it.
    id uuid NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    is_featured boolean DEFAULT false NOT NULL,
    track_inventory boolean DEFAULT true NOT NULL,
    variant_count non_negative_integer DEFAULT 0 NOT NULL,
    stock_quantity integer DEFAULT 0 NOT NULL,
    reserved_quantity integer DEFAULT 0 NOT NULL,
    "order" integer DEFAULT 0 NOT NULL,
    rating_count non_negative_integer DEFAULT 0 NOT NULL,
    price amount NOT NULL,
    search tsvector NOT NULL,
    deleted_at timestamptz,
    variant_of uuid,
    category_id uuid,
    product_type product_type DEFAULT 'physical' NOT NULL,
    sku text NOT NULL,
    slug slug NOT NULL,
    name text NOT NULL,
    description text,
    brand text,
    compare_at_price amount,
    lowest_price_30_days amount,
    tax_class text DEFAULT 'standard' NOT NULL,
    images jsonb DEFAULT '[]'::jsonb NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    weight_grams non_negative_integer,
    barcode text,
    seo_title text,
    seo_description text,
    rating_average rating,
    imported_from jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_products PRIMARY KEY (id),
    CONSTRAINT fk_products_products FOREIGN KEY (variant_of) REFERENCES products (id),
    CONSTRAINT fk_products_categories FOREIGN KEY (category_id) REFERENCES categories (id),
    CONSTRAINT ck_products_reserved_quantity CHECK (reserved_quantity BETWEEN 0 AND stock_quantity),
    CONSTRAINT ck_products_variant_of CHECK (variant_of <> id)
);
CREATE UNIQUE INDEX uq_products_sku ON products (sku) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX uq_products_slug ON products (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_products_attributes ON products USING gin (attributes jsonb_path_ops);
CREATE INDEX idx_products_category_id ON products (category_id);
CREATE INDEX idx_products_is_active ON products (is_active);
CREATE INDEX idx_products_is_featured ON products (is_featured);
CREATE INDEX idx_products_listed_featured ON products ((NOT is_featured), "order", id)
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_listed_name ON products (lower(name), id)
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_listed_newest ON products (id)
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_listed_price ON products (price, id)
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_name ON products USING gin (name gin_trgm_ops);
CREATE INDEX idx_products_options ON products USING gin (options jsonb_path_ops);
CREATE INDEX idx_products_price ON products (price);
CREATE INDEX idx_products_search ON products USING gin (search);
CREATE INDEX idx_products_sku ON products (sku);
CREATE INDEX idx_products_slug ON products (slug);
CREATE INDEX idx_products_tags ON products USING gin (tags);
CREATE INDEX idx_products_variant_of ON products (variant_of);

CREATE TABLE digital_files (
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    name text NOT NULL,
    storage_key text NOT NULL,
    content_type text NOT NULL,
    size_bytes integer NOT NULL,
    sha256 bytea NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_digital_files PRIMARY KEY (id),
    CONSTRAINT uq_digital_files_storage_key UNIQUE (storage_key),
    CONSTRAINT fk_digital_files_products FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT ck_digital_files_size_bytes CHECK (size_bytes >= 0)
);
CREATE INDEX idx_digital_files_product_id ON digital_files (product_id);
"""

SERVICES = """
CREATE TABLE service_categories (
    id uuid NOT NULL,
    parent_id uuid,
    slug slug NOT NULL,
    name text NOT NULL,
    description text,
    "order" integer DEFAULT 0 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_service_categories PRIMARY KEY (id),
    CONSTRAINT fk_service_categories_service_categories FOREIGN KEY (parent_id) REFERENCES service_categories (id),
    CONSTRAINT ck_service_categories_parent_id CHECK (parent_id <> id)
);
CREATE UNIQUE INDEX uq_service_categories_slug ON service_categories (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_service_categories_order ON service_categories ("order");
CREATE INDEX idx_service_categories_parent_id ON service_categories (parent_id);
CREATE INDEX idx_service_categories_slug ON service_categories (slug);

CREATE DOMAIN service_type AS text CONSTRAINT ck_service_type CHECK (VALUE = ANY (
    '{one_time,recurring,subscription,consultation}'));
CREATE TABLE services (
    id uuid NOT NULL,
    category_id uuid,
    service_type service_type NOT NULL,
    slug slug NOT NULL,
    name text NOT NULL,
    description text,
    price amount NOT NULL,
    tax_class text DEFAULT 'standard' NOT NULL,
    duration_minutes positive_integer,
    is_duration_custom boolean DEFAULT false NOT NULL,
    step_minutes positive_integer DEFAULT 30 NOT NULL,
    buffer_before_minutes non_negative_integer DEFAULT 0 NOT NULL,
    buffer_after_minutes non_negative_integer DEFAULT 0 NOT NULL,
    notice_minutes non_negative_integer DEFAULT 0 NOT NULL,
    capacity positive_integer DEFAULT 1 NOT NULL,
    max_bookings_per_day positive_integer,
    availability jsonb DEFAULT '{}'::jsonb NOT NULL,
    timezone text DEFAULT 'UTC' NOT NULL,
    cancellation_window_minutes integer DEFAULT 1440 NOT NULL,
    cancellation_fee_percentage percentage DEFAULT 0 NOT NULL,
    images jsonb DEFAULT '[]'::jsonb NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    is_featured boolean DEFAULT false NOT NULL,
    rating_average rating,
    rating_count non_negative_integer DEFAULT 0 NOT NULL,
    search tsvector GENERATED ALWAYS AS (setweight(to_tsvector('public.lex_text'::regconfig, name), 'A') ||
        setweight(to_tsvector('public.lex_text'::regconfig, coalesce(description, '')), 'D')) STORED NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_services PRIMARY KEY (id),
    CONSTRAINT fk_services_service_categories FOREIGN KEY (category_id) REFERENCES service_categories (id)
);
CREATE UNIQUE INDEX uq_services_slug ON services (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_services_availability ON services USING gin (availability jsonb_path_ops);
CREATE INDEX idx_services_category_id ON services (category_id);
CREATE INDEX idx_services_name ON services USING gin (name gin_trgm_ops);
CREATE INDEX idx_services_price ON services (price);
CREATE INDEX idx_services_search ON services USING gin (search);
CREATE INDEX idx_services_service_type ON services (service_type);
CREATE INDEX idx_services_slug ON services (slug);

CREATE DOMAIN resource_kind AS text CONSTRAINT ck_resource_kind CHECK (VALUE = ANY ('{person,room,equipment}'));
CREATE TABLE resources (
    id uuid NOT NULL,
    slug slug NOT NULL,
    name text NOT NULL,
    kind resource_kind NOT NULL,
    timezone text DEFAULT 'UTC' NOT NULL,
    availability jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_resources PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_resources_slug ON resources (slug) WHERE deleted_at IS NULL;

CREATE TABLE service_resources (
    service_id uuid NOT NULL,
    resource_id uuid NOT NULL,
    CONSTRAINT pk_service_resources PRIMARY KEY (service_id, resource_id),
    CONSTRAINT fk_service_resources_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT fk_service_resources_resources FOREIGN KEY (resource_id) REFERENCES resources (id)
);
CREATE INDEX idx_service_resources_resource_id ON service_resources (resource_id);

CREATE TABLE schedule_exceptions (
    id uuid NOT NULL,
    service_id uuid,
    resource_id uuid,
    on_date date NOT NULL,
    windows jsonb DEFAULT '[]'::jsonb NOT NULL,
    reason text,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_schedule_exceptions PRIMARY KEY (id),
    CONSTRAINT fk_schedule_exceptions_services FOREIGN KEY (service_id) REFERENCES services (id),
    CONSTRAINT fk_schedule_exceptions_resources FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT ck_schedule_exceptions_owner CHECK ((service_id IS NULL) <> (resource_id IS NULL))
);
CREATE UNIQUE INDEX uq_schedule_exceptions_resource_id ON schedule_exceptions (resource_id, on_date);
CREATE UNIQUE INDEX uq_schedule_exceptions_service_id ON schedule_exceptions (service_id, on_date);
"""

STOCK = """
CREATE TABLE stock_holds (
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    order_id uuid NOT NULL,
    quantity positive_integer NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_stock_holds PRIMARY KEY (id),
    CONSTRAINT uq_stock_holds_order_id_product_id UNIQUE (order_id, product_id),
    CONSTRAINT fk_stock_holds_products FOREIGN KEY (product_id) REFERENCES products (id)
);
CREATE INDEX idx_stock_holds_expires_at ON stock_holds (expires_at);
CREATE INDEX idx_stock_holds_product_id ON stock_holds (product_id);

CREATE DOMAIN stock_movement_kind AS text CONSTRAINT ck_stock_movement_kind CHECK (VALUE = ANY (
    '{receive,adjust,hold,release,sale,return}'));
CREATE TABLE stock_movements (
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    order_id uuid,
    kind stock_movement_kind NOT NULL,
    on_hand_change integer DEFAULT 0 NOT NULL,
    reserved_change integer DEFAULT 0 NOT NULL,
    reason text,
    actor_id uuid,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_stock_movements PRIMARY KEY (id),
    CONSTRAINT fk_stock_movements_products FOREIGN KEY (product_id) REFERENCES products (id),
    CONSTRAINT ck_stock_movements_change CHECK (on_hand_change <> 0 OR reserved_change <> 0)
);
CREATE INDEX idx_stock_movements_order_id ON stock_movements (order_id);
CREATE INDEX idx_stock_movements_product_id ON stock_movements (product_id, id);
"""

CHARGES = """
CREATE DOMAIN shipping_method_kind AS text CONSTRAINT ck_shipping_method_kind CHECK (VALUE = ANY ('{flat,pickup}'));
CREATE TABLE shipping_methods (
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    description text,
    kind shipping_method_kind NOT NULL,
    price amount NOT NULL,
    free_from amount,
    countries text[] DEFAULT '{}'::text[] NOT NULL,
    tax_class text DEFAULT 'standard' NOT NULL,
    "order" integer DEFAULT 0 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_shipping_methods PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_shipping_methods_code ON shipping_methods (code) WHERE deleted_at IS NULL;

CREATE TABLE tax_rates (
    id uuid NOT NULL,
    country country_code NOT NULL,
    tax_class text NOT NULL,
    rate percentage NOT NULL,
    name text NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_tax_rates PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_tax_rates_country ON tax_rates (country, tax_class) WHERE deleted_at IS NULL;
"""

REPEATED_REQUESTS = """
CREATE TABLE idempotency_keys (
    id uuid NOT NULL,
    actor_key text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    user_id uuid,
    locked_until timestamptz NOT NULL,
    response_status integer,
    response_body bytea,
    expires_at timestamptz DEFAULT now() + interval '72 hours' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (id),
    CONSTRAINT uq_idempotency_keys_actor_key_key UNIQUE (actor_key, key)
);
CREATE INDEX idx_idempotency_keys_expires_at ON idempotency_keys (expires_at);

CREATE TABLE webhook_events (
    id uuid NOT NULL,
    provider text NOT NULL,
    event_id text NOT NULL,
    body bytea NOT NULL,
    headers jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    processed_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_webhook_events PRIMARY KEY (id),
    CONSTRAINT uq_webhook_events_provider_event_id UNIQUE (provider, event_id)
);
CREATE INDEX idx_webhook_events_processed_at ON webhook_events (created_at) WHERE processed_at IS NULL;
"""

DROP = """
DROP TABLE webhook_events, idempotency_keys, tax_rates, shipping_methods, stock_movements, stock_holds,
    schedule_exceptions, service_resources, resources, services, service_categories, digital_files, products,
    categories, api_keys, blind_tokens, person_keys, users;
DROP DOMAIN amount, percentage, currency_code, country_code, rating, slug, positive_integer, non_negative_integer,
    user_role, api_key_kind, product_type, service_type, resource_kind, stock_movement_kind, shipping_method_kind;
DROP FUNCTION touch_updated_at(), uuid_v7(), uuid_v7_floor(timestamptz), uuid_v7_time(uuid);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(
        *(TIMEOUTS, EXTENSIONS, DOMAINS, FUNCTIONS, PEOPLE, CATALOGUE, SERVICES, STOCK, CHARGES, REPEATED_REQUESTS),
        *(TOUCH.format(table) for table in TOUCHED.split()),
    )


def downgrade() -> None:
    run(TIMEOUTS, DROP)
