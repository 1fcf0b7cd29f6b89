"""What somebody tries who got hold of a connection, to blind the audit, to work through the queue, to stop the shop.

Read beside test_raw_sql.py. What PostgreSQL lets everybody do who is connected stands at the end, with the statements
of docs/concepts/row-level-security.md that a superuser may run against it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from lex import worker
from lex.db import jobs
from lex.ops import roles
from tests.conftest import temporary_database, with_database
from tests.hostile.test_raw_sql import APP, EVERYBODY, READER, STAFF, WORKER, Attempt, Scene
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import Rows

_JOB = "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', '{}', '{{{{}}}}')"
_ODD_REQUEST = "SELECT record_audit('read', 'x', NULL, '{{{{}}}}') FROM set_config('lex.request_id', {}, true)"

ATTEMPTS = [
    # The trail
    Attempt(
        "say what only the database says",
        (STAFF, WORKER),
        "SELECT record_audit('delete', 'orders', {ada_order}, '{{}}')",
        "told by the database itself",
    ),
    Attempt("say anything", (STAFF, WORKER), "SELECT record_audit('x', 'x', 'x', '{{}}')", "ck_audit_logs_action|“x”"),
    Attempt(
        "fill the trail",
        (STAFF, WORKER),
        "SELECT record_audit('read', 'x', NULL, jsonb_build_object('x', repeat('x', 1000000)))",
        "the details 32768",
    ),
    Attempt(
        "say it of a book",
        (STAFF, WORKER),
        "SELECT record_audit('read', repeat('x', 1000), NULL, '{{}}')",
        "has 63 bytes at most",
    ),
    Attempt(
        "hide behind a request", (STAFF, WORKER), _ODD_REQUEST.format("repeat('x', 65)"), "ck_audit_logs_request_id"
    ),
    Attempt("hide behind a line", (STAFF,), _ODD_REQUEST.format(r"E'a\nb'"), "ck_audit_logs_request_id"),
    Attempt(
        "say anything at all", (APP, READER), "SELECT record_audit('read', 'x', NULL, '{{}}')", "permission denied"
    ),
    Attempt(
        "say that somebody signed in",
        (STAFF,),
        "SELECT record_audit('sign_in', 'users', {ada}, '{{}}')",
        "not for the back office to record",
    ),
    Attempt(
        "say a month was archived",
        EVERYBODY,
        "INSERT INTO audit_archives VALUES (public.uuid_v7(), 'audit_logs_p202601', {ada}, {eve}, 'x', '', 0, 'k1', '',"
        " now())",
        "permission denied",
    ),
    Attempt("read the archives", (APP,), "SELECT * FROM audit_archives", "permission denied"),
    # Jobs
    Attempt(
        "take the number of a job to come",
        (APP, STAFF),
        "INSERT INTO procrastinate_jobs (id, queue_name, task_name) VALUES (9999, 'default', 'send_notification')",
        "permission denied",
    ),
    Attempt(
        "take the number of an event to come",
        (APP, STAFF),
        "INSERT INTO procrastinate_events (id, job_id, type) VALUES (9999, 1, 'succeeded')",
        "permission denied",
    ),
    Attempt(
        "tell that a job is done",
        (APP, STAFF),
        "INSERT INTO procrastinate_events (job_id, type) SELECT max(id), 'succeeded' FROM procrastinate_jobs",
        "what became of a job its worker tells",
    ),
    Attempt(
        "have a job done already",
        (APP, STAFF),
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'x', 'doing')",
        "permission denied",
    ),
    Attempt(
        "go before everybody",
        (APP,),
        "INSERT INTO procrastinate_jobs (queue_name, task_name, priority) VALUES ('default', 'send_notification', 21)",
        "holds no other job up",
    ),
    Attempt(
        "wait for ever",
        (APP,),
        "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
        " VALUES ('default', 'send_notification', 'infinity')",
        "holds no other job up",
    ),
    Attempt("hold up the sealer", EVERYBODY, "LOCK TABLE audit_seals IN SHARE ROW EXCLUSIVE MODE", "permission denied"),
    # The queue
    *(
        Attempt(f"have {task} done", (APP,), _JOB.format(task), f"asks for no job “{task[:40]}”")
        for task in ("seal_audit", "fetch_picture", "purge", "process_webhook", "anything", "x" * 100)
    ),
    Attempt(
        "have it done in the timetable's queue",
        (APP,),
        "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('timetable', 'send_notification')",
        "holds no other job up",
    ),
    Attempt("take a job out", (APP, STAFF, READER), "DELETE FROM procrastinate_jobs", "permission denied"),
    Attempt("put a job off", (APP, STAFF, READER), "UPDATE procrastinate_jobs SET priority = -9", "permission denied"),
    # Standing in the way
    *(
        Attempt(f"lock {table}", (APP, READER), f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", "permission denied")
        for table in ("orders", "products", "users", "coupons", "audit_logs", "procrastinate_jobs", "service_slots")
    ),
    Attempt("end everybody's sessions", EVERYBODY, "SELECT pg_terminate_backend({admin})", "permission denied|must be"),
    Attempt("put a file in", EVERYBODY, "SELECT lo_import('/etc/passwd')", "permission denied"),
    Attempt("take a file out", EVERYBODY, "SELECT lo_export(1, '/tmp/x')", "permission denied"),
]

#: What everybody who is connected may do, until a superuser says otherwise.
POSSIBLE = [
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()",
    "SELECT pg_advisory_xact_lock(1)",
]


@pytest.fixture(scope="module")
def scene(cluster: Cluster, template: str) -> Iterator[Scene]:
    """A database of this file, with everything of Ada's and Eve's in it."""
    for url in temporary_database(cluster, template):
        roles.ensure(url)
        made = Scene(url)
        with Rows(url) as admin:
            made.ids["admin"] = admin.one("SELECT pg_backend_pid()")
            yield made
        for connection in made.open.values():
            connection.close()


@pytest.mark.parametrize(
    ("attempt", "role"),
    [pytest.param(attempt, role, id=f"{attempt.what[:40]}, {role}") for attempt in ATTEMPTS for role in attempt.roles],
)
def test_what_is_tried_is_refused(scene: Scene, attempt: Attempt, role: str) -> None:
    literals = {name: value if name == "admin" else f"'{value}'" for name, value in scene.ids.items()}
    said = scene.answer(role, attempt.what, attempt.statement.format(**literals))
    assert any(part in said for part in attempt.refusal.split("|")), said


def test_customers_ask_for_the_jobs_that_are_for_customers(scene: Scene) -> None:
    worker.register()
    with Rows(scene.url) as rows:
        guard = rows.one("SELECT prosrc FROM pg_proc WHERE proname = 'guard_job'")
    listed = re.findall("[a-z_]+", guard.partition("{")[2].partition("}")[0])
    assert sorted(listed) == sorted(jobs.for_customers)
    tasks = jobs.app.tasks.keys()
    assert jobs.for_customers < tasks
    for task in tasks:
        said = scene.answer(APP, f"have {task} done", _JOB.format(task).replace("{{}}", "{}"))
        assert (said == "1 rows") == (task in jobs.for_customers), said


@pytest.mark.parametrize("statement", POSSIBLE)
def test_what_postgresql_lets_everybody_do(scene: Scene, statement: str) -> None:
    """If one of these is refused one day, the documentation tells of one evil too many."""
    with connect_as(APP, scene.url) as connection, connection.transaction(force_rollback=True):
        connection.execute(statement.replace("usename = current_user", "usename = 'nobody'").encode())


def test_what_a_superuser_may_take_from_everybody(cluster: Cluster, scene: Scene) -> None:
    text = Path("docs/concepts/row-level-security.md").read_text()
    (block,) = [block for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) if "lo_create" in block]
    database = scene.url.split("?")[0].rsplit("/", 1)[1]
    url = with_database(cluster.superuser_url, database)
    with psycopg.connect(url, autocommit=True) as superuser, superuser.transaction(force_rollback=True):
        superuser.execute(block.encode())
        for statement in POSSIBLE[:-1]:
            with superuser.transaction(force_rollback=True):
                superuser.execute("SET LOCAL ROLE lex_app")
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for function"):
                    superuser.execute(statement.encode())
