"""One line of a checklist as the gate and the flows see it: what has to be so, and who says that it is."""

from dataclasses import dataclass

from bot.domain.canonical import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line (P18, F3): ticked by the gate of that name, or by a person who holds the role."""

    text: str
    gate: str | None = None
    role: str | None = None

    def __post_init__(self) -> None:
        if (self.gate is None) == (self.role is None):
            raise ValueError(f"{self.text!r} is ticked by exactly one of a gate and a role")

    @property
    def key(self) -> str:
        """A short name for the text, to put on a button."""
        return digest_of(self.text).removeprefix("sha256:")[:12]
