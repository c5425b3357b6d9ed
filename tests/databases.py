"""Where do tests have databases from? SQLite as copies of one that was brought up once; PostgreSQL from a server.

The server is one for each test session, on loopback and a socket of its own.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.app import wiring
from orchestrator.core.settings import Settings
from tests.servers import free_port
from tests.waiting import PATIENCE

USER, PASSWORD = "shiftbook", "only-for-tests"


def brought_up(settings: Settings) -> Settings:
    """The same settings, with the database in their home brought up to the schema, unless there is one already."""
    path = settings.home / "shiftbook.db"
    if not path.exists():
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy(_template(), path)
    return settings


@cache
def _template() -> Path:
    """An empty database of today's schema, made by the program itself, all of it in one file."""
    folder = Path(tempfile.mkdtemp(prefix="database-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    wiring.stores(Settings(home=folder)).close()
    assert [each.name for each in folder.iterdir()] == ["shiftbook.db"], "what is written ahead is in the file"
    return folder / "shiftbook.db"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    there = shutil.which("initdb")
    return found[-1].parent if found else Path(there).resolve().parent if there else None


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    port: int
    sockets: Path
    process: subprocess.Popen[bytes]

    def url(self, database: str, *, password: str = PASSWORD, scheme: str = "postgresql") -> str:
        """The URL of a database, over TCP."""
        return f"{scheme}://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """The URL of a database, over the socket."""
        return f"postgresql://{USER}@/{database}?host={self.sockets}&port={self.port}"

    def run(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Runs statements, each by itself; returns the rows of the last."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self, name: str, *, template: str = "template1") -> Iterator[str]:
        """A new database, which holds what `template` holds: nothing. Yields its URL."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            self.run(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def postgresql(bin_folder: Path) -> Iterator[Server]:
    """Starts a server in a folder of its own, as a user who is not root, and stops it by its pid."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        somebody = _unprivileged(folder)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        words = [f"--username={USER}", f"--pwfile={secret}", "--auth-local=trust", "--auth-host=scram-sha-256"]
        made = [str(bin_folder / "initdb"), "-D", str(folder / "data"), *words, "--encoding=UTF8", "--locale=C", "-N"]
        secret.chmod(0o644)
        done = subprocess.run(made, capture_output=True, check=False, cwd=folder, **somebody)
        assert done.returncode == 0, done.stderr.decode()
        server = _start(bin_folder, folder, somebody)
        try:
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)  # "fast shutdown"
            try:
                server.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                server.process.send_signal(signal.SIGQUIT)
                server.process.wait(timeout=PATIENCE)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL will not run as root: the words that make a process somebody else's, who owns `folder`."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _start(bin_folder: Path, folder: Path, somebody: dict[str, Any]) -> Server:
    port = free_port()
    places = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "max_connections=60"]
    settings = [*places, "fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=32MB"]
    words = [str(bin_folder / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, *(word for each in settings for word in ("-c", each))],
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            **somebody,
        )
    server = Server(port=port, sockets=folder, process=process)
    over = time.monotonic() + PATIENCE
    while True:
        try:
            server.run("SELECT 1")
        except psycopg.OperationalError:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < over, (folder / "log").read_text()
            time.sleep(0.05)
        else:
            return server
