"""How does a program without hooks hear a warning? Its bash asks the node before it runs a command line.

bash reads the file that `BASH_ENV` names before the line that `bash -c` is given. Ours asks with that line and prints
what it is answered on standard error, so it comes with the command's output, as the program shows that to its model.
Then the shell goes on as if nothing had been: same process, same arguments, standard input, signals and exit code, and
nothing that it starts inherits the variable, so one command line asks once. Scripts are read without asking. A node
that does not answer holds nothing up for longer than `WAIT_SECONDS`.

Of a program that tells no exit codes, bash prints them on a line of standard error, from the first warning on.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from orchestrator.execution.hooks.hook_client import EXIT_CODE_WANTED
from sync import files

FILE_NAME = "bash-lines"
VARIABLE = "BASH_ENV"
WAIT_SECONDS = 1.0
"""So long does a command wait for a node that does not answer."""
_LINES = """\
{{
  if [[ -n ${{BASH_EXECUTION_STRING+set}} ]]; then
    unset BASH_ENV
    {client} "$BASH_EXECUTION_STRING" </dev/null >&3 3>&-
    [[ $? -ne {wanted} ]] || trap 'printf "[exit code %s]\\n" $? >&2' EXIT
    : "$BASH"
  fi
}} 3>&2 2>/dev/null || :
"""
"""The words of the shell's own tracing, and those of a client that cannot start, are nobody's to read. Its last word is
what `$_` is when a shell begins."""
_EXIT_LINE = re.compile(r"^\[exit code (\d{1,3})\]\r?$", re.MULTILINE)


def write_bash_lines(folder: Path, python: Path, client: Path, socket: Path) -> Path:
    """The file, for one run's socket. Raises OSError."""
    words = (python, "-I", "-S", "-B", "-X", "utf8", client, socket, WAIT_SECONDS)
    path = folder / FILE_NAME
    files.replace(path, _LINES.format(client=shlex.join(map(str, words)), wanted=EXIT_CODE_WANTED), durable=False)
    return path


def exit_code_in(output: str) -> int | None:
    """The exit code that stands in a command's output, not at its end where both outputs were read side by side; None
    where none does, or several."""
    found = set(_EXIT_LINE.findall(output))
    return int(found.pop()) if len(found) == 1 else None
