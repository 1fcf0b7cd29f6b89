"""Mails: whole files in development, SMTP in earnest; no address in any error."""

import asyncio
import email
import email.policy
import os
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from lex.adapters.mail import Mail, MailDelayed, MailFolder, MailRefused, SmtpMailer, mailer, message
from lex.core.errors import Invalid
from lex.core.settings import Settings

MAIL = Mail("0199-abc", "ada@example.org", "Your order Ü", "Text with ü and €.\n", "<p>ü</p>", "order_confirmed-LEX-1")


def parsed(raw: bytes) -> EmailMessage:
    return cast(EmailMessage, email.message_from_bytes(raw, policy=email.policy.default))


async def test_development_writes_files_a_mail_program_opens(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path / "mail", "shop@example.com")
    await folder.send(MAIL)
    [path] = (tmp_path / "mail").iterdir()
    assert path.name.endswith("-order-confirmed-LEX-1-0199-abc.eml")
    letter = parsed(path.read_bytes())
    assert (letter["To"], letter["Subject"]) == ("ada@example.org", "Your order Ü")
    assert letter["Message-ID"] == "<0199-abc@example.com>"
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html is not None
    assert "<p>ü</p>" in html.get_content()
    assert path.stat().st_mode & 0o077 == 0


async def test_the_same_mail_again_is_one_file(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path, "shop@example.com")
    await folder.send(MAIL)
    await folder.send(MAIL)
    assert len(os.listdir(tmp_path)) == 1  # noqa: PTH208


async def test_a_folder_that_takes_no_file_delays(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("in the way")
    with pytest.raises(MailDelayed):
        await MailFolder(tmp_path / "mail", "shop@example.com").send(MAIL)


def test_nobody_adds_a_header_through_a_subject() -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline|carriage"):
        message(Mail("1", "a@b.cd", "x\r\nBcc: all@b.cd", "", ""), "shop@example.com")
    with pytest.raises(MailRefused):
        message(Mail("1", "a@b.cd, c@d.ef", "x", "", ""), "shop@example.com")


def test_the_settings_choose(tmp_path: Path) -> None:
    assert isinstance(mailer(Settings(home=str(tmp_path))), MailFolder)
    assert isinstance(mailer(Settings(mail_url="smtp://mail.example:25")), SmtpMailer)
    for bad in ("http://mail.example", "smtp://", "smtp://mail.example:99999", "mail.example"):
        with pytest.raises(Invalid):
            mailer(Settings(mail_url=bad))


class Post:
    """A mail server that takes, refuses or delays, by recipient."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, to: str, ___: Any) -> str:  # noqa: N802
        if to.startswith("nobody"):
            return f"550 5.1.1 <{to}> no such user"
        if to.startswith("later"):
            return f"451 4.7.1 <{to}> greylisted"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    handler, port = Post(), free_port()
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=port,
        auth_require_tls=False,
        authenticator=lambda *told: AuthResult(success=told[-1].password == b"p:ss", handled=False),
    )
    controller.start()
    yield handler, port
    controller.stop()


async def test_smtp_hands_it_over(post: tuple[Post, int]) -> None:
    handler, port = post
    await SmtpMailer(f"smtp://shop:p%3Ass@127.0.0.1:{port}", "Shop <shop@example.com>").send(MAIL)
    [envelope] = handler.taken
    assert envelope.rcpt_tos == ["ada@example.org"]
    assert envelope.mail_from == "shop@example.com"
    assert isinstance(envelope.content, bytes)
    assert parsed(envelope.content)["Subject"] == "Your order Ü"


@pytest.mark.parametrize(
    ("to", "error", "code"), [("nobody@example.org", MailRefused, "550"), ("later@example.org", MailDelayed, "451")]
)
async def test_refused_and_delayed_are_told_apart_and_name_nobody(
    post: tuple[Post, int], to: str, error: type[Exception], code: str
) -> None:
    with pytest.raises(error, match=code) as told:
        await SmtpMailer(f"smtp://127.0.0.1:{post[1]}", "shop@example.com").send(Mail("1", to, "x", "x", "x"))
    assert to not in str(told.value)
    assert told.value.__cause__ is None


async def test_a_wrong_password_and_no_server_delay(post: tuple[Post, int]) -> None:
    with pytest.raises(MailDelayed, match="sign-in"):
        await SmtpMailer(f"smtp://shop:wrong@127.0.0.1:{post[1]}", "shop@example.com").send(MAIL)
    with pytest.raises(MailDelayed, match="no mail server"):
        await SmtpMailer(f"smtp://127.0.0.1:{free_port()}", "shop@example.com").send(MAIL)


async def test_many_at_once_block_nothing(post: tuple[Post, int]) -> None:
    sender = SmtpMailer(f"smtp://127.0.0.1:{post[1]}", "shop@example.com")
    await asyncio.gather(*(sender.send(Mail(str(n), "ada@example.org", "x", "x", "x")) for n in range(10)))
    assert len(post[0].taken) == 10


def test_no_mail_leaves_a_draft_behind(tmp_path: Path) -> None:
    asyncio.run(MailFolder(tmp_path, "shop@example.com").send(MAIL))
    assert all(not name.startswith(".") for name in os.listdir(tmp_path))  # noqa: PTH208
