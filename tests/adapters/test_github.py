"""The GitHub adapter against a pretend GitHub over real sockets: what it believes, and what it refuses to."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters import github, github_calls
from bot.adapters.github import GitHub
from bot.adapters.github_authors import co_authors
from bot.adapters.github_shapes import Tree
from bot.adapters.github_trees import contents, touched
from bot.domain.repository import Author, RepositoryError
from bot.ports import Repositories
from sandbox.github import File, PretendGitHub, Repository, Signature
from tests.adapters.conftest import Serve, StoppedClock

TOKEN = "pretend-token"
NOBODY = "0" * 40


@pytest.fixture
async def forge() -> AsyncIterator[PretendGitHub]:
    """A GitHub with four people in it."""
    running = PretendGitHub(token=TOKEN)
    for login in ("ada", "bo", "cy", "dee"):
        running.add_user(login)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def shop(forge: PretendGitHub) -> Repository:
    return forge.repository("acme/shop")


def adapter(
    session: aiohttp.ClientSession,
    forge: PretendGitHub,
    clock: StoppedClock | None = None,
    *,
    token: str | None = TOKEN,
    url: str | None = None,
    call_s: float = 5,
    answer_s: float = 15,
) -> Repositories:
    return GitHub(
        session,
        api_url=url or forge.url,
        token=None if token is None else SecretStr(token),
        clock=clock or StoppedClock(),
        call_s=call_s,
        answer_s=answer_s,
    )


@pytest.fixture
def hub(session: aiohttp.ClientSession, forge: PretendGitHub, clock: StoppedClock) -> Repositories:
    return adapter(session, forge, clock, call_s=2, answer_s=10)


async def refused(answer: Awaitable[object]) -> RepositoryError:
    with pytest.raises(RepositoryError) as raised:
        await answer
    return raised.value


def ids(forge: PretendGitHub, *logins: str) -> frozenset[str]:
    return frozenset(str(forge.user(login).id) for login in logins)


# Teams


@pytest.mark.requirement("P8")
async def test_a_team_is_its_active_members_and_those_of_its_child_teams(
    hub: Repositories, forge: PretendGitHub
) -> None:
    forge.team("acme", "production-approvers", ["ada"], pending=["dee"])
    forge.team("acme", "night-shift", ["bo"], parent="production-approvers")
    forge.team("acme", "others", ["cy"])

    assert await hub.team("acme/production-approvers") == ids(forge, "ada", "bo")


@pytest.mark.requirement("P8")
async def test_a_team_is_asked_anew_each_time(hub: Repositories, forge: PretendGitHub) -> None:
    forge.team("acme", "production-approvers", ["ada", "bo"])
    before = await hub.team("acme/production-approvers")
    forge.leave("acme", "production-approvers", "bo")

    assert (before, await hub.team("acme/production-approvers")) == (
        ids(forge, "ada", "bo"),
        ids(forge, "ada"),
    )


async def test_whoever_takes_over_a_login_takes_no_membership_with_it(
    hub: Repositories, forge: PretendGitHub
) -> None:
    forge.team("acme", "production-approvers", ["ada"])
    ada = str(forge.user("ada").id)
    forge.rename("ada", "ada-lind")
    impostor = str(forge.add_user("ada"))

    assert await hub.team("acme/production-approvers") == {ada}
    assert await hub.account("ada") == impostor != ada


async def test_all_pages_of_a_team_are_read(hub: Repositories, forge: PretendGitHub) -> None:
    many = [f"dev-{number}" for number in range(230)]
    for login in many:
        forge.add_user(login)
    forge.team("acme", "everybody", many)

    assert await hub.team("acme/everybody") == ids(forge, *many)
    assert [asked.query.get("page", "1") for asked in forge.asked] == ["1", "2", "3"]


async def test_more_members_than_are_believed_are_no_answer(
    hub: Repositories, forge: PretendGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "MOST_MEMBERS", 2)
    forge.team("acme", "everybody", ["ada", "bo", "cy"])

    error = await refused(hub.team("acme/everybody"))

    assert (error.code, error.facts) == ("too-many-members", {"team": "acme/everybody", "most": 2})


async def test_pages_without_end_are_no_answer(
    hub: Repositories, forge: PretendGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_calls, "MOST_CALLS", 4)
    again = f'<{forge.url}orgs/acme/teams/x/members?page=2>; rel="next"'
    forge.faults.arm(
        "answer", times=99, body="[]", headers={"Link": again, "Content-Type": "application/json"}
    )

    assert (await refused(hub.team("acme/x"))).code == "too-many-pages"
    assert len(forge.asked) == 4


@pytest.mark.parametrize(
    "team", ["acme/nobody", "nowhere/approvers", "acme", "acme/..", "../acme", "a/b/c", ""]
)
async def test_a_team_that_is_not_there_is_told(hub: Repositories, forge: PretendGitHub, team: str) -> None:
    forge.team("acme", "production-approvers", ["ada"])

    error = await refused(hub.team(team))

    assert (error.code, error.facts) == ("team-unknown", {"team": team})


async def test_a_team_that_the_token_may_not_see_is_unknown(hub: Repositories, forge: PretendGitHub) -> None:
    forge.team("acme", "production-approvers", ["ada"], secret=True)

    assert (await refused(hub.team("acme/production-approvers"))).code == "team-unknown"


@pytest.mark.parametrize(
    "body",
    [
        "{}x",
        "[{}]",
        '[{"id": "7", "login": "ada", "type": "User"}]',
        '[{"id": true, "login": "ada", "type": "User"}]',
        '[{"id": -7, "login": "ada", "type": "User"}]',
        '{"message": "fine"}',
        "7",
        "null",
        "",
        "[" * 100_000,
        '"ada"',
        '[{"id": 1e400}]',
    ],
)
async def test_an_answer_of_another_shape_is_none(hub: Repositories, forge: PretendGitHub, body: str) -> None:
    forge.faults.arm("answer", body=body)

    assert (await refused(hub.team("acme/production-approvers"))).code == "malformed-response"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/html"},
        {"Content-Type": "application/json; charset=klingon"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {
            "Content-Type": "application/json",
            "x-ratelimit-limit": "x",
            "x-ratelimit-remaining": "1",
            "x-ratelimit-reset": "1",
        },
        {
            "Content-Type": "application/json",
            "x-ratelimit-limit": "1",
            "x-ratelimit-remaining": "1",
            "x-ratelimit-reset": "inf",
        },
    ],
)
async def test_an_answer_with_odd_headers_is_none(
    hub: Repositories, forge: PretendGitHub, headers: dict[str, str]
) -> None:
    forge.faults.arm("answer", body='[{"id": 7, "login": "ada", "type": "User"}]', headers=headers)

    assert (await refused(hub.team("acme/production-approvers"))).code == "malformed-response"


# Accounts


async def test_a_login_stands_for_the_id_it_has_now(hub: Repositories, forge: PretendGitHub) -> None:
    assert await hub.account("ADA") == str(forge.user("ada").id)


@pytest.mark.parametrize("login", ["nobody", "..", "a/b", "", "ada?x=1", "a b"])
async def test_a_login_that_nobody_has_is_told(hub: Repositories, login: str) -> None:
    assert (await refused(hub.account(login))).code == "login-unknown"


@pytest.mark.parametrize("kind", ["Organization", "Bot"])
async def test_an_account_that_is_no_person_is_refused(
    hub: Repositories, forge: PretendGitHub, kind: str
) -> None:
    forge.add_user("robot", kind=kind)

    assert (await refused(hub.account("robot"))).code == "not-a-person"


async def test_an_account_by_another_login_than_asked_is_nobody(
    hub: Repositories, forge: PretendGitHub
) -> None:
    forge.faults.arm("answer", body='{"id": 7, "login": "eve", "type": "User"}')

    assert (await refused(hub.account("ada"))).code == "login-unknown"


# What changed


@pytest.mark.requirement("P8")
async def test_changes_are_the_files_and_authors_since_the_running_version(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a.py": "1", "b.py": "1", "c.py": "same"}, author="dee")
    shop.commit({"a.py": "2"}, author="ada")
    head = shop.commit({"d/e.py": "1", "b.py": None}, author="bo")

    changes = await hub.changes("acme/shop", base=base, head=head)

    assert (changes.base, changes.head) == (base, head)
    assert changes.files == ("a.py", "b.py", "d/e.py")
    assert [author.login for author in changes.authors] == ["ada", "bo"]
    assert {author.account for author in changes.authors} == ids(forge, "ada", "bo")
    assert changes.authors[0].email == "ada@mail.example"


async def test_a_renamed_file_counts_under_both_names(hub: Repositories, shop: Repository) -> None:
    base = shop.commit({"payments/pay.py": "code", "x": "1"})
    head = shop.commit({"payments/pay.py": None, "docs/pay.txt": "code"})

    assert (await hub.changes("acme/shop", base=base, head=head)).files == (
        "docs/pay.txt",
        "payments/pay.py",
    )


async def test_the_source_of_a_copy_is_not_touched(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "1"})
    head = shop.commit({"b": "1"})
    body = {
        "status": "ahead",
        "total_commits": 1,
        "base_commit": {"sha": base},
        "commits": [{"sha": head, "commit": {"message": "x"}, "author": {}, "committer": None}],
        "files": [{"filename": "b", "status": "copied", "previous_filename": "a"}],
    }
    forge.faults.arm("answer", path="/compare/", body=json.dumps(body))

    assert (await hub.changes("acme/shop", base=base, head=head)).files == ("b",)


async def test_the_same_commit_again_changes_nothing(hub: Repositories, shop: Repository) -> None:
    only = shop.commit({"a": "1"})

    changes = await hub.changes("acme/shop", base=only, head=only)

    assert (changes.files, changes.authors) == ((), ())


async def test_a_rollback_touches_what_it_takes_back_and_has_no_new_author(
    hub: Repositories, shop: Repository
) -> None:
    old = shop.commit({"a": "1", "b": "1"})
    new = shop.commit({"a": "2", "c": "1"}, author="bo")

    changes = await hub.changes("acme/shop", base=new, head=old)

    assert (changes.files, changes.authors) == (("a", "c"), ())


async def test_on_another_branch_everything_that_differs_is_touched(
    hub: Repositories, shop: Repository
) -> None:
    """GitHub's comparison starts at the last common commit: of what the running version did since, it says nothing."""
    fork = shop.commit({"a": "1", "b": "1"})
    running = shop.commit({"a": "2"}, author="ada", parents=[fork], branch="running")
    other = shop.commit({"b": "2"}, author="bo", parents=[fork], branch="other")

    changes = await hub.changes("acme/shop", base=running, head=other)

    assert changes.files == ("a", "b")
    assert [author.login for author in changes.authors] == ["bo"]


