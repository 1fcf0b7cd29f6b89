"""What lists count by and what words find, narrow and beside the products: a product's row weighs ten times as much.

Revision ID: 20250126000018
Revises: 20250126000017
"""

from alembic import op

revision = "20250126000018"
down_revision = "20250126000017"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

TABLE = """
CREATE TABLE product_facets (
    product_id uuid NOT NULL,
    variant_of uuid,
    category_id uuid,
    brand text,
    stars smallint,
    price amount NOT NULL,
    options jsonb NOT NULL,
    is_family boolean NOT NULL,
    is_shown boolean NOT NULL,
    is_available boolean NOT NULL,
    is_reduced boolean NOT NULL,
    CONSTRAINT pk_product_facets PRIMARY KEY (product_id),
    CONSTRAINT fk_product_facets_products FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE INDEX idx_product_facets_category_id ON product_facets (category_id) WHERE is_shown;
CREATE INDEX idx_product_facets_variant_of ON product_facets (variant_of) WHERE variant_of IS NOT NULL;
CREATE TABLE product_texts (
    product_id uuid NOT NULL,
    search tsvector NOT NULL,
    CONSTRAINT pk_product_texts PRIMARY KEY (product_id),
    CONSTRAINT fk_product_texts_products FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE INDEX idx_product_texts_search ON product_texts USING gin (search);
"""

# The first sale of a product after its page was filled up would write into every index; with room on the page, none.
ROOM = "ALTER TABLE products SET (fillfactor = 80)"

# A row of each product that is offered; a family is shown while one of its variants is offered.
ROWS = """
INSERT INTO public.product_facets AS known (product_id, variant_of, category_id, brand, stars, price, options,
    is_family, is_shown, is_available, is_reduced)
SELECT p.id, p.variant_of, p.category_id, p.brand, floor(p.rating_average), p.price,
       CASE jsonb_typeof(p.options) WHEN 'object' THEN p.options ELSE '{}' END, p.variant_count > 0,
       p.variant_of IS NULL AND (p.variant_count = 0 OR EXISTS (
           SELECT FROM public.products v WHERE v.variant_of = p.id AND v.deleted_at IS NULL AND v.is_active)),
       NOT p.track_inventory OR p.stock_quantity > p.reserved_quantity,
       coalesce(p.compare_at_price > p.price, false)
FROM public.products p WHERE p.deleted_at IS NULL AND p.is_active"""

# Those of what lists show.
TEXTS = """
INSERT INTO public.product_texts (product_id, search)
SELECT p.id, p.search FROM public.product_facets f JOIN public.products p ON p.id = f.product_id WHERE f.is_shown"""

FILL = f"""
CREATE FUNCTION public.fill_product_facets() RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    {ROWS} AND NOT EXISTS (SELECT FROM public.product_facets f WHERE f.product_id = p.id);
    {TEXTS} AND NOT EXISTS (SELECT FROM public.product_texts t WHERE t.product_id = p.id)
$$;
REVOKE EXECUTE ON FUNCTION public.fill_product_facets FROM PUBLIC;
COMMENT ON FUNCTION public.fill_product_facets IS
    'Adds the rows of products that have none yet, and those of product_texts.';
"""

# Each product writes the row of its own, so that writers of different products never meet. Only when a variant comes or
# goes is its family's row written, under the family's lock. The product is read again: another trigger of the same
# statement may have changed it since. A sale writes nothing unless it takes the last unit.
CARRY = f"""
CREATE FUNCTION public.carry_product_facets() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    family uuid;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM public.product_facets WHERE product_id = OLD.id
            AND NOT EXISTS (SELECT FROM public.products WHERE id = OLD.id AND deleted_at IS NULL AND is_active);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        {ROWS} AND p.id = NEW.id
        ON CONFLICT (product_id) DO UPDATE SET variant_of = EXCLUDED.variant_of, category_id = EXCLUDED.category_id,
            brand = EXCLUDED.brand, stars = EXCLUDED.stars, price = EXCLUDED.price, options = EXCLUDED.options,
            is_family = EXCLUDED.is_family, is_shown = EXCLUDED.is_shown, is_available = EXCLUDED.is_available,
            is_reduced = EXCLUDED.is_reduced;
    END IF;
    IF TG_OP = 'UPDATE' AND (OLD.variant_of, OLD.is_active, OLD.deleted_at IS NULL)
            IS NOT DISTINCT FROM (NEW.variant_of, NEW.is_active, NEW.deleted_at IS NULL) THEN
        RETURN NULL;
    END IF;
    FOR family IN
        SELECT DISTINCT id FROM unnest(ARRAY[OLD.variant_of, NEW.variant_of]) id WHERE id IS NOT NULL ORDER BY id
    LOOP
        -- Lock first: the statement after it then sees what a concurrent change of a sibling has committed.
        PERFORM FROM public.products WHERE id = family FOR NO KEY UPDATE;
        UPDATE public.product_facets f SET is_shown = variants.are_offered
        FROM (SELECT count(*) > 0 AS are_offered FROM public.products
              WHERE variant_of = family AND deleted_at IS NULL AND is_active) variants
        WHERE f.product_id = family AND f.is_family AND f.is_shown <> variants.are_offered;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.carry_product_facets IS 'Carries what lists count by over to product_facets.';
"""

