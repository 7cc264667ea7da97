"""What of our own secrets a program may have found, and must not repeat: by value, since it chooses its words itself."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from bot.logs import SECRET_KEY

SHORTEST: Final = 6
"""Characters; what is shorter stands in too many other words."""
OWN: Final = re.compile(
    r"(?:PORTCULLIS|SLACK)_\w*(?:KEYS?|TOKENS?|SECRETS?|CREDENTIALS|WEBHOOKS|(?:ALIVE|SMTP|DATABASE)_URL)"
)
"""The variables of ours that hold secrets, several of them or an address that is one."""


def secrets_in(environ: Mapping[str, str], passed: Iterable[str] = ()) -> set[str]:
    """Every value that may not be shown: those `passed` on by name, which may be secrets whatever they look like, those
    whose name says so, line by line (a key has many), each secret inside one of our own settings, and the password of
    every address."""
    found: set[str] = set()
    named = {*passed, *(name for name in environ if SECRET_KEY.search(name))}
    for name, value in environ.items():
        if name in named:
            found |= {line.strip() for line in value.splitlines()}
        if OWN.fullmatch(name):
            found |= set(parts_of(value))
        elif "://" in value:
            found |= set(_password(value))
    return {each for each in found if len(each) >= SHORTEST}


def parts_of(value: str) -> Iterator[str]:
    """The secrets inside one setting: the whole, each of its lines, the right side of each `name=value` pair, the
    password of a `user:password` and of an address, as written and as meant."""
    yield from (line.strip() for line in value.splitlines())
    for word in re.split(r"[\s,]+", value):
        yield word
        _, pair, right = word.partition("=")
        given = right if pair else word
        yield given
        if "://" in given:
            yield from _password(given)
        else:
            yield given.rpartition(":")[2]


def _password(address: str) -> Iterator[str]:
    try:
        password = urlsplit(address).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
