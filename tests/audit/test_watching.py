"""Sealing that stands still is seen, with its reason."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from lex.core import clock
from lex.ops import seal_watch
from lex.ops.seal_watch import Standing
from tests.audit.conftest import Trail

_JOB = """INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, status, scheduled_at)
    VALUES ('timetable', 'seal_audit', 'seal_audit', 'seal_audit', %s, %s) RETURNING id"""
MINUTES = 10


def standing(trail: Trail) -> Standing:
    """What the database says."""
    row = trail.rows.connection.execute(seal_watch.STANDING).fetchone()
    assert row is not None
    return Standing(**row)


def told(trail: Trail, later: timedelta = timedelta()) -> tuple[bool, str]:
    """What an operator is told, some time from now."""
    return seal_watch.told(standing(trail), clock.real_now() + later, MINUTES)


@pytest.fixture(autouse=True)
def sealed(trail: Trail) -> Iterator[None]:
    """Everything is sealed; afterwards no job is left."""
    trail.changes()
    trail.seal()
    yield
    trail.rows.run("DELETE FROM procrastinate_jobs")


def test_a_sealed_trail_is_fine_for_ever(trail: Trail) -> None:
    assert standing(trail).unsealed_since is None
    is_fine, sentence = told(trail, timedelta(days=9))
    assert (is_fine, sentence[:20]) == (True, "The last seal is of ")


def test_rows_wait_as_long_as_they_may(trail: Trail) -> None:
    (entry,) = trail.changes(1)
    trail.changes(1)
    made_at = trail.rows.one("SELECT created_at FROM audit_logs WHERE id = %s", entry)
    assert standing(trail).unsealed_since == made_at
    assert standing(trail).waited(made_at + timedelta(minutes=3)) == timedelta(minutes=3)
    assert told(trail, timedelta(minutes=MINUTES - 1))[0]
    is_fine, sentence = told(trail, timedelta(minutes=MINUTES + 1))
    assert not is_fine
    assert sentence.startswith(
        f"Rows of the audit since {made_at:%Y-%m-%d %H:%M:%S} are not sealed; the last seal is of"
    )
    trail.seal()
    assert told(trail, timedelta(days=1))[0]


def test_a_trail_that_was_never_sealed_is_seen(trail: Trail) -> None:
    with trail.attacked("TRUNCATE audit_seals"):
        is_fine, sentence = told(trail, timedelta(minutes=MINUTES + 1))
        assert not is_fine
        assert "nothing was sealed yet" in sentence


def test_a_job_that_failed_last_is_seen_with_its_reason(trail: Trail) -> None:
    failed = trail.rows.one(_JOB, "failed", None)
    assert told(trail) == (False, told(trail)[1])
    assert "no reason is known" in told(trail)[1]
    trail.rows.run(
        "INSERT INTO job_errors (job_id, error) VALUES (%s, 'Conflict: Seal 7 is not as it was made.')", failed
    )
    assert told(trail)[1].endswith("The last try: Conflict: Seal 7 is not as it was made.")
    trail.rows.one(_JOB, "succeeded", None)
    assert told(trail)[0]


def test_a_job_that_was_put_off_is_seen(trail: Trail) -> None:
    job = trail.rows.one(_JOB, "todo", clock.real_now() + timedelta(minutes=1))
    assert told(trail)[0]
    trail.rows.run("UPDATE procrastinate_jobs SET scheduled_at = '2100-01-01 00:00:00+00' WHERE id = %s", job)
    is_fine, sentence = told(trail)
    assert not is_fine
    assert "the job seal_audit was put off until 2100-01-01" in sentence


def test_looking_reads_what_waits_and_not_the_past(trail: Trail) -> None:
    trail.rows.run("ANALYZE audit_logs")
    with trail.rows.connection.transaction():
        trail.rows.run("SET LOCAL enable_seqscan = off")  # the table is small
        lines = trail.rows.column("EXPLAIN (COSTS OFF) " + seal_watch.STANDING)
    plan = "\n".join(lines)
    assert "_pkey" in plan, plan
    assert "audit_logs_p" in plan
    assert "Sort" not in plan[plan.index("audit_logs_p") :].split("InitPlan")[0], plan
