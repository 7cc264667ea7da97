"""Addresses and secrets, from the environment and `.env`; nothing secret has a default."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

TOKEN_PAIR = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,62})=(?P<token>\S{16,})")


class SettingsError(Exception):
    """A setting is missing or malformed; one line for each, ready to be shown."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """The settings of `portcullis run`. Their names are a contract (DESIGN §4)."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    slack_bot_token: SecretStr
    slack_signing_secret: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_api_url: str = Field("https://slack.com/api/", validation_alias="PORTCULLIS_SLACK_API_URL")
    database_url: str = Field("sqlite:///portcullis.db", validation_alias="PORTCULLIS_DATABASE_URL")
    policy: Path = Field(Path("policy.yaml"), validation_alias="PORTCULLIS_POLICY")
    http_host: str = Field("127.0.0.1", validation_alias="PORTCULLIS_HTTP_HOST")
    http_port: int = Field(8080, ge=0, le=65535, validation_alias="PORTCULLIS_HTTP_PORT")
    public_url: str | None = Field(None, validation_alias="PORTCULLIS_PUBLIC_URL")
    secret_key: SecretStr = Field(validation_alias="PORTCULLIS_SECRET_KEY")
    audit_key: SecretStr | None = Field(None, validation_alias="PORTCULLIS_AUDIT_KEY")
    api_tokens: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_API_TOKENS"
    )
    insecure_registries: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="PORTCULLIS_INSECURE_REGISTRIES"
    )
    registry_credentials: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_REGISTRY_CREDENTIALS"
    )

    @field_validator("api_tokens", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        """`name=token` pairs, separated by white space or commas; a token has 16 characters or more."""
        if not isinstance(value, str):
            return value
        pairs: dict[str, str] = {}
        for number, word in enumerate(re.split(r"[\s,]+", value.strip()), 1):
            if not word:
                continue
            match = TOKEN_PAIR.fullmatch(word)
            if match is None:
                raise ValueError(
                    f"pair {number} is not name=token (a name in lower case, a token of 16 characters or more)"
                )
            if match["name"] in pairs:
                raise ValueError(f"the name {match['name']} stands twice")
            pairs[match["name"]] = match["token"]
        return pairs

    @field_validator("registry_credentials", mode="before")
    @classmethod
    def _logins(cls, value: object) -> object:
        """`host=user:password` pairs, separated by white space."""
        if not isinstance(value, str):
            return value
        logins: dict[str, str] = {}
        for number, word in enumerate(value.split(), 1):
            host, _, login = word.partition("=")
            if not host or ":" not in login:
                raise ValueError(f"pair {number} is not host=user:password")
            logins[host] = login
        return logins

    @field_validator("insecure_registries", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        return tuple(re.split(r"[\s,]+", value.strip())) if isinstance(value, str) else value

    @field_validator("slack_api_url")
    @classmethod
    def _slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("it is no http(s) address")
        return value.rstrip("/") + "/"

    @field_validator("slack_bot_token")
    @classmethod
    def _bot_token(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith("xoxb-"):
            raise ValueError("a bot token starts with xoxb-")
        return value

    @field_validator("slack_app_token")
    @classmethod
    def _app_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("xapp-"):
            raise ValueError("an app-level token starts with xapp-")
        return value


def read_settings(**overrides: object) -> Settings:
    """The settings in force. Raises SettingsError, which never repeats a value: it may be a secret."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise SettingsError([_line(dict(e)) for e in error.errors(include_input=False)]) from None
    if settings.slack_signing_secret is None and settings.slack_app_token is None:
        raise SettingsError(
            ["SLACK_SIGNING_SECRET is missing (or set SLACK_APP_TOKEN, to receive by Socket Mode)"]
        )
    return settings


def _line(error: dict[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "?"
    variable = name.upper() if name.islower() else name
    if error["type"] == "missing":
        return f"{variable} is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{variable} is malformed: {message}"
