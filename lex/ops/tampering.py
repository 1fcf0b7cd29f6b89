"""What somebody changed by hand of a database's owners, rights, policies, triggers and functions, and what mends it.

`untouched.json` beside this file holds what the migrations make: a fact for each of them, which every version of
PostgreSQL tells in the same words. `lex db docs` writes it and a test compares it with a fresh database. Tables and
functions that Lex does not know are nobody's business, unless they act with the owner's rights.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from lex.ops import migrations

EXPECTED = Path(__file__).with_name("untouched.json")
_Connection = psycopg.Connection[Any]

# Partitions come and go: of them only what strays is told, and there must be none of it. So with PostgreSQL's own
# triggers, which hold the foreign keys.
_FACTS: LiteralString = """
WITH logins AS (
    SELECT oid FROM pg_roles WHERE rolname IN ('lex_app', 'lex_staff', 'lex_worker', 'lex_ro')
), ours AS (
    SELECT c.*, CASE WHEN c.relispartition THEN 'partition ' WHEN c.relkind = 'S' THEN 'sequence ' ELSE 'table ' END
        || c.relname AS called
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
), functions AS (
    SELECT p.*, 'function ' || p.oid::regprocedure AS called FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
), granted (what, owner, column_name, acl) AS (
    SELECT called, relowner, NULL, a FROM ours, aclexplode(relacl) a
    UNION ALL
    SELECT called, relowner, quote_ident(attname), a
    FROM ours JOIN pg_attribute t ON t.attrelid = ours.oid AND NOT t.attisdropped, aclexplode(t.attacl) a
    UNION ALL
    SELECT called, proowner, NULL, a FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
    UNION ALL
    SELECT 'whatever is made from now on', defaclrole, NULL, a FROM pg_default_acl, aclexplode(defaclacl) a
    WHERE defaclrole = 'lex_owner'::regrole
    UNION ALL
    SELECT 'schema public', nspowner, NULL, a FROM pg_namespace, aclexplode(nspacl) a
    WHERE nspname = 'public' AND a.privilege_type <> 'USAGE' AND (a.grantee = 0 OR a.grantee IN (TABLE logins))
    UNION ALL
    SELECT 'this database', datdba, NULL, a FROM pg_database, aclexplode(datacl) a
    WHERE datname = current_database() AND a.privilege_type <> 'CONNECT' AND a.grantee IN (TABLE logins)
), rights (what, grantee, said) AS (
    SELECT what, CASE (acl).grantee WHEN 0 THEN 'PUBLIC' ELSE (acl).grantee::regrole::text END, (acl).privilege_type
        || coalesce(' (' || string_agg(column_name, ', ' ORDER BY column_name) || ')', '')
        || CASE WHEN (acl).is_grantable THEN ' and gives it on' ELSE '' END
    FROM granted WHERE (acl).grantee <> owner GROUP BY what, (acl).grantee, (acl).privilege_type, (acl).is_grantable
)
SELECT called, concat('of ', relowner::regrole, CASE WHEN relrowsecurity THEN ' with policies' END,
                      CASE WHEN relforcerowsecurity THEN ' for its owner too' END)
FROM ours WHERE NOT relispartition OR relowner <> 'lex_owner'::regrole OR relrowsecurity
UNION ALL
SELECT 'right of ' || grantee || ' on ' || what, string_agg(said, ', ' ORDER BY said) FROM rights GROUP BY what, grantee
UNION ALL
SELECT 'policy ' || polname || ' on ' || relname, concat_ws(' ', CASE WHEN NOT polpermissive THEN 'AS RESTRICTIVE' END,
    'FOR', CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
        ELSE 'ALL' END,
    'TO', array_to_string(array(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END
                                FROM unnest(polroles) r ORDER BY 1), ', '),
    'USING (' || pg_get_expr(polqual, polrelid) || ')',
    'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')')
FROM pg_policy JOIN ours ON ours.oid = polrelid
UNION ALL
SELECT CASE WHEN t.tgconstraint <> 0 THEN 'key ' WHEN t.tgparentid <> 0 THEN 'copy ' ELSE 'trigger ' END || t.tgname
    || ' on ' || relname, concat(CASE t.tgenabled WHEN 'A' THEN 'always' WHEN 'O' THEN
    'not in replication' WHEN 'R' THEN 'in replication only' ELSE 'off' END, ': ', pg_get_triggerdef(t.oid))
FROM pg_trigger t JOIN ours ON ours.oid = t.tgrelid LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
WHERE CASE WHEN t.tgconstraint <> 0 THEN t.tgenabled IN ('D', 'R') ELSE p.tgenabled IS DISTINCT FROM t.tgenabled END
UNION ALL
SELECT 'rule ' || rulename || ' on ' || relname, pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN ours ON ours.oid = r.ev_class WHERE rulename <> '_RETURN'
UNION ALL
SELECT called, concat('of ', proowner::regrole, CASE WHEN prosecdef THEN ' with its rights' END, ' ', provolatile, ' ',
    array_to_string(proconfig, '; '), ' ', lanname, ' ', left(md5(prosrc), 16))
