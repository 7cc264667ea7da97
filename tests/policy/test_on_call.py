"""On-call duty in the policy: four ways of saying it, layers that leave no gap, and every slip with its line."""

from zoneinfo import ZoneInfo

import pytest

from bot.policy import PolicyError
from bot.policy.on_call import ALWAYS
from tests.flows.manning import PAGERDUTY, ROTATION, SUN, USERGROUP
from tests.flows.policy_text import policy_of

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def test_a_rotation_is_one_layer_around_the_clock() -> None:
    primary = policy_of().on_call["primary"]
    assert primary.duty is not None
    (layer,) = primary.duty.layers
    assert (layer.name, layer.during, layer.rotation.zone) == (ALWAYS, None, NEW_YORK)
    assert primary.rotation == layer.rotation
    assert (primary.elsewhere, primary.known, primary.leads) == (None, True, ())


def test_a_layer_s_hours_are_in_its_rotation_s_zone_unless_they_say_another() -> None:
    duty = policy_of(SUN).on_call["primary"].duty
    assert duty is not None
    europe, america = duty.layers
    assert europe.during is not None
    assert (europe.during.zone, america.rotation.zone) == (BERLIN, NEW_YORK)
    said = policy_of((SUN[0], SUN[1].replace('until: "17:00"', 'until: "17:00", timezone: Asia/Kathmandu')))
    duty = said.on_call["primary"].duty
    assert duty is not None
    assert duty.layers[0].during is not None
    assert duty.layers[0].during.zone.key == "Asia/Kathmandu"


def test_another_system_s_duty_is_not_known_here() -> None:
    for change, source in ((PAGERDUTY, "pagerduty PABC123"), (USERGROUP, "slack_usergroup S0ONCALL")):
        primary = policy_of(change).on_call["primary"]
        assert (primary.elsewhere, primary.known, primary.rotation, primary.duty) == (
            source,
            False,
            None,
            None,
        )


def test_leads_may_be_one_or_several() -> None:
    for leads in ("platform-lead", "[platform-lead]"):
        said = policy_of((ROTATION, f"{ROTATION}, leads: {leads}"))
        assert said.on_call["primary"].leads == ("platform-lead",)


PEOPLE = 'rotation: {people: [cy], handoff: "0 9 * * MON"}'
HOURS = 'during: {start: "0 9 * * *", until: "17:00"}'
SLIPS = {
    "two ways at once": (
        f"{ROTATION}, slack_usergroup: S0ONCALL",
        "exactly one of rotation, layers, pagerduty",
    ),
    "no way at all": ("leads: platform-lead", "exactly one of rotation, layers, pagerduty"),
    "no layer": ("layers: []", "at least one"),
    "hours on the last layer": (
        f"layers: [{{name: a, {PEOPLE}, {HOURS}}}]",
        "the last layer must have no hours",
    ),
    "a layer that is never asked": (
        f"layers: [{{name: a, {PEOPLE}}}, {{name: b, {PEOPLE}}}]",
        "what comes after 'a', which has no hours, would never be asked",
    ),
    "two of one name": (
        f"layers: [{{name: a, {PEOPLE}, {HOURS}}}, {{name: a, {PEOPLE}}}]",
        "two layers have the same name",
    ),
    "somebody unknown": ('layers: [{name: a, rotation: {people: [zoe], handoff: "0 9 * * MON"}}]', "zoe"),
    "a lead role that is none": (f"{ROTATION}, leads: platform-led", "platform-led"),
    "hours that begin all the time": (
        f'layers: [{{name: a, {PEOPLE}, during: {{start: "* * * * *", until: "17:00"}}}}, {{name: b, {PEOPLE}}}]',
        "more than 288 times a day",
    ),
    "an end that is none": (
        f'layers: [{{name: a, {PEOPLE}, during: {{start: "0 9 * * *", until: "5pm"}}}}, {{name: b, {PEOPLE}}}]',
        "5pm",
    ),
}


@pytest.mark.parametrize(("said", "words"), SLIPS.values(), ids=SLIPS.keys())
def test_every_slip_is_named_with_its_line(said: str, words: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy_of((ROTATION, said))
    problems = [problem for problem in refused.value.problems if words in str(problem)]
    assert problems, [str(problem) for problem in refused.value.problems]
    assert problems[0].line > 70
