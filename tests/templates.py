"""How are fleets and repositories had again without making them again?

A folder is copied, and what names the folder is rewritten.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BARE_GIT = Path(__file__).parent / "git_template"
"""What git begins a test's repository with (GIT_TEMPLATE_DIR): no hooks to copy, no `gc --auto` after a push."""


@dataclass(frozen=True)
class Template:
    """A folder that was made once. Two copies share what is random in it, keys and first commits."""

    folder: Path
    naming: list[Path] = field(default_factory=list)
    """Its files that name it, relative to it."""

    @classmethod
    def of(cls, make: Callable[[Path], object]) -> Template:
        """Makes one, which is gone when the tests are over."""
        folder = Path(tempfile.mkdtemp(prefix="template-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        make(folder)
        files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        naming = [path for path in files if str(folder).encode() in path.read_bytes()]
        assert not [path for path in naming if b"\0" in path.read_bytes()], "a path in a file that is no text"
        return cls(folder, [path.relative_to(folder) for path in naming])

    def copy(self, to: Path) -> None:
        """Makes `to`, which may exist, another one."""
        shutil.copytree(self.folder, to, symlinks=True, dirs_exist_ok=True)
        for path in self.naming:
            there = to / path
            there.write_bytes(there.read_bytes().replace(str(self.folder).encode(), str(to).encode()))
