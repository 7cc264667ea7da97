"""What every part of the pretend GitHub speaks: JSON, and answers that are errors."""

from typing import Any

from aiohttp import web

Json = dict[str, Any]
DOCUMENTATION = "https://docs.github.com/rest"


class Problem(Exception):  # noqa: N818 - it is an answer
    """An answer other than 200, with GitHub's words for it."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(self) -> web.Response:
        """As it goes over the wire."""
        body = {"message": self.message, "documentation_url": DOCUMENTATION, "status": str(self.status)}
        return web.json_response(body, status=self.status, headers=self.headers)


def not_found() -> Problem:
    """What GitHub says of everything that is not there, and of everything that this token may not see."""
    return Problem(404, "Not Found")
