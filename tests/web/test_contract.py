"""The application keeps to its OpenAPI document, whatever is sent: no bug, no answer the document does not know.

Operations are tried as a stranger, as the guest who owns the cart and the order, and as staff, against rows that exist.
`LEX_CONTRACT_EXAMPLES` sets how many requests each operation gets each time.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import SkipTest

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from lex.core import actor
from lex.core.settings import settings as lex_settings
from lex.db import session
from lex.identity.commands import create_api_key, create_user
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.server import serving
from tests.support.shop import Shop

EXAMPLES = int(os.environ.get("LEX_CONTRACT_EXAMPLES", "8"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
trying = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Standing:
    """A shop that runs, and what stands in it."""

    url: str
    document: dict[str, Any]
    #: Path parameter → a value that exists.
    known: dict[str, str]
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def standing(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """The production server over a database with a cart, a paid order and a staff key."""
    folder = tmp_path_factory.mktemp("contract")
    for database_url in temporary_database(cluster, template):
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": cluster.redis_url,
            "LEX_HOME": str(folder),
            "LEX_LOG_LEVEL": "warning",
        }
        with pytest.MonkeyPatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            lex_settings.cache_clear()
            with serving(environment, folder / "server.log", web=1, worker=True) as server:
                yield asyncio.run(furnished(server.url, database_url))
        lex_settings.cache_clear()


async def furnished(url: str, database_url: str) -> Standing:
    """Fill the shop and learn what stands in it."""
    await session.connect(database_url)
    async with session.transaction(actor.system()) as opened:
        person = await create_user(opened, role="admin", email="desk@example.org")
        key = await create_api_key(opened, person.id, "contract")
        customer = await create_user(opened, role="user", email="known@example.org")
    await session.disconnect()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        shop = Shop(client, database_url)
        product = shop.product(stock=10_000, sku="CONTRACT")
        cart = await shop.cart((product, 1))
        order = await shop.order((product, 2), paid=True)
        coupon = shop.coupon("CONTRACT")
        document = (await client.get("/api/openapi.json")).json()
        shop.db.close()
    known = {
        "cart_id": cart.data["id"],
        "item_id": cart.data["lines"][0]["id"],
        "order_id": order.data["id"],
        "coupon_id": str(coupon),
        "code": "CONTRACT",
        "slug": "contract",
        "provider": "sandbox",
        "user_id": str(customer.id),
    }
    headers = {
        "stranger": {},
        "owner": {**cart.headers, **order.headers},
        "staff": {"Authorization": f"Bearer {key}"},
    }
    return Standing(url, document, known, headers)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: f"{mode.value} data")
def test_every_operation_keeps_to_the_document(standing: Standing, mode: GenerationMode) -> None:
    told = []
    for found in schemathesis.openapi.from_dict(standing.document).get_all_operations():
        operation = found.ok()

        @trying
        @given(case=operation.as_strategy(generation_mode=mode), who=st.sampled_from(sorted(standing.headers)))
        def keeps_to_it(case: Any, who: str) -> None:
            attempt(case, standing, who)

        try:
            keeps_to_it()
        except (SkipTest, Unsatisfiable):  # nothing that can be sent to it is wrong
            continue
        except (Exception, BaseExceptionGroup) as error:
            told.append(f"{operation.label}: {error}")
    assert not told, "\n\n".join(told)


def attempt(case: Any, standing: Standing, who: str) -> None:
    """Send a case, at something that exists where it names something, and hold the answer to the document."""
    parts = case.meta.components
    path, body = parts.get(ParameterLocation.PATH), parts.get(ParameterLocation.BODY)
    if path is None or path.mode is GenerationMode.POSITIVE:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = standing.known.get(name, case.path_parameters[name])
    checks = [*CHECKS]
    if body is not None and body.mode is GenerationMode.NEGATIVE:
        # Only of bodies: on the wire of a query everything is text.
        checks.append(negative_data_rejection)
    case.call_and_validate(base_url=standing.url, headers=standing.headers[who], checks=checks, timeout=20)


def test_the_document_is_valid_openapi(standing: Standing) -> None:
    validate(standing.document)
    assert standing.document["openapi"].startswith("3.1")


def test_the_document_is_worth_reading(standing: Standing) -> None:
    operations = [
        operation
        for item in standing.document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "responses" in operation
    ]
    tags = {tag["name"] for tag in standing.document["tags"]}
    for operation in operations:
        name = operation["operationId"]
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert set(operation["tags"]) <= tags, name
        for body in operation.get("requestBody", {}).get("content", {}).values():
            assert body.get("examples"), f"{name} has no example of its body (lex/web/kit/openapi_examples.py)"
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))


def test_its_examples_are_accepted(standing: Standing) -> None:
    """The first thing somebody tries in the documentation works: open a cart with what the example names."""
    operation = standing.document["paths"]["/api/v1/carts"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["examples"]["demo"]["value"]
    body = {**body, "items": [{**body["items"][0], "sku": "CONTRACT"}]}
    assert httpx.post(f"{standing.url}/api/v1/carts", json=body, trust_env=False).status_code == 201
