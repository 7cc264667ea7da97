"""Writes the files that the bot keeps (K3, K7): whole or not at all, and nowhere but below the policy's folder."""

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

LIMIT_S: Final = 5.0
"""Seconds that one file may take: a file system that hangs must not hold up the others for ever."""
_THREADS: Final = 4  # one that hangs keeps its thread; the loop is not among them
_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class StatusWriter:
    """Replaces files. A reader sees the old file or the new one, and after a power cut as well."""

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="status-writer")
        self._under_way: dict[Path, asyncio.Future[bool]] = {}

    async def write(self, folder: Path, relative: str, content: bytes) -> None:
        """Write `content` to `relative`, below `folder`; folders that are not there yet are made.

        Raises OSError: a symlink anywhere below `folder` is refused (ELOOP), and so is whatever is no regular file and
        a path that climbs out (EINVAL). TimeoutError, which is one, where it takes too long: what became of it then is
        not known.
        """
        await self._put(folder, relative, content, again=True)

    async def write_changed(self, folder: Path, relative: str, content: bytes) -> bool:
        """The same where the file does not hold this very content already; whether it was written."""
        return await self._put(folder, relative, content, again=False)

    async def _put(self, folder: Path, relative: str, content: bytes, *, again: bool) -> bool:
        parts = relative.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise OSError(errno.EINVAL, "the path leaves the folder of the policy")
        place = folder / relative
        before = self._under_way.get(place)
        if before is not None and not before.done():  # two at a time would take each other's half for a whole
            raise TimeoutError(errno.ETIMEDOUT, "the writing before this one has not come to an end")
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(self._pool, _write, folder, parts, content, again)
        self._under_way[place] = writing
        done, _ = await asyncio.wait([writing], timeout=self._limit_s)
        if not done:
            raise TimeoutError(errno.ETIMEDOUT, f"it was not written within {self._limit_s:g} s")
        del self._under_way[place]
        return writing.result()

    async def close(self) -> None:
        """Waits for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _write(folder: Path, parts: list[str], content: bytes, again: bool) -> bool:
    *folders, name = parts
    with _opened(folder, folders) as place:
        if _replaceable(name, place) and not again and _holds(name, place, content):
            return False
        fresh = f".{name}.new"
        with contextlib.suppress(FileNotFoundError):  # left behind by a process that was killed
            os.unlink(fresh, dir_fd=place)
        try:
            _fill(os.open(fresh, _FRESH, _MODE, dir_fd=place), content)
            os.rename(fresh, name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(fresh, dir_fd=place)
            raise
        os.fsync(place)  # or the new name could be lost with the power
    return True


@contextlib.contextmanager
def _opened(folder: Path, folders: list[str]) -> Iterator[int]:
    """The folder at the end of the way, each step opened from the one before: nobody can swap one for a symlink."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folders:
            inner = _entered(name, place)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


def _entered(name: str, place: int) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _FOLDER_MODE, dir_fd=place)
    if stat.S_ISLNK(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
        raise OSError(errno.ELOOP, "a folder on the way is a symlink")
    return os.open(name, _FOLDER, dir_fd=place)


def _replaceable(name: str, place: int) -> bool:
    """Whether there is a file to replace. Raises OSError for whatever is none."""
    try:
        kind = os.stat(name, dir_fd=place, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(kind):
        raise OSError(errno.ELOOP, "the file is a symlink")
    if not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, "there is something else than a regular file")
    return True


def _holds(name: str, place: int, content: bytes) -> bool:
    """Whether the file holds exactly this. What took its place meanwhile, and what cannot be read, does not."""
    try:
        with os.fdopen(os.open(name, _LOOK, dir_fd=place), "rb") as file:
            return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(len(content) + 1) == content
    except OSError:
        return False


def _fill(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
