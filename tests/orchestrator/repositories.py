"""How do tests make a project's server and look into it?"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sync.git import Git
from tests.templates import BARE_GIT, Template

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TEMPLATE_DIR": str(BARE_GIT),
    **{f"GIT_{role}_{key}": f"t@{key}" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
}


def git(folder: Path, *args: str, stdin: str = "") -> str:
    """git's standard output, stripped; a failure fails the test."""
    done = subprocess.run(
        ["git", *args], cwd=folder, env=CLEAN, input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def head(folder: Path) -> str:
    """The commit of the branch that is checked out in a clone."""
    return Git(folder).tip((folder / ".git" / "HEAD").read_text(encoding="utf-8").removeprefix("ref:").strip())


@dataclass(frozen=True, kw_only=True)
class Server:
    """A project's bare repository, with the clone that a person pushes from."""

    folder: Path
    person: Path

    @classmethod
    def make(cls, tmp: Path) -> Server:
        """A server with one commit on main; all that are made have the same one."""
        _founded().copy(tmp)
        git(tmp / "person", "update-index", "--refresh")  # the index knows files by their inodes
        return cls.within(tmp)

    @classmethod
    def within(cls, folder: Path) -> Server:
        """The one that was made in a folder, or copied to it."""
        return cls(folder=folder / "server.git", person=folder / "person")

    @classmethod
    def found(cls, tmp: Path) -> Server:
        """The same, made by git."""
        made = cls.within(tmp)
        git(tmp, "init", "--quiet", "--bare", "--initial-branch=main", str(made.folder))
        git(tmp, "clone", "--quiet", str(made.folder), str(made.person))
        git(made.person, "checkout", "--quiet", "-B", "main")
        made.push({"README.md": "hello\n", "src/app.py": "print('hello')\n" * 30, "src/old.py": "x = 1\n" * 30})
        return made

    def push(self, files: dict[str, str], *, branch: str = "main") -> str:
        """Commits files and pushes them; returns the commit."""
        for name, text in files.items():
            (self.person / name).parent.mkdir(parents=True, exist_ok=True)
            (self.person / name).write_text(text)
        git(self.person, "add", "--all")
        git(self.person, "commit", "--quiet", "-m", "a person's commit")
        git(self.person, "push", "--quiet", "origin", f"HEAD:{branch}")
        return head(self.person)

    def refs(self) -> dict[str, str]:
        """Every branch with its commit."""
        return {ref.removeprefix("refs/heads/"): oid for ref, oid in Git(self.folder).refs("refs/heads/").items()}

    def show(self, revision: str) -> str:
        """What git says of an object."""
        return git(self.folder, "show", revision)


@cache
def _founded() -> Template:
    return Template.of(Server.found)
