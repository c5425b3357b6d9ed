"""Is it said what an approval does, and what mends a push that a server did not take?"""

from __future__ import annotations

from pathlib import Path

import pytest

from missions.mission import Mission
from orchestrator.ledger.config.fleet_toml import ProjectPart
from orchestrator.workflow.approval.delivery_words import delivery_plan, merge_later, merge_line, push_refusal

MISSION = Mission(name="fix", title="Fix", body="", branch="shiftbook/fix/2", commit="0123456789abcdef")
REFUSALS = [
    (
        "remote: error: refusing to update checked out branch: refs/heads/main\nremote: error: By default …\n",
        "main is checked out in /c/shop: merge there with `git pull",
    ),
    ("! [remote rejected] main -> main (Working directory has unstaged changes)", "/c/shop has changes that are not"),
    ("remote: error: GH006: Protected branch update failed for refs/heads/main.", "main is protected on the server"),
    ("git@example.com: Permission denied (publickey).", "this machine may not push to /c/shop"),
    (
        "remote: no tabs, please\n! [remote rejected] main (pre-receive hook declined)",
        "a hook of the server declined it: no tabs, please; mend",
    ),
    (
        "fatal: unable to access 'https://x/': The requested URL returned error: 403",
        "this machine may not push to /c/shop",
    ),
    (
        "remote: no c here, in 403f1c0\nTo /tmp/403\n! [remote rejected] 4031 -> main (pre-receive hook declined)",
        "a hook of the server declined it: no c here, in 403f1c0; mend",
    ),
    ("error: something new", "error: something new; to merge it yourself: `git pull"),
    ("", "no reason was given; to merge"),
]


@pytest.mark.parametrize(("said", "words"), REFUSALS)
def test_a_refusal_is_one_line_with_a_way_out(said: str, words: str) -> None:
    """Never git's own page of advice."""
    told = push_refusal(said, url="/c/shop", target="main", branch="shiftbook/fix/2", mission="fix")
    assert told.startswith(words)
    assert "\n" not in told
    assert "`" in told


@pytest.mark.parametrize(
    ("on_approval", "how", "words"),
    [
        ("merge", "", "merges shiftbook/fix/2 (0123456789) into trunk of git@h:s.git (`git merge --no-ff`)"),
        ("nothing", "merge", "merges shiftbook/fix/2 (0123456789) into trunk"),
        ("push", "", "pushes shiftbook/fix/2 (0123456789) as approved/fix to git@h:s.git"),
        ("merge", "nothing", "accepts shiftbook/fix/2 (0123456789) and leaves it where it is; to merge it: `git pull"),
    ],
)
def test_what_an_approval_does(on_approval: str, how: str, words: str) -> None:
    """Branch, target and command, with what was said before what the project says."""
    part = ProjectPart.model_validate({"url": "git@h:s.git", "branch": "trunk", "on_approval": on_approval})
    assert delivery_plan(MISSION, part, how).startswith(words)
    assert delivery_plan(MISSION, None, how) == "accepts the result of fix; there is no branch to merge"


def test_a_work_tree_is_merged_into_in_place(tmp_path: Path) -> None:
    """And anything else by a pull into whatever clone the person has."""
    (tmp_path / "my shop/.git").mkdir(parents=True)
    assert merge_line(str(tmp_path / "my shop"), "b/1") == f"git -C '{tmp_path}/my shop' merge b/1"
    assert merge_line(f"file://{tmp_path}/my shop", "b/1") == f"git -C '{tmp_path}/my shop' merge b/1"
    assert merge_line("git@h:s.git", "b/1") == "git pull --no-rebase git@h:s.git b/1"


def test_the_next_step_of_a_branch_that_stays_is_one_that_works(tmp_path: Path) -> None:
    """Into a work tree on this machine by git there, for it takes no push into its branch; else by the approval."""
    (tmp_path / "shop/.git").mkdir(parents=True)
    tree = ProjectPart.model_validate({"url": str(tmp_path / "shop")})
    server = ProjectPart.model_validate({"url": "git@h:s.git"})
    assert merge_later(MISSION, tree) == f"`git -C {tmp_path}/shop merge shiftbook/fix/2` merges it, now or later"
    assert merge_later(MISSION, server) == "`shiftbook mission approve fix --merge` merges it, now or later"
    assert merge_later(MISSION, None) == ""
    assert merge_later(Mission(name="ask", title="Ask", body=""), server) == ""
