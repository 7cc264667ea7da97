"""What a program may have found of ours is hidden by value: each secret of a list, and the password of an address."""

from dataclasses import fields, is_dataclass
from typing import get_args

import pytest
from pydantic import SecretStr

from bot.adapters.own_secrets import OWN, SHORTEST, parts_of, secrets_in
from bot.settings import Settings, secret_values


def _is_secret(kind: object) -> bool:
    if kind is SecretStr or any(_is_secret(each) for each in get_args(kind)):
        return True
    return is_dataclass(kind) and any(_is_secret(each.type) for each in fields(kind))


def test_every_setting_that_holds_a_secret_is_known_by_its_name() -> None:
    held = Settings.model_fields.items()
    names = {str(f.validation_alias or name.upper()) for name, f in held if _is_secret(f.annotation)}
    assert len(names) > 10
    assert "PORTCULLIS_API_TOKENS" in names
    assert [name for name in sorted(names) if not OWN.fullmatch(name)] == []


@pytest.mark.parametrize("name", ["PORTCULLIS_PUBLIC_URL", "PORTCULLIS_HTTP_HOST", "SLACK_API_URL", "PATH"])
def test_a_setting_without_a_secret_is_not_hidden(name: str) -> None:
    assert secrets_in({name: "https://portcullis.example"}) == set()


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("ci=made-up-first, other=made-up-second", {"made-up-first", "made-up-second"}),
        ("ci:evidence+read=made-up-first, am:alerts=made-up-second", {"made-up-first", "made-up-second"}),
        ("registry.example=robot:made-up-word", {"robot:made-up-word", "made-up-word"}),
        ("smtp://bot:made%2Dup@mail.example", {"made%2Dup", "made-up"}),
        ("siren=https://hooks.example/made-up", {"https://hooks.example/made-up"}),
        ("postgresql://bot:made-up@db.example/ledger", {"made-up"}),
        ("first line\nsecond line", {"first line", "second line"}),
        ("http://[", {"http://["}),
    ],
)
def test_each_secret_inside_a_setting_is_one(value: str, hidden: set[str]) -> None:
    assert hidden <= set(parts_of(value))
    assert hidden <= secrets_in({"PORTCULLIS_API_TOKENS": value})


def test_what_is_short_stands_in_too_many_words() -> None:
    assert secrets_in({"DEPLOY_KEY": "x" * (SHORTEST - 1)}) == set()


def test_the_password_of_any_address_is_hidden_whatever_its_variable_is_called() -> None:
    assert secrets_in({"UPSTREAM": "redis://:made-up-word@cache.example"}) == {"made-up-word"}


def test_what_a_file_set_is_told_as_well() -> None:
    settings = Settings(
        _env_file=None,
        PORTCULLIS_SECRET_KEY="0" * 64,
        slack_bot_token="xoxb-made-up",
        slack_app_token="xapp-made-up",
        PORTCULLIS_API_TOKENS="ci:read=made-up-0123456789 other=made-up-9876543210",
    )
    named = {"0" * 64, "xoxb-made-up", "xapp-made-up", "made-up-0123456789", "made-up-9876543210"}
    assert named <= set(secret_values(settings))
