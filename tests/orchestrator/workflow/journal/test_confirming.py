"""Does a model's proposal stay a pointer until a person confirms it by a commit of theirs, and again when withdrawn?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from handoff.entry import Entry
from handoff.marks.model_mark import PROPOSED, ModelMark
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.workflow.journal.confirming import ModelProposals, ProposedItem
from orchestrator.workflow.journal.context import assemble_context, estimate_tokens
from orchestrator.workflow.journal.review import Reviews
from orchestrator.workflow.journal.review_cursor import proposal_path
from sync.objects import load_commit
from sync.remote import Oid
from sync.signatures import Key
from tests.journals import BRIEFING_PATH, RULES, SHOP_LOG, log, memo, memos, reviews
from tests.ledgers import NOON, Keys, Peer, Town

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
SIGNED = '[projects.shop]\nurl = "/srv/shop.git"\n[trust]\nmissions = "signed"\n'
APPROVE = f"[review]\napprove = true\n{SIGNED}"
BRIEFING = f"# Briefing: shop\n\nThe shop sells books.\n\n{RULES}"


def attempt(mission: str, work: str) -> Entry:
    """What a node wrote of an attempt of a model whose checks held."""
    sections = (("Work Accomplished", work), ("Test Status", "The project's tests passed."))
    return Entry(
        entry_id=f"{mission}-1",
        when="2026-11-20T08:00:00Z",
        node="desk",
        agent="builtin",
        model="SmolLM2",
        mission=mission,
        sections=sections,
    )


def done(mission: str, status: str = "done") -> dict[str, str]:
    """A mission in the archive."""
    return {f"missions/archive/2026-11/{mission}.md": f"---\nstatus: {status}\nproject: shop\n---\nWork\n"}


def proposals(peer: Peer, key: Key | None = None) -> ModelProposals:
    bus = replace(peer.bus, key=key.public) if key else peer.bus
    return ModelProposals(bus=bus, reader=peer.reader, trust=peer.trust, ledger=peer.ledger)


def decide(peer: Peer, key: Key, ident: str, *, keep: bool = True) -> tuple[ProposedItem, Oid | None]:
    """A person looks, and decides at once."""
    mine = proposals(peer, key)
    return mine.decide(mine.find(ident), keep=keep)


def told(peer: Peer) -> str:
    """What a fresh instance is given before the log."""
    made = assemble_context(peer.ledger(), "shop", "x", now=NOON, budget=10_000, count=estimate_tokens)
    return made.head


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(folder=tmp_path)


def town(keys: Keys, *said: Entry, config: str = SIGNED, files: dict[str, str] | None = None) -> Town:
    """A fleet with a person and a node, and a log that no review has read."""
    signers = keys.signers(ada=["author"], desk=["node"])
    standing = {"fleet.toml": config, "allowed_signers": signers, SHOP_LOG: log(*said), BRIEFING_PATH: BRIEFING}
    return Town(standing | (files or {}))


def test_a_proposal_is_a_pointer_until_a_person_confirms_it_and_after_its_withdrawal(keys: Keys) -> None:
    """The whole way: mined, pointer, confirmed, prose, withdrawn, pointer; each step one commit."""
    fleet = town(keys, attempt("one", "Port: 9090"))
    ada = fleet.peer("ada", key=keys["ada"])
    reviews(ada).run()
    (waiting,) = proposals(ada).every()
    assert (waiting.text, waiting.state, waiting.cites) == ("Port: 9090", "awaits", ("one-1",))
    assert "- Port [entry one-1]" in told(ada)
    assert "9090" not in told(ada)
    item, commit = decide(ada, keys["ada"], waiting.item_id[:6])
    assert (item.state, item.mark, commit) == ("confirmed", str(ModelMark(confirmed_by="ada")), ada.ledger().tip)
    assert "- Port: 9090 *(proposed by a model; confirmed by ada)*" in told(ada)
    assert decide(ada, keys["ada"], waiting.item_id)[1] is None
    gone, _ = decide(ada, keys["ada"], waiting.item_id, keep=False)
    assert gone.state == "withdrawn"
    assert "9090" not in told(ada)
    ada.push({SHOP_LOG: log(*(attempt(name, "Port: 9090") for name in ("one", "two", "three"))), **done("two")})
    reviews(ada).run()
    assert "9090" not in told(ada)
    assert f"Port: 9090 {ModelMark(withdrawn_by='ada')}" in ada.text(BRIEFING_PATH)


def test_only_who_may_file_missions_confirms(keys: Keys) -> None:
    """A node's key and a stranger's are refused, and nothing is written."""
    fleet = town(keys, attempt("one", "Port: 9090"))
    reviews(fleet.peer("ada", key=keys["ada"])).run()
    for who in ("desk", "eve"):
        peer = fleet.peer(who, key=keys[who])
        (item,) = proposals(peer).every()
        tip = peer.ledger().tip
        with pytest.raises(Refused):
            decide(peer, keys[who], item.item_id)
        assert peer.ledger().tip == tip


def test_an_item_is_found_by_its_beginning_or_the_reason_is_said(keys: Keys) -> None:
    """Nothing is confirmed by chance."""
    fleet = town(keys, attempt("one", "Port: 9090\n\nRegion: eu"))
    ada = fleet.peer("ada", key=keys["ada"])
    reviews(ada).run()
    mine = proposals(ada, keys["ada"])
    with pytest.raises(WrongSetting, match="2 items"):
        mine.find("f")
    with pytest.raises(NotFound, match="no item"):
        mine.find("zzz")
    with pytest.raises(NotFound, match="not proposed by a model"):
        mine.find("h")
    with pytest.raises(NotFound, match=r"unknown project 'nowhere': fleet\.toml has shop"):
        mine.every("nowhere")


@pytest.mark.parametrize("keep", [True, False])
def test_words_that_were_exchanged_since_they_were_read_are_not_signed(keys: Keys, keep: bool) -> None:
    """Also the line that they would replace; nothing lands, and a second look confirms what stands there then."""
    line = "- Port: 8080 <!-- item: f-port -->"
    fleet = town(keys, attempt("one", "Port: 9090"), files={BRIEFING_PATH: f"{BRIEFING}\n## Facts\n\n{line}\n"})
    ada, eve = fleet.peer("ada", key=keys["ada"]), fleet.peer("eve", key=keys["eve"])
    reviews(ada).run()
    mine = proposals(ada, keys["ada"])
    for old, new in (("9090", "9999"), ("8080", "1111")):
        (shown,) = mine.every()
        eve.push({BRIEFING_PATH: eve.text(BRIEFING_PATH).replace(old, new)})
        tip = eve.ledger().tip
        with pytest.raises(Refused, match="read it again"):
            mine.decide(shown, keep=keep)
        assert ada.ledger().tip == tip
    (shown,) = mine.every()
    item, _ = mine.decide(shown, keep=keep)
    assert item.text == "Port: 9999"


def test_words_that_are_exchanged_while_the_commit_is_pushed_are_not_signed(keys: Keys) -> None:
    """The push that was overtaken is not made again over other words."""
    fleet = town(keys, attempt("one", "Port: 9090"))
    ada, eve = fleet.peer("ada", key=keys["ada"]), fleet.peer("eve", key=keys["eve"])
    reviews(ada).run()
    mine = proposals(ada, keys["ada"])
    (shown,) = mine.every()
    other = eve.text(BRIEFING_PATH).replace("9090", "9999")
    ada.line.before_push.append(lambda: eve.push({BRIEFING_PATH: other}))
    with pytest.raises(Refused, match="read it again"):
        mine.decide(shown, keep=True)
    assert ada.line.before_push == []
    assert eve.text(BRIEFING_PATH) == other


def test_a_decision_that_another_person_made_meanwhile_is_read_first(keys: Keys) -> None:
    """Nobody confirms over a withdrawal that they have not seen."""
    ada = town(keys, attempt("one", "Port: 9090")).peer("ada", key=keys["ada"])
    reviews(ada).run()
    mine = proposals(ada, keys["ada"])
    (shown,) = mine.every()
    mine.decide(shown, keep=False)
    with pytest.raises(Refused, match="read it again"):
        mine.decide(shown, keep=True)
    assert mine.every()[0].state == "withdrawn"


def test_an_item_that_only_gained_a_source_since_is_confirmed(keys: Keys) -> None:
    """A review that runs meanwhile makes nobody read the same words again, and keeps its source."""
    ada = town(keys, attempt("one", "Port: 9090")).peer("ada", key=keys["ada"])
    reviews(ada).run()
    mine = proposals(ada, keys["ada"])
    (shown,) = mine.every()
    ada.push({SHOP_LOG: log(attempt("one", "Port: 9090"), attempt("two", "Port: 9090"))})
    reviews(ada).run()
    assert mine.decide(shown, keep=True)[0].cites == ("one-1", "two-1")


@pytest.mark.parametrize("config", [SIGNED, APPROVE], ids=["log confirm", "digest accept"])
def test_a_persons_line_is_given_in_words_until_a_person_confirms_the_value_beside_it(keys: Keys, config: str) -> None:
    """It takes the line's place then, where the line stood."""
    briefing = f"{BRIEFING}\n## Network\n\n- Port: 8080\n"
    ada = town(keys, attempt("one", "Port: 9090"), config=config, files={BRIEFING_PATH: briefing}).peer(
        "ada", key=keys["ada"]
    )
    mine = Reviews(bus=replace(ada.bus, key=keys["ada"].public), reader=ada.reader, trust=ada.trust)
    mine.run()
    assert "- Port: 8080" in told(ada)
    assert "9090" not in told(ada)
    if config == APPROVE:
        assert "in the place of “Port: 8080” once it is confirmed" in ada.text(proposal_path("shop"))
        mine.settle("shop", accept=True)
    else:
        (item,) = proposals(ada).every()
        assert (item.text, item.replaces) == ("Port: 9090", "Port: 8080")
        assert "- Port [entry one-1]" in told(ada)
        assert decide(ada, keys["ada"], item.item_id)[0].text == "Port: 9090"
    assert f"## Network\n\n- Port: 9090 {ModelMark(confirmed_by='ada')}" in told(ada)
    assert "8080" not in told(ada)
    assert proposals(ada).every()[0].replaces == ""


