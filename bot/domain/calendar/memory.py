"""A bounded memory that makes each thing once, whichever thread asks first, and forgets what was asked least lately."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Made = TypeVar("_Made")


class Memory(Generic[_Key, _Made]):
    """Things by key. What is made must follow from its key, since it may be forgotten and made again."""

    def __init__(self, most: int) -> None:
        """Keep at most `most` things."""
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[_Key, _Once[_Made]] = OrderedDict()

    def get(self, key: _Key, make: Callable[[], _Made]) -> _Made:
        """What was made for the key, or is made now. While one thread makes it, others that want it wait for it."""
        with self._lock:
            once = self._kept.get(key)
            if once is None:
                once = self._kept[key] = _Once()
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
        # Outside the lock, so that what takes long to make delays only those who want this very thing.
        return once.get(make)

    def __len__(self) -> int:
        return len(self._kept)


class _Once(Generic[_Made]):
    """One thing that is made at its first use. Where making it fails, the next who asks tries again."""

    __slots__ = ("_lock", "_made")

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: tuple[_Made] | None = None

    def get(self, make: Callable[[], _Made]) -> _Made:
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = (make(),)
        return self._made[0]
