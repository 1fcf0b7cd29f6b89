"""Every transaction that changes what catalogue pages show leaves a mark: the marks together are the version.

Revision ID: 20250126000011
Revises: 20250126000010
"""

from alembic import op

revision = "20250126000011"
down_revision = "20250126000010"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# Rows are only added, so that writers never wait for each other; whoever prunes them adds one too (adapters/cached.py).
# A mark is random: no two databases and no two moments of one add up to the same version.
TABLE = """
CREATE TABLE catalogue_changes (
    mark bigint DEFAULT ('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint NOT NULL,
    CONSTRAINT pk_catalogue_changes PRIMARY KEY (mark)
);
INSERT INTO catalogue_changes DEFAULT VALUES;
"""

# One mark per transaction is enough: all it changes is seen at once. The setting goes with a rolled back savepoint, as
# the mark does.
NOTE = """
CREATE FUNCTION public.note_catalogue_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('lex.catalogue_noted', true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        INSERT INTO public.catalogue_changes DEFAULT VALUES;
        PERFORM set_config('lex.catalogue_noted', pg_current_xact_id()::text, true);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.note_catalogue_change IS 'Leaves the transaction''s mark in catalogue_changes, once.';
"""

TABLES = (
    *("products", "categories", "digital_files", "services", "service_categories", "service_resources", "resources"),
    *("subscription_plans", "shipping_methods"),
)

ATTACH = """
CREATE TRIGGER tr_{0}_catalogue AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE {1} ON {0}
    FOR EACH STATEMENT EXECUTE FUNCTION note_catalogue_change();
ALTER TABLE {0} ENABLE ALWAYS TRIGGER tr_{0}_catalogue;
"""
# Holding and selling stock names none of these columns.
COLUMNS = {
    "products": """OF id, variant_of, category_id, product_type, sku, slug, name, description, brand, price,
        compare_at_price, lowest_price_30_days, tax_class, track_inventory, variant_count, "order", images, options,
        attributes, tags, weight_grams, barcode, is_active, is_featured, seo_title, seo_description, rating_average,
        rating_count, imported_from, created_at, deleted_at""",
}

# Lists tell 0, 1, 2, 3 or more units (catalog/parts.py), and of a family the sum of its variants told so: while more
# than three are left before and after, a sale changes nothing they show.
STOCK = """
CREATE TRIGGER tr_products_catalogue_stock AFTER UPDATE OF stock_quantity, reserved_quantity ON products
    FOR EACH ROW WHEN (
        least(OLD.stock_quantity - OLD.reserved_quantity, 4) <> least(NEW.stock_quantity - NEW.reserved_quantity, 4)
    ) EXECUTE FUNCTION note_catalogue_change();
ALTER TABLE products ENABLE ALWAYS TRIGGER tr_products_catalogue_stock;
"""

DROP = """
DROP TRIGGER tr_products_catalogue_stock ON products;
{}
DROP FUNCTION note_catalogue_change();
DROP TABLE catalogue_changes;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, TABLE, NOTE, *(ATTACH.format(table, COLUMNS.get(table, "")) for table in TABLES), STOCK)


def downgrade() -> None:
    run(TIMEOUTS, DROP.format("\n".join(f"DROP TRIGGER tr_{table}_catalogue ON {table};" for table in TABLES)))
