"""Does what a merge cannot keep stand in the ledger, without secrets, until a person who may has decided?"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.archive_path import dated_path
from missions.lease import ClaimState
from missions.merging.file_diff import FILE, HEAD, RESULT, TEXT, Conflict
from missions.merging.merge_state import NO_STAMP
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger import conflicts
from orchestrator.ledger.conflicts import UnresolvedConflict
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.publish import file_history
from orchestrator.workflow.fleet import Fleet
from sync.hybrid_clock import MAX_DRIFT_MS
from tests.ledgers import Keys, Peer, Town

PATH = "missions/m.md"
MISSION = "---\n# mine\npriority: 1  # low\nto: [a]\n---\nIt fails.\n\nMend it.\n"
TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def town(keys: Keys) -> Town:
    """A signed ledger with one mission."""
    signers = keys.signers(anna=("admin", "author"), ben=("author",), n1=("node",), eve=())
    fleet = '[bus]\nbeat_seconds = 10\nlease_beats = 3\npoll_seconds = [1, 5]\n[trust]\nmissions = "signed"\n'
    return Town({PATH: MISSION, "allowed_signers": signers, "fleet.toml": fleet})


def peer(town: Town, keys: Keys, name: str) -> Peer:
    """Somebody with a key."""
    made = town.peer(name, key=keys[name])
    return replace(made, bus=replace(made.bus, key=keys[name].public))


def door(who: Peer) -> Fleet:
    """That person's door."""
    where = LastSeenStore(Path("/nonexistent/seen.json"))
    return Fleet(bus=who.bus, reader=who.reader, trust=who.trust, sightings=where, now=who.bus.now)


def told(who: Peer) -> list[tuple[str, str | None, str | None, str, str]]:
    """The conflicts on the branch."""
    ledger = who.ledger()
    return [(d.part, d.kept, d.lost, d.kept_by, d.lost_by) for d in conflicts.list_conflicts(ledger.store, ledger.tree)]


# -- the document ------------------------------------------------------------------------------------------------------

VALUES = st.one_of(st.none(), st.text(alphabet="ab`~# \n-'\"Ä日", max_size=30))


@given(VALUES, VALUES, st.sampled_from(["priority", TEXT, FILE]))
def test_a_document_reads_back_as_what_was_lost(kept: str | None, lost: str | None, part: str) -> None:
    """Fences, quotes and blank lines in the values do not end them early."""
    one = conflicts.unresolved_conflict(
        "m", Conflict(part=part, kept=kept, lost=lost), day="2026/11/29", lost_in="a" * 40
    )
    assert conflicts.read(one.path, conflicts.render(one)) == one


def test_a_document_names_both_values_whose_and_in_which_commit() -> None:
    """For people who only have a text editor, and with the command to type."""
    found = Conflict(part="priority", kept="5", lost=None, kept_by=(1, 0, "anna"), lost_by=(0, 0, "ben"))
    one = conflicts.unresolved_conflict("m", found, day="2026/11/29", kept_in="a" * 40, lost_in="b" * 40)
    text = conflicts.render(one).decode()
    assert "Kept, by anna, in commit aaaaaaaaaa:\n\n```text\n5\n```" in text
    assert "Not kept, by ben, in commit bbbbbbbbbb:\n\n```text\n(taken out)\n```" in text
    assert f"shiftbook conflicts resolve {one.ident} --lost" in text


def test_no_secret_is_written_and_the_name_gives_none_away() -> None:
    """What was lost passes the same gate as everything else; the name is made of what is left."""
    pair = [
        conflicts.unresolved_conflict("m", Conflict(part=TEXT, kept="x", lost=f"token {secret}"), day="2026/11/29")
        for secret in (TOKEN, TOKEN)
    ]
    assert TOKEN.encode() not in conflicts.render(pair[0])
    assert TOKEN not in str(pair[0])
    assert pair[0] == pair[1]


@pytest.mark.parametrize("data", [b"", b"---\nmission: ''\n---\n", b"---\nmission: [\n---\n", b"\xff", b"hello\n"])
def test_what_is_no_such_document_is_passed_over(data: bytes) -> None:
    """A person may keep notes there."""
    assert conflicts.read("conflicts/2026-11/x.md", data) is None


