"""What may be made to go wrong, for tests of the app: each fault is armed for a number of times."""

from dataclasses import dataclass, field

from sandbox.shapes import Json, Refused

API_FAULTS = frozenset({"429", "500", "hang", "ok_false", "reset_after_accept"})
DELIVERY_FAULTS = frozenset({"drop_ack", "deliver_twice"})
IMMEDIATE_FAULTS = frozenset({"close_socket"})
KINDS = API_FAULTS | DELIVERY_FAULTS | IMMEDIATE_FAULTS


@dataclass(slots=True, kw_only=True)
class Fault:
    """One armed fault. `method` limits it to a Web API method, or to a payload's kind or name."""

    kind: str
    method: str | None = None
    times: int = 1
    details: Json = field(default_factory=dict)


class Faults:
    """All armed faults, first armed first taken."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, kind: str, *, method: str | None, times: int, details: Json) -> None:
        """Arm a fault; raises Refused for an unknown kind or fewer than one time."""
        if kind not in KINDS:
            raise Refused(f"no such fault: {kind}; there are {', '.join(sorted(KINDS))}")
        if times < 1:
            raise Refused("a fault happens at least once")
        self._armed.append(Fault(kind=kind, method=method, times=times, details=details))

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def take(self, kinds: frozenset[str], names: frozenset[str]) -> Fault | None:
        """The first armed fault of these kinds for one of these names, used up by one."""
        for fault in self._armed:
            if fault.kind in kinds and (fault.method is None or fault.method in names):
                fault.times -= 1
                if fault.times == 0:
                    self._armed.remove(fault)
                return fault
        return None

    def as_json(self) -> list[Json]:
        """What is armed now."""
        return [
            {"kind": one.kind, "method": one.method, "times": one.times, **one.details} for one in self._armed
        ]
