"""Where a migrated database and the models differ.

The models are built in a schema of their own inside a transaction that is rolled back, and both catalogues are read
through the same server: domains, types, defaults, generated columns, CHECKs, exclusions, foreign keys and index
predicates are compared as PostgreSQL understood them, not as somebody wrote them. Partitions follow their parents and
are left out, and so are the job queue's tables, which the models do not describe.
"""

from sqlalchemy import Connection, text

from lex.ops.migrations import connect
from lex.ops.models import metadata

_SCRATCH = "lex_models"
_OURS = """c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname !~ '^(procrastinate_|alembic_version$)'"""
_CATALOGUE = {
    "domain": """
        SELECT t.typname, format_type(t.typbasetype, t.typtypmod) || ' ' || o.conname || ' '
                              || pg_get_constraintdef(o.oid)
        FROM pg_type t JOIN pg_constraint o ON o.contypid = t.oid AND o.contype = 'c'
        WHERE t.typnamespace = CAST(:schema AS regnamespace) AND t.typtype = 'd'""",
    "table": f"""
        SELECT c.relname, coalesce(pg_get_partkeydef(c.oid), 'not partitioned') FROM pg_class c WHERE {_OURS}""",
    "column": f"""
        SELECT c.relname || '.' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         CASE WHEN a.attgenerated <> '' THEN 'GENERATED' ELSE 'DEFAULT' END || ' '
                             || pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE {_OURS}""",
    "constraint": f"""
        SELECT c.relname || '.' || o.conname, pg_get_constraintdef(o.oid)
        FROM pg_class c JOIN pg_constraint o ON o.conrelid = c.oid AND o.contype IN ('c', 'f', 'p', 'u', 'x')
        WHERE o.conparentid = 0 AND {_OURS}""",
    "index": f"""
        SELECT c.relname || '.' || i.relname, replace(pg_get_indexdef(x.indexrelid), :schema || '.', '')
        FROM pg_class c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
        WHERE {_OURS}""",
}


def drift(database_url: str) -> list[str]:
    """One sentence for each difference; empty when models and database agree. Changes nothing."""
    with connect(database_url) as connection:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL search_path = public"))
        built = {kind: _read(connection, query, "public") for kind, query in _CATALOGUE.items()}
        connection.execute(text(f"CREATE SCHEMA {_SCRATCH}"))
        connection.execute(text(f"SET LOCAL search_path = {_SCRATCH}, public"))
        metadata.create_all(connection.execution_options(schema_translate_map={None: _SCRATCH}), checkfirst=False)
        modelled = {kind: _read(connection, query, _SCRATCH) for kind, query in _CATALOGUE.items()}
        connection.rollback()
    return [line for kind in _CATALOGUE for line in _differences(kind, modelled[kind], built[kind])]


def _read(connection: Connection, query: str, schema: str) -> dict[str, str]:
    return {str(name): str(what) for name, what in connection.execute(text(query), {"schema": schema})}


def _differences(kind: str, modelled: dict[str, str], built: dict[str, str]) -> list[str]:
    lines = []
    for name in sorted(modelled.keys() | built.keys()):
        if name not in built:
            lines.append(f"{kind} {name} is in the models only: {modelled[name]}")
        elif name not in modelled:
            lines.append(f"{kind} {name} is in the database only: {built[name]}")
        elif modelled[name] != built[name]:
            lines.append(f"{kind} {name} is {modelled[name]} in the models and {built[name]} in the database")
    return lines
