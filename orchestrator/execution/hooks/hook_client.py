"""What does a program run at its hook? Hands what it is told to the node's socket, and prints what comes back.

Runs as a file, by a bare Python inside the sandbox, with nothing of ours beside it: `hook_client.py SOCKET` for what
stands on standard input, `hook_client.py SOCKET SECONDS LINE` for a command line that bash is about to run, and
`hook_client.py SOCKET PATH` for a file that was changed. A node that does not answer stops no work: then nothing is
printed, and the exit code is 0 all the same. It stands before every command, so it imports nothing that is slow to
load: `socket`, `struct` and `os` would take longer than the rest.
"""

from __future__ import annotations

import _socket
import _struct
import posix
import sys
import time

WAIT_SECONDS = 5.0
MAX_BYTES = 1024 * 1024
"""Of what a program says of a call: a file that it writes stands in it whole."""
BASH_MARK = b"bash\n"
"""What stands before a command line; what a program says at its hook is an object of JSON."""
FILE_MARK = b"file\n"
"""What stands before the path of a file that was changed."""
SAID_OF_FILE = 4
"""The exit code if something was said of such a file: none that a client has that cannot start."""
CODE_WANTED, EXIT_CODE_WANTED = b"\0", 3
"""What stands before an answer if bash is to print the command's exit code, and how bash is told so."""


def ask(path: str, said: bytes, seconds: float = WAIT_SECONDS) -> bytes:
    """The node's answer, waited for no longer than that. Raises OSError."""
    until = time.monotonic() + seconds
    parent, _, name = path.rpartition("/")
    folder = posix.open(parent or "/", posix.O_PATH | posix.O_DIRECTORY)
    far = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        # A socket with Python's own time limit does not wait for a place in a full queue: it is refused at once.
        wait = _struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        far.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, wait)
        far.connect(f"/proc/self/fd/{folder}/{name}")  # the path may be longer than the kernel's 107 bytes
        far.settimeout(_left(until))
        far.sendall(said)
        far.shutdown(_socket.SHUT_WR)
        answer = b""
        while piece := far.recv(65536):
            answer += piece
            far.settimeout(_left(until))
        return answer
    finally:
        far.close()
        posix.close(folder)


def _left(until: float) -> float:
    return max(0.001, until - time.monotonic())


def main(words: list[str]) -> int:
    """Asks with what stands on standard input, with a command line, or with a path; the exit code."""
    try:
        match words:
            case [path, seconds, line]:
                answer = ask(path, BASH_MARK + line.encode("utf-8", "surrogateescape"), float(seconds))
            case [path, changed]:
                answer = ask(path, FILE_MARK + changed.encode("utf-8", "surrogateescape"))
            case _:
                answer = ask(words[0], sys.stdin.buffer.read(MAX_BYTES))
        sys.stdout.buffer.write(answer.removeprefix(CODE_WANTED))
        sys.stdout.flush()
        if answer.startswith(CODE_WANTED):
            return EXIT_CODE_WANTED
        return SAID_OF_FILE if answer and len(words) == len(("SOCKET", "PATH")) else 0
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
