"""A policy is read whole or refused with every problem, its line and what was probably meant."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from bot.domain.calendar import Verdict
from bot.domain.calendar.lint import lint
from bot.domain.freeze import UNTIL_LIFTED
from bot.gates import GATES as REAL_GATES
from bot.policy import Monitor, Policy, PolicyError, json_schema, load, parse
from bot.policy.difference import differences
from bot.policy.document import as_json, read
from bot.policy.references import ChecklistName, EnvironmentName
from bot.policy.types import PositiveDuration, Section

CONTRACT = Path(__file__).parents[3] / "shared" / "policy-contract.yaml"


class InEnvironment(Section):
    """Looks at another environment."""

    environment: EnvironmentName = Field(alias="in")


class Soak(InEnvironment):
    """Waits."""

    duration: PositiveDuration = Field(alias="for")


class Vulnerabilities(Section):
    """Counts."""

    forbid: tuple[Literal["critical", "high"], ...] = ("critical",)
    scanned_within: PositiveDuration = timedelta(days=7)


class Tag(Section):
    """Matches."""

    tag: str = ".*"
    forbid_tags: tuple[str, ...] = ()


class Green(Section):
    """Lists environments."""

    environments: tuple[EnvironmentName, ...]


class Ticket(Section):
    """Matches."""

    pattern: str


class Checklist(Section):
    """Names a checklist."""

    name: ChecklistName


class Plain(BaseModel):
    """A model that does not inherit from Section is checked as well."""

    model_config = {"extra": "forbid"}


GATES: Mapping[str, type[BaseModel]] = {
    "staging-verified": InEnvironment,
    "soak": Soak,
    "vulnerabilities": Vulnerabilities,
    "immutable-artifact": Tag,
    "calendar": Plain,
    "no-open-incident": Plain,
    "environments-green": Green,
    "rollback-target": Plain,
    "ticket": Ticket,
    "checklist": Checklist,
}

POLICY = """\
version: 1
organization: acme
timezone: Europe/Berlin
slack: {channels: {approvals: deployments, incidents: fire, announcements: news}}
people:
  ada: {slack: U01ADA, github: Ada-L, email: ada@acme.example}
  bo: {slack: U02BO, oidc: subject-7}
roles:
  engineer: {people: "*"}
  lead: {people: [ada], all_of: {github_team: acme/approvers, oidc_role: Deploy.Lead}}
  sre: {on_call: primary}
services:
  checkout:
    image: registry.acme.example/checkout
    deployer: {command: {start: [./deploy.sh, "{digest}"], timeout: 10m}}
environments:
  production:
    kind: production
    promotes_from: staging
    gates:
      soak: {in: staging, for: 1h}
      immutable-artifact: {}
      calendar:
    approval:
      seats: [{role: lead}, {role: [engineer, sre], count: 2}]
      minimum: 2
      exclude: [requester, bo, sre]
    break_glass: {seats: [{role: sre}], requires: [incident-ticket], bypasses: [calendar, soak]}
    rollout:
      steps: [50, 100]
      analysis: [{name: errors, query: rate, fail_above: 1}]
    verification: [{name: first, for: 5m, checks: [health, errors, api]}]
    monitors:
      - {name: api, http: {url: "https://acme.example/health"}}
      - {name: file, file: status/production, stale_after: 15m}
      - {name: job, heartbeat: {every: 1h}}
    severity: P0
    owner: lead
  staging: {kind: staging, gates: {immutable-artifact: {}}, approval: {minimum: 0}}
calendar:
  windows:
    - {name: day, environments: [production], start: "0 10 * * MON-FRI", until: "14:00", effect: prefer}
  restrictions:
    - {name: night, start: "0 22 * * *", for: 8h}
  holidays:
    - {country: DE, subdivision: BE, effect: discourage}
  freezes:
    - {name: year-end, from: 2026-12-20, to: 2027-01-02T06:00, reason: Quiet}