def test_a_ticked_value_takes_the_place_only_of_the_line_that_its_page_names(keys: Keys) -> None:
    """What a person wrote meanwhile stays."""
    briefing = f"{BRIEFING}\n## Facts\n\n- Port: 8080 <!-- item: f-port -->\n"
    ada = town(keys, attempt("one", "Port: 9090"), config=APPROVE, files={BRIEFING_PATH: briefing}).peer(
        "ada", key=keys["ada"]
    )
    mine = Reviews(bus=replace(ada.bus, key=keys["ada"].public), reader=ada.reader, trust=ada.trust)
    mine.run()
    ada.push({BRIEFING_PATH: briefing.replace("8080", "7070")})
    mine.settle("shop", accept=True)
    assert "- Port: 7070" in told(ada)
    assert "9090" not in told(ada)


def test_two_accepted_outcomes_confirm_and_rejected_ones_do_not(keys: Keys) -> None:
    """What the archive says of a mission is asked; a later acceptance is seen by the next review."""
    said = [attempt(name, "Port: 9090") for name in ("one", "two")]
    ada = town(keys, *said, files=done("one") | done("two", "failed")).peer("ada", key=keys["ada"])
    reviews(ada).run()
    assert f"Port: 9090 {PROPOSED}" in ada.text(BRIEFING_PATH)
    ada.push({**done("two"), SHOP_LOG: log(*said, attempt("three", "Looked around."))})
    reviews(ada).run()
    assert "Port: 9090 *(proposed by a model; confirmed by entries one-1, two-1)*" in ada.text(BRIEFING_PATH)
    assert "9090" in told(ada)


