"""Do `allowed_signers` and `fleet.toml` change only by an admin's word, and is every other try reported?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.core.errors import BrokenLedger, WrongSetting
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.trust.pins import TrustPins
from orchestrator.ledger.trust.root import TrustRoot
from sync.errors import HistoryRewritten
from sync.objects import SUBMODULE, SYMLINK, TreeEntry, print_tree, read_commit, read_tree, write_commit
from sync.remote import Oid, RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.repositories import git

SIGNED, REMOTE = FLEET.format(trust="signed"), FLEET.format(trust="remote")


@pytest.fixture
def signers(keys: Keys) -> str:
    """anna administers, bert files missions, n1 works."""
    return keys.signers(anna=("admin", "author"), bert=("author",), n1=("node",))


@pytest.fixture
def town(signers: str) -> Town:
    """A ledger with these two files."""
    return Town({"fleet.toml": SIGNED, "allowed_signers": signers})


def look(town: Town) -> LedgerSnapshot:
    """What a node that trusted the root sees now."""
    return town.peer("n1").ledger()


def by(town: Town, keys: Keys, name: str) -> Peer:
    """Somebody who pushes with their own key, or with none."""
    return town.peer(name or "nobody", key=keys[name] if name else None)


OTHERS = ["", "bert", "n1", "eve"]


@pytest.mark.parametrize("who", OTHERS)
def test_signers_changed_by_no_admin_are_not_followed(town: Town, keys: Keys, signers: str, who: str) -> None:
    """Unsigned, by an author, a node, or a stranger who adds themselves: the version before stays, with an alarm."""
    evil = keys.signers(anna=("admin",), eve=("admin", "author"))
    commit = by(town, keys, who).push({"allowed_signers": evil})
    ledger = look(town)
    assert ledger.signers == signers
    assert [commit[:10] in alarm for alarm in ledger.alarms] == [True]


@pytest.mark.parametrize("who", OTHERS)
def test_a_charter_changed_by_no_admin_is_not_followed(town: Town, keys: Keys, who: str) -> None:
    """Nobody turns trust off, or points a project elsewhere, by pushing."""
    commit = by(town, keys, who).push({"fleet.toml": REMOTE})
    ledger = look(town)
    assert ledger.charter.trust.missions == "signed"
    assert [commit[:10] in alarm for alarm in ledger.alarms] == [True]


def test_an_admins_changes_are_followed(town: Town, keys: Keys) -> None:
    """Both files, without an alarm."""
    new = keys.signers(anna=("admin", "author"), n2=("node",))
    by(town, keys, "anna").push({"allowed_signers": new})
    by(town, keys, "anna").push({"fleet.toml": REMOTE})
    ledger = look(town)
    assert (ledger.signers, ledger.charter.trust.missions, ledger.alarms) == (new, "remote", ())


def test_a_change_on_top_of_a_refused_one_carries_nothing_in(town: Town, keys: Keys) -> None:
    """eve's version stands on the branch, and anna edits another line of it: what eve wrote is not anna's word."""
    by(town, keys, "eve").push({"fleet.toml": REMOTE})
    commit = by(town, keys, "anna").push({"fleet.toml": REMOTE + '[fleet]\nname = "shop"\n'})
    ledger = look(town)
    assert (ledger.charter.fleet.name, ledger.charter.trust.missions) == ("fleet", "signed")
    assert [commit[:10] in alarm and "on top of" in alarm for alarm in ledger.alarms] == [True]


def test_what_is_in_force_is_put_back_and_changed_from_there(town: Town, keys: Keys) -> None:
    """The cure that the alarm names: the blob in force, signed; then what was refused, as the admin's own change."""
    by(town, keys, "eve").push({"fleet.toml": REMOTE})
    anna, alarm = by(town, keys, "anna"), look(town).alarms[0]
    blob = alarm.partition("(blob ")[2].rstrip(")")
    stays = [data for oid, data in town.server.store.objects.items() if oid.startswith(blob)]
    anna.push({"fleet.toml": stays[0]})
    assert (look(town).charter.trust.missions, look(town).alarms) == ("signed", ())
    anna.push({"fleet.toml": REMOTE})
    assert (look(town).charter.trust.missions, look(town).alarms) == ("remote", ())


