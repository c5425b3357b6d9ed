"""What does the person do whom docs/operating.md tells what to do? Recovers the server, and merges what went apart.

Each step is a row of its tables, as it stands there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.acceptance.fleets import Fleet

NAMED = re.compile(r"^(missions/[^/\s]+\.md): .*give the file another name$", re.MULTILINE)
RECOVERED = "refs/remotes/origin/recovered-"
EVERYTHING = ("--all", "--keep-unreachable", "--pack-loose-unreachable")
"""Of a clone; a node whose disk is full pushes what no ref of its clone names."""


def set_back(fleet: Fleet, now: Mapping[str, str], old: Mapping[str, str]) -> None:
    """The server's refs are what they were, all at once: no push falls between two halves of a restore."""
    lines = [f"update {ref} {oid} {now.get(ref, '0' * 40)}\n" for ref, oid in old.items()]
    lines += [f"delete {ref} {now[ref]}\n" for ref in now.keys() - old.keys()]
    words = ["git", "-C", str(fleet.bare), "update-ref", "--stdin"]
    subprocess.run(words, input="".join(lines).encode(), timeout=60, check=True)


def recover(fleet: Fleet, node: str, url: str, home: Path) -> None:
    """`shiftbook ledger recover` on a node's machine, from its home; again when somebody pushed meanwhile."""
    for tries in range(5):
        done = fleet.run("ledger", "recover", "--yes", node=node, SHIFTBOOK_LEDGER=url, SHIFTBOOK_HOME=str(home))
        if done.returncode == 0:
            return
        assert tries < 4, f"ledger recover on {node}: {done.stderr}"


def merge_recovered(fleet: Fleet) -> int:
    """Merges each branch `recovered-…` and takes it off the server; returns how many there were."""
    fleet.git("fetch", "--quiet", "--prune")
    branches = fleet.git("for-each-ref", "--format=%(refname)", f"{RECOVERED}*").splitlines()
    for ref in branches:
        _push_merge(fleet, ref)
        fleet.git("push", "--quiet", "origin", "--delete", ref.removeprefix("refs/remotes/origin/"))
    return len(branches)


def push_own(fleet: Fleet, own: str) -> bool:
    """What the person's clone had at the commit `own`, and no node had seen, goes to the server again."""
    fleet.git("fetch", "--quiet")
    if fleet.try_git("merge-base", "--is-ancestor", own, "origin/main").returncode == 0:
        return False
    _push_merge(fleet, own)
    return True


def _push_merge(fleet: Fleet, what: str) -> None:
    for tries in range(20):
        fleet.git("fetch", "--quiet")
        fleet.git("reset", "--quiet", "--hard", "origin/main")
        _merge(fleet, what)
        done = fleet.try_git("push", "--quiet")
        if done.returncode != 0 and mend_named(fleet, done.stderr):
            done = fleet.try_git("push", "--quiet")
        if done.returncode == 0:
            return
        assert tries < 19, f"could not push the merge of {what}: {done.stderr}"


def mend_named(fleet: Fleet, said: str) -> bool:
    """Takes out what the clone's check names before a push: a second spelling of a mission that has ended meanwhile
    comes back with the lost hour, and would be pushed in vain for ever. Returns whether there was any."""
    named = sorted(set(NAMED.findall(said)))
    for path in named:
        fleet.git("rm", "--quiet", "--force", "--", path)
    if named:
        fleet.git("commit", "--quiet", "--no-verify", "-m", "take out what the check names")
    return bool(named)


def _merge(fleet: Fleet, ref: str) -> None:
    """Where both sides changed one place both stay in the journal, and the lost hour's in everything else."""
    if fleet.try_git("merge", "--quiet", "--no-edit", "--no-verify", ref).returncode == 0:
        return
    for path in fleet.git("diff", "--name-only", "--diff-filter=U").splitlines():
        if path == "SESSION_LOG.md":
            _keep_both(fleet.clone / path)
        elif fleet.try_git("checkout", "--theirs", "--", path).returncode != 0:
            fleet.git("rm", "--quiet", "--", path)
    fleet.git("add", "--all")
    fleet.git("commit", "--quiet", "--no-edit", "--no-verify")


def _keep_both(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text(
        "".join(line for line in lines if not line.startswith(("<<<<<<<", "=======", ">>>>>>>"))), encoding="utf-8"
    )


def bring_objects(fleet: Fleet, clones: Iterable[Path]) -> None:
    """What the server has lost of the branch comes back from any clone, by the line that the table gives."""
    for clone in clones:
        pack = subprocess.run(
            ["git", "-C", str(clone), "pack-objects", *EVERYTHING, "--stdout", "-q"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        if pack.returncode == 0:
            words = ["git", "-C", str(fleet.bare), "unpack-objects", "-q", "-r"]
            subprocess.run(words, input=pack.stdout, capture_output=True, timeout=120, check=False)
