"""What can somebody who may push put into a ledger? Everything here at once, beside missions that are sound.

Most of it no git client would make, but a server without fsck takes it in: the objects are written as bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from missions.lease import ClaimState
from orchestrator.ledger.transport import BEAT, CLAIM, LATE, LOG
from sync.objects import (
    FILE,
    FOLDER,
    SUBMODULE,
    SYMLINK,
    TreeEntry,
    edit_tree,
    load_commit,
    load_tree,
    print_tree,
    write_commit,
)
from sync.remote import ObjectStore, Oid, RefUpdate
from tests.fuzzing.mutations import mutated
from tests.fuzzing.readers import CHARTER, CONFLICT, ENTRY, LESSON, MEMO, MISSION, PAGE
from tests.fuzzing.readers import CLAIM as A_CLAIM
from tests.ledgers import Peer

HUGE = 40 * 1024 * 1024
DEEP = 300
"""Folders in folders."""
ODD_FILES = 60
ODD_REFS = 40
BAD_DATES = (10**14, 10**18, -1)


class Hostile:
    """Puts it there, through the store and the refs of a peer."""

    def __init__(self, peer: Peer) -> None:
        self.store: ObjectStore = peer.bus.store
        self.remote = peer.bus.remote
        self.main = peer.bus.main
        self.huge = self.store.put("blob", b"a" * HUGE)
        self.newlines = self.store.put("blob", b"---\n" + b"\n" * (HUGE // 8))

    def spoil(self) -> None:
        """All of it."""
        tip = self.remote.fetch()[self.main]
        tree = self._spoiled_tree(load_commit(self.store, tip).tree)
        new = self._commit(tree, (tip,), BAD_DATES[0])
        updates = [RefUpdate(ref=self.main, expect=tip, new=new)]
        updates += [RefUpdate(ref=ref, expect=None, new=oid) for ref, oid in self._refs()]
        verdicts = self.remote.push(updates)
        assert set(verdicts.values()) == {"accepted"}

    def _commit(self, tree: Oid, parents: tuple[Oid, ...], when: int) -> Oid:
        facts = {"name": "mallory", "email": "m@x", "message": "odd", "sign": None}
        return write_commit(self.store, tree=tree, parents=parents, when=when, **facts)  # type: ignore[arg-type]

    def _spoiled_tree(self, tree: Oid) -> Oid:
        texts: dict[str, bytes | None] = {}
        for seed in range(ODD_FILES):
            texts[f"missions/odd-{seed}.md"] = mutated((MISSION,), seed, 3)
            texts[f"memos/2026-11/odd-{seed}.md"] = mutated((MEMO,), seed, 3)
            texts[f"knowledge/odd-{seed}.md"] = mutated((LESSON,), seed, 3)
            texts[f"conflicts/2026-11/odd-{seed}.md"] = mutated((CONFLICT,), seed, 3)
            texts[f"heartbeats/odd-{seed}.md"] = mutated((PAGE,), seed, 3)
            texts[f"missions/archive/2026-10/old-{seed}.md"] = mutated((MISSION,), seed, 3)
        for name in ("Sound 0.md", "SOUND-0.md", "sound_0.md", "ＳＯＵＮＤ-0.md", "sound--0.md", "sound-0.MD"):
            texts[f"missions/{name}"] = b"Something else.\n"  # the same mission as sound-0.md
        texts["missions/circle-a.md"] = b"---\ndepends_on: [circle-b]\n---\nx\n"
        texts["missions/circle-b.md"] = b"---\ndepends_on: [circle-a, huge, nobody]\n---\nx\n"
        texts["missions/late.md"] = b"---\ndeadline: 9999-12-31T23:59:59Z\nattempt: 1\nepoch: 999999999\n---\nx\n"
        texts |= {"SESSION_LOG.md": mutated((ENTRY,), 1, 3), "projects/shop/PROJECT_BRIEFING.md": ENTRY}
        texts["fleet.toml"] = mutated((CHARTER,), 1, 2)  # nobody signed it: it is not in force
        made = edit_tree(self.store, tree, texts)
        assert made is not None
        return self._with_entries(made)

    def _with_entries(self, tree: Oid) -> Oid:
        """Entries that no path of ours would make: a blob called a folder, links, long names, a pit of folders."""
        blob = self.store.put("blob", b"x")
        pit = self.store.put("tree", print_tree({"m.md": TreeEntry(FILE, blob)}))
        for _ in range(DEEP):
            pit = self.store.put("tree", print_tree({"deep": TreeEntry(FOLDER, pit)}))
        odd = {
            "huge.md": TreeEntry(FILE, self.huge),
            "newlines.md": TreeEntry(FILE, self.newlines),
            "blob-as-folder": TreeEntry(FOLDER, blob),
            "link.md": TreeEntry(SYMLINK, blob),
            "module.md": TreeEntry(SUBMODULE, "d" * 40),
            "folder.md": TreeEntry(FOLDER, pit),
            "pit": TreeEntry(FOLDER, pit),
            "other-mode.md": TreeEntry("100600", blob),
            "x" * 3000 + ".md": TreeEntry(FILE, blob),
            "\udcff\udcfe.md": TreeEntry(FILE, blob),
            "a\nb\x1b[2J.md": TreeEntry(FILE, blob),
            "…….md": TreeEntry(FILE, blob),
        }
        tree = self._put_beside(tree, "missions", odd)
        months = {"2026-11": TreeEntry(FOLDER, blob), "2026-13": TreeEntry(FOLDER, pit), "x": TreeEntry(FOLDER, blob)}
        huge = {"huge.md": TreeEntry(FILE, self.huge), "sound-0.md": TreeEntry(FILE, self.huge)}
        tree = self._put_beside(tree, "missions/archive", months)
        tree = self._put_beside(tree, "missions/archive/2026-10", huge)
        for folder in ("heartbeats", "memos/2026-11", "knowledge", "conflicts/2026-11"):
            tree = self._put_beside(tree, folder, odd)
        return self._put_beside(tree, "", {"memos2": TreeEntry(FOLDER, pit), "log": TreeEntry(FOLDER, blob)})

    def _put_beside(self, tree: Oid, folder: str, entries: dict[str, TreeEntry]) -> Oid:
        """The tree with these entries among those of one of its folders."""
        head, _, rest = folder.partition("/")
        here = load_tree(self.store, tree)
        if head:
            here[head] = TreeEntry(FOLDER, self._put_beside(here[head].oid, rest, entries))
        else:
            here |= entries
        return self.store.put("tree", print_tree(here))

    def _ended_claims(self) -> Iterator[tuple[str, Oid]]:
        """Claims that say that their missions are done, with records that are none."""
        big = self.store.put("tree", print_tree({"record.json": TreeEntry(FILE, self.huge)}))
        deep = edit_tree(self.store, None, {"record.json": b"[" * 100_000, "memo.md": b"m" * 100_000})
        other = edit_tree(self.store, None, {"record.json": b'{"mission": "sound-0", "epoch": 1}'})
        assert deep is not None
        assert other is not None
        records = [self._commit(tree, (), 1) for tree in (big, deep, other)]
        for number, log in enumerate([*records, self.huge, "d" * 40]):
            mission = f"sound-{number + 2}"
            said = replace(A_CLAIM, mission=mission, state=ClaimState.DONE, log=log, node="mallory", epoch=1, attempt=1)
            tree = edit_tree(self.store, None, {"claim.json": said.print()})
            assert tree is not None
            yield f"{CLAIM}{mission}", self._commit(tree, (), 1)

    def _refs(self) -> Iterator[tuple[str, Oid]]:
        """Refs of every kind that hold what does not belong there."""
        blob = self.store.put("blob", b"x")
        empty = self.store.put("tree", b"")
        objects = [blob, empty, self.huge, self._commit(empty, (), BAD_DATES[1]), self.store.put("commit", b"tree\n\n")]
        for seed in range(ODD_REFS):
            claim = edit_tree(self.store, None, {"claim.json": mutated((A_CLAIM.print(),), seed, 2)})
            assert claim is not None
            objects.append(self._commit(claim, (), seed))
        deep = edit_tree(self.store, None, {"claim.json": b'{"a":' * 10_000, "record.json": b"[" * 100_000})
        big = self.store.put("tree", print_tree({"claim.json": TreeEntry(FILE, self.huge)}))
        far = json.loads(A_CLAIM.print()) | {"epoch": 10**15, "attempt": 10**15, "mission": "sound-1"}
        counted = edit_tree(self.store, None, {"claim.json": json.dumps(far).encode()})
        assert deep is not None
        assert counted is not None
        objects += [self._commit(each, (), 1) for each in (deep, big, counted)]
        yield from self._ended_claims()
        for number, oid in enumerate(objects):
            for kind in (CLAIM, LOG, LATE, BEAT):
                yield f"{kind}odd-{number}", oid
