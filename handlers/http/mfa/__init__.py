"""Pages on our own origin, where a click in Slack becomes authority: a second factor bound to exactly one change."""

from aiohttp import web

from handlers.http.doors import NO_TOKEN, behind
from handlers.http.mfa import enrolling, guard, login, page, pages
from handlers.http.mfa.guard import is_page
from handlers.http.mfa.page import as_page, closed

__all__ = ["add_routes", "as_page", "closed", "is_page"]


def add_routes(app: web.Application) -> None:
    """Register every page; called only where a public address is configured."""
    own = behind(app, NO_TOKEN)
    own.get(guard.ROOT + "static/{version:[0-9a-f]{12}}/{name}", page.get_asset)
    pages.add_routes(app)
    login.add_routes(app)
    enrolling.add_routes(app)
