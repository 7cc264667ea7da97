"""Addresses and secrets, from the environment and `.env`; nothing secret has a default."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from bot.domain.api_token import ApiToken
from bot.paging_settings import PagingSettings
from bot.setting_values import api_tokens, printable, secure_address, web_address

Network = IPv4Network | IPv6Network
S = TypeVar("S", bound="LedgerSettings")
_DATABASE: Final = re.compile(r"(?:sqlite|postgresql)(?:\+\w+)?://", re.ASCII)


class SettingsError(Exception):
    """A setting is missing or malformed; one line for each, ready to be shown."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class LedgerSettings(BaseSettings):
    """Where the record is: all that `audit` and `db` need."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field("sqlite:///portcullis.db", validation_alias="PORTCULLIS_DATABASE_URL")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not _DATABASE.match(value):
            raise ValueError("expected sqlite:///FILE or postgresql://USER@HOST/NAME")
        return value


class GateSettings(LedgerSettings):
    """What a decision needs besides: all that `check` needs."""

    policy: Path = Field(Path("policy.yaml"), validation_alias="PORTCULLIS_POLICY")
    insecure_registries: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="PORTCULLIS_INSECURE_REGISTRIES"
    )
    registry_credentials: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_REGISTRY_CREDENTIALS"
    )

    @field_validator("insecure_registries", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        """`host` or `host:port`, separated by white space or commas."""
        if not isinstance(value, str):
            return value
        words = [word for word in re.split(r"[\s,]+", value) if word]
        for number, word in enumerate(words, 1):
            if not re.fullmatch(r"[\w.\[\]:-]+", word):
                raise ValueError(f"entry {number} is not host or host:port")
        return tuple(words)

    @field_validator("registry_credentials", mode="before")
    @classmethod
    def _logins(cls, value: object) -> object:
        """`host=user:password` pairs, separated by white space."""
        if not isinstance(value, str):
            return value
        logins: dict[str, str] = {}
        for number, word in enumerate(value.split(), 1):
            host, _, login = word.partition("=")
            if not host or not login.partition(":")[0] or ":" not in login:
                raise ValueError(f"pair {number} is not host=user:password")
            if host in logins:
                raise ValueError(f"pair {number} is for the same host as another one")
            logins[host] = login
        return logins

    github_api_url: str = Field("https://api.github.com/", validation_alias="PORTCULLIS_GITHUB_API_URL")
    github_token: SecretStr | None = Field(None, validation_alias="PORTCULLIS_GITHUB_TOKEN")

    @field_validator("github_token")
    @classmethod
    def _header(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else printable(value)

    @field_validator("github_api_url")
    @classmethod
    def _forge(cls, value: str) -> str:
        return secure_address(value).rstrip("/") + "/"  # the token goes there


class FactorSettings(GateSettings):
    """What second factors need besides: all that `enroll` needs."""

    secret_key: SecretStr = Field(validation_alias="PORTCULLIS_SECRET_KEY")
    public_url: str | None = Field(None, validation_alias="PORTCULLIS_PUBLIC_URL")

    @field_validator("public_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        """Cookies and passkeys belong to the whole origin, so the pages stand at its root."""
        if value is None:
            return None
        found = secure_address(value)
        if urlsplit(found).path not in ("", "/"):
            raise ValueError("it must be an origin without a path, like https://portcullis.example.com")
        return found.rstrip("/")


class Settings(PagingSettings, FactorSettings):
    """The settings of `portcullis run`. Their names are a contract (DESIGN §4)."""

    slack_bot_token: SecretStr
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = Field(None, validate_default=True)
    slack_api_url: str = Field("https://slack.com/api/", validation_alias="PORTCULLIS_SLACK_API_URL")
    http_host: str = Field("127.0.0.1", validation_alias="PORTCULLIS_HTTP_HOST")
    http_port: int = Field(8080, ge=0, le=65535, validation_alias="PORTCULLIS_HTTP_PORT")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), validation_alias="PORTCULLIS_TRUSTED_PROXIES"
    )
    oidc_issuer: str | None = Field(None, validation_alias="PORTCULLIS_OIDC_ISSUER")
    oidc_client_id: str | None = Field(
        None, validation_alias="PORTCULLIS_OIDC_CLIENT_ID", validate_default=True
    )
    oidc_client_secret: SecretStr | None = Field(None, validation_alias="PORTCULLIS_OIDC_CLIENT_SECRET")
    audit_key: SecretStr | None = Field(None, validation_alias="PORTCULLIS_AUDIT_KEY")
    api_tokens: Annotated[tuple[ApiToken, ...], NoDecode] = Field(
        (), validation_alias="PORTCULLIS_API_TOKENS"
    )

    @field_validator("api_tokens", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        return api_tokens(value)

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _token(cls, value: SecretStr | None, about: ValidationInfo) -> SecretStr | None:
        bot = about.field_name == "slack_bot_token"
        start = "xoxb-" if bot else "xapp-"
        if value is not None and not re.fullmatch(rf"{start}[\w-]+", value.get_secret_value(), re.ASCII):
            raise ValueError(f"{'a bot token' if bot else 'an app-level token'} starts with {start}")
        return value

    @field_validator("slack_signing_secret")
    @classmethod
    def _signing(cls, value: SecretStr | None, so_far: ValidationInfo) -> SecretStr | None:
        if value is not None:
            return printable(value)
        if "slack_app_token" in so_far.data and so_far.data["slack_app_token"] is None:
            raise PydanticCustomError(
                "missing", "is missing (or set SLACK_APP_TOKEN, to receive by Socket Mode)"
            )
        return None

    @field_validator("slack_api_url", "oidc_issuer")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return None if value is None else web_address(value)

    @field_validator("oidc_issuer")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        return None if value is None else secure_address(value)

    @field_validator("oidc_client_id")
    @classmethod
    def _with_its_issuer(cls, value: str | None, so_far: ValidationInfo) -> str | None:
        if "oidc_issuer" in so_far.data and (value is None) != (so_far.data["oidc_issuer"] is None):
            raise ValueError("PORTCULLIS_OIDC_ISSUER and PORTCULLIS_OIDC_CLIENT_ID go together")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        """Addresses or networks, separated by white space or commas."""
        if not isinstance(value, str):
            return value
        found = []
        for number, word in enumerate((w for w in re.split(r"[\s,]+", value) if w), 1):
            try:
                found.append(ip_network(word))
            except ValueError:
                raise ValueError(
                    f"entry {number} is no address and no network, such as 10.0.0.0/8 (all zero behind the prefix)"
                ) from None
        return found

    @field_validator("slack_api_url")
    @classmethod
    def _slash(cls, value: str) -> str:
        return value.rstrip("/") + "/"


def secret_values(settings: BaseSettings) -> tuple[str, ...]:
    """Every value that the settings keep as a secret, wherever it came from, for whoever must not repeat it."""
    held = (getattr(settings, name) for name in type(settings).model_fields)
    return tuple(one.get_secret_value() for each in held for one in _secrets(each))


def _secrets(held: object) -> Iterator[SecretStr]:
    if isinstance(held, SecretStr):
        yield held
    elif isinstance(held, ApiToken):
        yield held.secret
    elif isinstance(held, dict | tuple):
        for each in held.values() if isinstance(held, dict) else held:
            yield from _secrets(each)


def read_settings(**overrides: object) -> Settings:
    """The settings in force. Raises SettingsError, which never repeats a value: it may be a secret."""
    return read(Settings, **overrides)


def read(kind: type[S], **overrides: object) -> S:
    """The settings of `kind`, which fewer verbs need. Raises SettingsError, which never repeats a value."""
    try:
        return kind(**overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise SettingsError([_line(dict(e)) for e in error.errors(include_input=False)]) from None
    except UnicodeDecodeError:
        raise SettingsError([".env is not UTF-8 text"]) from None
    except OSError as error:
        raise SettingsError([f".env cannot be read: {error.strerror or type(error).__name__}"]) from None
    except SourceError:
        raise SettingsError(["the environment or .env cannot be read as settings"]) from None


def _line(error: dict[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else "?"
    field = Settings.model_fields.get(name)  # a default that is wrong is told by its field
    variable = str((field and field.validation_alias) or name.upper())
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{variable} {message if message.startswith('is missing') else 'is missing'}"
    return f"{variable} is malformed: {_plain(message)}"


def _plain(message: str) -> str:
    """pydantic speaks of inputs; whoever set a variable does not."""
    return message.replace("Input should be", "it must be").partition(", unable to")[0]
