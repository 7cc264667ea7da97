"""Records: what is put comes back equal, whatever stands in it, and the columns say the same as the document."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, timedelta, timezone
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.domain.approval import Approval
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.environment import Colour, MonitorState
from bot.domain.evidence import EvidenceKind
from bot.domain.identity import Provider
from bot.domain.incident import IncidentState
from bot.domain.postmortem import PostmortemState
from bot.ports import Transaction
from storage.documents import Document
from storage.identities import LinkedElsewhere
from storage.ledger import Ledger
from storage.nouns import RECORDS
from storage.verification import verify
from tests.conftest import NOON
from tests.storage import builders as a

NASTY = {
    "emoji": "🚀👩🏽‍🚒",
    "nul": "before\x00after",
    "bidi": "\u202eevil\u202c \u200f\u2066x\u2069",
    "channel": "<!channel> & <@U1>",
    "quotes": "'; DROP TABLE requests; -- \" \\",
    "controls": "".join(map(chr, range(32))) + "\x7f\u2028\u2029",
    "empty": "",
    "large": "ä" * 300_000,
}
EXAMPLES: dict[str, tuple[Any, Callable[[Transaction], Any]]] = {
    "request": (a.full_request(), lambda tx: tx.requests),
    "approval": (a.approval(), lambda tx: tx.approvals),
    "evidence": (a.evidence(), lambda tx: tx.evidence),
    "run": (a.run(), lambda tx: tx.runs),
    "environment": (a.environment(), lambda tx: tx.environments),
    "incident": (a.incident(), lambda tx: tx.incidents),
    "credential": (a.credential(), lambda tx: tx.credentials),
    "freeze": (a.freeze(), lambda tx: tx.freezes),
    "identity": (a.identity(), lambda tx: tx.identities),
    "page": (a.page(), lambda tx: tx.pages),
    "postmortem": (a.postmortem(), lambda tx: tx.postmortems),
    "override": (a.override(), lambda tx: tx.overrides),
}


def keep(tx: Transaction, state: MonitorState) -> None:
    tx.environments.keep(state)


def put_approval(tx: Transaction, approval: Approval) -> None:
    tx.approvals.put(approval, a.BECAUSE)


def id_of(record: Any) -> str:
    return str(getattr(record, "id", None) or record.name)


@pytest.mark.parametrize("noun", EXAMPLES)
async def test_a_record_with_every_field_set_comes_back_equal(ledger: Ledger, noun: str) -> None:
    record, table = EXAMPLES[noun]
    assert all(getattr(record, f.name) is not None for f in fields(record))

    await ledger.write(lambda tx: table(tx).put(record, a.BECAUSE))

    assert await ledger.read(lambda tx: table(tx).get(id_of(record))) == record
    assert await ledger.write(lambda tx: table(tx).get(id_of(record), lock=True)) == record
    assert await ledger.read(lambda tx: table(tx).get("nothing")) is None


@pytest.mark.parametrize("noun", EXAMPLES)
async def test_the_columns_say_what_the_document_says(ledger: Ledger, noun: str) -> None:
    record, table = EXAMPLES[noun]
    (stored,) = [kind for kind in RECORDS if kind.noun == noun]

    await ledger.write(lambda tx: table(tx).put(record, a.BECAUSE))

    rows = await ledger.look(lambda c: list(c.execute(select(stored.table)).mappings()))
    (row,) = rows
    columns = stored.columns(Document(stored.kind).restore(row["document"]))
    assert {name: row[name] for name in columns} == columns


async def test_a_bare_record_comes_back_equal(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.requests.put(a.request(), a.BECAUSE))

    assert await ledger.read(lambda tx: tx.requests.get("DEP-42")) == a.request()


@pytest.mark.parametrize("kind", NASTY)
async def test_any_text_survives(ledger: Ledger, kind: str) -> None:
    text = NASTY[kind]
    record = a.request(reason=text, bound={text[:50]: [text]})

    def step(tx: Transaction) -> None:
        tx.requests.put(record, replace(a.BECAUSE, facts={"reason": text}))
        tx.owe(a.delivery(reason=text))
        tx.remember("key", text)
        tx.put_place("DEP-42", "card", {"text": text})

    await ledger.write(step)

    assert await ledger.read(lambda tx: tx.requests.get("DEP-42")) == record
    assert await ledger.read(lambda tx: tx.remembered("key")) == text
    assert await ledger.read(lambda tx: tx.place("DEP-42", "card")) == {"text": text}
    assert (await verify(ledger)).intact


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reason=st.none() | st.text(st.characters(codec="utf-8")),
    bound=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=9),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53) + 1, 2**53 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(codec="utf-8"), max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
    ),
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])),
)
def test_any_request_survives_its_document(reason: str | None, bound: dict[str, Any], at: Any) -> None:
    record = a.request(reason=reason, bound=bound, requested_at=at)
    document = Document(ChangeRequest)

    text = json_text(document.plain(record))

    assert document.restore(text) == record


def json_text(plain: Any) -> str:
    from storage.documents import text_of

    return text_of(plain)


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text({"n": float("nan")})


def test_equal_values_are_equal_texts() -> None:
    assert json_text({"b": 1, "a": [1.5]}) == json_text({"a": [1.5], "b": 1}) == '{"a":[1.5],"b":1}'


async def test_open_requests_are_the_unfinished_ones_oldest_first(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        for number, state in enumerate([*RequestState, RequestState.EVALUATING], start=1):
            tx.requests.put(a.request(number, state=state), a.BECAUSE)
        tx.requests.put(a.request(99, service="search"), a.BECAUSE)

    await ledger.write(step)

    def ids(**scope: str) -> Any:
        return ledger.read(lambda tx: [r.number for r in tx.requests.open(**scope)])

    last = len(RequestState) + 1
    assert await ids() == [1, 2, 3, 4, last, 99]
    assert await ids(service="search") == [99]
    assert await ids(service="search", environment="staging") == []


async def test_history_is_paged_newest_first(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        for number in range(1, 8):
            tx.requests.put(a.request(number, service="a" if number % 2 else "b"), a.BECAUSE)

    await ledger.write(step)

    def page(**scope: Any) -> Any:
        return ledger.read(lambda tx: [r.number for r in tx.requests.newest(**scope)])

    assert await page(limit=3) == [7, 6, 5]
    assert await page(limit=3, before=5) == [4, 3, 2]
    assert await page(limit=9, service="b") == [6, 4, 2]


async def test_a_changed_record_is_found_by_what_it_says_now(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.requests.put(a.request(), a.BECAUSE))
    await ledger.write(lambda tx: tx.requests.put(a.request(state=RequestState.LIVE), a.BECAUSE))

    assert await ledger.read(lambda tx: tx.requests.open()) == []


async def test_approvals_of_a_request_come_in_the_order_of_signing(ledger: Ledger) -> None:
    given_: list[Approval] = [
        a.approval(revision=2, person="bo"),
        a.approval(revision=1, person="cy", signed_at=a.AT + a.HOUR),
        a.approval(revision=1, person="vic"),
        a.approval(request="DEP-9"),
    ]
    for each in given_:
        await ledger.write(partial(put_approval, approval=each))

    found = await ledger.read(lambda tx: [x.person for x in tx.approvals.of("DEP-42")])

    assert found == ["vic", "cy", "bo"]


async def test_evidence_is_found_newest_first_by_service_artifact_and_place(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        for n in range(4):
            kind = EvidenceKind.DEPLOYMENT if n % 2 else EvidenceKind.SCAN
            tx.evidence.put(
                a.evidence(id=f"e{n}", kind=kind, at=a.AT + n * a.HOUR, artifact=f"tag{n % 3}"), a.BECAUSE
            )
        tx.evidence.put(a.evidence(id="other", service="search"), a.BECAUSE)

    await ledger.write(step)

    def ids(query: Callable[[Transaction], list[Any]]) -> Any:
        return ledger.read(lambda tx: [e.id for e in query(tx)])

    assert await ids(lambda tx: tx.evidence.about("checkout", artifact=None)) == ["e3", "e2", "e1", "e0"]
    assert await ids(lambda tx: tx.evidence.about("checkout", artifact=None, limit=2)) == ["e3", "e2"]
    assert await ids(lambda tx: tx.evidence.about("checkout", artifact="tag0")) == ["e3", "e0"]
    assert await ids(lambda tx: tx.evidence.deployments("checkout", "staging")) == ["e3", "e1"]
    assert await ids(lambda tx: tx.evidence.deployments("checkout", "production")) == []


async def test_runs_come_in_their_order_and_their_output_is_kept_beside_them(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        tx.runs.put(a.run(id="DEP-42/2", intended_at=a.AT + a.HOUR), a.BECAUSE)
        tx.runs.put(a.run(), a.BECAUSE)
        tx.runs.keep_output("DEP-42/1", "one\x00two 🚀")

    await ledger.write(step)
    await ledger.write(lambda tx: tx.runs.put(a.run(code="exit-4"), a.BECAUSE))

    assert await ledger.read(lambda tx: [r.id for r in tx.runs.of("DEP-42")]) == ["DEP-42/1", "DEP-42/2"]
    assert await ledger.read(lambda tx: tx.runs.output("DEP-42/1")) == "one\N{REPLACEMENT CHARACTER}two 🚀"
    assert await ledger.read(lambda tx: tx.runs.output("DEP-42/2")) is None
    assert (await verify(ledger)).intact


async def test_measurements_are_kept_without_an_entry(ledger: Ledger) -> None:
    states: list[MonitorState] = [a.monitor(), a.monitor(environment="dev"), a.monitor(name="a")]
    for each in states:
        await ledger.write(partial(keep, state=each))
    await ledger.write(lambda tx: tx.environments.keep(a.monitor(code="newer")))

    kept = await ledger.read(lambda tx: tx.environments.monitors("production"))

    assert kept == [a.monitor(name="a"), a.monitor(code="newer")]
    assert len(await ledger.read(lambda tx: tx.environments.monitors())) == 3
    assert (await verify(ledger)).entries == 0


async def test_open_incidents_are_those_not_resolved(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        tx.incidents.put(a.incident(1, state=IncidentState.OPEN, environment="dev"), a.BECAUSE)
        tx.incidents.put(a.incident(2, state=IncidentState.ACKNOWLEDGED), a.BECAUSE)
        tx.incidents.put(a.incident(3), a.BECAUSE)

    await ledger.write(step)

    assert await ledger.read(lambda tx: [i.id for i in tx.incidents.open()]) == ["INC-1", "INC-2"]
    assert await ledger.read(lambda tx: [i.id for i in tx.incidents.open("dev")]) == ["INC-1"]


async def test_credentials_in_force_are_those_not_revoked(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        tx.credentials.put(
            a.credential(id="new", revoked_at=None, enrolled_at=a.AT + a.HOUR, passkey=None), a.BECAUSE
        )
        tx.credentials.put(a.credential(id="old", revoked_at=None, passkey=None), a.BECAUSE)
        tx.credentials.put(a.credential(id="gone"), a.BECAUSE)

    await ledger.write(step)

    assert await ledger.read(lambda tx: [c.id for c in tx.credentials.of("ada")]) == ["old", "new"]
    assert await ledger.read(lambda tx: tx.credentials.of("bo")) == []


@pytest.mark.requirement("F11")
async def test_one_passkey_belongs_to_one_person_for_good(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.credentials.put(a.credential(), a.BECAUSE))
    with pytest.raises(IntegrityError):
        await ledger.write(lambda tx: tx.credentials.put(a.credential(id="cred-2", person="bo"), a.BECAUSE))
    owner = await ledger.read(lambda tx: tx.credentials.by_passkey("Y3JlZA"))
    assert owner is not None
    assert owner.person == "ada"  # revoked, and still hers
    assert await ledger.read(lambda tx: tx.credentials.by_passkey("b3RoZXI")) is None


@pytest.mark.requirement("F11")
@pytest.mark.parametrize(
    ("said", "believed"),
    [
        ((0, 0, 0), (True, True, True)),  # one that counts nothing
        ((1, 2, 7), (True, True, True)),
        ((5, 5), (True, False)),
        ((5, 4), (True, False)),
        ((5, 0), (True, False)),  # it counted once: a copy that does not is refused
        ((0, 3, 0), (True, True, False)),
    ],
)
async def test_a_passkeys_counter_never_stands_still_once_it_counted(
    ledger: Ledger, said: tuple[int, ...], believed: tuple[bool, ...]
) -> None:
    await ledger.write(lambda tx: tx.credentials.put(a.credential(), a.BECAUSE))
    for counter, expected in zip(said, believed, strict=True):
        assert (
            await ledger.write(lambda tx, c=counter: tx.credentials.accept_counter("cred-1", c)) is expected
        )


@pytest.mark.requirement("F11")
async def test_an_account_is_linked_to_one_person_for_good(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.identities.put(a.identity(), a.BECAUSE))
    with pytest.raises(LinkedElsewhere):
        await ledger.write(lambda tx: tx.identities.put(a.identity(person="bo", revoked_at=None), a.BECAUSE))
    found = await ledger.read(lambda tx: tx.identities.find(Provider.GITHUB, "583231"))
    assert found == a.identity()
    assert await ledger.read(lambda tx: tx.identities.of("ada")) == []  # revoked
    await ledger.write(lambda tx: tx.identities.put(a.identity(revoked_at=None), a.BECAUSE))
    assert [i.id for i in await ledger.read(lambda tx: tx.identities.of("ada"))] == [a.identity().id]
    assert [i.id for i in await ledger.read(lambda tx: tx.identities.all())] == [a.identity().id]


async def test_one_code_never_counts_twice(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tx.credentials.put(a.credential(), a.BECAUSE))

    def accept(step: int) -> Any:
        return ledger.write(lambda tx: tx.credentials.accept_step("cred-1", step))

    assert [await accept(step) for step in (100, 100, 99, 101, 101)] == [True, False, False, True, False]
    await ledger.write(lambda tx: tx.credentials.put(a.credential(sealed="v2"), a.BECAUSE))
    assert await accept(101) is False
    assert await ledger.write(lambda tx: tx.credentials.accept_step("unknown", 1)) is False


async def test_wrong_codes_are_counted_for_each_person_since_an_instant(ledger: Ledger) -> None:
    def step(tx: Transaction) -> None:
        for minutes in (0, 10, 20):
            tx.credentials.note_failure("ada", NOON + timedelta(minutes=minutes))
        tx.credentials.note_failure("bo", NOON)

    await ledger.write(step)

    since = NOON + timedelta(minutes=10)
    assert await ledger.read(lambda tx: tx.credentials.failures_since("ada", since)) == 2
    assert await ledger.read(lambda tx: tx.credentials.failures_since("bo", since)) == 0


async def test_how_a_colour_went_is_told_from_the_colour_it_had_then(ledger: Ledger) -> None:
    went = [(Colour.GREEN, 0), (Colour.RED, 10), (Colour.RED, 10), (Colour.GREEN, 25)]

    def put(tx: Transaction) -> None:
        for number, (colour, minutes) in enumerate(went):
            since = NOON + timedelta(minutes=minutes)
            causes = (f"m{number}",) if colour is Colour.RED else ()
            tx.environments.put(a.environment(colour=colour, since=since, causes=causes), a.BECAUSE)
        tx.environments.put(a.environment(name="dev", since=NOON), a.BECAUSE)

    await ledger.write(put)

    async def told(minutes: int) -> list[tuple[str, int, tuple[str, ...]]]:
        since = NOON + timedelta(minutes=minutes)
        found = await ledger.read(lambda tx: tx.environments.turns("production", since=since))
        return [(t.colour.value, (t.since - NOON) // timedelta(minutes=1), t.causes) for t in found]

    assert await told(-5) == [("GREEN", 0, ()), ("RED", 10, ("m2",)), ("GREEN", 25, ())]
    assert await told(12) == [("RED", 10, ("m2",)), ("GREEN", 25, ())]
    assert await told(25) == await told(90) == [("GREEN", 25, ())]
    assert await ledger.read(lambda tx: tx.environments.turns("nowhere", since=NOON)) == []


async def test_incidents_pages_drafts_and_overrides_are_found(ledger: Ledger) -> None:
    def put(tx: Transaction) -> None:
        for number, environment in ((1, "dev"), (2, "production"), (3, "production")):
            opened = NOON + timedelta(hours=number)
            tx.incidents.put(a.incident(number, environment=environment, opened_at=opened), a.BECAUSE)
        for step, recipient in ((2, "bo"), (1, "cy"), (1, "ada")):
            tx.pages.put(
                a.page(step=step, recipient=recipient, paged_at=NOON + timedelta(minutes=step)), a.BECAUSE
            )
        tx.pages.put(a.page(incident="INC-8"), a.BECAUSE)
        tx.postmortems.put(a.postmortem(), a.BECAUSE)
        draft = {"state": PostmortemState.DRAFT, "published_at": None, "published_by": None}
        for incident, hours in (("INC-1", 9), ("INC-2", 3)):
            due = NOON + timedelta(hours=hours)
            tx.postmortems.put(a.postmortem(incident=incident, due_at=due, **draft), a.BECAUSE)
        for number in (1, 2):
            tx.overrides.put(a.override(number, cancelled_by=None, cancelled_at=None, begins_at=NOON,
                                        ends_at=NOON + timedelta(hours=number)), a.BECAUSE)  # fmt: skip
        tx.overrides.put(a.override(3), a.BECAUSE)  # taken back at once

    await ledger.write(put)

    def query(tx: Transaction) -> list[list[str]]:
        later = NOON + timedelta(hours=1)
        return [
            [i.id for i in tx.incidents.newest(limit=2)],
            [i.id for i in tx.incidents.newest(limit=9, environment="production")],
            [i.id for i in tx.incidents.newest(limit=9, since=NOON + timedelta(hours=2))],
            [p.id for p in tx.pages.of("INC-7")],
            [p.id for p in tx.postmortems.drafts()],
            [o.id for o in tx.overrides.since(later)],
        ]

    assert await ledger.read(query) == [
        ["INC-3", "INC-2"],
        ["INC-3", "INC-2"],
        ["INC-3", "INC-2"],
        ["INC-7/1/ada", "INC-7/1/cy", "INC-7/2/bo"],
        ["INC-2", "INC-1"],
        ["OVR-2"],
    ]