def test_what_is_in_force_is_put_back_and_changed_from_there_after_a_slip(town: Town, keys: Keys) -> None:
    """anna's typing error is reverted by somebody who may not sign; her next change is made on what is in force."""
    by(town, keys, "anna").push({"fleet.toml": "[bus\n"})
    town.peer("nobody").push({"fleet.toml": SIGNED})
    assert look(town).alarms == ()
    by(town, keys, "anna").push({"fleet.toml": REMOTE})
    assert (look(town).charter.trust.missions, look(town).alarms) == ("remote", ())


def test_an_admin_whom_an_admin_made_may_change_it(town: Town, keys: Keys) -> None:
    """Rights follow the chain of changes from the first trusted commit on."""
    both = keys.signers(anna=("admin",), carl=("admin",))
    by(town, keys, "anna").push({"allowed_signers": both})
    alone = keys.signers(carl=("admin",))
    by(town, keys, "carl").push({"allowed_signers": alone})
    assert look(town).signers == alone


def test_a_key_taken_out_counts_no_more(town: Town, keys: Keys) -> None:
    """An admin who was removed cannot come back by their own signature."""
    alone = keys.signers(carl=("admin",))
    by(town, keys, "anna").push({"allowed_signers": alone})
    by(town, keys, "anna").push({"allowed_signers": keys.signers(anna=("admin",)), "fleet.toml": REMOTE})
    ledger = look(town)
    assert (ledger.signers, ledger.charter.trust.missions) == (alone, "signed")
    assert len(ledger.alarms) == 2


def test_somebody_who_makes_themselves_admin_cannot_sign_with_it(town: Town, keys: Keys, signers: str) -> None:
    """A commit is judged by the version before it, not by its own."""
    by(town, keys, "eve").push({"allowed_signers": keys.signers(eve=("admin",))})
    by(town, keys, "eve").push({"allowed_signers": keys.signers(eve=("admin", "author")), "fleet.toml": REMOTE})
    ledger = look(town)
    assert (ledger.signers, ledger.charter.trust.missions) == (signers, "signed")


def test_deleting_a_file_is_a_change_like_others(town: Town, keys: Keys, signers: str) -> None:
    """Nobody gets rid of the rules by removing them."""
    by(town, keys, "eve").push({"allowed_signers": None, "fleet.toml": None})
    ledger = look(town)
    assert (ledger.signers, ledger.charter.trust.missions) == (signers, "signed")
    assert len(ledger.alarms) == 2


def test_an_admins_slip_does_not_stop_the_fleet(town: Town, keys: Keys) -> None:
    """A fleet.toml with a typing error, or a deleted one: the version before stays in force, with an alarm that says
    what is wrong; the next good one is followed."""
    anna = by(town, keys, "anna")
    slips = (
        ("[bus\n", "fleet.toml"),
        ("[bus]\nbeat_seconds = -1\n", "beat_seconds"),
        ('[notify]\nkinds = [["review"]]\n', "notify.kinds"),
        ("[notify]\nurgent = [{a = 1}]\n", "notify.urgent"),
        (None, "missing"),
    )
    for broken, words in slips:
        anna.push({"fleet.toml": broken})
        ledger = look(town)
        assert ledger.charter.trust.missions == "signed"
        assert words in ledger.alarms[0]
    anna.push({"fleet.toml": REMOTE})
    assert (look(town).charter.trust.missions, look(town).alarms) == ("remote", ())


@pytest.mark.parametrize("files", [{"fleet.toml": None}, {"fleet.toml": "[bus\n"}, {"fleet.toml": b"\xff"}])
def test_a_ledger_that_never_had_a_charter_cannot_be_worked_in(files: dict[str, str | bytes | None]) -> None:
    """BrokenLedger says what is wrong with it."""
    with pytest.raises(BrokenLedger) as raised:
        look(Town(files))
    assert "fleet.toml" in str(raised.value)


def test_what_stood_at_the_first_look_is_trusted(keys: Keys) -> None:
    """Trust on first use: nobody signed the founding commit, and a node that joins late trusts what it finds."""
    town = Town({"fleet.toml": SIGNED, "allowed_signers": keys.signers(anna=("admin",))})
    later = by(town, keys, "eve").push({"fleet.toml": REMOTE})
    assert town.peer("late", pin=later).ledger().charter.trust.missions == "remote"
    assert look(town).charter.trust.missions == "signed"


