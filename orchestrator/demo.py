"""Does the main job work on this machine? A fleet of two real processes over one bare repository, and four missions.

A person's part is done with plain git, a node's by `shiftbook node run`; what is checked at the end is what a person
would look at. Nothing outside the throw-away folder is touched.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError
from sync.git import Git

PATIENCE = 90.0
"""Seconds that any one thing may take before the demo gives up."""
TICKS = 8
"""Seconds that the long mission runs; its worker is killed half-way."""

CHANGE = """\
---
title: Count the Python files
project: {project}
agent: command
run: |
  printf '# Inventory\\n\\n%s Python files\\n' "$(find . -name '*.py' | wc -l)" > INVENTORY.md
  echo "see INVENTORY.md" >> README.md
scope: ["INVENTORY.md", "README.md"]
---
Write down how many Python files there are.
"""
QUESTION = """\
---
title: What is this project?
project: {project}
---
Say in two sentences what this project is, from its handoff documents.
"""
BROKEN = """\
---
title: A mission with a typo
priority: high
---
This file stays where it is until somebody mends line 3.
"""
LONG = """\
---
title: A long count
project: {project}
agent: command
run: for i in $(seq 1 {ticks}); do echo "tick $i"; sleep 1; done; echo "counted to {ticks}" > COUNT.txt
---
Count slowly, and write the result down.
"""

Tell = Callable[[str, dict[str, Any]], None]
"""Takes a node's name and one event that it told."""


class DemoFailed(OrchestratorError):
    """Something that the demo shows did not come true."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was shown."""

    name: str
    ok: bool
    detail: str


@dataclass
class Process:
    """A node's process, with what it has told so far."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    read: int = 0

    def events(self) -> Iterator[dict[str, Any]]:
        """What it has told since the last time."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.read += len(line)
                yield json.loads(line)


@dataclass
class Stage:
    """The throw-away folder and everything in it."""

    folder: Path
    tell: Tell
    nodes: list[Process] = field(default_factory=list)
    project: str = "shiftbook"

    @property
    def ledger(self) -> Path:
        """The person's clone."""
        return self.folder / "ledger"

    @property
    def bare(self) -> Path:
        """The repository that all share."""
        return self.folder / "ledger.git"

    def environment(self, node: str) -> dict[str, str]:
        """A clean environment: nothing of this machine's own Shiftbook or Git settings gets in."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("GIT_", "SHIFTBOOK_", "FACTORY_", "ACCEPT_", "ENABLE_"))
        }
        role = "HEADQUARTERS" if node == "hq" else "LOCAL_WORKER"
        own = {
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "XDG_DATA_HOME": str(self.folder / "home"),
            "SHIFTBOOK_HOME": str(self.folder / node),
            "SHIFTBOOK_NODE_ID": node,
            "FACTORY_ROLE": role,
        }
        return kept | own

    def shiftbook(self, *words: str, node: str = "hq") -> str:
        """Runs one command as a person would. Raises DemoFailed with what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.ledger if self.ledger.exists() else self.folder,
            env=self.environment(node),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode != 0:
            raise DemoFailed(f"shiftbook {' '.join(words)} failed ({done.returncode}): {done.stderr.strip()}")
        return done.stdout

    def git(self, *words: str, folder: Path | None = None) -> str:
        """Plain git, as a person uses it: their settings, their signature."""
        env = {key: value for key, value in self.environment("hq").items() if key not in os.environ or key == "HOME"}
        out = Git(folder or self.ledger, as_person=True).run(*words, env=env)
        return out.decode("utf-8", "replace").strip()

    def start(self, node: str) -> Process:
        """Starts a node's process."""
        log = self.folder / f"{node}.jsonl"
        with log.open("ab") as out, (self.folder / f"{node}.err").open("ab") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", "node", "run", "--json"],
                cwd=self.folder,
                env=self.environment(node),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.nodes.append(Process(node, process, log))
        return self.nodes[-1]

    def push(self, name: str, text: str) -> None:
        """Files a mission with plain git."""
        path = self.ledger / "missions" / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        self.git("add", "--", str(path))
        self.git("commit", "--quiet", "-m", f"Mission: {name}")
        self.git("pull", "--quiet", "--rebase")
        self.git("push", "--quiet")
        self.tell("you", {"event": "pushed", "text": f"missions/{name}.md, with plain git"})

    def wait(self, what: str, test: Callable[[], bool]) -> None:
        """Waits until something is true, passing on what the nodes tell. Raises DemoFailed."""
        deadline = time.monotonic() + PATIENCE
        while not test():
            self.listen()
            if time.monotonic() > deadline:
                raise DemoFailed(f"{what}: not within {PATIENCE:.0f} s. The nodes' words are in {self.folder}")
            time.sleep(0.2)
        self.listen()

    def listen(self) -> None:
        """Passes on what the nodes have told."""
        for node in self.nodes:
            for event in node.events():
                self.tell(node.name, event)

    def missions(self) -> dict[str, dict[str, Any]]:
        """All missions by name, as `mission list --all --json` tells them."""
        return {m["name"]: m for m in json.loads(self.shiftbook("mission", "list", "--all", "--json"))}

    def show(self, name: str) -> dict[str, Any]:
        """One mission with everything that belongs to it."""
        shown: dict[str, Any] = json.loads(self.shiftbook("mission", "show", name, "--json"))
        return shown


