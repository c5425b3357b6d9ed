"""Does `disagreement` tell what a source says from what it does not say?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.evidence_check import coverage, disagreement, is_negated, overlap, stem, stems

SOURCE = """We moved the queue to Redis 7.2 because SQLite locked under 8 workers.
The installer does not sign on Windows. Uploads no longer retry.
The flag `--fast` is enabled in src/queue.py.
"""


@pytest.mark.parametrize(
    "text",
    [
        "The queue moved to Redis 7.2",
        "SQLite locked with 8 workers",
        "On Windows the installer does not sign",
        "Uploads no longer retry",
        "`--fast` is enabled in src/queue.py",
        "The installer never signs on Windows",
    ],
)
def test_what_the_source_says_in_other_words_is_supported(text: str) -> None:
    """Order, endings and small words may differ."""
    assert disagreement(text, [SOURCE]) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("The queue moved to Redis 7.4", "number"),
        ("SQLite locked under 80 workers", "number"),
        ("The queue moved to PostgreSQL", "name"),
        ("The queue moved to Kafka", "name"),
        ("`--slow` is enabled in src/queue.py", "name"),
        ("`--fast` is enabled in src/other.py", "name"),
        ("The installer signs on Windows", "negation"),
        ("Uploads retry", "negation"),
        ("`--fast` is disabled in src/queue.py", "opposite"),
        ("The billing pages got a new layout", "most of its words"),
    ],
)
def test_what_the_source_does_not_say_is_not_supported(text: str, why: str) -> None:
    """Numbers, names, negations and opposites must agree, and most words must be there."""
    assert disagreement(text, [SOURCE]).startswith(why)


@given(st.lists(st.sampled_from(["Redis", "8080", "not", "queue", "fails", "`x.py`", "on", "Windows"]), max_size=9))
def test_a_line_supports_itself(words: list[str]) -> None:
    """Copying a line of the source is always allowed."""
    line = " ".join(words)
    assert disagreement(line, [f"Other words.\n{line}\nMore of them."]) == "" or not stems(line)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("feature", "features"),
        ("implemented", "implement"),
        ("broken", "break"),
        ("passes", "pass"),
        ("retries", "retry"),
    ],
)
def test_forms_of_one_word_have_one_stem(one: str, other: str) -> None:
    """Endings and the commonest irregular forms fall away."""
    assert stem(one) == stem(other)


def test_identifiers_are_read_as_words_and_small_words_are_not() -> None:
    """`SESSION_BRIEFING` and "session briefing" share their words."""
    assert stems("the SESSION_BRIEFING") == stems("Session briefings")
    assert overlap(stems("a b"), stems("")) == 0.0
    assert coverage(stems("queue limit"), stems("limits of the queue")) == 1.0


@pytest.mark.parametrize("text", ["It does not work", "no keys", "can't sign", "never", "is no longer used"])
def test_negations_are_seen(text: str) -> None:
    """In the forms that people use."""
    assert is_negated(text)