def merged(town: Town, *, keep: Oid, drop: Oid) -> None:
    """An unsigned merge of two commits that has the files of one, pushed."""
    peer = town.peer("nobody")
    tree = read_commit(peer.bus.store.get(keep)).tree
    made = peer.bus.store.get(peer.commit({"note": "merged"}, "merge", onto=keep, tree=tree)).decode()
    oid = peer.bus.store.put("commit", made.replace(f"parent {keep}", f"parent {drop}\nparent {keep}").encode())
    peer.line.push([RefUpdate(ref=peer.bus.main, expect=peer.bus.remote.fetch()[peer.bus.main], new=oid)])


def test_merging_an_old_commit_does_not_bring_a_key_back(town: Town, keys: Keys) -> None:
    """Somebody without any key merges a commit from before the revocation: it stays in force, and it is reported."""
    alone = keys.signers(anna=("admin",))
    revoked = by(town, keys, "anna").push({"allowed_signers": alone})
    merged(town, keep=town.root, drop=revoked)
    ledger = look(town)
    assert (ledger.read("allowed_signers") or b"").decode() != alone  # it stands on the branch …
    assert ledger.signers == alone  # … and does not count
    assert len(ledger.alarms) == 1


def test_merging_an_old_commit_does_not_bring_old_rules_back(keys: Keys) -> None:
    """The same for fleet.toml: trust that an admin has narrowed is not widened again."""
    town = Town({"fleet.toml": REMOTE, "allowed_signers": keys.signers(anna=("admin",))})
    narrowed = by(town, keys, "anna").push({"fleet.toml": SIGNED})
    merged(town, keep=town.root, drop=narrowed)
    ledger = look(town)
    assert ledger.charter.trust.missions == "signed"
    assert len(ledger.alarms) == 1


def test_merging_an_admins_change_from_a_branch_is_no_alarm(town: Town, keys: Keys) -> None:
    """A pull request with anna's signed change, merged by somebody without a key: it is anna's word."""
    anna = by(town, keys, "anna")
    base = anna.ledger()
    side = anna.commit({"fleet.toml": REMOTE}, onto=base.tip, tree=base.tree)
    main = town.peer("nobody").push({"other.md": "meanwhile"})
    merged(town, keep=side, drop=main)
    ledger = look(town)
    assert (ledger.charter.trust.missions, ledger.alarms) == ("remote", ())


def test_a_revocation_that_was_put_back_before_anybody_looked_is_in_force(town: Town, keys: Keys, signers: str) -> None:
    """A node that had read the old version sees only that the same bytes stand there; it looks at the history."""
    node = town.peer("n1")
    assert node.ledger().signers == signers
    alone = keys.signers(anna=("admin",))
    by(town, keys, "anna").push({"allowed_signers": alone})
    town.peer("nobody").push({"allowed_signers": signers})
    assert node.ledger().signers == alone
    assert len(node.ledger().alarms) == 1


def test_an_alarm_stays_until_the_branch_has_what_is_in_force(town: Town, keys: Keys) -> None:
    """Other commits on top do not hush it; what is in force, back on the branch, does."""
    node = town.peer("n1")
    by(town, keys, "eve").push({"fleet.toml": REMOTE})
    assert len(node.ledger().alarms) == 1
    for number in range(3):
        town.peer("anybody").push({"notes.md": str(number)})
        assert len(node.ledger().alarms) == 1
    by(town, keys, "anna").push({"fleet.toml": SIGNED})
    assert node.ledger().alarms == ()


def test_the_files_are_not_followed_again_for_every_commit(town: Town) -> None:
    """While both are untouched a new tip costs no walk through the history."""
    peer = town.peer("n1")
    walks: list[Oid] = []

    class Counting(TrustRoot):
        def _follow(self, tip: Oid) -> object:
            walks.append(tip)
            return super()._follow(tip)

    constitution = Counting(peer.bus.store, lambda _tip: town.root)
    for number in range(5):
        constitution.in_force(peer.push({"notes.md": str(number)}))
    assert len(walks) == 1
    constitution.in_force(peer.push({"fleet.toml": REMOTE}))
    assert len(walks) == 2


def test_real_git_replays_nothing_either(tmp_path: Path, keys: Keys, signers: str) -> None:
    """`git merge -s ours` over a real repository: the revocation stays in force."""
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers}, folder=tmp_path)
    alone = keys.signers(anna=("admin",))
    by(town, keys, "anna").push({"allowed_signers": alone})
    git(tmp_path, "clone", "--quiet", str(town.bare), "clone")
    clone = tmp_path / "clone"
    git(clone, "checkout", "--quiet", "-b", "back", town.root)
    git(clone, "merge", "--quiet", "-s", "ours", "-m", "oops", "main")
    git(clone, "push", "--quiet", "origin", "back:main")
    ledger = look(town)
    assert (ledger.read("allowed_signers") or b"").decode() == signers
    assert ledger.signers == alone
    town.close()


