"""The page of docs/schema that says who may do what: made of the live catalogue, but for the reasons."""

import re
from typing import Any, LiteralString

import psycopg

from lex.db.roles import LOGINS

#: Tables without policies, and why: who may read or write them is a matter of rights alone.
WITHOUT_POLICIES = {
    "alembic_version": "the revision of the schema",
    "audit_logs": "of everybody; customers and reports have no right on it, and whoever reads it reads all of it",
    "audit_archives": "which months of the audit lie in which files; customers have no right on it",
    "audit_seals": "digests; customers have no right on it",
    "catalogue_changes": "marks of what everybody sees",
    "categories": "the public catalogue",
    "coupon_codes": "looked up by whoever types one; who used it stands in `coupon_usages`",
    "coupons": "looked up by whoever types one; who used it stands in `coupon_usages`",
    "digital_files": "the public catalogue; the right to fetch one stands in `downloads`",
    "invoice_counters": "the series of invoices; customers have no right on it",
    "job_errors": "why a job failed, without personal data; customers have no right on it",
    "occupancies": "which times of a resource are taken, by nobody named: everybody is refused by them alike",
    "pictures": "the public catalogue",
    "procrastinate_events": "the job queue: ids only",
    "procrastinate_jobs": "the job queue: ids only; customers put jobs in, the worker takes them out",
    "procrastinate_periodic_defers": "the job queue: times only",
    "procrastinate_workers": "the job queue: heartbeats only",
    "product_facets": "the public catalogue, as lists count it",
    "product_prices": "the public catalogue: past prices",
    "product_texts": "the public catalogue, as words find it",
    "products": "the public catalogue, searched in ways that policies would slow down",
    "resources": "the public catalogue",
    "sign_in_attempts": "counters under HMACs, of nobody named; customers have no right on it",
    "sandbox_payments": "the books of the sandbox provider, which stands for somebody outside",
    "schedule_exceptions": "the public catalogue",
    "search_words": "words of the public catalogue",
    "service_categories": "the public catalogue",
    "service_days": "how full a day is",
    "service_resources": "the public catalogue",
    "service_slots": "how full a time is",
    "services": "the public catalogue",
    "shipping_methods": "the public catalogue",
    "shop_facts": "facts of the shop",
    "status_transitions": "the ways of a status, the same for everybody",
    "stock_holds": "units kept for an order's id, by nobody named: an expired one is given back by whoever comes next",
    "stock_movements": "the ledger of units; customers have no right on it",
    "subscription_plans": "the public catalogue",
    "tax_rates": "the public catalogue",
    "webhook_events": "the inbox of the providers; customers have no right on it",
}

_TABLES: LiteralString = (
    """c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"""
)
# Columns are told where a right is for some of them; what is left out where it is for most.
_RIGHTS: LiteralString = f"""
WITH tables AS (
    SELECT c.oid, c.relname, c.relacl, (SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS width
    FROM pg_class c WHERE {_TABLES}
)
SELECT t.relname, a.grantee::regrole::text, a.privilege_type, NULL::text[], NULL::text[]
FROM tables t, aclexplode(t.relacl) a WHERE a.grantee = ANY (%(roles)s::regrole[])
UNION ALL
SELECT t.relname, a.grantee::regrole::text, a.privilege_type, array_agg(c.attname::text ORDER BY c.attnum), (
    SELECT array_agg(o.attname::text ORDER BY o.attnum) FROM pg_attribute o
    WHERE o.attrelid = t.oid AND o.attnum > 0 AND NOT o.attisdropped AND o.attname <> ALL (array_agg(c.attname)))
FROM tables t JOIN pg_attribute c ON c.attrelid = t.oid, aclexplode(c.attacl) a
WHERE a.grantee = ANY (%(roles)s::regrole[])
GROUP BY t.oid, t.relname, a.grantee, a.privilege_type
ORDER BY 1
"""
_OWN: LiteralString = f"""
SELECT c.relname, pg_get_expr(p.polqual, p.polrelid)
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE {_TABLES} AND 'lex_app'::regrole = ANY (p.polroles) ORDER BY 1, p.polname
"""
_DEFINERS: LiteralString = """
SELECT p.proname, array(
    SELECT CASE a.grantee WHEN 0 THEN 'everybody' ELSE a.grantee::regrole::text END
    FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee <> p.proowner ORDER BY 1)
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND p.prorettype <> 'trigger'::regtype
ORDER BY 1
"""
_WORDS = {"SELECT": "read", "INSERT": "add", "UPDATE": "change", "DELETE": "delete"}
_SETTING = re.compile(r"\( ?SELECT \(?NULLIF\(current_setting\('(lex\.\w+)'.*? AS \"nullif\"\)")
_ORDER = [*_WORDS, "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"]


