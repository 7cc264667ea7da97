"""How people come by a second factor, and what a login at the identity provider has to prove (P8, F11)."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bot.policy.references import RoleName
from bot.policy.types import Duration, PositiveDuration, Section, Text


class Login(Section):
    """What the identity provider must state of a login, checked after the fact: what was asked for proves nothing."""

    subject: Literal["sub", "oid"] = "sub"
    """What names a person for good: `sub`, or `oid` with its tenant (Entra)."""
    acr: tuple[Text, ...] = ()
    """Any of these authentication contexts suffices; the first one is asked for."""
    amr: tuple[Text, ...] = ()
    """Each of these methods must have been used: `mfa`, `hwk`."""
    acrs: tuple[Text, ...] = ()
    """Each of these Conditional Access contexts must be met (Entra)."""
    roles_claim: Text = "roles"
    """The claim that lists roles or groups."""
    skew: Annotated[Duration, Field(le=timedelta(minutes=5))] = timedelta(seconds=5)
    """How far the provider's clock may be off."""

    @model_validator(mode="after")
    def _proves_something(self) -> "Login":
        if not (self.acr or self.amr or self.acrs):
            raise ValueError("a login proves a second factor only by acr, amr or acrs; name at least one")
        return self


class SecondFactors(Section):
    """Enrolment and reset."""

    administrators: tuple[RoleName, ...] = ()
    """Roles that confirm what somebody enrolled, and take it away. Without any, the host's command line alone does:
    good for a trial, and told by `portcullis doctor`."""
    cool_off: Duration = timedelta(hours=24)
    """So long after its enrolment a second factor approves nothing for an environment of kind production."""
    code_lasts: PositiveDuration = timedelta(hours=1)
    """How long the one-use code from the host's command line can be used."""
    login: Login | None = None
    """What a login has to prove. Without it no login is accepted as a second factor."""
