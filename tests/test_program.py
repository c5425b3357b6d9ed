"""Is what the fork server starts what `python -m orchestrator` would be?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from missions.plain_data import read_json
from tests import program
from tests.waiting import PATIENCE, until


def environment(home: Path, **more: str) -> dict[str, str]:
    """What the commands here are run with."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SHIFTBOOK_", "FACTORY_"))}
    return kept | {"SHIFTBOOK_HOME": str(home), "SHIFTBOOK_NODE_ID": "desk", "SHIFTBOOK_HTTP": "off"} | more


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("--version",), {}),
        (("no-such-verb",), {}),
        (("mission", "list"), {"SHIFTBOOK_SLOTS": "many"}),
        (("handoff", "check", "."), {}),
    ],
)
def test_both_ways_say_and_return_the_same(tmp_path: Path, words: tuple[str, ...], more: dict[str, str]) -> None:
    """Output, errors and exit codes, in a folder and with an environment of their own."""
    (tmp_path / "PROJECT_CONTEXT.md").write_text("# Context\n")
    env = environment(tmp_path / "home", **more)
    one, other = (program.run(*words, env=env, cwd=tmp_path, fresh=fresh) for fresh in (False, True))
    assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "sys.exit('no more')", "raise KeyError(1)"])
def test_a_script_is_what_the_interpreter_makes_of_it(end: str) -> None:
    """Its words, its output, its exit code and what is said of its end."""
    script = f"import sys\nprint(__name__, sys.argv)\n{end}"
    one = program.run_script(script, "a", "b")
    other = subprocess.run([sys.executable, "-c", script, "a", "b"], capture_output=True, text=True, check=False)
    assert (one.returncode, one.stdout) == (other.returncode, other.stdout)
    assert one.stderr.splitlines()[-1:] == other.stderr.splitlines()[-1:]


def test_a_process_is_one_of_its_own_and_can_be_killed(tmp_path: Path) -> None:
    """It has a pid, a session and a folder; SIGKILL ends it at once, and that is what it ended with."""
    waits = (program.SCRIPT, "import time; time.sleep(600)")  # `serve` may end by itself before it is killed
    process = program.start(*waits, env=environment(tmp_path / "home"), cwd=tmp_path, session=True)
    assert isinstance(process, program.Forked)
    assert str(Path(f"/proc/{process.pid}/cwd").readlink()) in {str(tmp_path), str(Path.cwd())}
    process.kill()
    assert process.wait(PATIENCE) == process.poll() == -signal.SIGKILL
    assert not Path(f"/proc/{process.pid}").exists()


