"""One web process: `python -m lex.cli.web_process DESCRIPTOR` serves the application on a socket that is open already.

The socket belongs to `lex serve`: the port is taken once, every process shares it, and a connection that comes while
one of them restarts waits instead of being refused.
"""

import socket
import sys

import uvicorn


def main() -> None:
    """Serve until told to stop; requests under way get ten seconds."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        "lex.web.app:create_app",
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
