"""The page of docs/schema that lists what the models do not know: every trigger, function and policy, as the live
catalogue has it. A change of any of them that no migration made, or that nobody meant, shows as a difference.
"""

from typing import Any, LiteralString

import psycopg

_OURS: LiteralString = """c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname !~ '^(procrastinate_|alembic_version$)'"""
# The bits of tgtype are the same in every version; the text of a condition is not, so that there is one is all it says.
_TRIGGERS: LiteralString = f"""
SELECT c.relname, t.tgname, concat_ws(' ',
        CASE WHEN t.tgtype & 2 > 0 THEN 'BEFORE' ELSE 'AFTER' END,
        concat_ws(' OR ', CASE WHEN t.tgtype & 4 > 0 THEN 'INSERT' END, CASE WHEN t.tgtype & 8 > 0 THEN 'DELETE' END,
                  CASE WHEN t.tgtype & 16 > 0 THEN 'UPDATE' || coalesce(' OF ' || (
                      SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
                      WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr::int2[])), '') END,
                  CASE WHEN t.tgtype & 32 > 0 THEN 'TRUNCATE' END),
        CASE WHEN t.tgtype & 1 > 0 THEN 'each row' ELSE 'each statement' END,
        CASE WHEN t.tgqual IS NOT NULL THEN 'with a condition' END,
        CASE WHEN t.tgdeferrable THEN 'deferrable' END),
    p.proname, CASE t.tgenabled WHEN 'A' THEN 'always' WHEN 'O' THEN 'not in replication' ELSE 'off' END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND {_OURS} ORDER BY c.relname COLLATE "C", t.tgname COLLATE "C"
"""
_FUNCTIONS: LiteralString = """
SELECT p.oid::regprocedure::text, l.lanname, CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable'
           ELSE 'volatile' END,
       CASE WHEN p.prosecdef THEN 'its owner' ELSE 'the caller' END, coalesce(array_to_string(p.proconfig, '; '), ''),
       left(md5(p.prosrc), 12)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'public'::regnamespace AND p.proname !~ '^procrastinate_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY p.proname COLLATE "C", 1
"""
_POLICIES: LiteralString = f"""
SELECT c.relname, p.polname, CASE p.polcmd WHEN 'r' THEN 'read' WHEN 'a' THEN 'add' WHEN 'w' THEN 'change'
           WHEN 'd' THEN 'delete' ELSE 'all' END,
       array_to_string(array(SELECT r::regrole::text FROM unnest(p.polroles) r ORDER BY 1), ', '),
       CASE WHEN c.relrowsecurity AND c.relforcerowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'on' ELSE 'off' END
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE {_OURS} ORDER BY c.relname COLLATE "C", p.polname COLLATE "C"
"""


def page(database_url: str, head: str) -> str:
    """The page, below `head`; the same from every version of PostgreSQL."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET search_path = public")
        triggers, functions, policies = (
            connection.execute(query).fetchall() for query in (_TRIGGERS, _FUNCTIONS, _POLICIES)
        )
    lines = [head, "# Triggers, functions and policies", ""]
    lines += ["What the database does by itself; what each is for stands with its [table](README.md) and in"]
    lines += ["[rights](rights.md)."]
    lines += _list("Triggers", ("table", "trigger", "fires", "calls", "enabled"), triggers)
    lines += _list("Functions", ("function", "language", "kind", "with the rights of", "settings", "body"), functions)
    lines += _list("Policies", ("table", "policy", "for", "roles", "row-level security"), policies)
    return "\n".join(lines) + "\n"


def _list(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    lines = [
        "",
        f"## {title}",
        "",
        f"{len(rows)} in all.",
        "",
        f"| {' | '.join(columns)} |",
        "| --- " * len(columns) + "|",
    ]
    return [*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)]
