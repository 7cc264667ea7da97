"""What a rule of the calendar does to a deployment, and the verdict that follows (P12)."""

from enum import IntEnum, StrEnum


class Effect(IntEnum):
    """The lattice of effects, from the friendliest to the worst. The worst of all active ones decides."""

    PREFER = 0
    ALLOW = 1
    DISCOURAGE = 2
    PROHIBIT = 3

    @property
    def word(self) -> str:
        """The word a policy uses for it: `prefer`, `allow`, `discourage` or `prohibit`."""
        return self.name.lower()


class Verdict(StrEnum):
    """What the calendar answers about one instant."""

    PREFERRED = "preferred"
    ALLOWED = "allowed"
    DISCOURAGED = "discouraged"
    PROHIBITED = "prohibited"

    @classmethod
    def of(cls, effect: Effect) -> "Verdict":
        """The verdict for the worst effect in force."""
        return _VERDICTS[effect]


_VERDICTS = (Verdict.PREFERRED, Verdict.ALLOWED, Verdict.DISCOURAGED, Verdict.PROHIBITED)
