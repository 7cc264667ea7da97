"""The settings of what pages people outside Slack, and of what is watched with somebody else's help."""

import re
from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode

from bot.setting_values import (
    address_pairs,
    mail_address,
    printable,
    secure_address,
    token_pairs,
    web_address,
)


class PagingSettings(BaseSettings):
    """PagerDuty, mail, webhooks, Prometheus and the dead-man's switch; none of them is needed."""

    pagerduty_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_PAGERDUTY_KEYS"
    )
    pagerduty_api_token: SecretStr | None = Field(None, validation_alias="PORTCULLIS_PAGERDUTY_API_TOKEN")
    pagerduty_webhook_secrets: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_PAGERDUTY_WEBHOOK_SECRETS"
    )
    pagerduty_events_url: str = Field(
        "https://events.pagerduty.com/", validation_alias="PORTCULLIS_PAGERDUTY_EVENTS_URL"
    )
    pagerduty_api_url: str = Field(
        "https://api.pagerduty.com/", validation_alias="PORTCULLIS_PAGERDUTY_API_URL"
    )
    smtp_url: SecretStr | None = Field(None, validation_alias="PORTCULLIS_SMTP_URL")
    mail_from: str | None = Field(None, validation_alias="PORTCULLIS_MAIL_FROM", validate_default=True)
    webhooks: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_WEBHOOKS"
    )
    webhook_secrets: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="PORTCULLIS_WEBHOOK_SECRETS", validate_default=True
    )
    prometheus_url: str | None = Field(None, validation_alias="PORTCULLIS_PROMETHEUS_URL")
    alive_url: SecretStr | None = Field(None, validation_alias="PORTCULLIS_ALIVE_URL")

    @field_validator("pagerduty_keys", "pagerduty_webhook_secrets", "webhook_secrets", mode="before")
    @classmethod
    def _secrets(cls, value: object) -> object:
        return token_pairs(value)

    @field_validator("webhooks", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        return address_pairs(value)

    @field_validator("webhook_secrets")
    @classmethod
    def _signed(cls, value: dict[str, SecretStr], so_far: ValidationInfo) -> dict[str, SecretStr]:
        unsigned = sorted(set(so_far.data.get("webhooks", {})) - set(value))
        if unsigned:
            raise ValueError(f"there is no secret to sign the webhook {unsigned[0]} with")
        return value

    @field_validator("pagerduty_api_token")
    @classmethod
    def _header(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else printable(value)

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else mail_address(value)

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None, so_far: ValidationInfo) -> str | None:
        if "smtp_url" in so_far.data and (value is None) != (so_far.data["smtp_url"] is None):
            raise ValueError("PORTCULLIS_SMTP_URL and PORTCULLIS_MAIL_FROM go together")
        if value is not None and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
            raise ValueError("expected an address like portcullis@example.com")
        return value

    @field_validator("alive_url")
    @classmethod
    def _alive(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            secure_address(value.get_secret_value())
        return value

    @field_validator("pagerduty_events_url", "pagerduty_api_url")
    @classmethod
    def _keys_go_there(cls, value: str) -> str:
        return secure_address(value).rstrip("/") + "/"

    @field_validator("prometheus_url")
    @classmethod
    def _asked(cls, value: str | None) -> str | None:
        """Inside a cluster it is plain http; no secret goes there."""
        return None if value is None else web_address(value).rstrip("/") + "/"
