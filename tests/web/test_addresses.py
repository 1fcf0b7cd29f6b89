"""Who asks: the right-most address that is none of the shop's own proxies."""

import pytest
from litestar.connection import ASGIConnection

from lex.core.settings import settings
from lex.web.kit.addresses import client_address
from lex.web.kit.rates import by_address


def connection(peer: str | None, *told: str) -> ASGIConnection[object, object, object, object]:
    """One that came from `peer` with these X-Forwarded-For headers."""
    headers = [(b"x-forwarded-for", text.encode("latin-1")) for text in told]
    return ASGIConnection({"type": "http", "headers": headers, "client": (peer, 4711) if peer else None})  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("192.168.1.9", ["198.51.100.1"], "192.168.1.9"),
        ("10.0.0.5", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1"], "127.0.0.1"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", ["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.5", ["1.1.1.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.5", ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ("10.0.0.5", ["198.51.100.1:51234"], "198.51.100.1"),
        ("::ffff:10.0.0.5", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("2001:db8:ffff::1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.5", ["198.51.100.1, <script>"], "10.0.0.5"),
        ("10.0.0.5", ["198.51.100.1, unknown, 10.3.3.3"], "10.3.3.3"),
        ("10.0.0.5", [","], "10.0.0.5"),
        (None, ["198.51.100.1"], "198.51.100.1"),
        (None, [], ""),
    ],
)
def test_the_last_address_that_is_no_proxy_of_ours_is_the_client(
    web_settings: pytest.MonkeyPatch, peer: str | None, told: list[str], client: str
) -> None:
    web_settings.setenv("LEX_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8:ffff::1")
    settings.cache_clear()
    assert client_address(connection(peer, *told)) == client


def test_without_a_setting_only_this_machine_is_believed(web_settings: pytest.MonkeyPatch) -> None:
    assert client_address(connection("127.0.0.1", "198.51.100.1")) == "198.51.100.1"
    assert client_address(connection("::1", "198.51.100.1")) == "198.51.100.1"
    assert client_address(connection("10.0.0.5", "198.51.100.1")) == "10.0.0.5"


def test_a_network_of_one_customer_is_counted_as_one(web_settings: pytest.MonkeyPatch) -> None:
    one, other, stranger = (
        by_address("find", connection(peer), 10) for peer in ("2001:db8::1", "2001:db8::2:9", "2001:db8:1::1")
    )
    assert one == other != stranger
    assert by_address("find", connection("203.0.113.9"), 10).whom == "203.0.113.9"
