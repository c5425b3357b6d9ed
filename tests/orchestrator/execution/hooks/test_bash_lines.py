"""What bash does before a command line of a program without hooks: it asks, prints what it hears, changes nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from handoff.warnings.heard_warnings import WarningVerdict
from orchestrator.core.ports.action_warner import REFUSED_ONCE, WARNING_FRAME
from orchestrator.execution.hooks import bash_lines, hook_client
from orchestrator.execution.hooks.hook_socket import open_hook_socket
from orchestrator.execution.hooks.tool_hooks import ToolHooks
from orchestrator.execution.journal_warner import JournalWarner, WarningForm
from orchestrator.execution.node_python import node_python
from orchestrator.execution.programs.port import EndedAction
from tests.conftest import lacking
from tests.journal_warnings import journal_of, look_up_in
from tests.waiting import PATIENCE

FAILS = "make all -j4"
BASH = shutil.which("bash") or ""


@pytest.fixture(autouse=True)
def _bash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine under load answers late, which is no failure here."""
    if not BASH:
        lacking("bash is not installed")
    monkeypatch.setattr(bash_lines, "WAIT_SECONDS", PATIENCE)


@contextmanager
def asking(folder: Path, *lessons: str, form: WarningForm = WarningForm.WITH_RESULT) -> Iterator[ToolHooks]:
    """A run whose bash asks, with its file at `folder/bash-lines`."""
    warner = JournalWarner(look_up=look_up_in(journal_of(*(lessons or (f"`{FAILS}` is killed",)))), form=form)
    hooks = ToolHooks(warner=warner, tree=folder, of_bash=lambda line: line)
    with open_hook_socket(folder, hooks.answer):
        yield hooks


def run(
    folder: Path, line: str, *words: str, flags: tuple[str, ...] = (), said: bytes = b"", path: str = os.defpath
) -> subprocess.CompletedProcess[bytes]:
    """What `bash -c` does with our file before the line."""
    return plain(line, *words, flags=flags, said=said, path=path, BASH_ENV=str(folder / bash_lines.FILE_NAME))


def plain(
    line: str, *words: str, flags: tuple[str, ...] = (), said: bytes = b"", path: str = os.defpath, **more: str
) -> subprocess.CompletedProcess[bytes]:
    """What it does by itself."""
    environment: Mapping[str, str] = {"PATH": path, **more}
    return subprocess.run(
        [BASH, *flags, "-c", line, *words], input=said, capture_output=True, check=False, env=environment
    )


def test_a_command_line_hears_its_warning_once(tmp_path: Path) -> None:
    """On standard error before its own output; it counts once the program tells of it, and is not said again."""
    line = f"echo out; echo err >&2; {FAILS}"
    (tmp_path / "make").write_text("#!/bin/sh\n")
    (tmp_path / "make").chmod(0o755)
    with asking(tmp_path) as hooks:
        ran = run(tmp_path, line, path=f"{tmp_path}:{os.defpath}")
        assert (ran.returncode, ran.stdout) == (0, b"out\n")
        assert ran.stderr.startswith(WARNING_FRAME.encode())
        assert ran.stderr.endswith(b'wrote: "`make all -j4` is killed" [e1, 2026-11-01]\nerr\n')
        assert list(hooks.warner.heard) == []
        hooks.followed(EndedAction(action=line, ok=False))
        assert run(tmp_path, line, path=f"{tmp_path}:{os.defpath}").stderr == b"err\n"
        hooks.followed(EndedAction(action="make all -j1", ok=True))
    assert [one.verdict for one in hooks.warner.heard] == [WarningVerdict.HELPED]


@pytest.mark.parametrize("code", [0, 7])
def test_an_exit_code_that_nobody_tells_is_printed(tmp_path: Path, code: int) -> None:
    """Of a program that tells none, from the first warning on; the code itself stays."""
    with asking(tmp_path) as hooks:
        hooks.codes_untold = True
        before = run(tmp_path, f"exit {code}")
        warned = run(tmp_path, f"(: {FAILS}; echo out; exit {code})")
        hooks.followed(EndedAction(action=f"(: {FAILS}; echo out; exit {code})", ok=None))
        after = run(tmp_path, f"exit {code}")
    assert [one.returncode for one in (before, warned, after)] == [code] * 3
    assert before.stderr == b""
    assert after.stderr == f"[exit code {code}]\n".encode()
    assert bash_lines.exit_code_in(warned.stderr.decode()) == bash_lines.exit_code_in(after.stderr.decode()) == code


