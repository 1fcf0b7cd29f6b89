"""The settings of the embedded PostgreSQL. Written anew at each start; `local.conf` beside them is the operator's."""

from pathlib import Path

ACCESS = """\
# Written by Lex at each start. Everybody needs a password, on the only way in there is: the socket.
local all         all scram-sha-256
local replication all scram-sha-256
"""

COMMON = {
    "listen_addresses": "",  # the socket is the only way in: no port to take, none to find
    "port": 5432,
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",  # pages count only once they are touched
    "effective_cache_size": "1GB",
    "random_page_cost": 1.1,
    "max_locks_per_transaction": 256,  # an unpruned query locks every partition with its indexes
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "jit": "off",  # short statements only
    "timezone": "UTC",
    "log_timezone": "UTC",
    "deadlock_timeout": "1s",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_file_mode": "0600",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_min_duration_statement": "250ms",
    "log_lock_waits": "on",
    "log_statement": "ddl",
    "log_parameter_max_length": 0,  # parameters may be personal data
    "log_parameter_max_length_on_error": 0,
    "lc_messages": "C",  # Lex reads what it says
}
LASTING = {"max_connections": 100, "idle_in_transaction_session_timeout": "15s"}
FAST = {  # for tests: a crash of the machine may lose everything
    "max_connections": 300,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",  # the folder may lie in memory
    "wal_keep_size": "512MB",  # each database made is a checkpoint, which would clear away what another test looks at
    "idle_in_transaction_session_timeout": "5min",
}


def text(socket: Path, *, fast: bool, statistics: bool, major: int) -> str:
    """`postgresql.conf` for a socket in this folder; with `statistics`, pg_stat_statements is loaded."""
    settings = {**COMMON, **(FAST if fast else LASTING), "unix_socket_directories": str(socket)}
    if statistics:
        settings["shared_preload_libraries"] = "pg_stat_statements"
    if major >= 14:
        settings["client_connection_check_interval"] = "10s"  # a query whose client is gone stops
    if fast and major >= 16:
        settings["scram_iterations"] = 1  # tests log in ten thousand times, with passwords worth nothing
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    head = "# Written by Lex at each start; put your own settings into local.conf."
    return "\n".join([head, *lines, "include_if_exists = 'local.conf'", ""])


def locales(major: int) -> list[list[str]]:
    """What to ask `initdb` for, best first: C.UTF-8 by name, or C where the system has no such locale."""
    own = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
    return [["--locale=C.UTF-8", *own], ["--locale=C", *own]]


def _quoted(value: object) -> str:
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
