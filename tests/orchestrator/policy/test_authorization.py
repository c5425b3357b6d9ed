"""Does a mission run only on the word of somebody who may file missions, and does nothing else decide that?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from missions.lease import ClaimState
from orchestrator.policy.authorization import TrustDecision
from sync.objects import Signer, read_commit, write_commit
from sync.remote import Oid, RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.repositories import git

SIGNED = FLEET.format(trust="signed")
PATH = "missions/m.md"


@pytest.fixture
def signers(keys: Keys) -> str:
    """anna may administer and file missions, bert may file them, n1 works."""
    return keys.signers(anna=("admin", "author"), bert=("author",), n1=("node",))


@pytest.fixture
def town(signers: str, keys: Keys) -> Town:
    """A ledger that trusts signatures; anna's mission is on it."""
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers})
    town.peer("anna", key=keys["anna"]).push({PATH: "do it  \n"})
    return town


def word(town: Town, name: str = "m", peer: Peer | None = None) -> TrustDecision:
    """What a node thinks of a mission."""
    node = peer or town.peer("n1")
    ledger = node.ledger()
    return node.trust.authorize(ledger, ledger.open[name])


def test_an_authors_mission_runs_on_their_word(town: Town) -> None:
    """Signed by anna: trusted, and it says by whom."""
    found = word(town)
    assert (found.trusted, found.who) == (True, "anna")


@pytest.mark.parametrize(
    ("who", "why"), [("", "not signed"), ("eve", "not signed by a key in allowed_signers"), ("n1", "may not file")]
)
def test_a_mission_by_nobody_who_may_file_is_untrusted(town: Town, keys: Keys, who: str, why: str) -> None:
    """Unsigned, by an unknown key, or by a node: shown with the reason, not run."""
    town.peer("x", key=keys[who] if who else None).push({"missions/new.md": "rm -rf"})
    found = word(town, "new")
    assert not found.trusted
    assert why in found.why


def test_an_admin_without_role_author_may_file_too(town: Town, keys: Keys) -> None:
    """Whoever may change who files missions may file one."""
    signers = keys.signers(anna=("admin", "author"), carl=("admin",))
    town.peer("anna", key=keys["anna"]).push({"allowed_signers": signers})
    town.peer("carl", key=keys["carl"]).push({"missions/new.md": "x"})
    assert word(town, "new").trusted


def test_who_changed_what_is_asked_last_is_who_must_be_trusted(town: Town, keys: Keys) -> None:
    """eve's edit of anna's mission makes it untrusted; bert, who signs the same text off, makes it his."""
    node = town.peer("n1")
    assert word(town, peer=node).trusted
    town.peer("eve", key=keys["eve"]).push({PATH: "---\nrun: rm -rf /\n---\n"})
    assert not word(town, peer=node).trusted
    town.peer("bert", key=keys["bert"]).push({PATH: "do it again\n"})
    found = word(town, peer=node)
    assert (found.trusted, found.who) == (True, "bert")


@pytest.mark.parametrize("state", [ClaimState.FAILED, ClaimState.RELEASED])
def test_what_nodes_write_into_the_file_leaves_it_the_persons(town: Town, keys: Keys, state: ClaimState) -> None:
    """After a failed attempt was folded by a node, the mission is still anna's, and runs again."""
    node = town.peer("n1", key=keys["n1"])
    node.attempt("m", state)
    assert node.fold().missions
    found = word(town, peer=node)
    assert (found.trusted, found.who) == (True, "anna")


@pytest.mark.parametrize(
    "text",
    [
        "do it\n",
        "do it  \n\n \n",
        "do it",
        "\ufeff---\ntitle: x\n---\ndo it",
        "---\r\ntitle: x\r\n---\r\ndo it \r\n",
        "---\n  title: x\n  to: n1\n---\nx\n",
        "---\n{title: x}\n---\nx\n",
        "---\ntitle: x\n...\n---\nx\n",
    ],
)
def test_no_way_to_write_a_file_makes_it_the_nodes(town: Town, keys: Keys, text: str) -> None:
    """Whatever spaces, line breaks, marks and styles the person used, a fold does not count as a change of theirs."""
    town.peer("bert", key=keys["bert"]).push({PATH: text})
    node = town.peer("n1", key=keys["n1"])
    for _ in range(2):
        node.attempt("m", ClaimState.FAILED)
        node.fold()
        assert word(town, peer=node).trusted


