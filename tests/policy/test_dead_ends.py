"""A policy that loads and leads nowhere is told by `policy check`, each place in one line."""

from pathlib import Path

import pytest

from bot.policy.dead_ends import DeadEnds, dead_ends

TEXT = """\
version: 1
services: {checkout: {}, pages: {}}
roles: {lead: {github_team: acme/leads}}
environments:
  production:
    gates: {calendar: {}}
    approval: {seats: [{role: lead}]}
    rollout: {restarts_for: 5m}
    monitors:
      - {name: api, component: backend, http: {url: "https://acme.example/api"}}
"""
SEATS = "    approval: {seats: [{role: lead}]}\n"


def found(tmp_path: Path, *changes: tuple[str, str]) -> DeadEnds:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return dead_ends(path)


@pytest.mark.parametrize(
    ("approval", "line", "place"),
    [
        ("", 5, "environments.production"),
        ("    approval: {seats: []}\n", 7, "environments.production.approval"),
        ("    approval: {minimum: 1}\n", 7, "environments.production.approval.minimum"),
        ("    approval: {seats: [], minimum: 3}\n", 7, "environments.production.approval.minimum"),
        (
            SEATS + "    when_state: {pre-production: {approval: {minimum: 2}}}\n",
            8,
            "environments.production.when_state.pre-production.approval.minimum",
        ),
    ],
)
def test_approval_that_nobody_can_give_is_told_at_its_place(
    tmp_path: Path, approval: str, line: int, place: str
) -> None:
    (problem,) = found(tmp_path, (SEATS, approval)).problems
    assert (problem.line, problem.message.partition(": ")[0]) == (line, place)
    assert "`approval: {seats: [], minimum: 0}` where nobody has to" in problem.message


@pytest.mark.parametrize(
    "change",
    [
        (SEATS, SEATS),
        (SEATS, "    approval: {seats: [], minimum: 0}\n"),
        (SEATS, "    approval: {minimum: 0}\n"),
        ("    gates: {calendar: {}}\n" + SEATS, ""),  # nothing passes without gates, so nobody is asked
        ("services: {checkout: {}, pages: {}}\n", ""),  # a policy that is asked about its calendar alone
    ],
)
def test_what_can_be_approved_or_needs_nobody_is_no_dead_end(tmp_path: Path, change: tuple[str, str]) -> None:
    if not change[0].startswith("services"):
        assert found(tmp_path, change) == DeadEnds((), ())
    else:
        assert found(tmp_path, change, (SEATS, "")).problems == ()


@pytest.mark.requirement("F9")
def test_a_monitor_without_a_component_is_hinted_at_where_several_services_may_restart(
    tmp_path: Path,
) -> None:
    nameless = ("component: backend, ", "")
    (hint,) = found(tmp_path, nameless).hints
    assert (hint.line, hint.message.partition(": ")[0]) == (10, "environments.production.monitors.0")
    assert found(tmp_path, nameless, (", pages: {}", "")).hints == ()
    assert found(tmp_path, nameless, ("    rollout: {restarts_for: 5m}\n", "")).hints == ()


@pytest.mark.parametrize(
    ("new", "place", "said"),
    [
        ('http: {url: "http://127.0.0.1:8080/api"}', "http.url", "127.0.0.1 is in a private network"),
        ('http: {url: "http://[::1]/api"}', "http.url", "::1 is in a private network"),
        ('http: {url: "http://localhost/api"}', "http.url", "localhost is in a private network"),
        ("tcp: {host: 10.0.0.7, port: 5432}", "tcp.host", "10.0.0.7 is in a private network"),
        (
            "command: [skills/verfy.sh, now]",
            "command.0",
            "there is no file skills/verfy.sh beside the policy",
        ),
    ],
)
def test_a_monitor_that_can_never_be_read_is_hinted_at(
    tmp_path: Path, new: str, place: str, said: str
) -> None:
    (hint,) = found(tmp_path, ('http: {url: "https://acme.example/api"}', new)).hints
    assert hint.message.startswith(f"environments.production.monitors.0.{place}: {said}")
    assert hint.line == 10


@pytest.mark.parametrize(
    "new",
    [
        'http: {url: "http://127.0.0.1:8080/api", allow_private: true}',
        "tcp: {host: 192.0.43.8, port: 5432}",
        "command: [skills/verify.sh]",
        "command: [sh, skills/verfy.sh]",
    ],
)
def test_what_can_be_read_or_run_is_no_hint(tmp_path: Path, new: str) -> None:
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "verify.sh").touch()
    assert found(tmp_path, ('http: {url: "https://acme.example/api"}', new)).hints == ()


