"""How is git called? The one file of this program that runs it.

Every call has its environment scrubbed of GIT_*, hooks and prompts switched off, output that is meant for programs
(-z, --porcelain), and a typed error. Objects are read by processes that stay (`object_reader`), because a process for
each read would dominate everything the bus does.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from sync.errors import GitError, GitTimeout, ObjectMissing, ObjectTooLarge
from sync.object_reader import ObjectReader
from sync.objects import is_near_ancestor
from sync.pack_file import write_objects
from sync.process import own_session
from sync.process.git_environment import environment
from sync.process.process_output import communicate, kill_group, read_beginning
from sync.process.progress_words import read_said
from sync.ref_files import read_refs
from sync.remote import MAX_OBJECT_BYTES, Oid

BARE = ("safe.bareRepository", "all")
"""Our own repositories are bare, and every call names its folder; only the command line may say so (git-config(1))."""
SAFE_SETTINGS = (
    BARE,
    ("log.showSignature", "false"),  # it would print among the lines that are read
    ("log.follow", "false"),
    ("log.mailmap", "false"),
    ("color.ui", "false"),
    ("column.ui", "never"),
    ("core.quotePath", "true"),
    ("diff.noprefix", "false"),
    ("diff.mnemonicPrefix", "false"),
    ("push.recurseSubmodules", "no"),  # a push moves the refs that it names, and no others
    ("push.followTags", "false"),
    ("push.pushOption", ""),  # an option of a person's makes a push fail at a server that takes none
    ("fetch.recurseSubmodules", "false"),
    ("fetch.prune", "false"),
    ("fetch.pruneTags", "false"),
    ("submodule.recurse", "false"),
    ("core.hooksPath", os.devnull),  # a hook in somebody's repository must not run because we touched it
    ("core.fsmonitor", "false"),  # may name a program, too
    ("commit.gpgSign", "false"),  # we sign where we mean to; a person's global setting would prompt
    ("push.gpgSign", "false"),
    ("gc.auto", "0"),  # a surprise gc in the middle of a race costs seconds; the node collects when it is idle
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("protocol.ext.allow", "never"),  # `ext::` URLs run commands
)

MAX_LOOSE_OBJECTS = 6700
"""Loose objects from which git itself would collect (gc.auto): each is a file that every listing goes through."""
MAX_PACKS = 50
"""Packs from which git itself would make one (gc.autoPackLimit): each is a place where every object is looked for."""
TIDY_SECONDS = 3600.0
"""Seconds in which packs, or a commit-graph, of many years are written, on a busy machine."""

MAX_ERROR_BYTES = 64 * 1024
"""Of standard error, where output is bounded, too."""


class Git:
    """git in one folder: a work tree or a bare repository."""

    def __init__(self, folder: Path, *, as_person: bool = False, env: Mapping[str, str] | None = None) -> None:
        """`as_person` leaves the settings of the person and the repository in force: hooks run, commits are signed.

        `env` is added to the environment of every call.
        """
        self.folder, self._env = folder, dict(env or {})
        settings = (BARE,) if as_person else SAFE_SETTINGS
        self._settings = [word for key, value in settings for word in ("-c", f"{key}={value}")]

    @property
    def env(self) -> Mapping[str, str]:
        """What every call's environment has besides."""
        return self._env

    @env.setter
    def env(self, env: Mapping[str, str]) -> None:
        """Calls that begin from now on have this."""
        self._env = dict(env)

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        timeout: float = 120.0,
        codes: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> bytes:
        """Standard output of one command. Raises GitError for an exit code not in `codes`, GitTimeout in seconds."""
        return self.call(*args, stdin=stdin, timeout=timeout, codes=codes, env=env, stopped=stopped)[1]

    def call(
        self,
        *args: str,
        stdin: bytes = b"",
        timeout: float = 120.0,
        codes: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
        stopped: Callable[[], bool] | None = None,
        said: IO[bytes] | None = None,
    ) -> tuple[int, bytes, str]:
        """Exit code, standard output and standard error of one command. Raises as `run` does.

        Ends within half a second, as if its time were over, once `stopped` says so. Standard error goes into the file
        `said`, where there is one, as it comes; its progress is left out of what is returned and raised.
        """
        process = self._begin(*args, stderr=said or subprocess.PIPE, env=env)
        try:
            out, err = communicate(process, stdin, timeout, stopped)
        except subprocess.TimeoutExpired:
            kill_group(process)
            raise GitTimeout(args, timeout) from None
        except BaseException:  # Ctrl-C does not reach a session of its own: nothing may work on behind our back
            kill_group(process)
            raise
        told = (read_said(said) if said else err).decode("utf-8", "replace")
        if process.returncode not in codes:
            raise GitError(args, process.returncode, told)
        return process.returncode, out, told

    def beginning(
        self,
        *args: str,
        roof: int,
        stdin: bytes = b"",
        timeout: float = 120.0,
        env: Mapping[str, str] | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> tuple[bytes, bool]:
        """At most `roof` bytes of standard output, and whether there was more; a command with more to say is ended.

        Raises as `run` does.
        """
        with tempfile.TemporaryFile() as errors:
            process = self._begin(*args, stderr=errors, env=env)
            try:
                out, more = read_beginning(process, stdin, roof, time.monotonic() + timeout, stopped or (lambda: False))
            except TimeoutError:
                raise GitTimeout(args, timeout) from None
            finally:
                kill_group(process)
            errors.seek(0)
            if process.returncode != 0 and not more:
                raise GitError(args, process.returncode, errors.read(MAX_ERROR_BYTES).decode("utf-8", "replace"))
        return out, more

    def text(self, *args: str, codes: Sequence[int] = (0,)) -> str:
        """Standard output as stripped text."""
        return self.run(*args, codes=codes).decode("utf-8", "replace").strip()

    def lines(self, *args: str) -> Generator[str, None, None]:
        """Lines of standard output as they come; whoever stops reading ends the command. Raises GitError."""
        process = self._begin(*args, stdin=subprocess.DEVNULL)
        assert process.stdout is not None
        try:
            yield from (line.decode("utf-8", "replace").rstrip("\n") for line in process.stdout)
            err = process.communicate()[1]
            if process.returncode != 0:
                raise GitError(args, process.returncode, err.decode("utf-8", "replace"))
        finally:
            process.kill()
            process.communicate()

    def reader(self, option: str) -> subprocess.Popen[bytes]:
        """Begins a `git cat-file` that answers until it is ended."""
        return self._begin("cat-file", option, stderr=subprocess.DEVNULL)

    def ref_writer(self) -> subprocess.Popen[bytes]:
        """Begins a `git update-ref` that moves refs, one transaction after another, until it is ended."""
        return self._begin("update-ref", "--stdin", stderr=subprocess.DEVNULL)

    def _begin(
        self,
        *args: str,
        stdin: int = subprocess.PIPE,
        stderr: int | IO[bytes] = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """A git in a session of its own: Ctrl-C is for us, and a time-out ends its helpers (ssh, http) with it."""
        return own_session.begin(
            lambda: subprocess.Popen(
                ["git", *self._settings, *args],
                cwd=self.folder,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment({**self._env, **(env or {})}),
                start_new_session=True,
            )
        )

    def refs(self, *prefixes: str) -> dict[str, Oid]:
        """Refs below the given prefixes, by full name. Raises GitError."""
        if (found := read_refs(self.folder, prefixes, self._env)) is not None:
            return found
        out = self.text("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
        return {name: oid for oid, name in (line.split(" ", 1) for line in out.splitlines())}

    def tip(self, branch: str) -> Oid:
        """The commit of a branch, named in full; whether it is whole is not looked at. Raises GitError: no branch."""
        return self.refs(branch).get(branch) or self.text("rev-parse", "--verify", f"{branch}^{{commit}}")

    def counted(self) -> dict[str, int]:
        """What git-count-objects(1) says: loose objects (count), packed ones (in-pack), packs, KiB of each (size)."""
        lines = (line.split(": ") for line in self.text("count-objects", "-v").splitlines())
        return {key: int(value) for key, value in lines if value.isdigit()}

    def own_settings(self) -> dict[str, str]:
        """This repository's own configuration, by the names as git lists them: in small letters but for a part in the
        middle (git-config(1), Syntax). Of several values of one name the last."""
        said = self.run("config", "--local", "--list", "-z", codes=(0, 1, 128)).decode("utf-8", "replace")
        return {name: value for name, _, value in (entry.partition("\n") for entry in said.split("\0") if entry)}

    def config(self, settings: Mapping[str, str]) -> None:
        """Writes settings into this repository's own configuration, each only if it differs."""
        before = self.own_settings()
        for key, value in settings.items():
            section, *middle, name = key.split(".")
            if before.get(".".join((section.lower(), *middle, name.lower()))) != value:
                self.run("config", "--local", "--replace-all", key, value)


class GitStore:
    """The objects of one repository on disk. Safe to use from several threads."""

    def __init__(self, folder: Path, *, env: Mapping[str, str] | None = None) -> None:
        self._git = Git(folder, env=env)
        self._lock = threading.Lock()
        self._reader = ObjectReader(
            Git(folder, env={**_repository_environment(folder.absolute()), **(env or {})}).reader
        )
        self._folder = folder
        self.missed = False
        """Whether an object was asked for that is not here."""

    def get(self, oid: Oid, limit: int = MAX_OBJECT_BYTES) -> bytes:
        """An object's content. Raises ObjectMissing, and ObjectTooLarge past `limit` bytes, of which none is kept."""
        try:
            with self._lock:
                return self._reader.get(oid, limit)
        except ObjectMissing as error:
            self.missed = self.missed or not isinstance(error, ObjectTooLarge)
            raise

    def size(self, oid: Oid) -> int:
        """An object's length in bytes without reading it. Raises ObjectMissing."""
        with self._lock:
            return self._reader.size(oid)

    def warm(self, oids: Iterable[Oid]) -> None:
        """Reads many small objects at once, so that asking for each of them costs nothing."""
        names = list(oids)  # whoever says them may read here, too, to find them out
        with self._lock:
            self._reader.warm(names)

    def put(self, kind: str, data: bytes) -> Oid:
        """Stores an object and returns its name."""
        return self.put_all([(kind, data)])[0]

    def put_all(self, objects: Sequence[tuple[str, bytes]]) -> list[Oid]:
        """Stores loose objects, or many of them as a pack, and returns their names."""
        oids = write_objects(self._folder / "objects", objects)
        with self._lock:
            for oid, (_, data) in zip(oids, objects, strict=True):
                self._reader.keep(oid, data)  # whoever pushes it asks for it next
        return oids

    def history(self, tip: Oid, path: str, *, since: Oid | None = None) -> Iterator[Oid]:
        """The commits that changed `path`, newest first; with `since`, those that it does not have.

        With a commit-graph (`tidy`) git walks no further back than is read here: 8 ms for the newest of 20,000 commits.
        """
        # By default git follows only that side of a merge from which the file was taken, so that merging an old commit
        # would hide every change since (git-log(1), HISTORY SIMPLIFICATION).
        if tip == since:
            return
        sides = ("--full-history", "--topo-order")
        commits = _revision_range(tip, since)
        yield from self._git.lines("log", "--format=%H", *sides, *commits, "--", f":(literal){path}")

    def between(self, tip: Oid, since: Oid | None) -> dict[Oid, tuple[Oid, ...]]:
        """The commits of `tip` that `since` (None: nobody) does not have, with parents; children before parents."""
        out = self._git.text("rev-list", "--topo-order", "--parents", *_revision_range(tip, since), "--")
        return {words[0]: tuple(words[1:]) for words in (line.split() for line in out.splitlines())}

    def descends(self, new: Oid, old: Oid) -> bool:
        """Whether `old` is `new` or one of its ancestors. False, too, when `old` is not in this repository."""
        if new == old or is_near_ancestor(self, old, new):  # the usual case: little is new since the last look
            return self._holds(old)
        return self._git.call("merge-base", "--is-ancestor", old, new, codes=(0, 1, 128))[0] == 0

    def _holds(self, oid: Oid) -> bool:
        try:
            self.get(oid)
        except ObjectMissing:
            return False
        return True

    def tidy(self, *, loose: int = MAX_LOOSE_OBJECTS, packs: int = MAX_PACKS) -> None:
        """Keeps reading fast: a commit-graph of all refs, packs for loose objects and fewer packs when there are many.

        The graph says of each commit which paths it may have changed (git-commit-graph(1)): what has never been in the
        ledger is known in a hundredth of the time, and who changed a file in a tenth.

        Nothing that somebody may still want is dropped, and others may read and write meanwhile.
        """
        graph = ("commit-graph", "write", "--reachable", "--split", "--changed-paths", "--no-progress")
        self._git.run(*graph, timeout=TIDY_SECONDS)
        counted = self._git.counted()
        if counted["packs"] > packs:  # all of them and the loose ones, also what nobody names (git-repack(1))
            self._git.run("repack", "--quiet", "-d", "--geometric=2", timeout=TIDY_SECONDS)
        elif counted["count"] > loose:
            self._git.run("maintenance", "run", "--quiet", "--task=loose-objects", timeout=TIDY_SECONDS)
            self._git.run("prune-packed", "--quiet", timeout=TIDY_SECONDS)

    def ref(self, name: str) -> Oid | None:
        """Where a ref of this repository stands; `name` in full."""
        return self._git.refs(name).get(name)

    def close(self) -> None:
        """Ends the reader processes."""
        with self._lock:
            self._reader.close()


def _repository_environment(folder: Path) -> dict[str, str]:
    """What keeps the readers at one repository and its true objects, whatever our own environment says."""
    places = {"GIT_DIR": folder, "GIT_COMMON_DIR": folder, "GIT_OBJECT_DIRECTORY": folder / "objects"}
    none = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": ""}
    # Larger blobs are passed on as they are unpacked; by default git holds up to 512 MiB of one in memory.
    none |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.bigFileThreshold"}
    none |= {"GIT_CONFIG_VALUE_0": str(MAX_OBJECT_BYTES)}
    return {name: str(place) for name, place in places.items()} | none | {"GIT_NO_REPLACE_OBJECTS": "1"}


def receive_pack(settings: Sequence[tuple[str, str]]) -> list[str]:
    """What takes a push (git-receive-pack(1)), with settings that go before those of the repository that is served."""
    return ["git", *(word for key, value in settings for word in ("-c", f"{key}={value}")), "receive-pack"]


def start_http_backend(repository: Path, variables: Mapping[str, str], *, roof: int) -> subprocess.Popen[bytes]:
    """Starts git's own CGI program (git-http-backend(1)) on one repository. What it says on stderr goes to ours.

    `roof` is the largest push in bytes, unpacked from what HTTP may have packed.
    """
    settings = {
        "core.hooksPath": str(repository / "hooks"),  # a person's own setting must not take the gate away
        "http.receivepack": "true",  # who may push was asked before; without this it takes no HTTP push
        "http.uploadpack": "true",
        "receive.maxInputSize": str(roof),
        "http.getanyfile": "false",  # the dumb protocol reads files, by path
    }
    words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return own_session.begin(
        lambda: subprocess.Popen(
            ["git", *words, "http-backend"],
            cwd=repository,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment({"GIT_PROJECT_ROOT": str(repository), "GIT_HTTP_EXPORT_ALL": "1", **variables}),
            start_new_session=True,
        )
    )


def _revision_range(tip: Oid, since: Oid | None) -> list[str]:
    return [tip, f"^{since}"] if since else [tip]
