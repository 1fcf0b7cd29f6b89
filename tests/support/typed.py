"""Commands typed beside a running application: in a thread, with a database of their own open."""

import asyncio

from click.testing import Result
from typer.testing import CliRunner

from lex.cli.main import app
from lex.db import session


async def typed(*words: str, told: str = "") -> Result:
    """What the command says. The application's database is open again afterwards."""
    opened = session._open
    try:
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), input=told)
    finally:
        session._open = opened
