"""What attempts' sections say, read back from a mission's file."""

from __future__ import annotations

import pytest

from missions.document import append_result
from missions.result_section import attempt_sections, failure_line, opens_with, without_repeat

FIRST = "### Attempt 1 · failed · desk · 2 s\n\n`make` ended with 2 after 1 s.\n\n- error: ended with exit code 2"
PRINTED = f"{FIRST}\n- sandbox: bubblewrap\n\nOutput:\n\n```text\nbuilding\nNo rule to make target\n\n```"
SECOND = "### Attempt 2 · done · desk · 1 s\n\nIt is blue.\n\n- 12 tokens\n\nIt is blue. The sky is, too."


def test_sections_come_back_newest_first() -> None:
    """As they were written; a file without any has none, and what a person wrote that looks like one is none."""
    text = "---\nstatus: done\n---\n### Attempt 9 · mine\n"
    assert attempt_sections(text) == []
    for section in (PRINTED, SECOND):
        text = append_result(text, section)
    assert attempt_sections(text) == [SECOND, PRINTED]
    assert attempt_sections(text.replace("\n", "\r\n")) == [SECOND, PRINTED]


def test_an_answer_that_begins_with_its_summary_is_said_once() -> None:
    """Also where the summary was cut; another answer leaves it where it is."""
    assert without_repeat(SECOND).count("It is blue.") == 1
    assert "The sky is, too." in without_repeat(SECOND)
    cut = SECOND.replace("\n\nIt is blue.\n\n-", "\n\nIt is bl…\n\n-")
    assert without_repeat(cut).count("It is bl") == 1
    assert without_repeat(PRINTED) == PRINTED
    assert opens_with("It is blue. The sky\nis, too.", "It is  blue.")
    assert not opens_with("No.", "It is blue.")
    assert not opens_with("anything", "")


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (PRINTED, "ended with exit code 2: No rule to make target"),
        (PRINTED.replace("code 2", "No rule to make target; see"), "ended with exit No rule to make target; see"),
        (FIRST, "ended with exit code 2"),
        (SECOND, ""),
        ("", ""),
        (FIRST.replace("code 2", "code " + "9" * 500), "ended with exit code " + "9" * 178 + "…"),
    ],
)
def test_why_an_attempt_failed(section: str, says: str) -> None:
    """Its error and the last line that it printed, in one line that is not too long."""
    assert failure_line(section) == says