FROM functions JOIN pg_language l ON l.oid = prolang
"""
# The roles are the server's: other shops on it have the same ones.
_ROLES: LiteralString = """
WITH ours AS (SELECT * FROM pg_roles WHERE rolname IN ('lex_owner', 'lex_app', 'lex_staff', 'lex_worker', 'lex_ro'))
SELECT rolname || ' is ' || concat_ws(', ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolbypassrls THEN
        'BYPASSRLS' END, CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolinherit THEN 'INHERIT' END,
        CASE WHEN rolcanlogin AND rolname = 'lex_owner' THEN 'LOGIN' END) || '.',
    concat_ws(' ', 'ALTER ROLE', rolname, CASE WHEN rolsuper THEN 'NOSUPERUSER' END, CASE WHEN rolbypassrls THEN
        'NOBYPASSRLS' END, CASE WHEN rolreplication THEN 'NOREPLICATION' END, 'NOCREATEROLE NOCREATEDB NOINHERIT',
        CASE WHEN rolname = 'lex_owner' THEN 'NOLOGIN' END)
FROM ours WHERE rolsuper OR rolbypassrls OR rolreplication OR rolcreaterole OR rolcreatedb OR rolinherit
    OR rolcanlogin AND rolname = 'lex_owner'
UNION ALL
SELECT format('%s is a member of %s.', rolname, m.roleid::regrole),
    format('REVOKE %s FROM %s', m.roleid::regrole, rolname)
FROM ours JOIN pg_auth_members m ON m.member = ours.oid
UNION ALL
SELECT format('%s has the setting %s%s.', rolname, said, ' in ' || d.datname), format('ALTER ROLE %s%s RESET %I',
    rolname, ' IN DATABASE ' || quote_ident(d.datname), split_part(said, '=', 1))
FROM ours JOIN pg_db_role_setting s ON s.setrole = ours.oid CROSS JOIN unnest(s.setconfig) said
LEFT JOIN pg_database d ON d.oid = s.setdatabase
"""
_ENABLED = {"always": "ENABLE ALWAYS", "not in replication": "ENABLE", "off": "DISABLE"}
_WORDS = re.compile(r"(?P<kind>\w+)(?: (?:of )?(?P<name>\S+) on)? (?P<on>.+)")


@dataclass(frozen=True, slots=True)
class Strayed:
    """One thing that is not as the migrations made it. `statement` puts it back; where it is empty, `mend` says how."""

    detail: str
    statement: str = ""
    mend: str = "Run lex db roles."


def read(connection: _Connection) -> dict[str, str]:
    """The facts of a database: what it is of, and what is so. Needs the roles."""
    with connection.transaction():
        connection.execute("SET LOCAL search_path = public")
        return {str(name): str(fact) for name, fact in connection.execute(_FACTS).fetchall()}


def text(database_url: str) -> str:
    """What `untouched.json` holds if this database is one that nobody touched."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        return json.dumps(read(connection), indent=0, sort_keys=True) + "\n"


@lru_cache(maxsize=1)
def _expected() -> dict[str, str]:
    found: dict[str, str] = json.loads(EXPECTED.read_text("utf-8"))
    return found


def strayed(connection: _Connection) -> list[Strayed]:
    """What is not as the migrations made it. Only for a database with all of them applied; changes nothing."""
    roles = [Strayed(str(detail), str(statement)) for detail, statement in connection.execute(_ROLES).fetchall()]
    found, expected = read(connection), _expected()
    names = found.keys() | expected.keys()
    different = sorted(name for name in names if _same(name, found.get(name)) != _same(name, expected.get(name)))
    return roles + [
        _told(name, found.get(name), expected.get(name))
        for name in different
        if name in expected or _concerns(name, found[name], expected)
    ]


def _same(name: str, fact: str | None) -> str | None:
    """A database filled from a dump has the conditions of triggers in other parentheses: (a OR b) OR c."""
    return fact and (re.sub("[() ]", "", fact) if name.startswith("trigger ") else fact)


def _concerns(name: str, fact: str, expected: dict[str, str]) -> bool:
    """Whether what is only in the database touches what is Lex's, or does more than its caller may."""
    kind, _, on = _parts(name)
    if kind in ("table", "sequence"):
        return False
    if kind == "function":
        return "with its rights" in fact
    if kind == "right" and on.startswith(("table", "sequence", "function")):
        return on in expected
    return kind in ("right", "partition", "copy", "key") or f"table {on}" in expected


