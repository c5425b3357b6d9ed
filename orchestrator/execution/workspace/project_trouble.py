"""Why can a project's repository not be worked on, where no further attempt would change that?"""

from __future__ import annotations

import re
import shlex

from orchestrator.core.ports.agent import Project
from sync.errors import GitError

SHALLOW_WARNING = "shallow roots are not allowed to be updated"
"""What git says beside success when it leaves a ref of a shallow repository alone."""

_TRY = "`git ls-remote {url}`, as the user of this node, tries it"
_TROUBLES: tuple[tuple[str, str], ...] = (
    (
        r"couldn't find remote ref|[Rr]emote branch \S+ not found",
        "it has no branch {branch}: push that branch, or correct `branch` below [projects.{name}] in fleet.toml",
    ),
    (
        SHALLOW_WARNING,
        "it is a shallow repository, which lacks the history: run `git fetch --unshallow` there ({url})",
    ),
    (
        r"mismatched algorithms|(?:unsupported|unknown) (?:object|hash) (?:format|algorithm)|sha256",
        "it is a SHA-256 repository, which cannot be worked on here: give a SHA-1 repository as the `url`",
    ),
    (
        r"dubious ownership",
        "it belongs to another user: run `git config --global --add safe.directory {url}` as the user of this node",
    ),
    (
        r"Authentication failed|could not read (?:Username|Password)|Permission denied|Host key verification failed"
        r"|terminal prompts disabled|returned error: 40[13]|[Aa]ccess denied|Permission to \S+ denied",
        f"access is refused: give this node's user a key or a token for it (git's credential helper); {_TRY}",
    ),
    (
        r"does not appear to be a git repository|[Rr]epository '?\S*'? ?not found|does not exist|[Nn]ot [Ff]ound"
        r"|returned error: 404|could not be found|not a git repository",
        f"no repository is there: correct `url` below [projects.{{name}}] in fleet.toml, or if it is a path of another"
        f" machine send the mission there with `to:`; {_TRY}",
    ),
    (
        r"is not a git command|transport '\S+' not allowed|protocol '\S+' is not supported",
        f"git cannot use such an address: correct `url` below [projects.{{name}}] in fleet.toml; {_TRY}",
    ),
)


def lasting_trouble(project: Project, error: BaseException) -> str:
    """What is wrong with a project's repository and the command that mends it; "" for what may pass by itself."""
    if not isinstance(error, GitError):
        return ""
    where = {"url": shlex.quote(project.url), "branch": project.branch, "name": project.name}
    return next((words.format(**where) for shape, words in _TROUBLES if re.search(shape, error.stderr)), "")
