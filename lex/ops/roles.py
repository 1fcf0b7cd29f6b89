"""Makes and mends the roles of a database with nothing but CREATEROLE: `lex db roles`, and whatever migrates.

Roles belong to the whole server, not to one database: two shops on one server share them and need the same secret.
Where all is well nothing is changed.
"""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from lex.core.errors import Refusal, Unavailable
from lex.db.roles import LOGINS, OWNER, make_secret, other_login, password_of, url_of

_LOCK = 0x4C4558_524F4C45  # "LEX ROLE": whoever else starts on this database waits
_Connection = psycopg.Connection[Any]

_ROLE: LiteralString = """
SELECT rolcanlogin, rolsuper OR rolbypassrls OR rolreplication, rolcreatedb OR rolcreaterole, rolinherit
FROM pg_roles WHERE rolname = %s
"""
# What databases and their schema grant: the text of a privilege, whether it is there, and the statement that gives it.
# What the owner may by way of PUBLIC is not there: it ends as PUBLIC's right does.
_GRANTS: LiteralString = """
SELECT what, statement FROM (
    SELECT 'make tables and extensions', 'lex_owner', format('GRANT CREATE ON DATABASE %%I TO lex_owner', d.datname),
        has_database_privilege('lex_owner', d.oid, 'CREATE')
    FROM pg_database d WHERE d.datname = current_database()
    UNION ALL
    SELECT 'connect', r.name, format('GRANT CONNECT ON DATABASE %%I TO %%I', d.datname, r.name),
        EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = r.name::regrole AND a.privilege_type = 'CONNECT')
    FROM pg_database d CROSS JOIN unnest(%(logins)s::text[]) r (name) WHERE d.datname = current_database()
    UNION ALL
    SELECT 'make tables', 'lex_owner', 'GRANT CREATE, USAGE ON SCHEMA public TO lex_owner',
        EXISTS (SELECT FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
                WHERE n.nspname = 'public' AND a.grantee = 'lex_owner'::regrole AND a.privilege_type = 'CREATE')
    UNION ALL
    SELECT 'see the schema', r.name, format('GRANT USAGE ON SCHEMA public TO %%I', r.name),
        has_schema_privilege(r.name, 'public', 'USAGE')
    FROM unnest(%(logins)s::text[]) r (name)
    UNION ALL
    SELECT 'make nothing in the schema', 'everybody else', 'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
        NOT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
                    WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE')
    UNION ALL
    SELECT 'make no temporary tables', 'everybody else',
        format('REVOKE TEMPORARY ON DATABASE %%I FROM PUBLIC', d.datname),
        NOT EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                    WHERE a.grantee = 0 AND a.privilege_type = 'TEMPORARY')
    FROM pg_database d WHERE d.datname = current_database()
) wanted (right_to, role, statement, is_there), LATERAL (SELECT role || ' may ' || right_to) told (what)
WHERE NOT is_there
"""
# What an administrator who migrated without these roles owns; what belongs to an extension stays.
_OWNED: LiteralString = """
SELECT format('ALTER %s %s OWNER TO lex_owner', kind, name) FROM (
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass::text, oid
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
      AND relowner = current_user::regrole AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
            AND c.relkind = 'S')
    UNION ALL
    SELECT 'ROUTINE', oid::regprocedure::text, oid FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
    UNION ALL
    SELECT 'TYPE', oid::regtype::text, oid FROM pg_type t
    WHERE typnamespace = 'public'::regnamespace AND typowner = current_user::regrole AND (typtype IN ('e', 'd')
        OR typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
    UNION ALL
    SELECT 'TEXT SEARCH DICTIONARY', oid::regdictionary::text, oid FROM pg_ts_dict
    WHERE dictnamespace = 'public'::regnamespace AND dictowner = current_user::regrole
    UNION ALL
    SELECT 'TEXT SEARCH CONFIGURATION', oid::regconfig::text, oid FROM pg_ts_config
    WHERE cfgnamespace = 'public'::regnamespace AND cfgowner = current_user::regrole
) owned (kind, name, id)
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = owned.id AND d.deptype = 'e')
"""


def ensure(database_url: str) -> list[str]:
    """Make what is missing of the roles and of their rights to get in; returns what was done, a sentence each.

    Raises `Unavailable` when the database is gone, and a `Refusal` that says what a superuser must do.
    """
    make_secret()
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            return list(_mended(connection, database_url))
    except psycopg.errors.InsufficientPrivilege as error:
        reason = str(error).strip().splitlines()[0]
        raise Refusal(
            f"The roles of the database could not be made: {reason}. The login of DATABASE_URL needs CREATEROLE and "
            "must own the database; the roles are described in docs/concepts/row-level-security.md.",
            code="roles_refused",
        ) from error
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise Unavailable(f"The database does not answer: {reason}.", code="database_unavailable") from error


