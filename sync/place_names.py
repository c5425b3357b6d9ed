"""May a name that somebody else chose be a file's or a folder's, below a folder of ours?

`folder / ".."` is above the folder, `folder / "/x"` is no longer in it, and a name with a slash is more than one.
Whoever makes a path of a name calls `below`; a name that is no single one raises before anything is touched.
"""

from __future__ import annotations

import re
from pathlib import Path

from sync.errors import UnsafeName

MAX_NAME_BYTES = 255
"""What common file systems take."""
_NOT_NAMES = {"", ".", ".."}
_GIT_FOLDER = re.compile(r"(?:\.git|git~1)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL)
"""What some file system takes for the folder `.git`; a backslash divides names there."""
_UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What HFS+ leaves out of a name."""


def is_place_name(name: str) -> bool:
    """Whether it is one plain name, on every system: no separator, no drive, nothing that cannot be printed."""
    if name in _NOT_NAMES or not name.isprintable() or not {"/", "\\", ":"}.isdisjoint(name):
        return False
    return len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES


def below(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`. Raises UnsafeName."""
    if not is_place_name(name):
        raise UnsafeName(name)
    return folder / name


def is_tree_name(name: str) -> bool:
    """Whether a folder of a Git tree may hold this name: Git checks out no other, on any system (core.protectNTFS and
    core.protectHFS in git-config(1))."""
    if name in _NOT_NAMES or "\0" in name or "/" in name:
        return False
    return not any(_GIT_FOLDER.fullmatch(part) for part in _UNSEEN.sub("", name).split("\\"))