def test_the_words_of_the_page_put_it_right(tmp_path: Path, keys: Keys, signers: str) -> None:
    """docs/trust.md, typed by an admin in a clone that signs: back to what is in force, then the refused one after all;
    also where a link stands in the file's place."""
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers}, folder=tmp_path)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(town.bare), "clone")
    git(clone, "checkout", "--quiet", "-B", "main")
    (clone / "fleet.toml").write_text(REMOTE)
    git(clone, "commit", "--quiet", "--all", "-m", "unsigned")
    git(clone, "push", "--quiet", "origin", "main")
    for setting, value in (("gpg.format", "ssh"), ("user.signingKey", keys["anna"].path), ("commit.gpgSign", "true")):
        git(clone, "config", setting, str(value))
    for text in (REMOTE, None):
        if text is None:
            (clone / "fleet.toml").unlink()
            (clone / "fleet.toml").symlink_to("SESSION_LOG.md")
            git(clone, "-c", "commit.gpgSign=false", "commit", "--quiet", "--all", "-m", "a link")
            git(clone, "push", "--quiet", "origin", "main")
        before = look(town)
        blob = before.alarms[0].partition("(blob ")[2].rstrip(")")
        (clone / "fleet.toml").unlink()
        (clone / "fleet.toml").write_text(git(clone, "cat-file", "blob", blob) + "\n")
        git(clone, "add", "fleet.toml")
        git(clone, "commit", "--quiet", "-m", "What is in force")
        git(clone, "push", "--quiet", "origin", "main")
        assert (look(town).alarms, look(town).charter) == ((), before.charter)
        if text:
            git(clone, "revert", "--no-edit", "HEAD")
            git(clone, "push", "--quiet", "origin", "main")
            assert (look(town).alarms, look(town).charter.trust.missions) == ((), "remote")
    town.close()


# -- a key that was taken out stays out -----------------------------------------------------------------------------


def side_change(peer: Peer, onto: Oid, files: dict[str, str | bytes | None]) -> Oid:
    """A commit that forks from `onto`, in the peer's store."""
    return peer.commit(files, onto=onto, tree=read_commit(peer.bus.store.get(onto)).tree)


def test_a_revoked_admin_cannot_come_back_from_before_the_revocation(town: Town, keys: Keys) -> None:
    """anna's key was stolen and carl took it out. The thief forks from before that, and merges with that side first:
    a machine that has seen the revocation judges whatever is new by who is in force now."""
    both = keys.signers(carl=("admin",), anna=("admin",))
    start = by(town, keys, "anna").push({"allowed_signers": both})
    alone = keys.signers(carl=("admin",))
    node = town.peer("n1")
    revoked = by(town, keys, "carl").push({"allowed_signers": alone})
    assert node.ledger().signers == alone
    thief = by(town, keys, "anna")
    stolen = side_change(thief, start, {"allowed_signers": keys.signers(anna=("admin",), eve=("admin",))})
    merged(town, keep=stolen, drop=revoked)
    ledger = node.ledger()
    assert ledger.signers == alone
    assert len(ledger.alarms) == 1


def test_a_fork_from_before_the_revocation_does_not_win_where_both_are_news(town: Town, keys: Keys) -> None:
    """A machine that slept through both: the revocation was by the senior, and it is judged first."""
    both = keys.signers(carl=("admin",), anna=("admin",))
    start = by(town, keys, "anna").push({"allowed_signers": both})
    sleeper = town.peer("n2", pin=start)
    alone = keys.signers(carl=("admin",))
    revoked = by(town, keys, "carl").push({"allowed_signers": alone})
    evil = keys.signers(anna=("admin",), eve=("admin",))
    stolen = side_change(by(town, keys, "anna"), start, {"allowed_signers": evil, "fleet.toml": REMOTE})
    merged(town, keep=stolen, drop=revoked)
    ledger = sleeper.ledger()
    assert (ledger.signers, ledger.charter.trust.missions) == (alone, "signed")


