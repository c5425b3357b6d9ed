"""How does a program without hooks hear a warning? Its bash asks the node before it runs a command line.

bash reads the file that `BASH_ENV` names before the line that `bash -c` is given. Ours asks with that line and prints
what it is answered on standard error, so it comes with the command's output, as the program shows that to its model.
Then the shell goes on as if nothing had been: same process, same arguments, standard input, signals and exit code, and
nothing that it starts inherits the variable, so one command line asks once. Scripts are read without asking. A node
that does not answer holds nothing up for longer than `WAIT_SECONDS`.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from sync import files

FILE_NAME = "bash-lines"
VARIABLE = "BASH_ENV"
WAIT_SECONDS = 1.0
"""So long does a command wait for a node that does not answer."""
_LINES = """\
{{
  if [[ -n ${{BASH_EXECUTION_STRING+set}} ]]; then
    unset BASH_ENV
    {client} "$BASH_EXECUTION_STRING" </dev/null >&3 3>&- || :
    : "$BASH"
  fi
}} 3>&2 2>/dev/null || :
"""
"""The words of the shell's own tracing, and those of a client that cannot start, are nobody's to read. Its last word is
what `$_` is when a shell begins."""


def write_bash_lines(folder: Path, python: Path, client: Path, socket: Path) -> Path:
    """The file, for one run's socket. Raises OSError."""
    words = (python, "-I", "-S", "-B", "-X", "utf8", client, socket, WAIT_SECONDS)
    path = folder / FILE_NAME
    files.replace(path, _LINES.format(client=shlex.join(map(str, words))), durable=False)
    return path
