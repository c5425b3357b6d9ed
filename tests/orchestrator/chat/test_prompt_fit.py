"""Is a model given every turn that fits, and told what was left out?"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.chat.prompt_fit import (
    MESSAGE_OVERHEAD_TOKENS,
    MIN_ANSWER_TOKENS,
    ConversationTooLong,
    FittedPrompt,
    PromptRound,
    count_message_tokens,
    fit_prompt,
    prompt_rounds,
)
from orchestrator.core.errors import ContextTooLong
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.model import PromptMessage

HEAD = PromptMessage(role="system", content="h" * 10)
ASKED = PromptMessage(role="user", content="q" * 10)
FIXED = 20 + 2 * MESSAGE_OVERHEAD_TOKENS + MIN_ANSWER_TOKENS
ROUND = 20 + 2 * MESSAGE_OVERHEAD_TOKENS


def past(sizes: Sequence[int]) -> list[PromptRound]:
    """Rounds of a question and an answer with so many tokens each."""
    return [
        PromptRound(
            first=2 * at + 1,
            last=2 * at + 2,
            messages=(
                PromptMessage(role="user", content="u" * size),
                PromptMessage(role="assistant", content="a" * size),
            ),
        )
        for at, size in enumerate(sizes)
    ]


def fit(rounds: Sequence[PromptRound], roof: int, *, trim: bool = False) -> FittedPrompt:
    """With a token a character."""
    return fit_prompt(HEAD, rounds, ASKED, roof=roof, count=len, trim=trim)


def turn(role: str, content: str, seq: int, **trace: object) -> ConversationTurn:
    """One turn as it is stored."""
    return ConversationTurn(role=role, content=content, seq=seq, trace=trace)


def test_everything_that_fits_is_given_in_its_order() -> None:
    """Head, rounds, question; nothing is cut."""
    found = fit(past([10, 10]), FIXED + 2 * ROUND)
    assert [message.role for message in found.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert (found.cut, found.tokens) == ((), FIXED + 2 * ROUND - MIN_ANSWER_TOKENS)


def test_one_token_too_many_is_an_error_that_says_what_to_do() -> None:
    """With both numbers; nothing is left out in silence."""
    with pytest.raises(ConversationTooLong, match="trim: true"):
        fit(past([10, 10]), FIXED + 2 * ROUND - 1)


def test_a_question_that_is_too_long_by_itself_cannot_be_trimmed() -> None:
    """Leaving out old turns would not help."""
    with pytest.raises(ContextTooLong) as caught:
        fit(past([10]), FIXED - 1, trim=True)
    assert not isinstance(caught.value, ConversationTooLong)


def test_trimming_leaves_out_a_quarter_at_least_and_says_which() -> None:
    """So that the next turns find the same beginning in a model server's cache."""
    found = fit(past([10] * 8), FIXED + 8 * ROUND - 1, trim=True)
    (cut,) = found.cut
    assert (cut["title"], cut["items"], cut["tokens"]) == ("turns 1 to 4", 2, 2 * ROUND)
    assert len(found.messages) == 2 + 2 * 6


@given(st.lists(st.integers(1, 50), max_size=12), st.integers(FIXED, FIXED + 1500))
def test_what_is_trimmed_fits_and_is_the_oldest(sizes: list[int], roof: int) -> None:
    """The kept rounds are the last ones, whole; tokens of what is kept and of what is cut add up to all."""
    rounds = past(sizes)
    found = fit(rounds, roof, trim=True)
    assert found.tokens + MIN_ANSWER_TOKENS <= roof
    kept = [message for each in rounds for message in each.messages][-(len(found.messages) - 2) :]
    assert list(found.messages[1:-1]) == (kept if len(found.messages) > 2 else [])
    gone = sum(cut["tokens"] for cut in found.cut)
    every = [HEAD, ASKED, *(message for each in rounds for message in each.messages)]
    assert found.tokens + gone == count_message_tokens(every, len)


def test_a_message_without_an_answer_is_no_round() -> None:
    """Nor is one whose answer never got a word, or two questions in a row."""
    turns = [
        turn("user", "one", 1),
        turn("assistant", " ", 2),
        turn("user", "two", 3),
        turn("user", "three", 4),
        turn("assistant", "yes", 5),
        turn("user", "four", 6),
    ]
    assert [(each.first, each.last) for each in prompt_rounds(turns)] == [(4, 5)]


def test_a_round_is_given_again_as_it_was_given() -> None:
    """With what was added to the question, the steps between, and what the model really said."""
    turns = [
        turn("user", "q", 1, given="[facts] q"),
        turn("assistant", "A.", 2, said='{"answer": "A."}', steps=[{"said": "call", "result": "result"}]),
    ]
    (found,) = prompt_rounds(turns)
    assert [(each.role, each.content) for each in found.messages] == [
        ("user", "[facts] q"),
        ("assistant", "call"),
        ("user", "result"),
        ("assistant", '{"answer": "A."}'),
    ]
