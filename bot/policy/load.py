"""From a file to a policy, or to every problem it has."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, JsonValue, ValidationError

from bot.domain.canonical import digest_of
from bot.policy.calendar_section import compiled, feeds
from bot.policy.document import LARGEST_POLICY, Document, Plain, as_json, mapping_at, read, value_at
from bot.policy.environments import REGISTRY
from bot.policy.freeze_section import BASE, ICS, ZONE
from bot.policy.ics import IcsFile
from bot.policy.monitors import KINDS
from bot.policy.on_call import SEVERITIES, OnCall
from bot.policy.policy import Policy, PolicyFile
from bot.policy.problems import PolicyError, Problem, sentence
from bot.policy.references import NAMES
from bot.policy.states import findings_in_all_states, in_force
from bot.policy.types import zone as zone_named

Gates = Mapping[str, type[BaseModel]]
_KINDS = frozenset(each.kind for each in KINDS)


def load(path: Path, gates: Gates) -> Policy:
    """Read a policy file. `gates` are the parameter models of the known gates, by name.

    Raises:
        PolicyError: with every problem of the file; one that cannot be read is a problem too.

    """
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST_POLICY + 1)
        if len(content) > LARGEST_POLICY:
            raise PolicyError([Problem(str(path), 1, f"the file has more than {LARGEST_POLICY} bytes")])
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise PolicyError([Problem(str(path), 1, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PolicyError([Problem(str(path), line, "is not UTF-8 text")]) from error
    return parse(text, str(path), gates, path.parent)


def parse(text: str, name: str, gates: Gates, base: Path) -> Policy:
    """Read a policy from text. `name` stands for the file in problems; files it names are sought under `base`.

    Raises:
        PolicyError: with every problem of the text.

    """
    document = read(text, name)
    files: dict[str, IcsFile] = {}
    context: dict[str, object] = {
        NAMES: _names(document.plain, gates),
        REGISTRY: gates,
        BASE: base,
        ICS: files,
        ZONE: _zone(document.plain),
    }
    problems = [
        _problem(document, name, path, message) for path, message in findings_in_all_states(document.plain)
    ]
    try:
        read_file = PolicyFile.model_validate(document.plain, context=context)
    except ValidationError as error:
        problems += [
            _problem(document, name, _untagged(each["loc"]), sentence(PolicyFile, each))
            for each in error.errors(include_url=False)
        ]
        raise PolicyError(problems) from error
    if problems:
        raise PolicyError(problems)
    return _policy(read_file, document.plain, files, base / Path(name).name)


def _problem(document: Document, file: str, location: tuple[str | int, ...], message: str) -> Problem:
    where = ".".join(str(part) for part in document.present(location))
    return Problem(file, document.line(location), f"{where}: {message}" if where else message)


def _untagged(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Without the kind that pydantic puts after a monitor's number: it is a key of the monitor as well, and what
    follows it does not stand in there."""
    for index in range(2, len(location)):
        list_, number, tag = location[index - 2 : index + 1]
        if list_ == "monitors" and isinstance(number, int) and tag in _KINDS:
            return (*location[:index], *location[index + 1 :])
    return location


def _names(plain: Plain, gates: Gates) -> dict[str, frozenset[str]]:
    """The names that references may point at, taken from the document before it is validated."""
    sections = ("environments", "services", "roles", "people", "checklists", "on_call")
    names = {section: frozenset(mapping_at(plain, section)) for section in sections}
    names["gates"] = frozenset(gates)
    names["severities"] = frozenset(mapping_at(plain, "severities") or SEVERITIES)
    names["exclusions"] = (
        frozenset({"requester", "commit-authors", "dispatcher"}) | names["roles"] | names["people"]
    )
    return names


def _zone(plain: Plain) -> ZoneInfo | None:
    name = value_at(plain, "timezone")
    try:
        return zone_named(name) if isinstance(name, str) else None
    except ValueError:
        return None  # the field itself reports it


def _policy(read_file: PolicyFile, plain: Plain, files: Mapping[str, IcsFile], source: Path) -> Policy:
    zone = ZoneInfo(read_file.timezone)
    document: dict[str, JsonValue] = {
        "policy": as_json(plain),
        "files": {name: file.digest for name, file in files.items()},
        "order": list(read_file.environments),  # it means something, and the canonical form sorts it away
    }
    return Policy(
        version=read_file.version,
        organization=read_file.organization,
        timezone=read_file.timezone,
        zone=zone,
        state=read_file.state,
        slack=read_file.slack,
        people=read_file.people,
        roles=read_file.roles,
        services=read_file.services,
        state_change=read_file.state_change,
        environments=in_force(read_file.environments, read_file.state),
        written=read_file.environments,
        calendar=compiled(read_file.calendar, zone, files),
        feeds=tuple(feeds(read_file.calendar, zone)),
        calendar_section=read_file.calendar,
        on_call={name: OnCall.of(section, zone) for name, section in read_file.on_call.items()},
        escalation=read_file.escalation,
        severities=read_file.severities,
        incidents=read_file.incidents,
        monitoring=read_file.monitoring,
        components=read_file.components,
        status_page=read_file.status_page,
        targets=read_file.targets,
        second_factors=read_file.second_factors,
        checklists=read_file.checklists,
        contacts=read_file.contacts,
        digest=digest_of(document),
        document=document,
        source=source,
    )
