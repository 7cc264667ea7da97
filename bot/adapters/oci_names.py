"""Reads image names as Docker writes them, and says where such an image's registry is asked."""

import ipaddress
import re
from dataclasses import dataclass

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_LONGEST_PATH = 255
_LARGEST_PORT = 65_535
_DOCKER = frozenset({"docker.io", "index.docker.io"})
_DOCKER_HOST = "registry-1.docker.io"


class MalformedImage(ValueError):  # noqa: N818 -- it names what was found
    """The text is not an image name without tag and digest."""


@dataclass(frozen=True, slots=True)
class Image:
    """`host` with its port, if one is named, and the repository's `path` in it."""

    host: str
    path: str


def image_named(text: str) -> Image:
    """The image that `text` names: `host[:port]/path`, or Docker Hub's short forms. Raises MalformedImage."""
    first, slash, rest = text.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        host, path = first, rest
    else:
        host, path = "docker.io", text
    if host.lower() in _DOCKER:
        host = _DOCKER_HOST
        path = path if "/" in path else f"library/{path}"
    port = re.search(r":(\d+)$", host)
    if port and int(port[1]) > _LARGEST_PORT:
        raise MalformedImage("no such port")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or len(path) > _LONGEST_PATH:
        raise MalformedImage("not an image name")
    return Image(host.lower(), path)


def is_loopback(host: str) -> bool:
    """Whether `host` (without port) is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
