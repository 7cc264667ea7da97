"""The documents say what is so: settings, commands, policies, links and scopes in them are those of the code."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from bot import cli
from bot.__main__ import main
from bot.flows.reload_policy import load_policy
from bot.ports import Factors
from bot.settings import Settings, read_settings
from handlers.http.app import QUIET, build_http
from handlers.http.context import HttpContext
from handlers.http.evidence import Posted
from handlers.slack import help as commands
from tests.test_settings import GOOD, put

ROOT = Path(__file__).resolve().parent.parent
GENERATED = frozenset({"requirements.md"})
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.name not in GENERATED
}
OPERATIONS = PAGES["operations.md"]
SETTING = re.compile(r"^\| `((?:SLACK|PORTCULLIS)_\w+)` \| (.+?) \| (.+?) \| ?(.*?) ?\|$", re.MULTILINE)
SETTINGS = {row[1]: row for row in SETTING.finditer(OPERATIONS)}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPOKEN = re.compile(r"/(deploy|env|oncall) ([a-z][a-z-]*)")
LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
HEAD = """\
version: 1
timezone: America/New_York
people: {ada: {slack: U01ADA}, bo: {slack: U02BO}}
roles: {platform-lead: {people: [ada]}, release-manager: {people: [bo]}, vp-engineering: {people: [bo]}}
services: {checkout: {}}
"""
PLACES = "environments: {production: {gates: {immutable-artifact: {}}}}\n"
FOR_GLASS = "gates: {calendar: {}, soak: {in: production}, environments-green: {environments: [production]}, no-open-incident: {}, rollback-target: {}}"


def variables() -> dict[str, object]:
    """Every setting by the name of its variable, with what holds where it is not set."""
    found = {}
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or name.upper())
        required = field.default is PydanticUndefined and field.default_factory is None
        found[variable] = PydanticUndefined if required else field.get_default(call_default_factory=True)
    return found


# Settings


def test_every_setting_is_explained_and_no_other() -> None:
    assert set(SETTINGS) == set(variables())


@pytest.mark.parametrize("name", sorted(variables()))
def test_what_holds_where_a_setting_is_unsaid_is_told(name: str) -> None:
    value, told = variables()[name], SETTINGS[name][3]
    if value is PydanticUndefined or name == "SLACK_SIGNING_SECRET":
        assert told.startswith("**needed**")
    elif value is None or value in ((), {}):
        assert told == "none"
    else:
        assert told == f"`{value}`"


@pytest.mark.parametrize(
    "name", sorted(n for n, row in SETTINGS.items() if row[4] and "…" not in row[4] and "(" not in row[4])
)
def test_every_example_of_a_setting_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    login = {"PORTCULLIS_OIDC_ISSUER": "https://id.example.com", "PORTCULLIS_OIDC_CLIENT_ID": "portcullis"}
    together = login if name in login else {}
    put(monkeypatch, tmp_path, {**GOOD, **together, name: SETTINGS[name][4].strip("`")})
    read_settings()


# The first steps


def test_the_first_steps_work_in_an_empty_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but those that need Slack: `doctor` and `run`."""
    put(monkeypatch, tmp_path, {})
    steps = OPERATIONS.partition("## From nothing")[2].partition("\n## ")[0]
    settings = re.search(r"^SLACK_BOT_TOKEN=.*?(?=^```)", steps, re.MULTILINE | re.DOTALL)
    smallest = re.search(r"```yaml\n(version: 1\n.*?)```", PAGES["policy.md"], re.DOTALL)
    addition = re.search(r"```yaml\n(second_factors:.*?)```", steps, re.DOTALL)
    assert settings is not None
    assert smallest is not None
    assert addition is not None
    lines = [line.partition(" #")[0].strip() for line in settings[0].splitlines()]
    secret = "k2WpX9v_Qe7Zr4Lt8Ym1Bn6Cs3Dh5Fj0"
    (tmp_path / ".env").write_text("\n".join(lines).replace("…", secret), encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(smallest[1] + addition[1], encoding="utf-8")
    commands_there = re.findall(r"^portcullis (.*)$", steps, re.MULTILINE)
    assert commands_there == ["policy check", "db upgrade", "doctor", "run", "enroll ada"]
    for line in commands_there:
        if line not in ("doctor", "run"):
            assert main(shlex.split(line)) == 0, line
    told = capsys.readouterr().out
    assert "One-use code for ada" in told
    assert "confirm-factor" not in told


# The world outside


def test_the_proxy_lets_through_what_the_world_needs_and_every_route_is_one_or_the_other() -> None:
    rule = re.search(r"^location ~ (\S+) \{$", OPERATIONS, re.MULTILINE)
    assert rule is not None
    routes = {resource.canonical for resource in site().router.resources()}
    public = {path for path in routes if re.match(rule[1], path)}
    inside = {
        path for path in routes - public if not path.startswith("/status/static/")
    }  # with /status, or not
    assert inside == set(QUIET)
    assert {"/slack/events", "/calendar.ics"} <= public


def site() -> web.Application:
    """The application with its pages; nobody asks it anything."""

    async def events(_request: object) -> None: ...

    context = HttpContext.__new__(HttpContext)
    object.__setattr__(context, "factors", Factors(codes=None, pages="https://portcullis.example.com"))
    return build_http(context, events)


def test_the_scopes_are_those_of_the_manifest() -> None:
    manifest = YAML(typ="safe", pure=True).load(ROOT / "manifest.yml")
    table = OPERATIONS.partition("| scope | for |")[2].partition("\n\n")[0]
    told = {
        scope for line in table.splitlines() for scope in re.findall(r"`([\w:.]+)`", line.partition(" | ")[0])
    }
    assert told == set(manifest["oauth_config"]["scopes"]["bot"])


# Commands


def typed() -> Iterator[tuple[str, str]]:
    """Each command line of `portcullis` with the page that has it, in a block of its own or within a sentence."""
    for page, text in PAGES.items():
        blocks = [block for kind, block in FENCED.findall(text) if kind == "sh"]
        lines = [line for block in blocks for line in block.splitlines() if line.startswith("portcullis ")]
        for line in (*lines, *re.findall(r"`(portcullis [^`]+)`", FENCED.sub("", text))):
            yield page, line


@pytest.mark.parametrize(("page", "line"), sorted(set(typed())))
def test_every_command_line_is_understood(page: str, line: str) -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    for add_parser in cli.parsers():
        add_parser(verbs)
    words = shlex.split(re.split(r" [>|#] ?", line)[0])[1:]
    if len(words) == 1 and words[0] in verbs.choices:
        return  # a sentence may speak of a verb as such
    parser.parse_args(words)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_slash_command_is_one_that_is_registered(page: str) -> None:
    unknown = {
        f"/{command} {sub}"
        for command, sub in SPOKEN.findall(PAGES[page])
        if sub not in commands.COMMANDS[f"/{command}"]
    }
    assert unknown == set()


def test_every_command_of_people_stands_in_some_document() -> None:
    everything = "\n".join(PAGES.values())
    named = set(SPOKEN.findall(everything))
    assert {sub for sub in commands.DEPLOY if ("deploy", sub) not in named} <= {
        "status",
        "why",
        "cancel",
        "start",
    }


def test_the_statement_of_ci_is_accepted() -> None:
    body = re.search(r"-d '(\{.*?\})'", OPERATIONS, re.DOTALL)
    assert body is not None
    Posted.model_validate_json(body[1].replace("sha256:…", "sha256:" + "0" * 64))


# Policies


def policies() -> Iterator[tuple[str, str]]:
    for page in ("operations.md", "second-factors.md", "break-glass.md"):
        for kind, block in FENCED.findall(PAGES[page]):
            if kind == "yaml":
                yield page, block


@pytest.mark.parametrize(("page", "block"), list(policies()))
def test_every_policy_loads(tmp_path: Path, page: str, block: str) -> None:
    path = tmp_path / "policy.yaml"
    if block.startswith("environments:"):
        block = block.replace("  production:\n", f"  production:\n    {FOR_GLASS}\n", 1)
    else:
        block = PLACES + block
    path.write_text(HEAD + block, encoding="utf-8")
    load_policy(path)


# The house


MODULE = re.compile(
    r"`((?:bot|handlers|storage|sandbox|flows|jobs|adapters|gates)/[\w/]*\w)(?:\.(?!py)(\w+))?(?:\.py)?`"
)


def places() -> list[tuple[str, str]]:
    """Modules, and what is in them, by which the architecture explains itself."""
    return [found for found in MODULE.findall(PAGES["architecture.md"]) if "NAME" not in found[0]]


@pytest.mark.parametrize(("module", "name"), sorted(set(places())))
def test_every_module_that_the_architecture_names_is_there(module: str, name: str) -> None:
    path = ROOT / (
        module if module.partition("/")[0] in ("bot", "handlers", "storage", "sandbox") else f"bot/{module}"
    )
    file = path.with_suffix(".py")
    assert path.is_dir() or file.exists()
    if name:
        text = (path / f"{name}.py" if path.is_dir() else file).read_text(encoding="utf-8")
        assert path.is_dir() or re.search(
            rf"^(?:async )?(?:def|class) {name}\b|^{name}\b", text, re.MULTILINE
        )


# Links


def anchors(text: str) -> set[str]:
    plain = FENCED.sub("", text)
    titles = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def documents() -> list[Path]:
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    ]


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    lost = []
    for link in LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            lost.append(link)
    assert lost == []


def test_the_readme_fits_a_screen() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 40
