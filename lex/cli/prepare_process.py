"""`python -m lex.cli.prepare_process [--demo]`: what has to be done before the shop opens, in a process of its own.

`lex serve` stays small that way: what migrations need would otherwise lie in its memory for as long as it runs.
"""

import subprocess
import sys

import psycopg

from lex.cli.main import print_refusal
from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.identity.keyring import key_ring
from lex.ops import migrations


def main() -> int:
    """Check the key ring and apply pending migrations; with `--demo`, load the demo business into an empty shop."""
    address = settings().database_url
    try:
        key_ring()
        migrations.upgrade(address)
    except Refusal as refusal:
        print_refusal(refusal)
        return 2
    if "--demo" in sys.argv and _is_empty(address):
        return subprocess.run([sys.executable, "-m", "lex.cli.main", "demo"], check=False).returncode
    return 0


def _is_empty(address: str) -> bool:
    with psycopg.connect(address) as connection:
        return connection.execute("SELECT FROM products LIMIT 1").fetchone() is None


if __name__ == "__main__":
    sys.exit(main())
