"""What every answer tells browsers: the Content-Security-Policy and the headers beside it, in one place.

Why each of them stands there: docs/concepts/browsers.md.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from lex.web.kit import csrf

Header = tuple[bytes, bytes]

#: A page's own files and nothing else; no script, style or handler in the page itself, no plug-in, no frame.
_PAGE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
#: What is no page loads nothing, should a browser show it as one all the same.
_DATA = b"default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
_NEVER_USED = (
    *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking"),
)
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    # An address may carry the signed link of an order; no other host is told it.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
#: Only a window heeds these: the API's documents go without.
_OF_WINDOWS: tuple[Header, ...] = (
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{feature}=()" for feature in _NEVER_USED).encode()),
)
_LASTING: Header = (b"strict-transport-security", b"max-age=31536000")
_OF_PAGES, _OF_API = b"private, no-cache", b"no-store"


@lru_cache(maxsize=32)
def page_policy(*, forms_lead_to: tuple[str, ...] = ()) -> str:
    """The policy of a page whose forms lead to other origins as well, by a redirect too."""
    directives = _PAGE | {"form-action": " ".join((_PAGE["form-action"], *forms_lead_to))}
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


class Safeguards:
    """Adds to an answer's headers what it does not say itself; all that may be added is made once."""

    def __init__(self, *, is_secure: bool) -> None:
        self._of_documents = (*_ALWAYS, _LASTING) if is_secure else _ALWAYS
        self._of_windows = (*self._of_documents, *_OF_WINDOWS)
        self._policies = (b"content-security-policy", _DATA), (b"content-security-policy", page_policy().encode())
        self._cachings = (b"cache-control", _OF_PAGES), (b"cache-control", _OF_API)

    def added_to(self, given: Iterable[Header], scope: Any, *, is_api: bool, status: int) -> list[Header]:
        """The headers of an answer as they are sent.

        What is unchanged (304) gets no policy: a browser would put it over that of the page it has kept.
        """
        headers = list(given)
        if fresh := csrf.fresh_cookie(scope):  # such an answer is one browser's own
            headers = [header for header in headers if not _is_shared(*header)]
            headers.append((b"set-cookie", fresh.encode()))
        has_policy = has_caching = is_page = False
        for place, (name, value) in enumerate(headers):
            match name.lower():
                case b"content-type":
                    is_page = value.startswith(b"text/html")
                case b"cache-control":
                    has_caching = True
                case b"content-security-policy":
                    has_policy = True
                case b"allow":
                    headers[place] = (name, _allowed(value))
        headers += self._of_documents if is_api and not is_page else self._of_windows
        headers.append((b"x-request-id", scope["state"]["request_id"].encode()))
        if not has_policy and status != 304:
            headers.append(self._policies[is_page])
        if not has_caching:
            headers.append(self._cachings[is_api])
        return headers


def _is_shared(name: bytes, value: bytes) -> bool:
    """Whether a header lets others keep the answer."""
    return name.lower() == b"cache-control" and b"private" not in value and b"no-store" not in value


def _allowed(methods: bytes) -> bytes:
    """Where GET is answered, so is HEAD."""
    return methods + b", HEAD" if b"GET" in methods and b"HEAD" not in methods else methods
