"""What does the served repository's hook run first? Asks the process that serves it, which knows everything already.

Run by its path with `python -I -S`, so it imports nothing but the standard library: starting all of Shiftbook for each
push takes half a second, asking takes a few milliseconds. Exits 0 (taken in), 4 (refused, with a line on standard
error), or 75: nobody answers, judge it some other way.
"""

import json
import os
import socket
import stat
import sys

PUSH_VARIABLES = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "SHIFTBOOK_PUSHER")
"""Variables that tell what is pushed, and by whom."""
EXIT_NO_ANSWER = 75
EXIT_REFUSED = 4
TIMEOUT_SECONDS = 120.0


def query_server(address: str, question: dict[str, object]) -> str:
    """The answer of the process that listens at a socket. Raises OSError, also where others could have put it."""
    folder = os.lstat(os.path.dirname(address))  # noqa: PTH120  # pathlib takes as long as all the rest
    if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != os.geteuid() or folder.st_mode & 0o022:
        raise PermissionError(address)  # after a crash anybody may have made a folder of that name
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(TIMEOUT_SECONDS)
        line.connect(address)
        line.sendall(json.dumps(question).encode())
        line.shutdown(socket.SHUT_WR)
        parts = []
        while part := line.recv(65536):
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def main() -> int:
    """Asks about the push that git describes on standard input; the file that names the socket is the argument."""
    lines = sys.stdin.read().splitlines()
    told = {name: os.environ[name] for name in PUSH_VARIABLES if name in os.environ}
    try:
        with open(sys.argv[1], encoding="utf-8") as record:  # noqa: PTH123  # pathlib takes as long as all the rest
            address = record.read().strip()
        answer = query_server(address, {"folder": os.getcwd(), "told": told, "lines": lines})  # noqa: PTH109  # likewise
    except (OSError, ValueError):
        return EXIT_NO_ANSWER
    word, _, why = answer.partition(" ")
    if word == "yes":
        return 0
    if word != "no":
        return EXIT_NO_ANSWER
    sys.stderr.write(f"shiftbook: {why}\n")
    return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
