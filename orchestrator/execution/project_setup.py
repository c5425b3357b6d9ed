"""How are a project's dependencies set up, once per state of its lock files, for all later runs to read?

The project's `setup` line runs on the default branch as it is, in the sandbox but with the network, in a folder of its
own. What it leaves there (`.venv`, `node_modules`) is shown to runs read-only, at its place in their tree. Such folders
name files by the path at which they were made, so each run sees its tree there, too: an editable install leads to the
files that the run changes, and not to those of the set-up.

A workspace that shows another commit, such as a merge queue's, gets the set-up of the default branch as long as both
depend on the same. Otherwise it gets one made of that very commit, which nothing else uses: what it holds, a result
that may never land has made.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from handoff.secrets.excerpts import redacted_excerpt
from missions.mission import slug
from missions.plain_data import read_json
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.process.runner import CommandResult, Ending, run
from orchestrator.execution.turn import describe_cut_off
from orchestrator.execution.workspace.clone import Workspace, Workspaces
from orchestrator.execution.workspace.run_tools import (
    SETUP_FILE,
    SETUPS_FOLDER,
    RunTools,
    expand_home,
    machine_tools,
)
from orchestrator.execution.workspace.tree_walk import remove_tree
from sync import files

SETUP_TIMEOUT_SECONDS = 1800.0
KEPT_SETUPS = 3
"""Set-ups that are kept for each project beyond those of the last day, the newest."""
KEPT_SECONDS = 86_400.0
MAX_PARTS = 200
BUILT_FOLDERS = re.compile(
    r"target|build|dist|out|tmp|coverage|.*\.egg-info|__pycache__|\.[\w-]*cache|\.(?:next|nuxt|tox)"
)
"""Folders that builds and tests write, so that each run has its own."""
LOCK_FILES = re.compile(
    r"(?:.*\.lock|.*-lock\.(?:json|yaml)|npm-shrinkwrap\.json|bun\.lockb|package\.json|pyproject\.toml|setup\.(?:py|cfg)"
    r"|[\w.-]*requirements[\w.-]*\.(?:txt|in)|constraints[\w.-]*\.txt|environment\.ya?ml|Pipfile|Gemfile|Cargo\.toml"
    r"|go\.(?:mod|sum|work)|composer\.json|mix\.exs|\.(?:python|node|ruby)-version|\.nvmrc|\.tool-versions)"
)
"""Files by whose names it is told what a project depends on."""
REGISTRY_VARIABLES = re.compile(
    r"(?:PIP|UV|NPM_CONFIG|npm_config|YARN|PNPM|CARGO_(?:HTTP|NET|REGISTRIES|REGISTRY))_\w+"
    r"|GO(?:PROXY|PRIVATE|NOPROXY|NOSUMDB|SUMDB|INSECURE)|(?i:https?_proxy|all_proxy|no_proxy)"
    r"|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS"
)
"""What of the node's environment says how package registries are reached; a set-up sees it, a run does not."""
STATE_VARIABLES = re.compile(
    r"(?i).*_(?:cache|cache_dir|prefix|target|user|tool_dir|install_dir|project_environment|root)"
)
"""Of those, the ones that would have the set-up write elsewhere."""
REGISTRY_FILES = (
    ".npmrc",
    ".yarnrc.yml",
    ".pip",
    ".config/pip",
    ".config/uv",
    ".cargo/config.toml",
)
SYSTEM_REGISTRY_FILES = ("/etc/pip.conf", "/etc/npmrc", "/etc/uv", "/usr/local/etc/npmrc")
ABSOLUTE_PATH = re.compile(r"(?<![\w:/.])/[^\s:;,'\"#]+")