def test_nothing_is_held_back(tmp_path: Path) -> None:
    """Whatever the fleet's form is: a shell has no way to refuse but an exit code, which is the command's."""
    with asking(tmp_path, form=WarningForm.REFUSE_ONCE) as hooks:
        ran = run(tmp_path, f"echo ran; : {FAILS}")
        hooks.followed(EndedAction(action=f"echo ran; : {FAILS}", ok=True))
    assert ran.stdout == b"ran\n"
    assert WARNING_FRAME.encode() in ran.stderr
    assert REFUSED_ONCE.encode() not in ran.stderr
    assert [one.verdict for one in hooks.warner.heard] == [WarningVerdict.UNCLEAR]


def test_a_run_hears_no_more_than_its_limit(tmp_path: Path) -> None:
    """By the one counter of all that a run hears."""
    with asking(tmp_path, *(f"`make part{number}` fails" for number in range(1, 6))) as hooks:
        hooks.warner.limit = 2  # type: ignore[attr-defined]
        heard = []
        for number in range(1, 6):
            heard.append(WARNING_FRAME.encode() in run(tmp_path, f": make part{number}").stderr)
            hooks.followed(EndedAction(action=f": make part{number}", ok=None))
    assert heard == [True, True, False, False, False]
    assert [one.verdict for one in hooks.warner.heard] == [WarningVerdict.UNCLEAR] * 2


