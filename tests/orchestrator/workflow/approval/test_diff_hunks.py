"""Is a diff told as files and lines, whatever somebody wrote, and never more of it than a person can look at?"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger.diff_budget import fit_diff
from orchestrator.workflow.approval import diff_hunks
from orchestrator.workflow.approval.diff_hunks import diff_digest, diff_json

HEAD = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n"
LINES = st.lists(st.tuples(st.sampled_from("+- "), st.text(st.characters(exclude_characters="\n"), max_size=30)))


@given(LINES, st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_hunk_is_read_back(lines: list[tuple[str, str]], old: int, new: int) -> None:
    """Each line with its kind, its text and its numbers; none is lost, none is made up."""
    body = "".join(f"{kind}{text}\n" for kind, text in lines)
    (file,) = diff_json(f"{HEAD}@@ -{old},9 +{new},9 @@ def f():\n{body}", "")["files"]
    (hunk,) = file["hunks"]
    assert [(line["kind"], line["text"]) for line in hunk["lines"]] == lines
    assert [line["old"] for line in hunk["lines"] if line["kind"] != "+"] == list(
        range(old, old + sum(kind != "+" for kind, _ in lines))
    )
    assert [line["new"] for line in hunk["lines"] if line["kind"] != "-"] == list(
        range(new, new + sum(kind != "-" for kind, _ in lines))
    )
    assert (file["added"], file["removed"]) == tuple(sum(kind == sign for kind, _ in lines) for sign in "+-")


PIECES = st.sampled_from(
    [
        HEAD, "@@ -1 +1 @@\n", "@@ -1,2 +99999999999,1 @@\n", "@@ broken\n", "+a\n", "-b\n", " c\n", "\\ No newline\n",
        "GIT binary patch\nliteral 3\nabc\n", "new file mode 100644\n", "\r", "\0", "\n",
        'rename from "a\\303\\244"\n',
        "[… cut here: 3 lines added and 1 removed are not kept]\n", 'diff --git "a/\\n" "b/\\n"\n', "\u2028",
        "diff --git \n",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=30).map("".join))
def test_any_text_is_told_somehow(text: str) -> None:
    """Nothing that a hostile node writes is an error, and all of it is plain data."""
    told = diff_json(text, "c")
    assert json.loads(json.dumps(told)) == told
    for file in told["files"]:
        assert file["status"] in {"added", "deleted", "renamed", "modified"}
        for hunk in file["hunks"]:
            assert all(line["kind"] in "+- \\" for line in hunk["lines"])


@pytest.mark.parametrize(
    "made",
    [
        lambda: HEAD + "@@ -1 +1 @@\n" + "+line of a generated file\n" * 800_000,
        lambda: "".join(HEAD.replace("x", f"f{n}") + "@@ -1 +1 @@\n+a\n-b\n" for n in range(200_000)),
        lambda: HEAD + "@@ -1 +1 @@\n+" + "x" * 20_000_000,
        lambda: HEAD + "rename from " + "y" * 20_000_000 + "\n@@ -1 +1 @@\n+a\n",
        lambda: (HEAD + "@@ -1 +1 @@\n" + " \n" * 9_000) * 800,
    ],
    ids=["one file", "many files", "one line", "one header", "many hunks"],
)
def test_twenty_megabytes_are_shown_in_part(made: Callable[[], str]) -> None:
    """What is told stays within the bounds, says that it is not all, and names the whole by its digest."""
    diff = made()
    told = diff_json(diff, "c")
    lines = [line for file in told["files"] for hunk in file["hunks"] for line in hunk["lines"]]
    assert len(told["files"]) <= diff_hunks.MAX_FILES
    assert len(lines) <= diff_hunks.MAX_LINES
    assert sum(len(line["text"]) for line in lines) <= diff_hunks.MAX_SHOWN_CHARS + diff_hunks.MAX_LINE_CHARS
    assert told["truncated"] is ("rename from" not in diff), "of a long header no line is left out"
    assert (told["bytes"], told["digest"]) == (len(diff), diff_digest(diff, "c"))
    assert len(json.dumps(told)) < 8_000_000


def test_what_a_node_left_out_is_counted_and_said() -> None:
    """A diff that was cut to its budget when it was kept has all its numbers, and is not taken for whole."""
    whole = HEAD + "@@ -1,0 +1,3000 @@\n" + "+a line\n" * 3000
    told = diff_json(fit_diff(whole, 5_000), "")
    (file,) = told["files"]
    assert (file["added"], told["truncated"]) == (3000, True)
    assert 0 < len(file["hunks"][0]["lines"]) < 3000


def test_a_digest_names_diff_and_commit() -> None:
    """Another of either is another digest, also where the two run into each other."""
    made = {diff_digest("a", "b"), diff_digest("ab", ""), diff_digest("", "ab"), diff_digest("b", "a")}
    assert len(made) == 4