on_call:
  primary: {rotation: {people: [ada, bo], handoff: "0 9 * * MON"}}
escalation:
  - {notify: [on_call: primary, person: ada]}
  - {notify: [channel: incidents, channel: news], within: 10m}
checklists:
  before:
    - {item: Plan written, gate: rollback-target}
    - {item: Told, attest: engineer}
contacts: {primary: ada}
"""


LAST_YEARS = datetime(2094, 6, 1, tzinfo=UTC)


def policy(text: str = POLICY, base: Path = Path("/nowhere")) -> Policy:
    return parse(text, "policy.yaml", GATES, base)


def problems(text: str, base: Path = Path("/nowhere")) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy(text, base)
    return str(caught.value).splitlines()


def line_of(part: str) -> int:
    return POLICY[: POLICY.index(part)].count("\n") + 1


def test_a_policy_is_typed_throughout() -> None:
    read_policy = policy()
    production = read_policy.environments["production"]
    assert list(read_policy.environments) == ["production", "staging"]
    assert list(production.gates) == ["soak", "immutable-artifact", "calendar"]
    assert production.gates["soak"] == Soak(**{"in": "staging", "for": timedelta(hours=1)})
    assert [(seat.role, seat.count) for seat in production.approval.seats] == [
        (("lead",), 1),
        (("engineer", "sre"), 2),
    ]
    assert production.approval.expires == timedelta(hours=24)
    assert read_policy.severities["P0"] == timedelta(minutes=5)
    assert read_policy.slack.channels.incidents == "fire"
    deployer = read_policy.services["checkout"].deployer
    assert deployer is not None
    assert deployer.command is not None
    assert deployer.command.start == ("./deploy.sh", "{digest}")
    rotation = read_policy.on_call["primary"].rotation
    assert rotation is not None
    assert (rotation.people, rotation.zone.key) == (("ada", "bo"), "Europe/Berlin")
    monitors: dict[str, Monitor] = {each.name: each for each in production.monitors}
    assert [each.kind for each in monitors.values()] == ["http", "file", "heartbeat"]
    assert (monitors["api"].every, monitors["job"].every) == (timedelta(seconds=30), None)
    assert read_policy.roles["lead"].live_sources == ("github_team acme/approvers", "oidc_role Deploy.Lead")


@pytest.mark.requirement("P12")
def test_the_calendar_of_a_policy_is_compiled_in_its_zone() -> None:
    calendar = policy().calendar

    def verdict(text: str, environment: str = "production") -> Verdict:
        return calendar.at(datetime.fromisoformat(text), environment=environment, service="checkout").verdict

    assert verdict("2026-07-07T10:00+02:00") is Verdict.PREFERRED
    assert verdict("2026-07-07T09:59+02:00") is Verdict.PROHIBITED
    assert verdict("2026-07-07T09:59+02:00", "staging") is Verdict.ALLOWED
    assert verdict("2026-07-07T22:00+02:00", "staging") is Verdict.PROHIBITED
    assert verdict("2026-05-01T12:00+02:00", "staging") is Verdict.DISCOURAGED  # Labour Day
    assert verdict("2026-12-19T20:00+01:00", "staging") is Verdict.ALLOWED
    assert verdict("2027-01-02T05:59+01:00", "staging") is Verdict.PROHIBITED


def test_people_are_found_by_any_identity() -> None:
    read_policy = policy()
    assert (read_policy.person_by_slack("U02BO") or ("",))[0] == "bo"
    assert (read_policy.person_by_github("ada-l") or ("",))[0] == "ada"
    assert (read_policy.person_by_email("ADA@acme.example") or ("",))[0] == "ada"
    assert (read_policy.person_by_oidc("subject-7") or ("",))[0] == "bo"
    assert read_policy.person_by_slack("U99") is None
    assert read_policy.after("production") == ("staging",)


MISTAKES = [
    (
        "timezone: Europe/Berlin",
        "timezone: Europe/Berln",
        "'Europe/Berln' is not an IANA time zone; did you mean 'Europe/Berlin'?",
    ),
    ("timezone: Europe/Berlin", "timezone: CEST", "'CEST' is not an IANA time zone; write a place, such as"),
    (
        "timezone: Europe/Berlin",
        "timezone: UTC+2",
        "'UTC+2' is not an IANA time zone; write a place, such as",
    ),
    ("timezone: Europe/Berlin", "timezone: localtime", "is not an IANA time zone"),
    (
        "timezone: Europe/Berlin",
        f"timezone: {'A/' * 1000}B",
        f"timezone: '{'A/' * 20}…' is not an IANA time zone; no name of one is that long",
    ),
    ("timezone: Europe/Berlin", "timezone: ../../etc/passwd", "is not an IANA time zone"),
    ("version: 1", "version: 2", "2 is not one of 1"),
    ("organization: acme", "organisation: acme", "unknown key 'organisation'; did you mean 'organization'?"),
    ("bo: {slack: U02BO", "bo: {slack: U01ADA", "people.bo.slack: slack 'U01ADA' is already ada's"),
    ("bo: {slack: U02BO", "bo: {slack: bo", "does not have the form"),
    ("people: [ada], all", "people: [adda], all", "there is no person 'adda'; did you mean 'ada'?"),
    (
        "on_call: primary}\n",
        "on_call: primry}\n",
        "there is no on-call rotation 'primry'; did you mean 'primary'?",
    ),
    ('engineer: {people: "*"}', "engineer: {}", "nobody can hold this role"),
    ('engineer: {people: "*"}', "engineer: {people: all}", "'all' is not one of *"),
    ("timeout: 10m", "timeout: 10", "10 is not a duration"),
    ("start: [./deploy.sh", "strt: [./deploy.sh", "unknown key 'strt'; did you mean 'start'?"),
    ("{command: {start", '{webhook: {url: "ftp://x"}, command: {start', "'ftp://x' is not a web address"),
    ("kind: production", "kind: prodution", "'prodution' is not one of production"),
    (
        "promotes_from: staging",
        "promotes_from: stagin",
        "there is no environment 'stagin'; did you mean 'staging'?",
    ),
    (
        "promotes_from: staging",
        "promotes_from: production",
        "promotion runs in a circle: production from production",
    ),
    (
        "soak: {in: staging",
        "soak: {in: stagin",
        "environments.production.gates.soak.in: there is no environment 'stagin'; did you mean 'staging'?",
    ),
    ("for: 1h}", "fr: 1h}", "unknown key 'fr'; did you mean 'for'?"),
    ("soak: {in", "soack: {in", "there is no gate 'soack'; did you mean 'soak'?"),
    ("      calendar:", "      calendar: {x: 1}", "unknown key 'x'; nothing is set here"),
    ("[{role: lead}, {role", "[{role: leed}, {role", "there is no role 'leed'; did you mean 'lead'?"),
    ("count: 2", "count: two", "expected a whole number, not 'two'"),
    ("count: 2", "count: true", "expected a whole number, not true"),
    ("exclude: [requester", "exclude: [requestor", "did you mean 'requester'?"),
    (
        "bypasses: [calendar",
        "bypasses: [calender",
        "production has no gate 'calender' to bypass; did you mean 'calendar'?",
    ),
    (
        "bypasses: [calendar",
        "bypasses: [immutable-artifact",
        "break-glass never bypasses 'immutable-artifact'",
    ),
    ("bypasses: [calendar", "bypasses: [rollback-target", "break-glass never bypasses 'rollback-target'"),
    ("steps: [50, 100]", "steps: [50, 25]", "ascend and end with 100"),
    ("fail_above: 1}", "fail_above: 1, warn_above: 2}", "the bound that warns lies above the one that fails"),
    (
        "checks: [health, errors",
        "checks: [health, erors",
        "there is no check 'erors'; did you mean 'errors'?",
    ),
    ("- {name: file, file", "- {name: api, file", "there is another monitor named 'api'"),
    ("heartbeat: {every: 1h}", "pulse: {every: 1h}", "a monitor has exactly one of http"),
    ("heartbeat: {every: 1h}", "hartbeat: {every: 1h}", "prometheus; did you mean 'heartbeat'?"),
    ("stale_after: 15m", "stale_after: 0s", "a duration of zero has no meaning"),
    ("stale_after: 15m", "stale_after: 15m, every: 2", ".every: 2 is not a duration; write it with its unit"),
    ("stale_after: 15m", "stale_after: 15m, evry: 2m", ".evry: unknown key 'evry'; did you mean 'every'?"),
    ("severity: P0", "severity: P9", "there is no severity 'P9'; known here: P0, P1"),
    ("owner: lead", "owner: led", "there is no role or person 'led'; did you mean 'lead'?"),
    ('"0 10 * * MON-FRI"', '"0 0 30 2 *"', "never fires"),
    ('"0 10 * * MON-FRI"', '"0 10 * * MON-Freitag"', "'FREITAG' is not a day of the week; write FRI"),
    ('"0 10 * * MON-FRI"', '"0 10 * MAI *"', "'MAI' is not a month; write one of JAN, FEB, MAR, APR, MAY,"),
    ('"0 10 * * MON-FRI"', '"0 10am * * *"', "'10AM' is not an hour"),
    ('"0 10 * * MON-FRI"', '"10:00"', "has 1 field; write five"),
    ('"0 10 * * MON-FRI"', '"59/15 * * * *"', "single value"),
    ("timeout: 10m}", "shift: [./deploy.sh]}", "shift has to be told how far: name {percent}"),
    ('"0 10 * * MON-FRI"', '"* * * * *"', "more than 288 times a day"),
    ('until: "14:00"', 'until: "2pm"', "is not an end; write it like 14:00, 24:00 or MON 00:00"),
    ('until: "14:00"', "until: 14", '14 is not an end; write it in quotes, like "14:00"'),
    ('until: "14:00"', "until: 14.30", '14.3 is not an end; write it in quotes, like "14:00"'),
    ('until: "14:00"', "until: true", "true is not an end"),
    ('until: "14:00"', "until: [14, 15]", "a list is not an end"),
    ('until: "14:00"', 'until: "6:00"', "an hour has two digits, like 06:00"),
    ('until: "14:00"', "until: MON 6:00", "an hour has two digits, like 06:00"),
    ('until: "14:00"', 'until: "14:00", for: 1h', "exactly one of until"),
    ("for: 8h}", "for: 400d}", "at most 366 days"),
    ("for: 8h}", "environments: []}", "this is empty: write at least one entry"),
    ("name: night", "name: day", "there is another calendar rule named 'day'"),
    (
        "country: DE, subdivision: BE",
        "country: DE, subdivision: XX",
        "DE has no subdivision 'XX'; its codes are",
    ),
    ("to: 2027-01-02T06:00", "to: 2026-12-20", "it ends (2026-12-20) no later than it begins (2026-12-20)"),
    ("country: DE,", "country: Germany,", "'Germany' is not a country; write its ISO code in capitals"),
    ("country: DE,", "country: de,", "'de' is not a country; write its ISO code in capitals, like DE"),
    ("to: 2027-01-02T06:00", "to: 20270102", "20270102 is not a date or a time; write it like 2026-11-23"),
    ("from: 2026-12-20", "from: 0001-01-01", "0001-01-01 does not lie between the years 1900 and 9998"),
    (
        "from: 2026-12-20",
        "from: 0001-01-01T00:00:00+14:00",
        "from: 0001-01-01T00:00:00+14:00 does not lie between the years 1900 and 9998; a freeze without an end ends on",
    ),
    ("from: 2026-12-20", "from: 9999-12-31", "from: 9999-12-31 does not lie between the years 1900 and 9998"),
    ("to: 2027-01-02T06:00", "to: 1899-12-31", "to: 1899-12-31 does not lie between the years 1900 and 9998"),
    ("to: 2027-01-02T06:00", "to: [1]", "a list is not a date or a time"),
    ("subdivision: BE", "days: [{date: 24, name: x}]", "24 is not a day; write it like 2026-12-24, or 12-24"),
    ("to: 2027-01-02T06:00", "to: 2027-02-30", "'2027-02-30' is not a date or a time"),
    ("from: 2026-12-20, to: 2027-01-02T06:00", "ics: missing.ics", "there is no file missing.ics"),
    ("from: 2026-12-20, to: 2027-01-02T06:00", "ics: 'ftp://x/y.ics'", "https, http or webcal addresses"),
    (
        "people: [ada, bo], handoff",
        "people: [ada, bob], handoff",
        "there is no person 'bob'; did you mean 'bo'?",
    ),
    ('handoff: "0 9 * * MON"', 'handoff: "* * * * *"', "fires more than hourly"),
    ('handoff: "0 9 * * MON"', 'handoff: "0 9 * * MON", starts: 9999-12-31', "cannot start after 2096"),
    (
        "on_call: primary, person: ada]",
        "on_call: primry, person: ada]",
        "there is no on-call rotation 'primry'",
    ),
    ("channel: news", "channel: newz", "there is no channel 'newz'; did you mean 'news'?"),
    ("gate: rollback-target", "gate: rolback-target", "there is no gate 'rolback-target'"),
    ("attest: engineer", "attest: enginer", "there is no role 'enginer'"),
    ("contacts: {primary: ada}", "contacts: {primary: eve}", "there is no person 'eve'"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES, ids=[wrong for _, wrong, _ in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_what_was_meant(right: str, wrong: str, message: str) -> None:
    assert POLICY.count(right) >= 1
    told = problems(POLICY.replace(right, wrong, 1))
    assert any(each.startswith(f"policy.yaml:{line_of(right)}: ") and message in each for each in told), told


def test_every_problem_is_reported_at_once() -> None:
    apart = [
        ("timezone: Europe/Berlin", "timezone: Europe/Berln"),
        ("soak: {in: staging", "soak: {in: stagin"),
        ("count: 2", "count: two"),
        ('"0 10 * * MON-FRI"', '"0 0 30 2 *"'),
        ("name: night", "name: day"),
        ("people: [ada, bo], handoff", "people: [ada, bob], handoff"),
        ("contacts: {primary: ada}", "contacts: {primary: eve}"),
    ]
    text = POLICY
    for right, wrong in apart:
        text = text.replace(right, wrong, 1)
    told = problems(text)
    assert [int(each.split(":")[1]) for each in told] == [line_of(right) for right, _ in apart]


def test_a_file_that_cannot_be_read_is_a_problem_too(tmp_path: Path) -> None:
    for name, content in {"binary.yaml": b"a: \xff\n", "huge.yaml": b"#" * 2_000_000}.items():
        (tmp_path / name).write_bytes(content)
    for name in ("missing.yaml", "binary.yaml", "huge.yaml", "."):
        with pytest.raises(PolicyError) as caught:
            load(tmp_path / name, GATES)
        assert len(caught.value.problems) == 1


def test_the_digest_names_the_meaning_and_not_the_layout(tmp_path: Path) -> None:
    assert policy("# a comment\n" + POLICY).digest == policy().digest
    assert policy(POLICY.replace("count: 2", "count: 1")).digest != policy().digest
    before, staging, after = POLICY.partition("  staging: {kind")
    line, _, rest = after.partition("\n")
    reordered = before.replace("environments:\n", f"environments:\n{staging}{line}\n", 1) + rest
    assert list(policy(reordered).environments) == ["staging", "production"]
    assert policy(reordered).digest != policy().digest
    (tmp_path / "f.ics").write_text(ICS)
    with_file = POLICY.replace("from: 2026-12-20, to: 2027-01-02T06:00", "ics: f.ics")
    first = policy(with_file, tmp_path).digest
    (tmp_path / "f.ics").write_text(ICS.replace("20261224", "20261225"))
    assert policy(with_file, tmp_path).digest != first


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    "to",
    [
        "9999-01-01",
        "9999-12-31",
        "9999-12-31T12:00",
        "9999-12-31T23:59:00-12:00",
        "9999-12-31T23:59:59+14:00",
    ],
)
def test_a_freeze_to_the_year_9999_has_no_end(to: str) -> None:
    frozen = policy(POLICY.replace("to: 2027-01-02T06:00", f"to: {to}"))
    (rule,) = (rule for rule in frozen.calendar.rules if rule.name == "year-end")
    assert [span.end for span in rule.source.spans(LAST_YEARS, UNTIL_LIFTED)] == [UNTIL_LIFTED]
    at = frozen.calendar.at(LAST_YEARS, environment="staging")
    assert [each.until for each in at.rules if each.name == "year-end"] == [None]
    found = lint(frozen.calendar, environments=[*frozen.environments], services=[], now=LAST_YEARS)
    assert ("freeze-past", "year-end") not in {(each.code, each.rule) for each in found}


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    "edges", ["from: 1900-01-01, to: 9998-12-31T23:59:00-12:00", "from: 9998-12-30, to: 9998-12-31"]
)
def test_a_freeze_of_the_first_and_last_years_is_like_any_other(edges: str) -> None:
    frozen = policy(POLICY.replace("from: 2026-12-20, to: 2027-01-02T06:00", edges))
    at = frozen.calendar.at(LAST_YEARS, environment="staging")
    assert ("year-end" in {each.name for each in at.rules}) is edges.startswith("from: 1900")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_an_own_day_of_the_first_and_last_year_is_no_crash(day: str) -> None:
    far = policy(
        POLICY.replace("subdivision: BE", f"subdivision: BE, days: [{{date: {day}, name: Far}}]")
    ).calendar
    for year in (1972, 2026, 2096):
        at = datetime(year, 6, 1, tzinfo=UTC)
        assert far.at(at, environment="staging").at == at
        assert lint(far, environments=["staging"], services=[], now=at) is not None


ICS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//acme//freezes//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
SUMMARY:Holidays
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261227
RRULE:FREQ=YEARLY
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
SUMMARY:Migration
DTSTART:20260707T100000
DURATION:PT2H
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTAMP:20260101T000000Z
SUMMARY:Called off
STATUS:CANCELLED
DTSTART:20260708T100000Z
DTEND:20260708T120000Z
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.requirement("P6")
def test_an_icalendar_file_freezes_whole_days_and_hours(tmp_path: Path) -> None:
    (tmp_path / "f.ics").write_text(ICS)
    calendar = policy(
        POLICY.replace("from: 2026-12-20, to: 2027-01-02T06:00", "ics: f.ics"), tmp_path
    ).calendar

    def answer(text: str) -> tuple[str, str | None]:
        found = calendar.at(datetime.fromisoformat(text), environment="staging")
        return found.verdict.value, next(
            (each.reason for each in found.rules if each.name == "year-end"), None
        )

    assert answer("2027-12-24T00:00+01:00") == ("prohibited", "Holidays")
    assert answer("2027-12-26T21:59+01:00") == ("prohibited", "Holidays")
    assert answer("2027-12-27T12:00+01:00") == ("allowed", None)
    assert answer("2026-07-07T10:00+02:00") == ("prohibited", "Migration")  # floating: the policy's zone
    assert answer("2026-07-07T12:00+02:00") == ("allowed", None)
    assert answer("2026-07-08T13:00+02:00") == ("allowed", None)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("FREQ=YEARLY", "FREQ=SECONDLY", "recurs SECONDLY"),
        ("FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "do not exist"),
        ("FREQ=YEARLY", "FREQ=DAILY;BYHOUR=1,2,3", "several times a day"),
        ("DURATION:PT2H\n", "", "has no length"),
        (
            "DTSTART:20260707T100000",
            "DTSTART;TZID=Mars/Olympus:20260707T100000",
            "unknown time zone Mars/Olympus",
        ),
        ("DTSTART:20260707T100000", f"DTSTART;TZID={'A/' * 1000}B:20260707T100000", "unknown time zone A/A/"),
        ("DTSTART:20260707T100000", "DTSTART:soon", "event 'Migration'"),
        ("BEGIN:VCALENDAR", "Dear all,", "not a usable calendar"),
        ("PRODID", "X-PADDING:" + "x" * 1_100_000 + "\nPRODID", "more than"),
    ],
)
def test_an_icalendar_file_that_cannot_be_used_is_a_problem(
    tmp_path: Path, right: str, wrong: str, words: str
) -> None:
    (tmp_path / "f.ics").write_text(ICS.replace(right, wrong, 1))
    (told,) = problems(POLICY.replace("from: 2026-12-20, to: 2027-01-02T06:00", "ics: f.ics"), tmp_path)
    assert words in told


def test_the_least_a_policy_needs_is_a_version_a_zone_and_an_environment() -> None:
    least = policy("version: 1\ntimezone: UTC\nenvironments: {production: {}}\n")
    assert least.environments["production"].kind == "production"
    assert least.environments["production"].gates == {}
    assert least.environments["production"].approval.minimum == 1
    assert len(problems("people: {}\n")) == 3
    assert problems("- a\n- b\n") == ["policy.yaml:1: expected a mapping of keys to values, not a list"]


def test_the_schema_accepts_the_policy_and_refuses_its_mistakes() -> None:
    schema = json_schema(GATES)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    document = as_json(read(POLICY.replace("      calendar:\n", "      calendar: {}\n"), "policy.yaml").plain)
    assert [error.message for error in validator.iter_errors(document)] == []
    assert isinstance(document, dict)
    for section, key in [("environments", "production"), ("people", "ada")]:
        wrong = copy.deepcopy(document)
        wrong[section][key]["colour"] = "blue"  # type: ignore[index,call-overload]
        assert list(validator.iter_errors(wrong)) != []
    assert "description" in str(schema["$defs"])


def test_two_policies_differ_path_by_path() -> None:
    changed = (
        POLICY.replace("minimum: 2", "minimum: 3")
        .replace("    severity: P0\n", "")
        .replace("name: night, start", "name: dusk, start")
        .replace('start: "0 10', 'start: "0 11')
    )
    found = [(each.path, each.added, each.removed) for each in differences(policy(), policy(changed))]
    assert found == [
        ("environments.production.approval.minimum", False, False),
        ("environments.production.severity", False, True),
        ("calendar.windows.day.start", False, False),
        ("calendar.restrictions.night", False, True),
        ("calendar.restrictions.dusk", True, False),
    ]
    assert differences(policy(), policy("# again\n" + POLICY)) == []


def test_the_contract_is_a_valid_policy(tmp_path: Path) -> None:
    if not CONTRACT.is_file():
        pytest.skip(f"the contract is not beside this checkout: {CONTRACT.name}")
    (tmp_path / "freezes.ics").write_text(ICS)
    real = {name: gate.parameters for name, gate in REAL_GATES.items()}
    contract = parse(CONTRACT.read_text(), "policy.yaml", real, tmp_path)
    found = contract.calendar.at(
        datetime(2026, 11, 26, 16, tzinfo=UTC), environment="production", service="checkout"
    )
    assert (found.verdict, found.break_glass) == (Verdict.PROHIBITED, True)
    assert list(contract.environments) == ["production", "staging", "dev"]
    assert [each.kind for each in contract.environments["production"].monitors] == [
        "http",
        "file",
        "command",
        "heartbeat",
        "alertmanager",
    ]
