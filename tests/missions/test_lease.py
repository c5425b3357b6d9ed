"""Does a claim say the same to everybody, does an epoch only grow, and is only a silent holder's lease over?"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions.errors import BadClaim
from missions.lease import (
    CLOSED,
    Claim,
    ClaimState,
    LeaseWatch,
    close,
    fenced,
    grant,
    is_valid_replacement,
    read_claim,
    take_over,
)
from missions.mission import Mission

BLOB, OTHER = "a" * 40, "b" * 40
MISSION = Mission(name="m", title="m", body="x", epoch=4, attempt=2)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WRONG = st.one_of(st.none(), st.integers(), st.lists(st.text()))
OIDS = st.text("0123456789abcdef", min_size=40, max_size=40)

CLAIMS = st.builds(
    Claim,
    mission=st.from_regex(r"[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,3}", fullmatch=True),
    blob=OIDS,
    node=WORDS,
    boot=WORDS,
    epoch=st.integers(1, 10**9),
    attempt=st.integers(1, 10**9),
    nonce=WORDS,
    state=st.sampled_from(ClaimState),
    log=st.one_of(st.none(), OIDS),
    reason=WORDS,
)


def granted(nonce: str = "n") -> Claim:
    """A first claim."""
    return grant(MISSION, blob=BLOB, node="n1", boot="b", nonce=nonce)


@given(CLAIMS)
def test_a_claim_reads_back_as_it_was_printed(claim: Claim) -> None:
    """One line of sorted JSON."""
    text = claim.print()
    assert read_claim(text) == claim
    assert text.count(b"\n") == 1
    assert list(json.loads(text)) == sorted(json.loads(text))


@given(st.one_of(st.binary(max_size=60), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_nonsense_is_a_bad_claim_and_nothing_else(data: bytes | str) -> None:
    """Claims come from whoever may push."""
    with pytest.raises(BadClaim):
        read_claim(data if isinstance(data, bytes) else data.encode())


@given(
    CLAIMS,
    st.sampled_from(sorted(json.loads(granted().print()))),
    st.one_of(st.none(), st.integers(), st.lists(st.text())),
)
def test_a_claim_with_one_wrong_field_is_read_or_refused(claim: Claim, key: str, value: object) -> None:
    """Never half read: what comes back has the types that it should have."""
    fields = json.loads(claim.print()) | {key: value}
    try:
        found = read_claim(json.dumps(fields).encode())
    except BadClaim:
        return
    assert isinstance(found.node, str)
    assert isinstance(found.mission, str)
    assert found.epoch > 0 < found.attempt
    assert hash(found)


def test_a_first_claim_goes_on_where_the_branch_is() -> None:
    """Epoch and attempt after the last that were folded."""
    claim = granted()
    assert (claim.mission, claim.epoch, claim.attempt, claim.closed) == ("m", 5, 3, False)


def test_a_nonce_makes_two_claims_of_one_moment_two_texts() -> None:
    """Trap A: the same claim object pushed twice would look like a win to both."""
    assert granted("1").print() != granted("2").print()


def test_a_takeover_fences_and_counts() -> None:
    """A new epoch, one attempt more, the text as it is now; who holds it is replaced in every respect."""
    held = granted()
    taken = take_over(held, blob=OTHER, node="n2", boot="c", nonce="z")
    assert (taken.epoch, taken.attempt, taken.node, taken.boot) == (6, 4, "n2", "c")
    assert (taken.blob, taken.state, taken.mission) == (OTHER, ClaimState.RUNNING, "m")


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_ending_a_claim_changes_its_text_and_keeps_its_holder(state: ClaimState) -> None:
    """Trap B: the ref must move, so the text must differ."""
    held = granted()
    ended = close(held, state=state, nonce="z", log=OTHER, reason="why")
    assert ended.closed
    assert ended.print() != held.print()
    assert replace(ended, state=held.state, nonce=held.nonce, log=None, reason="") == held


def test_every_state_but_running_is_closed() -> None:
    """Only a running claim has a holder."""
    assert set(ClaimState) - CLOSED == {ClaimState.RUNNING}


@pytest.mark.parametrize(("folded", "may"), [(0, False), (4, False), (5, True), (6, True)])
@pytest.mark.parametrize("epoch", [4, 5, 6])
def test_a_claim_gives_way_only_when_the_branch_has_folded_it(folded: int, may: bool, epoch: int) -> None:
    """Trap C: anything else that does not descend from it is a stale holder's push, whatever epoch it names."""
    assert is_valid_replacement(granted(), replace(granted(), epoch=epoch), folded_epoch=folded) is may


