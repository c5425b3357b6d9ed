"""Which Git repositories are discovered under a folder, and what would each be as a project?

Nothing of them is run: git is only asked for settings and refs, with hooks off, and files are read. Links are not
followed, hidden folders and those of dependencies are left out, and the search is bounded in depth and number.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from missions.errors import BadName
from missions.mission import NO_PROJECT, slug
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.repository_address import without_credentials
from orchestrator.execution.workspace.project_server import NO_LAZY_FETCH
from orchestrator.execution.workspace.served_repository import UPDATES_FILES, local_path, served_repository
from orchestrator.workflow.assignment.project_profile import bare_address, repository_name
from orchestrator.workflow.projects.inspection import repository_files
from orchestrator.workflow.projects.toolchain import find_toolchain, tool_paths
from sync.errors import GitError
from sync.git import Git

MAX_DEPTH = 4
MAX_FOLDERS = 20_000
"""Most folders that one search looks into."""
LS_REMOTE_TIMEOUT_SECONDS = 30.0
SKIPPED_FOLDERS = frozenset(
    {"node_modules", "venv", "__pycache__", "site-packages", "vendor", "target", "dist", "build"}
)


@dataclass(frozen=True, kw_only=True)
class DiscoveredRepository:
    """A repository as it may become a project. `here` is where it lies on this machine, if it does.

    `local`: its address is a path, which other machines do not have.
    """

    name: str
    url: str
    branch: str = "main"
    setup: str = ""
    test: str = ""
    tools: tuple[str, ...] = ()
    on_approval: str = ""
    forge: str = ""
    forge_url: str = ""
    here: str = ""
    aliases: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    """Where it is reached by a path: its hooks, and its settings that may name a program."""

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return local_path(self.url) is not None


def discover(folder: Path, *, depth: int = MAX_DEPTH) -> tuple[list[DiscoveredRepository], list[str]]:
    """The repositories under a folder, by name, and in words what could not be read. Raises NotFound."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is no folder")
    found: dict[str, DiscoveredRepository] = {}
    wrong: list[str] = []
    for each in _find_repositories(folder.resolve(), depth):
        try:
            made = repository_from_folder(each)
        except (GitError, WrongSetting) as error:
            wrong.append(f"{each}: {' '.join(str(error).split())[:200]}")
            continue
        found.setdefault(bare_address(made.url), made)  # two clones, or a work tree beside its clone, are one project
    return sorted(_with_unique_names(found).values(), key=lambda one: one.name), wrong


def repository_from_folder(folder: Path, *, name: str = "", named: bool = False) -> DiscoveredRepository:
    """A clone, or a bare repository, on this machine: by the address of its `origin`, else by its path.

    A bare repository that a person `named` is meant itself: people push into it, whatever it was cloned from.

    Raises GitError, and WrongSetting where it has no commit or no name can be made of it.
    """
    folder = folder.resolve()
    git = Git(folder)
    origin = without_credentials(git.text("config", "--get", "remote.origin.url", codes=(0, 1)))
    itself = named and _is_bare(folder)
    url = str(folder) if itself else _absolute_url(origin, folder) or str(folder)
    branch = _default_branch(git)
    found = find_toolchain(repository_files(folder, branch))
    return DiscoveredRepository(
        name=project_name(name or repository_name(url)),
        url=url,
        branch=branch,
        setup=found.setup,
        test=found.test,
        tools=tools_here(found.programs),
        here=str(folder),
        runs=_runs(url),
    )


def addresses_of(folder: Path) -> tuple[str, ...]:
    """Under which addresses a clone on this machine may be a project: its `origin` and its own path."""
    origin = without_credentials(Git(folder).text("config", "--get", "remote.origin.url", codes=(0, 1)))
    return _absolute_url(origin, folder), str(folder)


def repository_from_url(url: str, *, name: str = "", branch: str = "") -> DiscoveredRepository:
    """A repository by its address; asks its server for the default branch where none is given. Raises WrongSetting."""
    clean = without_credentials(url)
    if clean != url:
        raise WrongSetting("URL", "it holds a password or a token; leave it out, and use git's credential helper")
    if url.startswith("-") or re.match(r"^[A-Za-z0-9+.-]+::", url):
        raise WrongSetting("URL", "not a Git URL or a path that may be cloned")
    return DiscoveredRepository(
        name=project_name(name or repository_name(url)),
        url=url,
        branch=branch or _remote_default_branch(url),
        runs=_runs(url),
    )


