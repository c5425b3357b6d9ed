"""Can somebody without an admin's key, or with one that was taken out, change the rules or hold a change of them back?

Whoever may push chooses which commits there are, on which parents in which order, with which trees, dates and copies of
old signatures. Each test is one such try, seen by a machine that was awake all the while and by one that slept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import pytest

from orchestrator.ledger.trust.root import EffectiveRules, TrustRoot
from sync.memory_remote import MemoryStore
from sync.objects import FILE, FOLDER, SYMLINK, TreeEntry, print_tree, read_commit, read_tree, write_commit
from sync.remote import Oid, RefUpdate
from sync.signatures import Principal, Verifier
from tests.ledgers import FLEET, Keys, Town
from tests.orchestrator.repositories import git

SIGNED, REMOTE = FLEET.format(trust="signed"), FLEET.format(trust="remote")


@dataclass
class Battle:
    """A ledger in memory whose objects anybody makes, and two machines that trusted its root."""

    keys: Keys
    store: MemoryStore = field(default_factory=MemoryStore)
    wide: bool = False
    """Whether missions need no signature at first."""

    def __post_init__(self) -> None:
        admins = {"carl": ("admin",), "anna": ("admin",), "dave": ("admin",)}
        self.people: dict[str, Iterable[str]] = {**admins, "bert": ("author",), "n1": ("node",)}
        self.signers = self.keys.signers(**self.people)
        files = {"fleet.toml": REMOTE if self.wide else SIGNED, "allowed_signers": self.signers, "a.md": "a"}
        self.root = self.commit((), files)
        self.awake, self.asleep = (TrustRoot(self.store, lambda _tip: self.root) for _ in range(2))
        self.awake.in_force(self.root)

    def commit(
        self,
        parents: tuple[Oid, ...],
        files: dict[str, str | None],
        *,
        by: str = "",
        tree: Oid | None = None,
        when: int = 0,
    ) -> Oid:
        """A commit on any parents: files over a tree, by default the first parent's."""
        tree = tree or (self.tree(parents[0]) if parents else None)
        entries = dict(read_tree(self.store.get(tree))) if tree else {}
        for path, text in files.items():
            entries.pop(path, None)
            if text is not None:
                entries[path] = TreeEntry(FILE, self.store.put("blob", text.encode()))
        return self.raw(parents, self.store.put("tree", print_tree(entries)), by=by, when=when)

    def raw(self, parents: tuple[Oid, ...], tree: Oid, *, by: str = "", when: int = 0) -> Oid:
        """A commit with exactly this tree."""
        sign = self.keys[by].sign if by else None
        who = by or "eve"
        return write_commit(
            self.store, tree=tree, parents=parents, name=who, email=f"{who}@x", when=when, message="so", sign=sign
        )

    def tree(self, commit: Oid) -> Oid:
        """A commit's tree."""
        return read_commit(self.store.get(commit)).tree

    def without(self, *names: str) -> str:
        """`allowed_signers` without some."""
        return self.keys.signers(**{name: roles for name, roles in self.people.items() if name not in names})

    def copy(self, commit: Oid) -> Oid:
        """The same signed words under another name."""
        return self.store.put("commit", self.store.get(commit).replace(b"\n\n", b"\ngpgsig again\n\n", 1))

    def both(self, tip: Oid) -> EffectiveRules:
        """What is in force at a tip, which both machines must agree on."""
        awake, asleep = self.awake.in_force(tip), self.asleep.in_force(tip)
        assert (awake.signers, awake.charter) == (asleep.signers, asleep.charter)
        return awake


@pytest.fixture
def battle(keys: Keys) -> Battle:
    """carl, anna and dave administer, in this order."""
    return Battle(keys)


# -- parents in any order -------------------------------------------------------------------------------------------


