"""`python -m lex.cli.prepare_process [--demo]`: what has to be done before the shop opens, in a process of its own.

`lex serve` stays small that way: what migrations need would otherwise lie in its memory for as long as it runs.
"""

import subprocess
import sys
from collections import deque

import psycopg

from lex.cli.main import print_refusal
from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.identity.keyring import key_ring
from lex.ops import migrations, searching
from lex.ops.currency import keep_currency


def main() -> int:
    """Check the key ring, apply pending migrations, keep the currency, search in the language that is set; with
    `--demo`, load the demo business into an empty shop."""
    address = settings().database_url
    try:
        key_ring()
        migrations.upgrade(address)
        keep_currency(address, settings().currency)
        if searching.language(address) != settings().search_language:
            deque(searching.rebuild(address, settings().search_language), maxlen=0)
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
