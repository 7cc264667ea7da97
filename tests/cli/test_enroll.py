"""`portcullis enroll`: a second factor from the host, shown once, audited, and never in the database in clear."""

import base64
import io
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import Host

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def trail(host: Host) -> list[dict[str, object]]:
    """The audit entries without the system's own."""
    return [json.loads(line) for line in host.call("audit", "export").out.splitlines()]


def test_it_prints_the_address_for_the_authenticator_once(host: Host) -> None:
    ended = host.call("enroll", "ada")
    assert (ended.status, ended.err) == (0, "")
    (address,) = re.findall(r"otpauth://\S+", ended.out)
    parts = urlsplit(address)
    said = parse_qs(parts.query)
    assert (parts.netloc, said["issuer"]) == ("totp", ["Portcullis acme"])
    assert re.fullmatch(r"[A-Z2-7]{32}", said["secret"][0])
    assert "not shown again" in ended.out
    assert "▄" in ended.out or "█" in ended.out


def test_it_is_audited_with_who_did_it_on_the_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "operator")
    host.call("enroll", "ada")
    (entry,) = trail(host)
    assert (entry["type"], entry["by"]) == ("credential.enrolled", {"via": "host:operator", "person": None})


@pytest.mark.parametrize("again", [[], ["--again"]])
def test_the_secret_is_nowhere_on_disk_in_clear(host: Host, again: list[str]) -> None:
    secrets = [
        parse_qs(urlsplit(re.findall(r"otpauth://\S+", host.call("enroll", "ada").out)[0]).query)["secret"][0]
    ]
    if again:
        out = host.call("enroll", "ada", *again).out
        secrets.append(parse_qs(urlsplit(re.findall(r"otpauth://\S+", out)[0]).query)["secret"][0])
    kept = host.bytes_on_disk()
    for secret in secrets:
        assert secret.encode() not in kept
        assert base64.b32decode(secret) not in kept
        assert base64.b64encode(secret.encode()) not in kept


def test_a_person_is_enrolled_once_and_anew_only_with_again(host: Host) -> None:
    host.call("enroll", "ada")
    refused = host.call("enroll", "ada")
    assert (refused.status, refused.out) == (1, "")
    assert "--again" in refused.err
    assert host.call("enroll", "ada", "--again").status == 0
    assert [e["type"] for e in trail(host)] == [
        "credential.enrolled",
        "credential.revoked",
        "credential.enrolled",
    ]
    assert host.call("audit", "verify").status == 0


def test_an_unknown_person_comes_with_a_suggestion_and_makes_no_database(host: Host) -> None:
    ended = host.call("enroll", "adda")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "portcullis: There is no person “adda” in the policy. Did you mean “ada”?\n"
    assert not host.database.exists()


def test_slack_is_not_needed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    assert host.call("enroll", "ada").status == 0


