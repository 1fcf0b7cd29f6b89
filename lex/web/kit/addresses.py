"""Where a request comes from: for the limits on how often, and for the audit."""

from ipaddress import ip_address
from typing import Any

from litestar.connection import ASGIConnection

Connection = ASGIConnection[Any, Any, Any, Any]


def address_of(connection: Connection) -> str:
    """Who asks. A peer of this machine or network is a proxy: it says last whom it saw. From anybody else that is
    their own word and not heard.
    """
    peer = connection.client.host if connection.client else ""
    told = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return told[:100] if told and _is_near(peer) else peer


def ip_of(connection: Connection) -> str:
    """The same as an IP address, as the database takes one; nothing for a name, a socket or nonsense."""
    try:
        return str(ip_address(address_of(connection).partition("%")[0]))
    except ValueError:
        return ""


def _is_near(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:  # a socket of this machine
        return True
    return address.is_loopback or address.is_private
