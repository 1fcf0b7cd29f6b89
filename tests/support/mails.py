"""The development mail folder, as the people who get the mails read it."""

import email.policy
import re
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path


def mails(home: Path, to: str) -> list[EmailMessage]:
    """What was mailed to an address, oldest first."""
    files = sorted((home / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    read = [BytesParser(EmailMessage, policy=email.policy.default).parsebytes(file.read_bytes()) for file in files]
    return [letter for letter in read if letter["To"] and to in str(letter["To"])]


def link(home: Path, to: str, page: str) -> str:
    """Path and query of the newest link to `page` that was mailed to an address."""
    for letter in reversed(mails(home, to)):
        body = letter.get_body(("plain",))
        assert body is not None
        if found := re.search(rf"https?://[^/\s]+(/account/{page}\?token=\S+)", body.get_content()):
            return found[1]
    raise AssertionError(f"no link to {page} for {to}")


def subjects(home: Path, to: str) -> list[str]:
    """The subjects of what was mailed to an address."""
    return [str(letter["Subject"]) for letter in mails(home, to)]