@pytest.mark.parametrize("count", [299, 300, 412])
async def test_a_list_of_files_that_may_be_cut_is_not_believed(
    hub: Repositories, forge: PretendGitHub, shop: Repository, count: int
) -> None:
    base = shop.commit({"README": "1"})
    many = {f"src/{number:03}.py": f"{number}" for number in range(count)}
    head = shop.commit(many)

    assert (await hub.changes("acme/shop", base=base, head=head)).files == tuple(sorted(many))
    asked_for_trees = [asked.path for asked in forge.asked if "/git/trees/" in asked.path]
    assert len(asked_for_trees) == (0 if count < 300 else 2)


async def test_all_pages_of_commits_are_read(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "0"})
    for number in range(1, 251):
        shop.commit({"a": str(number)}, author="cy" if number == 3 else "bo" if number == 150 else "ada")

    changes = await hub.changes("acme/shop", base=base, head=shop.head)

    assert {author.login for author in changes.authors} == {"ada", "bo", "cy"}
    assert [asked.query["page"] for asked in forge.asked] == ["1", "2", "3"]


async def test_exactly_one_full_page_of_commits_is_all(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "0"})
    for number in range(1, 101):
        shop.commit({"a": str(number)})

    assert (await hub.changes("acme/shop", base=base, head=shop.head)).files == ("a",)
    assert len(forge.asked) == 1


