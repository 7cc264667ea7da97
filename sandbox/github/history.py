"""Repositories: commits, what each holds, and how one differs from another."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sandbox.github.shapes import Problem

_FIRST = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class File:
    """What stands at a path. `mode` as git has it: 100644, 100755 (may be run), 120000 (a link), 160000 (a submodule,
    whose content is the sha of its commit)."""

    content: bytes
    mode: str = "100644"

    @property
    def sha(self) -> str:
        """The sha of the blob, as git makes it."""
        if self.mode == SUBMODULE:
            return self.content.decode()
        return _sha(b"blob", self.content)


Tree = dict[str, File]
Content = str | bytes | File | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a commit says of who made it."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit with everything that it holds."""

    sha: str
    parents: tuple[str, ...]
    message: str
    author: Signature
    committer: Signature
    at: datetime
    number: int
    tree: Tree = field(repr=False)

    @property
    def tree_sha(self) -> str:
        """The sha of the whole tree: the same where all is the same."""
        return tree_sha(self.tree)


class History:
    """The commits of one repository. A branch is a name for one of them."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self.branches: dict[str, str] = {}

    def add(
        self,
        files: Mapping[str, Content],
        *,
        message: str,
        author: Signature,
        committer: Signature,
        parents: Sequence[str],
    ) -> Commit:
        """A commit on top of `parents`; a file that is None is gone."""
        tree: Tree = dict(self.commits[parents[0]].tree) if parents else {}
        for path, content in files.items():
            if content is None:
                del tree[path]
            else:
                tree[path] = _file(content)
        number = len(self.commits)
        lines = [tree_sha(tree), *parents, repr(author), repr(committer), str(number), message]
        commit = Commit(
            sha=_sha(b"commit", "\n".join(lines).encode()),
            parents=tuple(parents),
            message=message,
            author=author,
            committer=committer,
            at=_FIRST + timedelta(minutes=number),
            number=number,
            tree=tree,
        )
        self.commits[commit.sha] = commit
        return commit

    def find(self, name: str) -> Commit | None:
        """A commit by branch, by sha or by a beginning of its sha that no other has."""
        if name in self.branches:
            return self.commits[self.branches[name]]
        if len(name) < 4:
            return None
        found = [commit for sha, commit in self.commits.items() if sha.startswith(name)]
        return found[0] if len(found) == 1 else None

    def ancestors(self, sha: str) -> set[str]:
        """A commit and everything before it."""
        found: set[str] = set()
        ahead = [sha]
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead.extend(self.commits[one].parents)
        return found

    def merge_base(self, base: str, head: str) -> Commit:
        """The last commit that both have; raises Problem 404 where they have none."""
        common = self.ancestors(base) & self.ancestors(head)
        if not common:
            raise Problem(404, f"No common ancestor between {base} and {head}.")
        older = {a for one in common for parent in self.commits[one].parents for a in self.ancestors(parent)}
        return max((self.commits[one] for one in common - older), key=lambda commit: commit.number)

    def between(self, base: str, head: str) -> list[Commit]:
        """The commits that head has and base has not, oldest first."""
        only = self.ancestors(head) - self.ancestors(base)
        return sorted((self.commits[one] for one in only), key=lambda commit: commit.number)


class Repository:
    """A repository, as a scene is set in it. Its id is for good; its name may change."""

    def __init__(self, id_: int, name: str, sign: "Signer") -> None:
        self.id = id_
        self.name = name
        self.history = History()
        self._sign = sign

    @property
    def head(self) -> str:
        """The newest commit of the branch `main`."""
        return self.history.branches["main"]

    def commit(
        self,
        files: Mapping[str, Content],
        *,
        message: str = "Change it",
        author: str | Signature = "ada",
        committer: str | Signature | None = None,
        co_authors: Sequence[str] = (),
        parents: Sequence[str] | None = None,
        branch: str = "main",
    ) -> str:
        """Commit to a branch and give the sha. `author`, `committer` and `co_authors` are logins, or what the commit
        shall say; `parents` are where the branch stands, unless told; a file that is None is deleted."""
        signed = self._sign(author)
        trailers = [f"Co-authored-by: {who.name} <{who.email}>" for who in map(self._sign, co_authors)]
        before = self.history.branches.get(branch, self.history.branches.get("main"))
        on = parents if parents is not None else [before] if before else []
        commit = self.history.add(
            files,
            message="\n\n".join([message, *(["\n".join(trailers)] if trailers else [])]),
            author=signed,
            committer=signed if committer is None else self._sign(committer),
            parents=on,
        )
        self.history.branches[branch] = commit.sha
        return commit.sha

    def codeowners(self, text: str, *, path: str = ".github/CODEOWNERS", author: str = "ada") -> str:
        """Commit a CODEOWNERS file and give the sha."""
        return self.commit({path: text}, message="Say who owns what", author=author)

    def branch(self, name: str, sha: str) -> None:
        """Let a branch stand at a commit."""
        self.history.branches[name] = sha


class Signer:
    """Turns a login into what its commits say. Overridden by whoever knows the accounts."""

    def __call__(self, who: str | Signature) -> Signature:
        return who if isinstance(who, Signature) else Signature(name=who, email=f"{who}@mail.example")


def tree_sha(tree: Tree) -> str:
    """One sha for everything that a tree holds."""
    lines = [f"{file.mode} {file.sha}\t{path}" for path, file in sorted(tree.items())]
    return _sha(b"tree", "\n".join(lines).encode("utf-8", "surrogateescape"))


def _file(content: str | bytes | File) -> File:
    if isinstance(content, File):
        return content
    return File(content.encode() if isinstance(content, str) else content)


def _sha(kind: bytes, content: bytes) -> str:
    return hashlib.sha1(kind + b" %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
