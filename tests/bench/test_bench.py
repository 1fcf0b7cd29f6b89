"""The benchmark itself: each scenario for a moment, every answer checked, over one web process."""

from collections.abc import Iterator

import pytest
import uvloop

from bench.drive import drive
from bench.scenario import Scenario
from bench.scenarios import SCENARIOS
from bench.stand import Stand, ground


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with ground() as shop, shop.stand(1, caches=False) as ready:
        yield ready


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.name))
def test_every_answer_is_right(stand: Stand, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.drive.WARM_UP", 0.0)
    monkeypatch.setattr("bench.drive.PREPARED", 4)
    measuring = drive(
        stand.server.url, scenario, stand.goods, stand.meter, stand.counter, stand.settle, connections=2, seconds=0.2
    )
    result = uvloop.run(measuring)
    assert result.errors == {}
    assert result.operations > 0