async def test_more_commits_than_are_read_are_no_answer(
    hub: Repositories, shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github, "MOST_COMMITS", 1)
    base = shop.commit({"a": "0"})
    shop.commit({"a": "1"})
    shop.commit({"a": "2"})

    error = await refused(hub.changes("acme/shop", base=base, head=shop.head))

    assert (error.code, error.facts["commits"]) == ("too-many-commits", 2)


async def test_commits_that_go_missing_between_pages_are_no_answer(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "0"})
    for number in range(1, 121):
        shop.commit({"a": str(number)})
    body = {
        "status": "ahead",
        "total_commits": 120,
        "base_commit": {"sha": base},
        "commits": [],
        "files": [],
    }
    forge.faults.arm("answer", path="/compare/", after=1, body=json.dumps(body))

    assert (await refused(hub.changes("acme/shop", base=base, head=shop.head))).code == "malformed-response"


@pytest.mark.parametrize("lie", ["base", "head"])
async def test_a_comparison_of_other_commits_is_not_believed(
    hub: Repositories, forge: PretendGitHub, shop: Repository, lie: str
) -> None:
    base = shop.commit({"a": "0"})
    other = shop.commit({"a": "1"})
    head = shop.commit({"a": "2"})
    commit = {"sha": other if lie == "head" else head, "commit": {"message": "x"}}
    body = {
        "status": "ahead",
        "total_commits": 1,
        "base_commit": {"sha": other if lie == "base" else base},
        "commits": [commit],
        "files": [],
    }
    forge.faults.arm("answer", path="/compare/", body=json.dumps(body))

    assert (await refused(hub.changes("acme/shop", base=base, head=head))).code == "malformed-response"


@pytest.mark.parametrize("how", ["first-deployment", "rollback"])
async def test_a_tree_that_was_cut_is_no_answer(session: aiohttp.ClientSession, how: str) -> None:
    forge = PretendGitHub(token=TOKEN, tree_limit=3)
    forge.add_user("ada")
    shop = forge.repository("acme/shop")
    base = shop.commit({"a": "1"})
    head = shop.commit({"b/c": "1", "d": "1"})
    await forge.start()
    try:
        old, new = (None, head) if how == "first-deployment" else (head, base)
        error = await refused(adapter(session, forge).changes("acme/shop", base=old, head=new))
    finally:
        await forge.stop()

    assert error.code == "too-many-files"