@contextmanager
def staged(folder: Path, tell: Tell) -> Iterator[Stage]:
    """A stage whose processes are gone when it is left, however that happens."""
    stage = Stage(folder, tell)
    try:
        yield stage
    finally:
        for node in stage.nodes:
            if node.process.poll() is None:
                node.process.send_signal(signal.SIGTERM)
        for node in stage.nodes:
            try:
                node.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                node.process.kill()
                node.process.wait()


def play(stage: Stage) -> list[Step]:
    """The whole demo. Raises DemoFailed when it cannot go on; what merely came out wrong is a Step that is not ok."""
    _build(stage)
    worker = stage.start("worker")
    stage.push("a-long-count", LONG.format(project=stage.project, ticks=TICKS))
    progress = stage.folder / "worker" / "work" / "a-long-count-1" / "progress.txt"
    stage.wait("the worker counts", lambda: f"tick {TICKS // 2}" in _text(progress))
    stage.start("hq")
    worker.process.kill()
    worker.process.wait()
    stage.tell("you", {"event": "killed", "text": "the worker's process, with SIGKILL, half-way through its count"})
    stage.push("count-the-files", CHANGE.format(project=stage.project))
    stage.push("what-is-this", QUESTION.format(project=stage.project))
    stage.push("a-typo", BROKEN)
    wanted = ("count-the-files", "what-is-this", "a-long-count")
    stage.wait("three missions are done", lambda: all(_status(stage, name) == "done" for name in wanted))
    return [_changed(stage), _answered(stage), _quarantined(stage), _taken_over(stage), _clean(stage)]


def _build(stage: Stage) -> None:
    """The fleet: a project, a ledger with its documents, two nodes that know each other."""
    home = stage.folder / "home"
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text("[user]\n\tname = you\n\temail = you@shiftbook.invalid\n", encoding="utf-8")
    _project(stage)
    stage.shiftbook("init", str(stage.ledger))
    settings = stage.ledger / "fleet.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace("beat_seconds = 60  ", "beat_seconds = 1   ").replace("[5, 30]   ", "[0.5, 2.0]")
    url = stage.folder / "project.git"
    settings.write_text(f'{text}\n[projects.{stage.project}]\nurl = "{url}"\n', encoding="utf-8")
    _documents(stage)
    stage.git("add", "--all")
    stage.git("commit", "--quiet", "-m", "The fleet's settings and documents")
    stage.git("push", "--quiet")
    joined = json.loads(
        stage.shiftbook("join", str(stage.bare), str(stage.folder / "worker-clone"), "--json", node="worker")
    )
    key = Path(joined["folder"]).parent / "worker" / "keys" / "node.pub"
    stage.shiftbook("fleet", "admit", "worker", "--role", "node", "--key", str(key))
    stage.git("pull", "--quiet", "--rebase")
    stage.tell("you", {"event": "founded", "text": f"a fleet of two over {stage.bare.name}"})


def _project(stage: Stage) -> None:
    """The project that the missions work on: this program's own repository, or a small one when it is not at hand."""
    source = Path(__file__).resolve().parents[1]
    bare = stage.folder / "project.git"
    if (source / ".git").exists() and (source / "pyproject.toml").exists():
        stage.git("clone", "--quiet", "--bare", str(source), str(bare), folder=stage.folder)
        stage.git("branch", "--quiet", "--force", "main", "HEAD", folder=bare) if _branch(stage, bare) != "main" else ""
        return
    stage.project = "sample"
    made = stage.folder / "sample"
    stage.git("init", "--quiet", "--initial-branch=main", str(made), folder=stage.folder)
    (made / "README.md").write_text("# Sample\n\nA small project for the demo.\n", encoding="utf-8")
    (made / "sample.py").write_text("print('hello')\n", encoding="utf-8")
    stage.git("add", "--all", folder=made)
    stage.git("commit", "--quiet", "-m", "A small project", folder=made)
    stage.git("clone", "--quiet", "--bare", str(made), str(bare), folder=stage.folder)