def test_a_deployer_whose_program_is_not_there_is_hinted_at(tmp_path: Path) -> None:
    deployer = "{deployer: {command: {start: [./start.sh], status: [kubectl, get]}}}"
    (hint,) = found(tmp_path, ("checkout: {}", f"checkout: {deployer}")).hints
    assert hint.message.startswith("services.checkout.deployer.command.start.0: there is no file ./start.sh")


def test_a_component_that_is_nearly_a_declared_one_is_hinted_at(tmp_path: Path) -> None:
    declared = ("version: 1\n", "version: 1\ncomponents: {web: {}, backend: {}}\n")
    (hint,) = found(tmp_path, declared, ("component: backend", "component: webb")).hints
    assert hint.message.endswith("so it is one of its own; did you mean 'web'?")
    assert found(tmp_path, declared).hints == found(tmp_path, declared, ("backend, ", "queue, ")).hints == ()


PEOPLE = "people: {ana: {github: ana-x}, bo: {slack: U02BO}, cy: {email: cy@acme.example}}\n"
WEEKLY = 'handoff: "0 9 * * MON"'


@pytest.mark.parametrize(
    ("steps", "hinted"),
    [
        ("[{notify: [{channel: incidents}]}]", True),
        ("[{notify: [{channel: incidents}, {channel: ops}]}, {notify: [{person: bo}]}]", True),
        ("[{notify: [{channel: incidents}, {person: bo}]}]", False),
        ("[{notify: [{person: bo}]}, {notify: [{channel: incidents}]}]", False),
        ("[{notify: [{pagerduty: default}]}]", False),
        ("[{notify: [{webhook: siren}]}]", False),
    ],
)
def test_a_first_step_that_tells_a_channel_alone_is_hinted_at(
    tmp_path: Path, steps: str, hinted: bool
) -> None:
    hints = found(tmp_path, ("roles:", f"{PEOPLE}escalation: {steps}\nroles:")).hints
    assert [hint.message.partition(": ")[0] for hint in hints] == ["escalation.0.notify"] * hinted
    assert all("tells nobody but a channel" in hint.message for hint in hints)


@pytest.mark.parametrize(
    ("duty", "place"),
    [
        (f"rotation: {{people: [bo, ana, cy], {WEEKLY}}}", "on_call.primary.rotation.people.1"),
        (
            f"layers: [{{name: all, rotation: {{people: [ana], {WEEKLY}}}}}]",
            "on_call.primary.layers.0.rotation.people.0",
        ),
        (f"rotation: {{people: [bo, cy], {WEEKLY}}}", None),
        ("slack_usergroup: S0ANA", None),
    ],
)
def test_whoever_takes_a_turn_and_cannot_be_paged_is_hinted_at(
    tmp_path: Path, duty: str, place: str | None
) -> None:
    hints = found(tmp_path, ("roles:", f"{PEOPLE}on_call: {{primary: {{{duty}}}}}\nroles:")).hints
    assert [hint.message.partition(": ")[0] for hint in hints] == ([] if place is None else [place])
    assert all("ana has neither slack nor email" in hint.message for hint in hints)


MONITOR = 'http: {url: "https://acme.example/api"}'
SLOW = 'http: {url: "https://acme.example/api", slower_than: '


@pytest.mark.parametrize(
    ("monitor", "place", "said"),
    [
        (f"{SLOW}5s}}", "http.slower_than", "timeout is 5s"),
        (f"timeout: 2s, {SLOW}3s}}", "http.slower_than", "timeout is 2s"),
        ("tcp: {host: 192.0.43.8, port: 1, slower_than: 1m}", "tcp.slower_than", "timeout is 5s"),
        (f"timeout: 30s, {MONITOR}", "timeout", "every 30s one is due"),
        (f"timeout: 10s, every: 10s, {MONITOR}", "timeout", "every 10s one is due"),
        (f"every: 4s, {MONITOR}", "every", "one reading may take 5s"),
    ],
)
def test_limits_of_time_that_cannot_be_meant_are_hinted_at(
    tmp_path: Path, monitor: str, place: str, said: str
) -> None:
    (hint,) = found(tmp_path, (MONITOR, monitor)).hints
    assert hint.message.startswith(f"environments.production.monitors.0.{place}: ")
    assert said in hint.message


@pytest.mark.parametrize(
    "monitor",
    [
        f"{SLOW}4s}}",
        f"timeout: 9s, every: 10s, {MONITOR}",
        f"every: 5s, {MONITOR}",
        "timeout: 1h, heartbeat: {every: 5m}",
    ],
)
def test_limits_of_time_that_can_be_meant_are_no_hint(tmp_path: Path, monitor: str) -> None:
    assert found(tmp_path, (MONITOR, monitor)).hints == ()


EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/policy.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_lead_nowhere_in_nothing(path: Path) -> None:
    assert dead_ends(path) == DeadEnds((), ())