def test_reading_takes_no_longer_than_the_text_is_long() -> None:
    """Anybody may push a page of fences or of markers: 1 MB is read, where each look at the rest again took hours."""
    script = """
from orchestrator.ledger import conflicts
from orchestrator.node.commit_rules import unready_reason
fences = b"---\\nmission: a\\n---\\n" + b"```text\\nx\\n" * 100_000
assert conflicts.read("conflicts/2026-11/a.md", fences) is None
assert unready_reason("projects/x.md", b"<<<<<<< a\\n" * 50_000 + b"=======\\n" * 50_000) == ""
assert unready_reason("projects/x.md", b"<<<<<<< a\\nx\\n=======\\ny\\n>>>>>>> b\\n") == "it has conflict markers"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_document_of_any_size_is_not_read() -> None:
    """One that no merge can have written is passed over."""
    one = conflicts.unresolved_conflict("m", Conflict(part=TEXT, kept="a", lost="b"), day="2026/11/29")
    page = conflicts.render(one)
    assert conflicts.read(one.path, page + b"\n" * 100) == one
    assert conflicts.read(one.path, page + b"\n" * conflicts.MAX_DOCUMENT_BYTES) is None


# -- where they come from ----------------------------------------------------------------------------------------------


def test_an_edit_that_was_made_of_an_older_text_keeps_what_others_did_meanwhile(town: Town, keys: Keys) -> None:
    """The editor was open while the node failed and Ben pushed: all three stand, nothing is in conflict."""
    anna, ben, node = (peer(town, keys, name) for name in ("anna", "ben", "n1"))
    base = door(anna).source("m")
    node.attempt("m", ClaimState.FAILED)
    node.fold()
    ben.push({PATH: ben.text(PATH).replace("[a]", "[a, b]")})
    assert door(anna).edit("m", base, base.replace(b"It fails.", b"It fails at noon.")) == []
    text = anna.text(PATH)
    assert "It fails at noon." in text
    assert "to: [a, b]\n" in text
    assert "status: failed\n" in text
    assert "priority: 1  # low\n" in text
    assert "worked" in text
    assert told(anna) == []


def test_of_two_edits_of_one_value_the_later_stands_and_the_other_is_listed(town: Town, keys: Keys) -> None:
    """With both names and the commit, in the very commit that overwrites it."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    base = door(anna).source("m")
    lost_in = ben.push({PATH: MISSION.replace("priority: 1", "priority: 8").replace("Mend it", "Mend it well")})
    disputes = door(anna).edit("m", base, base.replace(b"priority: 1", b"priority: 5"))
    assert anna.text(PATH) == MISSION.replace("priority: 1", "priority: 5").replace("Mend it", "Mend it well")
    assert told(anna) == [("priority", "5", "8", "anna", "ben")]
    assert [one.lost_in for one in disputes] == [lost_in]
    assert [one.ident for one in door(anna).mission("m").disputes] == [one.ident for one in disputes]


def test_an_edit_that_loses_the_race_is_merged_not_repeated(town: Town, keys: Keys) -> None:
    """Ben pushes between Anna's look and her push."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    base = door(anna).source("m")
    edit = {PATH: MISSION.replace("priority: 1", "priority: 8").replace("It fails", "It breaks")}
    anna.line.before_push.append(lambda: ben.push(edit))
    door(anna).edit("m", base, base.replace(b"priority: 1", b"priority: 5"))
    assert anna.text(PATH) == MISSION.replace("priority: 1", "priority: 5").replace("It fails", "It breaks")
    assert told(anna) == [("priority", "5", "8", "anna", "ben")]


def test_an_order_that_overwrites_what_was_pushed_a_moment_ago_says_so(town: Town, keys: Keys) -> None:
    """Anna cancels while Ben marks it done: her word is the later one, his is listed; his text stays."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    edit = {PATH: MISSION.replace("to: [a]", "to: [b]\nstatus: done")}
    anna.line.before_push.append(lambda: ben.push(edit))
    door(anna).cancel("m")
    assert "to: [b]" in anna.text(PATH)
    assert "status: cancelled" in anna.text(PATH)
    assert told(anna) == [("status", "cancelled", "done", "anna", "ben")]


