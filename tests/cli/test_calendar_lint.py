"""`portcullis calendar lint`: every oddity with its line, how much is left open, and bad input told with its line."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import SystemClock
from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.freeze import Freeze, FreezeClass
from storage import schema
from storage.ledger import Ledger

HERE = Path(__file__).parent / "contract_instants"
ODD = (HERE / "odd.yaml").read_text(encoding="utf-8")
EVERY_KIND = (HERE / "every_kind.yaml").read_text(encoding="utf-8")
NOW = "2026-11-21T12:00:00Z"


def lint(host: Any, text: str, *words: str) -> Any:
    (host.folder / "policy.yaml").write_text(text, encoding="utf-8")
    return host.call("calendar", "lint", "--now", NOW, *words)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.requirement("P12")
def test_each_oddity_is_told_with_the_line_it_stands_on(host: Any) -> None:
    ended = lint(host, ODD, "--json")
    assert (ended.status, ended.err, ended.json["ok"]) == (1, "", False)
    found = {(each["code"], each["rule"] or each["environment"]) for each in ended.json["findings"]}
    assert found >= {
        ("never-opens", "shut"),
        ("no-gate", "dev"),
        ("empty-occurrence", "gap"),
        ("skipped-start", "half"),
        ("doubled-start", "fold"),
        ("skipped-start", "stars"),
        ("skipped-end", "ends-in-gap"),
        ("elapsed-across-transition", "elapsed"),
        ("window-shadowed", "sundays"),
        ("never-fires", "leap"),
        ("covered", "saturday"),
        ("freeze-past", "old"),
    }
    for each in ended.json["findings"]:
        if each["rule"]:
            assert each["line"] == line_of(ODD, f"{{name: {each['rule']},")
        else:
            assert each["line"] == line_of(ODD, f"  {each['environment']}: {{kind")


def test_a_person_reads_one_sentence_a_line_and_the_coverage(host: Any) -> None:
    ended = lint(host, ODD)
    assert ended.status == 1
    lines = ended.out.splitlines()
    assert (
        "policy.yaml:18: grave: leap does not occur within 400 days, next on Tue 2028-02-29 00:00: it has no effect until "
        "then; correct its days, or take it out."
    ) in lines
    assert (
        "policy.yaml:17: grave: sundays opens nothing in shut: weekend prohibits at all of its times; move the window, or "
        "narrow what prohibits."
    ) in lines
    assert any(line.startswith("16 findings, 5 of them grave") for line in lines)
    numbers = [int(line.split(":")[1]) for line in lines if line.startswith("policy.yaml:")]
    assert numbers == sorted(numbers)
    assert "An average week of the 52 from Sat 2026-11-21 07:00 EST:" in lines
    assert "  staging can be deployed 168 h a week; prohibited never" in lines
    assert any(
        line.startswith("  dev can be deployed 0 h a week") and "no calendar gate" in line for line in lines
    )


@pytest.mark.requirement("P12")
def test_the_coverage_is_told_per_environment_and_per_service_with_rules_of_its_own(host: Any) -> None:
    text = EVERY_KIND.replace(
        "  restrictions:\n",
        '    - {name: web, services: [web], start: "0 0 * * SAT", until: "24:00"}\n  restrictions:\n',
    )
    rows = lint(host, text, "--json").json["coverage"]
    assert [(row["environment"], row["service"]) for row in rows] == [
        ("production", None),
        ("production", "checkout"),
        ("production", "web"),
        ("staging", None),
        ("staging", "checkout"),
        ("staging", "web"),
    ]
    production = rows[0]["hours_per_week"]
    assert production == {"preferred": 12.0, "allowed": 78.0, "discouraged": 30.0, "prohibited": 48.0}
    assert rows[3]["hours_per_week"]["prohibited"] == 168.0


def test_nothing_odd_is_exit_0(host: Any) -> None:
    text = EVERY_KIND[: EVERY_KIND.index("  freezes:")]
    ended = lint(host, text)
    assert ended.status == 0
    assert ended.out.splitlines()[0] == "nothing odd"
    assert lint(host, text, "--json").json["findings"] == []


def test_what_is_worth_knowing_alone_is_exit_0(host: Any) -> None:
    ended = lint(host, EVERY_KIND.replace("    - {name: closed", "    - {name: was"), "--json")
    codes = {each["code"]: each["grave"] for each in ended.json["findings"]}
    assert codes["freeze-past"] is False
    assert ended.status == (1 if any(codes.values()) else 0)


def test_the_zone_est_is_told_once_where_the_calendar_stands(host: Any) -> None:
    text = EVERY_KIND.replace("timezone: America/New_York", "timezone: EST")
    found = [each for each in lint(host, text, "--json").json["findings"] if each["code"] == "fixed-zone"]
    assert [(each["line"], each["grave"], each["facts"]["place"]) for each in found] == [
        (text.splitlines().index("calendar:") + 1, False, "America/New_York")
    ]


def test_a_policy_without_a_calendar_leaves_everything_open(host: Any) -> None:
    text = EVERY_KIND[: EVERY_KIND.index("calendar:\n  windows")]
    ended = lint(host, text)
    assert ended.status == 0
    assert "  production can be deployed 168 h a week; prohibited never" in ended.out.splitlines()


def test_a_calendar_behind_an_address_is_said_not_to_be_looked_into(host: Any) -> None:
    text = EVERY_KIND + '    - {name: company, ics: "https://calendar.invalid/secret/x.ics"}\n'
    ended = lint(host, text)
    assert "note: the freeze 'company' is fetched from an address" in ended.err
    assert "the file alone does not say when it is in force" in ended.err
    assert "calendar.invalid" not in ended.err + ended.out
    assert len(lint(host, text, "--json").json["missing"]) == 1


def declare(host: Any, *environments: str) -> None:
    """A hard freeze without an end stands in the ledger."""
    begins = datetime(2026, 11, 1, tzinfo=UTC)
    freeze = Freeze(
        id="FRZ-7",
        environments=environments,
        services=(),
        strength=FreezeClass.HARD,
        reason="x",
        begins_at=begins,
        ends_at=None,
        break_glass=True,
        declared_by=Actor(via="slack:T1/U1", person="ada"),
        declared_at=begins,
    )

    async def write() -> None:
        await schema.ensure(host.url)
        ledger = Ledger(host.url, SystemClock())
        try:
            await ledger.write(lambda tx: tx.freezes.put(freeze, Fact(type="freeze.declared")))
        finally:
            await ledger.close()

    asyncio.run(write())


def test_freezes_declared_in_slack_are_looked_at_with_the_ledger(host: Any) -> None:
    declare(host, "nowhere")
    ended = lint(host, EVERY_KIND, "--ledger")
    assert (
        "declared in Slack: grave: FRZ-7 applies to environments that do not exist (nowhere): it has no effect; "
        "correct the names."
    ) in ended.out.splitlines()


def test_beside_a_freeze_without_an_end_no_rule_of_the_file_looks_useless(host: Any) -> None:
    declare(host, "production")
    found = lint(host, EVERY_KIND, "--ledger").out.splitlines(), lint(host, EVERY_KIND).out.splitlines()
    beside, alone = ([line for line in each if line.startswith("policy.yaml")] for each in found)
    assert beside == alone != []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"0 10 * * TUE-THU"', '"0 0 30 2 *"', "never fires: no month has such a day"),
        ('"0 10 * * TUE-THU"', '"59/15 * * * *"', "59/15"),
        ('"0 10 * * TUE-THU"', '"0 5-1 * * *"', "5-1"),
        ('"0 10 * * TUE-THU"', '"0 0 10 * * TUE"', "five"),
        ('"0 10 * * TUE-THU"', '"@fortnightly"', "@fortnightly"),
        ('"0 10 * * TUE-THU"', '"* * * * *"', "more than 288 times a day"),
        ('"0 10 * * TUE-THU"', '"0 24 * * *"', "24"),
        ('until: "14:00"', 'until: "25:00"', "25:00"),
        ('until: "14:00"', 'until: "14:00", for: 4h', "exactly one of until"),
        ('until: "14:00"', "reason: none", "exactly one of until"),
        ('until: "14:00"', "for: 0h", "longer than nothing"),
        ('until: "14:00"', 'until: "14:00", timezone: Mars/Olympus', "Mars/Olympus"),
        ("effect: prefer}", "effect: prohibit}", "prefer, allow"),
        ("environments: [production], start", "environments: [prod], start", "prod"),
    ],
)
@pytest.mark.parametrize("verb", ["policy check", "calendar lint", "calendar list"])
def test_bad_input_is_one_clear_error_with_its_line(
    host: Any, verb: str, before: str, after: str, message: str
) -> None:
    assert before in EVERY_KIND
    (host.folder / "policy.yaml").write_text(EVERY_KIND.replace(before, after, 1), encoding="utf-8")
    edges = ["--from", "now", "--to", "now"] if verb.endswith("list") else []
    ended = host.call(*verb.split(), *edges)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"policy.yaml:{line_of(EVERY_KIND, before)}: calendar.windows.0")
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            'freezes: [{name: backwards, from: "2026-12-01", to: "2026-11-23"}]',
            "it ends (2026-11-23) no later than it begins (2026-12-01)",
        ),
        ('freezes: [{name: empty, from: "2026-12-01", to: "2026-12-01"}]', "no later than it begins"),
        ('freezes: [{name: half, from: "2026-12-01"}]', "both from and to"),
        ('freezes: [{name: none, from: "2026-02-30", to: "2026-03-01"}]', "2026-02-30"),
        ('freezes: [{name: dawn, from: "0001-01-01", to: "2026-03-01"}]', "between the years 1900 and 9998"),
        ("freezes: [{name: file, ics: nowhere.ics}]", "there is no file nowhere.ics"),
        ("freezes: [{name: odd, ics: 'ftp://example.com/x.ics'}]", "https, http or webcal"),
        ("holidays: [{country: XX}]", "XX"),
        ("holidays: [{country: US, subdivision: NYC}]", "NYC"),
        ("holidays: [{days: [{date: 02-30, name: x}]}]", "02-30"),
        ("holidays: [{effect: prohibit}]", "country, or own days"),
    ],
)
def test_a_freeze_or_holiday_that_cannot_be_is_one_clear_error_with_its_line(
    host: Any, section: str, message: str
) -> None:
    text = EVERY_KIND[: EVERY_KIND.index("  freezes:")] + f"  {section}\n"
    for verb in (("policy", "check"), ("calendar", "lint")):
        (host.folder / "policy.yaml").write_text(text, encoding="utf-8")
        ended = host.call(*verb)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith(f"policy.yaml:{line_of(text, section)}: calendar.")
        assert message in ended.err


def test_a_zone_that_does_not_exist_is_told_with_its_line(host: Any) -> None:
    ended = lint(host, EVERY_KIND.replace("America/New_York", "America/New_Yorck"))
    assert ended.status == 2
    assert ended.err.startswith(f"policy.yaml:{line_of(EVERY_KIND, 'timezone')}: timezone")
    assert "America/New_York" in ended.err


@pytest.mark.parametrize(
    "now",
    [
        "soon",
        "2026-11-21",
        "2026-11-21T12:00:00",
        "1900-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_a_now_that_is_none_is_exit_2(host: Any, now: str) -> None:
    (host.folder / "policy.yaml").write_text(EVERY_KIND, encoding="utf-8")
    ended = host.call("calendar", "lint", "--now", now)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
