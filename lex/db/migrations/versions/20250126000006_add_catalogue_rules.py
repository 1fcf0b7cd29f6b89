"""Rules of trees and product families that hold for every writer.

Revision ID: 20250126000006
Revises: 20250126000005
"""

from alembic import op

revision = "20250126000006"
down_revision = "20250126000005"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

# A guard that locks and then looks sees what others did while it waited, because each of its statements sees the latest
# there is. Under the snapshot of an earlier moment it would wait and then look into the past.
ISOLATION = """
CREATE FUNCTION public.demand_read_committed(subject text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'this change of % needs a READ COMMITTED transaction', subject
            USING ERRCODE = '25001', SCHEMA = 'public', TABLE = subject, CONSTRAINT = 'ck_' || subject || '_isolation';
    END IF;
END
$$;
COMMENT ON FUNCTION public.demand_read_committed IS
    'Refuses a transaction that sees the past, on behalf of guards that lock and then look.';
"""

# Two people moving two branches below each other at once would close a ring that neither of them can see. The advisory
# lock lets one in at a time; FOR SHARE makes a stale snapshot fail instead of overlooking the other's move.
CYCLES = """
CREATE FUNCTION public.refuse_cycle() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ancestor uuid := NEW.parent_id;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('public.' || TG_TABLE_NAME, 0));
    WHILE ancestor IS NOT NULL AND ancestor <> NEW.id LOOP
        EXECUTE format('SELECT parent_id FROM public.%I WHERE id = $1 FOR SHARE', TG_TABLE_NAME)
            INTO ancestor USING ancestor;
    END LOOP;
    IF ancestor = NEW.id THEN
        RAISE EXCEPTION 'category "%" cannot stand below itself', NEW.slug
            USING ERRCODE = '23514', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
                  CONSTRAINT = 'ck_' || TG_TABLE_NAME || '_cycle',
                  HINT = 'Choose a parent that is not the category itself or one of its descendants.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.refuse_cycle IS 'Refuses a category that would stand below itself.';

CREATE TRIGGER tr_categories_cycle BEFORE INSERT OR UPDATE OF parent_id ON categories
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle();
CREATE TRIGGER tr_service_categories_cycle BEFORE INSERT OR UPDATE OF parent_id ON service_categories
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION refuse_cycle();
"""

# `path` is the slugs from the root: one index range finds a whole branch. Whatever a writer puts there is overwritten.
PATHS = """
CREATE FUNCTION public.set_category_path() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.demand_read_committed('categories');
    PERFORM pg_advisory_xact_lock(hashtextextended('public.categories', 0));
    NEW.path := NEW.slug;
    IF NEW.parent_id IS NOT NULL THEN
        SELECT path || '/' || NEW.slug INTO NEW.path FROM public.categories WHERE id = NEW.parent_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the parent of category "%" does not exist', NEW.slug
                USING ERRCODE = '23503', SCHEMA = 'public', TABLE = 'categories',
                      CONSTRAINT = 'fk_categories_categories';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.cascade_category_path() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The children's own triggers compute their paths and carry on downwards.
    UPDATE public.categories SET path = NEW.path || '/' || slug WHERE parent_id = NEW.id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION public.set_category_path IS 'Makes the path of the parent''s path and the slug.';
COMMENT ON FUNCTION public.cascade_category_path IS 'Carries a changed path down to the descendants.';

CREATE TRIGGER tr_categories_path BEFORE INSERT OR UPDATE OF parent_id, slug, path ON categories
    FOR EACH ROW EXECUTE FUNCTION set_category_path();
CREATE TRIGGER tr_categories_path_cascade AFTER UPDATE ON categories
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION cascade_category_path();
"""

