"""users.* and usergroups.*: the people of the workspace."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.api.registry import Call, method
from sandbox.shapes import ApiError, Json
from sandbox.workspace import Person, Usergroup


@method("users.info", "users:read", reads_json=False)
def users_info(call: Call) -> Json:
    """One person, or the app itself."""
    bot = call.world.workspace.bot
    if call.get("user") == bot.user_id:
        return {"user": _bot(call)}
    return {"user": _wire(call, call.person())}


@method("users.list", "users:read", reads_json=False)
def users_list(call: Call) -> Json:
    """Everyone, the app included."""
    everyone = [_wire(call, person) for person in call.world.workspace.people]
    return call.page([*everyone, _bot(call)], "members")


@method("users.lookupByEmail", "users:read.email", reads_json=False)
def lookup_by_email(call: Call) -> Json:
    """The person with this address."""
    wanted = call.need("email").lower()
    person = next((one for one in call.world.workspace.people if one.email.lower() == wanted), None)
    if person is None:
        raise ApiError("users_not_found")
    return {"user": _wire(call, person)}


@method("usergroups.list", "usergroups:read")
def usergroups_list(call: Call) -> Json:
    """All groups, with their people where `include_users` asks."""
    with_users = call.flag("include_users")
    return {
        "usergroups": [_group(call, one, with_users=with_users) for one in call.world.workspace.usergroups]
    }


@method("usergroups.users.list", "usergroups:read")
def usergroup_users(call: Call) -> Json:
    """The ids of a group's people."""
    wanted = call.need("usergroup")
    group = next((one for one in call.world.workspace.usergroups if one.id == wanted), None)
    if group is None:
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}


def _wire(call: Call, person: Person) -> Json:
    """A user object; has_2fa is never told to a bot, and email only with users:read.email."""
    offset = datetime.now(ZoneInfo(person.tz)).utcoffset()
    profile: Json = {
        "real_name": person.real_name,
        "display_name": person.name,
        "title": person.title,
        "team": call.world.workspace.team.id,
    }
    if call.world.app.scopes is None or "users:read.email" in call.world.app.scopes:
        profile["email"] = person.email
    return {
        "id": person.id,
        "team_id": call.world.workspace.team.id,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": False,
        "tz": person.tz,
        "tz_label": person.tz,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "profile": profile,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
    }


def _bot(call: Call) -> Json:
    bot = call.world.workspace.bot
    return {
        "id": bot.user_id,
        "team_id": call.world.workspace.team.id,
        "name": bot.name,
        "real_name": bot.name,
        "deleted": False,
        "tz": "UTC",
        "tz_offset": 0,
        "profile": {
            "real_name": bot.name,
            "display_name": bot.name,
            "bot_id": bot.bot_id,
            "api_app_id": bot.app_id,
        },
        "is_bot": True,
        "is_app_user": False,
    }


def _group(call: Call, group: Usergroup, *, with_users: bool) -> Json:
    body: Json = {
        "id": group.id,
        "team_id": call.world.workspace.team.id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "user_count": len(group.users),
    }
    return {**body, "users": list(group.users)} if with_users else body