def test_a_fork_from_before_a_revocation_does_not_count(battle: Battle) -> None:
    """anna's key is stolen, carl takes it out; the thief forks from before that and is merged, whichever side first."""
    for flip in (False, True):
        revoked = battle.commit((battle.root,), {"allowed_signers": battle.without("anna")}, by="carl")
        battle.awake.in_force(revoked)
        evil = {"allowed_signers": battle.keys.signers(eve=("admin",)), "fleet.toml": REMOTE}
        stolen = battle.commit((battle.root,), evil, by="anna")
        sides = (stolen, revoked) if flip else (revoked, stolen)
        merge = battle.commit(sides, {}, tree=battle.tree(stolen))
        found = battle.both(merge)
        assert (found.signers, found.charter.trust.missions) == (battle.without("anna"), "signed")
        assert len(found.alarms) == 2
        battle.__post_init__()


def test_it_does_not_count_either_once_the_revoker_has_mended_it(battle: Battle) -> None:
    """The revoker's next change has both sides below it, in any order: it does not lift the thief's side up."""
    for flip in (False, True):
        revoked = battle.commit((battle.root,), {"allowed_signers": battle.without("anna")}, by="carl")
        stolen = battle.commit((battle.root,), {"allowed_signers": battle.keys.signers(eve=("admin",))}, by="anna")
        merge = battle.commit((stolen, revoked) if flip else (revoked, stolen), {}, tree=battle.tree(stolen))
        back = battle.commit((merge,), {"allowed_signers": battle.without("anna")})
        mended = battle.commit((back,), {"allowed_signers": battle.without("anna", "n1")}, by="carl")
        for tip in (revoked, merge, back):
            battle.awake.in_force(tip)
        found = battle.both(mended)
        assert (found.signers, found.alarms) == (battle.without("anna", "n1"), ())
        battle.__post_init__()


def test_a_juniors_change_of_the_same_file_below_a_revocation_does_not_let_the_thief_go_first(battle: Battle) -> None:
    """dave lets a machine in, carl takes anna out on top of that, and anna's thief forks from before both."""
    wider = {**battle.people, "n2": ("node",)}
    juniors = battle.commit((battle.root,), {"allowed_signers": battle.keys.signers(**wider)}, by="dave")
    rest = battle.keys.signers(**{name: roles for name, roles in wider.items() if name != "anna"})
    revoked = battle.commit((juniors,), {"allowed_signers": rest}, by="carl")
    battle.awake.in_force(revoked)
    stolen = battle.commit((battle.root,), {"allowed_signers": battle.keys.signers(eve=("admin",))}, by="anna")
    assert battle.both(battle.commit((stolen, revoked), {})).signers == rest


def test_a_merge_by_nobody_hides_no_revocation(battle: Battle) -> None:
    """With the revocation as the second parent of an unsigned merge the first-parent line never had it. It counts."""
    side = battle.commit((battle.root,), {"notes.md": "beside"})
    revoked = battle.commit((battle.root,), {"allowed_signers": battle.without("anna")}, by="carl")
    merge = battle.commit((side, revoked), {}, tree=battle.tree(revoked))
    found = battle.both(battle.commit((merge,), {"notes.md": "on"}))
    assert (found.signers, found.alarms) == (battle.without("anna"), ())


def test_a_merge_that_drops_a_revocation_does_not_undo_it(battle: Battle) -> None:
    """The files stay as they were all along the first-parent line; the revocation came in by the second parent."""
    revoked = battle.commit((battle.root,), {"allowed_signers": battle.without("anna")}, by="carl")
    found = battle.both(battle.commit((battle.root, revoked), {}))
    assert (found.signers, len(found.alarms)) == (battle.without("anna"), 1)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_octopus_and_criss_cross_merges_change_nothing(battle: Battle, order: tuple[int, ...]) -> None:
    """Of many parents, in any order, and of merges of each other's sides: what was signed on top counts."""
    revoked = battle.commit((battle.root,), {"allowed_signers": battle.without("anna")}, by="carl")
    stolen = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="anna")
    other = battle.commit((), {"allowed_signers": battle.keys.signers(eve=("admin",))})
    parents = [revoked, stolen, other]
    octopus = battle.commit(tuple(parents[n] for n in order), {}, tree=battle.tree(other))
    one = battle.commit((revoked, stolen), {}, tree=battle.tree(stolen))
    two = battle.commit((stolen, revoked), {}, tree=battle.tree(battle.root))
    battle.awake.in_force(revoked)
    for tip in (octopus, battle.commit((one, two, octopus), {}), battle.commit((octopus, two, one), {})):
        found = TrustRoot(battle.store, lambda _tip: battle.root).in_force(tip)
        assert (found.signers, found.charter.trust.missions) == (battle.without("anna"), "signed")


