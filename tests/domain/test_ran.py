"""What ran in a place, and what there is to go back to: never a version that was taken back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.artifact import Artifact
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.ran import OURSELVES, same_version, taken_back, versions

pytestmark = [pytest.mark.requirement("P14"), pytest.mark.requirement("P16")]

T0 = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
DIGESTS = {tag: "sha256:" + tag * 64 for tag in "abcd"}


def deployed(minute: int, tag: str, **changes: Any) -> Evidence:
    usual: dict[str, Any] = {
        "id": f"{minute}-{tag}",
        "kind": EvidenceKind.DEPLOYMENT,
        "service": "checkout",
        "artifact": tag,
        "digest": DIGESTS[tag],
        "environment": "production",
        "passed": True,
        "at": T0 + timedelta(minutes=minute),
        "received_at": T0 + timedelta(minutes=minute),
        "source": OURSELVES,
    }
    return Evidence(**(usual | changes))


def back(minute: int, tag: str, away: str, **changes: Any) -> Evidence:
    details = {"request": f"DEP-{minute}", **taken_back(Artifact(away, DIGESTS[away]))}
    return deployed(minute, tag, details=details, **changes)


def tags(*told: Evidence) -> str:
    return "".join(ran.artifact.tag for ran in versions(told))


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ((), ""),
        ((deployed(1, "a"), deployed(2, "b")), "ab"),
        ((deployed(2, "b"), deployed(1, "a")), "ab"),
        ((deployed(1, "a"), deployed(2, "b", passed=False)), "a"),
        ((deployed(1, "a"), deployed(2, "a"), deployed(3, "b")), "ab"),
        ((deployed(1, "a"), deployed(2, "b"), deployed(3, "a")), "aba"),
        # One that was taken back is gone, with whatever lay between.
        ((deployed(1, "a"), deployed(2, "b"), back(3, "a", "b")), "a"),
        ((deployed(1, "a"), deployed(2, "b"), deployed(3, "c"), back(4, "b", "c"), back(5, "a", "b")), "a"),
        ((deployed(1, "a"), deployed(2, "b"), deployed(3, "c"), back(4, "a", "c")), "a"),
        ((deployed(1, "a"), deployed(2, "b"), back(3, "a", "b"), deployed(4, "c")), "ac"),
        # The pipeline says the same, before or after us.
        ((deployed(1, "a"), deployed(2, "b"), deployed(3, "a", source="ci"), back(4, "a", "b")), "a"),
        ((deployed(1, "a"), deployed(2, "b"), back(3, "a", "b"), deployed(4, "a", source="ci")), "a"),
        # A rollout that never got to its end was taken back: what it left stays.
        ((deployed(1, "a"), deployed(2, "b"), back(3, "b", "c")), "ab"),
        # What nobody here knows of, and what came back from nowhere.
        ((back(1, "a", "b"),), "a"),
        ((deployed(1, "a"), back(2, "c", "a")), "c"),
    ],
)
def test_what_was_taken_back_is_nothing_to_go_back_to(told: Sequence[Evidence], left: str) -> None:
    assert tags(*told) == left


def test_only_what_we_say_ourselves_takes_a_version_back() -> None:
    stated = back(3, "a", "b", source="ci")
    assert tags(deployed(1, "a"), deployed(2, "b"), stated) == "aba"
    assert versions([stated])[-1].request is None


def test_a_malformed_word_on_what_was_taken_back_is_an_ordinary_deployment() -> None:
    for said in ({"tag": "not a tag", "digest": None}, {"tag": 7}, "b", None):
        odd = deployed(3, "a", details={"takes_back": said})
        assert tags(deployed(1, "a"), deployed(2, "b"), odd) == "aba"


def test_the_request_that_brought_it_is_known_though_the_pipeline_spoke_first() -> None:
    told = [deployed(1, "a", source="ci"), deployed(2, "a", details={"request": "DEP-7"})]
    (ran,) = versions(told)
    assert (ran.request, ran.at) == ("DEP-7", T0 + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Artifact("a", DIGESTS["a"]), Artifact("b", DIGESTS["a"]), True),
        (Artifact("a", DIGESTS["a"]), Artifact("a", DIGESTS["b"]), False),
        (Artifact("a"), Artifact("a", DIGESTS["b"]), True),
        (Artifact("a"), Artifact("b"), False),
    ],
)
def test_a_version_is_its_digest_where_both_are_known(one: Artifact, other: Artifact, same: bool) -> None:
    assert same_version(one, other) is same_version(other, one) is same


MOVES = st.lists(st.one_of(st.sampled_from("abcd"), st.just("back")), max_size=25)


@given(MOVES)
def test_going_back_again_and_again_ends_and_never_returns_to_what_was_taken_back(moves: list[str]) -> None:
    told: list[Evidence] = []
    gone: set[str] = set()
    for minute, move in enumerate(moves):
        ran = versions(told)
        if move != "back":
            told.append(deployed(minute, move))
            gone.discard(move)
        elif len(ran) > 1:
            away, target = ran[-1].artifact.tag, ran[-2].artifact.tag
            told.append(back(minute, target, away))
            left = versions(told)
            assert left[-1].artifact.tag == target
            assert len(left) == len(ran) - 1
            if all(r.artifact.tag != away for r in left):
                gone.add(away)
        assert gone.isdisjoint(r.artifact.tag for r in versions(told))
    assert versions(told) == versions(reversed(told))