def read(database_url: str) -> dict[str, dict[str, list[str]]]:
    """What each role may do with each table: table → role → rights in words, in the order of `_WORDS`."""
    found: dict[str, dict[str, list[str]]] = {}
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(_RIGHTS, {"roles": list(LOGINS)}).fetchall()
    for table, role, right, columns, others in sorted(rows, key=lambda row: _ORDER.index(row[2])):
        found.setdefault(table, {}).setdefault(role, []).append(_words(_WORDS.get(right, right), columns, others))
    return dict(sorted(found.items()))


def _words(right: str, columns: list[str] | None, others: list[str] | None) -> str:
    if not columns:
        return right
    if others and len(others) < len(columns):
        return f"{right} all but {', '.join(f'`{name}`' for name in others)}"
    return f"{right} {', '.join(f'`{name}`' for name in columns)}"


def page(database_url: str, head: str) -> str:
    """The page, below `head`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET search_path = public")
        own: list[tuple[Any, ...]] = connection.execute(_OWN).fetchall()
        definers = connection.execute(_DEFINERS).fetchall()
    lines = [head, "# Who may do what", ""]
    lines += [
        "What the roles of the database may do; why, and what the policies mean, stands in",
        "[row-level security](../concepts/row-level-security.md). `lex_owner` owns everything and logs in nowhere.",
        "Nobody has a right on a partition, and nobody but the owner truncates.",
        "",
        f"| table | {' | '.join(LOGINS)} |",
        f"| --- |{' --- |' * len(LOGINS)}",
    ]
    for table, rights in read(database_url).items():
        cells = ("; ".join(rights.get(role, [])) or "–" for role in LOGINS)
        lines.append(f"| `{table}` | {' | '.join(cells)} |")
    lines += ["", "## Whose rows a customer sees", ""]
    lines += [
        "`lex_app` sees and writes the rows for which one of these holds; `lex_staff`, `lex_worker` and the owner all",
        "of them, `lex_ro` reads all of them. `lex.…` are settings of the transaction.",
        "",
        "| table | rows |",
        "| --- | --- |",
    ]
    lines += [f"| `{table}` | `{_plain(rows)}` |" for table, rows in own]
    lines += ["", "## Tables without policies", "", "| table | why |", "| --- | --- |"]
    lines += [f"| `{table}` | {why} |" for table, why in WITHOUT_POLICIES.items()]
    lines += ["", "## Functions that do more than their caller may", "", "| function | for |", "| --- | --- |"]
    lines += [f"| `{name}` | {', '.join(roles) or 'the owner alone'} |" for name, roles in definers]
    return "\n".join(lines) + "\n"


def _plain(policy: str) -> str:
    """A policy in short, such as `user_id = lex.user_id`, whichever version of PostgreSQL prints it."""
    text = _SETTING.sub(r"\1", " ".join(policy.split()))
    text = re.sub(r"::(?:uuid|bytea|text)(?:\[\])?", "", text).replace("ANY (ARRAY(", "ANY ((")
    while (shorter := re.sub(r"\((lex\.\w+|[\w.]+ = (?:ANY )?(?:lex\.\w+|'\w+'))\)", r"\1", text)) != text:
        text = shorter
    return text[1:-1] if text.startswith("(") else text