def test_who_accepts_a_page_of_the_review_confirms_what_is_ticked(keys: Keys) -> None:
    """A person's key; by another key it is taken as it stands, a proposal."""
    for who, mark in (("ada", ModelMark(confirmed_by="ada")), ("desk", PROPOSED)):
        peer = town(keys, attempt("one", "Port: 9090"), config=APPROVE).peer(who, key=keys[who])
        mine = Reviews(bus=replace(peer.bus, key=keys[who].public), reader=peer.reader, trust=peer.trust)
        mine.run()
        assert "*(proposed by a model)*" in peer.text(proposal_path("shop"))
        mine.settle("shop", accept=True)
        assert f"- Port: 9090 {mark} <!--" in peer.text(BRIEFING_PATH)


def test_a_lesson_of_models_is_a_pointer_for_instances_until_it_is_confirmed(keys: Keys) -> None:
    """On the portfolio's page it stands whole, with its mark, for people; `memo promote` is a person's word."""
    words = f"Clear the build cache 3 times {PROPOSED}"
    ada = town(keys, files=memo(1, words) | memo(2, words)).peer("ada", key=keys["ada"])
    memos(ada, keys["ada"].public).settle()
    name = "clear-the-build-cache-3-times"
    page = f"- Clear the build cache 3 times (knowledge/{name}.md)"
    assert f"{page} {PROPOSED}" in ada.text("PORTFOLIO_CONTEXT.md")
    assert f"- Clear the build… [knowledge/{name}.md]" in told(ada)
    assert "3 times" not in told(ada)
    memos(ada, keys["ada"].public).decide(name, keep=True)
    assert f"{page} {ModelMark(confirmed_by='ada')}" in told(ada)


