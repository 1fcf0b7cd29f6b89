"""How a question is put to the full-text columns, and the words that typing mistakes are put right to.

Revision ID: 20250126000010
Revises: 20250126000009
"""

from alembic import op

revision = "20250126000010"
down_revision = "20250126000009"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

QUERY = """
CREATE FUNCTION public.search_query(asked text) RETURNS tsquery LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN querytree(query) = 'T' THEN ''::tsquery ELSE query END
    FROM (SELECT websearch_to_tsquery('public.lex_text', asked) AS query) parsed
$$;
COMMENT ON FUNCTION public.search_query IS
    'What a person typed as a query; empty where no word has to be found, which would read every row.';
"""

# Not a generated column: beside any BEFORE trigger those are computed anew at every change, which here is every sale.
SEARCH = """
CREATE FUNCTION public.set_product_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := setweight(to_tsvector('public.lex_text'::regconfig, NEW.name), 'A')
        || setweight(to_tsvector('public.lex_text'::regconfig, public.labels(NEW.brand, NEW.tags)), 'B')
        || setweight(to_tsvector('public.lex_text'::regconfig, NEW.options), 'C')
        || setweight(to_tsvector('public.lex_text'::regconfig, coalesce(NEW.description, '')), 'D');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION public.set_product_search IS
    'What a product is found by: its name weighs most, then brand and tags, what can be chosen, and the description.';
CREATE TRIGGER tr_products_search BEFORE INSERT OR UPDATE OF name, brand, tags, options, description, search ON products
    FOR EACH ROW EXECUTE FUNCTION set_product_search();
ALTER TABLE products ENABLE ALWAYS TRIGGER tr_products_search;
"""

INDEXES = """
CREATE INDEX idx_products_barcode ON products (barcode) WHERE barcode IS NOT NULL;
CREATE INDEX idx_products_listed_prefix ON products (lower(name) text_pattern_ops)
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_listed_rating ON products (coalesce(rating_average, 0), id)
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_listed_words ON products USING gin (to_tsvector('public.lex_text'::regconfig, name))
    WHERE variant_of IS NULL AND deleted_at IS NULL AND is_active;
CREATE INDEX idx_products_lower_sku ON products (lower(sku));
"""

WORDS = """
CREATE FUNCTION public.word_shapes(word text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT shape) FROM (
        SELECT word AS shape
        UNION ALL SELECT left(word, place - 1) || substr(word, place + 1) FROM generate_series(1, length(word)) place
    ) shapes
$$;
COMMENT ON FUNCTION public.word_shapes IS
    'The word, and the word without each one of its characters: words one slip apart share a shape.';

CREATE FUNCTION public.words_of(VARIADIC texts text[]) RETURNS SETOF text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT word FROM unnest(tsvector_to_array(to_tsvector('public.lex_words', array_to_string(texts, ' ')))) word
    WHERE length(word) BETWEEN 3 AND 40
$$;
COMMENT ON FUNCTION public.words_of IS 'The different words of texts as they are spelled, without accents.';

CREATE TABLE search_words (
    word text NOT NULL,
    frequency integer DEFAULT 1 NOT NULL,
    shapes text[] GENERATED ALWAYS AS (public.word_shapes(word)) STORED NOT NULL,
    CONSTRAINT pk_search_words PRIMARY KEY (word)
);
CREATE INDEX idx_search_words_shapes ON search_words USING gin (shapes);
CREATE INDEX idx_search_words_trigrams ON search_words USING gin (word gin_trgm_ops);
CREATE INDEX idx_search_words_word ON search_words (word text_pattern_ops);
"""

# Words are only ever added here, in one order, so that writers of the same new words do not wait for each other in a
# ring. Those that are there already are left out: ON CONFLICT would lock them until the writer commits.
# One found gone at the last count is counted as there again. The argument is what to read of a row called `added`.
NOTE = """
CREATE FUNCTION public.note_search_words() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    insertion text := 'INSERT INTO public.search_words AS known (word)
        SELECT DISTINCT word FROM %s CROSS JOIN LATERAL public.words_of(VARIADIC ARRAY[%s]::text[]) word
        WHERE NOT EXISTS (SELECT FROM public.search_words there WHERE there.word = word.word AND there.frequency > 0)
        ORDER BY word
        ON CONFLICT (word) DO UPDATE SET frequency = 1 WHERE known.frequency = 0';
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        EXECUTE format(insertion, '(SELECT ($1).*) added', TG_ARGV[0]) USING NEW;
    ELSE
        EXECUTE format(insertion, 'added', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION public.note_search_words IS 'Adds the words of new and changed rows to search_words.';
"""

#: table → what a row's words are, and the columns they come from
SOURCES = {
    "products": (
        "added.name, public.labels(added.brand::text, added.tags::text[]), added.options::text, added.description",
        "name, brand, tags, options, description",
    ),
    "services": ("added.name, added.description", "name, description"),
    "subscription_plans": ("added.name, added.description", "name, description"),
}
# Holding and selling stock names none of the columns and costs no call.
ATTACH = """
CREATE TRIGGER tr_{0}_words AFTER INSERT ON {0} REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION note_search_words('{1}');
CREATE TRIGGER tr_{0}_words_update AFTER UPDATE OF {2} ON {0} FOR EACH ROW
    WHEN (({3}) IS DISTINCT FROM ({4})) EXECUTE FUNCTION note_search_words('{1}');
"""
DETACH = "DROP TRIGGER tr_{0}_words ON {0}; DROP TRIGGER tr_{0}_words_update ON {0};"
DROP = """
DROP TRIGGER tr_products_search ON products;
DROP FUNCTION set_product_search();
DROP INDEX idx_products_barcode, idx_products_listed_prefix, idx_products_listed_rating, idx_products_listed_words,
    idx_products_lower_sku;
DROP FUNCTION note_search_words();
DROP TABLE search_words;
DROP FUNCTION words_of(text[]), word_shapes(text), search_query(text);
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, QUERY, SEARCH, INDEXES, WORDS, NOTE)
    for table, (texts, columns) in SOURCES.items():
        old, new = (", ".join(f"{row}.{name}" for name in columns.split(", ")) for row in ("OLD", "NEW"))
        run(ATTACH.format(table, texts, columns, old, new))


def downgrade() -> None:
    run(TIMEOUTS, *(DETACH.format(table) for table in SOURCES), DROP)
