"""The scenarios, in the order of the report. One is a file here with a `SCENARIO` (or several), named in this list."""

from bench.scenario import Scenario
from bench.scenarios import checkout, detail, floor, listing, new_cart, pages, search, sign_in

SCENARIOS: list[Scenario] = [
    floor.SCENARIO,
    *listing.SCENARIOS,
    detail.SCENARIO,
    *search.SCENARIOS,
    new_cart.SCENARIO,
    checkout.SCENARIO,
    sign_in.SCENARIO,
]

#: Those of `make bench PAGES=1`.
PAGES: list[Scenario] = [floor.SCENARIO, *pages.SCENARIOS]
