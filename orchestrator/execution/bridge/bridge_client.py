"""What is the server of tools that an agent's program starts inside the sandbox? It hands each message to the node.

Runs as a file, by a bare Python inside the sandbox, with nothing of ours beside it: `bridge_client.py SOCKET SECONDS`.
Messages of the Model Context Protocol come on standard input, one a line. Each question is asked of the node on a
connection of its own, so that one which waits holds no other up; what wants no answer is not passed on. It knows no
tool and decides nothing. A node that does not answer, or not within SECONDS, is an error of that one call.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
from pathlib import Path

MAX_BYTES = 256 * 1024
"""Of one message, either way."""
MAX_AT_ONCE = 8
"""Questions that are on their way; the next one waits until one of them is answered."""
INVALID, INTERNAL = -32600, -32603


def ask(path: str, said: bytes, seconds: float) -> bytes:
    """The node's answer. Raises OSError. As in `hooks/hook_client`: each is the one file that its sandbox shows."""
    where = Path(path)
    folder = os.open(where.parent, os.O_PATH | os.O_DIRECTORY)
    far = socket.socket(socket.AF_UNIX)
    try:
        # A socket with Python's own time limit does not wait for a place in a full queue: it is refused at once.
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), 0))
        far.connect(f"/proc/self/fd/{folder}/{where.name}")  # the path may be longer than the kernel's 107 bytes
        far.settimeout(seconds)
        far.sendall(said)
        far.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := far.recv(65536):
            answer += piece
        return answer
    finally:
        far.close()
        os.close(folder)


class MessageRelay:
    """Questions one way, answers the other."""

    def __init__(self, path: str, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._free, self._out = threading.BoundedSemaphore(MAX_AT_ONCE), threading.Lock()

    def take(self, line: bytes) -> None:
        """Takes one message; its answer is printed when it is there."""
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):  # the latter of one that is nested too deeply
            found = None
        if not isinstance(found, dict) or len(line) > MAX_BYTES:
            self._refuse(None, INVALID, f"a message is one JSON object of at most {MAX_BYTES} bytes")
        elif "id" in found and "method" in found:
            self._free.acquire()
            threading.Thread(target=self._relay, args=(line, found["id"]), daemon=True).start()

    def _relay(self, line: bytes, number: object) -> None:
        try:
            answer = ask(self._path, line, self._seconds).strip()
            if answer:
                self._print(answer)
            else:
                self._refuse(number, INTERNAL, "the node has nothing to say to this")
        except OSError as error:
            self._refuse(number, INTERNAL, f"the node does not answer: {error.strerror or error}")
        finally:
            self._free.release()

    def _refuse(self, number: object, code: int, why: str) -> None:
        said = {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": why}}
        self._print(json.dumps(said).encode())

    def _print(self, answer: bytes) -> None:
        with self._out:
            sys.stdout.buffer.write(answer + b"\n")
            sys.stdout.buffer.flush()


def main(words: list[str]) -> None:
    """Relays until standard input ends, and with it the program that started this."""
    relay = MessageRelay(words[0], float(words[1]))
    lines = sys.stdin.buffer
    while line := lines.readline(MAX_BYTES + 1):
        whole = line
        while whole and not whole.endswith(b"\n"):
            whole = lines.readline(MAX_BYTES)  # the rest of one that is too long is passed by
        if line.strip():
            relay.take(line)


if __name__ == "__main__":
    main(sys.argv[1:])