@pytest.mark.parametrize(("epoch", "may"), [(4, False), (5, False), (6, True)])
def test_where_the_branch_cannot_tell_a_later_epoch_is_believed(epoch: int, may: bool) -> None:
    """The mission's file was deleted or broken."""
    assert is_valid_replacement(granted(), replace(granted(), epoch=epoch), folded_epoch=None) is may


STEPS = st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=40)


@given(STEPS)
def test_a_holder_that_moves_within_the_lease_is_never_expired(steps: list[tuple[int, bool]]) -> None:
    """Whatever the rhythm of fetches: if every fetch that closes a lease shows a move, nobody takes over."""
    lease = 30.0
    watch, now, sign, moved_at = LeaseWatch(lease=lease, roof=60.0), 0, 0, 0
    watch.observe({"m": sign}, now)
    for gap, moves in steps:
        now += gap
        if moves or now - moved_at >= lease:
            sign, moved_at = sign + 1, now
        watch.observe({"m": sign}, now)
        assert watch.expired(["m"]) == []


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(0, 10**6))
def test_a_silent_holder_is_expired_as_soon_as_a_lease_was_watched(gaps: list[int], start: int) -> None:
    """Timed from the first look, by fetches that came often enough."""
    lease = 30.0
    watch, now = LeaseWatch(lease=lease, roof=60.0), start
    watch.observe({"m": "still"}, now)
    for gap in gaps:
        now += gap
        watch.observe({"m": "still"}, now)
        assert watch.silent_for("m") == now - start
        assert (watch.expired(["m"]) == ["m"]) == (now - start >= lease)


@given(st.lists(st.integers(1, 200), min_size=2, max_size=30))
def test_what_happened_while_the_observer_was_away_proves_nothing(gaps: list[int]) -> None:
    """After a pause longer than the roof every count starts again."""
    watch, now, since = LeaseWatch(lease=30.0, roof=60.0), 0, 0
    watch.observe({"m": "still"}, now)
    for gap in gaps:
        now += gap
        since = now if gap > 60 else since
        watch.observe({"m": "still"}, now)
        assert bool(watch.expired(["m"])) == (now - since >= 30.0)


def test_a_new_holder_starts_a_new_count() -> None:
    """Another claim object, or a beat that appears, is a sign of life; another mission has a count of its own."""
    watch = LeaseWatch(lease=30.0, roof=60.0)
    watch.observe({"m": ("old", None), "k": "k"}, 0.0)
    watch.observe({"m": ("new", None), "k": "k"}, 29.0)
    watch.observe({"m": ("new", None), "k": "k"}, 31.0)
    assert watch.expired(["m", "k"]) == ["k"]
    watch.observe({"m": ("new", "beat"), "k": "k"}, 58.0)
    watch.observe({"m": ("new", "beat"), "k": "k"}, 60.0)
    assert watch.expired(["m", "k"]) == ["k"]


def test_a_mission_that_went_away_is_forgotten() -> None:
    """It comes back with a count from zero; one never seen has none."""
    watch = LeaseWatch(lease=30.0, roof=60.0)
    watch.observe({"m": 1}, 0.0)
    watch.observe({}, 20.0)
    watch.observe({"m": 1}, 40.0)
    assert watch.expired(["m", "never"]) == []
    assert watch.silent_for("never") == 0.0


@pytest.mark.parametrize(
    ("accepted", "now", "stops"),
    [(None, 1e9, False), (100.0, 124.0, False), (100.0, 124.1, True), (100.0, 500.0, True)],
)
def test_a_holder_stops_before_others_may_take_over(accepted: float | None, now: float, stops: bool) -> None:
    """Its last accepted beat is older than the lease without the margin; one that never beat holds nothing."""
    assert fenced(accepted, lease=30.0, margin=6.0, now=now) is stops


@settings(deadline=None)
@given(st.floats(1, 1000), st.floats(0, 0.5), st.floats(0, 2000), st.floats(0, 1))
def test_a_holder_is_fenced_before_any_observer_counts_a_lease(
    lease: float, part: float, sent: float, later: float
) -> None:
    """An observer sees a beat no earlier than it was sent, so its count ends no earlier than the holder's."""
    seen = sent + later * lease
    watch = LeaseWatch(lease=lease, roof=lease * 10)
    watch.observe({"m": 1}, seen)
    over = seen + lease * 1.01
    watch.observe({"m": 1}, over)
    assert watch.expired(["m"]) == ["m"]
    assert fenced(sent, lease=lease, margin=lease * part, now=over)