def test_a_change_beside_a_revocation_undoes_nothing(town: Town, keys: Keys) -> None:
    """bert, an admin, adds a machine in a clone that has not seen the revocation; a merge brings both together. The
    revocation counts; the machine is added again on top of it."""
    three = keys.signers(carl=("admin",), anna=("admin",), bert=("admin",))
    start = by(town, keys, "anna").push({"allowed_signers": three})
    node = town.peer("n3", pin=start)
    revoked = by(town, keys, "carl").push({"allowed_signers": keys.signers(carl=("admin",), bert=("admin",))})
    wider = keys.signers(carl=("admin",), anna=("admin",), bert=("admin",), n1=("node",))
    added = side_change(by(town, keys, "bert"), start, {"allowed_signers": wider})
    merged(town, keep=added, drop=revoked)
    ledger = node.ledger()
    assert ledger.signers == keys.signers(carl=("admin",), bert=("admin",))
    assert len(ledger.alarms) == 1, "the branch itself has anna again, and n1 is not in"


def test_an_admins_automatic_merge_vouches_for_nothing(town: Town, keys: Keys) -> None:
    """`git pull` signs the merge with the admin's key; what eve had pushed is on the branch now, and not in force."""
    start = town.root
    evil = by(town, keys, "eve").push({"fleet.toml": REMOTE})
    anna = by(town, keys, "anna")
    local = side_change(anna, start, {"notes.md": "mine"})
    tree = read_commit(anna.bus.store.get(evil)).tree
    merge = write_commit(
        anna.bus.store,
        tree=tree,
        parents=(local, evil),
        name="anna",
        email="anna@x",
        when=0,
        message="Merge",
        sign=anna.bus.sign,
    )
    anna.line.push([RefUpdate(ref=anna.bus.main, expect=evil, new=merge)])
    assert look(town).charter.trust.missions == "signed"


def test_replacing_ones_key_keeps_the_rules_in_force(town: Town, keys: Keys) -> None:
    """anna rotates: her new key goes in, the old one out. fleet.toml as she signed it before stays, without alarm."""
    node = town.peer("n1")
    by(town, keys, "anna").push({"fleet.toml": REMOTE})
    assert node.ledger().charter.trust.missions == "remote"
    by(town, keys, "anna").push({"allowed_signers": keys.signers(carl=("admin",))})
    ledger = node.ledger()
    assert (ledger.charter.trust.missions, ledger.alarms) == ("remote", ())


# -- what a machine remembers ---------------------------------------------------------------------------------------


def test_a_stand_survives_the_process(town: Town, keys: Keys, tmp_path: Path) -> None:
    """The next process goes on where this one stood: by the keys in force there, and with its alarms."""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="ledger")
    peer = town.peer("n1")

    def fresh() -> TrustRoot:
        return TrustRoot(peer.bus.store, pins.anchor, pins)

    fresh().in_force(town.root)
    alone = keys.signers(carl=("admin",))
    fresh().in_force(by(town, keys, "anna").push({"allowed_signers": alone}))
    found = fresh().in_force(by(town, keys, "anna").push({"fleet.toml": REMOTE}))
    assert (found.signers, found.charter.trust.missions, len(found.alarms)) == (alone, "signed", 1)
    assert fresh().in_force(peer.push({"notes.md": "on top"})).alarms == found.alarms