async def test_a_first_deployment_touches_the_whole_tree_and_counts_its_last_author(
    hub: Repositories, shop: Repository
) -> None:
    shop.commit({"a": "1", "lib": File(b"a" * 40, mode="160000")}, author="ada")
    head = shop.commit({"b/c": "1"}, author="bo", co_authors=["cy"])

    changes = await hub.changes("acme/shop", base=None, head=head)

    assert (changes.base, changes.files) == (None, ("a", "b/c", "lib"))
    assert {author.login or author.email for author in changes.authors} == {"bo", "cy@mail.example"}


async def test_a_change_of_mode_alone_is_a_change(hub: Repositories, shop: Repository) -> None:
    old = shop.commit({"run": File(b"#!", mode="100644"), "x": "1"})
    new = shop.commit({"run": File(b"#!", mode="100755")})

    assert (await hub.changes("acme/shop", base=new, head=old)).files == ("run",)
    assert (await hub.changes("acme/shop", base=old, head=new)).files == ("run",)


async def test_the_beginning_of_a_sha_stands_for_the_whole(hub: Repositories, shop: Repository) -> None:
    base = shop.commit({"a": "1"})
    head = shop.commit({"a": "2"})

    changes = await hub.changes("acme/shop", base=base[:7], head=head[:12])

    assert (changes.base, changes.head) == (base, head)


async def test_a_branch_called_like_a_sha_is_not_taken_for_it(hub: Repositories, shop: Repository) -> None:
    honest = shop.commit({"a": "1"}, author="ada")
    evil = shop.commit({"a": "2"}, author="bo")
    shop.branch(honest[:10], evil)

    assert (await refused(hub.changes("acme/shop", base=None, head=honest[:10]))).code == "commit-unknown"


@pytest.mark.parametrize("commit", [NOBODY, "abcdef1", "main", "HEAD~1", "../x", "", "ABCDEF1" * 6])
@pytest.mark.parametrize("end", ["base", "head", "first", "owners"])
async def test_a_commit_that_is_not_there_is_told(
    hub: Repositories, shop: Repository, commit: str, end: str
) -> None:
    there = shop.commit({"a": "1"})
    asking: dict[str, Callable[[], Awaitable[object]]] = {
        "base": lambda: hub.changes("acme/shop", base=commit, head=there),
        "head": lambda: hub.changes("acme/shop", base=there, head=commit),
        "first": lambda: hub.changes("acme/shop", base=None, head=commit),
        "owners": lambda: hub.owners("acme/shop", at=commit, files=["a"]),
    }

    error = await refused(asking[end]())

    assert (error.code, error.facts["commit"]) == ("commit-unknown", commit)


@pytest.mark.parametrize("name", ["acme/nothing", "acme", "acme/..", "./shop", "acme/shop/x", "acme/sh op"])
async def test_a_repository_that_is_not_there_is_told(hub: Repositories, shop: Repository, name: str) -> None:
    there = shop.commit({"a": "1"})

    for asked in (
        hub.changes(name, base=there, head=there),
        hub.changes(name, base=None, head=there),
        hub.owners(name, at=there, files=["a"]),
    ):
        assert (await refused(asked)).code == "repository-unknown"


async def test_commits_without_common_history_are_told_apart_from_missing_ones(
    hub: Repositories, shop: Repository
) -> None:
    one = shop.commit({"a": "1"})
    other = shop.commit({"a": "1"}, parents=[], branch="orphan")

    assert (await refused(hub.changes("acme/shop", base=one, head=other))).code == "unrelated-commits"


async def test_a_comparison_that_github_cannot_make_is_not_one_of_strangers(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "1"})
    head = shop.commit({"a": "2"})
    forge.faults.arm("answer", path="/compare/", status=422, body="{}")

    error = await refused(hub.changes("acme/shop", base=base, head=head))

    assert (error.code, error.facts) == ("unexpected-status", {"status": 422})


# Who wrote it


@pytest.mark.requirement("P7")
async def test_author_co_authors_and_committer_all_count(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "1"})
    head = shop.commit({"a": "2"}, author="ada", committer="bo", co_authors=["cy"])

    authors = (await hub.changes("acme/shop", base=base, head=head)).authors

    assert {author.email for author in authors} == {"ada@mail.example", "bo@mail.example", "cy@mail.example"}
    assert {author.account for author in authors} - {None} == ids(forge, "ada", "bo")


async def test_what_github_commits_for_somebody_is_not_githubs(hub: Repositories, shop: Repository) -> None:
    base = shop.commit({"a": "1"})
    head = shop.commit({"a": "2"}, author="ada", committer="web-flow")

    assert [a.login for a in (await hub.changes("acme/shop", base=base, head=head)).authors] == ["ada"]


