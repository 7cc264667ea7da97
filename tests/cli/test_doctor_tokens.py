"""`portcullis doctor` of API tokens: what each is for, hints for those that could be for less, and monitors of
which none may tell."""

import pytest

from tests.cli.conftest import Host
from tests.cli.test_doctor import lines

A, B = "hunter2-hunter2-a", "hunter2-hunter2-b"
WIDE = (
    "may do everything: open gates by evidence, keep heartbeats alive, play Alertmanager; say in "
    "PORTCULLIS_API_TOKENS what each is for, as in {}:evidence+read=…"
)
MONITORS = "    monitors:\n"
BEAT = f"{MONITORS}      - {{name: nightly, heartbeat: {{every: 1h}}}}\n"
ALERTS = f"{MONITORS}      - {{name: alerts, alertmanager: {{matchers: {{environment: dev}}}}}}\n"


def told(host: Host, monkeypatch: pytest.MonkeyPatch, tokens: str, monitor: str = MONITORS) -> str:
    """What is said of these tokens, where every environment has this monitor."""
    monkeypatch.setenv("PORTCULLIS_HTTP_PORT", "0")
    monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", "http://127.0.0.1:1/api/")
    monkeypatch.setenv("PORTCULLIS_API_TOKENS", tokens)
    path = host.folder / "policy.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(MONITORS, monitor), encoding="utf-8")
    ended = host.call("doctor")
    assert "hunter2" not in ended.out + ended.err
    word, text = lines(ended.out)["API tokens"]
    assert word == "ok", "a hint is no fault"
    return text


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("", "none: nobody posts evidence, and no program reports or reads anything"),
        (f"ci={A}", "ci (everything)"),
        (f"ci:read+evidence={A} am:alerts={B}", "ci (evidence read), am (alerts)"),
        (f"ci={A} am:alerts={B}", f"hint: ci {WIDE.format('ci')}. There are ci (everything), am (alerts)"),
        (f"ci={A} am={B}", f"hint: ci, am {WIDE.format('ci')}. There are ci (everything), am (everything)"),
    ],
)
def test_a_token_of_everything_is_hinted_at_where_there_is_another_one(
    host: Host, monkeypatch: pytest.MonkeyPatch, tokens: str, text: str
) -> None:
    assert told(host, monkeypatch, tokens) == text


@pytest.mark.parametrize("monitor", [BEAT, ALERTS])
def test_a_token_of_everything_is_hinted_at_where_less_would_do(
    host: Host, monkeypatch: pytest.MonkeyPatch, monitor: str
) -> None:
    text = told(host, monkeypatch, f"ci={A}", monitor)
    assert text == f"hint: ci {WIDE.format('ci')}. There are ci (everything)"
    assert told(host, monkeypatch, f"ci:heartbeats+alerts={A}") == "ci (heartbeats alerts)"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("bakcup", "the policy has none of this name"),
        ("nowhere/nightly", "the policy has none of this name"),
        ("api", "the policy's monitor of this name is no heartbeat"),
        ("nightly", "several environments have one; write heartbeat/ENVIRONMENT/NAME"),
    ],
)
def test_a_heartbeat_that_nobody_can_report_is_hinted_at(
    host: Host, monkeypatch: pytest.MonkeyPatch, place: str, why: str
) -> None:
    text = told(host, monkeypatch, f"job:heartbeat/{place}+heartbeat/production/nightly={A}", BEAT)
    assert text.startswith(f"hint: job is for heartbeat/{place}, and {why}. There are job (")


NEVER = (
    "environments.production: no token may tell of the {} monitor {}: UNKNOWN for good, and what waits for it stays shut; "
    "add one to PORTCULLIS_API_TOKENS, such as {}"
)


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(
    ("monitor", "tokens", "text"),
    [
        (BEAT, "", NEVER.format("heartbeat", "nightly", "cron:heartbeat/production/nightly=…")),
        (ALERTS, "", NEVER.format("alertmanager", "alerts", "am:alerts=…")),
        (ALERTS, f"ci:heartbeats+evidence+read={A}", NEVER.format("alertmanager", "alerts", "am:alerts=…")),
        (ALERTS, f"am:alerts={A}", None),
        (BEAT, f"ci:alerts={A}", NEVER.format("heartbeat", "nightly", "cron:heartbeat/production/nightly=…")),
        (BEAT, f"ci:heartbeats={A}", None),
        (BEAT, f"ci={A}", None),
        # Several environments have one of this name: the short address opens nothing, the long one opens one.
        (BEAT, f"c:heartbeat/nightly={A}", NEVER.format("heartbeat", "nightly", "cron:heartbeat/production/nightly=…")),
    ],
)  # fmt: skip
def test_a_monitor_that_can_never_be_told_of_is_wrong(
    host: Host, monkeypatch: pytest.MonkeyPatch, monitor: str, tokens: str, text: str | None
) -> None:
    told(host, monkeypatch, tokens, monitor)
    out = host.call("doctor").out.splitlines()
    if text is None:
        assert "ok    told monitors: each has a token that may tell of it" in out
    else:
        assert f"WRONG told monitors: {text}" in out


def test_a_token_of_one_heartbeat_tells_of_that_one_alone(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(host, monkeypatch, f"c:heartbeat/production/nightly={A}", BEAT)
    wrong = [line for line in host.call("doctor").out.splitlines() if line.startswith("WRONG told monitors")]
    assert wrong
    assert not [line for line in wrong if "environments.production:" in line]
