"""Can a person make late work the result, once, and can nobody slip something in by that way?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from handoff.entry import parse_log
from missions.archive_path import archive_path, dated_path
from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger.claims import take_over
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.ledger.transport import late_ref
from orchestrator.workflow.late_results import Adoption, late_results
from sync.objects import read_commit
from sync.remote import RefUpdate
from tests.ledgers import Keys, Peer, Town, record
from tests.orchestrator.repositories import git

ARCHIVED = archive_path("m", "2026/11/21")
TOKEN = "ghp_" + "a1B2" * 9


def signed_ledger(keys: Keys, folder: Path | None = None) -> Town:
    """A signed ledger with one mission."""
    signers = keys.signers(anna=("admin", "author"), old=("node",), new=("node",), ben=("author",), eve=())
    return Town({"missions/m.md": "do it\n", "allowed_signers": signers}, folder=folder)


@pytest.fixture
def town(keys: Keys) -> Town:
    """The ledger in memory, which keeps the contract of a remote."""
    return signed_ledger(keys)


@pytest.fixture
def real_town(tmp_path: Path, keys: Keys) -> Iterator[Town]:
    """The ledger on a real server."""
    made = signed_ledger(keys, tmp_path)
    yield made
    made.close()


def peer(town: Town, keys: Keys, name: str, key: str = "") -> Peer:
    """Somebody with a key."""
    made = town.peer(name, key=keys[key or name])
    return replace(made, bus=replace(made.bus, key=keys[key or name].public))


def adoption(who: Peer) -> Adoption:
    """That person's door."""
    return Adoption(bus=who.bus, reader=who.reader, trust=who.trust)


def overtaken(town: Town, keys: Keys, **facts: object) -> HeldClaim:
    """`old` was silent, `new` took over and finished; then `old` handed in what it had. Returns what `old` held."""
    old, new = peer(town, keys, "old"), peer(town, keys, "new")
    held = old.hold("m")
    taken = take_over(new.bus, new.ledger().claims["m"], blob=held.claim.blob)
    assert taken is not None
    new.end(taken, section="### Attempt 2 · done · new\n\nnew's work", artifacts={"diff": "+new\n"})
    new.fold()
    told: dict[str, object] = {
        "section": "### Attempt 1 · done · old\n\n- 1 file changed: `missions/archive/2026-11/m.1.diff`",
        "artifacts": {"diff": "+old\n"},
        "memo": "---\nmemo_id: m-1\n---\nold's memo\n",
        "finished": "2026-11-21T12:09:00Z",
    }
    ended = old.end(held, ClaimState.DONE, **(told | facts))
    assert ended.late == "refs/shiftbook/late/m-1-old"
    return held


def keep(who: Peer, name: str, kept: ResultRecord) -> None:
    """Puts a record on a late ref as it is."""
    commit = who.bus.commit(kept.files(), "late", onto=None, tree=None)
    assert who.bus.remote.push([RefUpdate(ref=name, expect=None, new=commit)])


def test_late_work_becomes_the_result_on_a_persons_word(real_town: Town, keys: Keys) -> None:
    """Section, diff, memo, entry, fields as a fold writes them; who and from where; the former result stays above."""
    overtaken(real_town, keys)
    anna = peer(real_town, keys, "anna")
    before = anna.text(ARCHIVED)
    late = adoption(anna).adopt("m")
    assert late is not None
    text, ledger = anna.text(ARCHIVED), anna.ledger()
    filed = ledger.archived("m")
    assert filed is not None
    mission = filed.mission
    assert (mission.status, mission.node, mission.attempt, mission.epoch) == (Status.DONE, "old", 3, 2)
    assert (mission.adopted_by, mission.adopted_from) == ("anna", "1-old")
    assert f"{mission.finished:%H:%M}" == "12:09"
    assert text.index("new's work") < text.index("Attempt 1 · done · old")
    assert text.endswith("- adopted by anna from `refs/shiftbook/late/m-1-old`\n")
    assert "m.3.diff" in text
    assert anna.archived("m", "3.diff") == "+old\n"
    assert anna.archived("m", "2.diff") == "+new\n"
    assert "old's memo" in anna.text(dated_path("memos", "2026/11/21", "m-1"))
    assert [entry.entry_id for entry in parse_log(anna.text("SESSION_LOG.md")).entries] == ["m-2", "m-1"]
    assert before.partition("<!-- shiftbook")[2].strip() in text
    assert ledger.late == {}
    commit = read_commit(ledger.store.get(ledger.tip))
    assert commit.message.splitlines()[-2:] == ["Adopted-By: anna", "Adopted-From: refs/shiftbook/late/m-1-old"]
    assert anna.trust.signer(ledger, ledger.tip) is not None
    assert git(real_town.bare, "fsck", "--strict", "--no-dangling") == ""