async def test_a_no_reply_address_tells_the_id_and_not_a_login_that_may_be_anothers_by_now(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.commit({"a": "1"})
    cy = forge.user("cy")
    old_address = cy.no_reply
    trailer = f"Change\n\nco-AUTHORED-by : Cy Marsh <{old_address.upper()}>"
    head = shop.commit({"a": "2"}, author="ada", message=trailer)
    forge.rename("cy", "cyrus")
    forge.add_user("cy")

    authors = (await hub.changes("acme/shop", base=base, head=head)).authors

    assert authors[1] == Author(account=str(cy.id), login=None, email=old_address)


async def test_an_author_whom_github_does_not_know_is_known_by_address(
    hub: Repositories, shop: Repository
) -> None:
    base = shop.commit({"a": "1"})
    stranger = Signature(name="Someone", email="Some.One@Laptop.local")
    old_style = Signature(name="Bo", email="bo@users.noreply.github.com")
    head = shop.commit({"a": "2"}, author=stranger, committer=old_style)

    assert (await hub.changes("acme/shop", base=base, head=head)).authors == (
        Author(email="some.one@laptop.local", placed=False),
        Author(login="bo", email="bo@users.noreply.github.com", placed=False),
    )


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Fix it", []),
        ("Fix it\n\nCo-authored-by: Bo <bo@x.example>", ["bo@x.example"]),
        ("Fix it\n\nCO-AUTHORED-BY: Bo <bo@x.example>\r\nco-authored-by:<cy@x.example>\n\n", ["cy@x.example", "bo@x.example"]),
        ("Fix it\n\nCo-authored-by: bo@x.example", ["bo@x.example"]),
        ("Fix it\nCo-authored-by: Bo <bo@x.example>", ["bo@x.example"]),
        ("Fix it\n\nText\nCo-authored-by: Bo <bo@x.example>\nmore", ["bo@x.example"]),
        ("Fix it\n\nCo-authored-by: Bo <bo@x.example>\n\nSigned-off-by: Ada <a@x.example>", ["bo@x.example"]),
        ("Fix it\n\nCo-authored-by: Bo <bo@x.example>\n\nAs said above.", []),
        ("Quote:\n\n> Co-authored-by: Bo <bo@x.example>", []),
        ("Co-authored-by: Bo <bo@x.example>", []),
        ("Fix it\n\nCo-authored-by: Bo", []),
        ("Fix it\n\nCo-authored-by: Bo <bo@x@y>", []),
        ("Fix it\n\nReviewed-by: Bo <bo@x.example>", []),
        ("", []),
    ],
)  # fmt: skip
def test_only_trailers_at_the_end_name_co_authors(message: str, found: list[str]) -> None:
    assert co_authors(message) == found


@given(st.text(max_size=300))
def test_no_message_breaks_the_reading_of_trailers(message: str) -> None:
    assert all("@" in address for address in co_authors(message))


# Who owns it


@pytest.mark.requirement("P8")
async def test_owners_are_those_of_codeowners_at_that_commit(hub: Repositories, shop: Repository) -> None:
    old = shop.codeowners("* @ada\n/pay/ @acme/Payments pay@acme.example\n/free/")
    shop.codeowners("* @dee")

    owners = await hub.owners("acme/shop", at=old, files=["pay/x.py", "README", "free/y", "free/z"])

    assert owners.path == ".github/CODEOWNERS"
    assert (owners.logins, owners.teams) == ({"ada"}, {"acme/payments"})
    assert (owners.emails, owners.unowned, owners.skipped) == ({"pay@acme.example"}, 2, 0)


async def test_the_first_codeowners_in_githubs_order_is_the_only_one(
    hub: Repositories, shop: Repository
) -> None:
    in_docs = shop.codeowners("* @cy", path="docs/CODEOWNERS")
    at_root = shop.codeowners("* @bo", path="CODEOWNERS")
    in_github = shop.codeowners("* @ada", path=".github/CODEOWNERS")
    emptied = shop.codeowners("", path=".github/CODEOWNERS")

    found = [
        await hub.owners("acme/shop", at=at, files=["x"]) for at in (in_docs, at_root, in_github, emptied)
    ]

    assert [sorted(owners.logins) for owners in found] == [["cy"], ["bo"], ["ada"], []]
    assert [owners.path for owners in found][:2] == ["docs/CODEOWNERS", "CODEOWNERS"]
    assert found[-1].unowned == 1


async def test_a_directory_or_submodule_called_codeowners_is_none(
    hub: Repositories, shop: Repository
) -> None:
    shop.commit({".github/CODEOWNERS/x": "* @eve", "CODEOWNERS": File(b"a" * 40, mode="160000")})
    at = shop.codeowners("* @ada", path="docs/CODEOWNERS")

    assert (await hub.owners("acme/shop", at=at, files=["x"])).path == "docs/CODEOWNERS"


