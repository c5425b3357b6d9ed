"""How is a fleet of real processes tormented? One episode: a seed, a fleet behind proxies, a nemesis, a person."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

import psutil

from orchestrator.core.settings import Settings
from sync.git import GitStore
from sync.remote import Oid
from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.acceptance.torture import disk, recorder, steward
from tests.acceptance.torture.clocks import FAKETIME, WrongClock
from tests.acceptance.torture.edits import Edits
from tests.acceptance.torture.history import CLAIM, History
from tests.acceptance.torture.proxy import Proxy, Weather
from tests.acceptance.torture.reading import Archive
from tests.databases import brought_up
from tests.servers import git_daemon

NODES = ("north", "south", "west")
SKEW = Path(__file__).with_name("skew")
MORE_HARM = frozenset({"gc", "fall", "hang for good", "double"})
STOPS_WITHIN = 60.0
"""Seconds for a node that ends what it does; then a person kills it."""
TOLERANCE = 3.0
"""Seconds: records tell whole ones, an agent may take a while to die, and two cores carry all of this."""


@dataclass
class Episode:
    """A fleet under torture. Use it in a `with`; every process that it starts is gone afterwards."""

    folder: Path
    seed: int
    missions: int = 12
    skewed: bool = True
    calm: bool = False
    """Whether no signal makes its nodes hang: only what a test itself does happens to them."""
    small: str = ""
    """The node whose home lies on a disk of its own, of 64 MiB, that the nemesis fills."""
    restores: bool = False
    """Whether the server is restored from a backup in the end. A person recovers it, by the documents."""
    collects: bool = False
    """Whether `git gc --prune=now` runs on the server under way. It can take the branch's own commit, and then a person
    brings it back, by the documents."""
    wild: bool = False
    """Whether loops hang for good, nodes get a double under their own name, and missions a second spelling."""
    beat: float = 2.0
    """Seconds. A lease is three; where other things run beside, a node that lives must not be taken for dead."""

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.fleet = Fleet(self.folder, beat=self.beat, lease=self.lease)
        self.folder.mkdir(parents=True, exist_ok=True)
        wrong = {node: timedelta(hours=self.chance.randint(-120, 120) if self.skewed else 0) for node in NODES}
        self.clocks = {node: WrongClock(file=self.folder / f"{node}.clock", wrong=wrong[node]) for node in NODES}
        self.asleep: list[tuple[str, float, float]] = []
        self.hung: set[str] = set()
        self.doubles: list[tuple[str, program.Process]] = []
        self.doubled: list[tuple[str, Path]] = []
        """The homes of all that there were: what one of them has done, its clone alone may know after a restore."""
        self.did: Counter[str] = Counter()
        self.attacks: set[tuple[str, Oid | None]] = set()
        self.gave_up = ""
        self._stack = ExitStack()
        self._over = threading.Event()
        self.edits = Edits(self.fleet.clone)

    @property
    def kept(self) -> Path:
        """A repository with every object that the server ever had."""
        return self.folder / "kept.git"

    @property
    def tolerance(self) -> float:
        """Seconds for which two may work on one mission: what records do not tell, and, where a node has a double, its
        beats until one of them notices."""
        return TOLERANCE + (2 * self.beat if self.did["double"] else 0.0)

    @property
    def lease(self) -> float:
        """Seconds after which a silent node's work is taken over."""
        return 3 * self.beat

    def __enter__(self) -> Episode:
        self.fleet.found(*NODES)
        text = (self.fleet.clone / "fleet.toml").read_text(encoding="utf-8")
        self.fleet.commit({"fleet.toml": f"{text}\n[workspaces]\nfree_gib = 0\n"})  # a small disk is small when empty
        recorder.install(self.fleet.bare)
        url = self._stack.enter_context(git_daemon(self.folder))
        port = int(url.rpartition(":")[2])
        self.proxies = {node: Proxy(port, Random(self.chance.random())) for node in NODES}
        if self.missions:
            self.file({f"m{n:02d}": self._text(n) for n in range(self.missions)})
        for node in NODES:
            brought_up(Settings(home=self.folder / node))  # which each new interpreter takes a second for
            self.start(node)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._end_doubles()
        for node in NODES:
            self._wake(node)
            if node in self.fleet.running:
                self.kill(node)
        for proxy in self.proxies.values():
            proxy.close()
        self._stack.close()

    def _url(self, node: str) -> str:
        return f"git://127.0.0.1:{self.proxies[node].port}/{self.fleet.bare.name}"

    def start(self, node: str) -> None:
        """Starts a node, behind its proxy, with its own idea of the time."""
        self.hung.discard(node)
        self.fleet.running[node] = self._process(node, self.folder / node)

    def _process(self, node: str, home: Path) -> program.Process:
        extra = {"SHIFTBOOK_HOME": str(home), "SHIFTBOOK_LEDGER": self._url(node), "SHIFTBOOK_SLOTS": "2"}
        if not self.calm:  # an interpreter of its own, which knows the signals
            extra |= {"PYTHONPATH": str(SKEW), "TORTURE_HANG_SECONDS": f"{self.lease + 3}"}
        if self.wild:
            extra["TORTURE_ROUND_BOUND"] = f"{2 * self.lease}"
        extra["FACTORY_ROLE"] = "HEADQUARTERS" if node == NODES[0] else "LOCAL_WORKER"
        if self.skewed:
            extra |= self.clocks[node].environment
        words, env, inside = ("node", "run", "--json"), self.fleet.environment(node, **extra), ()
        if node == self.small:
            inside = disk.on_small_disk(home)
        with (
            (self.folder / f"{home.name}.jsonl").open("ab") as out,
            (self.folder / f"{home.name}.err").open("ab") as err,
        ):
            where: dict[str, Any] = {"cwd": self.folder, "stdout": out, "stderr": err, "session": True}
            return program.start(*words, env=env, inside=inside, **where)

    def kill(self, node: str) -> None:
        """SIGKILL of the node's own process; what it had started dies with it or is left to itself, as in life."""
        children = self._tree(node)[1:]
        self.fleet.kill(node)
        for child in children:  # a machine that loses power takes all of it down
            with suppress(psutil.Error):
                child.kill()

    def _tree(self, node: str) -> list[psutil.Process]:
        with suppress(psutil.Error):
            root = psutil.Process(self.fleet.running[node].pid)
            return [root, *root.children(recursive=True)]
        return []

    def _freeze(self, node: str, seconds: float) -> None:
        """The lid is closed: everything that the node runs stands still."""
        began = time.time()
        for process in self._tree(node):
            with suppress(psutil.Error):
                process.suspend()
        self._over.wait(seconds)
        self._wake(node)
        self.asleep.append((node, began, time.time()))

    def _wake(self, node: str) -> None:
        for process in self._tree(node) if node in self.fleet.running else []:
            with suppress(psutil.Error):
                process.resume()

    def torment(self, seconds: float) -> None:
        """The nemesis and the person do their worst for so long; then everything works again."""
        person = threading.Thread(target=self._person, args=(Random(self.chance.random()),), name="ada", daemon=True)
        person.start()
        ends, backup = time.monotonic() + seconds, self.refs()
        while time.monotonic() < ends:
            if ends - time.monotonic() > seconds / 3:
                backup = self.refs()
            time.sleep(self.chance.uniform(0.3, 1.5))
            self._harm(self.chance.choice(NODES))
        self._over.set()
        person.join(timeout=60)
        assert not self.gave_up, self.gave_up  # without a person it is another episode
        for proxy in self.proxies.values():
            proxy.weather = Weather.FAIR
        self._end_doubles()
        self.revive()
        if self.restores:
            self.restore_backup(backup)

    def _harm(self, node: str) -> None:
        more = ("hang for good", "double", *["fall"] * 2) if self.wild else ()
        usual = ("kill", "kill", "freeze", "hang", *["weather"] * 4, "disk")
        what = self.chance.choice((*usual, *["gc"] * self.collects, *more))
        if what in MORE_HARM:
            self._harm_more(what, node)
        elif what == "kill" or self.fleet.running[node].poll() is not None:
            if self.fleet.running[node].poll() is None:
                self.kill(node)
            self.did["kill"] += 1
            time.sleep(self.chance.uniform(0, 1.5))
            self.start(node)
        elif what == "freeze":
            self.did["freeze"] += 1
            self._freeze(node, self.chance.choice((1.0, self.lease + 2)))
        elif what == "hang":
            self.did["hang"] += 1
            with suppress(psutil.Error):
                psutil.Process(self.fleet.running[node].pid).send_signal(signal.SIGUSR2)
        elif what == "disk" and node == self.small:
            self.did["full disk"] += 1
            disk.fill(self.fleet.running[node].pid, self.folder / node)
            time.sleep(self.chance.uniform(1, 4))
            disk.empty(self.fleet.running[node].pid, self.folder / node)
        else:
            self._storm(node)

    def _harm_more(self, what: str, node: str) -> None:
        if what == "gc":
            self._collect_garbage()
        elif what == "fall" and FAKETIME and self.skewed:
            self.clocks[node].fall()
        elif what == "hang for good" and not self.hung and self.fleet.running[node].poll() is None:
            self.hung.add(node)
            with suppress(psutil.Error):
                psutil.Process(self.fleet.running[node].pid).send_signal(signal.SIGUSR1)
        elif what == "double" and not self.doubles and node not in {self.small, *self.hung}:
            self._double(node)
        else:
            return
        self.did[what] += 1

    def _double(self, node: str) -> None:
        """Somebody copies a node's home, as it is at this moment, and starts the copy."""
        home = self.folder / f"{node}-double-{len(self.doubled)}"
        self.doubled.append((node, home))
        with suppress(shutil.Error, OSError):  # what went away while it was copied
            shutil.copytree(self.folder / node, home, symlinks=True)
        self.doubles.append((node, self._process(node, home)))

    def _end_doubles(self) -> None:
        """The person finds the other one, as the alarm says."""
        for _, process in self.doubles:
            children: list[psutil.Process] = []
            with suppress(psutil.Error):
                children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for each in children:
                with suppress(psutil.Error):  # each may have ended meanwhile, and keeps no other alive
                    each.kill()
            process.wait(30)
        self.doubles.clear()

    def _collect_garbage(self) -> None:
        """The server throws away what no ref leads to, while nodes push. The checker's copy of it is made before.

        Where the time before took the branch's own commit git refuses, until the person has brought it back.
        """
        recorder.keep_objects(self.fleet.bare, self.kept)
        done = self.fleet.try_git("gc", "--quiet", "--prune=now", folder=self.fleet.bare)
        assert done.returncode == 0 or "bad object refs/" in done.stderr, done.stderr

    def _storm(self, node: str) -> None:
        weather = self.chance.choice([one for one in Weather if one is not Weather.FAIR])
        self.did[weather.value] += 1
        self.proxies[node].weather = weather
        lasts = self.chance.choice((0.5, 3.0, self.lease + 3))

        def clear() -> None:
            time.sleep(lasts)
            self.proxies[node].weather = Weather.FAIR

        threading.Thread(target=clear, daemon=True).start()

    def revive(self) -> None:
        """Starts whoever is down: a service manager would."""
        for node in NODES:
            if self.fleet.running[node].poll() is not None:
                self.start(node)

    def restore_backup(self, old: Mapping[str, Oid]) -> None:
        """The server is restored to when its refs were `old`, by the documents: a person stops the nodes, recovers it
        from each, and from the doubles that there were, and starts them again. One that went on meanwhile, and had been
        cut off since the backup, would know of nothing that is lost and do it once more."""
        if self.refs()["refs/heads/main"] == old["refs/heads/main"]:
            return
        self.did["backup restored"] += 1
        own = self.fleet.git("rev-parse", "HEAD")
        for node in NODES:
            self._stop(node)
        recorder.keep_objects(self.kept, self.fleet.bare)  # a backup has the objects of its refs
        now = self.refs()
        self.attacks |= set(old.items()) | {(ref, None) for ref in now.keys() - old.keys()}
        steward.set_back(self.fleet, now, old)
        for node, home in (*((node, self.folder / node) for node in NODES), *self.doubled):
            before = self.refs()
            steward.recover(self.fleet, node, self._url(node), home)
            self.attacks |= set(self.refs().items() - before.items())
        self.did["recovered branch merged"] += steward.merge_recovered(self.fleet)
        self.did["own commits pushed again"] += steward.push_own(self.fleet, own)
        for node in NODES:
            self.start(node)

    def _stop(self, node: str) -> None:
        """As a person stops it; one that hangs is killed."""
        process = self.fleet.running[node]
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPS_WITHIN)
        if process.poll() is None:
            self.kill(node)

    def refs(self) -> dict[str, Oid]:
        """The server's refs."""
        lines = self.fleet.git("for-each-ref", "--format=%(refname) %(objectname)", folder=self.fleet.bare).splitlines()
        return dict(line.split(" ") for line in lines)  # type: ignore[misc]

    def settle(self, seconds: float) -> bool:
        """Waits until nothing is left to do. Returns whether that came true."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if self._quiet():
                return True
            self.revive()
            self._change(lambda: {**self.edits.resumed(), **self.edits.second_spellings()}, "resume")
            time.sleep(0.5)
        return False

    def _quiet(self) -> bool:
        bare = self.fleet.bare
        tip = self.fleet.git("rev-parse", "main", folder=bare)
        listed = self.fleet.git("ls-tree", "--name-only", tip, "missions/", folder=bare).splitlines()
        names = {path for path in listed if path.endswith(".md") and not path.endswith("README.md")}
        dead = self.fleet.try_git("grep", "-l", "^status: dead", tip, "--", "missions/*.md", folder=bare).stdout
        return names <= {line.partition(":")[2] for line in dead.splitlines()} and not self.fleet.git(
            "for-each-ref", CLAIM, folder=bare
        )

    def _text(self, number: int) -> str:
        length = self.chance.choice((0.1, 0.5, 1.0, 3.0, 8.0))
        priority = self.chance.randint(0, 9)
        return command(f"sleep {length}; echo {number}", max_retries=50, priority=priority)

    def file(self, texts: dict[str, str]) -> None:
        """A person files missions."""
        self._change(lambda: {f"missions/{name}.md": text for name, text in texts.items()}, "missions")

    def _change(self, edit: Callable[[], dict[str, str | None]], message: str) -> None:
        """A person's commit on what is there now; done again from the start when somebody was faster."""
        said = ""
        for _ in range(40):
            self._fetch()
            self.fleet.git("reset", "--quiet", "--hard", "origin/main")
            files = edit()
            for path, text in files.items():
                target = self.fleet.clone / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink() if text is None else target.write_text(text, encoding="utf-8")
            if not files:
                return
            self.fleet.git("add", "--all")
            self.fleet.git("commit", "--quiet", "--allow-empty", "-m", message)
            # A second spelling comes from where our hook is not: it refuses one.
            done = self.fleet.try_git("push", "--quiet", *["--no-verify"][: message == "twin"])
            if done.returncode == 0:
                return
            said = done.stderr
            if self.collects and "unpack failed" in said:  # lost is what this clone has: its fetch brings nothing
                self._bring_back()
        raise AssertionError(f"a person could not push in 40 tries: {said}")

    def _person(self, chance: Random) -> None:
        while not self._over.wait(chance.uniform(0.5, 2.5)):
            usual = ("add", "edit", "edit", "cancel", "delete", "pause", "resume")
            what = chance.choice((*usual, *["twin"] * self.wild))
            self.did[what] += 1
            try:
                self._change(lambda what=what: self.edits.edit(what, chance), what)
            except AssertionError as error:
                self.gave_up = str(error)
                return

    def _fetch(self) -> None:
        """Where the server has lost what the branch names, the person brings it back from the clones, as documented."""
        if not self.collects:
            self.fleet.git("fetch", "--quiet")
        elif self.fleet.try_git("fetch", "--quiet").returncode != 0:
            self._bring_back()

    def _bring_back(self) -> None:
        self.did["objects brought back"] += 1
        steward.bring_objects(self.fleet, [self.fleet.clone, *(self.folder / node / "ledger.git" for node in NODES)])

    def history(self, *, settled: bool) -> History:
        """Everything that happened."""
        clones = [self.folder / node / "ledger.git" for node in NODES]  # what was collected as soon as it was pushed
        for repository in (self.fleet.bare, *(clone for clone in clones if clone.is_dir())):
            recorder.keep_objects(repository, self.kept)
        store = GitStore(self.kept)
        try:
            taken = recorder.pushes(self.fleet.bare, self.attacks)
            diary = recorder.Diary(store=store, clocks=self.clocks, asleep=self.asleep)
            return Archive(store, frozenset(NODES)).history(taken, diary.works(taken), settled=settled)
        finally:
            store.close()