# -- keys that do not count -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["", "bert", "n1", "eve"])
def test_nobody_else_changes_a_file(battle: Battle, who: str) -> None:
    """No signature, an author's, a node's, a stranger's."""
    evil = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by=who)
    assert battle.both(evil).charter.trust.missions == "signed"


def test_a_signature_that_is_not_over_this_commit_does_not_count(battle: Battle) -> None:
    """anna's, cut out of another commit of hers: the key that it claims is an admin's."""
    good = battle.store.get(battle.commit((battle.root,), {"notes.md": "mine"}, by="anna"))
    signature = good[good.index(b"gpgsig ") : good.index(b"\n\n")]
    evil = battle.store.get(battle.commit((battle.root,), {"fleet.toml": REMOTE}))
    tip = battle.store.put("commit", evil.replace(b"\n\n", b"\n" + signature + b"\n\n", 1))
    assert battle.both(tip).charter.trust.missions == "signed"


def test_what_a_revoked_admin_signs_counts_nowhere(battle: Battle) -> None:
    """On top, beside, from before, below merges: wherever a commit of theirs stands."""
    revoked = battle.commit((battle.root,), {"allowed_signers": battle.without("anna")}, by="carl")
    battle.awake.in_force(revoked)
    junk = battle.commit((revoked,), {"notes.md": "x"})
    places = [(revoked,), (battle.root,), (junk,), (battle.commit((junk, battle.root), {}),)]
    tips = [battle.commit(place, {"fleet.toml": REMOTE}, by="anna") for place in places]
    merge = battle.commit((*tips, revoked), {})
    assert battle.both(merge).charter.trust.missions == "signed"


def test_a_draft_from_before_its_author_was_an_admin_does_not_count(battle: Battle) -> None:
    """bert once signed a change that he might not make. He becomes an admin, and somebody merges it."""
    draft = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="bert")
    people = {**battle.people, "bert": ("admin",)}
    raised = battle.commit((battle.root,), {"allowed_signers": battle.keys.signers(**people)}, by="carl")
    battle.awake.in_force(raised)
    found = battle.both(battle.commit((raised, draft), {}))
    assert found.charter.trust.missions == "signed"


# -- words that were said before ------------------------------------------------------------------------------------


def test_a_copy_of_an_old_change_does_not_count_again(battle: Battle) -> None:
    """carl admitted eve by mistake and took her out: the text is as it was before, and his signature still holds."""
    admitted = battle.commit(
        (battle.root,), {"allowed_signers": battle.signers + battle.keys.signers(eve=("admin",))}, by="carl"
    )
    out = battle.commit((admitted,), {"allowed_signers": battle.signers}, by="carl")
    battle.awake.in_force(out)
    copy = battle.copy(admitted)
    for tip in (battle.commit((copy, out), {}), battle.commit((out, copy), {}, tree=battle.tree(copy))):
        assert TrustRoot(battle.store, lambda _tip: out).in_force(tip).signers == battle.signers
        assert TrustRoot(battle.store, lambda _tip: battle.root).in_force(tip).signers == battle.signers
        assert battle.awake.in_force(out).signers == battle.signers