async def test_no_codeowners_is_told(hub: Repositories, shop: Repository) -> None:
    at = shop.commit({"a": "1"})

    assert (await refused(hub.owners("acme/shop", at=at, files=["a"]))).code == "no-codeowners"


async def test_a_codeowners_that_github_would_not_load_gives_no_owners(
    hub: Repositories, shop: Repository
) -> None:
    at = shop.codeowners("* @ada\n" + "#" * (3 * 1024 * 1024 - len("* @ada\n")))

    assert (await refused(hub.owners("acme/shop", at=at, files=["a"]))).code == "codeowners-too-large"


async def test_bytes_that_are_no_text_spoil_their_own_line_alone(hub: Repositories, shop: Repository) -> None:
    shop.commit({".github/CODEOWNERS": b"# J\xf6rg\n* @ada\nj\xf6rg.txt @bo\n"})

    owners = await hub.owners("acme/shop", at=shop.head, files=["a", "jörg.txt"])

    assert owners.logins == {"ada"}


async def test_patterns_that_take_for_ever_end_the_question_and_nothing_else(
    session: aiohttp.ClientSession, forge: PretendGitHub, shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = adapter(session, forge)
    monkeypatch.setattr(hub._match, "_limit", 1.0)  # type: ignore[attr-defined]
    at = shop.codeowners("*a*a*a*a*a*a*a*a*a*b @ada")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    error = await refused(hub.owners("acme/shop", at=at, files=["a" * 200]))
    ticking.cancel()

    assert error.code == "codeowners-too-costly"
    assert ticks > 20


async def test_a_match_that_cannot_run_is_no_answer(
    hub: Repositories, shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = shop.codeowners("* @ada")
    monkeypatch.setattr("bot.adapters.child.sys.executable", "/nonexistent/python")

    assert (await refused(hub.owners("acme/shop", at=at, files=["a"]))).code == "codeowners-match-failed"


# What goes wrong on the way


async def test_without_a_token_nothing_is_asked(session: aiohttp.ClientSession, forge: PretendGitHub) -> None:
    error = await refused(adapter(session, forge, token=None).team("acme/x"))

    assert (error.code, forge.asked) == ("no-token", [])


async def test_a_wrong_token_is_told(session: aiohttp.ClientSession, forge: PretendGitHub) -> None:
    assert (await refused(adapter(session, forge, token="another").team("acme/x"))).code == "token-refused"


async def test_the_token_never_crosses_a_network_in_the_clear(
    session: aiohttp.ClientSession, forge: PretendGitHub
) -> None:
    hub = adapter(session, forge, url="http://github.acme.example/api/v3/")

    assert (await refused(hub.team("acme/x"))).code == "insecure-address"


async def test_what_the_token_may_not_do_is_told(hub: Repositories, forge: PretendGitHub) -> None:
    forge.faults.arm("answer", status=403, body='{"message": "Resource not accessible by integration"}')

    assert (await refused(hub.team("acme/x"))).code == "forbidden"


@pytest.mark.parametrize(
    ("status", "headers", "body", "waits_s"),
    [
        (403, {"retry-after": "90"}, "", 90),
        (429, {"retry-after": "90", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, "", 90),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "{noon+600}"}, "", 600),
        (429, {}, "", 60),
        (403, {}, '{"message": "You have exceeded a secondary rate limit."}', 60),
        (403, {"retry-after": "soon"}, "", 60),
        (403, {"retry-after": "9" * 40}, "", 60),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 30}, "", 60),
        (403, {"retry-after": "999999"}, "", 7200),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, "", 1),
    ],
)
async def test_a_rate_limit_is_told_with_its_end_and_kept_quiet_until_then(
    hub: Repositories,
    forge: PretendGitHub,
    clock: StoppedClock,
    status: int,
    headers: dict[str, str],
    body: str,
    waits_s: int,
) -> None:
    forge.team("acme", "x", ["ada"])
    noon = int(clock.now().timestamp())
    filled = {name: value.replace("{noon+600}", str(noon + 600)) for name, value in headers.items()}
    forge.faults.arm("answer", status=status, headers=filled or {"x": "y"}, body=body)
    until = (clock.now() + timedelta(seconds=waits_s)).isoformat()

    first = await refused(hub.team("acme/x"))
    clock.pass_seconds(waits_s - 1)
    second = await refused(hub.account("ada"))
    asked = len(forge.asked)
    clock.pass_seconds(1)

    assert [(e.code, e.facts) for e in (first, second)] == [("rate-limited", {"until": until})] * 2
    assert asked == 1
    assert await hub.team("acme/x") == ids(forge, "ada")