def test_adopting_twice_changes_nothing_more(town: Town, keys: Keys) -> None:
    """Also by another person, by its name or without; the ref is gone and the file says so."""
    overtaken(town, keys)
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    adoption(anna).adopt("m")
    tip = anna.ledger().tip
    assert adoption(ben).adopt("m") is None
    assert adoption(anna).adopt("m", "1-old") is None
    assert anna.ledger().tip == tip
    with pytest.raises(NotFound, match="no late work '2-new'"):
        adoption(anna).adopt("m", "2-new")


@pytest.mark.parametrize("trouble", ["race", "lost answer", "lost push"])
def test_a_race_or_a_broken_line_adopts_once(town: Town, keys: Keys, trouble: str) -> None:
    """Another person who was faster, a push without an answer: one adoption, nothing of anybody's lost."""
    overtaken(town, keys)
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    if trouble == "race":
        anna.line.before_push.append(lambda: adoption(ben).adopt("m"))
        anna.line.before_push.append(lambda: ben.push({"note.md": "x\n"}))
    anna.line.lose_answers, anna.line.lose_pushes = int(trouble == "lost answer"), int(trouble == "lost push")
    adoption(anna).adopt("m")
    assert anna.text(ARCHIVED).count("adopted by") == 1
    assert anna.ledger().late == {}
    assert ("note.md" in anna.paths()) == (trouble == "race")


def test_a_failed_mission_is_done_with_late_work(town: Town, keys: Keys) -> None:
    """It leaves the queue for the archive, and what depends on it goes on."""
    old, new, anna = (peer(town, keys, name) for name in ("old", "new", "anna"))
    held = old.hold("m")
    taken = take_over(new.bus, new.ledger().claims["m"], blob=held.claim.blob)
    assert taken is not None
    new.end(taken, ClaimState.FAILED)
    new.fold()
    old.end(held)
    adoption(anna).adopt("m")
    ledger = anna.ledger()
    assert ledger.open == {}
    assert ledger.finished(["m"]) == {"m"}
    assert "retry_at" not in anna.text(ARCHIVED)


def test_a_later_result_clears_the_word_of_the_adoption(town: Town, keys: Keys) -> None:
    """A person who reverts and lets it run again gets a file that names no adopted work any more."""
    overtaken(town, keys)
    anna, new = peer(town, keys, "anna"), peer(town, keys, "new")
    adoption(anna).adopt("m")
    text = anna.text(ARCHIVED).replace("status: done", "status: queued")
    anna.push({ARCHIVED: None, "missions/m.md": text})
    new.attempt("m")
    new.fold()
    head = new.text(ARCHIVED).partition("do it")[0]
    assert "adopted_by" not in head
    assert "node: new" in head


def test_what_is_not_there_is_not_found(town: Town, keys: Keys) -> None:
    """No such mission; a mission without late work; late work of another name."""
    anna = peer(town, keys, "anna")
    for name, which in (("x", ""), ("m", ""), ("m", "1-old")):
        with pytest.raises(NotFound):
            adoption(anna).adopt(name, which)


def test_with_several_a_person_says_which(town: Town, keys: Keys) -> None:
    """Exit code 2 names the choice; a choice is taken."""
    held = overtaken(town, keys)
    old, anna = peer(town, keys, "old"), peer(town, keys, "anna")
    keep(old, late_ref("m", 7, "old"), replace(record(held, section="seven", entry=False), epoch=7))
    with pytest.raises(WrongSetting, match="choose among 1-old, 7-old"):
        adoption(anna).adopt("m")
    assert adoption(anna).adopt("m", "7-old") is not None
    assert set(anna.ledger().late) == {"m-1-old"}
    assert anna.ledger().folded_epoch("m") == 7


def test_late_work_of_a_mission_with_a_longer_name_is_not_taken_for_this_one(town: Town, keys: Keys) -> None:
    """`m-1-old` may be epoch 1 of `m`, or something of a mission `m-1`: the record in it tells."""
    held = overtaken(town, keys)
    old, anna = peer(town, keys, "old"), peer(town, keys, "anna")
    keep(old, late_ref("m-1", 4, "old"), replace(record(held), mission="m-1", epoch=4))
    assert [late.which for late in late_results(anna.ledger(), anna.trust, "m")] == ["1-old"]


def test_who_may_not_file_missions_may_not_adopt(town: Town, keys: Keys) -> None:
    """Neither a node, nor somebody listed without a right, nor a stranger."""
    overtaken(town, keys)
    for name in ("new", "eve", "stranger"):
        with pytest.raises(Refused):
            adoption(peer(town, keys, name)).adopt("m")


def test_while_somebody_works_on_it_nothing_is_adopted(town: Town, keys: Keys) -> None:
    """A claim says that a result is under way."""
    old, new, anna = (peer(town, keys, name) for name in ("old", "new", "anna"))
    held = old.hold("m")
    assert take_over(new.bus, new.ledger().claims["m"], blob=held.claim.blob) is not None
    old.end(held)
    with pytest.raises(Refused, match="new works on m"):
        adoption(anna).adopt("m")


