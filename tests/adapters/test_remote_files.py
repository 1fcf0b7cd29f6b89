"""Files of other hosts: limits hold against what really arrives, and no address leads into a private network."""

from collections.abc import AsyncIterator

import pytest

from lex.adapters.remote_files import fetch, is_public
from lex.core.errors import Invalid, Refusal, Unavailable
from lex.core.settings import settings
from tests.support.pictures import Host, good, host, redirect


@pytest.fixture
async def far(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    """A host that is allowed by name; its address is not."""
    monkeypatch.setenv("LEX_PICTURE_HOSTS", "localhost")
    monkeypatch.setenv("LEX_PICTURE_SECONDS", "1")
    monkeypatch.setenv("LEX_PICTURE_MEGABYTES", "1")
    settings.cache_clear()
    async with host() as made:
        yield made
    settings.cache_clear()


async def test_a_file_arrives_through_redirects(far: Host) -> None:
    far.answers = {"/1": redirect("/2"), "/2": redirect(far.address("/3")), "/3": good(b"body")}
    assert await fetch(far.address("/1")) == b"body"
    assert far.asked == ["/1", "/2", "/3"]


async def test_too_many_redirects_end(far: Host) -> None:
    far.answers = {"/a": redirect("/a")}
    with pytest.raises(Invalid, match="more than 5"):
        await fetch(far.address("/a"))
    assert len(far.asked) == 6


@pytest.mark.parametrize("told", [{"Content-Length": "50000000"}, {}], ids=["told", "untold"])
async def test_a_large_file_is_cut_off(far: Host, told: dict[str, str]) -> None:
    sent = [b"x" * 100_000] * 500
    far.answers = {"/large": (200, told, [*sent])}
    with pytest.raises(Invalid, match="larger than 1 MB"):
        await fetch(far.address("/large"))


async def test_an_endless_body_runs_out_of_time(far: Host) -> None:
    far.answers = {"/slow": (200, {}, [b"x", 0.2] * 100)}
    with pytest.raises(Unavailable, match="within 1 seconds"):
        await fetch(far.address("/slow"))


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
async def test_an_error_may_pass(far: Host, status: int) -> None:
    far.answers = {"/x": (status, {"Content-Length": "0"}, [])}
    with pytest.raises(Unavailable, match=f"answers {status}"):
        await fetch(far.address("/x"))


async def test_nobody_answers(far: Host, unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await fetch(f"http://localhost:{unused_tcp_port}/x")
    with pytest.raises(Unavailable, match="is not found"):
        await fetch("http://nowhere.invalid/x.jpg")


async def test_a_redirect_into_the_private_network_is_refused(far: Host) -> None:
    far.answers = {"/out": redirect(far.address("/secret", "127.0.0.1")), "/secret": good(b"secret")}
    with pytest.raises(Invalid, match="private network"):
        await fetch(far.address("/out"))
    assert far.asked == ["/out"]


@pytest.mark.parametrize(
    "name",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "10.0.0.1", "192.168.1.1", "172.16.0.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
async def test_private_addresses_are_refused(far: Host, name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await fetch(far.address("/secret", name))
    assert isinstance(refusal.value, Invalid) or "not found" in refusal.value.message
    assert far.asked == []


@pytest.mark.parametrize("name", ["localhost:1", "otherhost", ""])
async def test_another_port_or_host_is_not_allowed(far: Host, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LEX_PICTURE_HOSTS", name)
    settings.cache_clear()
    with pytest.raises(Invalid, match="LEX_PICTURE_HOSTS"):
        await fetch(far.address("/x"))


@pytest.mark.parametrize(
    "address",
    [
        *("file:///etc/passwd", "ftp://localhost/x", "http://", "http:///x", "http://a:b@localhost/x", "//localhost/x"),
        *("http://localhost:99999/x", "http://[::1/x", "http://exa mple/x", "http://x.example/" + "a" * 2_000),
    ],
)
async def test_an_address_that_cannot_be_asked_is_refused(far: Host, address: str) -> None:
    with pytest.raises(Invalid):
        await fetch(address)
    assert far.asked == []


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.216.34")
    assert is_public("2606:4700::1111")
    assert is_public("64:ff9b::5db8:d822")
    assert not is_public("no address")