def test_of_two_texts_that_are_the_same_the_newer_counts(battle: Battle) -> None:
    """fleet.toml was loosened and put back. A copy of the loosening fits on the text there, but not on its commit."""
    loose = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="anna")
    back = battle.commit((loose,), {"fleet.toml": SIGNED}, by="anna")
    battle.awake.in_force(back)
    tip = battle.commit((back, battle.copy(loose)), {}, tree=battle.tree(loose))
    assert battle.both(tip).charter.trust.missions == "signed"


@pytest.mark.parametrize("first", [True, False])
def test_a_copy_does_not_hold_back_what_was_built_on_the_original(battle: Battle, first: bool) -> None:
    """Which of the two is the original cannot be told, and need not be."""
    one = battle.commit((battle.root,), {"allowed_signers": battle.without("n1")}, by="carl")
    two = battle.commit((one,), {"allowed_signers": battle.without("n1", "anna")}, by="carl")
    copies = [battle.copy(one), battle.copy(two)]
    beside = battle.commit(tuple(copies), {}) if first else battle.commit(tuple(reversed(copies)), {})
    merge = battle.commit((beside, two) if first else (two, beside), {}, tree=battle.tree(two))
    three = battle.commit((two,), {"allowed_signers": battle.without("n1", "anna", "bert")}, by="dave")
    tip = battle.commit((merge, three) if first else (three, merge), {}, tree=battle.tree(three))
    battle.awake.in_force(merge)
    assert battle.both(tip).signers == battle.without("n1", "anna", "bert")
    assert battle.both(tip).alarms == ()


