"""The promises of the port Sandbox, held against every adapter; then what only a real sandbox promises."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox import bubblewrap as confining
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.sandbox import PROXY_PORT, Confinement, Sandbox
from orchestrator.execution import node_python
from orchestrator.execution.egress.proxy import listening_socket
from orchestrator.execution.process import runner
from orchestrator.execution.process.runner import CommandResult, Ending, run
from tests.conftest import lacking
from tests.waiting import PATIENCE, once, until

Shell = Callable[..., CommandResult]


def shell(sandbox: Sandbox, folder: Path) -> Shell:
    """Runs one line in `folder`/tree."""
    tree = folder / "tree"
    tree.mkdir()

    def call(
        script: str,
        /,
        *,
        environment: dict[str, str] | None = None,
        timeout: float = PATIENCE,
        stop: threading.Event | None = None,
        **rest: object,
    ) -> CommandResult:
        env = {"PATH": "/usr/bin:/bin", **(environment or {})}
        confinement = Confinement(writable=tree, environment=env, **rest)  # type: ignore[arg-type]
        return run(
            sandbox.command(["/bin/sh", "-c", script], confinement),
            folder=folder,
            environment=env,
            output=folder / "output.log",
            timeout=timeout,
            stop=stop or threading.Event(),
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


def test_kernel_settings(inside: Shell) -> None:
    """The kernel's settings can be read and not written, by root either, who needs no capability for that."""
    ran = inside("cat /proc/sys/kernel/ostype; find /proc/sys -type f -writable | head; echo x > /proc/self/comm")
    assert ran.output.splitlines()[0] == "Linux"
    assert "Read-only" in ran.output
    assert len(ran.output.splitlines()) == 2


def test_no_further_namespace(inside: Shell) -> None:
    """No user namespace can be made inside, in which a command would have all capabilities again."""
    assert inside("unshare --user --map-root-user true").exit_code != 0


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