def test_lessons_of_two_missions_whose_checks_held_are_confirmed_once_both_are_accepted(keys: Keys) -> None:
    """What the memos record is not enough: a person may have rejected the result."""
    words = f"Clear the build cache 3 times {PROPOSED}"
    passed = {
        path: text.replace("\n---\n", "\npassed: true\n---\n", 1)
        for path, text in (memo(1, words) | memo(2, words)).items()
    }
    ada = town(keys, files=passed | done("m1") | done("m2", "failed")).peer("ada", key=keys["ada"])
    memos(ada).settle()
    assert str(PROPOSED) in ada.text("PORTFOLIO_CONTEXT.md")
    ada.push(done("m2"))
    memos(ada).settle()
    assert f"{ModelMark(confirmed_in=('m2-1', 'm1-1'))}" in ada.text("PORTFOLIO_CONTEXT.md")
    assert "3 times" in told(ada)


@pytest.mark.parametrize("who", ["desk", "eve"])
def test_a_forged_confirmation_leaves_a_pointer_until_that_person_signs(keys: Keys, who: str) -> None:
    """Whoever may push can write the name; a review leaves that in the file and believes it no more than others do; the
    person is told to take it back first."""
    fleet = town(keys, attempt("one", "Port: 9090"))
    ada, forger = fleet.peer("ada", key=keys["ada"]), fleet.peer(who, key=keys[who])
    reviews(ada).run()
    forged, mark = ModelMark(confirmed_by="ada"), ModelMark(confirmed_by="ada", unsigned=True)
    forger.push({BRIEFING_PATH: ada.text(BRIEFING_PATH).replace(str(PROPOSED), str(forged))})
    assert "- Port [entry one-1]" in told(ada)
    assert "9090" not in told(ada)
    (item,) = proposals(ada).every()
    assert (item.state, item.mark) == ("awaits", str(mark))
    forger.push({SHOP_LOG: log(attempt("one", "Port: 9090"), attempt("two", "Region: eu"))})
    reviews(forger).run()
    assert f"Port: 9090 {forged} <!--" in ada.text(BRIEFING_PATH)
    assert "9090" not in told(ada)
    with pytest.raises(Refused, match="take it back first"):
        decide(ada, keys["ada"], item.item_id)
    decide(ada, keys["ada"], item.item_id, keep=False)
    decide(ada, keys["ada"], item.item_id)
    assert f"- Port: 9090 {forged}" in told(ada)


def test_a_forged_confirmation_is_confirmed_by_outcomes_as_any_proposal(keys: Keys) -> None:
    """It stands in nobody's way."""
    said = [attempt(name, "Port: 9090") for name in ("one", "two")]
    fleet = town(keys, said[0], files=done("one") | done("two"))
    ada, eve = fleet.peer("ada", key=keys["ada"]), fleet.peer("eve", key=keys["eve"])
    reviews(ada).run()
    eve.push({BRIEFING_PATH: ada.text(BRIEFING_PATH).replace(str(PROPOSED), str(ModelMark(confirmed_by="ada")))})
    ada.push({SHOP_LOG: log(*said)})
    reviews(ada).run()
    assert f"Port: 9090 {ModelMark(confirmed_in=('one-1', 'two-1'))}" in ada.text(BRIEFING_PATH)


