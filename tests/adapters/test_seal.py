import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters.seal import KeySeal, SealBroken, WeakKey, new_key
from bot.ports import Seal

KEY = SecretStr("correct-horse-battery-staple-0123456789")


def seal_under(key: SecretStr = KEY) -> Seal:
    return KeySeal(key)


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_is_sealed_opens_again_for_the_same_purpose(secret: bytes, purpose: str) -> None:
    seal = seal_under()

    assert seal.open(seal.close(secret, purpose=purpose), purpose=purpose) == secret


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert seal_under().close(b"x", purpose="p") != seal_under().close(b"x", purpose="p")


def test_a_sealed_text_says_its_version_and_shows_nothing() -> None:
    sealed = seal_under().close(b"JBSWY3DPEHPK3PXP", purpose="totp")

    assert sealed.startswith("v1.")
    assert "JBSWY3DP" not in sealed


def test_another_key_does_not_open_it() -> None:
    sealed = seal_under().close(b"secret", purpose="p")

    with pytest.raises(SealBroken):
        seal_under(SecretStr(new_key())).open(sealed, purpose="p")


def test_another_purpose_does_not_open_it() -> None:
    sealed = seal_under().close(b"secret", purpose="totp/ada")

    with pytest.raises(SealBroken):
        seal_under().open(sealed, purpose="totp/bo")


@pytest.mark.parametrize("broken", ["", "v1.", "v1.AAAA", "v2.AAAA", "v1.***", "v1.é", "plain", "v1.AAA"])
def test_a_malformed_text_is_a_broken_seal(broken: str) -> None:
    with pytest.raises(SealBroken):
        seal_under().open(broken, purpose="p")


@given(st.data())
def test_any_altered_character_breaks_the_seal(data: st.DataObject) -> None:
    sealed = seal_under().close(b"secret-secret", purpose="p")
    place = data.draw(st.integers(min_value=3, max_value=len(sealed) - 2))
    other = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_").filter(lambda c: c != sealed[place]))

    with pytest.raises(SealBroken):
        seal_under().open(sealed[:place] + other + sealed[place + 1 :], purpose="p")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "0 characters"),
        ("short", "5 characters"),
        ("0123456789abcdef" * 2, "32 hexadecimal digits"),
        ("changeme" * 8, "different characters"),
        ("z" * 64, "different characters"),
    ],
)
def test_a_key_that_can_be_guessed_is_refused_in_one_line_that_does_not_repeat_it(key: str, why: str) -> None:
    with pytest.raises(WeakKey, match=why) as refused:
        KeySeal(SecretStr(key))

    assert "\n" not in str(refused.value)
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        "0123456789abcdef" * 4,
        "AbCdEfGh1234+/AbCdEfGh1234+/AbCdEfGh1234+/A=",
        "a sentence of two-and-thirty letters",
    ],
)
def test_hexadecimal_base64_and_long_sentences_are_keys(key: str) -> None:
    KeySeal(SecretStr(key))


def test_new_keys_are_good_and_never_the_same() -> None:
    keys = {new_key() for _ in range(20)}

    assert len(keys) == 20
    for key in keys:
        KeySeal(SecretStr(key))


def test_the_key_is_not_in_the_seal_s_representation() -> None:
    assert KEY.get_secret_value() not in repr(KeySeal(KEY))