@pytest.mark.parametrize(
    ("line", "words", "flags"),
    [
        ("exit 7", (), ()),
        ("kill -9 $$", (), ()),
        ('false; echo $? $# "$0" "$@"', ("zero", "a b", "c\nd", "ü", ""), ()),
        ("cat; echo end", (), ()),
        ("read -r one; echo $one; cat", (), ()),
        ("echo 'one\ntwo'; printf '%s\\n' \"$(printf 'a\\nb')\"\nexit 4", (), ()),
        ("echo ${BASH_ENV-none}; env | grep -c BASH_ENV", (), ()),
        (
            "echo $_; set | grep -c -e bash-line[s] -e hook_clien[t]; ls /proc/self/fd; jobs -p; echo ${!-none}",
            (),
            (),
        ),
        ("false; echo reached", (), ("-e",)),
        ('echo "$nothing"; echo reached', (), ("-u",)),
        ("echo one; exit 3", (), ("-x",)),
        ("echo one |", (), ()),
        ("exec sh -c 'echo $PPID >/dev/null; exit 9'", (), ()),
        ("trap 'echo bye' EXIT; exit 5", (), ()),
        ("", (), ()),
        (f"{'x' * 100_000}=1; echo long", (), ()),
        ("'a $(touch made) `touch made` tool' 2>/dev/null; ls made 2>/dev/null; echo $?", (), ()),
        ('"./$(printf \'odd\\nname;"\')"', (), ()),
        ("PATH=; echo still", (), ()),
        ("unset PATH; exit 6", (), ()),
    ],
)
def test_a_command_is_as_it_is_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    """Its exit code, signal, arguments, standard input, variables, open files and both outputs."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    with asking(tmp_path):
        ours = run(tmp_path, line, *words, flags=flags, said=b"first\nrest\n")
    alone = plain(line, *words, flags=flags, said=b"first\nrest\n")
    assert (ours.returncode, ours.stdout, ours.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert not any(place.iterdir())


def test_the_line_is_asked_about_as_it_is(tmp_path: Path) -> None:
    """With newlines, quotes, bytes that are no text, and as long as an argument may be."""
    heard: list[bytes] = []
    odd = "echo 'a\nb' \"c\" `true` $(true) ; \\\n: ü \udcff"
    long = f": {'y' * 130_000}"
    with open_hook_socket(tmp_path, lambda said: heard.append(said) or b""):  # type: ignore[func-returns-value]
        for line in (odd, long):
            assert run(tmp_path, line).returncode == 0
    marked = [f"bash\n{line}".encode("utf-8", "surrogateescape") for line in (odd, long)]
    assert heard == marked


def test_one_command_line_asks_once(tmp_path: Path) -> None:
    """Whatever it starts: other shells, scripts, itself again."""
    heard: list[bytes] = []
    script = tmp_path / "script.sh"
    script.write_text(f"#!{BASH}\n[ $1 = 0 ] || {script} $(($1 - 1))\nbash -c 'bash -c :'\n")
    script.chmod(0o755)
    with open_hook_socket(tmp_path, lambda said: heard.append(said) or b""):  # type: ignore[func-returns-value]
        assert run(tmp_path, f"{script} 3; bash -c 'bash -c :'; sh -c 'bash -c :'").returncode == 0
    assert len(heard) == 1


def test_a_script_is_run_without_asking(tmp_path: Path) -> None:
    """The program itself may be one; what it then starts still asks."""
    heard: list[bytes] = []
    script = tmp_path / "program.sh"
    script.write_text("bash -c 'echo asked'\n")
    environment = {"PATH": os.defpath, "BASH_ENV": str(tmp_path / bash_lines.FILE_NAME)}
    with open_hook_socket(tmp_path, lambda said: heard.append(said) or b""):  # type: ignore[func-returns-value]
        subprocess.run([BASH, str(script)], check=True, env=environment, capture_output=True)
    assert heard == [b"bash\necho asked"]


def test_a_projects_own_programs_come_first_and_are_not_asked_with(tmp_path: Path) -> None:
    """Its `bin/` stands first on PATH, with a python, an env and a cat of its own that would be found."""
    own = tmp_path / "bin"
    own.mkdir()
    for name in ("python3", "python", "env", "cat", "unset", "make"):
        (own / name).write_text(f"#!/bin/sh\necho own {name}\n")
        (own / name).chmod(0o755)
    with asking(tmp_path):
        ran = run(tmp_path, FAILS, path=f"{own}:{os.defpath}")
    assert ran.stdout == b"own make\n"
    assert ran.stderr.count(b"is killed") == 1


@pytest.mark.parametrize("gone", ["socket", "file", "client"])
def test_what_is_gone_is_not_missed(tmp_path: Path, gone: str) -> None:
    """Without a sandbox an agent can take the file away, or the round is over; then nothing is printed."""
    with asking(tmp_path):
        file = tmp_path / bash_lines.FILE_NAME
        if gone == "socket":
            (tmp_path / "hooks").unlink()
        elif gone == "client":
            file.write_text(file.read_text().replace("hook_client.py", "none.py"))
        else:
            file.unlink()
        ran = run(tmp_path, f"echo on; : {FAILS}")
        (tmp_path / "hooks").touch()
    assert (ran.returncode, ran.stdout) == (0, b"on\n")
    assert gone == "file" or ran.stderr == b""  # bash itself says that a file is not there


def test_a_node_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes what it is asked and says nothing, and one whose queue is full."""
    monkeypatch.setattr(bash_lines, "WAIT_SECONDS", 0.2)
    silent = tmp_path / "silent"
    bash_lines.write_bash_lines(tmp_path, node_python(), Path(hook_client.__file__), silent)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent))
        listener.listen(0)
        began = time.monotonic()
        ran = run(tmp_path, "echo on")
        full = run(tmp_path, "echo on")  # the one before stands in the queue
        took = time.monotonic() - began
    assert (ran.stdout, ran.stderr, full.stdout, full.stderr) == (b"on\n", b"", b"on\n", b"")
    assert took < PATIENCE


def test_a_shell_that_is_ended_while_it_asks_ends_at_once(tmp_path: Path) -> None:
    """By the very signal, and its command does not run."""
    asked, ended = tmp_path / "asked", threading.Event()

    def answer(said: bytes) -> bytes:
        asked.touch()
        ended.wait(PATIENCE)
        return b""

    environment = {"PATH": os.defpath, "BASH_ENV": str(tmp_path / bash_lines.FILE_NAME)}
    with open_hook_socket(tmp_path, answer):
        running = subprocess.Popen([BASH, "-c", f"touch {tmp_path}/ran"], env=environment, start_new_session=True)
        until = time.monotonic() + PATIENCE
        while not asked.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGTERM)
        assert running.wait(PATIENCE) == -signal.SIGTERM
        ended.set()
    assert not (tmp_path / "ran").exists()


def test_nobody_asks_for_a_program_that_does_not_say_so(tmp_path: Path) -> None:
    """claude and codex have hooks: a line in the words of a shell comes from somebody else there."""
    warner = JournalWarner(look_up=look_up_in(journal_of(f"`{FAILS}` is killed")))
    assert ToolHooks(warner=warner, tree=tmp_path).answer(f"bash\n{FAILS}".encode()) == b""