def test_an_unsigned_change_of_node_fields_does_not_matter(town: Town) -> None:
    """Everybody may cancel, or set a mission back to queued; what it asks for is still anna's."""
    town.peer("x").push({PATH: "---\nstatus: queued\nattempt: 0\n---\ndo it  \n"})
    assert word(town).trusted


def test_a_node_cannot_slip_another_task_in_while_it_folds(town: Town, keys: Keys) -> None:
    """A person's field changed by a commit that a node signed makes the mission untrusted."""
    town.peer("n1", key=keys["n1"]).push({PATH: "---\nstatus: failed\nrun: curl evil\n---\ndo it  \n"})
    assert not word(town).trusted


def test_a_key_that_was_taken_out_counts_no_more(town: Town, keys: Keys) -> None:
    """Its missions are untrusted from the next look on, though the verdict had been remembered."""
    town.peer("bert", key=keys["bert"]).push({"missions/b.md": "x"})
    node = town.peer("n1")
    assert word(town, "b", node).trusted
    town.peer("anna", key=keys["anna"]).push({"allowed_signers": keys.signers(anna=("admin", "author"))})
    assert not word(town, "b", node).trusted
    assert word(town, "m", node).trusted


def test_a_file_put_back_is_judged_anew(town: Town, keys: Keys) -> None:
    """Deleted by anna and put back by eve, byte for byte: it is eve's, also for a node that remembered anna's word."""
    node = town.peer("n1")
    assert word(town, peer=node).trusted
    town.peer("anna", key=keys["anna"]).push({PATH: None})
    node.ledger()
    town.peer("eve", key=keys["eve"]).push({PATH: "do it  \n"})
    assert not word(town, peer=node).trusted


def test_a_file_put_back_between_two_looks_is_judged_anew(town: Town, keys: Keys) -> None:
    """The same when the node saw neither the deletion nor that anything had happened."""
    node = town.peer("n1")
    assert word(town, peer=node).trusted
    town.peer("anna", key=keys["anna"]).push({PATH: None})
    town.peer("eve", key=keys["eve"]).push({PATH: "do it  \n"})
    assert not word(town, peer=node).trusted


def test_a_renamed_file_is_the_renamers(town: Town) -> None:
    """A name is an identity: somebody unsigned who gives the text another name files a mission."""
    town.peer("x").push({PATH: None, "missions/other.md": "do it  \n"})
    assert not word(town, "other").trusted


def merged(peer: Peer, *, keep: Oid, drop: Oid, sign: Peer | None = None) -> Oid:
    """Pushes a merge that joins two commits and has the files of one."""
    by = sign or peer
    made = by.bus.commit({"note": b"merged"}, "merge", onto=keep, tree=read_commit(by.bus.store.get(keep)).tree)
    commit = by.bus.store.get(made).decode()
    if "gpgsig" in commit:
        raise AssertionError("merges of this test are unsigned")
    oid = by.bus.store.put("commit", commit.replace(f"parent {keep}", f"parent {drop}\nparent {keep}").encode())
    tip = peer.bus.remote.fetch()[peer.bus.main]
    peer.line.push([RefUpdate(ref=peer.bus.main, expect=tip, new=oid)])
    return oid


def test_merging_an_old_text_back_is_a_change_by_whoever_merged(town: Town, keys: Keys) -> None:
    """anna replaced her text; eve merges the commit with the old one so that it stands there again: it is eve's."""
    anna, eve = town.peer("anna", key=keys["anna"]), town.peer("eve")
    old = anna.ledger().tip
    new = anna.push({PATH: "the better text\n"})
    merged(eve, keep=old, drop=new)
    ledger = eve.ledger()
    assert ledger.open["m"].mission.body == "do it  "
    assert not word(town).trusted


def test_merging_a_withdrawn_mission_back_is_filing_it(town: Town, keys: Keys) -> None:
    """The same for a mission that anna deleted."""
    anna, eve = town.peer("anna", key=keys["anna"]), town.peer("eve")
    old = anna.ledger().tip
    gone = anna.push({PATH: None})
    merged(eve, keep=old, drop=gone)
    assert not word(town).trusted


def test_a_merge_of_a_branch_with_a_mission_leaves_it_the_authors(town: Town, keys: Keys) -> None:
    """A pull request: bert's signed commit on a branch, merged by somebody without a key. It is bert's."""
    bert, forge = town.peer("bert", key=keys["bert"]), town.peer("forge")
    base = bert.ledger()
    side = bert.commit({"missions/side.md": "from a branch"}, onto=base.tip, tree=base.tree)
    main = town.peer("x").push({"other.md": "meanwhile"})
    merged(forge, keep=side, drop=main)
    found = word(town, "side")
    assert (found.trusted, found.who) == (True, "bert")
    assert word(town, "m").trusted


