from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters.seal import KeySeal, SealBroken, new_key
from bot.adapters.totp import Totp
from bot.adapters.totp_check import TotpCheck
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential

# RFC 6238, appendix B: SHA-1, the last six of the eight digits; the secret is "12345678901234567890".
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
]
NOW = datetime(2026, 3, 4, 12, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)


@pytest.fixture
def totp() -> Totp:
    return Totp(KeySeal(SecretStr("correct-horse-battery-staple-0123456789")))


def code_at(at: datetime) -> str:
    return pyotp.TOTP(SECRET).at(at)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_codes_are_those_of_rfc_6238(totp: Totp, seconds: int, code: str) -> None:
    assert totp.step_of(code, SECRET, datetime.fromtimestamp(seconds, UTC), window=0) == seconds // 30


@pytest.mark.parametrize(("late", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
@pytest.mark.requirement("P8")
def test_a_code_is_accepted_one_step_early_or_late_and_no_more(totp: Totp, late: int, accepted: bool) -> None:
    step = totp.step_of(code_at(NOW), SECRET, NOW + late * STEP)

    assert step == (int(NOW.timestamp()) // 30 if accepted else None)


@pytest.mark.parametrize("spaced", ["{} {}", " {}{} ", "{}\u00a0{}", "{}\t{}\n"])
def test_white_space_in_a_code_is_ignored(totp: Totp, spaced: str) -> None:
    code = code_at(NOW)

    assert totp.step_of(spaced.format(code[:3], code[3:]), SECRET, NOW) is not None


@pytest.mark.parametrize(
    "wrong", ["", "12345", "1234567", "12345a", "-12345", "+12345", "1e5000", "１２３４５６"]
)
def test_what_is_not_six_ascii_digits_is_no_code(totp: Totp, wrong: str) -> None:
    assert totp.step_of(wrong, SECRET, NOW) is None


def test_the_right_code_in_digits_of_another_script_is_refused(totp: Totp) -> None:
    foreign = code_at(NOW).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))

    assert totp.step_of(foreign, SECRET, NOW) is None


@given(st.integers(min_value=0, max_value=999_999))
def test_a_code_that_fits_no_step_of_the_window_is_refused(number: int) -> None:
    totp = Totp(KeySeal(SecretStr("correct-horse-battery-staple-0123456789")))
    code = f"{number:06d}"
    fitting = {code_at(NOW + shift * STEP) for shift in (-1, 0, 1)}

    assert (totp.step_of(code, SECRET, NOW) is not None) is (code in fitting)


def test_a_naive_time_is_refused(totp: Totp) -> None:
    with pytest.raises(ValueError, match="naive"):
        totp.step_of("123456", SECRET, NOW.replace(tzinfo=None))


def test_the_beginning_of_time_has_no_step_before_it(totp: Totp) -> None:
    assert totp.step_of(code_at(datetime.fromtimestamp(0, UTC)), SECRET, datetime.fromtimestamp(0, UTC)) == 0


def test_new_secrets_have_160_bits_and_are_never_the_same(totp: Totp) -> None:
    secrets = {totp.new_secret() for _ in range(20)}

    assert len(secrets) == 20
    assert all(len(pyotp.TOTP(s).byte_secret()) == 20 for s in secrets)


def test_the_provisioning_address_names_the_person_and_the_issuer(totp: Totp) -> None:
    address = urlsplit(totp.provisioning_uri("ada@acme.example", "Acme & Sons: production", SECRET))

    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Acme & Sons: production:ada@acme.example"
    assert parse_qs(address.query)["secret"] == [SECRET]
    assert parse_qs(address.query)["issuer"] == ["Acme & Sons: production"]


def test_a_sealed_secret_opens_for_its_person_only(totp: Totp) -> None:
    sealed = totp.sealed(SECRET, person="ada")

    assert totp.opened(sealed, person="ada") == SECRET
    with pytest.raises(SealBroken):
        totp.opened(sealed, person="bo")


def test_a_code_under_another_key_is_refused_with_words_and_is_no_wrong_code(totp: Totp) -> None:
    sealed = totp.sealed(SECRET, person="ada")
    ada = Credential(
        id="totp-1", person="ada", method="totp", sealed=sealed, enrolled_at=NOW, enrolled_by="host:root"
    )
    code = code_at(NOW)
    assert TotpCheck(totp).step(ada, code, NOW) is not None
    other = Totp(KeySeal(SecretStr(new_key())))
    with pytest.raises(Refusal, match="key-changed"):
        TotpCheck(other).step(ada, code, NOW)
