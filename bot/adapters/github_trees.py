"""Which files differ between two commits, by everything that the two hold."""

from bot.adapters.github_shapes import Tree

Contents = dict[str, tuple[str, str]]
"""What stands at each path: its mode and the sha of its bytes."""


def contents(tree: Tree) -> Contents:
    """The files and submodules of a tree. Directories are left out: they differ where what is in them does."""
    return {entry.path: (entry.mode, entry.sha) for entry in tree.tree if entry.type != "tree"}


def touched(before: Contents, after: Contents) -> tuple[str, ...]:
    """Every path that is not the same in both, in order. A renamed file is two: its old name and its new one."""
    return tuple(sorted({path for path, _ in before.items() ^ after.items()}))
