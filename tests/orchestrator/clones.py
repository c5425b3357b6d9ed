"""How do tests make a ledger with a person's clone of it, and let a second person push there?"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from orchestrator.node.clone_watch import CloneWatch
from orchestrator.node.commit_rules import WATCHED_FOLDERS, WATCHED_PATHS, build_merge
from sync.clone_push import UpstreamBranch
from sync.disk.watch import TreeWatch
from sync.worktree import WorkTree
from tests.templates import BARE_GIT, Template
from tests.waiting import PATIENCE, until

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
CLEAN |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TEMPLATE_DIR": str(BARE_GIT)}
QUIET = 0.3


def git(folder: Path, *words: str, stdin: str = "", codes: tuple[int, ...] = (0,)) -> str:
    """git as a person runs it in a shell; standard output as it is."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=CLEAN, input=stdin.encode(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode in codes, f"git {words}: {done.stderr.decode()}"
    return done.stdout.decode("utf-8", "surrogateescape")


@dataclass
class Clones:
    """A bare ledger, ada's clone, which is watched, and bob's, who pushes as well."""

    folder: Path
    told: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[tuple[str, ...], str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Clones:
        """A ledger with one mission, one project and some documents; all that are made have the same commit."""
        _founded().copy(folder)
        git(folder / "ada", "update-index", "--refresh")  # the index knows files by their inodes
        return cls(folder)

    @classmethod
    def found(cls, folder: Path) -> Clones:
        """The same, made by git."""
        made = cls(folder)
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "ledger.git")
        for name in ("ada", "bob"):
            git(folder, "clone", "--quiet", "ledger.git", name)
            clone = folder / name
            git(clone, "checkout", "--quiet", "-B", "main")
            for key, value in (
                ("user.name", name),
                ("user.email", f"{name}@shiftbook.invalid"),
                ("pull.rebase", "true"),
            ):
                git(clone, "config", key, value)
            if name == "ada":
                files = {
                    "fleet.toml": "[fleet]\nname = 'x'\n",
                    "missions/m.md": "one\n\ntwo\n\nthree\n",
                    "README.md": "r\n",
                }
                made.push(clone, files | {"HEARTBEAT.md": "# beat\n", "projects/shop/PROJECT_CONTEXT.md": "# shop\n"})
        return made

    @property
    def bare(self) -> Path:
        return self.folder / "ledger.git"

    @property
    def ada(self) -> Path:
        return self.folder / "ada"

    @property
    def bob(self) -> Path:
        return self.folder / "bob"

    def push(self, clone: Path, files: dict[str, str | None]) -> str:
        """A person's plain commit and push."""
        if git(self.bare, "for-each-ref"):
            git(clone, "pull", "--quiet", "--rebase", "origin", "main")
        write(clone, files)
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "-m", "by hand")
        git(clone, "push", "--quiet", "-u", "origin", "main")
        return git(clone, "rev-parse", "HEAD").strip()

    def watching(self, *, quiet: float = QUIET, pull: bool = False) -> CloneWatch:
        """What watches ada's clone; told things land in `told`."""
        tree = WorkTree(self.ada, "main", WATCHED_PATHS)

        def tell(event: str, words: str, *, once: bool = False, **_facts: object) -> None:
            if not once or (event, words) not in self.told:
                self.told.append((event, words))

        upstream = UpstreamBranch(tree, build_merge(tree.merged))
        return CloneWatch(tree=tree, upstream=upstream, tell=tell, clock=time.monotonic, quiet=quiet, pull=pull)

    @contextmanager
    def watched(self, *, quiet: float = QUIET, pull: bool = False) -> Iterator[CloneWatch]:
        """Ada's clone is watched, by a real watchdog in a thread, until the block is left."""
        one = self.watching(quiet=quiet, pull=pull)
        eyes, stopped = TreeWatch(one.tree.folder, WATCHED_FOLDERS, one.moved), threading.Event()
        thread = threading.Thread(target=one.run, args=(eyes.refresh, stopped))
        thread.start()
        try:
            until(lambda: one._scanned > 0)  # the watches stand and the first look is over
            yield one
        finally:
            stopped.set()
            one.wake.set()
            thread.join(timeout=PATIENCE)
            eyes.close()
            one.tree.close()

    @contextmanager
    def standing_time(self, one: CloneWatch) -> Iterator[list[float]]:
        """In the block no time passes for the watch but what is added to what this yields, however slow its writer is:
        it cannot take two moves for two edits. Then a minute has passed."""
        now = [one.clock()]
        one.clock = lambda: now[0]
        try:
            yield now
        finally:
            one.clock = lambda: time.monotonic() + 60

    def log(self, clone: Path | None = None, ref: str = "main") -> list[str]:
        """Subjects of the branch, newest first."""
        if (clone or self.bare) == self.bare and ref == "main":
            return self._asked("log", "--format=%s", self._tip()).splitlines()
        return git(clone or self.bare, "log", "--format=%s", ref).splitlines()

    def upstream(self, path: str) -> str | None:
        """A file of the shared branch, which may move between two looks at it."""
        tip = self._tip()
        return self._asked("show", f"{tip}:{path}") if self._asked("ls-tree", tip, path) else None

    def _tip(self) -> str:
        """The shared branch's commit. Who waits for the next one looks every few milliseconds: without a process."""
        return (self.bare / "refs/heads/main").read_text(encoding="ascii").strip()

    def _asked(self, *words: str) -> str:
        """What git says of a commit that the words name in full: asked once, as it never changes."""
        if words not in self.answers:
            self.answers[words] = git(self.bare, *words)
        return self.answers[words]

    def says(self, words: str) -> bool:
        """Whether something like this was told."""
        return any(words in said for _, said in self.told)


@cache
def _founded() -> Template:
    return Template.of(Clones.found)


def write(folder: Path, files: dict[str, str | None]) -> None:
    """Writes files; None deletes."""
    for path, text in files.items():
        target = folder / path
        if text is None:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogateescape"))
