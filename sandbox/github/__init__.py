"""A pretend GitHub on loopback: accounts, teams, repositories and their history, over the REST API's own shapes."""

from sandbox.github.faults import Fault, Faults
from sandbox.github.history import File, Repository, Signature
from sandbox.github.server import Asked, PretendGitHub

__all__ = ["Asked", "Fault", "Faults", "File", "PretendGitHub", "Repository", "Signature"]