def test_copies_by_the_hundred_are_one_change(battle: Battle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may push can make as many as they like: signatures are checked until one holds, and it is judged once."""
    one = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="carl")
    copies = [one]
    for _ in range(100):
        copies.append(battle.copy(copies[-1]))
    checked: list[str] = []
    monkeypatch.setattr("sync.signatures.Verifier._check", _counted(checked))
    assert battle.asleep.in_force(battle.commit(tuple(copies), {})).charter.trust.missions == "remote"
    assert len(checked) == 1


def _counted(calls: list[str]) -> Callable[..., object]:
    real = Verifier._check

    def check(verifier: Verifier, principal: Principal, payload: bytes, signature: str) -> bool:
        calls.append(principal.name)
        return real(verifier, principal, payload, signature)

    return check


def test_another_ledgers_changes_do_not_count(battle: Battle) -> None:
    """anna administers a second ledger with the same key, and texts that fit; its history is merged into this one."""
    root = battle.commit((), {"fleet.toml": SIGNED, "allowed_signers": battle.signers})
    theirs = battle.commit((root,), {"fleet.toml": REMOTE}, by="anna")
    assert battle.both(battle.commit((theirs, battle.root), {})).charter.trust.missions == "signed"


# -- what is signed unread ------------------------------------------------------------------------------------------


def test_pulling_and_rebasing_sign_nothing_of_others(battle: Battle) -> None:
    """eve has pushed another fleet.toml. `git pull` merges it with anna's commit, `git pull --rebase` puts hers on top
    of it; both sign by themselves."""
    evil = battle.commit((battle.root,), {"fleet.toml": REMOTE})
    local = battle.commit((battle.root,), {"fleet.toml": SIGNED + "# anna's\n"}, by="anna")
    pulled = battle.commit((local, evil), {"fleet.toml": REMOTE + "# anna's\n"}, by="anna")
    rebased = battle.commit((evil,), {"fleet.toml": REMOTE + "# anna's\n"}, by="anna")
    for tip in (pulled, rebased):
        machine = TrustRoot(battle.store, lambda _tip: battle.root)
        assert machine.in_force(tip).charter.trust.missions == "signed"
    own = battle.commit((battle.root,), {"notes.md": "anna's"}, by="anna")
    taken = battle.commit((own, evil), {}, by="anna", tree=battle.tree(evil))
    assert battle.both(taken).charter.trust.missions == "signed"


def test_two_files_of_one_name_are_no_file(battle: Battle) -> None:
    """Git's programs read one of them, others another. An admin's next commit writes what their git has read."""
    tree = battle.store.get(battle.tree(battle.root))
    evil = b"100644 fleet.toml\0" + bytes.fromhex(battle.store.put("blob", REMOTE.encode()))
    at = tree.index(b"100644 fleet.toml\0")
    twice = battle.store.put("tree", tree[:at] + evil + tree[at:])
    tip = battle.raw((battle.root,), twice)
    found = battle.both(tip)
    assert (found.charter.trust.missions, len(found.alarms)) == ("signed", 1)
    unaware = battle.commit((tip,), {"notes.md": "mine", "fleet.toml": REMOTE}, by="anna")
    assert battle.both(unaware).charter.trust.missions == "signed"


# -- what a file is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [FOLDER, SYMLINK, "160000", "100664", "100000"])
def test_what_stands_in_a_files_place_is_no_file(battle: Battle, mode: str) -> None:
    """A folder, a link, a submodule, a mode that Git does not write: refused, and read by nobody."""
    entries = dict(read_tree(battle.store.get(battle.tree(battle.root))))
    for path in ("fleet.toml", "allowed_signers"):
        entries[path] = TreeEntry(mode, "1" * 40)
    found = battle.both(battle.raw((battle.root,), battle.store.put("tree", print_tree(entries))))
    assert (found.signers, found.charter.trust.missions, len(found.alarms)) == (battle.signers, "signed", 2)


def test_a_huge_file_is_not_read(battle: Battle) -> None:
    """Its size is asked first; an admin's own is refused like any that cannot be used."""
    huge = battle.commit((battle.root,), {"fleet.toml": SIGNED + "#" * 2_000_000}, by="carl")
    found = battle.both(huge)
    assert (found.charter.trust.missions, len(found.alarms)) == ("signed", 1)
    assert "cannot be used" in found.alarms[0]


def test_a_mode_bit_and_other_spellings_are_not_the_files(battle: Battle) -> None:
    """chmod changes no text, and FLEET.TOML is another file: neither counts, neither is an alarm."""
    entries = dict(read_tree(battle.store.get(battle.tree(battle.root))))
    entries["fleet.toml"] = entries["fleet.toml"]._replace(mode="100755")
    other = TreeEntry(FILE, battle.store.put("blob", REMOTE.encode()))
    entries |= {"FLEET.TOML": other, "Allowed_Signers": other, "fleet.toml ": other, "xfleet.toml": other}
    found = battle.both(battle.raw((battle.root,), battle.store.put("tree", print_tree(entries))))
    assert (found.signers, found.charter.trust.missions, found.alarms) == (battle.signers, "signed", ())


def test_nobody_is_locked_out_by_a_slip(battle: Battle) -> None:
    """An admin's allowed_signers without an admin, or none at all, could never be changed again: it cannot be used."""
    tip = battle.root
    for text in (battle.keys.signers(bert=("author",)), "", None):
        tip = battle.commit((tip,), {"allowed_signers": text}, by="anna")
        found = battle.both(tip)
        assert found.signers == battle.signers
        assert [tip[:10] in alarm and "names no admin" in alarm for alarm in found.alarms] == [True]
    last = battle.commit((tip,), {"allowed_signers": battle.without("dave")}, by="anna")
    assert (battle.both(last).signers, battle.both(last).alarms) == (battle.without("dave"), ())


# -- admins beside each other ---------------------------------------------------------------------------------------


def test_of_two_changes_beside_each_other_one_counts_and_the_other_is_told(battle: Battle) -> None:
    """The senior's, on a machine that learns of both at once; on one that had followed the other before, that one."""
    seniors = battle.commit((battle.root,), {"fleet.toml": SIGNED + "# carl\n"}, by="carl")
    juniors = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="dave")
    merge = battle.commit((juniors, seniors), {})
    late = battle.asleep.in_force(merge)
    assert (late.charter.trust.missions, len(late.alarms)) == ("signed", 1)
    battle.awake.in_force(juniors)
    early = battle.awake.in_force(merge)
    assert (early.charter.trust.missions, early.alarms) == ("remote", ())