def test_an_order_that_overwrites_nothing_is_silent(town: Town, keys: Keys) -> None:
    """A lost race against an edit of other fields is no conflict."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    anna.line.before_push.append(lambda: ben.push({PATH: MISSION.replace("[a]", "[b]")}))
    door(anna).cancel("m")
    assert told(anna) == []


def test_a_fold_that_replaces_a_persons_word_on_the_state_lists_it(town: Town, keys: Keys) -> None:
    """While it ran, Ben set `attempt` and `status` by hand; the node's own account stands, his words are kept."""
    ben, node = peer(town, keys, "ben"), peer(town, keys, "n1")
    held = node.hold("m")
    edit = MISSION.replace("# mine\n", "# mine\nstatus: review\nattempt: 0\n").replace("It fails", "It breaks")
    commit = ben.push({PATH: edit})
    node.end(held, ClaimState.FAILED)
    node.fold()
    assert "It breaks" in node.text(PATH)
    assert ("status", "failed", "review", "n1", "ben") in told(node)
    ledger = node.ledger()
    assert {one.lost_in for one in conflicts.list_conflicts(ledger.store, ledger.tree)} == {commit}


@pytest.mark.parametrize("seed", [1, 2])
def test_two_nodes_that_fold_the_same_conflict_write_the_same_tree(tmp_path: Path, seed: int) -> None:
    """A conflict's document is a function of the branch and the claims, too."""
    trees = []
    for turn in (0, seed):
        town = Town({PATH: MISSION})
        node = town.peer("n1")
        held = node.hold("m")
        town.peer("ben").push({PATH: MISSION.replace("# mine\n", "# mine\nstatus: review\n")})
        node.end(held, ClaimState.FAILED)
        town.clock.forward(86_400 * 40 * turn)
        other = town.peer(f"n{turn}")
        other.fold()
        assert [row[:3] for row in told(other)] == [("status", "failed", "review")]
        trees.append([path for path in other.paths() if path.startswith("conflicts/")])
    assert trees[0] == trees[1] == [dated_path("conflicts", "2026/11/21", "m", Path(trees[0][0]).name)]


def test_a_mission_that_was_called_off_when_it_was_done_already_is_no_conflict(town: Town, keys: Keys) -> None:
    """Either way it is over."""
    ben, node = peer(town, keys, "ben"), peer(town, keys, "n1")
    held = node.hold("m")
    ben.push({PATH: MISSION.replace("# mine\n", "# mine\nstatus: cancelled\n")})
    node.end(held, ClaimState.DONE)
    node.fold()
    assert told(node) == []


def test_a_commit_from_the_future_counts_as_made_now(town: Town, keys: Keys) -> None:
    """A machine whose clock is a year ahead does not win every field for a year."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    base = door(anna).source("m")
    town.clock.forward(365 * 86_400)
    ben.push({PATH: MISSION.replace("priority: 1", "priority: 8")})
    town.clock.forward(-365 * 86_400)
    now = int(town.clock().timestamp() * 1000)
    assert file_history(anna.bus, anna.ledger(), PATH, base).stamps["priority"] == (now, 0, "ben")
    door(anna).edit("m", base, base.replace(b"priority: 1", b"priority: 5"))
    assert "priority: 5" in anna.text(PATH)


def test_a_clock_that_is_a_little_ahead_loses_to_who_has_seen_it(town: Town, keys: Keys) -> None:
    """Anna's clock is slower than Ben's by less than the drift; her edit lands after his, so it is the later one."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    base = door(anna).source("m")
    town.clock.forward(MAX_DRIFT_MS / 1000 - 1)
    ben.push({PATH: MISSION.replace("priority: 1", "priority: 8")})
    town.clock.forward(1 - MAX_DRIFT_MS / 1000)
    door(anna).edit("m", base, base.replace(b"priority: 1", b"priority: 5"))
    assert "priority: 5" in anna.text(PATH)


