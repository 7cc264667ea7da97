"""What attacks on incidents, pages and monitors are tried on: the world of the flows, and everybody outside it."""

from tests.flows.conftest import empty_installation, the_audit_trail_is_intact_afterwards, world
from tests.handlers.paging.conftest import o, still

__all__ = ["empty_installation", "o", "still", "the_audit_trail_is_intact_afterwards", "world"]
