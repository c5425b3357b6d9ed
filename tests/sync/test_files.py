"""How a file is replaced."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sync import files
from tests.conftest import lacking, require_program

ONE, OTHER = b"a" * 300_000, b"b" * 300_000


def _traced(code: str, folder: Path) -> list[str]:
    """What a child process asked of the disk, call by call: the call and the file's or folder's name."""
    log = folder.with_name("trace")
    command = [require_program("strace"), "-f", "-y", "-qq", "-e", "trace=write,fsync,rename,renameat,renameat2"]
    child = [
        *command,
        "-o",
        str(log),
        sys.executable,
        "-c",
        f"from pathlib import Path\nfrom sync import files\n{code}",
    ]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    if "PTRACE" in done.stderr:
        lacking("strace may not trace here")
    assert done.returncode == 0, done.stderr
    calls = re.findall(
        rf"(write|fsync|rename)\w*\([^<\"]*[<\"]{re.escape(str(folder))}(/[^>\"]*)?[>\"]", log.read_text()
    )
    return [f"{call} {'beside' if name.endswith('.new') else name.strip('/') or 'folder'}" for call, name in calls]


def test_a_durable_file_is_on_disk_before_it_has_its_name_and_the_name_after(tmp_path: Path) -> None:
    """The system calls are: write, flush the file, rename, flush the folder."""
    folder = tmp_path / "there"
    folder.mkdir()
    calls = _traced(f"files.replace(Path({str(folder / 'pin.json')!r}), 'words')", folder)
    assert calls == ["write beside", "fsync beside", "rename beside", "fsync folder"]


def test_what_may_be_lost_costs_no_flush(tmp_path: Path) -> None:
    """Without `durable` the file is written and renamed, nothing else."""
    folder = tmp_path / "there"
    folder.mkdir()
    calls = _traced(f"files.replace(Path({str(folder / 'cache')!r}), 'words', durable=False)", folder)
    assert calls == ["write beside", "rename beside"]


def test_a_file_that_is_complete_is_flushed_before_it_is_moved(tmp_path: Path) -> None:
    """A download is flushed under its first name, renamed, and the folder flushed."""
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "model.part").write_bytes(b"words")
    code = f"files.move_into_place(Path({str(folder / 'model.part')!r}), Path({str(folder / 'model')!r}))"
    assert _traced(code, folder) == ["fsync model.part", "rename model.part", "fsync folder"]
    assert (folder / "model").read_bytes() == b"words"


def test_a_killed_process_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Killed at any moment, a process that replaces a file over and over leaves one of its two contents, whole."""
    path = tmp_path / "file"
    path.write_bytes(ONE)
    code = (
        "import sys; from pathlib import Path; from sync import files; print(flush=True)\n"
        "while True:\n    for data in (b'a', b'b'): files.replace(Path(sys.argv[1]), data * 300_000, durable=False)"
    )
    for number in range(8):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.003 * number)
            child.send_signal(signal.SIGKILL)
        assert path.read_bytes() in (ONE, OTHER)


def test_a_disk_that_takes_no_more_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    """A write that fails half-way is undone."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from sync import files\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: files.replace(Path(sys.argv[1]), b'x' * 5000)\nexcept OSError: sys.exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 7
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize("mode", [0o600, 0o755])
def test_a_mode_that_is_asked_for_is_the_file_s_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    """A secret is for nobody else, a hook can be run, also where everything is open or closed by itself."""
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            files.replace(tmp_path / "file", b"words", mode=mode)
        finally:
            os.umask(before)
        assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_by_itself_the_umask_decides(tmp_path: Path) -> None:
    """No mode asked for: as `open` would have made it."""
    files.replace(tmp_path / "ours", "words")
    (tmp_path / "open").write_text("words")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "open").stat().st_mode


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    """What a symbolic or hard link leads to keeps its words."""
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "soft").symlink_to(tmp_path / "theirs")
    (tmp_path / "hard").hardlink_to(tmp_path / "theirs")
    for name in ("soft", "hard"):
        files.replace(tmp_path / name, "ours")
        assert (tmp_path / name).read_text() == "ours"
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_a_file_in_an_open_folder_needs_no_path_to_it(tmp_path: Path) -> None:
    """`folder` decides, also when the folder has been moved since it was opened."""
    (tmp_path / "before").mkdir()
    folder = os.open(tmp_path / "before", os.O_RDONLY)
    (tmp_path / "before").rename(tmp_path / "after")
    files.replace(Path("file"), "Grüße", folder=folder)
    os.close(folder)
    assert (tmp_path / "after" / "file").read_text(encoding="utf-8") == "Grüße"


def test_of_many_who_create_a_file_one_does(tmp_path: Path) -> None:
    """The others are told so, and the file has that one's words, for nobody else."""
    done: list[tuple[bool, bytes]] = []
    words = [bytes([number]) * 32 for number in range(8)]
    start = threading.Barrier(len(words))

    def make(data: bytes) -> None:
        start.wait()
        done.append((files.create(tmp_path / "key", data, mode=0o600), data))

    threads = [threading.Thread(target=make, args=(data,)) for data in words]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [data for won, data in done if won]
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").read_bytes() == winner
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_threads_that_flush_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few are begun, however often: one for each of a claim's flushes took as much processor time as the claim."""
    paths = [tmp_path / str(number) for number in range(5)]
    for path in paths:
        path.write_bytes(b"words")
    began: list[str] = []
    start = threading.Thread.start

    def starts(self: threading.Thread) -> None:
        began.append(self.name)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", starts)
    for _ in range(3 * files.MAX_FLUSHES):
        files.flush(paths)
    assert len(began) <= files.MAX_FLUSHES


@pytest.mark.parametrize("bad", range(4))
def test_a_flush_that_fails_is_told_when_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    """One of four files cannot be kept, whichever; what is gone by now needs no flush."""
    paths = [tmp_path / str(number) for number in range(4)]
    for path in paths:
        path.write_bytes(b"words")
    flushed: list[int] = []
    fsync = os.fsync

    def refuses(number: int) -> None:
        if os.fstat(number).st_ino == paths[bad].stat().st_ino:
            raise OSError(5, "Input/output error")
        fsync(number)
        flushed.append(number)

    monkeypatch.setattr(os, "fsync", refuses)
    with pytest.raises(OSError, match="Input/output"):
        files.flush([*paths, tmp_path / "gone"])
    assert len(flushed) == 3
