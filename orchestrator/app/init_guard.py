"""May a ledger be made in this folder, and what if that fails half-way in somebody's repository?

`init` typed in a project's folder would put the ledger's files into the project's main branch and push them to its
server. So that is done on a person's word only, and leaves nothing behind where it fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.app import ledger_templates
from orchestrator.ledger.trust.files import SIGNERS_PATH
from sync.errors import GitError
from sync.git import Git


@dataclass(frozen=True, kw_only=True)
class RepositoryInUse:
    """A repository that is somebody's already. `server` is where `init` would push to; "" where it has none yet."""

    top: Path
    branch: str
    server: str

    @property
    def says(self) -> str:
        """What making a ledger there would do, in words."""
        way = (
            f"push them to {self.branch} of {self.server}" if self.server else "share them through a repository beside"
        )
        return f"{self.top} is a repository with work in it; a ledger there would add its own files and {way}"


def repository_in_use(folder: Path) -> RepositoryInUse | None:
    """The repository that a folder is or lies in, if it has commits and is no ledger; else None."""
    place = next((each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir()), None)
    if place is None:
        return None
    git = Git(place)
    try:
        top = Path(git.text("rev-parse", "--show-toplevel"))
        head = git.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}", codes=(0, 1, 128))
        server = git.text("remote", "get-url", "origin", codes=(0, 2))
        branch = git.text("symbolic-ref", "--quiet", "--short", "HEAD", codes=(0, 1, 128)) or "its branch"
    except (GitError, OSError):
        return None
    if not head or (top / "fleet.toml").exists() or _in_upstream(git, branch):
        return None
    return RepositoryInUse(top=top, branch=branch, server=server)


@contextmanager
def undone_on_failure(folder: Path) -> Iterator[None]:
    """Puts a repository back to what it was where what is done in it fails, unless it was pushed by then."""
    git = Git(folder)
    kept = _KeptState.of(git, folder)
    try:
        yield
    except BaseException:
        with suppress(GitError, OSError):
            kept.restore(git)
        raise


@dataclass(frozen=True, kw_only=True)
class _KeptState:
    """What a ledger's setup may change in a repository."""

    folder: Path
    head: str
    git_files: Mapping[Path, bytes | None]
    files: Mapping[Path, bytes | None]

    @classmethod
    def of(cls, git: Git, folder: Path) -> _KeptState:
        """As it is now. Raises GitError, OSError."""
        named = (*ledger_templates.ledger_files(folder.name), ".gitattributes", SIGNERS_PATH)
        inner = [
            Path(git.text("rev-parse", "--path-format=absolute", "--git-path", name)) for name in ("config", "index")
        ]
        return cls(
            folder=folder,
            head=git.text("rev-parse", "HEAD"),
            git_files={path: _bytes(path) for path in inner},
            files={folder / name: _bytes(folder / name) for name in named},
        )

    def restore(self, git: Git) -> None:
        """Takes the new commits of the branch, files and settings back. Raises GitError, OSError."""
        branch = git.text("symbolic-ref", "--short", "HEAD")
        refs = git.refs(f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
        now = refs.get(f"refs/heads/{branch}", "")
        if now != self.head and now == refs.get(f"refs/remotes/origin/{branch}"):
            return  # others have it: it goes on from there with the same command
        git.run("update-ref", f"refs/heads/{branch}", self.head, now)
        for path, data in (*self.files.items(), *self.git_files.items()):
            if data is not None:
                path.write_bytes(data)
            elif path.exists():
                path.unlink()
                _remove_empty(path.parent, self.folder)


def _in_upstream(git: Git, branch: str) -> bool:
    """Whether the server's branch, as it was last seen, is a ledger: the clone is only behind."""
    return git.call("cat-file", "-e", f"refs/remotes/origin/{branch}:fleet.toml", codes=(0, 1, 128))[0] == 0


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _remove_empty(folder: Path, top: Path) -> None:
    with suppress(OSError):
        while folder != top and folder.is_relative_to(top):
            folder.rmdir()
            folder = folder.parent