async def test_githubs_own_rate_limit_is_understood(
    hub: Repositories, forge: PretendGitHub, clock: StoppedClock
) -> None:
    forge.remaining, forge.reset = 0, int(clock.now().timestamp()) + 1800

    error = await refused(hub.account("ada"))

    assert error.facts == {"until": datetime.fromtimestamp(forge.reset, UTC).isoformat()}


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "unavailable"), (502, "unavailable"), (503, "unavailable"), (599, "unavailable"),
     (204, "unexpected-status"), (202, "unexpected-status"), (304, "unexpected-status"), (418, "unexpected-status")],
)  # fmt: skip
async def test_a_status_that_is_no_answer_is_told(
    hub: Repositories, forge: PretendGitHub, status: int, code: str
) -> None:
    forge.faults.arm("answer", status=status)

    error = await refused(hub.team("acme/x"))

    assert (error.code, error.facts) == (code, {"status": status})


@pytest.mark.parametrize("kind", ["hang", "trickle"])
async def test_one_call_takes_no_longer_than_its_limit(
    session: aiohttp.ClientSession, forge: PretendGitHub, kind: str
) -> None:
    forge.faults.arm(kind)

    assert (await refused(adapter(session, forge, call_s=0.2).team("acme/x"))).code == "timeout"


async def test_one_question_takes_no_longer_than_its_limit(
    session: aiohttp.ClientSession, serve: Serve, forge: PretendGitHub
) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        page = int(request.query.get("page", 1)) + 1
        link = f'<{request.url.update_query(page=str(page))}>; rel="next"'
        return web.json_response([], headers={"Link": link})

    app = web.Application()
    app.router.add_get("/{any:.*}", slow)
    hub = adapter(session, forge, url=f"http://{await serve(app)}/", call_s=5, answer_s=0.5)

    assert (await refused(hub.team("acme/x"))).code == "timeout"


async def test_an_answer_without_end_is_cut_off(hub: Repositories, forge: PretendGitHub) -> None:
    forge.faults.arm("huge")

    assert (await refused(hub.team("acme/x"))).code == "too-large"


async def test_what_many_answers_hold_together_is_bounded_too(
    hub: Repositories, forge: PretendGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_calls, "_MOST_BYTES_IN_ALL", 20_000)
    many = [f"dev-{number}" for number in range(230)]
    for login in many:
        forge.add_user(login)
    forge.team("acme", "everybody", many)

    assert (await refused(hub.team("acme/everybody"))).code == "too-large"


async def test_a_broken_connection_is_told(hub: Repositories, forge: PretendGitHub) -> None:
    forge.faults.arm("disconnect", times=5)

    assert (await refused(hub.team("acme/x"))).code == "disconnected"


async def test_a_github_that_is_not_there_is_told(
    session: aiohttp.ClientSession, forge: PretendGitHub, closed_port: str
) -> None:
    hub = adapter(session, forge, url=f"http://{closed_port}/")

    assert (await refused(hub.team("acme/x"))).code == "refused"


async def test_a_github_that_speaks_no_tls_is_told(
    session: aiohttp.ClientSession, forge: PretendGitHub
) -> None:
    hub = adapter(session, forge, url=forge.url.replace("http:", "https:"))

    assert (await refused(hub.team("acme/x"))).code == "tls"


@pytest.mark.parametrize(
    ("number", "code"), [(socket.EAI_NONAME, "dns"), (socket.EAI_AGAIN, "dns-unavailable")]
)
async def test_a_github_whose_name_is_not_found_is_told(forge: PretendGitHub, number: int, code: str) -> None:
    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            raise socket.gaierror(number, "no")

        async def close(self) -> None:
            pass

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver())) as session:
        error = await refused(adapter(session, forge, url="https://github.example/").team("acme/x"))

    assert error.code == code


async def test_a_renamed_repository_is_followed(
    hub: Repositories, forge: PretendGitHub, shop: Repository
) -> None:
    base = shop.codeowners("* @ada")
    head = shop.commit({"a": "2"}, author="bo")
    forge.rename_repository("acme/shop", "acme/store")

    assert (await hub.changes("acme/shop", base=base, head=head)).files == ("a",)
    assert (await hub.owners("acme/shop", at=head, files=["a"])).logins == {"ada"}


@pytest.mark.parametrize("way", ["redirect", "next-page"])
@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:9/steal", "https://evil.example/", "http://eve@{home}/x", "file:///etc", "//evil.example/x", ""],
)  # fmt: skip
async def test_the_token_is_not_led_away(
    hub: Repositories, forge: PretendGitHub, target: str, way: str
) -> None:
    there = target.replace("{home}", forge.url.removeprefix("http://").rstrip("/"))
    headers = {"Content-Type": "application/json"}
    if way == "redirect":
        forge.faults.arm("answer", status=301, headers=headers | {"Location": there})
    else:
        forge.faults.arm("answer", body="[]", headers=headers | {"Link": f'<{there}>; rel="next"'})
    asked = hub.team("acme/x")

    if way == "next-page" and not there:
        assert await asked == frozenset()  # leads nowhere
    elif way == "next-page" and there.startswith("//"):
        assert (await refused(asked)).code == "team-unknown"  # gidgethub takes it for a path of the API
    else:
        assert (await refused(asked)).code == "redirect-refused"
        assert len(forge.asked) == 1