# What is shown follows product_facets, and the words follow the product. Both are written under the product's lock.
CARRY_TEXT = f"""
CREATE FUNCTION public.carry_product_text() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'products' THEN
        UPDATE public.product_texts SET search = NEW.search WHERE product_id = NEW.id;
    ELSIF TG_OP <> 'DELETE' AND NEW.is_shown THEN
        {TEXTS} AND f.product_id = NEW.product_id ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM public.product_texts WHERE product_id = OLD.product_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.carry_product_text IS 'Carries the words of what lists show over to product_texts.';
"""

#: What a row is made of, but for stock.
COLUMNS = (
    *("id", "variant_of", "category_id", "brand", "rating_average", "price", "compare_at_price", "options"),
    *("variant_count", "track_inventory", "is_active", "deleted_at"),
)
ATTACH = """
CREATE TRIGGER tr_products_facets AFTER INSERT OR DELETE ON products
    FOR EACH ROW EXECUTE FUNCTION carry_product_facets();
CREATE TRIGGER tr_products_facets_update AFTER UPDATE OF {0} ON products
    FOR EACH ROW WHEN (({1}) IS DISTINCT FROM ({2})) EXECUTE FUNCTION carry_product_facets();
CREATE TRIGGER tr_products_facets_stock AFTER UPDATE OF stock_quantity, reserved_quantity ON products
    FOR EACH ROW WHEN (
        (OLD.stock_quantity > OLD.reserved_quantity) <> (NEW.stock_quantity > NEW.reserved_quantity)
    ) EXECUTE FUNCTION carry_product_facets();
CREATE TRIGGER tr_products_text AFTER UPDATE OF name, brand, tags, options, description, search ON products
    FOR EACH ROW WHEN (OLD.search IS DISTINCT FROM NEW.search) EXECUTE FUNCTION carry_product_text();
CREATE TRIGGER tr_product_facets_text AFTER INSERT OR DELETE ON product_facets
    FOR EACH ROW EXECUTE FUNCTION carry_product_text();
CREATE TRIGGER tr_product_facets_text_update AFTER UPDATE OF is_shown ON product_facets
    FOR EACH ROW WHEN (OLD.is_shown <> NEW.is_shown) EXECUTE FUNCTION carry_product_text();
ALTER TABLE products ENABLE ALWAYS TRIGGER tr_products_facets, ENABLE ALWAYS TRIGGER tr_products_facets_update,
    ENABLE ALWAYS TRIGGER tr_products_facets_stock, ENABLE ALWAYS TRIGGER tr_products_text;
ALTER TABLE product_facets ENABLE ALWAYS TRIGGER tr_product_facets_text,
    ENABLE ALWAYS TRIGGER tr_product_facets_text_update;
"""
DROP = """
DROP TRIGGER tr_products_text ON products;
DROP TRIGGER tr_products_facets_stock ON products;
DROP TRIGGER tr_products_facets_update ON products;
DROP TRIGGER tr_products_facets ON products;
DROP FUNCTION carry_product_facets(), fill_product_facets();
DROP TABLE product_texts, product_facets;
DROP FUNCTION carry_product_text();
ALTER TABLE products RESET (fillfactor);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    old, new = (", ".join(f"{row}.{name}" for name in COLUMNS) for row in ("OLD", "NEW"))
    run(TIMEOUTS, ROOM, TABLE, FILL, "SELECT fill_product_facets()", CARRY, CARRY_TEXT)
    run(ATTACH.format(", ".join(COLUMNS), old, new))


def downgrade() -> None:
    run(TIMEOUTS, DROP)
