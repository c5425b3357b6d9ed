"""How does a program that starts others by a command line start ours from the fork server? By this one in its place.

`python -I -S tests/launcher.py ADDRESS WORD...` lends `shiftbook WORD...` its streams, folder and environment, and ends
with its exit code; SIGINT and SIGTERM are passed on. It imports next to nothing: that is what it is for.
"""

import json
import os
import signal
import socket
import sys


def main(address: str, words: list[str]) -> int:
    """Returns the exit code."""
    heard = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)  # from its start on what is said to this one is said to the program
    answer, theirs = os.pipe()
    request = {
        "words": words,
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer to import than all else here
        "session": False,
        "keeps": [],
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.connect(address)
        socket.send_fds(door, [json.dumps(request).encode()], [theirs, 0, 1, 2])
        os.close(theirs)  # else nobody would see that the server has died
        pid = int.from_bytes(os.read(answer, 4), "little")
        if not pid:
            return 1  # the server has said why
        for each in (0, 1):
            os.close(each)  # so that the other side sees the end when the program has ended
        for number in heard:
            signal.signal(number, lambda sent, _: os.kill(pid, sent))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        return int.from_bytes(os.read(answer, 4), "little", signed=True)


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2:])
    os._exit(code if code >= 0 else 128 - code)