def _runs(url: str) -> tuple[str, ...]:
    there = served_repository(url, Path.cwd())
    if there is None:
        return ()
    return tuple(each for each in there.runs if not (there.tree and each == UPDATES_FILES))  # its owner said so


def tools_here(programs: Iterable[str]) -> tuple[str, ...]:
    """What a sandbox on this machine must be shown for these programs, as `projects.NAME.tools` says it.

    Virtual environments are passed over: the one in which this runs is no tool of the project's.
    """
    folders = (os.environ.get("PATH") or os.defpath).split(os.pathsep)
    path = os.pathsep.join(each for each in folders if not _is_environment(each))
    found = (shutil.which(program, path=path) for program in programs)
    return tuple(dict.fromkeys(path for each in found if each for path in tool_paths(each, Path.home())))


def _is_environment(folder: str) -> bool:
    """Whether it holds the programs of a virtual environment; one that nobody here may look into is passed over, too:
    a PATH may come from somebody else (`su`, `sudo`)."""
    try:
        return Path(folder, os.pardir, "pyvenv.cfg").exists()
    except OSError:
        return True


def project_name(text: str) -> str:
    """A project's name made of a word. Raises WrongSetting."""
    try:
        name = slug(text)
    except BadName as error:
        raise WrongSetting("--name", str(error)) from error
    if name == NO_PROJECT:
        raise WrongSetting("--name", f"“{NO_PROJECT}” means no project in a mission's file; give another name")
    return name


def _find_repositories(top: Path, depth: int) -> Iterator[Path]:
    """Folders that are repositories, the nearest first; what lies inside of one is its own business."""
    level, seen = [top], 0
    for _ in range(depth + 1):
        below: list[Path] = []
        for folder in level:
            seen += 1
            if seen > MAX_FOLDERS:
                return
            if (folder / ".git").exists() or _is_bare(folder):
                yield folder
            else:
                below += _folders(folder)
        level = below


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".") and name not in SKIPPED_FOLDERS]


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _absolute_url(url: str, folder: Path) -> str:
    """A relative path as it is seen from elsewhere; any other address as it is."""
    if not url or re.match(r"[A-Za-z0-9+.-]+://", url) or re.match(r"[^/]+:", url):
        return url
    return str((folder / url).resolve())


def _default_branch(git: Git) -> str:
    """The default branch: the server's, as the clone knows it, else what is checked out. Raises WrongSetting."""
    said = git.text("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD", codes=(0, 1, 128))
    here = git.text("symbolic-ref", "--quiet", "--short", "HEAD", codes=(0, 1, 128))
    branches = [said.removeprefix("origin/"), "main", "master", here]
    refs = git.refs("refs/heads/", "refs/remotes/origin/")
    found = next((b for b in branches if b and {f"refs/heads/{b}", f"refs/remotes/origin/{b}"} & refs.keys()), "")
    if not found:
        raise WrongSetting("PATH", f"{git.folder} has no commit on any branch yet")
    return found


def _remote_default_branch(url: str) -> str:
    try:
        out = (
            Git(Path("/"))
            .run("ls-remote", "--symref", "--", url, "HEAD", timeout=LS_REMOTE_TIMEOUT_SECONDS, env=NO_LAZY_FETCH)
            .decode("utf-8", "replace")
        )
    except (GitError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise WrongSetting(
            "URL", f"it cannot be reached ({without_credentials(why)}); --branch adds it all the same"
        ) from error
    found = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", out, re.MULTILINE)
    if found is None:
        raise WrongSetting("URL", "it has no default branch yet; name one with --branch")
    return found[1]


def _with_unique_names(found: Mapping[str, DiscoveredRepository]) -> dict[str, DiscoveredRepository]:
    """Two repositories of one name get the name of the folder or owner above them, too."""
    names = [one.name for one in found.values()]
    made: dict[str, DiscoveredRepository] = {}
    for key, one in found.items():
        owner = re.split(r"[/:]", key)[-2] if names.count(one.name) > 1 and "/" in key else ""
        made[key] = DiscoveredRepository(**{**vars(one), "name": slug(f"{owner}-{one.name}") if owner else one.name})
    return made