def missing(database_url: str) -> list[str]:
    """Which of the roles cannot log in, each with the reason; changes nothing."""
    found = ((role, _trouble(role, database_url)) for role in LOGINS)
    return [f"{role}: {trouble}" for role, trouble in found if trouble]


def _mended(connection: _Connection, database_url: str) -> Iterator[str]:
    for role in (OWNER, *LOGINS):
        yield from _role(connection, role)
    yield from _membership(connection)
    for what, statement in _wanting(connection):
        connection.execute(statement.encode())
        yield what
    # Whoever does not own what is granted is warned at most, and nothing is done. A schema in which everybody may make
    # functions lets them run as lex_owner.
    if left := [statement for _, statement in _wanting(connection)]:
        raise Refusal(
            f"The roles of the database are not as Lex needs them. Run as a superuser: {'; '.join(left)};",
            code="roles_refused",
        )
    for (statement,) in connection.execute(_OWNED).fetchall():
        connection.execute(statement.encode())
        yield str(statement)
    for role in LOGINS:
        yield from _login(connection, role, database_url)


def _wanting(connection: _Connection) -> list[tuple[str, str]]:
    """The rights that are not there: what each is, and the statement that gives it."""
    return connection.execute(_GRANTS, {"logins": list(LOGINS)}).fetchall()


def _role(connection: _Connection, role: str) -> Iterator[str]:
    name = sql.Identifier(role)
    found = connection.execute(_ROLE, (role,)).fetchone()
    if found is None:
        kind = sql.SQL("NOLOGIN" if role == OWNER else "LOGIN")
        connection.execute(sql.SQL("CREATE ROLE {} {} NOCREATEDB NOCREATEROLE NOINHERIT").format(name, kind))
        yield f"{role} was made"
        return
    can_login, is_above, may_create, inherits = found
    if is_above:
        raise Refusal(
            f"The role {role} may do more than Lex lets it. Run as a superuser: ALTER ROLE {role} NOSUPERUSER "
            "NOBYPASSRLS NOREPLICATION;",
            code="role_too_strong",
        )
    if can_login == (role == OWNER) or may_create or inherits:
        kind = sql.SQL("NOLOGIN" if role == OWNER else "LOGIN")
        connection.execute(sql.SQL("ALTER ROLE {} {} NOCREATEDB NOCREATEROLE NOINHERIT").format(name, kind))
        yield f"{role} has its attributes back"


def _membership(connection: _Connection) -> Iterator[str]:
    """The administering login acts as the owner: it migrates after SET ROLE, and inherits what the owner may do."""
    is_split = connection.info.server_version >= 160000  # from 16 on membership, inheritance and SET are three things
    asked = "pg_has_role(current_user, 'lex_owner', 'USAGE')"
    asked += " AND pg_has_role(current_user, 'lex_owner', 'SET')" if is_split else ""
    row = connection.execute(f"SELECT {asked}".encode()).fetchone()
    if row is None or not row[0]:
        options = " WITH INHERIT TRUE, SET TRUE" if is_split else ""
        connection.execute(f"GRANT lex_owner TO CURRENT_USER{options}".encode())
        yield f"{connection.info.user} may act as lex_owner"


def _login(connection: _Connection, role: str, database_url: str) -> Iterator[str]:
    if _trouble(role, database_url) is None:
        return
    # A setting that the role gave itself may be what keeps it out.
    name = sql.Identifier(role)
    connection.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(name))
    here = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(name, here))
    password = password_of(role, database_url)
    # The verifier, not the password, so that no log can hold it.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    alter = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    connection.execute(alter.format(name, sql.Literal(verifier)))
    if trouble := _trouble(role, database_url):
        raise Refusal(
            f"{role} cannot log in: {trouble}. Let it in (pg_hba.conf, with a password), or name its address in the "
            "settings (LEX_APP_DATABASE_URL and its neighbours).",
            code="role_kept_out",
        )
    yield f"{role} has its password"


def _trouble(role: str, database_url: str) -> str | None:
    try:
        with psycopg.connect(url_of(role, database_url), connect_timeout=10) as connection:
            return other_login(role, connection.pgconn)
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]
