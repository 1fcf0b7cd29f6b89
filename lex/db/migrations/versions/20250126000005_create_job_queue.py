"""The job queue: Procrastinate's own schema, as the pinned package brings it.

Its objects keep their names, stand outside the naming conventions and outside the comparison with the models. A newer
schema of Procrastinate arrives by a migration of its own that runs the package's migration scripts. `job_errors` is
ours: why a job failed last.

Revision ID: 20250126000005
Revises: 20250126000004
"""

from importlib.resources import files

from alembic import op

revision = "20250126000005"
down_revision = "20250126000004"
branch_labels = None
depends_on = None
kind = "schema"

TIMEOUTS = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'"

JOB_ERRORS = """
CREATE TABLE job_errors (
    job_id bigint NOT NULL,
    error text NOT NULL,
    failed_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT pk_job_errors PRIMARY KEY (job_id)
);
"""

# That a job was put in is told by the job itself; its story begins with its first start. The trigger was a hundredth of
# what a paid order costs PostgreSQL.
STORY = "ALTER TABLE procrastinate_jobs DISABLE TRIGGER procrastinate_trigger_status_events_insert_v1"

DROP = """
DROP TABLE job_errors;
DROP FUNCTION procrastinate_fetch_job_v2;
DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers;
DROP FUNCTION
    procrastinate_defer_jobs_v1,
    procrastinate_defer_periodic_job_v2,
    procrastinate_finish_job_v1,
    procrastinate_cancel_job_v1,
    procrastinate_retry_job_v1,
    procrastinate_retry_job_v2,
    procrastinate_notify_queue_job_inserted_v1,
    procrastinate_notify_queue_abort_job_v1,
    procrastinate_trigger_function_status_events_insert_v1,
    procrastinate_trigger_function_status_events_update_v1,
    procrastinate_trigger_function_scheduled_events_v1,
    procrastinate_trigger_abort_requested_events_procedure_v1,
    procrastinate_unlink_periodic_defers_v1,
    procrastinate_register_worker_v1,
    procrastinate_unregister_worker_v1,
    procrastinate_update_heartbeat_v1,
    procrastinate_prune_stalled_workers_v1;
DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status;
"""


def run(*statements: str) -> None:
    """Through the driver's own cursor: SQL text may hold `%` and `:`, which are no parameters here."""
    cursor = op.get_bind().connection.cursor()
    for statement in statements:
        cursor.execute(statement)


def upgrade() -> None:
    run(TIMEOUTS, files("procrastinate").joinpath("sql", "schema.sql").read_text(encoding="utf-8"), STORY, JOB_ERRORS)


def downgrade() -> None:
    run(TIMEOUTS, DROP)