def _branch(stage: Stage, bare: Path) -> str:
    return stage.git("symbolic-ref", "--short", "HEAD", folder=bare)


def _documents(stage: Stage) -> None:
    """The project's own handoff documents become the ledger's tiers."""
    folder = stage.ledger / "projects" / stage.project
    folder.mkdir(parents=True)
    bare = stage.folder / "project.git"
    names = stage.git("ls-tree", "--name-only", "main", folder=bare).splitlines()
    for name, target in {
        "PORTFOLIO_CONTEXT.md": stage.ledger / "PORTFOLIO_CONTEXT.md",
        "SESSION_LOG.md": folder / "SESSION_LOG.md",
        "README.md": folder / "PROJECT_CONTEXT.md",
    }.items():
        if name in names:
            target.write_text(stage.git("show", f"main:{name}", folder=bare) + "\n", encoding="utf-8")


def _status(stage: Stage, name: str) -> str:
    found = stage.missions().get(name)
    return str(found["status"]) if found and found["path"].startswith("missions/archive/") else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _journal(stage: Stage, name: str) -> bool:
    log = stage.git("show", f"main:projects/{stage.project}/SESSION_LOG.md", folder=stage.bare)
    return f"<!-- entry: {name}-" in log


def _step(name: str, checks: dict[str, bool], detail: str) -> Step:
    missing = [what for what, ok in checks.items() if not ok]
    return Step(name=name, ok=not missing, detail=detail if not missing else f"missing: {', '.join(missing)}")


def _changed(stage: Stage) -> Step:
    shown = stage.show("count-the-files")
    branches = stage.git("branch", "--list", "shiftbook/*", folder=stage.folder / "project.git")
    checks = {
        "a diff with the new file": "+++ b/INVENTORY.md" in shown["diff"],
        "the branch in the project": "shiftbook/count-the-files/1" in branches,
        "a result in the file": "## Result" in shown["text"],
        "a memo": bool(shown["memo"]),
        "a journal entry": _journal(stage, "count-the-files"),
    }
    return _step(
        "a command mission changes files", checks, f"{shown['diff'].count('diff --git')} files, {shown['branch']}"
    )


def _answered(stage: Stage) -> Step:
    shown = stage.show("what-is-this")
    usage = re.search(r"- (.* on .*: (\d+) tokens in .*)", shown["text"])
    checks = {
        "an answer of the model": bool(usage) and int(usage[2]) > 0 if usage else False,
        "a memo": bool(shown["memo"]),
        "a journal entry": _journal(stage, "what-is-this"),
    }
    return _step("a question is answered by the embedded model", checks, usage[1] if usage else "")


def _quarantined(stage: Stage) -> Step:
    found = stage.missions().get("a-typo", {})
    checks = {
        "it is listed as quarantined": found.get("status") == "quarantined",
        "its reason": "priority" in str(found.get("reason")),
        "its line": found.get("line") == 3,
    }
    detail = f"line {found.get('line')}: {found.get('reason')}"
    return _step("a broken file is shown with its reason", checks, detail)


def _taken_over(stage: Stage) -> Step:
    shown = stage.show("a-long-count")
    said = re.search(r"took over from worker after ([^\n]*) of silence", shown["text"])
    checks = {
        "hq took over from the worker": said is not None and shown["node"] == "hq",
        "the second attempt": shown["attempt"] == 2,
        "the result of one attempt only": shown["text"].count("· done ·") == 1,
        "a journal entry": _journal(stage, "a-long-count"),
    }
    return _step("a killed worker's mission is taken over", checks, f"hq {said[0]}" if said else "")


def _clean(stage: Stage) -> Step:
    said = stage.git("fsck", "--strict", "--no-dangling", folder=stage.bare)
    claims = stage.git("for-each-ref", "refs/shiftbook/claim", folder=stage.bare)
    checks = {"git fsck finds nothing": "error" not in said, "no claim is left": not claims}
    return _step("the shared repository is clean", checks, "git fsck: nothing; claims left: none")
