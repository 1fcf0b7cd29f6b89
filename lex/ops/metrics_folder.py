"""Where several web processes put their metrics, so that any of them can add them up."""

import os
import shutil

from lex.core.settings import Settings


def prepare(settings: Settings) -> None:
    """Before the web processes start: an empty folder under the home, announced to them through the environment.

    Only for more than one process; a single one keeps its numbers in memory.
    """
    if settings.workers < 2:
        return
    folder = settings.home_path / "run" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
