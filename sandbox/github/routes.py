"""The parts of GitHub's REST API that the pretend one serves, each with its own pages and errors."""

from collections.abc import Mapping, MutableMapping

from aiohttp import web

from sandbox.github.answers import (
    commit_json,
    comparison_json,
    contents_answer,
    repository_json,
    tree_json,
)
from sandbox.github.history import Commit, Repository
from sandbox.github.people import People
from sandbox.github.shapes import Json, Problem, not_found

_MOST_A_PAGE = 100
_MOST_COMMITS_A_PAGE = 250


class Routes:
    """Answers requests from the state that the scene has set."""

    def __init__(
        self,
        people: People,
        repositories: Mapping[str, Repository],
        moved: MutableMapping[str, int],
        *,
        tree_limit: int,
    ) -> None:
        self._people = people
        self._repositories = repositories
        self._moved = moved
        self._tree_limit = tree_limit

    def add_to(self, app: web.Application) -> None:
        """Serve them all."""
        add = app.router.add_get
        add("/users/{login}", self._user)
        add("/orgs/{org}/teams/{team}/members", self._members)
        for where in ("/repos/{owner}/{name}", "/repositories/{id}"):
            add(where, self._repository)
            add(where + "/commits/{ref}", self._commit)
            add(where + "/compare/{basehead}", self._compare)
            add(where + "/git/trees/{ref}", self._tree)
            add(where + "/contents/{path:.+}", self._contents)

    async def _user(self, request: web.Request) -> web.Response:
        account = self._people.by_login(request.match_info["login"])
        return web.json_response(account.as_json() | {"name": None, "email": None})

    async def _members(self, request: web.Request) -> web.Response:
        found = self._people.members(request.match_info["org"], request.match_info["team"])
        page = _page(request, default=30, most=_MOST_A_PAGE)
        listed: list[Json] = [account.as_json() for account in found[page]]
        return _paged(request, listed, page, len(found))

    async def _repository(self, request: web.Request) -> web.Response:
        return web.json_response(repository_json(self._found(request)))

    async def _commit(self, request: web.Request) -> web.Response:
        commit = self._at(request, request.match_info["ref"], status=422)
        return web.json_response(commit_json(self._people, commit) | {"files": []})

    async def _compare(self, request: web.Request) -> web.Response:
        base, dots, head = request.match_info["basehead"].partition("...")
        if not dots:
            raise not_found()
        commits = self._at(request, base), self._at(request, head)
        page = _page(request, default=_MOST_COMMITS_A_PAGE, most=_MOST_COMMITS_A_PAGE)
        body, total = comparison_json(self._people, self._found(request), *commits, page)
        return _paged(request, body, page, total)

    async def _tree(self, request: web.Request) -> web.Response:
        commit = self._at(request, request.match_info["ref"])
        recursive = "recursive" in request.query  # whatever it says, as GitHub has it
        return web.json_response(tree_json(commit, recursive=recursive, most=self._tree_limit))

    async def _contents(self, request: web.Request) -> web.Response:
        commit = self._at(request, request.query.get("ref", "main"))
        raw = ".raw" in request.headers.get("Accept", "")
        return contents_answer(commit.tree, request.match_info["path"], raw=raw)

    def _found(self, request: web.Request) -> Repository:
        """The repository that the path names; one that moved is told where to, as GitHub does."""
        by_id = {str(one.id): one for one in self._repositories.values()}
        if "id" in request.match_info:
            found = by_id.get(request.match_info["id"])
        else:
            name = f"{request.match_info['owner']}/{request.match_info['name']}".lower()
            found = self._repositories.get(name)
            if found is None and name in self._moved:
                rest = request.rel_url.raw_path_qs.split("/", 4)[4:]
                to = "/".join([f"{request.url.origin()}/repositories/{self._moved[name]}", *rest])
                raise Problem(301, "Moved Permanently", Location=to)
        if found is None:
            raise not_found()
        return found

    def _at(self, request: web.Request, ref: str, *, status: int = 404) -> Commit:
        found = self._found(request).history.find(ref)
        if found is None:
            raise Problem(status, f"No commit found for SHA: {ref}" if status == 422 else "Not Found")
        return found


def _page(request: web.Request, *, default: int, most: int) -> slice:
    """What part of a list this page is."""
    try:
        size = min(int(request.query.get("per_page", default)), most)
        number = int(request.query.get("page", 1))
    except ValueError:
        size, number = default, 1
    size, number = size if size > 0 else default, max(number, 1)
    return slice((number - 1) * size, number * size)


def _paged(request: web.Request, body: Json | list[Json], page: slice, total: int) -> web.Response:
    """A page of a list, with the Link header that leads on."""
    size = page.stop - page.start
    number, last = page.start // size + 1, max(-(-total // size), 1)
    to = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    if number >= last:
        del to["next"], to["last"]
    if number == 1:
        del to["prev"], to["first"]
    links = [f'<{request.url.update_query(page=str(at))}>; rel="{rel}"' for rel, at in to.items()]
    return web.json_response(body, headers={"Link": ", ".join(links)} if links else None)
