"""What is a model given, by what it is and by what it did in its check?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.core.model_competence import Competence, GoodFor, ModelCheck, is_toy_name, parameters_of

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ALL = ModelCheck(when=NOON, tools=(4, 4), answers=(4, 4), silence=(4, 4))
TALKS = ModelCheck(when=NOON, tools=(0, 4), answers=(4, 4), silence=(3, 4))
INVENTS = ModelCheck(when=NOON, tools=(4, 4), answers=(4, 4), silence=(0, 4))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("135M", 135_000_000),
        ("8.0B", 8_000_000_000),
        ("smollm2-135m-instruct", 135_000_000),
        ("SmolLM2-135M-Instruct.Q4_1", 135_000_000),
        ("qwen2.5:0.5b", 500_000_000),
        ("llama3.2:1b", 1_000_000_000),
        ("mixtral:8x7b", 7_000_000_000),
        ("gpt-4o", 0),
        ("a-4bit-model", 0),
        ("", 0),
    ],
)
def test_a_size_is_read_from_a_name(text: str, parameters: int) -> None:
    """As people write it; what is no size is none."""
    assert parameters_of(text) == parameters


@pytest.mark.parametrize(
    ("parameters", "context", "check", "good_for"),
    [
        (135_000_000, 8192, None, GoodFor.TOY),
        (135_000_000, 8192, ALL, GoodFor.TOY),
        (3_000_000_000, 32_768, None, GoodFor.ANSWERS),
        (3_000_000_000, 32_768, ALL, GoodFor.ANSWERS),
        (8_000_000_000, 32_768, None, GoodFor.CODING),
        (8_000_000_000, 4096, None, GoodFor.ANSWERS),
        (8_000_000_000, 32_768, TALKS, GoodFor.ANSWERS),
        (8_000_000_000, 32_768, INVENTS, GoodFor.TOY),
        (0, 32_768, None, GoodFor.UNKNOWN),
        (0, 32_768, ALL, GoodFor.CODING),
        (0, 32_768, TALKS, GoodFor.ANSWERS),
    ],
)
def test_size_and_check_together(parameters: int, context: int, check: ModelCheck | None, good_for: GoodFor) -> None:
    """A check raises what is unknown and lowers anything; luck makes nothing of a small one."""
    judged = Competence(model="m", parameters=parameters, context_tokens=context, check=check)
    assert judged.good_for is good_for
    assert bool(judged.no_coding_reason()) is (good_for is not GoodFor.CODING)
    assert "m" in judged.says()
    assert is_toy_name("tiny-135m")
    assert not is_toy_name("claude-sonnet")
