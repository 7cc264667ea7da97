"""Passkeys: what browsers are asked, and everything in an answer that is not exactly as it must be."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.passkey import Passkeys
from bot.domain.second_factor import Passkey
from bot.ports import PasskeyRefused
from tests.soft_authenticator import SoftAuthenticator, b64, unb64

ORIGIN = "https://portcullis.acme.example"
HOST = "portcullis.acme.example"
CHALLENGE = bytes(range(32))
OTHER = bytes(32)


@pytest.fixture
def passkeys() -> Passkeys:
    return Passkeys(ORIGIN, "Portcullis")


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(ORIGIN, HOST)


def enrolled(passkeys: Passkeys, device: SoftAuthenticator) -> Passkey:
    options = passkeys.creation_options(CHALLENGE, person="ada", label="Ada Lopez", known=())
    return passkeys.created(CHALLENGE, device.create(dict(options)))[0]


def refusal(ask: Any, *given: Any) -> str:
    with pytest.raises(PasskeyRefused) as refused:
        ask(*given)
    return refused.value.code


def changed(answer: dict[str, Any], **response: Any) -> dict[str, Any]:
    return answer | {"response": answer["response"] | response}


def flipped(text: str, place: int = -1) -> str:
    raw = bytearray(unb64(text))
    raw[place] ^= 1
    return b64(bytes(raw))


@pytest.mark.requirement("P8")
def test_user_verification_is_required_at_enrolment_and_at_every_use(passkeys: Passkeys) -> None:
    made = passkeys.creation_options(CHALLENGE, person="ada", label="Ada Lopez", known=())
    known = Passkey(credential_id=b64(b"one"), public_key="", transports=("internal",))
    asked = passkeys.request_options(CHALLENGE, known=[known])
    assert made["authenticatorSelection"] == {
        "residentKey": "preferred",
        "userVerification": "required",
        "requireResidentKey": False,
    }
    assert made["rp"] == {"name": "Portcullis", "id": HOST}
    assert made["attestation"] == "none"
    assert asked["userVerification"] == "required"
    assert (asked["rpId"], asked["timeout"]) == (HOST, 120_000)


def test_only_the_persons_own_passkeys_are_asked_and_none_is_made_twice(passkeys: Passkeys) -> None:
    known = [Passkey(credential_id=b64(name), public_key="") for name in (b"one", b"two")]
    asked = passkeys.request_options(CHALLENGE, known=known)
    made = passkeys.creation_options(CHALLENGE, person="ada", label="Ada", known=known)
    for listed in (asked["allowCredentials"], made["excludeCredentials"]):
        assert isinstance(listed, list)
        assert [one["id"] for one in listed if isinstance(one, dict)] == [b64(b"one"), b64(b"two")]


def test_nobody_is_asked_for_any_passkey_at_all(passkeys: Passkeys) -> None:
    assert refusal(lambda: passkeys.request_options(CHALLENGE, known=())) == "passkey-unknown"


def test_the_handle_of_an_account_tells_nobody_whose_it_is(passkeys: Passkeys) -> None:
    made = passkeys.creation_options(CHALLENGE, person="ada", label="Ada Lopez", known=())
    user = made["user"]
    assert isinstance(user, dict)
    assert isinstance(user["id"], str)
    assert b"ada" not in unb64(user["id"])


@pytest.mark.requirement("P8")
def test_a_good_answer_is_believed_and_kept_for_the_auditor(
    passkeys: Passkeys, device: SoftAuthenticator
) -> None:
    passkey = enrolled(passkeys, device)
    assert (passkey.credential_id, passkey.transports) == (b64(device.id), ("internal",))
    answer = device.get({"challenge": b64(CHALLENGE)})
    asserted = passkeys.asserted(CHALLENGE, passkey, answer)
    assert (asserted.counter, asserted.backed_up) == (1, False)
    assert asserted.evidence == {
        "credential_id": passkey.credential_id,
        "public_key": passkey.public_key,
        "algorithm": -7,
        "rp_id": HOST,
        "origin": ORIGIN,
        "authenticator_data": answer["response"]["authenticatorData"],
        "client_data_json": answer["response"]["clientDataJSON"],
        "signature": answer["response"]["signature"],
    }


def test_a_synced_passkey_says_so_and_counts_nothing(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    device.synced = True
    passkey = enrolled(passkeys, device)
    asserted = passkeys.asserted(CHALLENGE, passkey, device.get({"challenge": b64(CHALLENGE)}))
    assert (passkey.backed_up, asserted.backed_up, asserted.counter) == (True, True, 0)


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "framed by another site": ({"crossOrigin": True}, "passkey-cross-origin"),
    "a frame that says so as a text": ({"crossOrigin": "false"}, "passkey-cross-origin"),
    "a frame that says it is none": ({"crossOrigin": None}, "passkey-cross-origin"),
    "the page around it is named": ({"topOrigin": "https://evil.example"}, "passkey-cross-origin"),
    "the page around it is ours": ({"topOrigin": ORIGIN}, "passkey-cross-origin"),
    "another origin": ({"origin": "https://evil.example"}, "passkey-wrong-origin"),
    "our host without https": ({"origin": f"http://{HOST}"}, "passkey-wrong-origin"),
    "our host at another port": ({"origin": f"{ORIGIN}:8443"}, "passkey-wrong-origin"),
    "a host below ours": ({"origin": f"https://evil.{HOST}"}, "passkey-wrong-origin"),
    "no origin": ({"origin": None}, "passkey-wrong-origin"),
    "another challenge": ({"challenge": b64(OTHER)}, "passkey-wrong-challenge"),
    "the challenge with padding": ({"challenge": b64(CHALLENGE) + "="}, "passkey-wrong-challenge"),
    "no type": ({"type": None}, "passkey-wrong-type"),
    "a payment": ({"type": "payment.get"}, "passkey-wrong-type"),
}


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(("said", "code"), LIES.values(), ids=LIES)
def test_an_answer_from_any_other_page_proves_nothing(
    passkeys: Passkeys, device: SoftAuthenticator, said: dict[str, Any], code: str
) -> None:
    passkey = enrolled(passkeys, device)
    device.client_data = said
    assert refusal(passkeys.asserted, CHALLENGE, passkey, device.get({"challenge": b64(CHALLENGE)})) == code
    assert refusal(passkeys.created, CHALLENGE, device.create({"challenge": b64(CHALLENGE)})) == code


def test_a_signature_at_enrolment_is_no_approval_and_the_other_way_round(
    passkeys: Passkeys, device: SoftAuthenticator
) -> None:
    passkey = enrolled(passkeys, device)
    options = {"challenge": b64(CHALLENGE)}
    assert refusal(passkeys.asserted, CHALLENGE, passkey, device.create(options)) == "passkey-wrong-type"
    assert refusal(passkeys.created, CHALLENGE, device.get(options)) == "passkey-wrong-type"


@pytest.mark.requirement("P8")
def test_an_unverified_user_proves_nothing(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    passkey = enrolled(passkeys, device)
    device.verifies = False
    options = {"challenge": b64(CHALLENGE)}
    assert refusal(passkeys.asserted, CHALLENGE, passkey, device.get(options)) == "passkey-unverified"
    assert refusal(passkeys.created, CHALLENGE, device.create(options)) == "passkey-unverified"


def test_a_passkey_of_another_site_proves_nothing(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    passkey = enrolled(passkeys, device)
    device.rp_id = "evil.example"
    options = {"challenge": b64(CHALLENGE)}
    assert refusal(passkeys.asserted, CHALLENGE, passkey, device.get(options)) == "passkey-wrong-origin"
    assert refusal(passkeys.created, CHALLENGE, device.create(options)) == "passkey-wrong-origin"


def test_another_key_under_the_same_id_proves_nothing(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    passkey = enrolled(passkeys, device)
    thief = SoftAuthenticator(ORIGIN, HOST, id=device.id)
    answer = thief.get({"challenge": b64(CHALLENGE)})
    assert refusal(passkeys.asserted, CHALLENGE, passkey, answer) == "passkey-wrong-signature"


def test_the_answer_has_to_name_the_very_passkey(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    passkey = enrolled(passkeys, device)
    answer = device.get({"challenge": b64(CHALLENGE)})
    assert refusal(passkeys.asserted, CHALLENGE, passkey, answer | {"id": b64(b"x")}) == "passkey-unknown"
    assert (
        refusal(passkeys.asserted, CHALLENGE, passkey, answer | {"rawId": b64(b"x")}) == "passkey-malformed"
    )


def test_not_one_bit_of_what_is_signed_can_be_changed(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    passkey = enrolled(passkeys, device)
    answer = device.get({"challenge": b64(CHALLENGE)})
    for name in ("authenticatorData", "signature"):
        other = changed(answer, **{name: flipped(answer["response"][name])})
        assert refusal(passkeys.asserted, CHALLENGE, passkey, other) == "passkey-wrong-signature"
    said = json.loads(unb64(answer["response"]["clientDataJSON"]))
    reworded = b64(json.dumps(said, indent=1).encode())
    other = changed(answer, clientDataJSON=reworded)
    assert refusal(passkeys.asserted, CHALLENGE, passkey, other) == "passkey-wrong-signature"


def test_a_key_that_stands_twice_in_the_client_data_is_refused(
    passkeys: Passkeys, device: SoftAuthenticator
) -> None:
    passkey = enrolled(passkeys, device)
    answer = device.get({"challenge": b64(CHALLENGE)})
    said = unb64(answer["response"]["clientDataJSON"])
    twice = b64(said.replace(b'"crossOrigin": false', b'"crossOrigin": true, "crossOrigin": false'))
    assert refusal(passkeys.asserted, CHALLENGE, passkey, changed(answer, clientDataJSON=twice)) == (
        "passkey-malformed"
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    field=st.sampled_from(
        ["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature"]
    ),
    junk=JUNK,
)
def test_whatever_an_answer_holds_it_is_refused_and_nothing_else_is_raised(field: str, junk: Any) -> None:
    passkeys, device = Passkeys(ORIGIN, "Portcullis"), SoftAuthenticator(ORIGIN, HOST)
    passkey = enrolled(passkeys, device)
    answer = device.get({"challenge": b64(CHALLENGE)})
    bad = answer | {field: junk} if field in answer else changed(answer, **{field: junk})
    assert refusal(passkeys.asserted, CHALLENGE, passkey, bad).startswith("passkey-")
    assert refusal(passkeys.created, CHALLENGE, bad).startswith("passkey-")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 5000, b'{"type": "webauthn.get"}']
)
def test_client_data_that_is_no_such_object_is_refused(
    passkeys: Passkeys, device: SoftAuthenticator, raw: bytes
) -> None:
    passkey = enrolled(passkeys, device)
    answer = changed(device.get({"challenge": b64(CHALLENGE)}), clientDataJSON=b64(raw))
    assert refusal(passkeys.asserted, CHALLENGE, passkey, answer).startswith("passkey-")


def test_endless_texts_are_refused_unread(passkeys: Passkeys, device: SoftAuthenticator) -> None:
    passkey = enrolled(passkeys, device)
    answer = device.get({"challenge": b64(CHALLENGE)})
    for name in ("clientDataJSON", "authenticatorData", "signature"):
        long = changed(answer, **{name: "A" * 20_000})
        assert refusal(passkeys.asserted, CHALLENGE, passkey, long) == "passkey-malformed"