def test_an_edit_that_cannot_be_read_or_is_nobodys_is_refused(town: Town, keys: Keys) -> None:
    """One line says what is wrong, and where; the branch stays as it is."""
    anna, eve = peer(town, keys, "anna"), peer(town, keys, "eve")
    base = door(anna).source("m")
    with pytest.raises(WrongSetting, match="line 3"):
        door(anna).edit("m", base, base.replace(b"priority: 1", b"priority: 99"))
    with pytest.raises(Refused):
        door(eve).edit("m", base, base.replace(b"priority: 1", b"priority: 2"))
    with pytest.raises(NotFound):
        door(anna).edit("nothing", base, base)
    assert anna.text(PATH) == MISSION


def test_what_a_stranger_pushed_meanwhile_is_not_signed_by_who_edits(town: Town, keys: Keys) -> None:
    """A merge would put Anna's name under a command that she has never seen."""
    anna = peer(town, keys, "anna")
    base = door(anna).source("m")
    evil = MISSION.replace("to: [a]", "to: [a]\nrun: rm -rf /")
    mine = base.replace(b"priority: 1", b"priority: 5")
    anna.line.before_push.append(lambda: town.peer("mallory").push({PATH: evil}))
    with pytest.raises(Refused, match="was changed meanwhile, and commit"):
        door(anna).edit("m", base, mine)
    assert anna.text(PATH) == evil
    ledger = anna.ledger()
    assert not anna.trust.authorize(ledger, ledger.open["m"]).trusted


# -- deciding ----------------------------------------------------------------------------------------------------------


def disputed(town: Town, keys: Keys, mine: str, theirs: str) -> tuple[Fleet, UnresolvedConflict]:
    """A conflict between Anna's and Ben's texts, Anna's being kept."""
    anna, ben = peer(town, keys, "anna"), peer(town, keys, "ben")
    base = door(anna).source("m")
    ben.push({PATH: theirs})
    (one,) = door(anna).edit("m", base, mine.encode())
    return door(anna), one


def test_what_was_lost_can_be_put_in(town: Town, keys: Keys) -> None:
    """In its place, with the comment that stands there; the conflict is gone, in one signed commit."""
    fleet, one = disputed(town, keys, MISSION.replace("1  # low", "5  # as we said"), MISSION.replace("1  #", "8  #"))
    assert fleet.resolution.find(one.ident.rpartition("-")[2]) == one
    fleet.resolution.put(one.ident, lambda dispute: dispute.lost)
    ledger = fleet.ledger()
    assert ledger.text(PATH) == MISSION.replace("1  # low", "8  # as we said")
    assert fleet.resolution.every() == []
    assert fleet.trust.authorize(ledger, ledger.open["m"]).trusted


def test_what_was_kept_can_stay_and_a_third_value_can_stand(town: Town, keys: Keys) -> None:
    """Both put the conflict away."""
    fleet, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("1  #", "8  #"))
    fleet.resolution.put(one.ident, lambda _dispute: "7")
    assert fleet.ledger().text(PATH) == MISSION.replace("1  #", "7  #")
    fleet, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("1  #", "8  #"))
    fleet.resolution.keep(one.ident)
    assert fleet.ledger().text(PATH) == MISSION.replace("1  #", "5  #")
    assert fleet.resolution.every("m") == []
    with pytest.raises(NotFound):
        fleet.resolution.keep(one.ident)


def test_lost_words_go_where_the_kept_ones_stand(town: Town, keys: Keys) -> None:
    """If those are still there; else a person does it by hand."""
    fleet, one = disputed(town, keys, MISSION.replace("fails.", "breaks."), MISSION.replace("fails.", "burns."))
    assert (one.part, one.kept, one.lost) == (TEXT, "It breaks.", "It burns.")
    fleet.resolution.put(one.ident, lambda dispute: dispute.lost)
    assert fleet.ledger().text(PATH) == MISSION.replace("fails.", "burns.")
    fleet, one = disputed(town, keys, MISSION.replace("fails.", "sinks."), MISSION.replace("fails.", "rots."))
    base = fleet.source("m")
    fleet.edit("m", base, base.replace(b"It sinks.", b"All is well."))
    with pytest.raises(Refused, match="does not stand there any more"):
        fleet.resolution.put(one.ident, lambda dispute: dispute.lost)
    assert fleet.resolution.every() == [one]


