"""What every product cost and when, kept by the database; and beside a reduced price the lowest one before it.

Directive 98/6/EC, article 6a: who announces a reduction tells the lowest price of the 30 days before it.

Revision ID: 20250126000019
Revises: 20250126000018
"""

from alembic import op

revision = "20250126000019"
down_revision = "20250126000018"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# The history begins with the prices there are.
TABLE = """
CREATE TABLE product_prices (
    product_id uuid NOT NULL,
    price amount NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    transaction_id bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint,
    CONSTRAINT pk_product_prices PRIMARY KEY (product_id, valid_from),
    CONSTRAINT fk_product_prices_products FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
    CONSTRAINT ck_product_prices_valid_to CHECK (valid_to > valid_from)
);
CREATE UNIQUE INDEX uq_product_prices_product_id ON product_prices (product_id) WHERE valid_to IS NULL;
INSERT INTO product_prices (product_id, price, valid_from) SELECT id, price, now() FROM products;
"""

# A price that a transaction gives and takes back was never one: its own row is overwritten. Two transactions may begin
# in one microsecond, and numbers of transactions begin anew where a dump is restored: both together tell its own. A row
# that began later was committed by another while this transaction ran, and keeps its time.
HISTORY = """
CREATE FUNCTION public.keep_first_prices() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A family that came with its variants has got their lowest price by now, and a row with it.
    INSERT INTO public.product_prices (product_id, price, valid_from) SELECT id, price, now() FROM fresh
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE FUNCTION public.keep_price() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    begun timestamptz;
    is_own boolean;
    changed timestamptz;
BEGIN
    SELECT valid_from, valid_from >= now() AND transaction_id = (pg_current_xact_id()::text)::bigint INTO begun, is_own
    FROM public.product_prices WHERE product_id = NEW.id AND valid_to IS NULL;
    IF is_own THEN
        UPDATE public.product_prices SET price = NEW.price WHERE product_id = NEW.id AND valid_to IS NULL;
        RETURN NULL;
    END IF;
    changed := CASE
        WHEN begun >= now() THEN greatest(clock_timestamp(), begun + interval '1 microsecond')
        ELSE now()
    END;
    UPDATE public.product_prices SET valid_to = changed WHERE product_id = NEW.id AND valid_to IS NULL;
    INSERT INTO public.product_prices (product_id, price, valid_from) VALUES (NEW.id, NEW.price, changed);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION public.keep_first_prices IS 'Begins the price history of new products.';
COMMENT ON FUNCTION public.keep_price IS 'Ends the product''s price in its history and begins the new one.';

CREATE TRIGGER tr_products_first_prices AFTER INSERT ON products REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION keep_first_prices();
CREATE TRIGGER tr_products_price AFTER UPDATE OF price ON products
    FOR EACH ROW WHEN (OLD.price IS DISTINCT FROM NEW.price) EXECUTE FUNCTION keep_price();
CREATE TRIGGER tr_product_prices_change BEFORE INSERT OR UPDATE OR DELETE ON product_prices
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION forbid('product_prices', 'the history follows the products');
ALTER TABLE products ENABLE ALWAYS TRIGGER tr_products_first_prices, ENABLE ALWAYS TRIGGER tr_products_price;
ALTER TABLE product_prices ENABLE ALWAYS TRIGGER tr_product_prices_change;
"""

# A reduction begins when the price or the one it is compared to changes; what was the lowest then stays so. A family
# has it from the variant whose price it shows (sync_variant_family), which is a trigger's update too.
LOWEST = """
CREATE FUNCTION public.set_lowest_price() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.lowest_price_30_days := NULL;
    ELSIF NEW.variant_count > 0 THEN
        IF pg_trigger_depth() = 1 THEN
            NEW.lowest_price_30_days := OLD.lowest_price_30_days;
        END IF;
    ELSIF coalesce(NEW.compare_at_price <= NEW.price, true) THEN
        NEW.lowest_price_30_days := NULL;
    ELSIF (OLD.price, OLD.compare_at_price) IS DISTINCT FROM (NEW.price, NEW.compare_at_price) THEN
        SELECT min(price) INTO NEW.lowest_price_30_days FROM public.product_prices
        WHERE product_id = NEW.id
            AND NOT (valid_from >= now() AND transaction_id = (pg_current_xact_id()::text)::bigint)
            AND (valid_to IS NULL OR valid_to > now() - interval '30 days');
    ELSE
        NEW.lowest_price_30_days := OLD.lowest_price_30_days;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.set_lowest_price IS
    'Gives a reduced product the lowest price of the 30 days before the reduction.';

CREATE TRIGGER tr_products_lowest_price_insert BEFORE INSERT ON products
    FOR EACH ROW WHEN (NEW.lowest_price_30_days IS NOT NULL) EXECUTE FUNCTION set_lowest_price();
CREATE TRIGGER tr_products_lowest_price BEFORE UPDATE OF price, compare_at_price, lowest_price_30_days ON products
    FOR EACH ROW EXECUTE FUNCTION set_lowest_price();
ALTER TABLE products
    ENABLE ALWAYS TRIGGER tr_products_lowest_price_insert, ENABLE ALWAYS TRIGGER tr_products_lowest_price;
"""

DROP = """
DROP TRIGGER tr_products_lowest_price ON products;
DROP TRIGGER tr_products_lowest_price_insert ON products;
DROP TRIGGER tr_products_price ON products;
DROP TRIGGER tr_products_first_prices ON products;
DROP TABLE product_prices;
DROP FUNCTION set_lowest_price, keep_price, keep_first_prices;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, TABLE, HISTORY, LOWEST)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
