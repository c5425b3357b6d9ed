"""The promises of the port Sandbox, held against every adapter; then what only a real sandbox promises."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.delegation.process import Ran, run
from orchestrator.ports import Confinement, Sandbox
from orchestrator.sandbox.bubblewrap import Bubblewrap
from orchestrator.sandbox.none import NoSandbox
from tests.conftest import lacking

Shell = Callable[..., Ran]


def shell(sandbox: Sandbox, folder: Path) -> Shell:
    """Runs one line in `folder`/tree."""
    tree = folder / "tree"
    tree.mkdir()

    def call(line: str, *, environment: dict[str, str] | None = None, timeout: float = 20, **rest: object) -> Ran:
        env = {"PATH": "/usr/bin:/bin", **(environment or {})}
        confinement = Confinement(writable=tree, environment=env, **rest)  # type: ignore[arg-type]
        return run(
            sandbox.command(["/bin/sh", "-c", line], confinement),
            folder=folder,
            environment=env,
            output=folder / "output.log",
            timeout=timeout,
            stop=threading.Event(),
            say=lambda line: None,
        )

    return call


def adapter(name: str) -> Sandbox:
    """An adapter that works here."""
    sandbox: Sandbox = {"bubblewrap": Bubblewrap, "none": NoSandbox}[name]()
    why = sandbox.missing()
    if why:
        lacking(why)
    return sandbox


@pytest.fixture(params=["bubblewrap", "none"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Every adapter in turn."""
    return shell(adapter(request.param), tmp_path)


@pytest.fixture
def inside(tmp_path: Path) -> Shell:
    """The real sandbox."""
    return shell(adapter("bubblewrap"), tmp_path)


def test_runs_there(anywhere: Shell, tmp_path: Path) -> None:
    """A command runs in its workspace, which is where it says it is and may be written; its exit code comes back."""
    ran = anywhere("pwd; echo made > file; exit 3")
    assert (ran.exit_code, ran.output) == (3, f"{tmp_path}/tree\n")
    assert (tmp_path / "tree" / "file").read_text() == "made\n"


def test_words_stay_words(tmp_path: Path) -> None:
    """Arguments reach the program as they are, spaces, quotes and leading dashes included."""
    words = ["-x", "a b", "it's", '"', "$HOME", ""]
    for name in ("bubblewrap", "none"):
        command = adapter(name).command(["printf", "[%s]", *words], Confinement(writable=tmp_path))
        assert subprocess.check_output(command, text=True) == "[-x][a b][it's][\"][$HOME][]"


