"""The status page: one page for everybody who may see it, without scripts, and the same as JSON (F14, K7)."""

from aiohttp import web

from handlers.http.status import pages
from handlers.http.status.pages import PATHS

__all__ = ["PATHS", "add_routes"]


def add_routes(app: web.Application) -> None:
    """Register the page, its JSON and its style."""
    pages.add_routes(app)
