"""Names, indexes and triggers of the live catalogue, as the house rules want them."""

from itertools import pairwise

import pytest

from lex.db.rules import REFUSALS
from lex.ops.models import metadata
from lex.ops.schema_docs import NOT_AUDITED
from tests.support.rows import Rows

_OURS = (
    r"c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relname !~ '^(procrastinate_|alembic_)'"
)


def test_every_index_and_constraint_is_named_by_the_convention(rows: Rows) -> None:
    names = rows.column(
        f"""
        SELECT c.relname || ' ' || i.relname FROM pg_index x
        JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid WHERE {_OURS}
        UNION
        SELECT c.relname || ' ' || o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE o.conparentid = 0 AND o.contype IN ('p', 'u', 'c', 'f', 'x') AND {_OURS}
        """
    )
    wrong = []
    for name in names:
        table, _, own = name.partition(" ")
        prefix, _, rest = own.partition("_")
        if prefix not in ("idx", "uq", "pk", "fk", "ck", "ex") or not rest.startswith(table):
            wrong.append(name)
    assert len(names) > 400
    assert wrong == []


def test_no_table_that_is_audited_is_emptied(rows: Rows) -> None:
    """When this fails: a migration that audits a table refuses TRUNCATE of it too, with `forbid`."""
    audited = rows.column(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname ~ '_audit$' AND tgparentid = 0"
    )
    guarded = rows.column(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgtype & 32 > 0 AND tgfoid = 'forbid'::regproc"
    )
    assert len(audited) > 40
    assert set(audited) - set(guarded) == set()


def test_a_foreign_key_names_the_table_it_references(rows: Rows) -> None:
    wrong = rows.column(
        f"""
        SELECT o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        JOIN pg_class r ON r.oid = o.confrelid
        WHERE o.contype = 'f' AND o.conparentid = 0 AND {_OURS}
          AND o.conname NOT LIKE 'fk_' || c.relname || '_' || r.relname || '%%'
        """
    )
    assert wrong == ["fk_reviews_moderators"]  # the second reference to users


def test_every_trigger_and_policy_is_named_by_the_convention(rows: Rows) -> None:
    triggers = rows.column(
        f"""
        SELECT c.relname || ' ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND {_OURS} AND t.tgname NOT LIKE 'tr\\_' || c.relname || '\\_%%'
        """
    )
    policies = rows.column(
        f"""
        SELECT c.relname || ' ' || p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE {_OURS} AND p.polname !~ ('^p_' || c.relname || '_(own|owner|published|read|staff|worker)$')
        """
    )
    assert (triggers, policies) == ([], [])


def test_every_foreign_key_has_an_index(rows: Rows) -> None:
    # (order_id, user_id): the parent's id leads and is unique by itself, so an index on it covers the pair.
    missing = rows.column(
        f"""
        SELECT o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE o.contype = 'f' AND o.conparentid = 0 AND {_OURS} AND NOT EXISTS (
            SELECT FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
            WHERE x.indrelid = o.conrelid AND x.indkey[0] = o.conkey[1] AND m.amname = 'btree' AND x.indpred IS NULL
        )
        """
    )
    assert missing == []


def test_every_changeable_table_keeps_the_time_of_its_last_change(rows: Rows) -> None:
    touched = rows.column(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'tr_' || tgrelid::regclass || '_touch'"
    )
    wanted = [table.name for table in metadata.sorted_tables if "updated_at" in table.columns]
    assert sorted(touched) == sorted(wanted)


def test_every_table_is_audited_or_listed(rows: Rows) -> None:
    """Asked of the live catalogue: a table that nobody decided about fails here."""
    tables = rows.column(
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        """
    )
    undecided = {table for table in tables if not (table in NOT_AUDITED or table.startswith("procrastinate_"))}
    assert NOT_AUDITED.keys() - {"procrastinate_*"} <= set(tables)
    for suffix, kinds in (("audit", 4 | 8), ("audit_update", 16)):  # insert and delete; update
        audited = rows.column(
            """
            SELECT tgrelid::regclass::text FROM pg_trigger
            WHERE tgname = 'tr_' || tgrelid::regclass || %s AND tgfoid = 'audit_row'::regproc AND tgenabled = 'A'
              AND tgtype = 1 | %s AND (tgargs <> '') AND split_part(encode(tgargs, 'escape'), '\\000', 1)
                = tgrelid::regclass::text
            """,
            *(f"_{suffix}", kinds),
        )
        assert set(audited) == undecided


def test_whatever_is_called_a_secret_is_redacted(rows: Rows) -> None:
    told = rows.column(
        """
        SELECT c.relname || '.' || a.attname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE t.tgfoid = 'audit_row'::regproc AND NOT c.relispartition
          AND a.attname ~ 'password|secret|token|hash|wrapped|digest'
          AND NOT a.attname = ANY (split_part(encode(t.tgargs, 'escape'), '\\000', 2)::text[])
        """
    )
    assert set(told) == set()


@pytest.mark.parametrize("trigger", ["tr_products_audit_update", "tr_products_catalogue"])
def test_only_counters_of_a_product_escape_audit_and_version(rows: Rows, trigger: str) -> None:
    watched = rows.column(
        """
        SELECT a.attname FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid
        WHERE t.tgname = %s AND a.attnum = ANY (t.tgattr::int2[])
        """,
        trigger,
    )
    every = {column.name for column in metadata.tables["products"].columns}
    assert every - set(watched) == {"stock_quantity", "reserved_quantity", "updated_at", "search"}


def test_every_sentence_belongs_to_a_rule_of_the_database(rows: Rows) -> None:
    rules = rows.column(
        "SELECT conname::text FROM pg_constraint UNION SELECT relname FROM pg_class UNION SELECT tgname FROM pg_trigger"
    )
    raised = "".join(rows.column("SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"))
    # The functions make them of their tables' names.
    dynamic = {f"ck_{table}_cycle" for table in ("categories", "service_categories")}
    erased = set(
        rows.column(
            "SELECT 'ck_' || c.relname || '_erased' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgfoid = 'require_person_key'::regproc AND NOT c.relispartition"
        )
    )
    assert erased - REFUSALS.keys() == set()
    dynamic |= erased
    assert [name for name in REFUSALS.keys() - dynamic if name not in rules and f"'{name}'" not in raised] == []


def test_functions_find_their_tables_under_any_search_path(rows: Rows) -> None:
    """A restored dump runs them with an empty search_path."""
    rows.add("categories", slug="root")
    rows.add("products")
    rows.add("orders")
    rows.add("refunds")
    rows.run("SET search_path = ''")
    rows.run("UPDATE public.categories SET slug = 'top'")
    rows.run("UPDATE public.products SET price = 3")
    rows.run("UPDATE public.orders SET status = 'confirmed'")
    rows.run("UPDATE public.refunds SET status = 'succeeded'")
    assert rows.one("SELECT path FROM public.categories") == "top"


def test_ids_of_the_database_are_in_the_order_they_were_made(rows: Rows) -> None:
    made = rows.column("SELECT uuid_v7() FROM generate_series(1, 50000)")
    assert all(earlier.bytes[:8] <= later.bytes[:8] for earlier, later in pairwise(made))


def test_what_runs_as_the_owner_looks_for_names_where_nobody_makes_any(rows: Rows) -> None:
    """Operators are names too: one made for a domain fits better than PostgreSQL's own, wherever it stands."""
    elsewhere = rows.column(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
          AND (p.prosecdef OR array_to_string(p.proconfig, ' ') ~ 'search_path')
          AND p.proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp']
        """
    )
    assert elsewhere == []
