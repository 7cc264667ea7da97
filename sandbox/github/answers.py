"""What the pretend GitHub says of commits, trees and files, in the REST API's own shapes."""

import base64

from aiohttp import web

from sandbox.github.history import SUBMODULE, Commit, File, Repository, Signature, Tree, tree_sha
from sandbox.github.people import People
from sandbox.github.shapes import Json, not_found

FILES_OF_A_COMPARISON = 300
_LARGEST_IN_JSON = 1024 * 1024


def repository_json(repository: Repository) -> Json:
    """The repository itself."""
    return {
        "id": repository.id,
        "name": repository.name.partition("/")[2],
        "full_name": repository.name,
        "private": True,
        "default_branch": "main",
    }


def commit_json(people: People, commit: Commit) -> Json:
    """A commit with the accounts that its addresses belong to now."""
    author, committer = people.by_email(commit.author.email), people.by_email(commit.committer.email)
    at = commit.at.isoformat().replace("+00:00", "Z")
    return {
        "sha": commit.sha,
        "commit": {
            "author": _signature_json(commit.author, at),
            "committer": _signature_json(commit.committer, at),
            "message": commit.message,
            "tree": {"sha": commit.tree_sha},
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
        },
        "author": author and author.as_json(),
        "committer": committer and committer.as_json(),
        "parents": [{"sha": sha} for sha in commit.parents],
    }


def comparison_json(
    people: People, repository: Repository, base: Commit, head: Commit, page: slice
) -> tuple[Json, int]:
    """One page of BASE...HEAD, and how many commits there are in all. Files stand on the first page only."""
    history = repository.history
    ancestor = history.merge_base(base.sha, head.sha)
    ahead, behind = history.between(base.sha, head.sha), history.between(head.sha, base.sha)
    body: Json = {
        "status": _status(len(ahead), len(behind)),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "base_commit": commit_json(people, base),
        "merge_base_commit": commit_json(people, ancestor),
        "commits": [commit_json(people, commit) for commit in ahead[page]],
        "files": [],
    }
    if page.start == 0:
        body["files"] = changed_files(ancestor.tree, head.tree)[:FILES_OF_A_COMPARISON]
    return body, len(ahead)


def changed_files(before: Tree, after: Tree) -> list[Json]:
    """The files that differ, by path. A file that moved without a change is a rename; git would see more of them."""
    gone = {path: file for path, file in before.items() if path not in after}
    found: list[Json] = []
    for path, file in sorted(after.items()):
        old = before.get(path)
        if old == file:
            continue
        entry: Json = {"filename": path, "sha": file.sha, "status": "added" if old is None else "modified"}
        moved = next(
            (was for was, what in sorted(gone.items()) if old is None and what.sha == file.sha), None
        )
        if moved is not None:
            del gone[moved]
            entry |= {"status": "renamed", "previous_filename": moved}
        found.append(entry)
    found += [{"filename": path, "sha": file.sha, "status": "removed"} for path, file in gone.items()]
    return sorted(found, key=lambda entry: str(entry["filename"]))


def tree_json(commit: Commit, *, recursive: bool, most: int) -> Json:
    """The tree of a commit; cut, and said to be, where it has more than `most` entries."""
    entries: dict[str, Json] = {}
    for path, file in commit.tree.items():
        folders = path.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            folder = "/".join(folders[:depth])
            inside = {p: f for p, f in commit.tree.items() if p.startswith(folder + "/")}
            if folder not in entries:
                entries[folder] = _entry(folder, "040000", "tree", tree_sha(inside))
        kind = "commit" if file.mode == SUBMODULE else "blob"
        entries[path] = _entry(path, file.mode, kind, file.sha)
    listed = [entries[path] for path in sorted(entries) if recursive or "/" not in path]
    return {"sha": commit.tree_sha, "tree": listed[:most], "truncated": len(listed) > most}


def contents_answer(tree: Tree, path: str, *, raw: bool) -> web.Response:
    """A file, raw where that was asked for; a directory or a submodule, which are told in JSON whatever was asked."""
    file = tree.get(path)
    if file is None or file.mode == SUBMODULE:
        return web.json_response(_no_file(tree, path, file))
    if raw:
        kind = "application/vnd.github.v3.raw; charset=utf-8"
        return web.Response(body=file.content, headers={"Content-Type": kind})
    small = len(file.content) <= _LARGEST_IN_JSON
    body = {"type": "file", "path": path, "sha": file.sha, "size": len(file.content)}
    body |= {
        "encoding": "base64" if small else "none",
        "content": base64.encodebytes(file.content).decode() if small else "",
    }
    return web.json_response(body)


def _no_file(tree: Tree, path: str, submodule: File | None) -> Json | list[Json]:
    if submodule is not None:
        return {"type": "submodule", "path": path, "sha": submodule.sha}
    inside = sorted({name[len(path) + 1 :].partition("/")[0] for name in tree if name.startswith(f"{path}/")})
    if not inside:
        raise not_found()
    return [{"type": "file", "name": name, "path": f"{path}/{name}"} for name in inside]


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


def _signature_json(signature: Signature, at: str) -> Json:
    return {"name": signature.name, "email": signature.email, "date": at}


def _entry(path: str, mode: str, kind: str, sha: str) -> Json:
    return {"path": path, "mode": mode, "type": kind, "sha": sha}
