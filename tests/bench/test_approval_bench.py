"""The approval benchmark signs what the product accepts, on a policy that the product takes."""

from pathlib import Path

import pytest

from bench.approval_ground import ENVIRONMENT, WAYS, person, policy_text, slack_id
from bench.authenticator import Authenticator, b64
from bench.product import EXAMPLE
from bot.adapters.passkey import Passkeys
from bot.domain.second_factor import Passkey
from bot.flows.reload_policy import load_policy
from bot.ports import PasskeyRefused

ORIGIN = "http://localhost:4711"
ID = b64(b"bench")


def test_what_the_benchmark_signs_is_accepted() -> None:
    device = Authenticator.new(ORIGIN)
    same = Authenticator.of(ORIGIN, device.pem())
    asked = Passkeys(ORIGIN, "Portcullis")
    passkey = Passkey(credential_id=ID, public_key=device.public_key)

    asserted = asked.asserted(bytes(32), passkey, same.answer(ID, b64(bytes(32))))

    assert asserted.counter == 0
    with pytest.raises(PasskeyRefused):
        asked.asserted(bytes(32), passkey, same.answer(ID, b64(bytes([1] * 32))))


def test_the_policy_wants_two_of_so_many_people_so_that_one_signature_starts_nothing(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy_text((EXAMPLE / "policy.yaml").read_text(encoding="utf-8"), 3), encoding="utf-8")

    policy = load_policy(file)

    approval = policy.environments[ENVIRONMENT].approval
    assert [seat.count for seat in approval.seats] == [2]
    assert approval.minimum == 2
    assert policy.person_by_slack(slack_id(2)) == (person(2), policy.people[person(2)])
    assert {"passkey", "totp"} <= set(approval.second_factor.methods)


def test_no_code_is_needed_twice() -> None:
    ahead = [ahead for method, ahead in WAYS if method == "code"]
    assert ahead == sorted(set(ahead))
    assert max(ahead) <= 1  # the product takes the codes of the half minutes before and after


def test_an_example_that_changed_is_said_instead_of_measured() -> None:
    with pytest.raises(ValueError, match="no"):
        policy_text("environments: {}", 3)
