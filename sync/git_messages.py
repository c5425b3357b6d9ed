"""What do git's messages mean, and what can a person do? One table from its words to a cause and a step.

Asked wherever a git command has failed, so that nobody is left alone with git's own words; those follow in brackets.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """Why it failed, and what to do."""

    cause: str
    step: str


_TABLE: tuple[tuple[str, Meaning], ...] = (
    (
        r"No space left on device|Disk quota exceeded|unable to write .*file.* quota",
        Meaning("the disk is full", "free some space there, then again (`shiftbook doctor` shows this machine's)"),
    ),
    (
        r"ref HEAD is not a symbolic ref|You are not currently on a branch",
        Meaning(
            "no branch is checked out here: a rebase is under way, or a single commit is looked at",
            "end it with `git rebase --continue` or `--abort`, or `git switch main`, then again",
        ),
    ),
    (
        r"failed to sign|signing failed|Couldn't load public key|No private key found|Couldn't find key in agent"
        r"|user\.signing[kK]ey|incorrect passphrase|Load key .*: (?:invalid|No such)",
        Meaning(
            "the commit could not be signed",
            "the key that `git config user.signingkey` names must be there, and in ssh-agent if it has a passphrase;"
            " `shiftbook join URL FOLDER` sets the clone up again",
        ),
    ),
    (
        r"Permission denied \((?:publickey|password|keyboard)|Too many authentication failures",
        Meaning("the server does not know your SSH key", "add its .pub to the server, or `ssh-add` the one it knows"),
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        Meaning(
            "this machine does not know the server's key, or it is another one than before",
            "connect once with `ssh` and compare what it shows with what the server's admin says",
        ),
    ),
    (
        r"Authentication failed|could not read (?:Username|Password)|returned error: 40[13]|Access denied",
        Meaning("the server does not let you in", "set SHIFTBOOK_GIT_TOKEN, or git's credential helper, for it"),
    ),
    (
        r"Could not resolve|name resolution|Name or service not known|nodename nor servname",
        Meaning("the server's name is not found", "check the network, and how the address is spelt"),
    ),
    (
        r"Connection refused|timed out|No route to host|Network is unreachable|Failed to connect|unable to connect"
        r"|Connection reset|no answer within|returned error: 5\d\d",
        Meaning("the server does not answer", "check the network, and whether it runs; then again"),
    ),
    (
        r"certificate|SSL_ERROR|gnutls_handshake",
        Meaning("the server's certificate is not trusted", "name its authority in GIT_SSL_CAINFO, or correct the URL"),
    ),
    (
        r"does not appear to be a git repository|[Rr]epository .*not found|repository '.*' does not exist"
        r"|returned error: 404|not a valid repository name",
        Meaning(
            "there is no Git repository at that address",
            "correct the address (SHIFTBOOK_LEDGER, or `git remote set-url origin URL`), or mount the disk it is on",
        ),
    ),
    (
        r"not a git repository",
        Meaning("this folder is in no Git repository", "go into your clone, or make a ledger with `shiftbook init`"),
    ),
    (
        r"dubious ownership",
        Meaning(
            "the repository belongs to another user of this machine",
            "run this as that user, or trust it: `git config --global --add safe.directory FOLDER`",
        ),
    ),
    (
        r"\.lock': File exists|Another git process seems to be running",
        Meaning("another git is at work there, or one was killed", "wait; if none runs, delete the file that it names"),
    ),
    (
        r"insufficient permission|Permission denied|Operation not permitted|Read-only file system",
        Meaning("you may not write, or not read, there", "give yourself the right to, or run this as its owner"),
    ),
    (
        r"tell me who you are|auto-detect email|empty ident name",
        Meaning("git does not know who you are", 'say `git config --global user.name "…"`, and user.email, then again'),
    ),
    (
        r"refusing to update checked out branch",
        Meaning(
            "the branch is checked out where it is pushed to",
            "share it through a bare repository, or say there `git config receive.denyCurrentBranch updateInstead`",
        ),
    ),
    (
        r"fetch first|non-fast-forward|refusing to merge unrelated histories|diverg",
        Meaning("others have pushed since you fetched", "`git pull`, then again"),
    ),
    (
        r"would be overwritten|unstaged changes|uncommitted changes|unmerged|needs merge|CONFLICT",
        Meaning("changes of yours are in the way", "commit them, or `git stash`, then again"),
    ),
    (
        r"already exists and is not an empty directory",
        Meaning("there is something else in that folder", "name another one"),
    ),
    (
        r"is corrupt|is empty$|index file corrupt|bad object|missing (?:blob|tree|commit)|unable to read (?:tree|sha1)",
        Meaning(
            "the repository is damaged",
            "this machine's own clone (`ledger.git` in SHIFTBOOK_HOME) may be deleted and is fetched again; of any"
            " other one `git fsck` tells more",
        ),
    ),
    (
        r"does not have any commits|[Rr]emote branch .* not found|couldn't find remote ref|unknown revision"
        r"|Needed a single revision|invalid reference|did not match any file\(s\) known",
        Meaning("there is no such branch, or no commit yet", "make the first commit, or correct the branch's name"),
    ),
    (
        r"[Pp]rotocol .* not supported|transport '.*' not allowed|remote helper|'remote-[^']+' is not a git command",
        Meaning("git does not speak this kind of address here", "use one such as git@HOST:PATH, https://… or a folder"),
    ),
    (
        r"command not found|No such file or directory: 'git'",
        Meaning("git is not installed", "install it (`apt install git`)"),
    ),
)
_PATTERNS = tuple((re.compile(words, re.MULTILINE), meaning) for words, meaning in _TABLE)


def meaning_of(said: str) -> Meaning | None:
    """What a program meant by what it said on standard error; None for words that are not in the table."""
    return next((meaning for words, meaning in _PATTERNS if words.search(said)), None)


def explained(said: str, raw: str) -> str:
    """A sentence for a person: cause and step, and git's own words, `raw`, behind them; those alone if not known."""
    found = meaning_of(said)
    return f"{found.cause}; {found.step} ({raw})" if found else raw
