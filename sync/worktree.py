"""How do some files of a person's work tree become a commit, and nothing else in it is touched?

The commit is made beside the person's index, from HEAD and those files alone; the branch moves by compare-and-swap.
Afterwards those files' entries in the index follow, each only if it still was what HEAD had. What is staged stays.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sync import files
from sync.errors import FileRefused, GitError, ObjectTooLarge, SigningFailed, cause
from sync.git import Git, GitStore
from sync.objects import EXECUTABLE, FILE, edit_tree, find, load_commit
from sync.own_commits import OwnCommits
from sync.remote import MAX_OBJECT_BYTES, Oid

TRAILER = "Committed-By: shiftbook watch"
"""The line that tells people how a commit came to be. Nothing is decided by it: `made` knows which were made here."""
NO_BLOB = "0" * 40
OPERATIONS_IN_PROGRESS = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "sequencer": "a series of picks",
    "BISECT_LOG": "a bisection",
}
READ_ONLY_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1"}
"""Looking must not write the index, and a file may be called `*.md`."""
NO_PROMPT_ENVIRONMENT = {"SSH_ASKPASS_REQUIRE": "never"}
"""A background process must not pop up a question for a passphrase."""
MAX_PATH_ARGUMENTS = 200
"""Paths that fit on a command line in any case."""


@dataclass(frozen=True, kw_only=True)
class WorkTreeStatus:
    """What differs from HEAD. `open` are files to commit, `staged` those that the person has put into the index,
    `refused` those that git cannot even compare, with the reason."""

    open: tuple[str, ...]
    staged: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


class WorkTree:
    """A person's clone with `branch` checked out. `roots` are the paths that are looked at."""

    def __init__(self, folder: Path, branch: str, roots: Sequence[str]) -> None:
        """Raises GitError when `folder` is in no repository."""
        self._git = Git(folder)
        self.folder = Path(self._git.text("rev-parse", "--show-toplevel"))
        self._git = Git(self.folder)
        self.branch, self._roots = branch, tuple(roots)
        self.git_dir = Path(self._git.text("rev-parse", "--absolute-git-dir"))
        self.store = GitStore(_common_folder(self.git_dir))
        self._intent = self.git_dir / "shiftbook-watch.json"
        self.made = OwnCommits(self._git, self.git_dir / "shiftbook-made.json")

    @property
    def git(self) -> Git:
        """git in this clone: no hooks, no prompts."""
        return self._git

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.branch}"

    def head(self) -> Oid:
        """The branch's newest commit here. Raises GitError when there is none."""
        return self._git.tip(self.ref)

    def busy(self) -> str:
        """Why nothing may be committed now, in words; empty when nothing is in the way."""
        for name, what in OPERATIONS_IN_PROGRESS.items():
            if (self.git_dir / name).exists():
                return f"{what} is under way"
        if (self.git_dir / "index.lock").exists():
            return "another git is at work (index.lock)"
        here = self._git.text("symbolic-ref", "--quiet", "HEAD", codes=(0, 1))
        if here != self.ref:
            return f"{here.removeprefix('refs/heads/') or 'a single commit'} is checked out, not {self.branch}"
        return ""

    def changes(self, paths: Sequence[str] = ()) -> WorkTreeStatus:
        """What differs from HEAD at these paths, or at all roots. What Git ignores is left out.

        Where git fails at one file, the others are asked one by one. Raises GitError if it fails at none of them.
        """
        asked = tuple(paths) if 0 < len(paths) <= MAX_PATH_ARGUMENTS else self._roots
        try:
            found = self._status(asked)
        except GitError as error:
            found, refused = [], dict[str, str]()
            for path in self._touched(asked):
                try:
                    found += self._status((path,))
                except GitError as own:
                    refused[path] = cause(own.stderr)
            if not refused:
                raise error from None
            return _sorted_status(found, refused)
        return _sorted_status(found, {})

    def _status(self, paths: Sequence[str]) -> list[tuple[str, bool]]:
        words = ("--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all")
        out = self._git.run("status", *words, "--", *paths, env=READ_ONLY_ENVIRONMENT)
        return [_parse_status(line) for line in out.decode("utf-8", "surrogateescape").split("\0") if line]

    def _touched(self, paths: Sequence[str]) -> list[str]:
        """What may differ, by size and time alone: no filter is run to see it."""
        commands = (
            ("diff-files", "--name-only", "--ignore-submodules=all", "-z"),
            ("diff-index", "--cached", "--name-only", "--no-renames", "-z", self.ref),
            ("ls-files", "--others", "--exclude-standard", "-z"),
        )
        outs = [self._git.run(*words, "--", *paths, env=READ_ONLY_ENVIRONMENT) for words in commands]
        names = b"".join(outs).decode("utf-8", "surrogateescape").split("\0")
        return list(dict.fromkeys(filter(None, names)))

    def commit(self, files: Mapping[str, bytes | None], message: str) -> Oid | None:
        """Commits these bytes (None: a deletion) onto the branch, in the person's name; None if that changes nothing.

        Raises FileRefused for a file that Git does not take as it is, SigningFailed when it cannot sign as it is told
        to, and GitError, for one when the branch has moved.
        """
        head = self.head()
        stored = {path: self._stored(path, data) for path, data in files.items()}
        before = load_commit(self.store, head).tree
        tree = edit_tree(self.store, before, stored) or self.store.put("tree", b"")
        if tree == before:
            return None
        new = self.commit_tree(tree, head, f"{message}\n\n{TRAILER}\n")
        entries = {
            path: (_index_entry(self.store, before, path), _index_entry(self.store, tree, path)) for path in files
        }
        self._plan({"commit": new, "entries": entries})
        self.made.note(new)
        self._git.run("update-ref", "-m", f"shiftbook watch: {message.splitlines()[0]}", self.ref, new, head)
        self.settle()
        return new

    def commit_tree(self, tree: Oid, parent: Oid, message: str) -> Oid:
        """A commit in the person's name, signed if this clone signs. Raises SigningFailed and GitError."""
        person = Git(self.folder, as_person=True)  # only there the person's setting is in force
        signs = person.text("config", "--type=bool", "--get", "commit.gpgSign", codes=(0, 1)) == "true"
        words = ["commit-tree", *(["-S"] if signs else []), "-p", parent, "-F", "-", tree]
        try:
            return self._git.run(*words, stdin=message.encode(), env=NO_PROMPT_ENVIRONMENT).decode().strip()
        except GitError as error:
            if signs and "tell me who you are" not in error.stderr:
                why = " ".join(error.stderr.split()) or "no reason given"
                raise SigningFailed("git cannot sign a commit by itself (a passphrase needs an agent)", why) from error
            raise

    def settle(self) -> bool:
        """Lets the index follow what was committed, also if that was before a crash. False: later, it is locked."""
        if not self._intent.exists():
            return True
        if (self.git_dir / "index.lock").exists():
            return False
        plan = json.loads(self._intent.read_text(encoding="utf-8"))
        if self.store.descends(self.head(), plan["commit"]):
            self._follow(plan["entries"])
        self._intent.unlink()
        return True

    def forward(self, to: Oid) -> bool:
        """Moves branch, index and clean files to `to`, all or nothing. False: files with changes are in the way."""
        head = self.head()
        words = ("read-tree", "-m", "-u", "--no-recurse-submodules", head, to)
        if self._git.call(*words, codes=(0, 1, 128))[0] != 0:
            return False
        self._git.run("update-ref", "-m", "shiftbook watch: forward", self.ref, to, head)
        return True

    def merged(self, mine: bytes, before: bytes, theirs: bytes) -> bytes | None:
        """Both changes of a text line by line, as git merges it; None where they touch the same place."""
        with tempfile.TemporaryDirectory(prefix="shiftbook-") as folder:
            names = [Path(folder) / name for name in ("mine", "before", "theirs")]
            for path, data in zip(names, (mine, before, theirs), strict=True):
                path.write_bytes(data)
            code, out, _ = self._git.call("merge-file", "-p", "--quiet", *map(str, names), codes=range(256))
        return out if code == 0 else None

    def close(self) -> None:
        """Ends the reader processes."""
        self.store.close()

    def _stored(self, path: str, data: bytes | None) -> bytes | None:
        """The bytes as the repository keeps them: line ends and filters as the person has set them."""
        if data is None:
            return None
        try:
            oid = self._git.run("hash-object", "-w", "--stdin", f"--path={path}", stdin=data).decode().strip()
            return self.store.get(oid, MAX_OBJECT_BYTES)
        except GitError as error:
            raise FileRefused(path, cause(error.stderr)) from error
        except ObjectTooLarge as error:
            raise FileRefused(path, str(error)) from error

    def _plan(self, plan: Mapping[str, Any]) -> None:
        files.replace(self._intent, json.dumps(plan))

    def _follow(self, entries: Mapping[str, Sequence[str]]) -> None:
        here = dict(self._index(list(entries)))
        lines = [
            f"{new}\t{path}" if new else f"0 {NO_BLOB}\t{path}"
            for path, (old, new) in entries.items()
            if here.get(path, "") == old
        ]
        data = "".join(line + "\0" for line in lines).encode("utf-8", "surrogateescape")
        self._git.run("update-index", "-z", "--index-info", stdin=data)

    def _index(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The index's entries: path, and mode with blob."""
        asked = paths if len(paths) <= MAX_PATH_ARGUMENTS else self._roots
        out = self._git.run("ls-files", "-z", "--stage", "--", *asked, env=READ_ONLY_ENVIRONMENT).decode(
            "utf-8", "surrogateescape"
        )
        for line in filter(None, out.split("\0")):
            facts, _, path = line.partition("\t")
            mode, oid, stage = facts.split()
            yield path, f"{mode} {oid}" if stage == "0" else "unmerged"


def _index_entry(store: GitStore, tree: Oid, path: str) -> str:
    entry = find(store, tree, path)
    return f"{entry.mode} {entry.oid}" if entry and entry.mode in (FILE, EXECUTABLE) else ""


def _sorted_status(found: Sequence[tuple[str, bool]], refused: Mapping[str, str]) -> WorkTreeStatus:
    staged = {path for path, in_index in found if in_index}  # one that was taken out of the index is listed twice
    opened = dict.fromkeys(path for path, _ in found if path not in staged)
    return WorkTreeStatus(open=tuple(opened), staged=tuple(sorted(staged)), refused=refused)


def _parse_status(line: str) -> tuple[str, bool]:
    """One record of `status --porcelain=v2`: the path, and whether the person has a hand on it in the index."""
    kind, _, rest = line.partition(" ")
    if kind == "?":
        return rest, False
    fields = rest.split(" ", 7 if kind == "1" else 9)
    return fields[-1], kind != "1" or fields[0][0] != "." or fields[0] == ".A"  # `git add --intent-to-add`


def _common_folder(git_dir: Path) -> Path:
    """Where a worktree that is linked to another clone has its objects (gitrepository-layout(5), commondir)."""
    link = git_dir / "commondir"
    return git_dir / link.read_text(encoding="utf-8").rstrip("\n") if link.is_file() else git_dir
