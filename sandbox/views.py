"""Modals and Home tabs: a stack of at most three views for each person, and one published Home."""

import secrets
import time
from dataclasses import dataclass, field

from sandbox.board import with_ids
from sandbox.changes import Changes
from sandbox.shapes import ApiError, Json
from sandbox.workspace import Workspace

STACK_LIMIT = 3


@dataclass(slots=True, kw_only=True)
class Shown:
    """One view on someone's screen. `body` is its wire form; `values` is what was filled in so far."""

    user: str
    body: Json
    values: dict[str, dict[str, Json]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The view's id."""
        return str(self.body["id"])


class Views:
    """All views of all people."""

    def __init__(self, changes: Changes, workspace: Workspace) -> None:
        self._changes = changes
        self._workspace = workspace
        self._stacks: dict[str, list[Shown]] = {}
        self._homes: dict[str, Shown] = {}

    def stack(self, user: str) -> list[Shown]:
        """The views open for someone, the top one last."""
        return self._stacks.setdefault(user, [])

    def top(self, user: str) -> Shown | None:
        """The view someone sees."""
        stack = self.stack(user)
        return stack[-1] if stack else None

    def home(self, user: str) -> Shown | None:
        """The Home tab published for someone."""
        return self._homes.get(user)

    def open(self, user: str, view: Json) -> Shown:
        """Open a modal in place of whatever stack there was."""
        self._claim_external_id(view)
        shown = self._make(user, view, root=None, previous=None)
        self._stacks[user] = [shown]
        self._changes.bump()
        return shown

    def push(self, user: str, view: Json) -> Shown:
        """Put a modal on top; raises push_limit_reached beyond three."""
        stack = self.stack(user)
        if not stack:
            raise ApiError("not_found")
        if len(stack) >= STACK_LIMIT:
            raise ApiError("push_limit_reached")
        self._claim_external_id(view)
        shown = self._make(user, view, root=stack[0].id, previous=stack[-1].id)
        stack.append(shown)
        self._changes.bump()
        return shown

    def find(self, view_id: str | None, external_id: str | None) -> Shown:
        """The open view or Home with this id; raises not_found."""
        shown = [*self._homes.values(), *(one for stack in self._stacks.values() for one in stack)]
        for one in shown:
            if view_id is not None and one.id == view_id:
                return one
            if external_id and one.body.get("external_id") == external_id:
                return one
        raise ApiError("not_found")

    def update(self, shown: Shown, view: Json, expected_hash: str | None = None) -> Shown:
        """Replace a view's content; raises hash_conflict where it changed since `expected_hash`."""
        self._expect(shown, expected_hash)
        kept = {key: shown.body[key] for key in ("id", "root_view_id", "previous_view_id")}
        shown.body = {**self._body(view), **kept}
        present = {block["block_id"] for block in shown.body["blocks"]}
        shown.values = {block: values for block, values in shown.values.items() if block in present}
        self._changes.bump()
        return shown

    def publish(self, user: str, view: Json, expected_hash: str | None) -> Shown:
        """Set someone's Home tab."""
        before = self._homes.get(user)
        if before is not None:
            return self.update(before, view, expected_hash)
        self._homes[user] = self._make(user, view, root=None, previous=None)
        self._changes.bump()
        return self._homes[user]

    def pop(self, user: str) -> Shown:
        """Take the top view away."""
        shown = self.stack(user).pop()
        self._changes.bump()
        return shown

    def clear(self, user: str) -> list[Shown]:
        """Take all of someone's modals away."""
        gone, self._stacks[user] = self.stack(user), []
        self._changes.bump()
        return gone

    def _expect(self, shown: Shown, expected_hash: str | None) -> None:
        if expected_hash and expected_hash != shown.body["hash"]:
            raise ApiError("hash_conflict")

    def _claim_external_id(self, view: Json) -> None:
        external = view.get("external_id")
        open_now = (one for stack in self._stacks.values() for one in stack)
        if external and any(one.body.get("external_id") == external for one in open_now):
            raise ApiError("duplicate_external_id")

    def _make(self, user: str, view: Json, *, root: str | None, previous: str | None) -> Shown:
        identity = f"V{secrets.token_hex(5).upper()}"
        ids = {"id": identity, "root_view_id": root or identity, "previous_view_id": previous}
        return Shown(user=user, body={**self._body(view), **ids})

    def _body(self, view: Json) -> Json:
        bot, team = self._workspace.bot, self._workspace.team
        return {
            "callback_id": "",
            "private_metadata": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "close": None,
            "submit": None,
            "title": None,
            **view,
            "blocks": with_ids(view["blocks"]),
            "state": {"values": {}},
            "hash": f"{int(time.time())}.{secrets.token_hex(4)}",
            "team_id": team.id,
            "app_id": bot.app_id,
            "app_installed_team_id": team.id,
            "bot_id": bot.bot_id,
        }