@dataclass(frozen=True, kw_only=True)
class ProjectSetups:
    """The set-ups of projects on this node. `private` is the node's own folder, `environ` and `home` its user's."""

    sandbox: Sandbox
    workspaces: Workspaces
    private: Path
    home: Path
    environ: Mapping[str, str]
    root: str = ""
    """Another root file system than the machine's, in which a set-up is another one."""
    clock: Callable[[], float] = time.time

    def tools(self, project: Project, base: Workspace, stop: Stop, say: Callable[[str], None]) -> RunTools:
        """What runs at a workspace of the project see beside it; the set-up is made first where it is not there yet.

        Raises WorkspaceFailed with what the set-up printed, and WrongSetting.
        """
        found = machine_tools(project.tools, home=self.home, private=self.private)
        found = replace(found, tested_with=tuple(self._test_files(project)))
        if not project.setup:
            return found
        if self.sandbox.name == "none":
            say("[without a sandbox the project's setup is not run: its tools must be on the machine]")
            return found
        try:
            return self._with_setup(project, base, found, stop, say)
        except (OSError, Timeout, ValueError, KeyError, TypeError) as error:
            raise WorkspaceFailed(f"the set-up of {project.name} cannot be kept: {error}") from error

    def _test_files(self, project: Project) -> Iterator[tuple[Path, str]]:
        for target, source in project.test_files:
            path = expand_home(source, self.home)
            if not path.is_file():
                why = f"projects.{project.name}.test_files: {source} is not on this node"
                raise WorkspaceFailed(f"{why}: put it there, or have another node work on it (`to:`)")
            yield path, target

    def _with_setup(
        self, project: Project, base: Workspace, found: RunTools, stop: Stop, say: Callable[[str], None]
    ) -> RunTools:
        top = self.workspaces.cache / SETUPS_FOLDER / f"{slug(project.name)}-{_digest(project.url)[:12]}"
        place = top / self._key(project, base)
        home = place / "home" if _stands_apart(base) else top / "home"
        top.mkdir(parents=True, exist_ok=True)
        with FileLock(top.with_suffix(".lock")).acquire(cancel_check=stop.is_set):
            if not (place / SETUP_FILE).exists():
                say(f"[the project's setup: {project.setup}]")
                self._make(project, base, place, home, found, stop, say)
            os.utime(place / SETUP_FILE)
            _remove_old(top, place, self.clock())
        parts = read_json((place / SETUP_FILE).read_text(encoding="utf-8"))["parts"]
        return _as_tools(found, place, home, base, [str(part) for part in parts])

    def _key(self, project: Project, at: Workspace) -> str:
        """A name for the set-up of what a workspace shows."""
        apart = [("", at.shown)] if _stands_apart(at) else []
        return setup_key(project, [*_lock_files(at), *apart], self.root)

    def _make(
        self,
        project: Project,
        base: Workspace,
        place: Path,
        home: Path,
        found: RunTools,
        stop: Stop,
        say: Callable[[str], None],
    ) -> None:
        remove_tree(place)
        place.mkdir()
        home.mkdir(exist_ok=True)
        made = self.workspaces.open(project, mission="setup", attempt=1, folder=place, stop=stop)
        if _stands_apart(base):
            made = made.at(base.shown, base.folder / "git", base.shown_ref, stop=stop)
        if place.name != self._key(project, made):
            raise WorkspaceFailed(
                f"{project.name} moved on while its set-up was made: it is made with the next attempt"
            )
        ran = self._run(project, made, home, found, stop, say)
        if ran.ending is not Ending.EXIT or ran.exit_code:
            raise WorkspaceFailed(_failure(project, ran))
        parts = made_parts(made)
        files.replace(place / SETUP_FILE, json.dumps({"setup": project.setup, "parts": parts}) + "\n", durable=False)
        say(f"[set up in {ran.seconds:.0f} s: {', '.join(parts) or 'nothing was left in the tree'}]")

    def _run(
        self, project: Project, made: Workspace, home: Path, found: RunTools, stop: Stop, say: Callable[[str], None]
    ) -> CommandResult:
        words, shown = registry_access(self.environ, self.home)
        system = (os.environ.get("PATH") or os.defpath).split(os.pathsep)
        environment = {
            **words,
            **found.variables,
            "PATH": os.pathsep.join((*found.path, *system)),
            "HOME": str(home),
            "CI": "true",
            **{name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ},
        }
        confinement = Confinement(
            writable=made.tree,
            protected=made.protected,
            readable=(*found.readable, *shown),
            kept=(home,),
            views=tuple((self.home / name, home / name) for name in REGISTRY_FILES if (self.home / name).exists()),
            environment=environment,
            network=True,
        )
        return run(
            self.sandbox.command(["/bin/sh", "-c", project.setup or ":"], confinement),
            folder=made.tree,
            environment=environment,
            output=made.folder / "output.log",
            timeout=SETUP_TIMEOUT_SECONDS,
            stop=stop,
            say=say,
            confinement=confinement,
        )