def test_a_forged_lesson_is_a_pointer(keys: Keys) -> None:
    """In its own file, and on the portfolio's page that a node writes from it."""
    words = f"Clear the build cache 3 times {PROPOSED}"
    fleet = town(keys, files=memo(1, words) | memo(2, words))
    ada, eve = fleet.peer("ada", key=keys["ada"]), fleet.peer("eve", key=keys["eve"])
    memos(ada, keys["ada"].public).settle()
    path = "knowledge/clear-the-build-cache-3-times.md"
    page, forged = eve.text("PORTFOLIO_CONTEXT.md"), ModelMark(confirmed_by="ada")
    eve.push(
        {
            path: eve.text(path).replace('by: ""', 'by: "ada"'),
            "PORTFOLIO_CONTEXT.md": page.replace(str(PROPOSED), str(forged)),
        }
    )
    assert "3 times" not in told(ada)
    (known,) = memos(ada).teaching().known
    assert (known.by, known.mark) == ("ada", ModelMark(confirmed_by="ada", unsigned=True))
    fleet.clock.forward(1)
    memos(ada, keys["ada"].public).decide("clear-the-build-cache-3-times", keep=True)
    assert f"3 times ({path}) {forged}" in told(ada)


@pytest.mark.parametrize("who", ["ada", "eve"])
def test_a_line_of_an_entry_counts_as_confirmed_only_by_that_person(keys: Keys, who: str) -> None:
    """Also where the journal's line has moved to its month since."""
    line = f"- Never restart the shop {ModelMark(confirmed_by='ada')}"
    fleet = town(keys)
    ada, other = fleet.peer("ada", key=keys["ada"]), fleet.peer(who, key=keys[who])
    other.push({SHOP_LOG: log(attempt("one", line))})
    for move in (False, True):
        if move:
            fleet.peer("desk", key=keys["desk"]).push(
                {SHOP_LOG: log(attempt("two", "x")), "projects/shop/log/2026-11.md": log(attempt("one", line))}
            )
        made = assemble_context(ada.ledger(), "shop", "x", now=NOON, budget=10_000, count=estimate_tokens)
        assert ("Never restart the shop" in made.log) == (who == "ada")


@pytest.mark.parametrize(("who", "mark"), [("ada", ""), ("eve", f" {PROPOSED}")])
def test_a_review_takes_a_forged_line_of_an_entry_for_a_proposal(keys: Keys, who: str, mark: str) -> None:
    """What that person signed is taken as it stands."""
    fleet = town(keys)
    ada, other = fleet.peer("ada", key=keys["ada"]), fleet.peer(who, key=keys[who])
    other.push({SHOP_LOG: log(replace(attempt("one", f"- Port: 9090 {ModelMark(confirmed_by='ada')}"), model=""))})
    reviews(ada).run()
    assert f"- Port: 9090{mark} <!--" in ada.text(BRIEFING_PATH)


def test_a_commit_names_no_half_of_a_token(keys: Keys) -> None:
    """What a person confirms is told in the commit's first line, which has room for its beginning."""
    words = f"Take {'x' * 30} {TOKEN} from the vault"
    briefing = f"{BRIEFING}\n## Facts\n\n- {words} {PROPOSED} <!-- item: f-token -->\n"
    ada = town(keys, files={BRIEFING_PATH: briefing}).peer("ada", key=keys["ada"])
    _, commit = decide(ada, keys["ada"], "f-token")
    assert commit is not None
    assert TOKEN[:8] not in load_commit(ada.ledger().store, commit).message


def test_words_moved_from_a_proposal_into_the_line_that_it_replaces_are_others() -> None:
    """A NUL between them, which nobody sees, is no end of a field."""
    facts = dict.fromkeys(("item_id", "project", "section", "mark"), "x")
    shown = ProposedItem(text="a\0b", replaces="", cites=(), state="awaits", **facts)
    other = ProposedItem(text="a", replaces="b\0", cites=(), state="awaits", **facts)
    assert shown.digest != other.digest