def test_readable_and_kept(inside: Shell, tmp_path: Path) -> None:
    """Further folders are shown read-only, or may be written and stay; neither hides the other."""
    for each in ("tool/data", "tool/mine/note", "state/old", "state/settings"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("old")
    line = f"cd {tmp_path}; cat tool/data state/old; echo new > state/new; echo x > tool/data; echo x > state/settings"
    ran = inside(
        f"{line}; echo new > tool/mine/note",
        readable=(tmp_path / "tool", tmp_path / "not-there"),
        kept=(tmp_path / "tool" / "mine", tmp_path / "state"),
        protected=(tmp_path / "state" / "settings",),
    )
    assert ran.output.startswith("oldold")
    assert (tmp_path / "state" / "new").read_text() == "new\n"
    assert (tmp_path / "tool" / "mine" / "note").read_text() == "new\n"
    assert (tmp_path / "tool" / "data").read_text() == (tmp_path / "state" / "settings").read_text() == "old"


def test_home_is_kept(inside: Shell, tmp_path: Path) -> None:
    """A home that is among what is kept is the real one, with room for more than what lies in memory."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "session").write_text("one")
    line = "cat $HOME/session; echo two > $HOME/session; head -c 3000000 /dev/zero > $HOME/large; stat -c %d $HOME"
    ran = inside(line, environment={"HOME": str(home)}, kept=(home,), memory_mib=4)
    assert ran.output.split() == ["one" + str(home.stat().st_dev)]
    assert (home / "session").read_text() == "two\n"
    assert (home / "large").stat().st_size == 3_000_000


ECHO = "import socket; s = socket.create_connection(('127.0.0.1', {port})); "


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Path]:
    """A Unix socket that sends back what it gets, in capitals."""

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data.upper())

    def take(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with listening_socket(tmp_path / "line.sock") as server:
        server.setblocking(True)
        threading.Thread(target=take, args=(server,), daemon=True).start()
        yield tmp_path / "line.sock"
        server.shutdown(socket.SHUT_RDWR)


def asking(port: str, more: str) -> str:
    """A shell line that speaks to the line."""
    return f"/usr/bin/python3 -c {shlex.quote(ECHO.format(port=port) + more)}"


WORDS = "s.sendall(b'hello'); s.shutdown(1); print(s.makefile().read())"
LARGE = """
import threading
n = 5_000_000
threading.Thread(target=lambda: (s.sendall(b'x' * n), s.shutdown(1))).start()
print(len(s.makefile('rb').read()) == n)
"""


def test_line(anywhere: Shell, echo: Path) -> None:
    """What runs finds its line on its own loopback, at the address that its environment says, in both directions."""
    port = "int(__import__('os').environ['WAY'].rpartition(':')[2])"
    way = {"WAY": f"http://127.0.0.1:{PROXY_PORT}"}
    assert anywhere(asking(port, WORDS), line=echo, environment=way).output == "HELLO\n"
    assert anywhere(asking(port, LARGE), line=echo, environment=way).output == "True\n"


def test_line_for_many(anywhere: Shell, echo: Path) -> None:
    """Many connections at once are served."""
    port = "int(__import__('os').environ['WAY'].rpartition(':')[2])"
    line = f"for i in $(seq 30); do {asking(port, WORDS)} & done; wait"
    ran = anywhere(line, line=echo, environment={"WAY": f"http://127.0.0.1:{PROXY_PORT}"})
    assert ran.output.split() == ["HELLO"] * 30


def test_line_changes_nothing_else(anywhere: Shell, echo: Path) -> None:
    """With a line a command's words, exit code and end by a signal are its own, and it has no child that it knows."""
    assert anywhere("exit 7", line=echo).exit_code == 7
    assert anywhere("kill -SEGV $$", line=echo).exit_code == 128 + signal.SIGSEGV
    assert anywhere("cat; echo done", line=echo).output == "done\n"
    children = "import os\ntry: os.wait()\nexcept ChildProcessError: print('none')"
    assert anywhere(f"exec /usr/bin/python3 -c {shlex.quote(children)}", line=echo).output == "none\n"


def test_no_such_program(tmp_path: Path, echo: Path) -> None:
    """A program that is not there ends with 127, with a line, too."""
    for name in ("bubblewrap", "none"):
        command = adapter(name).command(["no-such-program"], Confinement(writable=tmp_path, line=echo))
        done = subprocess.run(command, capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"})
        assert done.returncode == 127
        assert b"no-such-program" in done.stderr


def test_line_ends_politely(anywhere: Shell, echo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is asked to end can still use its line, and the relay does not hold up its end."""
    monkeypatch.setattr(runner, "TERM_GRACE_SECONDS", PATIENCE)  # a Python is started meanwhile
    (tmp_path / "tree" / "ask").write_text(asking("int(__import__('os').environ['WAY'].rpartition(':')[2])", WORDS))
    stop = threading.Event()
    with once((tmp_path / "tree" / "up").exists, stop.set):
        ran = anywhere(
            "trap '/bin/sh ask; exit 5' TERM; touch up; while :; do sleep 0.05; done",
            line=echo,
            environment={"WAY": f"http://127.0.0.1:{PROXY_PORT}"},
            stop=stop,
        )
    assert (ran.ending, ran.exit_code) == (Ending.STOPPED, 5)
    assert ran.output.endswith("HELLO\n")


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can be another user")
def test_line_is_nobody_elses(tmp_path: Path, echo: Path) -> None:
    """On a loopback that all users share, no other one can use a run's line."""
    program = "import os, time; print(os.environ['WAY'], flush=True); time.sleep(600)"
    way = f"http://127.0.0.1:{PROXY_PORT}"
    confinement = Confinement(writable=tmp_path, line=echo, environment={"WAY": way, "PATH": "/usr/bin:/bin"})
    command = adapter("none").command(["/usr/bin/python3", "-c", program], confinement)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(confinement.environment)) as process:
        try:
            assert process.stdout
            port = process.stdout.readline().strip().rpartition(":")[2]
            ask = ["/usr/bin/python3", "-c", ECHO.format(port=port) + WORDS]
            other = ["setpriv", "--reuid=65534", "--clear-groups", *ask]
            assert subprocess.run(ask, capture_output=True, check=False).stdout == b"HELLO\n"
            assert b"HELLO" not in subprocess.run(other, capture_output=True, check=False).stdout
        finally:
            process.kill()


def test_line_leaves_nothing(anywhere: Shell, echo: Path) -> None:
    """The relay ends with its run."""
    anywhere("true", line=echo)
    ways = (str(echo), str(confining.PROXY_SOCKET))
    until(lambda: not any(way in _command(each) for each in Path("/proc").iterdir() for way in ways), "it has ended")


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text() if process.name.isdigit() else ""
    except OSError:
        return ""


def test_line_is_all(inside: Shell, listener: int, echo: Path) -> None:
    """With a line the machine's own loopback is still out of reach."""
    assert inside(CONNECT.format(port=listener), line=echo).exit_code != 0


def test_without_a_line(inside: Shell, echo: Path) -> None:
    """Without one there is nobody at its port."""
    assert inside(asking(str(PROXY_PORT), WORDS)).exit_code != 0


def test_python_in_a_home(tmp_path: Path, echo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose Python lies in somebody's home shows the sandbox that Python and nothing else of the home."""
    base = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    home, library = tmp_path / "person" / "pythons" / "one", base / "lib" / version
    if not (library / "os.py").exists():
        pytest.skip("this Python's library is not where most have it")
    (home / "bin").mkdir(parents=True)
    shutil.copy2(node_python.node_python(), home / "bin" / version)
    skipped = shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__", "config-*", "idlelib")
    shutil.copytree(library, home / "lib" / version, ignore=skipped, symlinks=True)
    (tmp_path / "person" / "secret").write_text("sesame")
    (home / "secret").write_text("sesame")
    adapter("bubblewrap")
    monkeypatch.setattr(sys, "_base_executable", str(home / "bin" / version))
    monkeypatch.setattr(node_python.sysconfig, "get_path", lambda name: str(home / "lib" / version))
    call = shell(Bubblewrap(), tmp_path)
    ran = call(f"{asking(str(PROXY_PORT), WORDS)}; cat {tmp_path}/person/secret {home}/secret; ls {home}", line=echo)
    assert ran.output.startswith("HELLO\n")
    assert "sesame" not in ran.output
    assert ran.output.split()[-2:] == ["bin", "lib"]
    assert "secret\n" not in ran.output.splitlines()[-2:]
