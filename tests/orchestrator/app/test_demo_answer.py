"""Does a wrong answer fail the demo?"""

from __future__ import annotations

import pytest

from orchestrator.app.demo import answer_checks

ASKED = "---\ntitle: A question\n---\nWhen are results reviewed, on Thursdays at 10:00?\n"


@pytest.mark.parametrize(
    ("result", "right"),
    [
        ("- They are reviewed on Thursdays at 10:00. [projects/shop/PROJECT_CONTEXT.md:9]", True),
        ("Thursday at 10. [projects/shop/PROJECT_CONTEXT.md:9]", True),
        ("On Thursdays at 10:00.", False),
        ("On Mondays. [projects/shop/PROJECT_CONTEXT.md:9]", False),
        ("The handoff does not say.", False),
        ("A decentralized platform on top of a blockchain.", False),
        ("", False),
    ],
)
def test_a_wrong_answer_fails_it(result: str, right: bool) -> None:
    """What the mission itself says is no answer; a right one names its line."""
    assert all(answer_checks(f"{ASKED}\n## Result\n\n{result}\n", "shop").values()) is right
