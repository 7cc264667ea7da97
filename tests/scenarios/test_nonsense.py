"""Nonsense typed at `/env` and `/oncall`: each gets one clear answer at once, that says what to write; nothing happens."""

import socket

from tests.scenarios.conftest import Make
from tests.scenarios.hands import CY, LIN

UNKNOWN = "There is no environment “{}” in the policy."
ALL = "It has these environments: dev, production and staging."
MORE = "“{}” is one word too many. Write {}."
# What is typed, and what has to be in the answer
ENV = [
    ("foo", "/env has no “foo”. /env help lists what there is."),
    ("🔥", "/env has no “🔥”."),
    ("status foo", f"{UNKNOWN.format('foo')} {ALL}"),
    ("status Production", "Did you mean “production”?"),
    ("status prod", f"{UNKNOWN.format('prod')} {ALL}"),
    ("status <!channel>", f"{UNKNOWN.format('<!channel>')} {ALL}"),
    ("status " + "x" * 2900, UNKNOWN.format("x" * 80)),
    ("status production; rm -rf /", UNKNOWN.format("production;")),
    ("status production staging", MORE.format("staging", "/env status [ENVIRONMENT]")),
    ("check foo", f"{UNKNOWN.format('foo')} {ALL}"),
    ("check production staging", MORE.format("staging", "/env check [ENVIRONMENT]")),
    ("check production/api", UNKNOWN.format("production/api")),
    ("history foo", f"{UNKNOWN.format('foo')} {ALL}"),
    ("history production foo", MORE.format("foo", "/env history [ENVIRONMENT]")),
    ("history production days=0", MORE.format("days=0", "/env history [ENVIRONMENT]")),
    ("next foo", MORE.format("foo", "/env next")),
    ("incident", "/env incident ENVIRONMENT [severity=P1] title…"),
    ("incident foo Broken", f"{UNKNOWN.format('foo')} {ALL}"),
    ("incident staging", "Say what is wrong, in a few words"),
    ("incident staging severity=P9 Broken", "There is no severity “P9” in the policy. It has these severities: P0,"),
    ("incident staging severity= Broken", "There is no severity “nothing” in the policy. It has these severities: P0,"),
    ("postmortem foo", "“foo” is no incident. Incidents are called INC-7"),
    ("postmortem INC-99", "There is no incident INC-99."),
    ("actions foo", MORE.format("foo", "/env actions [add|done|drop]")),
]  # fmt: skip
TIME = "is no time. Write until 4h, until 14:30, until fri 09:00, until 2026-12-01 09:00"
USAGE = "Say who takes it and until when. Write /oncall override ROTATION PERSON from TIME until TIME"
ONCALL = [
    ("foo", "/oncall has no “foo”. /oncall help lists what there is."),
    ("who foo", "There is no rotation “foo” in the policy. It has these rotations: primary."),
    ("who primary secondary", "“secondary” is one word too many. Write /oncall who [ROTATION] [at=TIME]."),
    ("who primary at=yesterday", "“yesterday” is no time. Write at 4h"),
    ("who at=", "“nothing” is no time."),
    ("who at=99999h", "“99999h” is no time."),
    ("override foo", USAGE),
    ("override primary bo", USAGE),
    ("override primary @bo @ada until 4h", USAGE),
    ("override primary nobody until 4h", "There is no person “nobody” in the policy. It has these people: ada, bo,"),
    ("override primary <@U99> until 4h", "There is no person “<@U99>” in the policy."),
    ("override primary <!channel> until 4h", "There is no person “<!channel>” in the policy."),
    ("override nothing @bo until 4h", "There is no rotation “nothing” in the policy."),
    ("override primary @bo until", f"“nothing” {TIME}"),
    ("override primary @bo until yesterday", f"“yesterday” {TIME}"),
    ("override primary @bo until fri 17", f"“fri 17” {TIME}"),
    ("override primary @bo from fri 09:00 CET until fri 17:00", "“CET” does not say for sure which zone is meant."),
    ("override primary @bo from fri 09:00 sharp until 24h", "“sharp” stands between the beginning and until"),
    ("override primary @bo until -4h", f"“-4h” {TIME}"),
    ("override primary @bo until 99999d", f"“99999d” {TIME}"),
    ("override primary @bo until 25:99", f"“25:99” {TIME}"),
    ("override primary @bo until 31.02.2027", f"“31.02.2027” {TIME}"),
    ("override primary @bo until 2027-02-31", f"“2027-02-31” {TIME}"),
    ("override primary @bo until 0h", "is past. Name a later one."),
    ("override primary @bo from yesterday until 4h " + "x" * 2000, "“yesterday” is no time. Write from 4h"),
    ("override cancel", "No override is in force or ahead, so there is none to cancel."),
    ("override cancel foo", "“foo” is no override."),
    ("override cancel OVR-99", "There is no override OVR-99."),
]  # fmt: skip


async def test_nonsense_gets_one_clear_answer_and_does_nothing(make_stage: Make) -> None:
    stage = await make_stage()
    before = await stage.written()
    for command, user, table in (("/env", LIN, ENV), ("/oncall", CY, ONCALL)):
        for typed, words in table:
            said = await stage.deploy(user, typed, command=command)
            assert words in said, (command, typed, said)
            assert len(said) < 400, (command, typed)
            assert "<!channel>" not in str(said) or "“<!channel>”" in said
    after = await stage.written()
    assert {k: after[k] for k in ("incidents", "requests", "deliveries", "evidence")} == {
        k: before[k] for k in ("incidents", "requests", "deliveries", "evidence")
    }


async def test_marks_that_nobody_sees_do_not_make_a_name_another_one(make_stage: Make) -> None:
    stage = await make_stage()
    assert "monitor of production" in await stage.deploy(LIN, "check \u202eproduction", command="/env")


async def test_a_check_of_a_monitor_that_hangs_is_answered_at_once_and_says_so_in_the_end(
    make_stage: Make,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, and never says a word
        said = await _checked(make_stage, deaf.getsockname()[1])
    assert "*stuck* RED · did not answer in time" in said


async def _checked(make_stage: Make, port: int) -> str:
    where = f"http: {{url: 'http://127.0.0.1:{port}/', allow_private: true}}"
    monitor = f"      - {{name: stuck, {where}, every: 24h, timeout: 1s, stale_after: 3d}}\n"
    stage = await make_stage(("    severity: P3\n", f"{monitor}    severity: P3\n"))
    assert "Reading" in await stage.deploy(LIN, "check dev", command="/env")
    return await stage.told(LIN, "stuck")
