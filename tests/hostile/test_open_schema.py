"""A schema in which customers may make things, as a superuser can leave it: nothing they make there runs as the owner.

PostgreSQL takes the function or operator whose arguments fit best, wherever on the search path it stands: on a domain
such as `amount` one made for the domain fits better than PostgreSQL's own. Each trap here does what it replaces, unless
it runs as lex_owner.
"""

from collections.abc import Iterator

import psycopg
import pytest

from lex.ops import roles
from tests.conftest import temporary_database, with_database
from tests.hostile.attempts import APP, STAFF, WORKER
from tests.hostile.test_checkout import USE, Shop
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import Rows

_TRAPS = """
CREATE FUNCTION public.caught() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'lex_owner' THEN
        RAISE EXCEPTION 'a trap ran as lex_owner';
    END IF;
END
$$;
DO $$
DECLARE
    domain record;
    operator text;
BEGIN
    FOR domain IN
        SELECT t.oid::regtype::text AS name, format_type(t.typbasetype, NULL) AS base, 'trap_' || t.typname AS trap
        FROM pg_type t WHERE t.typtype = 'd' AND t.typnamespace = 'public'::regnamespace
            AND t.typbasetype IN ('text'::regtype, 'numeric'::regtype, 'integer'::regtype)
    LOOP
        FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>='] LOOP
            EXECUTE format('CREATE FUNCTION public.%I(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $f$
                BEGIN PERFORM public.caught(); RETURN $1::%s %s $2::%s; END $f$',
                domain.trap || operator, domain.name, domain.name, domain.base, operator, domain.base);
            EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.%I)',
                operator, domain.name, domain.name, domain.trap || operator);
        END LOOP;
        IF domain.base = 'numeric' THEN
            EXECUTE format('CREATE FUNCTION public.%I(numeric, %s) RETURNS numeric LANGUAGE plpgsql AS $f$
                BEGIN PERFORM public.caught(); RETURN coalesce($1, 0) + coalesce($2::numeric, 0); END $f$',
                domain.trap || 'sum', domain.name);
            EXECUTE format('CREATE AGGREGATE public.sum(%s) (SFUNC = public.%I, STYPE = numeric)', domain.name,
                domain.trap || 'sum');
        END IF;
    END LOOP;
END
$$;
CREATE FUNCTION public.staff_rank(user_role) RETURNS integer LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.caught(); RETURN public.staff_rank($1::text); END $$;
CREATE FUNCTION public.works_as(text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.caught(); RETURN public.works_as(VARIADIC ARRAY[$1]::name[]); END $$;
CREATE FUNCTION public.words_of(text, text, text, text) RETURNS SETOF text LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.caught(); RETURN QUERY SELECT public.words_of(VARIADIC ARRAY[$1, $2, $3, $4]); END $$;
"""


@pytest.fixture(scope="module")
def shop(cluster: Cluster, template: str) -> Iterator[Shop]:
    for url in temporary_database(cluster, template):
        roles.ensure(url)
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with Rows(url) as rows:
            made = Shop(url, rows)
            staff = rows.add("users", role="super_admin")["id"]
            made.named["staff"] = staff
        with psycopg.connect(with_database(cluster.superuser_url, str(name)), autocommit=True) as superuser:
            superuser.execute("GRANT CREATE ON SCHEMA public TO lex_app")
        with connect_as(APP, url) as connection:
            connection.execute(_TRAPS)
        yield made


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT sum(o.total_amount) FROM orders o)",
        "(SELECT bool_or(o.status = 'pending') FROM orders o)",
        "(SELECT bool_or(o.total_amount <> o.subtotal_amount) FROM orders o)",
        "(SELECT max(staff_rank(u.role)) FROM users u)",
        "works_as('lex_owner')",
        "(SELECT count(*) FROM words_of('a', 'b', 'c', 'd'))",
    ],
)
def test_a_function_that_looks_there_would_be_trapped(shop: Shop, expression: str) -> None:
    """Else the tests below would prove nothing."""
    shop.placed(APP, {}, {}, USE)
    with psycopg.connect(shop.url) as connection:
        connection.execute("SET ROLE lex_owner")
        for path in ("pg_catalog, public", "public, pg_temp"):
            connection.execute(
                f"""
                CREATE OR REPLACE FUNCTION public.probe() RETURNS text LANGUAGE plpgsql
                SECURITY DEFINER SET search_path = {path} AS $$ BEGIN RETURN {expression}::text; END $$
                """.encode()
            )
            with (
                pytest.raises(psycopg.errors.RaiseException, match="a trap ran as lex_owner"),
                connection.transaction(),
            ):
                connection.execute("SELECT public.probe()")
        connection.rollback()


@pytest.mark.parametrize("role", [APP, STAFF, WORKER])
def test_an_order_is_placed_by_what_lex_brings(shop: Shop, role: str) -> None:
    placed = shop.placed(role, {}, {}, USE)
    with Rows(shop.url) as rows:
        assert rows.one("SELECT count(*) FROM order_items WHERE order_id = %s", placed) == 2


def test_a_payment_and_its_end_are_looked_at_by_what_lex_brings(shop: Shop) -> None:
    placed = shop.placed(APP, {}, {}, USE)
    with connect_as(WORKER, shop.url) as connection:
        connection.execute(
            "INSERT INTO payments (id, order_id, user_id, provider, currency, amount)"
            " VALUES (uuid_v7(), %s, %s, 'sandbox', 'EUR', 23)",
            (placed, shop.eve),
        )
        connection.execute("UPDATE coupon_usages SET status = status WHERE order_id = %s", (placed,))
        connection.execute(
            "UPDATE orders SET status = 'canceled', canceled_at = now(), cancel_reason = 'shop' WHERE id = %s",
            (placed,),
        )
        connection.execute("UPDATE coupon_usages SET status = 'released' WHERE order_id = %s", (placed,))
    with Rows(shop.url) as rows:
        assert rows.one("SELECT status FROM orders WHERE id = %s", placed) == "canceled"


def test_the_back_office_works_by_what_lex_brings(shop: Shop) -> None:
    with connect_as(STAFF, shop.url, shop.named["staff"]) as connection:
        connection.execute(
            "UPDATE products SET price = 8, compare_at_price = 10, name = 'Zeppelin', is_active = true WHERE id = %s",
            (shop.named["thing"],),
        )
        connection.execute("UPDATE users SET role = 'moderator' WHERE id = %s", (shop.eve,))
        connection.execute("UPDATE users SET role = 'user' WHERE id = %s", (shop.eve,))
        assert connection.execute("SELECT acting_rank()").fetchone() == (3,)
        connection.execute(
            "UPDATE products SET price = 10, compare_at_price = NULL WHERE id = %s", (shop.named["thing"],)
        )
    with Rows(shop.url) as rows:
        assert rows.one("SELECT count(*) FROM search_words WHERE word = 'zeppelin'") == 1
