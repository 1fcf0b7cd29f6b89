"""Why a job failed last, without personal data: it stands in `lex jobs`, in logs and in metrics."""

import re
from typing import LiteralString

import psycopg
import structlog

from lex.core.actor import system
from lex.core.errors import Refusal, Unavailable
from lex.db import sql
from lex.db.session import transaction

_log = structlog.get_logger(__name__)

_KEEP: LiteralString = """
INSERT INTO job_errors (job_id, error) VALUES (%(job_id)s, %(error)s)
ON CONFLICT (job_id) DO UPDATE SET error = excluded.error, failed_at = now()
"""

_ADDRESS = re.compile(r"\S+@\S+")


def sentence(error: BaseException) -> str:
    """What went wrong in one line. A database error's detail carries row values, an address is a person: both go."""
    if isinstance(error, psycopg.Error):
        text = error.diag.message_primary or "no answer from the database"
    elif isinstance(error, Refusal):
        text = error.message
    else:
        text = str(error)
    kind = type(error).__name__
    line = _ADDRESS.sub("(address)", " ".join(text.split()))[:500]
    return f"{kind}: {line}" if line else kind


async def keep(job_id: int | None, error: Exception) -> None:
    """Log why a job failed and keep it; a database that is gone must not hide the reason."""
    text = sentence(error)
    _log.warning("job failed", error=text, exc_info=error if not isinstance(error, Refusal) else None)
    try:
        async with transaction(system()) as session:
            await sql.execute(session, _KEEP, job_id=job_id, error=text)
    except (psycopg.Error, Unavailable) as trouble:
        _log.warning("the reason of a failed job was not kept", trouble=sentence(trouble))
