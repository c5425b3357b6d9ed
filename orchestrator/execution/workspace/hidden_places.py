"""Can a place in a project be shown empty, or does a link lead around that?"""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def link_around(tree: Path, name: str) -> str:
    """The part of the path `name` in `tree` that is a link to the whole tree, or to a place outside, which inside the
    sandbox may be the tree again (`/proc/self/cwd`): what lies there cannot be shown empty. "" where none is.

    Each part is looked at: a link in place of a folder leads as far as one in place of what is in it.
    """
    path = PurePosixPath(name)
    ways = [*reversed(path.parents), path][1:]
    return next((str(way) for way in ways if _leads_out(tree, tree / way)), "")


def _leads_out(tree: Path, place: Path) -> bool:
    if not place.is_symlink():
        return False
    try:
        found, work = place.resolve(), tree.resolve()
    except (OSError, RuntimeError):
        return False  # a circle leads nowhere
    return found == work or not found.is_relative_to(work)