def test_a_slow_process_does_not_turn_the_memory_back(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Two processes of one machine: what the faster one has judged is not judged again by an older stand."""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="ledger")
    peer = town.peer("n1")
    slow, fast = (TrustRoot(peer.bus.store, pins.anchor, pins) for _ in range(2))
    old = by(town, keys, "anna").push({"notes.md": "old"})
    slow.in_force(town.root)
    new = by(town, keys, "anna").push({"allowed_signers": keys.signers(carl=("admin",))})
    fast.in_force(new)
    slow.in_force(old)
    kept = pins.load()
    assert kept is not None
    assert kept.commit == new


def test_a_pin_of_the_first_version_is_read(town: Town, tmp_path: Path) -> None:
    """It was a commit alone; the stand begins there."""
    path = tmp_path / "pin.json"
    path.write_text(f'{{"ledger": "{town.root}"}}\n')
    pins = TrustPins(path=path, ledger="ledger")
    TrustRoot(town.peer("n1").bus.store, pins.anchor, pins).in_force(town.root)
    kept = pins.load()
    assert kept is not None
    assert (kept.commit, kept.files["fleet.toml"].text) == (town.root, SIGNED)


def test_a_pin_of_the_second_version_is_read(town: Town, keys: Keys, tmp_path: Path) -> None:
    """It had the two texts in force, which need not stand on the branch; what counts next is made on top of both."""
    signers = keys.signers(anna=("admin",))
    evil = by(town, keys, "eve").push({"fleet.toml": REMOTE, "allowed_signers": signers + "# eve\n"})
    path = tmp_path / "pin.json"
    refused = [{"path": "fleet.toml", "commit": evil, "why": "is not signed by an admin"}]
    old = {"commit": evil, "signers": signers, "charter": SIGNED, "refused": refused, "vouched": []}
    path.write_text(json.dumps({"ledger": old}))
    pins, peer = TrustPins(path=path, ledger="ledger"), by(town, keys, "anna")
    first = TrustRoot(peer.bus.store, pins.anchor, pins).in_force(evil)
    assert (first.signers, first.charter.trust.missions, len(first.alarms)) == (signers, "signed", 2)
    peer.push({"fleet.toml": SIGNED, "allowed_signers": signers})
    last = TrustRoot(peer.bus.store, pins.anchor, pins).in_force(peer.push({"fleet.toml": SIGNED + "# on\n"}))
    assert (last.signers, last.alarms) == (signers, ())


def test_a_branch_that_lost_what_was_judged_is_not_followed(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Even where this process has not seen it: the file remembers. (A rewritten branch.)"""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="ledger")
    peer = town.peer("n1")
    seen = by(town, keys, "anna").push({"allowed_signers": keys.signers(carl=("admin",))})
    TrustRoot(peer.bus.store, pins.anchor, pins).in_force(seen)
    other = side_change(peer, town.root, {"notes.md": "another history"})
    with pytest.raises(HistoryRewritten):
        TrustRoot(peer.bus.store, pins.anchor, pins).in_force(other)


# -- what looks new and is not --------------------------------------------------------------------------------------


def second_header(data: bytes) -> bytes:
    """A commit under another name: a second signature, which no reader looks at."""
    head, _, body = data.partition(b"\n\n")
    return head + b"\ngpgsig again\n\n" + body


def rewrapped(data: bytes) -> bytes:
    """The same, by breaking the signature's lines elsewhere."""
    head, _, body = data.partition(b"\n\n")
    lines = head.split(b"\n")
    at = next(n for n, line in enumerate(lines) if line.startswith(b"gpgsig ")) + 1
    lines[at : at + 1] = [lines[at][:31], b" " + lines[at][31:]]
    return b"\n".join(lines) + b"\n\n" + body


@pytest.mark.parametrize("how", [second_header, rewrapped])
@pytest.mark.parametrize("asleep", [False, True])
def test_an_old_admins_commit_counts_once(
    keys: Keys, how: Callable[[bytes], bytes], asleep: bool, tmp_path: Path
) -> None:
    """A commit's name covers its signature's armour, the signature does not: a twin with another name is no news."""
    town = Town({"fleet.toml": REMOTE, "allowed_signers": keys.signers(anna=("admin",))}, folder=tmp_path)
    anna, node = by(town, keys, "anna"), town.peer("n1")
    admitted = anna.push({"allowed_signers": keys.signers(anna=("admin",), eve=("admin",))})
    alone = keys.signers(anna=("admin",))
    anna.push({"allowed_signers": alone, "fleet.toml": SIGNED})
    if not asleep:
        assert node.ledger().signers == alone
    thief = town.peer("nobody")
    tip = thief.ledger().tip
    store = thief.bus.store
    twin = store.put("commit", how(store.get(admitted)))
    assert twin != admitted
    tree = read_commit(store.get(tip)).tree
    merge = write_commit(
        store, tree=tree, parents=(tip, twin), name="x", email="x@x", when=0, message="merge", sign=None
    )
    thief.line.push([RefUpdate(ref=thief.bus.main, expect=tip, new=merge)])
    ledger = node.ledger()
    assert (ledger.signers, ledger.charter.trust.missions) == (alone, "signed")
    town.close()


