"""Do open items find the statements that are alike, without comparing every pair?"""

from hypothesis import given
from hypothesis import strategies as st

from handoff.evidence_check import coverage, overlap
from handoff.open_items import WordIndex

WORDS = st.frozensets(st.sampled_from("abcdefgh"), max_size=6)
SHARES = st.sampled_from([0.3, 0.5, 0.6, 0.75, 0.85, 1.0])


@given(st.lists(WORDS, max_size=8), WORDS, SHARES)
def test_the_index_answers_as_comparing_every_pair_does(
    sets: list[frozenset[str]], words: frozenset[str], share: float
) -> None:
    """The likest set, the first of several; and all that cover the words, the last first."""
    index = WordIndex()
    assert [index.add(each) for each in sets] == [*range(len(sets))]
    alike = [place for place, each in enumerate(sets) if words and overlap(words, each) >= share]
    assert index.likest(words, share) == max(alike, key=lambda place: (overlap(words, sets[place]), -place), default=-1)
    covering = [place for place, each in enumerate(sets) if words and coverage(words, each) >= share]
    assert [*index.covering(words, share)] == covering[::-1]
