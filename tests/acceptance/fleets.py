"""Real fleets for acceptance tests: real processes, real git, one bare repository, everything below one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests import program
from tests.templates import Template

OURS = ("GIT_", "SHIFTBOOK_", "FACTORY_", "ACCEPT_", "ENABLE_")


@dataclass
class Fleet:
    """A ledger with a person's clone of it, and nodes with a home each."""

    folder: Path
    beat: float = 1.0
    lease: float = 30.0
    """Seconds for which a node may be silent, at least three beats: a busy machine has it stand still for some, and one
    that is not looked for by others must neither be taken for dead nor give up its work meanwhile."""
    running: dict[str, program.Process] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    first: str = ""
    fresh: bool = False
    """Every process is the interpreter's own, as a person starts it, and not forked."""
    looked: dict[tuple[str, ...], tuple[str, float, str]] = field(default_factory=dict)
    """What a command that only looks said: where the ledger stood, when, and its words."""

    @property
    def clone(self) -> Path:
        return self.folder / "ledger"

    @property
    def bare(self) -> Path:
        return self.folder / "ledger.git"

    def environment(self, node: str, **extra: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        own = {
            "HOME": str(self.folder / "home"),
            "XDG_CONFIG_HOME": str(self.folder / "home"),
            "SHIFTBOOK_HOME": str(self.folder / node),
            "SHIFTBOOK_NODE_ID": node,
            "PYTHONWARNINGS": "default",
            "SHIFTBOOK_HTTP": "off",
        }
        return kept | own | extra

    def found(self, *nodes: str) -> Fleet:
        """A ledger of the first node's person, who has let the other nodes in; a copy, unless all is to be fresh."""
        self._make(*nodes) if self.fresh else _founded(nodes, self.beat, self.lease).copy(self.folder)
        self.first = nodes[0]
        return self

    def _make(self, *nodes: str) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True)
        (home / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n", encoding="utf-8")
        self.shiftbook("init", str(self.clone), node=nodes[0])
        text = (self.clone / "fleet.toml").read_text(encoding="utf-8")
        beats = f"lease_beats = {max(3.0, self.lease / self.beat)} "
        text = text.replace("beat_seconds = 60 ", f"beat_seconds = {self.beat} ").replace("lease_beats = 3 ", beats)
        text = text.replace("[5, 30]", "[0.3, 1.0]")
        self.commit({"fleet.toml": text}, "Settings for a test")
        for node in nodes[1:]:
            self.shiftbook("join", str(self.bare), str(self.folder / f"clone-{node}"), node=node)
            key = self.folder / node / "keys" / "node.pub"
            self.shiftbook("fleet", "admit", node, "--role", "node", "--key", str(key), node=nodes[0])

    def run(self, *words: str, node: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Runs a command, whatever comes of it."""
        where = self.clone if self.clone.exists() else self.folder
        return program.run(*words, env=self.environment(node, **extra), cwd=where, fresh=self.fresh)

    def shiftbook(self, *words: str, node: str, **extra: str) -> str:
        """Runs a command that must succeed."""
        done = self.run(*words, node=node, **extra)
        assert done.returncode == 0, f"shiftbook {' '.join(words)}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def git(self, *words: str, folder: Path | None = None) -> str:
        """Plain git, as a person runs it; it must succeed."""
        done = self.try_git(*words, folder=folder)
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def try_git(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Plain git, whatever comes of it."""
        return subprocess.run(
            ["git", *words],
            cwd=folder or self.clone,
            env=self.environment("nobody"),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def commit(self, files: dict[str, str | bytes | None], message: str = "A person's change") -> None:
        """Writes (or, with None, deletes) files, commits and pushes with plain git; again when somebody was faster."""
        self.git("pull", "--quiet", "--rebase") if self.git("rev-list", "--all", "-n1") else None
        for path, data in files.items():
            target = self.clone / path
            if data is None:
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data.encode() if isinstance(data, str) else data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        for _ in range(20):
            done = subprocess.run(
                ["git", "push", "--quiet", "--no-verify"],
                cwd=self.clone,
                env=self.environment("nobody"),
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                return
            self.git("pull", "--quiet", "--rebase")
        raise AssertionError("could not push")

    def start(self, node: str, **extra: str) -> program.Process:
        """Starts a node's process; its words go to <folder>/<node>.jsonl and .err."""
        if node in self.running:
            self.kill(node)  # left by a test that failed
        self.begun[node] = self._readies(node)
        with (self.folder / f"{node}.jsonl").open("ab") as out, (self.folder / f"{node}.err").open("ab") as err:
            words, env = ("node", "run", "--json"), self.environment(node, **extra)
            process = program.start(*words, env=env, cwd=self.folder, stdout=out, stderr=err, fresh=self.fresh)
        self.running[node] = process
        return process

    def ready(self, node: str) -> None:
        """Waits until a node that was started has told that it is ready."""
        process, begun = self.running[node], self.begun[node]
        self.wait(f"{node} is ready", lambda: process.poll() is not None or self._readies(node) > begun)
        assert process.poll() is None, f"{node} ended with {process.poll()}\n{self.words()}"

    def _readies(self, node: str) -> int:
        return sum(event["event"] == "ready" for event in self.events(node))

    def kill(self, node: str) -> None:
        """SIGKILL."""
        process = self.running.pop(node)
        process.kill()
        process.wait()

    def stop(self, node: str, *, timeout: float = 240) -> int:
        """SIGTERM, and waits; returns the exit code."""
        process = self.running.pop(node)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=timeout)

    def close(self) -> None:
        """Ends every process that was started here."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def events(self, node: str) -> list[dict[str, Any]]:
        """What a node has told."""
        path = self.folder / f"{node}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def missions(self, *words: str) -> dict[str, dict[str, Any]]:
        """`mission list --json` by name."""
        found = self._looked("list", "--all", "--json", *words)
        return {mission["name"]: mission for mission in json.loads(found)}

    def show(self, name: str) -> dict[str, Any]:
        """`mission show --json`."""
        shown: dict[str, Any] = json.loads(self._looked("show", name, "--json"))
        return shown

    def _looked(self, *words: str) -> str:
        """What `mission WORDS` says; for five seconds the same while nothing but beats has moved."""
        stand, before = self._stand(), self.looked.get(words)
        if not stand or before is None or before[0] != stand or time.monotonic() - before[1] > 5:
            out = self.shiftbook("mission", *words, node=self.first)
            before = self.looked[words] = (stand, time.monotonic(), out)
        return before[2]

    def _stand(self) -> str:
        """Every ref of the ledger but the beats; empty where it is not one of ours, or moves just now.

        Read as git keeps them: a process for each look would cost more than all that nodes do meanwhile.
        """
        refs: dict[str, str] = {}
        with suppress(FileNotFoundError):
            packed = (self.bare / "packed-refs").read_text(encoding="utf-8").splitlines()
            refs |= {name: tip for tip, _, name in (line.partition(" ") for line in packed if line[:1] not in "#^")}
        try:
            loose = [path for path in (self.bare / "refs").rglob("*") if path.is_file() and path.suffix != ".lock"]
            refs |= {path.relative_to(self.bare).as_posix(): path.read_text(encoding="utf-8").strip() for path in loose}
        except FileNotFoundError:
            return ""
        return "\n".join(f"{tip} {name}" for name, tip in sorted(refs.items()) if "refs/shiftbook/beat/" not in name)

    def words(self) -> str:
        """Everything that the nodes have said, for a failing test's message."""
        files = sorted([*self.folder.glob("*.err"), *self.folder.glob("*.jsonl")])
        return "\n".join(f"--- {file.name}\n{file.read_text(encoding='utf-8')[-6000:]}" for file in files)

    def wait(self, what: str, test: Callable[[], bool], *, seconds: float = 240) -> None:
        """Waits until something is true."""
        deadline = time.monotonic() + seconds
        while not test():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self._last_words()}"
            time.sleep(0.2)

    def _last_words(self) -> str:
        """What its nodes have said, and where each of their threads stands: they end with that."""
        for process in self.running.values():
            program.abort(process)
        return self.words()


@cache
def _founded(nodes: tuple[str, ...], beat: float, lease: float) -> Template:
    return Template.of(lambda folder: Fleet(folder, beat=beat, lease=lease)._make(*nodes))


def command(run: str, **fields: object) -> str:
    """A mission that runs a command."""
    head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in {"agent": "command", "run": run, **fields}.items())
    return f"---\n{head}---\nDo it.\n"