def twin(peer: Peer, commit: Oid) -> Oid:
    """The same commit under another name: its signature's base64 is wrapped elsewhere."""
    head, end, message = peer.bus.store.get(commit).decode().partition("\n\n")
    first, mark, signature = head.partition("-----BEGIN SSH SIGNATURE-----\n ")
    text = f"{first}{mark}{signature[:31]}\n {signature[31:]}{end}{message}"
    assert mark, "twins are made of signed commits"
    return peer.bus.store.put("commit", text.encode())


def made(peer: Peer, tree: Oid, parents: tuple[Oid, ...], *, sign: Signer | None) -> Oid:
    """A commit, not pushed."""
    return write_commit(
        peer.bus.store, tree=tree, parents=parents, name=peer.name, email="x@x", when=1, message="made", sign=sign
    )


def abandoned(peer: Peer, commit: Oid) -> Oid:
    """The same change by the same signer on a branch that was given up: another commit on top of the same parent."""
    read = read_commit(peer.bus.store.get(commit))
    return made(peer, read.tree, read.parents, sign=peer.bus.sign)


def joined(peer: Peer, *parents: Oid, files: Oid, sign: Peer | None = None) -> Oid:
    """A merge of these parents with the files of one commit, not pushed; unsigned unless a signer is given."""
    tree = read_commit(peer.bus.store.get(files)).tree
    return made(peer, tree, parents, sign=sign.bus.sign if sign else None)


def push(peer: Peer, commit: Oid) -> None:
    """Moves the branch there."""
    tip = peer.bus.remote.fetch()[peer.bus.main]
    assert peer.line.push([RefUpdate(ref=peer.bus.main, expect=tip, new=commit)])[peer.bus.main] == "accepted"


def old_word(town: Town, keys: Keys, since: str, how: Callable[[Peer, Oid], Oid]) -> tuple[Peer, Oid, Oid]:
    """anna asked for x, and then something else became of it. Returns eve's view, the tip, x in another commit."""
    anna, node, path = town.peer("anna", key=keys["anna"]), town.peer("n1", key=keys["n1"]), "missions/x.md"
    first = anna.push({path: "delete the test database\n"})
    again = how(anna, first)
    if since == "done":
        node.attempt("x")
        node.fold()
    else:
        anna.push({path: None if since == "withdrawn" else "only look at it\n"})
    tip = anna.push({"notes.md": "n"})
    eve = town.peer("eve", key=keys["eve"])
    eve.ledger()
    return eve, tip, eve.bus.store.put("commit", anna.bus.store.get(again))  # all that she needs is that commit


OLD = pytest.mark.parametrize("how", [twin, abandoned])
SINCE = pytest.mark.parametrize("since", ["changed", "withdrawn", "done"])


@OLD
@SINCE
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("kind", ["town", "real"])
def test_an_old_word_in_another_commit_is_not_said_again(
    request: pytest.FixtureRequest, keys: Keys, how: Callable[[Peer, Oid], Oid], since: str, first: int, kind: str
) -> None:
    """Whoever merges it, in whatever order of the parents, brings back what anna had taken back: it is untrusted."""
    town: Town = request.getfixturevalue(kind)
    eve, tip, again = old_word(town, keys, since, how)
    push(eve, joined(eve, *((tip, again) if first == 0 else (again, tip)), files=again))
    assert "delete" in eve.ledger().open["x"].mission.body
    assert not word(town, "x").trusted


