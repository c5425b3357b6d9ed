"""What does a program run at its hook? Hands what it is told to the node's socket, and prints what comes back.

Runs as a file, by a bare Python inside the sandbox, with nothing of ours beside it: `hook_client.py SOCKET`. A node
that does not answer stops no work: then nothing is printed, and the exit code is 0 all the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from pathlib import Path

WAIT_SECONDS = 5.0
MAX_BYTES = 1024 * 1024
"""Of what a program says of a call: a file that it writes stands in it whole."""


def ask(path: str, said: bytes) -> bytes:
    """The node's answer. Raises OSError."""
    where = Path(path)
    folder = os.open(where.parent, os.O_PATH | os.O_DIRECTORY)
    far = socket.socket(socket.AF_UNIX)
    try:
        # A socket with Python's own time limit does not wait for a place in a full queue: it is refused at once.
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(WAIT_SECONDS), 0))
        far.connect(f"/proc/self/fd/{folder}/{where.name}")  # the path may be longer than the kernel's 107 bytes
        far.settimeout(WAIT_SECONDS)
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := far.recv(65536):
            answer += piece
        return answer
    finally:
        far.close()
        os.close(folder)


def main(words: list[str]) -> None:
    """Asks with what stands on standard input."""
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(ask(words[0], sys.stdin.buffer.read(MAX_BYTES)))
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
