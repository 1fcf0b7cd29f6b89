"""Mail: written to the home folder in development, sent by SMTP when `LEX_MAIL_URL` is set.

No address and no name appears in an error or a log.
"""

import asyncio
import os
import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from lex.core import clock
from lex.core.errors import Invalid
from lex.core.settings import Settings, settings

_SECONDS = 20.0
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one person. `id` makes its Message-ID: sent twice, it is recognised as the same."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    name: str = "mail"


class MailRefused(Exception):
    """The server will not take this mail, now or later."""


class MailDelayed(Exception):
    """The server did not take it this time; trying again later helps."""


class Mailer(Protocol):
    """Something that takes mails."""

    async def send(self, mail: Mail) -> None:
        """Hand it over. Raises `MailRefused` or `MailDelayed`."""


@dataclass(frozen=True, slots=True)
class MailFolder:
    """Writes each mail as one `.eml` file that a mail program opens; the same mail again replaces its file."""

    folder: Path
    sender: str

    async def send(self, mail: Mail) -> None:
        """Write the file at once or not at all. Raises `MailDelayed` when the folder takes no file."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise MailDelayed(f"the mail folder took no file ({error.strerror})") from error

    def _write(self, mail: Mail) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tail = f"{_plain(mail.name)}-{_plain(mail.id)[-8:]}.eml"
        known = next(self.folder.glob(f"*-{tail}"), None)
        path = known or self.folder / f"{clock.real_now():%Y%m%dT%H%M%S}-{tail}"
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_bytes(message(mail, self.sender).as_bytes())
        draft.replace(path)


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Hands mails to an SMTP server: `smtp://` takes TLS when it is offered, `smtps://` speaks it from the start.

    A password is never sent in the clear, except to this machine.
    """

    url: str
    sender: str

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise Invalid("LEX_MAIL_URL", "LEX_MAIL_URL must read smtp://user:password@host:587 or smtps://….")

    async def send(self, mail: Mail) -> None:
        """Hand it over, within 20 seconds a step. Raises `MailRefused` or `MailDelayed`."""
        try:
            await asyncio.to_thread(self._send, message(mail, self.sender), mail.to)
        except (smtplib.SMTPException, OSError) as error:
            raise _told(error) from None  # the original carries the address

    def _send(self, letter: EmailMessage, to: str) -> None:
        parts = _parts(self.url)
        host = parts.hostname or ""
        implicit = parts.scheme == "smtps"
        context = ssl.create_default_context()
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(host, parts.port or 465, timeout=_SECONDS, context=context)
            if implicit
            else smtplib.SMTP(host, parts.port or 587, timeout=_SECONDS)
        )
        with server:
            server.ehlo()
            encrypted = implicit
            if not implicit and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
                encrypted = True
            if parts.username:
                if not encrypted and host not in _LOCAL:
                    raise ssl.SSLError("the server offers no TLS; a password is not sent in the clear")
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(letter, from_addr=letter["From"].addresses[0].addr_spec, to_addrs=[to])


def mailer(config: Settings | None = None) -> Mailer:
    """What the settings name. Raises `Invalid` for an address that is none."""
    config = config or settings()
    if config.mail_url:
        return SmtpMailer(config.mail_url, config.mail_from)
    return MailFolder(config.home_path / "mail", config.mail_from)


def message(mail: Mail, sender: str, at: datetime | None = None) -> EmailMessage:
    """The message as it goes out. Raises `MailRefused` for an address no mail goes to.

    A line break in a header raises ValueError: nobody adds headers through a name.
    """
    letter = EmailMessage(policy=SMTP)
    domain = sender.rpartition("@")[2].rstrip(">") or "localhost"
    letter["From"] = sender if "<" in sender else Address(settings().shop_name, addr_spec=sender)
    try:
        letter["To"] = Address(addr_spec=mail.to)
    except (ValueError, MessageError):
        raise MailRefused("the address cannot be written to") from None
    letter["Subject"] = mail.subject
    letter["Date"] = format_datetime(at or clock.real_now())
    letter["Message-ID"] = f"<{mail.id}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(mail.text)
    letter.add_alternative(mail.html, subtype="html")
    return letter


def _told(error: Exception) -> MailRefused | MailDelayed:
    """The reason without the address a server likes to repeat."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return MailRefused("the mail server cannot write to this address")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        code = codes[0] if codes else 0
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
    else:
        return MailDelayed(f"no mail server ({type(error).__name__})")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return MailDelayed(f"the mail server refused the sign-in ({code})")
    if 500 <= code < 600:
        return MailRefused(f"the mail server refused the mail ({code})")
    return MailDelayed(f"the mail server asked to wait ({code})")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise Invalid("LEX_MAIL_URL", "LEX_MAIL_URL is not an address.") from None
    return parts


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