def setup_key(project: Project, lock_files: Iterable[tuple[str, str]], root: str = "") -> str:
    """A name for one state of what a project depends on: its set-up line, its tools, its lock files' contents,
    its root file system."""
    return _digest(json.dumps([project.setup, list(project.tools), sorted(lock_files), *filter(None, [root])]))[:16]


def registry_access(environ: Mapping[str, str], home: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """How package registries are reached from here: variables, and the files that those and the clients' settings name.

    Never a whole home or root.
    """
    words = {
        name: value
        for name, value in environ.items()
        if REGISTRY_VARIABLES.fullmatch(name) and not STATE_VARIABLES.fullmatch(name)
    }
    texts = [*words.values()]
    for path in (*(home / name for name in REGISTRY_FILES), *map(Path, SYSTEM_REGISTRY_FILES)):
        inner = sorted(path.iterdir()) if path.is_dir() else [path]
        texts += [each.read_text(encoding="utf-8", errors="replace") for each in inner if each.is_file()]
    named = {Path(found) for text in texts for found in ABSOLUTE_PATH.findall(text)}
    allowed = [path for path in named if path.exists() and not home.is_relative_to(path.resolve())]
    system = [path for path in map(Path, SYSTEM_REGISTRY_FILES) if path.exists()]
    return words, tuple(sorted({*allowed, *system}))


def made_parts(made: Workspace) -> list[str]:
    """The folders of dependencies that a set-up left in its tree. Links and files are left out."""
    paths = [path.rstrip("/") for path in made.repository.untracked()[:MAX_PARTS]]
    folders = [path for path in paths if (made.tree / path).is_dir() and not (made.tree / path).is_symlink()]
    return [path for path in folders if not BUILT_FOLDERS.fullmatch(PurePosixPath(path).name)]


def _as_tools(found: RunTools, place: Path, home: Path, base: Workspace, parts: list[str]) -> RunTools:
    """The tools with what the set-up made, found by the path at which it was made."""
    tree = place / "tree"
    programs = [tree / part / name for part in parts for name in ("bin", ".bin") if (tree / part / name).is_dir()]
    programs += [home / name for name in (".local/bin", ".cargo/bin", "go/bin") if (home / name).is_dir()]
    variables = {"UV_NO_SYNC": "1", "UV_OFFLINE": "1", "CARGO_NET_OFFLINE": "true", "GOPROXY": "off"}
    kept = {"CARGO_HOME": home / ".cargo", "GOMODCACHE": home / "go/pkg/mod", "VIRTUAL_ENV": tree / ".venv"}
    variables |= {name: str(path) for name, path in kept.items() if path.is_dir()}
    return replace(
        found,
        readable=(*found.readable, home),
        path=(*map(str, programs), *found.path),
        variables={**found.variables, **variables},
        parts=tuple((tree / part, part) for part in parts),
        views=((base.folder / "git", place / "git"),),
        also_at=tree,
    )


def _lock_files(made: Workspace) -> list[tuple[str, str]]:
    """What the project depends on, as paths and Git's names of their contents."""
    blobs = replace(made.repository, base=made.shown or made.base).blobs()
    return [(path, oid) for path, oid in blobs if LOCK_FILES.fullmatch(PurePosixPath(path).name)]


def _stands_apart(at: Workspace) -> bool:
    """Whether a workspace shows what depends on something else than the default branch that it began from."""
    return bool(at.shown) and _lock_files(at) != _lock_files(replace(at, shown=""))


def _remove_old(top: Path, place: Path, now: float) -> None:
    """Removes set-ups that nothing has used for a day, but the newest ones."""
    done = sorted(top.glob(f"*/{SETUP_FILE}"), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in done[KEPT_SETUPS:]:
        if each.parent != place and now - each.stat().st_mtime > KEPT_SECONDS:
            each.unlink()
            remove_tree(each.parent)


def _failure(project: Project, ran: CommandResult) -> str:
    how = (
        f"ended with exit code {ran.exit_code}"
        if ran.ending is Ending.EXIT
        else describe_cut_off(ran.ending, ran.seconds, ran.why)
    )
    tail = [line.strip() for line in ran.output.splitlines() if line.strip()][-3:]
    said = f"the set-up of {project.name} {how}: `{project.setup}`: {redacted_excerpt(' · '.join(tail), 300)}"
    return f"{said}; `shiftbook project edit {project.name} --setup …` changes it"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
