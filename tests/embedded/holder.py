"""A program that uses the servers of a home until its standard input closes: `python -m tests.embedded.holder HOME`."""

import signal
import sys
from pathlib import Path

from lex.core.errors import Refusal
from lex.embedded import servers


def main() -> int:
    """Says `ready` and the address, or `refused` and the sentence."""
    # As at a terminal: a shell that runs the tests in its background lets all it starts ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with servers(Path(sys.argv[1]), fast="--fast" in sys.argv) as started:
            _say(f"ready {started.database_url}")
            sys.stdin.read()
    except Refusal as refusal:
        _say(f"refused {refusal.code} {refusal.message}")
        return 2
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
