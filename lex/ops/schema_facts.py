"""What the catalogue says about each table, in the words the schema's pages print."""

import re
from dataclasses import dataclass, field
from typing import Any, LiteralString, get_args, get_type_hints

import psycopg

from lex.db import base
from lex.db.base import Base

_OURS: LiteralString = """c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname !~ '^(procrastinate_|alembic_version$)'"""
_TABLES: LiteralString = f"SELECT c.relname, pg_get_partkeydef(c.oid) FROM pg_class c WHERE {_OURS} ORDER BY 1"
_COLUMNS: LiteralString = f"""
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) ELSE 'generated' END
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE {_OURS} ORDER BY c.relname, a.attnum"""
_INDEXES: LiteralString = f"""
SELECT c.relname, i.relname, x.indisunique, pg_get_indexdef(x.indexrelid)
FROM pg_class c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
WHERE {_OURS} AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.oid AND o.conrelid = c.oid)
ORDER BY c.relname, i.relname"""
_CONSTRAINTS: LiteralString = f"""
SELECT c.relname, o.conname, o.contype::text, pg_get_constraintdef(o.oid), r.relname,
       (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = o.conkey[1]),
       array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (o.conkey)
             ORDER BY array_position(o.conkey, a.attnum))
FROM pg_class c JOIN pg_constraint o ON o.conrelid = c.oid LEFT JOIN pg_class r ON r.oid = o.confrelid
WHERE {_OURS} AND o.conparentid = 0 AND o.contype IN ('c', 'f', 'p', 'u', 'x')
ORDER BY c.relname, position(o.contype::text IN 'pufcx'), o.conname"""
_TRIGGERS: LiteralString = f"""
SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid), obj_description(t.tgfoid, 'pg_proc')
FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
WHERE {_OURS} ORDER BY c.relname, t.tgname"""
_DOMAINS: LiteralString = """
SELECT t.typname, format_type(t.typbasetype, t.typtypmod), pg_get_constraintdef(o.oid),
       coalesce(obj_description(t.oid, 'pg_type'), '')
FROM pg_type t JOIN pg_constraint o ON o.contypid = t.oid AND o.contype = 'c'
WHERE t.typtype = 'd' AND t.typnamespace = 'public'::regnamespace ORDER BY t.typname"""
_FUNCTIONS: LiteralString = """
SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.proname !~ '^procrastinate_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the server knows it."""

    name: str
    type: str
    required: bool
    default: str


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key: its leading column, the parent, and whether a parent is required."""

    column: str
    parent: str
    required: bool


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """A domain: the type it is over, what it checks of `VALUE`, what it is for, and the values it lists, if it does."""

    type: str
    check: str
    about: str
    allowed: list[str]


@dataclass(slots=True)
class TableFacts:
    """One table."""

    partitioned: str
    columns: list[Column] = field(default_factory=list)
    primary: list[str] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    indexes: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """The whole schema."""

    tables: dict[str, TableFacts]
    domains: dict[str, DomainFacts]
    functions: dict[str, str]


def read(database_url: str) -> Facts:
    """Everything the pages need, in seven queries."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET search_path = public")
        tables = {name: TableFacts(key or "") for name, key in connection.execute(_TABLES)}
        for table, name, kind, required, default in connection.execute(_COLUMNS):
            tables[table].columns.append(Column(name, _type(kind), required, _plain(default or "")))
        for table, name, unique, text in connection.execute(_INDEXES):
            tables[table].indexes[name] = ("UNIQUE " if unique else "") + _plain(text.split(" USING ", 1)[1])
        for row in connection.execute(_CONSTRAINTS):
            _constrain(tables[row[0]], *row[1:])
        for table, name, text, about in connection.execute(_TRIGGERS):
            tables[table].triggers[name] = f"`{_when(text)}` {about or ''}".strip()
        domains = {name: _domain(*row) for name, *row in connection.execute(_DOMAINS)}
        functions = {name: about or "" for name, about in connection.execute(_FUNCTIONS)}
    return Facts(tables, domains, functions)


def annotated(model: type[Base], column: str) -> str:
    """The name of the annotation a model gives a column in lex.db.base (`Ciphertext` or `BlindIndex`), or nothing."""
    hints = get_type_hints(model, include_extras=True)
    inner = get_args(hints[column])[0] if column in hints else None
    for name in ("Ciphertext", "BlindIndex"):
        alias = getattr(base, name)
        if inner == alias or alias in get_args(inner):
            return name
    return ""


def _constrain(table: TableFacts, name: str, kind: str, text: str, parent: str | None, lead: str, names: Any) -> None:
    table.constraints[name] = _plain(text)
    if kind == "p":
        table.primary = list(names)
    if kind == "f" and parent is not None:
        required = {column.name for column in table.columns if column.required}
        table.references.setdefault(lead, parent)
        if not any(key.column == lead and key.parent == parent for key in table.keys):
            table.keys.append(Key(lead, parent, set(names) <= required))


def _domain(kind: str, check: str, about: str) -> DomainFacts:
    listed = re.search(r"VALUE = ANY \('{(.+?)}'", check)
    return DomainFacts(kind, _plain(check), about, listed[1].split(",") if listed else [])


def _when(trigger: str) -> str:
    """`BEFORE UPDATE OF status` of a trigger's definition."""
    found = re.search(r"(BEFORE|AFTER) .+? ON ", trigger)
    return found[0].removesuffix(" ON ") if found else trigger


def _type(text: str) -> str:
    return text.replace("timestamp with time zone", "timestamptz")


def _plain(text: str) -> str:
    """Without the casts of literals that the server adds to what was written."""
    text = re.sub(r"ANY \(('{[^']*}')::text\[\]\)", r"ANY (\1)", text)
    text = re.sub(r"('[^']*')::(?:text|character varying|\"char\"|bytea|regconfig)(?!\[)", r"\1", text)
    text = re.sub(r"\((\d+)\)::numeric", r"\1", text)
    text = re.sub(r"timezone\('UTC', (\w+\(\w+\))\)", r"(\1 AT TIME ZONE 'UTC')", text)  # as 14 and later print it
    return _type(text)
