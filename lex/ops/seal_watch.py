"""Whether the sealing of the audit goes on: read by /readyz, /metrics and `lex doctor`.

A seal is due within a minute of a change. Rows that wait longer than the settings allow, a job that failed last and one
that was put off are told with their reason; the shop sells meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

#: One row, the fields of `Standing`. A row that waits was made after the last seal, or while that was being made: what
#: was written before is not looked through again.
STANDING: LiteralString = """
WITH last AS (SELECT until_transaction, created_at FROM audit_seals ORDER BY number DESC LIMIT 1),
done AS (
    SELECT id, status FROM procrastinate_jobs
    WHERE task_name = 'seal_audit' AND status IN ('succeeded', 'failed') ORDER BY id DESC LIMIT 1
)
SELECT (SELECT created_at FROM last) AS sealed_at,
       (SELECT a.created_at FROM audit_logs a
        WHERE a.transaction_id >= coalesce((SELECT until_transaction FROM last), 0)
          AND a.id >= coalesce((SELECT uuid_v7_floor(created_at - interval '2 minutes') FROM last),
                               '00000000-0000-0000-0000-000000000000')
        ORDER BY a.id LIMIT 1) AS unsealed_since,
       (SELECT coalesce(e.error, 'no reason is known') FROM done LEFT JOIN job_errors e ON e.job_id = done.id
        WHERE done.status = 'failed') AS trouble,
       (SELECT scheduled_at FROM procrastinate_jobs
        WHERE queueing_lock = 'seal_audit' AND status = 'todo') AS put_off_until
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """When was sealed last, since when a row waits for it, why the last try failed, until when the next was put off."""

    sealed_at: datetime | None
    unsealed_since: datetime | None
    trouble: str | None
    put_off_until: datetime | None

    def waited(self, now: datetime) -> timedelta:
        """How long the oldest row waits for its seal."""
        return max(now - self.unsealed_since, timedelta()) if self.unsealed_since else timedelta()


def told(standing: Standing, now: datetime, minutes: int) -> tuple[bool, str]:
    """Whether sealing goes on, and a sentence about it."""
    limit = timedelta(minutes=minutes)
    last = f"the last seal is of {_time(standing.sealed_at)}" if standing.sealed_at else "nothing was sealed yet"
    is_late = standing.waited(now) > limit
    waiting = f"Rows of the audit since {_time(standing.unsealed_since)} are not sealed" if is_late else ""
    if standing.trouble:
        return False, f"{waiting or 'Sealing the audit failed'}; {last}. The last try: {standing.trouble}"
    if standing.put_off_until and standing.put_off_until > now + limit:
        put_off = f"the job seal_audit was put off until {_time(standing.put_off_until)}; delete that job"
        return False, f"{waiting or 'The audit will not be sealed'}; {last}; {put_off}."
    if is_late:
        return False, f"{waiting}; {last}. Look at the worker and at transactions that stay open (pg_stat_activity)."
    return True, last[0].upper() + last[1:] + "."


def _time(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant else "never"