def test_another_ledgers_history_says_nothing_here(town: Town, keys: Keys, signers: str) -> None:
    """anna administers a second ledger with the same key; somebody merges its root into this one."""
    node, anna = town.peer("n1"), by(town, keys, "anna")
    files = {"allowed_signers": keys.signers(eve=("admin",)), "fleet.toml": REMOTE}
    other = anna.commit(files, onto=None, tree=None)
    merged(town, keep=other, drop=node.ledger().tip)
    ledger = node.ledger()
    assert (ledger.signers, ledger.charter.trust.missions) == (signers, "signed")
    assert len(ledger.alarms) == 2


@pytest.mark.parametrize("junior", ["", "dave"])
def test_a_seniors_revocation_is_judged_first_whatever_lies_below_it(town: Town, keys: Keys, junior: str) -> None:
    """Junk, or a junior's innocent change, that the revocation is built on does not let the thief go first."""
    three = keys.signers(carl=("admin",), anna=("admin",), dave=("admin",))
    start = by(town, keys, "anna").push({"allowed_signers": three})
    sleeper = town.peer("n2", pin=start)
    by(town, keys, junior).push({"fleet.toml": SIGNED + "\n# below\n"})
    rest = keys.signers(carl=("admin",), dave=("admin",))
    revoked = by(town, keys, "carl").push({"allowed_signers": rest})
    evil = keys.signers(anna=("admin",), eve=("admin",))
    merged(town, keep=side_change(by(town, keys, "anna"), start, {"allowed_signers": evil}), drop=revoked)
    assert sleeper.ledger().signers == rest


@pytest.mark.parametrize("path", ["allowed_signers", "fleet.toml"])
@pytest.mark.parametrize("mode", [SUBMODULE, SYMLINK])
def test_what_is_no_file_is_no_file(town: Town, keys: Keys, signers: str, path: str, mode: str) -> None:
    """A submodule or a link in its place stops nobody: the version before stays, and an admin can mend it."""
    node, peer = town.peer("n1"), town.peer("nobody")
    tip = node.ledger().tip
    entries = dict(read_tree(peer.bus.store.get(read_commit(peer.bus.store.get(tip)).tree)))
    target = "1" * 40 if mode == SUBMODULE else peer.bus.store.put("blob", b"elsewhere")
    tree = peer.bus.store.put("tree", print_tree(entries | {path: TreeEntry(mode, target)}))
    odd = write_commit(
        peer.bus.store, tree=tree, parents=(tip,), name="x", email="x@x", when=0, message="odd", sign=None
    )
    peer.line.push([RefUpdate(ref=peer.bus.main, expect=tip, new=odd)])
    assert (node.ledger().signers, node.ledger().charter.trust.missions) == (signers, "signed")
    assert len(node.ledger().alarms) == 1
    by(town, keys, "anna").push({path: signers if path == "allowed_signers" else SIGNED})
    assert node.ledger().alarms == ()


def test_machines_that_were_awake_and_asleep_end_with_the_same_rules(town: Town, keys: Keys) -> None:
    """A merge keeps anna's later version over the one that she made beside it."""
    anna = by(town, keys, "anna")
    awake, asleep = (TrustRoot(anna.bus.store, lambda _tip: town.root) for _ in range(2))
    side = side_change(anna, town.root, {"fleet.toml": SIGNED + "\n# beside\n"})
    later = anna.push({"fleet.toml": SIGNED + "\n# later\n"})
    awake.in_force(later)
    merged(town, keep=later, drop=side)
    tip = anna.bus.remote.fetch()[anna.bus.main]
    assert awake.in_force(tip) == asleep.in_force(tip)
    assert awake.in_force(tip).alarms == ()


def test_a_merge_changes_no_rules_whoever_signs_it(town: Town, keys: Keys) -> None:
    """Not even an admin's, on a machine that has seen both sides and on one that has not; a plain commit does."""
    anna = by(town, keys, "anna")
    awake, asleep = (TrustRoot(anna.bus.store, lambda _tip: town.root) for _ in range(2))
    side = side_change(anna, town.root, {"notes.md": "beside"})
    later = anna.push({"fleet.toml": SIGNED + "\n# later\n"})
    awake.in_force(later)
    edited = side_change(anna, later, {"fleet.toml": REMOTE})
    merge = write_commit(
        anna.bus.store,
        tree=read_commit(anna.bus.store.get(edited)).tree,
        parents=(side, later),
        name="anna",
        email="anna@x",
        when=0,
        message="Merge, and edit",
        sign=anna.bus.sign,
    )
    again = side_change(anna, side_change(anna, merge, {"fleet.toml": SIGNED + "\n# later\n"}), {"fleet.toml": REMOTE})
    for machine in (awake, asleep):
        found = machine.in_force(merge)
        assert found.charter.trust.missions == "signed"
        assert [merge[:10] in alarm and "merges what is not in force" in alarm for alarm in found.alarms] == [True]
        found = machine.in_force(again)
        assert (found.charter.trust.missions, found.alarms) == ("remote", ())


