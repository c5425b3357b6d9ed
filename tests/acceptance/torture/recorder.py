"""What did the server take in, and what did the nodes do? Read from the repository's own hook, objects, and events."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from orchestrator.ledger.result_record import ResultRecord, read_record
from sync.git import GitStore
from sync.objects import read_commit
from sync.remote import Oid
from tests.acceptance.torture.clocks import WrongClock
from tests.acceptance.torture.history import CLAIM, LATE, LOG, Move, Push, Work

HOOK = """\
#!/bin/sh
# Called with "prepared", while the refs are locked, then "committed" or "aborted"; the moves come on standard input.
exec 9>>"$GIT_DIR/torture.lock"
flock 9
{ echo "$1 $PPID $(date +%s.%N)"; cat; } >>"$GIT_DIR/torture.log"
"""
NOTHING = "0" * 40


def install(bare: Path) -> None:
    """Makes a repository write down every move of every ref, and keep every object.

    Packing refs looks to the hook like taking them out: `git gc` leaves them as they are.
    """
    hook = bare / "hooks" / "reference-transaction"
    hook.write_text(HOOK, encoding="utf-8")
    hook.chmod(0o755)
    with (bare / "config").open("a", encoding="utf-8") as file:
        file.write(
            "[receive]\n\tautogc = false\n\tfsckObjects = true\n"
            "[gc]\n\tauto = 0\n\tpackRefs = false\n[core]\n\tlogAllRefUpdates = false\n"
        )


def keep_objects(bare: Path, kept: Path) -> None:
    """Links the objects of a repository into another, which loses none."""
    if not kept.exists():
        subprocess.run(["git", "init", "--quiet", "--bare", str(kept)], check=True)
    for folder, inner, names in os.walk(bare / "objects"):  # which goes on where a folder goes away meanwhile
        inner[:] = [name for name in inner if "incoming" not in name]  # a push that is not taken in yet
        for source in (Path(folder, name) for name in names if "tmp_obj" not in name):
            target = kept / source.relative_to(bare)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):  # just packed, or thrown away unused
                    os.link(source, target)


def pushes(bare: Path, attacks: Collection[tuple[str, Oid | None]] = ()) -> list[Push]:
    """Every transaction that was committed, in the order in which the refs were locked.

    `attacks` are the moves (ref, new) that the nemesis made by hand.
    """
    waiting: dict[str, Push] = {}
    order: list[tuple[str, Push]] = []
    kept: set[int] = set()
    for head, lines in _transactions(bare / "torture.log"):
        state, who, at = head.split()
        if state == "prepared":
            moves = tuple(_moves(lines))
            attack = any((move.ref, move.new) in attacks for move in moves)
            waiting[who] = Push(at=float(at), moves=moves, attack=attack)
            order.append((who, waiting[who]))
        elif who in waiting:
            push = waiting.pop(who)
            if state == "committed":
                kept.add(id(push))
    return [_filled(push, refs) for refs in [dict[str, Oid]()] for _, push in order if id(push) in kept and push.moves]


def _filled(push: Push, refs: dict[str, Oid]) -> Push:
    """The push with the old values as they were: a transaction that does not ask for one is told zeroes.

    A ref that is set to where it stands has not moved: its node sent the objects again that the server had thrown away.
    """
    moves = []
    for move in push.moves:
        if refs.get(move.ref) != move.new:
            moves.append(Move(ref=move.ref, old=refs.get(move.ref), new=move.new))
        refs.pop(move.ref, None)
        if move.new:
            refs[move.ref] = move.new
    return Push(at=push.at, moves=tuple(moves), attack=push.attack)


def _transactions(path: Path) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith(("prepared ", "committed ", "aborted ")):
            found.append((line, []))
        else:
            found[-1][1].append(line)
    return found


def _moves(lines: list[str]) -> list[Move]:
    found = []
    for line in lines:
        old, new, ref = line.split(" ", 2)
        if ref.startswith("refs/") and (old != new or old == NOTHING):  # which takes a ref away that was not expected
            found.append(Move(ref=ref, old=_real(old), new=_real(new)))
    return found


def _real(oid: str) -> Oid | None:
    return None if oid == NOTHING else oid


@dataclass(kw_only=True)
class Diary:
    """Who worked when: from the records that nodes hand back, by their own clocks, whose error is known."""

    store: GitStore
    clocks: Mapping[str, WrongClock]
    asleep: list[tuple[str, float, float]] = field(default_factory=list)
    """(node, from, to): its whole process tree stood still."""

    def works(self, taken: list[Push]) -> list[Work]:
        """Every attempt of which there is a record, accepted or late."""
        commits = {move.new: move.ref for push in taken for move in push.moves if move.new}
        found: dict[tuple[str, str, int], Work] = {}
        for oid, ref in commits.items():
            if not ref.startswith((LOG, LATE)):
                continue
            record = read_record(self.store, oid)
            node = read_commit(self.store.get(oid)).author
            work = self._work(record, node)
            if work is not None:
                found[node, record.mission, record.epoch] = work
        return sorted(found.values(), key=lambda work: work.start)

    def _work(self, record: ResultRecord, node: str) -> Work | None:
        start, end = (self._seconds(node, record.fields.get(key)) for key in ("started", "finished"))
        if start is None or end is None or start == end:
            return None
        still = any(who == node and begin < end + 1 and start - 1 < over for who, begin, over in self.asleep)
        excused = "it stood still" if still else ""
        return Work(mission=record.mission, epoch=record.epoch, node=node, start=start, end=end, excused=excused)

    def _seconds(self, node: str, text: object) -> float | None:
        return self.clocks[node].true_seconds(datetime.fromisoformat(str(text))) if text else None


def claims_of(taken: list[Push]) -> dict[str, Oid]:
    """The claims that stand after these pushes, by mission."""
    refs: dict[str, Oid] = {}
    for push in taken:
        for move in push.moves:
            if move.ref.startswith(CLAIM):
                refs.pop(move.ref, None)
                refs.update({move.ref: move.new} if move.new else {})
    return {ref.removeprefix(CLAIM): oid for ref, oid in refs.items()}
