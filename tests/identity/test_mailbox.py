"""Whose mailbox an e-mail reaches, however it is spelled."""

import pytest

from lex.identity.ciphers import normal_email, normal_mailbox


@pytest.mark.parametrize(
    ("email", "mailbox"),
    [
        ("Ada@Example.org", "ada@example.org"),
        (" ada+shop@example.org ", "ada@example.org"),
        ("ada+a+b@example.org", "ada@example.org"),
        ("a.d.a@example.org", "a.d.a@example.org"),
        ("A.d.a+x@gmail.com", "ada@gmail.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("ada@gmail.com.example", "ada@gmail.com.example"),
        ("+ada@example.org", "+ada@example.org"),
        ("ａｄａ@example.org", "ada@example.org"),
    ],
)
def test_spellings_of_one_mailbox_are_one(email: str, mailbox: str) -> None:
    assert normal_mailbox(email) == mailbox
    assert normal_mailbox(mailbox) == mailbox


def test_accounts_still_tell_them_apart() -> None:
    assert normal_email("ada+shop@gmail.com") != normal_email("ada@gmail.com")
