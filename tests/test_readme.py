"""What the README says works: its commands run as they stand, against the shop that `make run` starts."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
START, TEST, SHOPPING, DESK, CATALOGUE, OPERATION = BLOCKS
PATIENCE = 100.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a shop started by `make run`, and the environment it runs in."""
    inherited = {
        k: v for k, v in os.environ.items() if not k.startswith("LEX_") and k not in ("DATABASE_URL", "REDIS_URL")
    }
    environment = {**inherited, "LEX_HOME": str(tmp_path / "home")}
    log = tmp_path / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            START, shell=True, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield _address(running, log), environment
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.wait(30)


def _address(running: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and running.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.mark.timeout(240)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's requests need curl")
def test_the_commands_of_the_readme_work(shop: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    address, environment = shop
    assert (START.strip(), TEST.strip()) == ("make run", "make test")
    script = "\n".join([SHOPPING, DESK, CATALOGUE, OPERATION]).replace("http://127.0.0.1:8000", address)
    for name in (".venv", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert said[:2] == ["succeeded", "paid"]
    assert "Completed." in said
    assert (tmp_path / "products.csv").read_text().startswith("Handle,")
    assert any((tmp_path / "home" / "mail").glob("*.eml"))