def test_a_comment_in_another_encoding_stops_nobody(town: Town, keys: Keys, signers: str) -> None:
    """An admin's editor wrote latin-1; keys are compared as bytes that ssh-keygen gets unchanged."""
    node, anna = town.peer("n1"), by(town, keys, "anna")
    anna.push({"allowed_signers": signers.encode() + "# Jürgen\n".encode("latin-1")})
    node.ledger()
    anna.push({"fleet.toml": REMOTE})
    assert node.ledger().charter.trust.missions == "remote"


def test_a_comment_in_another_encoding_survives_the_process(
    town: Town, keys: Keys, signers: str, tmp_path: Path
) -> None:
    """Its bytes are kept as they are: no alarm after a restart, no write of a pin that stands, and the next change on
    top of it counts."""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="ledger")
    anna, odd = by(town, keys, "anna"), "# J\xfcrgen\n".encode("latin-1")

    def fresh() -> TrustRoot:
        return TrustRoot(anna.bus.store, pins.anchor, pins)

    fresh().in_force(town.root)
    tip = anna.push({"allowed_signers": signers.encode() + odd})
    first = fresh().in_force(tip)
    written = pins.path.stat().st_ino
    assert fresh().in_force(tip) == first
    assert (first.alarms, pins.path.stat().st_ino) == ((), written)
    assert first.signers.encode("utf-8", "surrogateescape").endswith(odd)
    last = fresh().in_force(anna.push({"allowed_signers": keys.signers(anna=("admin",)).encode() + odd}))
    assert (last.alarms, last.signers.count("author")) == ((), 0)


def test_junk_by_the_hundred_is_one_alarm(town: Town) -> None:
    """Whoever may push can make nodes neither remember nor tell of thousands of refused changes."""
    peer = town.peer("nobody")
    junk = [peer.push({"fleet.toml": SIGNED + f"\n# {number % 2}\n"}) for number in range(60)]
    alarms = TrustRoot(peer.bus.store, lambda _tip: town.root).in_force(junk[-1]).alarms
    assert [junk[1][:10] in alarm for alarm in alarms] == [True], "the oldest that brought what stands there"


def test_an_older_view_than_another_process_had_is_no_rewritten_branch(town: Town, keys: Keys, tmp_path: Path) -> None:
    """A process whose fetch was a moment earlier than what is kept: it goes by what is kept."""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="ledger")
    store = town.peer("n1").bus.store
    old = by(town, keys, "anna").push({"notes.md": "old"})
    alone = keys.signers(anna=("admin",))
    new = by(town, keys, "anna").push({"allowed_signers": alone})
    TrustRoot(store, pins.anchor, pins).in_force(old)
    TrustRoot(store, pins.anchor, pins).in_force(new)
    assert TrustRoot(store, pins.anchor, pins).in_force(old).signers == alone


@pytest.mark.parametrize(
    "text", ["", "[]", '{"ledger": {"commit": "1"}}', '{"ledger": 1}', '{"ledger": {"files": {}}}']
)
def test_a_damaged_pin_is_told(tmp_path: Path, text: str) -> None:
    """It is not taken for none: that would be to trust anew."""
    path = tmp_path / "pin.json"
    path.write_text(text)
    with pytest.raises(WrongSetting, match="damaged"):
        TrustPins(path=path, ledger="ledger").load()


def test_a_lost_pin_is_to_trust_anew(town: Town, keys: Keys, tmp_path: Path) -> None:
    """Whoever deletes it trusts what the branch has now, as at `join`; a machine that kept its pin does not."""
    pins = TrustPins(path=tmp_path / "pin.json", ledger="ledger")
    store = town.peer("n1").bus.store
    TrustRoot(store, pins.anchor, pins).in_force(town.root)
    tip = by(town, keys, "eve").push({"fleet.toml": REMOTE})
    assert TrustRoot(store, pins.anchor, pins).in_force(tip).charter.trust.missions == "signed"
    pins.path.unlink()
    assert TrustRoot(store, pins.anchor, pins).in_force(tip).charter.trust.missions == "remote"
