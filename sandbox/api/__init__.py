"""The Web API's methods, one file per family; importing this package registers them all."""

from sandbox.api import basics, chat, conversations, directory, views
from sandbox.api.registry import METHODS, Call, Method

__all__ = ["METHODS", "Call", "Method", "basics", "chat", "conversations", "directory", "views"]
