"""Each audit entry carries the hash of the one before, so that none can be changed, dropped or moved unseen."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.audit import GENESIS, Entry, Fact, entry
from bot.domain.canonical import canonical, sha256
from bot.domain.change_request import Actor

NOW = datetime(2026, 11, 10, 15, 0, 0, 123_456, tzinfo=UTC)
FACT = Fact(type="request.submitted", by=Actor(via="slack:T1/U01LIN", person="lin"), facts={"tag": "7a3f9c2"})
USUAL: dict[str, Any] = {
    "seq": 1,
    "at": NOW,
    "fact": FACT,
    "subject": "DEP-42",
    "state": {"state": "evaluating"},
    "previous": GENESIS,
}


def test_the_first_entry_follows_a_well_formed_nothing() -> None:
    assert re.fullmatch(r"sha256:0{64}", GENESIS)


@pytest.mark.requirement("F11")
def test_an_entry_says_who_did_what_to_which_record_and_how_it_stands_then() -> None:
    written = entry(**USUAL)
    assert json.loads(written.body) == {
        "v": 1,
        "seq": 1,
        "at": "2026-11-10T15:00:00.123456+00:00",
        "type": "request.submitted",
        "by": {"via": "slack:T1/U01LIN", "person": "lin"},
        "subject": "DEP-42",
        "facts": {"tag": "7a3f9c2"},
        "state": {"state": "evaluating"},
        "previous": GENESIS,
    }


def test_the_hash_is_of_the_stored_bytes_and_these_are_canonical() -> None:
    written = entry(**USUAL)
    assert written.hash == sha256(written.body)
    assert canonical(json.loads(written.body)) == written.body


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2},
        {"at": NOW + timedelta(microseconds=1)},
        {"fact": Fact(type="request.refused", by=FACT.by, facts=FACT.facts)},
        {"fact": Fact(type=FACT.type, by=Actor(via="portcullis"), facts=FACT.facts)},
        {"fact": Fact(type=FACT.type, by=FACT.by, facts={})},
        {"subject": "DEP-43"},
        {"state": None},
        {"previous": "sha256:" + "1" * 64},
    ],
)
def test_nothing_in_an_entry_can_change_without_its_hash(change: dict[str, Any]) -> None:
    assert entry(**(USUAL | change)).hash != entry(**USUAL).hash


def _chain(subjects: list[str]) -> list[Entry]:
    entries: list[Entry] = []
    for seq, subject in enumerate(subjects, start=1):
        previous = entries[-1].hash if entries else GENESIS
        entries.append(entry(**(USUAL | {"seq": seq, "subject": subject, "previous": previous})))
    return entries


@pytest.mark.requirement("P1")
def test_a_change_in_the_past_changes_every_hash_after_it() -> None:
    honest, forged = _chain(["a", "b", "c"]), _chain(["x", "b", "c"])
    assert all(h.hash != f.hash for h, f in zip(honest, forged, strict=True))
    assert json.loads(honest[2].body)["previous"] == honest[1].hash


def test_an_act_of_no_person_is_the_programs_own() -> None:
    assert json.loads(entry(**(USUAL | {"fact": Fact(type="t")})).body)["by"] == {
        "via": "portcullis",
        "person": None,
    }