async def test_redirects_stay_below_the_path_of_an_enterprise_server(
    session: aiohttp.ClientSession, forge: PretendGitHub
) -> None:
    forge.faults.arm("answer", status=301, headers={"Location": "/login"})
    hub = adapter(session, forge, url=f"{forge.url}api/v3")

    assert (await refused(hub.team("acme/x"))).code == "redirect-refused"
    assert forge.asked[0].path == "/api/v3/orgs/acme/teams/x/members"


async def test_redirects_without_end_are_no_answer(hub: Repositories, forge: PretendGitHub) -> None:
    forge.faults.arm("answer", times=9, status=301, headers={"Location": "/orgs/acme/teams/x/members"})

    assert (await refused(hub.team("acme/x"))).code == "too-many-redirects"
    assert len(forge.asked) == 4


async def test_questions_at_the_same_time_do_not_mix(hub: Repositories, forge: PretendGitHub) -> None:
    forge.team("acme", "one", ["ada"])
    forge.team("acme", "two", ["bo"])
    forge.faults.arm("answer", path="/teams/three", status=500)

    one, two, three = await asyncio.gather(
        hub.team("acme/one"), hub.team("acme/two"), hub.team("acme/three"), return_exceptions=True
    )

    assert (one, two) == (ids(forge, "ada"), ids(forge, "bo"))
    assert isinstance(three, RepositoryError)


async def test_no_error_holds_the_token_or_what_github_wrote(
    session: aiohttp.ClientSession, forge: PretendGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub = adapter(session, forge, call_s=0.2)
    for fault in ("disconnect", "hang", "answer"):
        forge.faults.arm(fault, times=3, status=500, body="s3cret upstream text")
        error = await refused(hub.team("acme/x"))
        forge.faults.clear()
        told = [repr(error), repr(error.facts), repr(error.__cause__), str(vars(error))]
        assert not any(TOKEN in text or "s3cret" in text for text in told)
        assert error.__suppress_context__ or error.__context__ is None
    assert TOKEN not in caplog.text


# The difference of two trees


PATHS = st.sampled_from(["a", "b", "a/b", "a/c", "b/a/c", "d"])
FILES = st.dictionaries(PATHS, st.tuples(st.sampled_from(["100644", "100755"]), st.sampled_from("12")))


def _tree(files: dict[str, tuple[str, str]]) -> Tree:
    entries = [{"path": p, "mode": m, "type": "blob", "sha": s} for p, (m, s) in files.items()]
    entries += [{"path": "a", "mode": "040000", "type": "tree", "sha": "x"}] if "a" not in files else []
    return Tree.model_validate({"truncated": False, "tree": entries})


@given(FILES, FILES)
def test_the_difference_of_trees_is_every_path_that_is_not_the_same(
    before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]
) -> None:
    naive = []
    for path in sorted({*before, *after}):
        if path not in before or path not in after or before[path] != after[path]:
            naive.append(path)  # noqa: PERF401 -- written as one would say it

    assert touched(contents(_tree(before)), contents(_tree(after))) == tuple(naive)


STEPS = st.lists(st.tuples(PATHS, st.sampled_from(["1", "2", None])), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(left=STEPS, right=STEPS)
async def test_what_github_says_of_two_branches_is_every_path_that_differs(
    left: list[tuple[str, str | None]], right: list[tuple[str, str | None]]
) -> None:
    """Over the socket, whatever the two did: compare's three dots and the two trees come to the same."""
    forge = PretendGitHub(token=TOKEN)
    forge.add_user("ada")
    shop = forge.repository("acme/shop")
    fork = shop.commit({"z": "0"})
    ends = [_walk(shop, fork, steps, branch) for steps, branch in ((left, "left"), (right, "right"))]
    await forge.start()
    try:
        async with aiohttp.ClientSession() as session:
            hub = adapter(session, forge)
            for base, head in (ends, ends[::-1], (fork, ends[0])):
                trees = [shop.history.commits[sha].tree for sha in (base, head)]
                differ = {p for p in {*trees[0], *trees[1]} if trees[0].get(p) != trees[1].get(p)}
                assert (await hub.changes("acme/shop", base=base, head=head)).files == tuple(sorted(differ))
    finally:
        await forge.stop()


def _walk(shop: Repository, fork: str, steps: list[tuple[str, str | None]], branch: str) -> str:
    at = fork
    for path, content in steps:
        if content is not None or path in shop.history.commits[at].tree:
            at = shop.commit({path: content}, parents=[at], branch=branch)
    return at