@pytest.mark.parametrize("signer", ["new", "ben", "anna", "stranger"])
def test_work_that_the_named_node_did_not_sign_is_refused(town: Town, keys: Keys, signer: str) -> None:
    """Anybody who may push can write such a ref; another node's or a person's signature is not the node's own."""
    anna = peer(town, keys, "anna")
    forger = peer(town, keys, "old", signer)
    keep(forger, late_ref("m", 1, "old"), record(old_claim(town, keys)))
    with pytest.raises(Refused, match="not signed by the node that it names"):
        adoption(anna).adopt("m")
    assert set(anna.ledger().late) == {"m-1-old"}


def test_a_node_that_was_revoked_has_no_late_work_to_adopt(town: Town, keys: Keys) -> None:
    """Its signature counts no more."""
    overtaken(town, keys)
    anna = peer(town, keys, "anna")
    anna.push({"allowed_signers": keys.signers(anna=("admin", "author"), new=("node",))})
    with pytest.raises(Refused, match="not signed"):
        adoption(anna).adopt("m")


EVIL: list[Mapping[str, object]] = [
    {"memo_path": "allowed_signers", "memo": 'eve,role=admin namespaces="git" ssh-ed25519 AAAA'},
    {"memo_path": "memos/2026-11/other-1.md", "memo": "x"},
    {"log_path": "fleet.toml"},
    {"log_path": "projects/shop/../../fleet.toml"},
    {"finished": "../../x"},
    {"finished": "2026-11-21T12:00:00Z/../../.."},
    {"fields": {"run": "rm -rf /"}},
    {"fields": {"trusted_by": "anna"}},
    {"fields": {"status": "queued"}},
    {"fields": {"branch": "x" * 300_000}},
]


@pytest.mark.parametrize("evil", EVIL, ids=lambda evil: str(evil)[:40])
def test_a_person_does_not_sign_what_a_node_slipped_in(town: Town, keys: Keys, evil: Mapping[str, object]) -> None:
    """An adoption carries an author's signature: a record that writes elsewhere, or more, is refused whole."""
    old, anna = peer(town, keys, "old"), peer(town, keys, "anna")
    keep(old, late_ref("m", 1, "old"), replace(record(old_claim(town, keys)), **evil))  # type: ignore[arg-type]
    tip = anna.ledger().tip
    with pytest.raises(Refused):
        adoption(anna).adopt("m")
    assert anna.ledger().tip == tip


def test_a_secret_in_late_work_does_not_reach_the_branch(town: Town, keys: Keys) -> None:
    """A dishonest node's record passes the same gate as an honest one's."""
    overtaken(town, keys, section=f"### Attempt 1\n\n{TOKEN}", artifacts={"diff": f"+{TOKEN}\n"}, memo=f"{TOKEN}\n")
    anna = peer(town, keys, "anna")
    adoption(anna).adopt("m")
    assert not any(TOKEN in anna.text(path) for path in anna.paths())


def test_a_late_ref_that_holds_no_record_is_shown_and_refused(town: Town, keys: Keys) -> None:
    """It is told with the reason, and stays where it is."""
    old, anna = peer(town, keys, "old"), peer(town, keys, "anna")
    commit = old.bus.commit({"x": b"y"}, "junk", onto=None, tree=None)
    old.bus.remote.push([RefUpdate(ref=late_ref("m", 1, "old"), expect=None, new=commit)])
    assert "cannot be read" in late_results(anna.ledger(), anna.trust, "m")[0].wrong
    with pytest.raises(Refused, match="cannot be read"):
        adoption(anna).adopt("m")


def old_claim(town: Town, keys: Keys) -> HeldClaim:
    """What `old` held of the mission, given back."""
    old, new = peer(town, keys, "old"), peer(town, keys, "new")
    held = old.hold("m")
    old.end(held, ClaimState.RELEASED)
    new.fold()
    return held


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"mission": "m"}', b"null"])
def test_late_work_with_a_hostile_record_is_told_and_not_adopted(town: Town, keys: Keys, text: bytes) -> None:
    """Whatever stands in record.json: the mission can be looked at, and the adoption is refused in one line."""
    overtaken(town, keys)
    old = peer(town, keys, "old")
    commit = old.bus.commit({"record.json": text}, "late", onto=None, tree=None)
    assert old.bus.remote.push([RefUpdate(ref=late_ref("m", 7, "old"), expect=None, new=commit)])
    anna = peer(town, keys, "anna")
    assert [late.wrong.startswith("it cannot be read") for late in late_results(anna.ledger(), anna.trust, "m")] == [
        False,
        True,
    ]
    with pytest.raises(Refused, match="cannot be read"):
        adoption(anna).adopt("m", "7-old")


def test_late_work_that_would_break_its_mission_is_not_adopted(town: Town, keys: Keys) -> None:
    """A value that no mission can have is refused before anything is written."""
    overtaken(town, keys, fields={"cost_usd": "x"})
    anna = peer(town, keys, "anna")
    before = anna.ledger().tip
    with pytest.raises(Refused, match="cost_usd"):
        adoption(anna).adopt("m")
    assert anna.ledger().tip == before
