"""Settings: what can be used is read, what cannot stops the start and names itself."""

from pathlib import Path

import pytest

from lex.core.errors import Invalid
from lex.core.settings import from_environment
from lex.identity import keyring
from lex.ops.settings_docs import settings_page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEX_PORT", "many"),
        ("LEX_PORT", "0"),
        ("LEX_PORT", "99999999999999999999"),
        ("LEX_WORKERS", "-1"),
        ("LEX_PRICES_INCLUDE_TAX", "maybe"),
        ("LEX_ENVIRONMENT", "staging"),
        ("LEX_CURRENCY", "KWD"),
        ("LEX_CURRENCY", "euro"),
        ("LEX_CURRENCY", "ABC"),
        ("LEX_COUNTRY", "Germany"),
        ("LEX_COUNTRY", "XX"),
        ("LEX_PAYMENT_PROVIDER", "strpe"),
        ("LEX_MAIL_FROM", "nobody"),
        ("LEX_MAIL_FROM", "a@b@c"),
        ("LEX_PUBLIC_URL", "https://"),
        ("LEX_LOG_LEVEL", "loud"),
        ("DATABASE_URL", "foo"),
        ("REDIS_URL", "localhost:6379"),
        ("LEX_MAIL_URL", "zz"),
        ("LEX_PUBLIC_URL", "shop.example"),
        ("LEX_TRUSTED_PROXIES", "127.0.0.1, proxy.example"),
        ("LEX_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("LEX_TIMEZONE", "Europe/Bremen"),
        ("LEX_TIMEZONE", "Europe"),
        ("LEX_TIMEZONE", "../etc/passwd"),
    ],
)
def test_an_unusable_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        from_environment({name: value})
    assert refused.value.errors[0].field == name
    assert name in refused.value.message


def test_production_takes_no_sandbox_money() -> None:
    with pytest.raises(Invalid, match="LEX_PAYMENT_PROVIDER"):
        from_environment({"LEX_ENVIRONMENT": "production"})


def test_a_damaged_key_ring_is_refused_and_not_shown() -> None:
    with pytest.raises(Invalid) as refused:
        keyring.parse("k1:c2VjcmV0,almost-a-secret", "LEX_KEY_RING")
    assert "LEX_KEY_RING" in refused.value.message
    assert "secret" not in refused.value.message


def test_values_are_read() -> None:
    assert from_environment({"LEX_MAIL_FROM": "Spoke & Thread <shop@spoke.example>"}).mail_from.startswith("Spoke")
    read = from_environment({"LEX_PORT": " 9000 ", "LEX_PRICES_INCLUDE_TAX": "no", "DATABASE_URL": "postgresql://x/y"})
    assert (read.port, read.prices_include_tax, read.database_url) == (9000, False, "postgresql://x/y")


def test_the_page_of_settings_is_current() -> None:
    assert (Path(__file__).parents[2] / "docs" / "settings.md").read_text() == settings_page()
