"""The database: naming and base classes, the transaction (the only commit), the raw read path, rules, jobs, migrations.

Owns `idempotency_keys`, `job_errors` and, through Procrastinate, `procrastinate_*`.
"""
