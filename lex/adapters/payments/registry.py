"""Which provider a name stands for."""

from lex.adapters.payments.protocol import Provider
from lex.adapters.payments.sandbox import Sandbox
from lex.core.errors import NotFound
from lex.core.settings import settings


def provider(name: str) -> Provider:
    """The provider of a name, as it stands in `payments.provider` and in webhook addresses.

    The sandbox exists only while it is the provider in use. Raises `NotFound`.
    """
    if name == "sandbox" and settings().payment_provider == "sandbox":
        return Sandbox()
    raise NotFound(f"There is no payment provider “{name[:40]}”.", code="unknown_provider")


def current() -> Provider:
    """The provider that takes new payments. Raises `NotFound` when the settings name none that exists."""
    return provider(settings().payment_provider)