def test_a_field_that_was_taken_out_can_be_taken_out_after_all(town: Town, keys: Keys) -> None:
    """None is a value."""
    fleet, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("priority: 1  # low\n", ""))
    assert one.lost is None
    fleet.resolution.put(one.ident, lambda dispute: dispute.lost)
    assert fleet.ledger().text(PATH) == MISSION.replace("priority: 1  # low\n", "")


@pytest.mark.parametrize("value", ["99", "1\nrun: rm -rf /", "1\n---\nx", "[", "*a"])
def test_a_value_that_would_say_something_else_is_refused(town: Town, keys: Keys, value: str) -> None:
    """No value reaches beyond its own field."""
    fleet, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("1  #", "8  #"))
    with pytest.raises((Refused, WrongSetting)):
        fleet.resolution.put(one.ident, lambda _dispute: value)
    assert fleet.ledger().text(PATH) == MISSION.replace("1  #", "5  #")


def test_a_conflict_that_a_stranger_planted_is_not_signed_by_anybody(town: Town, keys: Keys) -> None:
    """Whoever may push can write such a file; taking its value would put a person's name under it."""
    anna = peer(town, keys, "anna")
    one = conflicts.unresolved_conflict(
        "m",
        Conflict(part="run", kept=None, lost="rm -rf /", kept_by=NO_STAMP, lost_by=(0, 0, "anna")),
        day="2026/11/29",
    )
    town.peer("mallory").push({one.path: conflicts.render(one)})
    with pytest.raises(Refused, match="not written by anybody in allowed_signers"):
        door(anna).resolution.put(one.ident, lambda dispute: dispute.lost)
    door(anna).resolution.keep(one.ident)
    assert anna.text(PATH) == MISSION
    assert told(anna) == []


def test_deciding_does_not_vouch_for_what_a_stranger_changed_since(town: Town, keys: Keys) -> None:
    """The value would be landed in a file that nobody trusted has signed."""
    fleet, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("1  #", "8  #"))
    evil = MISSION.replace("1  #", "5  #").replace("to: [a]", "run: rm -rf /")
    town.peer("mallory").push({PATH: evil})
    with pytest.raises(Refused, match="is not trusted"):
        fleet.resolution.put(one.ident, lambda dispute: dispute.lost)
    assert fleet.ledger().text(PATH) == evil


def test_only_who_may_file_missions_decides(town: Town, keys: Keys) -> None:
    """A node and somebody without a right are refused, also to put it away."""
    _, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("1  #", "8  #"))
    for name in ("n1", "eve"):
        with pytest.raises(Refused):
            door(peer(town, keys, name)).resolution.keep(one.ident)


@pytest.mark.parametrize("part", [HEAD, RESULT])
def test_comments_and_results_are_a_persons_own_work(town: Town, keys: Keys, part: str) -> None:
    """The command says so, and `--kept` puts it away."""
    anna = peer(town, keys, "anna")
    one = conflicts.unresolved_conflict("m", Conflict(part=part, kept="# a", lost="# b"), day="2026/11/29")
    anna.push({one.path: conflicts.render(one), PATH: MISSION.replace("fails", "breaks")})
    with pytest.raises(Refused, match="by hand"):
        door(anna).resolution.put(one.ident, lambda dispute: dispute.lost)
    door(anna).resolution.keep(one.ident)
    assert told(anna) == []


def test_a_mission_that_is_over_is_not_changed(town: Town, keys: Keys) -> None:
    """Its conflict can only be put away."""
    fleet, one = disputed(town, keys, MISSION.replace("1  #", "5  #"), MISSION.replace("1  #", "8  #"))
    fleet.cancel("m")
    peer(town, keys, "n1").fold()
    with pytest.raises(Refused, match="no open mission"):
        fleet.resolution.put(one.ident, lambda dispute: dispute.lost)
    fleet.resolution.keep(one.ident)
    assert fleet.resolution.every() == []
