"""The pretend GitHub: what GitHub says in the same case, and hands to make it go wrong."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from sandbox.github import File, PretendGitHub, Repository

TOKEN = "pretend-token"


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Asker:
    """Asks as an app would."""

    session: aiohttp.ClientSession
    forge: PretendGitHub

    async def __call__(self, path: str, *, token: str | None = TOKEN, accept: str = "*/*") -> Answer:
        headers = {"Accept": accept} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = self.forge.url + path
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json"
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, await answer.json() if is_json else raw, found)


@pytest.fixture
async def forge() -> AsyncIterator[PretendGitHub]:
    running = PretendGitHub(token=TOKEN)
    for login in ("ada", "bo", "cy"):
        running.add_user(login)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def ask(forge: PretendGitHub) -> AsyncIterator[Asker]:
    async with aiohttp.ClientSession() as session:
        yield Asker(session, forge)


@pytest.fixture
def shop(forge: PretendGitHub) -> Repository:
    return forge.repository("acme/shop")


def logins(answer: Answer) -> list[str]:
    return [one["login"] for one in answer.body]


async def test_only_its_own_token_is_let_in(ask: Asker) -> None:
    answers = [await ask("users/ada", token=token) for token in (TOKEN, "another", None)]

    assert [answer.status for answer in answers] == [200, 401, 401]
    assert [answer.body.get("message") for answer in answers[1:]] == [
        "Bad credentials",
        "Requires authentication",
    ]


async def test_a_login_can_be_given_to_somebody_else_and_an_id_cannot(
    ask: Asker, forge: PretendGitHub
) -> None:
    first = (await ask("users/ADA")).body["id"]
    forge.rename("ada", "ada-lind")
    assert (await ask("users/ada")).status == 404
    second = forge.add_user("ada")
    forge.remove_user("ada")
    third = forge.add_user("ada")

    assert len({first, second, third}) == 3
    assert (await ask("users/ada-lind")).body["id"] == first
    with pytest.raises(ValueError, match="taken"):
        forge.add_user("Ada")


async def test_a_team_has_the_members_of_its_children_and_nobody_who_is_only_invited(
    ask: Asker, forge: PretendGitHub
) -> None:
    forge.team("acme", "approvers", ["ada"], pending=["cy"])
    forge.team("acme", "night", [], parent="approvers")
    forge.team("acme", "later", ["bo"], parent="night")

    assert logins(await ask("orgs/ACME/teams/approvers/members")) == ["ada", "bo"]
    forge.leave("acme", "later", "bo")
    forge.join("acme", "night", "cy")
    assert logins(await ask("orgs/acme/teams/approvers/members")) == ["ada", "cy"]


async def test_lists_come_in_pages_that_lead_on(ask: Asker, forge: PretendGitHub) -> None:
    forge.team("acme", "approvers", ["ada", "bo", "cy"])

    first = await ask("orgs/acme/teams/approvers/members?per_page=2")
    second = await ask("orgs/acme/teams/approvers/members?per_page=2&page=2")
    beyond = await ask("orgs/acme/teams/approvers/members?per_page=2&page=9")
    odd = await ask("orgs/acme/teams/approvers/members?per_page=x&page=-1")

    assert logins(first) + logins(second) == ["ada", "bo", "cy"]
    assert 'page=2>; rel="next"' in first.headers["link"]
    assert 'rel="next"' not in second.headers["link"]
    assert (beyond.body, logins(odd)) == ([], ["ada", "bo", "cy"])


async def test_the_rate_limit_runs_out_and_says_so(ask: Asker, forge: PretendGitHub) -> None:
    forge.remaining = 1

    answers = [await ask("users/ada"), await ask("users/ada")]

    assert [answer.status for answer in answers] == [200, 403]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["0", "0"]
    assert answers[1].headers["x-ratelimit-reset"] == str(forge.reset)


async def test_a_comparison_starts_at_the_last_common_commit(ask: Asker, shop: Repository) -> None:
    fork = shop.commit({"a": "1", "old": "same"})
    left = shop.commit({"a": "2"}, parents=[fork], branch="left")
    right = shop.commit({"new": "same", "old": None}, author="bo", parents=[fork], branch="right")

    diverged = (await ask(f"repos/acme/shop/compare/{left}...{right}")).body
    behind = (await ask(f"repos/acme/shop/compare/{left}...{fork}")).body
    merged = shop.commit({}, parents=[left, right], branch="main")
    ahead = (await ask(f"repos/acme/shop/compare/{right}...{merged}")).body

    assert (diverged["status"], diverged["ahead_by"], diverged["behind_by"]) == ("diverged", 1, 1)
    assert diverged["merge_base_commit"]["sha"] == fork
    assert [(f["status"], f["filename"], f["previous_filename"]) for f in diverged["files"]] == [
        ("renamed", "new", "old")
    ]
    assert (behind["status"], behind["commits"], behind["files"]) == ("behind", [], [])
    assert (ahead["status"], [one["sha"] for one in ahead["commits"]]) == ("ahead", [left, merged])


async def test_a_comparison_tells_at_most_300_files_and_only_on_its_first_page(
    ask: Asker, shop: Repository
) -> None:
    base = shop.commit({"a": "1"})
    shop.commit({f"f{number}": "x" for number in range(310)})
    head = shop.commit({"a": "2"})

    pages = [await ask(f"repos/acme/shop/compare/{base}...{head}?per_page=1&page={n}") for n in (1, 2)]

    assert [len(page.body["files"]) for page in pages] == [300, 0]
    assert [len(page.body["commits"]) for page in pages] == [1, 1]
    assert {page.body["total_commits"] for page in pages} == {2}


async def test_commits_without_a_common_ancestor_have_no_comparison(ask: Asker, shop: Repository) -> None:
    one = shop.commit({"a": "1"})
    other = shop.commit({"a": "1"}, parents=[], branch="orphan")

    assert (await ask(f"repos/acme/shop/compare/{one}...{other}")).status == 404
    assert (await ask(f"repos/acme/shop/compare/{one}")).status == 404


async def test_a_commit_names_the_accounts_behind_its_addresses_as_they_are_called_now(
    ask: Asker, forge: PretendGitHub, shop: Repository
) -> None:
    sha = shop.commit({"a": "1"}, message="Fix", author="ada", committer="web-flow", co_authors=["bo"])
    forge.rename("ada", "ada-lind")

    commit = (await ask(f"repos/acme/shop/commits/{sha[:8]}")).body

    assert (commit["author"]["login"], commit["committer"]["login"]) == ("ada-lind", "web-flow")
    assert commit["commit"]["author"]["email"] == "ada@mail.example"
    assert commit["commit"]["message"] == "Fix\n\nCo-authored-by: bo <bo@mail.example>"


@pytest.mark.parametrize("ref", ["0" * 40, "abc", "nowhere"])
async def test_a_commit_that_is_not_there_is_422_and_elsewhere_404(
    ask: Asker, shop: Repository, ref: str
) -> None:
    there = shop.commit({"a": "1"})

    statuses = [
        (await ask(f"repos/acme/shop/{path}")).status
        for path in (
            f"commits/{ref}",
            f"compare/{there}...{ref}",
            f"git/trees/{ref}",
            f"contents/a?ref={ref}",
        )
    ]

    assert statuses == [422, 404, 404, 404]
    assert (await ask("repos/acme/other/commits/main")).status == 404


async def test_a_tree_holds_what_git_would_say_of_it(ask: Asker, shop: Repository) -> None:
    shop.commit({"a/b/hello": "hello\n", "run": File(b"#!", mode="100755"), "lib": File(b"c" * 40, "160000")})

    whole = (await ask("repos/acme/shop/git/trees/main?recursive=1")).body
    top = (await ask("repos/acme/shop/git/trees/main")).body
    entries = {one["path"]: (one["mode"], one["type"]) for one in whole["tree"]}

    assert entries == {
        "a": ("040000", "tree"),
        "a/b": ("040000", "tree"),
        "a/b/hello": ("100644", "blob"),
        "lib": ("160000", "commit"),
        "run": ("100755", "blob"),
    }
    assert {one["sha"] for one in whole["tree"]} >= {"ce013625030ba8dba906f756967f9e9ca394464a", "c" * 40}
    assert ([one["path"] for one in top["tree"]], whole["truncated"]) == (["a", "lib", "run"], False)


async def test_a_large_tree_is_cut_and_says_so() -> None:
    forge = PretendGitHub(token=TOKEN, tree_limit=2)
    forge.add_user("ada")
    forge.repository("acme/shop").commit({"a": "1", "b": "1", "c": "1"})
    await forge.start()
    async with aiohttp.ClientSession() as session:
        body = (await Asker(session, forge)("repos/acme/shop/git/trees/main?recursive=1")).body
    await forge.stop()

    assert (len(body["tree"]), body["truncated"]) == (2, True)


async def test_a_file_comes_raw_or_in_json_and_a_directory_always_in_json(
    ask: Asker, shop: Repository
) -> None:
    at = shop.codeowners("* @ada")
    shop.codeowners("* @bo")
    shop.commit({"big": "x" * 1_100_000})
    raw = "application/vnd.github.v3.raw"

    old = await ask(f"repos/acme/shop/contents/.github/CODEOWNERS?ref={at}", accept=raw)
    new = await ask("repos/acme/shop/contents/.github/CODEOWNERS")
    big = await ask("repos/acme/shop/contents/big")
    folder = await ask("repos/acme/shop/contents/.github", accept=raw)

    assert old.body == b"* @ada"
    assert base64.b64decode(new.body["content"]) == b"* @bo"
    assert (big.body["encoding"], big.body["content"]) == ("none", "")
    assert [one["name"] for one in folder.body] == ["CODEOWNERS"]
    assert (await ask("repos/acme/shop/contents/nothing", accept=raw)).status == 404


async def test_a_renamed_repository_leads_to_its_id_until_the_name_is_taken(
    ask: Asker, forge: PretendGitHub, shop: Repository
) -> None:
    sha = shop.commit({"a": "1"})
    forge.rename_repository("acme/shop", "acme/store")

    moved = await ask(f"repos/acme/shop/commits/{sha}?per_page=1")
    there = await ask(moved.headers["location"].removeprefix(forge.url))
    forge.repository("acme/shop").commit({"b": "1"})

    assert (moved.status, there.body["sha"]) == (301, sha)
    assert moved.headers["location"].endswith(f"/repositories/{shop.id}/commits/{sha}?per_page=1")
    assert (await ask(f"repos/acme/shop/commits/{sha}")).status == 422


async def test_faults_come_as_often_and_where_they_are_armed(ask: Asker, forge: PretendGitHub) -> None:
    forge.faults.arm("answer", path="/users/", after=1, times=2, status=502, body="{}")

    statuses = [(await ask(path)).status for path in ("users/ada", "nowhere", *["users/ada"] * 3)]

    assert statuses == [200, 404, 502, 502, 200]
    assert [asked.status for asked in forge.asked] == [200, 404, None, None, 200]
    forge.faults.arm("hang")
    forge.faults.clear()
    assert (await ask("users/ada")).status == 200


@pytest.mark.parametrize("kind", ["hang", "trickle", "huge"])
async def test_a_fault_without_end_ends_with_its_client(ask: Asker, forge: PretendGitHub, kind: str) -> None:
    forge.faults.arm(kind)
    impatient = aiohttp.ClientTimeout(total=0.2)

    async def listen() -> None:
        async with ask.session.get(forge.url + "users/ada", timeout=impatient) as answer:
            async for _ in answer.content.iter_any():
                pass

    with pytest.raises(TimeoutError):
        await listen()
    assert (await ask("users/ada")).status == 200


async def test_a_broken_connection_is_one(ask: Asker, forge: PretendGitHub) -> None:
    forge.faults.arm("disconnect", times=9)

    with pytest.raises(aiohttp.ClientError):
        await ask("users/ada")


@pytest.mark.parametrize(("kind", "times"), [("burn", 1), ("hang", 0)])
def test_a_fault_that_makes_no_sense_is_refused(kind: str, times: int) -> None:
    with pytest.raises(ValueError):
        PretendGitHub().faults.arm(kind, times=times)


async def test_what_was_asked_is_on_record(ask: Asker, forge: PretendGitHub) -> None:
    await ask("users/ada?x=1")
    await ask("users/eve", token=None)

    assert [(a.path, a.query, a.token, a.status) for a in forge.asked] == [
        ("/users/ada", {"x": "1"}, TOKEN, 200),
        ("/users/eve", {}, None, 401),
    ]
