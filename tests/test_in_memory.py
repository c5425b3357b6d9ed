"""Is what the suite writes kept in memory only where there is room, and is nothing left of it?"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import in_memory

SHOW = "import os, tempfile; print(tempfile.mkdtemp(), end='')"
WAITS = "import sys, time; print('begun', flush=True); time.sleep(600)"


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes every file system one with so much room and these flags."""

    def make(free: int = in_memory.ROOM, flags: int = 0) -> None:
        monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1, f_flag=flags))

    return make


def meminfo(folder: Path, free: int = in_memory.ROOM) -> Path:
    """What a kernel says of a machine with so many bytes to spare."""
    told = folder / "meminfo"
    told.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {free // 1024} kB\nBuffers: 1 kB\n", encoding="utf-8")
    return told


def test_memory_is_used_where_there_is_room_in_it(tmp_path: Path, roomy: Callable[..., None]) -> None:
    """Room in the file system, and in what it is made of."""
    roomy()
    assert in_memory.fits(tmp_path, meminfo(tmp_path))


def test_a_small_machine_writes_to_its_disk(tmp_path: Path, roomy: Callable[..., None]) -> None:
    """A small file system (a container's has 64 MiB), little memory behind it, none that is told, and none at all."""
    roomy(free=64 << 20)
    assert not in_memory.fits(tmp_path, meminfo(tmp_path))
    roomy()
    assert not in_memory.fits(tmp_path, meminfo(tmp_path, free=in_memory.ROOM - 1024))
    assert not in_memory.fits(tmp_path, tmp_path / "not there")
    assert not in_memory.fits(tmp_path / "not there", meminfo(tmp_path))


def test_a_container_has_what_its_group_may_have(tmp_path: Path) -> None:
    """The kernel's file tells of the whole machine. A group without a limit says `max`."""
    told = meminfo(tmp_path, free=100 << 20)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{30 << 20}\n")
    assert in_memory.available(told, tmp_path) == 100 << 20
    (tmp_path / "memory.max").write_text(f"{50 << 20}\n")
    assert in_memory.available(told, tmp_path) == 20 << 20
    assert in_memory.available(told, tmp_path / "not there") == 100 << 20


def test_where_no_program_may_run_no_test_is(tmp_path: Path, roomy: Callable[..., None]) -> None:
    """Some write a program and start it."""
    roomy(flags=os.ST_NOEXEC)
    assert not in_memory.fits(tmp_path, meminfo(tmp_path))


def test_another_user_may_write_there(tmp_path: Path) -> None:
    """As in /tmp: a test has PostgreSQL's server run by somebody who is not root. Nobody takes away another's."""
    with in_memory.folder(tmp_path) as (made, _):
        assert made.stat().st_mode & 0o7777 == 0o1777


def test_a_folder_in_memory_is_gone_with_the_run(tmp_path: Path) -> None:
    """With all that was left in it, also where the run failed."""

    def fail() -> None:
        with in_memory.folder(tmp_path) as (made, _):
            (made / "a" / "b").mkdir(parents=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_taken_away(tmp_path: Path) -> None:
    """By the next one. What is in use, has no lock of ours, or is a link stays, and so does what that leads to."""
    aside, memory = tmp_path / "aside", tmp_path / "memory"
    for left in (aside, memory / "sb-killed", memory / "sb-others", memory / "other-killed"):
        left.mkdir(parents=True)
        (left / "what").write_text("x")
    for locked in (aside, memory / "sb-killed", memory / "other-killed"):
        (locked / in_memory.IN_USE).touch()
    (memory / "sb-link").symlink_to(aside, target_is_directory=True)
    with in_memory.folder(memory) as (used, _):
        in_memory.sweep(memory)
        assert {left.name for left in memory.iterdir()} == {"sb-others", "other-killed", "sb-link", used.name}
    assert (aside / "what").exists()


def test_what_a_killed_runs_command_still_writes_to_stays(tmp_path: Path) -> None:
    """It has the lock from whoever started it."""
    left = tmp_path / "sb-left"
    left.mkdir()
    with (left / in_memory.IN_USE).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        child = subprocess.Popen([sys.executable, "-c", WAITS], pass_fds=[lock.fileno()], stdout=subprocess.PIPE)
    with child:
        in_memory.sweep(tmp_path)
        assert left.is_dir()
        child.kill()
    in_memory.sweep(tmp_path)
    assert not left.exists()


def test_what_belongs_to_somebody_else_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks may be allowed to remove it."""
    (tmp_path / "sb-theirs").mkdir()
    (tmp_path / "sb-theirs" / in_memory.IN_USE).touch()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    in_memory.sweep(tmp_path)
    assert (tmp_path / "sb-theirs").is_dir()


def _run(words: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "TMPDIR"} | variables
    command = [sys.executable, "-m", "tests.in_memory", *words]
    return subprocess.run(
        command, env=env, cwd=in_memory.ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_folder_that_somebody_chose_is_kept(tmp_path: Path) -> None:
    """As `TMPDIR=/tmp make test` does, to look at what a failure left."""
    done = _run([sys.executable, "-c", SHOW], TMPDIR=str(tmp_path))
    assert Path(done.stdout).parent == tmp_path
    assert Path(done.stdout).is_dir()


def test_what_was_written_is_gone_and_the_end_is_the_commands(tmp_path: Path) -> None:
    """Wherever it was written."""
    done = _run([sys.executable, "-c", f"{SHOW}; raise SystemExit(3)"])
    assert done.returncode == 3
    assert done.stdout
    if Path(done.stdout).is_relative_to(in_memory.MEMORY):
        assert not Path(done.stdout).parent.exists()
    else:  # this machine has too little memory
        Path(done.stdout).rmdir()


@pytest.mark.parametrize("ending", in_memory.ENDINGS)
def test_who_is_told_to_end_ends_what_was_started(ending: signal.Signals) -> None:
    """Else it would go on writing into a folder that is gone. A terminal that is closed tells it, too."""
    command = [sys.executable, "-m", "tests.in_memory", sys.executable, "-c", WAITS]
    before = signal.signal(ending, signal.SIG_DFL)  # a suite under nohup hands on that it is ignored
    try:
        process = subprocess.Popen(command, cwd=in_memory.ROOT, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(ending, before)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(ending)
        assert process.wait(timeout=120) == 128 + ending
        assert process.stdout.read() == ""  # nobody holds the other end
