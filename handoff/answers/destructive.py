"""Which commands in a text are destructive, and what stands before them when they are shown?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_OPTION = r"(?:\s+-{1,2}[^\s`]+)*"
_KINDS: tuple[tuple[str, str], ...] = (
    ("files", rf"\brm{_OPTION}\s+(?:-\w*[rRf]|--recursive|--force)"),
    ("files", r"\bfind\b[^\n`]*\s-(?:delete\b|exec(?:dir)?\s+(?:rm|shred)\b)"),
    ("files", r"\b(?:shred|srm|unlink)\s+\S|\btruncate\s+(?:-s|--size)"),
    ("files", r"\b(?:xargs|parallel)\b[^\n`]*\brm\b"),
    ("files", r"\b(?:rmtree|remove_tree|removedirs|rimraf|Remove-Item|rmdir\s+/s|del\s+/[sfq])\b"),
    ("files", r"\brsync\b[^\n`]*\s--delete"),
    ("a disk", r"\b(?:mkfs(?:\.\w+)?|wipefs|blkdiscard|sgdisk|parted|fdisk|cryptsetup\s+luksFormat|mkswap)\b\s+\S"),
    ("a disk", r"\bdd\b[^\n`]*\bof="),
    ("a disk", r">\s*/dev/(?:sd|nvme|vd|hd|mmcblk|disk)"),
    ("a disk", r"\b(?:lvremove|vgremove|pvremove|zfs\s+destroy|zpool\s+destroy|format\s+[a-zA-Z]:)"),
    ("commits", r"\bgit\b[^\n`]*\bpush\b[^\n`]*\s(?:--force\b|-\w*f\b|--mirror\b|--delete\b|\+\S|:\S)"),
    ("changes that are not committed", r"\bgit\b[^\n`]*\breset\b[^\n`]*\s--(?:hard|merge)\b"),
    ("files that are not committed", r"\bgit\b[^\n`]*\bclean\b[^\n`]*\s-\w*[fdxX]"),
    ("changes that are not committed", r"\bgit\b[^\n`]*\b(?:checkout|restore)\b\s+(?:--\s+)?(?:\.|:/)(?=\s|$|`)"),
    ("changes that are not committed", r"\bgit\b[^\n`]*\bcheckout\b[^\n`]*\s(?:-f\b|--force\b)"),
    ("commits", r"\bgit\b[^\n`]*\b(?:branch\b[^\n`]*\s-D\b|stash\s+(?:drop|clear))"),
    ("commits", r"\bgit\b[^\n`]*\b(?:filter-(?:branch|repo)|update-ref\s+-d)"),
    ("commits", r"\bgit\b[^\n`]*\b(?:reflog\s+expire|gc\b[^\n`]*--prune)"),
    ("data", r"(?i:\bdrop\s+(?:table|database|schema|index|view|user|keyspace|collection)\b)"),
    ("data", r"(?i:\btruncate\s+table\b|\bdelete\s+from\s+\S+\s*(?:;|$|`|where\s+(?:1|true)\b))"),
    ("data", r"\b(?:FLUSHALL|FLUSHDB)\b|\bdropDatabase\b|\.drop\(\)|\bdropdb\s+\S"),
    ("who may read and run what", rf"\bch(?:mod|own|grp){_OPTION}\s+(?:-\w*R|--recursive)"),
    (
        "what runs in a cluster",
        r"\b(?:kubectl|oc)\b[^\n`]*\b(?:delete|drain)\b|\bhelm\b[^\n`]*\b(?:uninstall|delete)\b",
    ),
    ("containers and volumes", r"\b(?:docker|podman)\b[^\n`]*\b(?:prune|rm|rmi|down\s+(?:-v|--volumes))\b"),
    ("what runs in a cloud", r"\b(?:terraform|tofu|pulumi)\b[^\n`]*\bdestroy\b"),
    ("what runs in a cloud", r"\baws\b[^\n`]*\b(?:rb|rm|terminate-\w+|delete-\w+)\b"),
    ("what runs in a cloud", r"\b(?:gcloud|az|gsutil|doctl|heroku)\b[^\n`]*\b(?:delete|rm|destroy)\b"),
    ("users and their files", r"\b(?:userdel|deluser)\b[^\n`]*\s\S|\bcrontab\s+-r\b"),
    ("programs", r"\b(?:apt(?:-get)?|dnf|yum|pacman|brew)\b[^\n`]*\s(?:purge|autoremove|-R\w*)\b"),
    ("everything, by filling the machine", r":\(\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;"),
)
_DESTRUCTIVE = tuple((what, re.compile(pattern)) for what, pattern in _KINDS)
_TRIGGER = re.compile(
    r"(?i)(?:^|[^\w-])(?:sudo|doas|rm|find|shred|srm|unlink|truncate|xargs|parallel|rsync|mkfs[\w.]*|wipefs|blkdiscard|"
    r"sgdisk|parted|fdisk|cryptsetup|mkswap|dd|git|drop|delete|chmod|chown|chgrp|kubectl|oc|helm|docker|podman|"
    r"terraform|tofu|pulumi|aws|gcloud|az|gsutil|doctl|heroku|userdel|deluser|crontab|apt|apt-get|dnf|yum|pacman|brew|"
    r"format|zfs|zpool|lvremove|vgremove|pvremove|dropdb|flushall|flushdb|db|shutil|os|remove-item|rmdir|del|rimraf|"
    r":\(\)|>)(?=\W|$)"
)
"""What a command that destroys may begin with: from there on a line is held back until it is whole."""
_FIELD = re.compile(r"[\w-]+[ \t]*:")
_CONTINUED = re.compile(r"\\[ \t]*\n")
_PARTIAL = re.compile(r"[\w.:()>`$-]*\Z")


def destroys(line: str) -> str:
    """What a line's command would delete or overwrite; empty where it would not."""
    whole = _CONTINUED.sub(" ", line)
    return next((what for what, pattern in _DESTRUCTIVE if pattern.search(whole)), "")