def test_of_one_admins_changes_beside_each_other_the_one_counts_that_the_branch_has(battle: Battle) -> None:
    """anna changed the file in two clones and merged them, and the list changed since: the sleeper takes what the awake
    one has followed."""
    for flip in (False, True):
        side = battle.commit((battle.root,), {"fleet.toml": SIGNED + "# side\n"}, by="anna")
        later = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="anna")
        battle.awake.in_force(later)
        merge = battle.commit((side, later) if flip else (later, side), {}, tree=battle.tree(later))
        found = battle.both(battle.commit((merge,), {"allowed_signers": battle.without("n1")}, by="anna"))
        assert (found.charter.trust.missions, found.alarms) == ("remote", ())
        battle.__post_init__()


def test_changes_of_the_two_files_beside_each_other_both_count(battle: Battle) -> None:
    """fleet.toml's may even be older: it is the list of keys that whoever signs must have known."""
    rules = battle.commit((battle.root,), {"fleet.toml": REMOTE}, by="dave")
    on = battle.commit((rules,), {"notes.md": "on"})
    people = battle.commit((battle.root,), {"allowed_signers": battle.without("n1")}, by="carl")
    battle.awake.in_force(rules)
    found = battle.awake.in_force(battle.commit((on, people), {"allowed_signers": battle.without("n1")}))
    assert (found.signers, found.charter.trust.missions, found.alarms) == (battle.without("n1"), "remote", ())


# -- real git -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [0, 4_102_444_800])
@pytest.mark.parametrize("flip", [True, False])
def test_dates_decide_nothing(tmp_path: Path, keys: Keys, when: int, flip: bool) -> None:
    """Git lists commits that stand beside each other by their dates, which whoever makes them chooses."""
    signers, alone = keys.signers(carl=("admin",), anna=("admin",)), keys.signers(carl=("admin",))
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers}, folder=tmp_path)
    revoked = town.peer("carl", key=keys["carl"]).push({"allowed_signers": alone})
    thief = town.peer("thief", key=keys["anna"])
    assert thief.ledger().signers == alone
    evil = {"allowed_signers": keys.signers(eve=("admin",)), "fleet.toml": REMOTE}
    tree = read_commit(thief.bus.store.get(thief.commit(evil, onto=None, tree=None))).tree
    words = {"tree": tree, "name": "x", "email": "x@x", "when": when, "message": "x"}
    stolen = write_commit(thief.bus.store, parents=(town.root,), sign=keys["anna"].sign, **words)
    sides = (stolen, revoked) if flip else (revoked, stolen)
    merge = write_commit(thief.bus.store, parents=sides, sign=None, **words)
    thief.line.push([RefUpdate(ref="refs/heads/main", expect=revoked, new=merge)])
    found = town.peer("late").ledger()
    assert (found.signers, found.charter.trust.missions) == (alone, "signed")
    town.close()


def test_replaced_objects_are_not_believed(tmp_path: Path, keys: Keys) -> None:
    """refs/replace on the server, and even in this machine's own clone, show git another commit in one's place."""
    signers = keys.signers(anna=("admin",), eve=("author",))
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers}, folder=tmp_path)
    alone = keys.signers(anna=("admin",))
    revoked = town.peer("anna", key=keys["anna"]).push({"allowed_signers": alone})
    evil = git(town.bare, "commit-tree", f"{town.root}^{{tree}}", "-p", town.root, "-m", "evil")
    git(town.bare, "update-ref", f"refs/replace/{revoked}", evil)
    node = town.peer("n1")
    node.bus.remote.fetch()
    own = tmp_path / f"views/n1-{len(list((tmp_path / 'views').iterdir())) - 1}.git"
    git(own, "fetch", "--quiet", str(town.bare), f"refs/replace/{revoked}:refs/replace/{revoked}")
    assert node.ledger().signers == alone
    town.close()