def _parts(name: str) -> tuple[str, str, str]:
    found = _WORDS.fullmatch(name)
    assert found is not None
    return found["kind"], found["name"] or "", found["on"]


def _told(name: str, found: str | None, expected: str | None) -> Strayed:
    kind, own, on = _parts(name)
    statement = "; ".join(_statements(kind, own, on, found or "", expected or ""))
    if expected is None:
        detail = f"{name} was added: {' '.join((found or '').split())}."
    elif found is None:
        detail = f"{name} is gone: {expected}."
    else:
        detail = f"{name} is “{found}”, not “{expected}”."
    if statement:
        return Strayed(detail, statement)
    if kind == "function" and expected:
        return Strayed(detail, mend="Run its CREATE FUNCTION of lex/db/migrations/versions again, as lex_owner.")
    return Strayed(detail, mend="Take it away as its owner, if it was not you who put it there.")


def _statements(kind: str, own: str, on: str, found: str, expected: str) -> Iterator[str]:
    """What puts it back, as far as its text is known and nothing of somebody's own is lost by it."""
    if kind in ("table", "sequence", "partition") and found:
        yield from _table(kind, on, expected or "of lex_owner")
    elif kind == "right" and on == "schema public":
        yield f"REVOKE CREATE ON SCHEMA public FROM {own}"
    elif kind == "right" and on != "this database" and not on.startswith("whatever"):
        on = on.replace("partition ", "table ")
        yield f"REVOKE ALL ON {on} FROM {own} CASCADE"
        yield from (f"GRANT {right} ON {on} TO {own}" for right in _rights(expected))
    elif kind == "policy":
        if found:
            yield f"DROP POLICY {own} ON {on}"
        if expected:
            yield f"CREATE POLICY {own} ON {on} {expected}"
    elif kind == "trigger" and expected:
        yield from _trigger(own, on, found, expected)
    elif kind in ("copy", "key"):
        yield f'ALTER TABLE {on} {"ENABLE ALWAYS" if kind == "copy" else "ENABLE"} TRIGGER "{own}"'
    elif kind == "function" and found.split()[-1:] == expected.split()[-1:]:
        yield from _function(on, expected)


def _table(kind: str, on: str, expected: str) -> Iterator[str]:
    what = "SEQUENCE" if kind == "sequence" else "TABLE"
    yield f"ALTER {what} {on} OWNER TO {expected.split()[1]}"
    if kind != "sequence":
        yield f"ALTER TABLE {on} {'ENABLE' if 'policies' in expected else 'DISABLE'} ROW LEVEL SECURITY"
        yield f"ALTER TABLE {on} {'' if 'owner too' in expected else 'NO '}FORCE ROW LEVEL SECURITY"


def _rights(expected: str) -> list[str]:
    return [right for right in re.split(r", (?![^(]*\))", expected) if right]


def _trigger(own: str, on: str, found: str, expected: str) -> Iterator[str]:
    was, definition = expected.split(": ", 1)
    if found and found.split(": ", 1)[1] != definition:
        yield f"DROP TRIGGER {own} ON {on}"
        found = ""
    if not found:
        yield definition
    yield f"ALTER TABLE {on} {_ENABLED[was]} TRIGGER {own}"


def _function(on: str, expected: str) -> Iterator[str]:
    """Its text is what it was; what it runs as, and where it looks for names, is not."""
    words = expected.split()
    yield f"ALTER FUNCTION {on} OWNER TO {words[1]}"
    volatile = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}
    kind = next(volatile[word] for word in words[2:] if word in volatile)
    security = "DEFINER" if "with its rights" in expected else "INVOKER"
    settings = re.search(r" [isv] (\w+=.*) \w+ \w+$", expected)
    yield f"ALTER FUNCTION {on} {kind} SECURITY {security} RESET ALL"
    for setting in settings[1].split("; ") if settings else ():
        yield f"ALTER FUNCTION {on} SET {setting.replace('=', ' = ', 1)}"


def mend(database_url: str) -> tuple[list[str], list[Strayed]]:
    """Put back what can be, each in a transaction of its own: what was mended, and what is left for somebody else.

    A database that lacks migrations is left alone.
    """
    if not migrations.is_current(database_url):
        return [], []
    with psycopg.connect(database_url, autocommit=True) as connection:
        before = strayed(connection)
        for one in before:
            _put_back(connection, one.statement)
        left = {one.detail: one for one in strayed(connection)} if before else {}
    done = [f"Put right: {one.detail}" for one in before if one.detail not in left]
    return done, [_for_others(one) for one in left.values()]


def _put_back(connection: _Connection, statement: str) -> None:
    if statement:
        with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("SET LOCAL search_path = public")
            connection.execute(statement.encode())


def _for_others(one: Strayed) -> Strayed:
    return replace(one, mend=f"Run as a superuser: {one.statement};") if one.statement else one
