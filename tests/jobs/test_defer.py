"""A job commits with the change that caused it, runs as the system, is tried again and is never lost."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from procrastinate.jobs import Job

from lex.core import actor, clock, ids
from lex.core.actor import Actor, Role
from lex.core.errors import Conflict, NotFound, Refusal
from lex.db import job_errors, job_upkeep, jobs
from lex.db.session import CountingCursor, transaction
from tests.support.queue import make_due, queued, rows, work

seen: list[tuple[Actor, UUID]] = []


@jobs.job("test_note")
async def note(who: Actor, *, thing_id: UUID) -> None:
    seen.append((who, thing_id))


@jobs.job("test_fail")
async def fail(_: Actor, *, thing_id: UUID) -> None:
    raise LookupError(f"no mail for someone@example.org about {thing_id}")


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


async def test_it_commits_with_its_cause_in_one_statement(database: str) -> None:
    thing = ids.new_id()
    async with transaction(actor.system("cause-1")) as session:
        before = CountingCursor.sent
        await jobs.defer(session, "test_note", thing_id=thing)
        assert CountingCursor.sent - before == 1
        await work(database)
        assert seen == []
    await work(database)
    [(who, seen_id)] = seen
    assert seen_id == thing
    assert (who.role, who.request_id) == (Role.SYSTEM, "cause-1")
    [job] = queued(database)
    assert (job["status"], job["args"]) == ("succeeded", {"thing_id": str(thing), "request_id": "cause-1"})


async def test_it_is_gone_when_its_cause_rolls_back(database: str) -> None:
    async def change() -> None:
        async with transaction(actor.system()) as session:
            await jobs.defer(session, "test_note", thing_id=ids.new_id())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()
    assert queued(database) == []


async def test_it_waits_for_its_time(database: str) -> None:
    async with transaction(actor.system()) as session:
        later = clock.real_now() + timedelta(hours=1)
        await jobs.defer(session, "test_note", schedule_at=later, thing_id=ids.new_id())
    await work(database)
    assert seen == []
    make_due(database)
    await work(database)
    assert len(seen) == 1


async def test_of_one_queueing_lock_one_waits_and_the_transaction_lives_on(database: str) -> None:
    async with transaction(actor.system()) as session:
        first = await jobs.defer(session, "test_note", queueing_lock="x", thing_id=ids.new_id())
        assert first is not None
        assert await jobs.defer(session, "test_note", queueing_lock="x", thing_id=ids.new_id()) is None
    assert [job["id"] for job in queued(database)] == [first]


async def test_a_failure_is_tried_again_later_then_stays_with_its_reason(database: str) -> None:
    async with transaction(actor.system()) as session:
        await jobs.defer(session, "test_fail", thing_id=ids.new_id())
    for attempt in range(1, jobs.ATTEMPTS + 1):
        await work(database)
        [job] = queued(database)
        assert job["attempts"] == attempt
        if attempt < jobs.ATTEMPTS:
            assert job["status"] == "todo"
            assert job["scheduled_at"] > clock.real_now()
            await work(database)
            assert queued(database)[0]["attempts"] == attempt, "it runs before its time"
            make_due(database)
    assert job["status"] == "failed"
    [trouble] = await job_upkeep.troubled()
    assert trouble.error is not None
    assert trouble.error.startswith("LookupError: no mail for (address) about")
    await job_upkeep.delete_old(timedelta(0), [])
    assert [job.id for job in await job_upkeep.troubled()] == [trouble.id], "a failed job is never lost"

    await job_upkeep.retry(trouble.id)
    [job] = queued(database)
    assert (job["status"], job["attempts"]) == ("todo", 0)


async def test_only_a_failed_job_is_retried(database: str) -> None:
    async with transaction(actor.system()) as session:
        job_id = await jobs.defer(session, "test_note", thing_id=ids.new_id())
    assert job_id is not None
    with pytest.raises(Conflict):
        await job_upkeep.retry(job_id)
    with pytest.raises(NotFound):
        await job_upkeep.retry(job_id + 1)


def test_delays_grow() -> None:
    waits = []
    for attempts in range(jobs.ATTEMPTS):
        job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="x", attempts=attempts)
        decision = jobs.Growing().get_retry_decision(exception=ValueError(), job=job)
        waits.append(None if decision is None or decision.retry_at is None else decision.retry_at - clock.real_now())
    assert waits.pop() is None
    told = [wait for wait in waits if wait is not None]
    assert told == sorted(told)
    assert len(told) == len(jobs.DELAYS)
    stopped = jobs.Growing().get_retry_decision(exception=asyncio.CancelledError(), job=job)
    assert stopped is not None


async def test_the_jobs_of_a_dead_worker_run_again_but_not_for_ever(database: str) -> None:
    async with transaction(actor.system()) as session:
        await jobs.defer(session, "test_note", thing_id=ids.new_id())
        await jobs.defer(session, "test_note", thing_id=ids.new_id())
    rows(database, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
    rows(database, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers)")
    rows(database, "UPDATE procrastinate_jobs SET attempts = 7 WHERE id = (SELECT max(id) FROM procrastinate_jobs)")
    assert await job_upkeep.retry_stalled() == 2
    first, second = queued(database)
    assert (first["status"], first["attempts"]) == ("todo", 1)
    assert (second["status"], second["attempts"]) == ("failed", 8)
    [trouble] = [job for job in await job_upkeep.troubled() if job.status == "failed"]
    assert trouble.error == "Its worker died."
    await work(database)
    assert len(seen) == 1


async def test_a_living_worker_keeps_its_jobs(database: str) -> None:
    async with transaction(actor.system()) as session:
        await jobs.defer(session, "test_note", thing_id=ids.new_id())
    rows(database, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    rows(database, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers)")
    assert await job_upkeep.retry_stalled() == 0


async def test_finished_jobs_go_after_a_while(database: str) -> None:
    async with transaction(actor.system()) as session:
        await jobs.defer(session, "test_note", thing_id=ids.new_id())
    await work(database)
    assert await job_upkeep.delete_old(timedelta(hours=1), []) == 0
    assert await job_upkeep.delete_old(timedelta(0), []) == 1
    assert queued(database) == []


def test_a_reason_names_nobody() -> None:
    assert job_errors.sentence(ValueError("to a.b@c.de failed")) == "ValueError: to (address) failed"
    assert job_errors.sentence(Refusal("No.")) == "Refusal: No."
    assert job_errors.sentence(KeyError()) == "KeyError"
