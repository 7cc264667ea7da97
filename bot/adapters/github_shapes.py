"""The parts of GitHub's answers that are read, checked as they come in: what does not have this shape is no answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter

Sha = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
Path = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Account(_Shape):
    """A user, a bot or an organization. The id is never given to anybody else; the login is."""

    id: Annotated[int, Field(gt=0)]
    login: str
    type: str


def _nobody(value: object) -> object:
    """GitHub says null, and in places {}, where no account has the address of a commit."""
    return None if value == {} else value


Somebody = Annotated[Account | None, BeforeValidator(_nobody)]


class Signature(_Shape):
    """What the commit itself says of who made it; anybody can write anything there."""

    email: str | None = None


class GitCommit(_Shape):
    """The commit as git has it."""

    author: Signature | None = None
    committer: Signature | None = None
    message: str


class Commit(_Shape):
    """A commit, and the accounts that GitHub finds behind its addresses."""

    sha: Sha
    commit: GitCommit
    author: Somebody = None
    committer: Somebody = None


class Named(_Shape):
    """What is told by its sha alone."""

    sha: Sha


class ChangedFile(_Shape):
    """One file of a comparison."""

    filename: Path
    status: str
    previous_filename: Path | None = None


class Comparison(_Shape):
    """One page of BASE...HEAD: commits of head that base has not, and what they did to the files since the two had
    their last common commit. The files stand on the first page only, at most 300 of them."""

    status: Literal["ahead", "behind", "diverged", "identical"]
    total_commits: Annotated[int, Field(ge=0)]
    base_commit: Named
    commits: list[Commit]
    files: list[ChangedFile] | None = None


class TreeEntry(_Shape):
    """A file, a directory or a submodule."""

    path: Path
    mode: str
    type: str
    sha: str


class Tree(_Shape):
    """All that a commit holds. `truncated`: there is more than GitHub tells at once."""

    truncated: bool
    tree: list[TreeEntry]


ACCOUNTS: TypeAdapter[list[Account]] = TypeAdapter(list[Account])