@OLD
@pytest.mark.parametrize("since", ["changed", "withdrawn"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_text_put_back_is_not_vouched_for_by_an_old_word(
    town: Town, keys: Keys, how: Callable[[Peer, Oid], Oid], since: str, first: int
) -> None:
    """eve writes the text herself, and merges anna's old commit of it: the merge changes nothing, and is not listed."""
    eve, _, again = old_word(town, keys, since, how)
    put = eve.push({"missions/x.md": "delete the test database\n"})
    push(eve, joined(eve, *((put, again) if first == 0 else (again, put)), files=put))
    assert not word(town, "x").trusted


@OLD
@pytest.mark.parametrize("first", [0, 1])
def test_an_old_merge_is_not_made_again(town: Town, keys: Keys, how: Callable[[Peer, Oid], Oid], first: int) -> None:
    """anna's signed merge chose a text, which she withdrew: two merges by eve, of which the last changes nothing."""
    anna, eve = town.peer("anna", key=keys["anna"]), town.peer("eve", key=keys["eve"])
    base = anna.push({"missions/x.md": "one\n"})
    two = anna.push({"missions/x.md": "two\n"})
    beside = abandoned(anna, two)
    merge = joined(anna, two, joined(anna, base, beside, files=base, sign=anna), files=base, sign=anna)
    push(anna, merge)
    assert word(town, "x").trusted
    tip = anna.push({"missions/x.md": None})
    eve.ledger()
    again = eve.bus.store.put("commit", anna.bus.store.get(how(anna, merge)))
    put = joined(eve, tip, again, files=again)
    push(eve, joined(eve, *((put, again) if first == 0 else (again, put)), files=put))
    assert not word(town, "x").trusted


@pytest.mark.parametrize("first", [0, 1])
def test_a_later_signed_choice_outweighs_an_earlier_one(town: Town, keys: Keys, first: int) -> None:
    """anna merged for one text, then for the other; eve merges a twin of the first choice: it is eve's."""
    anna, bert, eve = (town.peer(name, key=keys[name]) for name in ("anna", "bert", "eve"))
    base = anna.push({"missions/x.md": "base\n"})
    one = anna.commit({"missions/x.md": "one\n"}, onto=base, tree=read_commit(anna.bus.store.get(base)).tree)
    bert.ledger()
    two = bert.push({"missions/x.md": "two\n"})
    anna.ledger()
    chosen = joined(anna, two, one, files=one, sign=anna)
    push(anna, chosen)
    found = word(town, "x")
    assert (found.trusted, found.who) == (True, "anna")
    other = joined(anna, chosen, two, files=two, sign=anna)
    push(anna, other)
    assert word(town, "x").trusted
    eve.ledger()
    again = twin(eve, chosen)
    push(eve, joined(eve, *((other, again) if first == 0 else (again, other)), files=again))
    assert eve.ledger().open["x"].mission.body == "one"
    assert not word(town, "x").trusted


@pytest.mark.parametrize("signed", [False, True])
def test_of_two_texts_the_one_that_a_signed_merge_chose_runs(town: Town, keys: Keys, signed: bool) -> None:
    """bert and anna changed a mission at the same time. Merged without a key it is nobody's word, with bert's his."""
    anna, bert, forge = town.peer("anna", key=keys["anna"]), town.peer("bert", key=keys["bert"]), town.peer("forge")
    base = bert.ledger()
    side = bert.commit({PATH: "bert's\n"}, onto=base.tip, tree=base.tree)
    tip = anna.push({PATH: "anna's\n"})
    push(forge, joined(forge, tip, side, files=side, sign=bert if signed else None))
    found = word(town)
    assert (found.trusted, found.who) == ((True, "bert") if signed else (False, "forge"))


def test_a_twin_of_what_stands_there_changes_nothing(town: Town, keys: Keys) -> None:
    """Merging a twin of the very commit whose text is in force does not take the mission from its author."""
    anna, eve = town.peer("anna", key=keys["anna"]), town.peer("eve")
    first = anna.push({"missions/x.md": "x"})
    tip = anna.push({"notes.md": "n"})
    eve.ledger()
    push(eve, joined(eve, tip, twin(eve, first), files=tip))
    found = word(town, "x")
    assert (found.trusted, found.who) == (True, "anna")


def test_a_branch_that_is_merged_again_and_again_stays_its_authors(town: Town, keys: Keys) -> None:
    """bert edits his mission on a branch, a forge without a key merges it each time: the text is bert's each time."""
    bert, forge, node = town.peer("bert", key=keys["bert"]), town.peer("forge"), town.peer("n1", key=keys["n1"])
    base = bert.ledger()
    side, tip = base.tip, base.tip
    for text in ("one\n", "two\n", "three\n"):
        side = bert.commit({"missions/x.md": text}, onto=side, tree=read_commit(bert.bus.store.get(side)).tree)
        tip = town.peer("x").push({"other.md": text})
        forge.ledger()
        merge = forge.commit({"other.md": text}, onto=side, tree=read_commit(bert.bus.store.get(side)).tree)
        push(forge, joined(forge, tip, side, files=merge))
        found = word(town, "x")
        assert (found.trusted, found.who) == (True, "bert")
    node.attempt("x", ClaimState.FAILED)
    node.fold()
    assert word(town, "x").who == "bert"


def test_trust_in_the_remote_trusts_whoever_may_push(keys: Keys) -> None:
    """`trust.missions = "remote"`: no signature is asked for."""
    town = Town({PATH: "do it"})
    found = word(town)
    assert found.trusted
    assert "remote" in found.why
    assert keys


def test_a_broken_past_is_no_excuse(town: Town, keys: Keys) -> None:
    """A file that eve broke, and that mended itself by another unsigned commit, is untrusted; odd YAML stops nobody."""
    eve = town.peer("eve", key=keys["eve"])
    for text in ("---\n1: x\nb: y\n---\nz", "---\n2026-01-01: x\n---\n", "---\n[\n---\n", "\0", "do it  \n"):
        eve.push({PATH: text})
    assert not word(town).trusted
    town.peer("bert", key=keys["bert"]).push({PATH: "mine now"})
    assert word(town).trusted


def test_a_signature_that_is_no_text_stops_nobody(town: Town) -> None:
    """Whoever may push can push nonsense in a commit's headers: the mission is untrusted, the node goes on."""
    eve = town.peer("eve")
    ledger = eve.ledger()
    made = eve.commit({"missions/odd.md": "x"}, onto=ledger.tip, tree=ledger.tree)
    data = eve.bus.store.get(made).replace(b"\ncommitter", b"\ngpgsig \xff\xfc\n ab\xc3\xbc\ncommitter", 1)
    oid = eve.bus.store.put("commit", data)
    eve.line.push([RefUpdate(ref=eve.bus.main, expect=ledger.tip, new=oid)])
    assert not word(town, "odd").trusted
    assert word(town, "m").trusted


class Clone:
    """A person's clone, with signing set up as `init` and `join` do it."""

    def __init__(self, folder: Path, url: Path, keys: Keys, name: str) -> None:
        git(folder, "clone", "--quiet", str(url), name)
        self.folder = folder / name
        for key, value in {
            "gpg.format": "ssh",
            "user.signingkey": f"{keys[name].path}.pub",
            "commit.gpgsign": "true",
            "user.name": name,
            "user.email": f"{name}@x",
        }.items():
            git(self.folder, "config", key, value)

    def push(self, files: dict[str, str], *words: str) -> None:
        """Writes, commits and pushes, as a person does."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "-m", "a person's commit", *words)
        git(self.folder, "push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def real(tmp_path: Path, signers: str) -> Iterator[Town]:
    """The same ledger on a real bare repository."""
    town = Town({"fleet.toml": SIGNED, "allowed_signers": signers}, folder=tmp_path)
    yield town
    town.close()


def test_a_persons_plain_git_commit_is_their_word(real: Town, keys: Keys, tmp_path: Path) -> None:
    """`git commit` in a clone with signing set up: trusted; with --no-gpg-sign: not; after a merge: still theirs."""
    bert = Clone(tmp_path, real.bare, keys, "bert")
    bert.push({PATH: "do it\n"})
    node = real.peer("n1", key=keys["n1"])
    assert word(real, peer=node).who == "bert"
    bert.push({"missions/unsigned.md": "x\n"}, "--no-gpg-sign")
    assert not word(real, "unsigned", node).trusted
    node.attempt("m", ClaimState.FAILED)
    node.fold()
    (bert.folder / "missions/third.md").write_text("third\n")
    git(bert.folder, "add", "--all")
    git(bert.folder, "commit", "--quiet", "-m", "third")
    git(bert.folder, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
    git(bert.folder, "push", "--quiet", "origin", "HEAD:main")
    assert [word(real, name, node).trusted for name in ("m", "third", "unsigned")] == [True, True, False]


def test_git_shows_the_same_replay(real: Town, keys: Keys, tmp_path: Path) -> None:
    """`git merge -s ours` of the newer text by somebody without a key, over real git: the old text is untrusted."""
    bert = Clone(tmp_path, real.bare, keys, "bert")
    bert.push({PATH: "old\n"})
    old = git(bert.folder, "rev-parse", "HEAD")
    bert.push({PATH: "new\n"})
    git(bert.folder, "checkout", "--quiet", "-b", "back", old)
    git(bert.folder, "merge", "--quiet", "--no-gpg-sign", "-s", "ours", "-m", "oops", "main")
    git(bert.folder, "push", "--quiet", "origin", "back:main")
    node = real.peer("n1")
    assert node.ledger().open["m"].mission.body == "old"
    assert not word(real, peer=node).trusted
