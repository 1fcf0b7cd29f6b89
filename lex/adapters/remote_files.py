"""Files on other hosts, fetched as if whoever wrote their address meant harm.

A name is resolved first, each of its addresses must be public, and the connection goes to the address that was checked:
a name that points elsewhere a moment later leads nowhere. Redirects are followed by hand and checked the same way.
Size and time are limits on what really arrives, not on what a header promises.
"""

import asyncio
import socket
import ssl
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from lex.core.errors import Invalid, Unavailable
from lex.core.settings import settings

_REDIRECTS = 5
_LONGEST_ADDRESS = 2_000
_MEGABYTE = 1_000_000
_HEADERS = {"User-Agent": "Lex", "Accept": "image/webp,image/png,image/jpeg,image/gif,*/*;q=0.1"}
_NAT64 = IPv6Network("64:ff9b::/96")


async def fetch(address: str) -> bytes:
    """The file behind an http or https address.

    Raises `Invalid` when asking again cannot help (a forbidden host, too large, too many redirects), `Unavailable` when
    it may (no answer, too slow, an error status). Limits: `LEX_PICTURE_MEGABYTES`, `LEX_PICTURE_SECONDS`.
    """
    seconds = settings().picture_seconds
    try:
        async with asyncio.timeout(seconds):
            for _ in range(_REDIRECTS + 1):
                answer = await _ask(_link(address))
                if isinstance(answer, bytes):
                    return answer
                address = answer
    except TimeoutError:
        raise Unavailable(f"It did not arrive within {seconds} seconds.", code="picture_slow") from None
    except httpx.InvalidURL:
        raise _refused("The address cannot be read.") from None
    except httpx.HTTPError as error:
        raise Unavailable(f"The host does not answer ({type(error).__name__}).", code="picture_unreachable") from error
    raise _refused(f"It is redirected more than {_REDIRECTS} times.")


def _link(address: str) -> httpx.URL:
    if len(address) > _LONGEST_ADDRESS:
        raise _refused("The address is too long.")
    link = httpx.URL(address)
    if link.scheme not in ("http", "https") or not link.host or "%" in link.host or not 0 < _port(link) < 65536:
        raise _refused("It is no http or https address.")
    if link.userinfo:
        raise _refused("The address carries a name or password; take it out.")
    return link


def _port(link: httpx.URL) -> int:
    return (443 if link.scheme == "https" else 80) if link.port is None else link.port


async def _ask(link: httpx.URL) -> bytes | str:
    """The body, or the address a redirect leads to."""
    host = link.raw_host.decode("ascii").strip("[]")
    checked = await _checked_address(host, _port(link))
    # The environment's proxies would resolve the name anew, past the check.
    async with httpx.AsyncClient(verify=_trust(), trust_env=False, timeout=settings().picture_seconds) as client:
        request = client.build_request(
            "GET",
            link.copy_with(host=checked),
            headers={**_HEADERS, "Host": link.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host},
        )
        response = await client.send(request, stream=True)
        try:
            if response.has_redirect_location:
                return str(link.join(response.headers["location"]))
            if response.status_code != 200:
                raise Unavailable(f"The host answers {response.status_code}.", code="picture_status")
            return await _body(response)
        finally:
            await response.aclose()


async def _body(response: httpx.Response) -> bytes:
    megabytes = settings().picture_megabytes
    length = response.headers.get("content-length", "")
    parts, size = [], int(length) if length.isascii() and length.isdigit() else 0
    if size <= megabytes * _MEGABYTE:
        size = 0
        async for part in response.aiter_raw():  # raw: an encoding could unpack to any size
            size += len(part)
            if size > megabytes * _MEGABYTE:
                break
            parts.append(part)
        else:
            return b"".join(parts)
    raise _refused(f"It is larger than {megabytes} MB.")


async def _checked_address(host: str, port: int) -> str:
    """The address to connect to. Raises `Invalid` when the host has one that is not public, unless it is allowed."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise _refused("The host name cannot be read.") from None
    except OSError:
        raise Unavailable(f"The host {host[:100]} is not found.", code="picture_unreachable") from None
    addresses = [str(entry[4][0]) for entry in found]
    allowed = {name.strip().lower() for name in settings().picture_hosts.split(",")}
    if not {host.lower(), f"{host.lower()}:{port}"} & allowed and not all(map(is_public, addresses)):
        raise _refused(f"The host {host[:100]} lies in a private network; LEX_PICTURE_HOSTS may allow it.")
    return addresses[0]


def is_public(text: str) -> bool:
    """Whether an address belongs to the public internet; one that carries another inside is judged by that."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in _judged(address))


def _judged(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *filter(None, (address.sixtofour, *(address.teredo or ())))]


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Made once: reading the certificates costs more than a picture."""
    return httpx.create_ssl_context()


def _refused(why: str) -> Invalid:
    return Invalid("source", why, code="picture_refused")