def test_what_the_server_holds_lies_in_huge_pages() -> None:
    """So far as the system has them: each fork would else copy an entry for every page of what is imported."""
    script = (
        "import re\nfrom pathlib import Path\nfrom tests.fork_server import in_huge_pages\n"
        "held = [bytes(1000) for _ in range(50_000)]\n"
        "found = in_huge_pages()\n"
        "said = Path('/proc/self/smaps_rollup').read_text()\n"
        "print(found, 1024 * int(re.search(r'AnonHugePages: +([0-9]+)', said)[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found, told = map(int, done.stdout.split())
    if not found:
        pytest.skip("this system puts no memory into huge pages when asked")
    assert told >= found > 30_000_000


def test_waiting_has_an_end(tmp_path: Path) -> None:
    """What does not end in time is told as `subprocess` tells it; SIGTERM lets a server end by itself."""
    env = environment(tmp_path / "home", SHIFTBOOK_HTTP="127.0.0.1:0")
    process = program.start("serve", env=env, cwd=tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    record = tmp_path / "home" / "http.json"
    until(lambda: record.exists() or process.poll() is not None, "it serves")
    process.terminate()
    assert process.wait(PATIENCE) == 0


def test_two_processes_do_not_share_their_chance(tmp_path: Path) -> None:
    """A fork that went on with its parent's random numbers would make the same names twice."""
    env = environment(tmp_path / "home")
    for name in "ab":
        done = program.run(
            "init", str(tmp_path / name), env=env | {"SHIFTBOOK_HOME": str(tmp_path / f"home-{name}")}, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    keys = [(tmp_path / f"home-{name}" / "keys" / "node.pub").read_text() for name in "ab"]
    assert keys[0] != keys[1]


def test_a_launcher_is_the_program_by_a_command_line(tmp_path: Path) -> None:
    """It says and returns what the program does; a signal goes on to it, and what it reads is the program's input."""
    (tmp_path / "PROJECT_CONTEXT.md").write_text("# Context\n")
    env = environment(tmp_path / "home")
    for words in (("--version",), ("no-such-verb",), ("handoff", "check", ".")):
        done = subprocess.run(program.launched(*words), env=env, cwd=tmp_path, capture_output=True, text=True)
        one = program.run(*words, env=env, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (one.returncode, one.stdout, one.stderr)
    env |= {"SHIFTBOOK_HTTP": "127.0.0.1:0"}
    with subprocess.Popen(program.launched("serve"), env=env, cwd=tmp_path, stderr=subprocess.DEVNULL) as server:
        until(lambda: (tmp_path / "home" / "http.json").exists() or server.poll() is not None, "it serves")
        server.terminate()
        assert server.wait(PATIENCE) == 0


def test_a_nodes_web_server_is_forked_too_and_ends_with_it(tmp_path: Path) -> None:
    """It is a process of its own with a session of its own, is started again when killed, and outlives no node."""
    env = environment(
        tmp_path / "home", HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path), SHIFTBOOK_HTTP="127.0.0.1:0"
    )
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = ada\n\temail = ada@shiftbook.invalid\n")
    made = program.run("init", str(tmp_path / "ledger"), env=env, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    node = program.start("node", "run", env=env | {"SHIFTBOOK_HTTP": "127.0.0.1:0"}, cwd=tmp_path)
    try:
        until(lambda: served(tmp_path) or node.poll() is not None, "it serves")
        first = psutil.Process(served(tmp_path))
        assert first.ppid() == psutil.Process(node.pid).ppid(), "both come from the fork server"
        assert os.getsid(first.pid) == first.pid != os.getsid(node.pid), "Ctrl-C is for the node"
        first.kill()
        until(lambda: served(tmp_path) not in {0, first.pid}, "another one serves")
        second = psutil.Process(served(tmp_path))
        node.kill()
        node.wait(PATIENCE)
        until(lambda: not second.is_running(), "it has ended with the node")
    finally:
        node.kill()


def served(folder: Path) -> int:
    """The process that serves; 0 where none does."""
    try:
        return int(read_json((folder / "home" / "http.json").read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError):
        return 0


def test_who_asks_and_is_killed_at_once_ends_no_server(tmp_path: Path) -> None:
    """Nobody is left who would hear of the process, so it is ended; all others go on asking."""
    env = environment(tmp_path / "home", SHIFTBOOK_HTTP="127.0.0.1:0")
    request = {"words": ["serve"], "environment": env, "folder": str(tmp_path), "session": True, "keeps": []}
    address = program.SERVER.address
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door, Path(os.devnull).open("r+b") as nothing:
        door.connect(str(address))
        answer, theirs = os.pipe()
        os.close(answer)
        socket.send_fds(door, [json.dumps(request).encode()], [theirs, *[nothing.fileno()] * 3])
        os.close(theirs)
    assert program.run("--version", env=env, cwd=tmp_path).returncode == 0
    until(lambda: not working_in(tmp_path), "what was begun has ended")


def working_in(folder: Path) -> list[str]:
    """The processes whose folder this is."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found += [each.parent.name] if each.readlink() == folder else []
    return found


SHARED = """
import os, sys
from pathlib import Path
from tests import program
program.SERVER = program.ForkServer("tests.fork_server")
done = program.run("--version", env=dict(os.environ), cwd=Path.cwd())
print(done.stdout.strip(), (program.SERVER.folder / "door").exists(), program.SERVER._process is None, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder near the root: the address of a socket may have a hundred characters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_one_server_serves_a_run_and_ends_with_it(tmp_path: Path, short: Path) -> None:
    """The second process finds the first one's server; with the last of them its folder is gone, by SIGKILL, too."""
    env = environment(tmp_path / "home", PYTEST_XDIST_TESTRUNUID=uuid.uuid4().hex, TMPDIR=str(short))
    words, pipes = [sys.executable, "-c", SHARED], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen(words, env=env, text=True, **pipes) as one,
        subprocess.Popen(words, env=env, text=True, **pipes) as other,
    ):
        assert one.stdout is not None
        assert other.stdout is not None
        said = [each.stdout.readline().split()[-2:] for each in (one, other)]
        assert sorted(said) == [["True", "False"], ["True", "True"]], "a door each, begun by one of them"
        (begun,) = (each for each, (_, found) in zip((one, other), said, strict=True) if found == "False")
        begun.kill()
        assert list(short.glob("shiftbook-fork_server-*/door"))
        for each in {one, other} - {begun}:
            each.communicate("")
    until(lambda: not list(short.glob("shiftbook-fork_server-*")), "the server has ended")


def test_a_server_ends_whose_beginner_died_at_once(tmp_path: Path) -> None:
    """As in a usage error of pytest: nobody else would ever come to its door."""
    code = (
        "import os, subprocess; from tests import program\n"
        "begin = subprocess.Popen\n"
        "def dying(*words, **more):\n    print(begin(*words, **more).pid, flush=True); os._exit(4)\n"
        "subprocess.Popen = dying\n"
        "program.ForkServer('tests.fork_server').address"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # the address of a socket may have a hundred characters
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | {"TMPDIR": folder}
        root = Path(program.__file__).parents[1]
        with (tmp_path / "pid").open("w") as said:  # a pipe would stay open for as long as the server lives
            done = subprocess.run([sys.executable, "-c", code], cwd=root, env=env, stdout=said, check=False)
        pid = int((tmp_path / "pid").read_text())
        try:
            until(lambda: not list(Path(folder).glob("shiftbook-fork_server-*")), "the server has ended")
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
    assert done.returncode == 4


def test_what_hangs_tells_where_it_stands(tmp_path: Path) -> None:
    """The stacks of its threads, and what it had started: a hang of a loaded machine is seldom had again."""
    script = "import subprocess\ndef stuck():\n    subprocess.run(['sleep', '20'])\nprint('begun')\nstuck()\n"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        program.run(program.SCRIPT, script, env=environment(tmp_path / "home"), cwd=tmp_path, timeout=5)
    told = "\n".join(caught.value.__notes__)
    assert "sleep 20" in told
    assert "in stuck" in told
