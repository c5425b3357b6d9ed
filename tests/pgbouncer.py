"""A real PgBouncer before the tests' PostgreSQL, which lends a connection out for one transaction at a time."""

from __future__ import annotations

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
from pathlib import Path
from typing import Any

import psycopg

from tests.databases import PASSWORD, USER, Server
from tests.servers import free_port
from tests.waiting import PATIENCE

CONNECTIONS = 2
"""To the server, for all clients together: fewer than those who come at once, so that they share them."""


@dataclass(frozen=True, kw_only=True)
class Pooler:
    """A running one."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, database: str) -> str:
        """The URL of a database, through it."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


def pgbouncer_program() -> str | None:
    """Where it is; Debian keeps it off an ordinary user's path."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pgbouncer(program: str, server: Server) -> Iterator[Pooler]:
    """Starts one in a folder of its own, as somebody who is not root, and stops it by its pid."""
    with tempfile.TemporaryDirectory(prefix="pgb-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        (folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={server.port}",
            "[pgbouncer]",
            f"listen_port = {port}",
            "listen_addr = 127.0.0.1",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            f"auth_file = {folder}/users",
            "pool_mode = transaction",
            f"default_pool_size = {CONNECTIONS}",
        ]
        (folder / "ini").write_text("\n".join(lines) + "\n")
        process = _start(program, folder)
        pooler = Pooler(port=port, process=process)
        try:
            _wait(pooler, folder)
            yield pooler
        finally:
            process.send_signal(signal.SIGTERM)  # "immediate shutdown"
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=PATIENCE)


def _start(program: str, folder: Path) -> subprocess.Popen[bytes]:
    """It will not run as root."""
    somebody: dict[str, Any] = {}
    if os.getuid() == 0:
        entry = pwd.getpwnam("nobody")
        for path in (folder, folder / "users", folder / "ini"):
            os.chown(path, entry.pw_uid, entry.pw_gid)
        somebody = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with (folder / "log").open("wb") as log:
        words = [program, str(folder / "ini")]
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, start_new_session=True, **somebody)


def _wait(pooler: Pooler, folder: Path) -> None:
    over = time.monotonic() + PATIENCE
    while True:
        try:
            with psycopg.connect(pooler.url("postgres"), prepare_threshold=None) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            said = (folder / "log").read_text()
            assert pooler.process.poll() is None, said
            assert time.monotonic() < over, said
            time.sleep(0.05)
        else:
            return