def guard_line(what: str) -> str:
    """What is said before a command that destroys."""
    return f"This deletes or overwrites {what}; nothing of it was run."


def with_guards(text: str) -> str:
    """A text in which a line stands before each command that destroys."""
    stream = GuardedStream()
    return "".join(map(stream.line, _whole_lines(text)))


def with_guarded_fields(text: str) -> str:
    """A mission's text with guards: in its front matter as comments, each above the field that holds the command."""
    head, rule, body = text.partition("\n---\n") if text.startswith("---\n") else ("", "", text)
    fields: list[list[str]] = []
    for line in head.splitlines():
        if _FIELD.match(line) or not fields:
            fields.append([line])
        else:
            fields[-1].append(line)
    guarded = (_guarded_field(field) for field in fields)
    return "\n".join(line for field in guarded for line in field) + rule + with_guards(body)


def _guarded_field(field: Sequence[str]) -> Sequence[str]:
    """A field's lines, below a comment if they hold such a command."""
    what = destroys("\n".join(field))
    return [f"# {guard_line(what)}", *field] if what else field


@dataclass(kw_only=True)
class GuardedStream:
    """Passes text on as it comes, and puts a guard line before each line with a command that destroys.

    A line is held back from the first word that such a command may begin with: its end says whether it does.
    """

    _held: str = ""
    _fresh: bool = True
    """Whether what was passed on ends with a line break."""
    _last: str = ""

    def take(self, piece: str) -> str:
        """What can be shown now."""
        self._held += piece
        shown = ""
        while (end := _line_end(self._held)) >= 0:
            line, self._held = self._held[:end], self._held[end:]
            shown += self.line(line)
        found = _TRIGGER.search(self._held)
        partial = _PARTIAL.search(self._held)
        upto = found.start() if found else partial.start() if partial else len(self._held)
        now, self._held = self._held[:upto], self._held[upto:]
        return shown + self._pass(now)

    def line(self, whole: str) -> str:
        """A line, or the rest of one."""
        return self._pass(self._guarded(whole))

    def close(self) -> str:
        """The rest."""
        rest, self._held = self._held, ""
        return self.line(rest) if rest else ""

    def _guarded(self, held: str) -> str:
        what = destroys(self._last + held)
        if not what:
            return held
        return ("" if self._fresh else "\n") + guard_line(what) + "\n" + held

    def _pass(self, text: str) -> str:
        if text:
            self._fresh = text.endswith("\n")
            self._last = "" if self._fresh else (self._last + text).rpartition("\n")[2]
        return text


def _whole_lines(text: str) -> Iterator[str]:
    while (end := _line_end(text)) >= 0:
        yield text[:end]
        text = text[end:]
    if text:
        yield text


def _line_end(text: str) -> int:
    """Where the first whole line ends; a backslash at its end goes on with the next one. -1: nowhere yet."""
    at = 0
    while (at := text.find("\n", at)) >= 0:
        at += 1
        if not text[: at - 1].rstrip(" ").endswith("\\"):
            return at
    return -1