@pytest.mark.parametrize("typed", [SECRET, SECRET.lower(), " ".join(re.findall("....", SECRET)) + "\n"])
def test_a_secret_can_be_given_and_is_then_not_printed(
    host: Host, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    ended = host.call("enroll", "ada", "--secret-stdin")
    assert (ended.status, ended.out) == (0, "ada is enrolled.\n")
    assert SECRET.encode() not in host.bytes_on_disk()


@pytest.mark.parametrize(
    "typed", ["", "SHORT", SECRET + "1", SECRET[:-1] + "!", SECRET + "A", "A" * 129, "é" * 32]
)
def test_a_secret_that_is_no_base32_is_one_line_that_does_not_repeat_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    ended = host.call("enroll", "ada", "--secret-stdin")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "portcullis: the secret must be base32 (A-Z, 2-7) of 32 to 128 characters\n"
    assert not host.database.exists()


@pytest.mark.requirement("C1")
def test_a_weak_key_is_refused_in_one_line(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_SECRET_KEY", "hunter2")
    ended = host.call("enroll", "ada")
    assert ended.status == 2
    assert ended.err == (
        "portcullis: PORTCULLIS_SECRET_KEY is too weak: the key has 7 characters, and needs at least 32\n"
    )


def test_a_terminal_that_cannot_show_the_picture_still_shows_the_address(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr("sys.stdout", shown)
    assert host.call("enroll", "ada").status == 0
    printed = shown.buffer.getvalue().decode()  # type: ignore[attr-defined]  # it is the BytesIO above
    assert printed.startswith("otpauth://totp/")
    assert "cannot show the QR code" in printed


def test_a_user_without_a_name_is_audited_by_number(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    host.call("enroll", "ada")
    (entry,) = trail(host)
    by = entry["by"]
    assert isinstance(by, dict)
    assert re.fullmatch(r"host:uid-\d+", by["via"])


# With pages of our own, and with administrators

CODE = re.compile(r"^ {4}((?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4})$", re.MULTILINE)
PAGES = "https://portcullis.example.com"


ROLE = "factor-keeper"


@pytest.fixture
def pages(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("PORTCULLIS_PUBLIC_URL", PAGES)
    return host


@pytest.fixture
def keepers(host: Host) -> Host:
    """Ada is an administrator."""
    path = host.folder / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    assert "\nroles:\n" in text
    text = text.replace("\nroles:\n", f"\nroles:\n  {ROLE}: {{people: [ada]}}\n", 1)
    keeping = f"second_factors: {{administrators: [{ROLE}], cool_off: 12h, code_lasts: 2h}}"
    path.write_text(f"{text}\n{keeping}\n", encoding="utf-8")
    return host


@pytest.mark.requirement("P8")
def test_with_pages_it_prints_a_code_and_where_it_is_typed(pages: Host) -> None:
    ended = pages.call("enroll", "ada")
    assert (ended.status, ended.err) == (0, "")
    (code,) = CODE.findall(ended.out)
    assert f"{PAGES}/mfa/enroll/" in ended.out
    assert "/deploy enroll" in ended.out
    assert "otpauth" not in ended.out
    assert code.encode() not in pages.bytes_on_disk()
    assert code.replace("-", "").encode() not in pages.bytes_on_disk()
    assert [e["type"] for e in trail(pages)] == ["enrolment.code-issued"]


def test_each_code_is_another_one(pages: Host) -> None:
    codes = {CODE.findall(pages.call("enroll", "ada").out)[0] for _ in range(3)}
    assert len(codes) == 3


@pytest.mark.parametrize("pages_for", [["--totp"], ["--secret-stdin"]])
def test_an_app_can_be_set_up_on_the_host_all_the_same(
    pages: Host, monkeypatch: pytest.MonkeyPatch, pages_for: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SECRET))
    ended = pages.call("enroll", "ada", *pages_for)
    assert ended.status == 0
    assert [e["type"] for e in trail(pages)] == ["credential.enrolled"]


def test_a_code_over_what_is_enrolled_has_to_be_meant(pages: Host) -> None:
    pages.call("enroll", "ada", "--totp")
    refused = pages.call("enroll", "ada")
    assert (refused.status, refused.out) == (1, "")
    assert pages.call("enroll", "ada", "--again").status == 0
    assert [e["type"] for e in trail(pages)] == [
        "credential.enrolled",
        "credential.revoked",
        "enrolment.code-issued",
    ]


def test_an_unknown_person_gets_no_code_and_makes_no_database(pages: Host) -> None:
    ended = pages.call("enroll", "adda")
    assert (ended.status, ended.out) == (2, "")
    assert not pages.database.exists()


@pytest.mark.parametrize("url", ["http://portcullis.example.com", "https://x.example.com/path", "nonsense"])
def test_a_public_address_that_cannot_have_pages_is_one_line(
    host: Host, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_PUBLIC_URL", url)
    ended = host.call("enroll", "ada")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("portcullis: PORTCULLIS_PUBLIC_URL is malformed: ")


@pytest.mark.requirement("P8")
def test_the_first_administrator_counts_at_once_and_everybody_after_waits(keepers: Host) -> None:
    first = keepers.call("enroll", "ada")
    assert "confirm-factor" not in first.out
    second = keepers.call("enroll", "bo")
    assert second.status == 0
    assert "/deploy confirm-factor bo" in second.out
    states = [e["facts"]["pending"] for e in trail(keepers) if e["type"] == "credential.enrolled"]  # type: ignore[index]
    assert states == [False, True]


def test_a_code_says_that_an_administrator_is_needed_too(
    keepers: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    keepers.call("enroll", "ada")
    monkeypatch.setenv("PORTCULLIS_PUBLIC_URL", PAGES)
    assert "/deploy confirm-factor bo" in keepers.call("enroll", "bo").out
