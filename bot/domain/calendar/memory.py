"""A bounded memory that makes each thing once, whichever thread asks first, and forgets what was asked least lately."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Made = TypeVar("_Made")


class Memory(Generic[_Key, _Made]):
    """Things by key. What is made must follow from its key, since it may be forgotten and made again."""

    def __init__(
        self, most: int, *, weigh: Callable[[_Made], int] | None = None, heaviest: int | None = None
    ) -> None:
        """Keep at most `most` things, which `weigh` no more than `heaviest` together; the last one always."""
        self._most = most
        self._weigh = weigh
        self._heaviest = heaviest
        self._weight = 0
        self._lock = Lock()
        self._kept: OrderedDict[_Key, _Once[_Made]] = OrderedDict()

    def get(self, key: _Key, make: Callable[[], _Made]) -> _Made:
        """What was made for the key, or is made now. While one thread makes it, others that want it wait for it."""
        with self._lock:
            once = self._kept.get(key)
            if once is None:
                once = self._kept[key] = _Once()
                self._forget()
            else:
                self._kept.move_to_end(key)
        if once.made is not None:
            return once.made[0]
        # Outside the lock, so that what takes long to make delays only those who want this very thing.
        made = once.get(make)
        if self._weigh is not None:
            self._put_on_the_scales(key, once, self._weigh(made))
        return made

    def knows(self, key: _Key) -> bool:
        """Whether it is made already, so that to get it now takes no time."""
        with self._lock:
            once = self._kept.get(key)
            return once is not None and once.made is not None

    def has_room(self, more: int) -> bool:
        """Whether so many more things like those that are kept would push none of them out."""
        with self._lock:
            count = len(self._kept)
            fits = self._heaviest is None or self._weight * (count + more) <= self._heaviest * max(count, 1)
            return fits and count + more <= self._most

    def __len__(self) -> int:
        return len(self._kept)

    def _put_on_the_scales(self, key: _Key, once: "_Once[_Made]", weight: int) -> None:
        with self._lock:
            if self._kept.get(key) is once and once.weight == 0:  # it may be forgotten, or weighed by another
                once.weight = weight
                self._weight += weight
                self._forget()

    def _forget(self) -> None:
        while len(self._kept) > self._most or (
            self._heaviest is not None and self._weight > self._heaviest and len(self._kept) > 1
        ):
            self._weight -= self._kept.popitem(last=False)[1].weight


class _Once(Generic[_Made]):
    """One thing that is made at its first use. Where making it fails, the next who asks tries again."""

    __slots__ = ("_lock", "made", "weight")

    def __init__(self) -> None:
        self._lock = Lock()
        self.made: tuple[_Made] | None = None
        self.weight = 0

    def get(self, make: Callable[[], _Made]) -> _Made:
        if self.made is None:
            with self._lock:
                if self.made is None:
                    self.made = (make(),)
        return self.made[0]
