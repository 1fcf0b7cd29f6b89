"""The scenarios, in the order of the report. One is a file here with a `SCENARIO` (or several), named in this list."""

from bench.scenario import Scenario
from bench.scenarios import checkout, detail, floor, listing, new_cart, search

SCENARIOS: list[Scenario] = [
    floor.SCENARIO,
    *listing.SCENARIOS,
    detail.SCENARIO,
    *search.SCENARIOS,
    new_cart.SCENARIO,
    checkout.SCENARIO,
]
