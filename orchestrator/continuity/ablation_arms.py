"""What is a handoff without one of its parts, in another order, or in another budget? The arms of ablations.

Each is made of the very handoff that the arm `handoff` is given: what is left out is left out of that, and nothing else
takes its place but lines that say nothing. So two arms differ in the part alone, and not in how much there is.
"""

from __future__ import annotations

import re
from enum import StrEnum

from handoff.budget_fit import TIER_NAMES
from handoff.tiers import Tier


class AblationArm(StrEnum):
    """Arms that a study has only if it is asked for them."""

    NO_RULES = "no-rules"
    NO_BRIEFING = "no-briefing"
    NO_LOG = "no-log"
    REVERSED = "reversed"
    BRIEFING = "briefing-only"
    HANDOFF_500 = "handoff-500"
    HANDOFF_1000 = "handoff-1000"
    HANDOFF_2000 = "handoff-2000"
    HANDOFF_4000 = "handoff-4000"


LEFT_OUT = {
    AblationArm.NO_RULES: Tier.PROJECT,
    AblationArm.NO_BRIEFING: Tier.BRIEFING,
    AblationArm.NO_LOG: Tier.LOG,
}
BUDGETS = {
    AblationArm.HANDOFF_500: 500,
    AblationArm.HANDOFF_1000: 1000,
    AblationArm.HANDOFF_2000: 2000,
    AblationArm.HANDOFF_4000: 4000,
}
"""Tokens of the arms that have a budget of their own."""
_PART = re.compile(r"<shiftbook:(?P<name>[a-z]+)[^>\n]*>\n.*?\n</shiftbook:(?P=name)>\n\n", re.DOTALL)


def parts(handoff: str) -> dict[str, str]:
    """A handoff's parts by name, in their order; joined they are the handoff, because no text can forge a delimiter."""
    return {found["name"]: found[0] for found in _PART.finditer(handoff)}


def ablated(arm: AblationArm, handoff: str) -> str:
    """The handoff as an arm has it that leaves a part out or turns the order round."""
    found = parts(handoff)
    if arm is AblationArm.REVERSED:
        return "".join(reversed(found.values()))
    return "".join(text for name, text in found.items() if name != TIER_NAMES[LEFT_OUT[arm]])
