"""Who asks, behind the proxies of this shop: for limits, and for the audit trail."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from litestar.connection import ASGIConnection

from lex.core.settings import settings

Address = IPv4Address | IPv6Address


def client_address(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The client's IP address; empty where a socket of this machine tells none.

    Each proxy appends whom it saw to X-Forwarded-For. Read from its end, the first address that is none of
    LEX_TRUSTED_PROXIES is the client: what stands before it is the client's own word. The header of a peer that is
    no trusted proxy is not heard at all.
    """
    seen = _read(connection.client.host) if connection.client else None
    if seen is not None and not _is_proxy(seen):
        return str(seen)
    for text in reversed(",".join(connection.headers.getall("x-forwarded-for", [])).split(",")):
        told = _read(text)
        if told is None:
            break
        seen = told
        if not _is_proxy(seen):
            break
    return "" if seen is None else str(seen)


def _is_proxy(address: Address) -> bool:
    return any(address in network for network in settings().proxies)


def _read(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`; an IPv4 address in IPv6 as what it is."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])  # a zone says which wire, and only to this machine
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