def test_environment(anywhere: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is allowed is in the environment, whatever the node has in its own."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    ran = anywhere("env; cat /proc/$$/environ /proc/1/environ 2>/dev/null", environment={"ALLOWED": "yes"})
    assert "ALLOWED=yes" in ran.output
    assert "sesame" not in ran.output


def test_environment_of_a_careless_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a caller that hands on its whole environment lets nothing slip through."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    for name in ("bubblewrap", "none"):
        assert b"sesame" not in subprocess.check_output(
            adapter(name).command(["/usr/bin/env"], Confinement(writable=tmp_path))
        )


def test_secrets_off_the_command_line(tmp_path: Path) -> None:
    """The value of an allowed variable is not on the command line, where every user could read it."""
    for name in ("bubblewrap", "none"):
        confinement = Confinement(writable=tmp_path, environment={"API_KEY": "sesame"})
        assert "sesame" not in " ".join(adapter(name).command(["true"], confinement))


def test_memory(anywhere: Shell) -> None:
    """A process gets no more memory than it may have."""
    line = f"{sys.executable if os.access(sys.executable, os.X_OK) else 'python3'}"
    line = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else line
    assert anywhere(f"{line} -c 'bytearray(300 << 20)'", memory_mib=2048).exit_code == 0
    assert anywhere(f"{line} -c 'bytearray(300 << 20)'", memory_mib=100).exit_code != 0


def test_file_size(anywhere: Shell, tmp_path: Path) -> None:
    """A file gets no larger than it may be."""
    assert anywhere("head -c 9000000 /dev/zero > big", file_mib=2).exit_code != 0
    assert (tmp_path / "tree" / "big").stat().st_size <= 2 << 20


def test_processor_time(anywhere: Shell) -> None:
    """A process that spins is ended after its processor seconds."""
    assert anywhere("while :; do :; done", cpu_seconds=1).exit_code in (137, 152)


def test_no_core_files(anywhere: Shell, tmp_path: Path) -> None:
    """A crash leaves no core file, which would hold what was in memory."""
    anywhere("kill -SEGV $$")
    assert not list((tmp_path / "tree").iterdir())


def test_not_installed() -> None:
    """A machine without the program is told what to do."""
    assert "apt-get install" in (Bubblewrap(program="no-such-bwrap").missing() or "")


def test_does_not_run(tmp_path: Path) -> None:
    """A program that is there and cannot work is found by trying it, and its own words are handed on."""
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2; exit 1\n")
    fake.chmod(0o755)
    assert "No permissions to create new namespace" in (Bubblewrap(program=str(fake)).missing() or "")


def test_nothing_else_is_readable(inside: Shell, tmp_path: Path) -> None:
    """No home, no neighbour of the workspace, no password file, no key of the machine can be read."""
    (tmp_path / "neighbour").write_text("sesame")
    key = tmp_path / ".ssh" / "id_ed25519"
    key.parent.mkdir()
    key.write_text("sesame")
    paths = f"{key} {tmp_path}/neighbour {Path.home()}/.ssh {Path.home()}/.bashrc /etc/shadow /etc/ssh /root /home /run"
    ran = inside(
        f"for each in {paths}; do cat $each && echo READ $each; ls -a $each && echo LISTED $each; done 2>/dev/null"
    )
    assert "READ" not in ran.output
    assert "LISTED" not in ran.output


def test_home_is_empty(inside: Shell, tmp_path: Path) -> None:
    """HOME is an empty folder that may be written and is thrown away, even where the real one is."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    ran = inside("ls -A $HOME; echo note > $HOME/note; cat $HOME/note", environment={"HOME": str(home)})
    assert ran.output == "note\n"
    assert [each.name for each in home.iterdir()] == [".ssh"]


def test_nothing_else_is_writable(inside: Shell, tmp_path: Path) -> None:
    """Only the workspace and temporary folders can be written, and of those only the workspace is kept."""
    places = f"/ /usr /usr/bin /etc /dev /bin /var /proc {tmp_path} {tmp_path.parent} {Path.home()}"
    inside(f"for each in {places}; do (echo x > $each/planted) 2>/dev/null; done")
    assert not [each for each in places.split() if Path(each, "planted").exists()]
    ran = inside("for each in / /usr /etc /dev /bin /proc /var; do (echo x > $each/planted) && echo $each; done 2>&-")
    assert ran.output == ""
    assert inside("echo x > /tmp/planted-by-shiftbook && cat /tmp/planted-by-shiftbook").output == "x\n"
    assert not Path("/tmp/planted-by-shiftbook").exists()


def test_protected(inside: Shell, tmp_path: Path) -> None:
    """What is protected in the workspace can be read, but not written, moved, removed or covered."""
    hooks = tmp_path / "tree" / ".git" / "hooks"
    hooks.mkdir(parents=True)
    (hooks.parent / "config").write_text("[core]\n")
    tries = (
        "cat .git/config",
        "echo x > .git/hooks/pre-commit",
        "echo x >> .git/config",
        "mv .git elsewhere",
        "rm -rf .git/config",
        "ln -sfn /tmp .git",
        "mount -t tmpfs none .git",
        "chmod 777 .git/config",
    )
    for line in tries:
        inside(line, protected=(hooks.parent,))
    assert (hooks.parent / "config").read_text() == "[core]\n"
    assert not list(hooks.iterdir())
    assert inside("cat .git/config", protected=(hooks.parent,)).output == "[core]\n"


def test_link_out(inside: Shell, tmp_path: Path) -> None:
    """A link that leads out of the workspace leads nowhere."""
    (tmp_path / "victim").write_text("whole")
    inside(
        f"ln -s {tmp_path}/victim link; echo x > link; ln -s {tmp_path} up; echo x > up/planted; echo x > ../planted"
    )
    assert (tmp_path / "victim").read_text() == "whole"
    assert not (tmp_path / "planted").exists()


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of this machine that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


CONNECT = "/usr/bin/python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 2)'"


def test_no_network(inside: Shell, listener: int) -> None:
    """The network, the machine's own loopback included, is out of reach unless the confinement opens it."""
    assert inside(CONNECT.format(port=listener)).exit_code != 0
    assert inside(CONNECT.format(port=listener), network=True).exit_code == 0


def test_no_other_processes(inside: Shell) -> None:
    """Processes of the machine can be neither seen nor signalled, and the command has no capability."""
    ran = inside(f"ls -d /proc/{os.getpid()}; kill -0 {os.getpid()} && echo SIGNALLED; grep CapEff /proc/self/status")
    assert f"/proc/{os.getpid()}\n" not in ran.output
    assert "SIGNALLED" not in ran.output
    assert "CapEff:\t0000000000000000" in ran.output


def test_readable(tmp_path: Path) -> None:
    """A tool's own folder can be shown, read-only."""
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "data").write_text("data")
    adapter("bubblewrap")
    call = shell(Bubblewrap(readable=(tmp_path / "tool", tmp_path / "not-there")), tmp_path)
    assert call(f"cat {tmp_path}/tool/data; echo x > {tmp_path}/tool/data").output.startswith("data")
    assert (tmp_path / "tool" / "data").read_text() == "data"


@pytest.mark.skipif(os.getuid() == 0, reason="the kernel exempts root from RLIMIT_NPROC")
def test_processes(inside: Shell) -> None:
    """A fork bomb meets its limit."""
    assert inside("for i in $(seq 100); do sleep 5 & done; wait", processes=20, timeout=10).exit_code != 0


def test_what_none_lacks() -> None:
    """The one that confines nothing says so."""
    assert any("no sandbox" in each for each in NoSandbox().lacks)