# A family shows the lowest price among its living, active variants, with that variant's compare-at price and what it
# cost at least before it was reduced. Stock changes name none of the columns below and so never reach the family's row.
FAMILIES = """
CREATE FUNCTION public.check_variant() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    family record;
BEGIN
    SELECT sku, variant_of INTO family FROM public.products WHERE id = NEW.variant_of FOR SHARE;
    IF family.variant_of IS NOT NULL THEN
        RAISE EXCEPTION 'product "%" is itself a variant and cannot have variants', family.sku
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'products', CONSTRAINT = 'ck_products_family',
                  HINT = 'Name the family as the parent of every variant.';
    END IF;
    IF EXISTS (SELECT FROM public.products WHERE variant_of = NEW.id) THEN
        RAISE EXCEPTION 'product "%" has variants and cannot become a variant', NEW.sku
            USING ERRCODE = '23514', SCHEMA = 'public', TABLE = 'products', CONSTRAINT = 'ck_products_family',
                  HINT = 'Move its variants to another family first.';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.sync_variant_family() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    family uuid;
BEGIN
    FOR family IN
        SELECT DISTINCT id FROM unnest(ARRAY[OLD.variant_of, NEW.variant_of]) id WHERE id IS NOT NULL ORDER BY id
    LOOP
        -- Lock first: the statement after it then sees what a concurrent change of a sibling has committed.
        PERFORM FROM public.products WHERE id = family FOR NO KEY UPDATE;
        UPDATE public.products f
        SET price = coalesce(lowest.price, f.price),
            compare_at_price = CASE WHEN lowest.price IS NULL THEN f.compare_at_price ELSE lowest.compare_at_price END,
            lowest_price_30_days = CASE WHEN lowest.price IS NOT NULL THEN lowest.lowest_price_30_days END,
            variant_count = living.number
        FROM (SELECT count(*) AS number FROM public.products WHERE variant_of = family AND deleted_at IS NULL) living
        LEFT JOIN LATERAL (
            SELECT price, compare_at_price, lowest_price_30_days FROM public.products
            WHERE variant_of = family AND deleted_at IS NULL AND is_active
            ORDER BY price, "order", id LIMIT 1
        ) lowest ON true
        WHERE f.id = family;
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION public.check_variant IS 'Refuses variants of variants.';
COMMENT ON FUNCTION public.sync_variant_family IS
    'Gives the family the lowest price of its living, active variants and the number of the living.';

CREATE TRIGGER tr_products_variant BEFORE INSERT OR UPDATE OF variant_of ON products
    FOR EACH ROW WHEN (NEW.variant_of IS NOT NULL) EXECUTE FUNCTION check_variant();
CREATE TRIGGER tr_products_family_insert AFTER INSERT ON products
    FOR EACH ROW WHEN (NEW.variant_of IS NOT NULL) EXECUTE FUNCTION sync_variant_family();
CREATE TRIGGER tr_products_family_delete AFTER DELETE ON products
    FOR EACH ROW WHEN (OLD.variant_of IS NOT NULL) EXECUTE FUNCTION sync_variant_family();
CREATE TRIGGER tr_products_family_update
    AFTER UPDATE OF price, compare_at_price, is_active, deleted_at, variant_of, "order" ON products
    FOR EACH ROW WHEN (
        (OLD.variant_of IS NOT NULL OR NEW.variant_of IS NOT NULL)
        AND (OLD.price, OLD.compare_at_price, OLD.is_active, OLD.deleted_at, OLD.variant_of, OLD."order")
            IS DISTINCT FROM
            (NEW.price, NEW.compare_at_price, NEW.is_active, NEW.deleted_at, NEW.variant_of, NEW."order")
    ) EXECUTE FUNCTION sync_variant_family();
"""


DROP = """
DROP TRIGGER tr_products_family_update ON products;
DROP TRIGGER tr_products_family_delete ON products;
DROP TRIGGER tr_products_family_insert ON products;
DROP TRIGGER tr_products_variant ON products;
DROP TRIGGER tr_categories_path_cascade ON categories;
DROP TRIGGER tr_categories_path ON categories;
DROP TRIGGER tr_service_categories_cycle ON service_categories;
DROP TRIGGER tr_categories_cycle ON categories;
DROP FUNCTION
    sync_variant_family, check_variant, cascade_category_path, set_category_path, refuse_cycle,
    demand_read_committed;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, ISOLATION, CYCLES, PATHS, FAMILIES)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
