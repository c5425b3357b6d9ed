"""Facts about what may pass without a person: each rule alone, together, at its edge, and with facts that are none."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.agent_trust import MissionOutcome, TrustScore, TrustTier, TrustWeights, score_trust
from missions.approval import ApprovalRules, AutoApproveRule, ChangeFacts, decide

AUTO = AutoApproveRule(max_lines=40, paths=("docs/**", "*.md"), max_files=3, max_cost_usd=0.5)
RULES = ApprovalRules(auto=AUTO, scope=("docs/**", "src/**", "*.md"))
GOOD = ChangeFacts(
    files=("docs/a.md", "README.md"),
    added=30,
    removed=10,
    binaries=(),
    modes=(),
    executables=(),
    links=(),
    cost_usd=0.5,
    tested=True,
    denials=(),
    commit="c" * 40,
    base="b" * 40,
)
TRUSTED = TrustScore(tier=TrustTier.TRUSTED, points=3, accepted=3, missions=("a", "b", "c"))
NAN, INF = math.nan, math.inf


def test_what_every_rule_covers_passes() -> None:
    """At each limit exactly; every rule that was asked is named and has passed."""
    verdict = decide(RULES, GOOD, TRUSTED, approve="policy")
    assert not verdict.held
    assert verdict.reason == ""
    assert [fired.rule for fired in verdict.rules] == [
        "facts",
        "branch",
        "scope",
        "auto_approve.tier",
        "auto_approve.max_cost_usd",
        "auto_approve.max_lines",
        "auto_approve.max_files",
        "auto_approve.paths",
        "auto_approve.tests",
        "auto_approve.binaries",
        "auto_approve.modes",
        "auto_approve.executables",
        "auto_approve.links",
        "auto_approve.denials",
    ]


ALONE: list[tuple[dict[str, Any], str, str]] = [
    ({"cost_usd": 0.51}, "auto_approve.max_cost_usd", "cost $0.51, at most $0.50 may pass unseen"),
    ({"cost_usd": None}, "auto_approve.max_cost_usd", "max_cost_usd: the number is not known"),
    ({"cost_usd": NAN}, "auto_approve.max_cost_usd", "max_cost_usd: the number is not known"),
    ({"cost_usd": INF}, "auto_approve.max_cost_usd", "max_cost_usd: the number is not known"),
    ({"cost_usd": -1.0}, "auto_approve.max_cost_usd", "max_cost_usd: the number is not known"),
    ({"cost_usd": False}, "auto_approve.max_cost_usd", "max_cost_usd: the number is not known"),
    ({"added": 31}, "auto_approve.max_lines", "41 lines changed, at most 40 lines may pass unseen"),
    ({"added": None}, "auto_approve.max_lines", "max_lines: the number is not known"),
    ({"removed": None}, "auto_approve.max_lines", "max_lines: the number is not known"),
    ({"added": 60, "removed": -30}, "auto_approve.max_lines", "max_lines: the number is not known"),
    ({"removed": NAN}, "auto_approve.max_lines", "max_lines: the number is not known"),
    ({"files": tuple(f"docs/{n}" for n in range(4))}, "auto_approve.max_files", "4 files changed"),
    ({"files": ("docs/a", "src/x.py")}, "auto_approve.paths", "src/x.py outside of docs/**, *.md"),
    ({"files": ("docs/../src/x.py",)}, "auto_approve.paths", "docs/../src/x.py outside"),
    ({"files": ("/etc/x.md",)}, "auto_approve.paths", "/etc/x.md outside"),
    ({"tested": False}, "auto_approve.tests", "the project's tests failed"),
    ({"tested": None}, "auto_approve.tests", "no test was run"),
    ({"tested": 1}, "auto_approve.tests", "the project's tests passed"),
    ({"binaries": ("docs/a.png",)}, "auto_approve.binaries", "binary files: docs/a.png"),
    ({"binaries": None}, "auto_approve.binaries", "not known"),
    ({"modes": ("docs/a",)}, "auto_approve.modes", "changed modes: docs/a"),
    ({"modes": None}, "auto_approve.modes", "not known"),
    ({"executables": ("docs/a",)}, "auto_approve.executables", "new executables: docs/a"),
    ({"executables": None}, "auto_approve.executables", "not known"),
    ({"links": ("docs/a",)}, "auto_approve.links", "links or submodules: docs/a"),
    ({"links": None}, "auto_approve.links", "not known"),
    ({"denials": ("Bash(curl)",)}, "auto_approve.denials", "refused requests of the agent: Bash(curl)"),
    ({"denials": None}, "auto_approve.denials", "not known"),
    ({"commit": None}, "branch", "its branch is not on the project's server"),
    ({"base": None}, "branch", "its branch is not on the project's server"),
]


@pytest.mark.parametrize(("wrong", "rule", "says"), ALONE)
def test_each_rule_alone_holds_a_result(wrong: dict[str, Any], rule: str, says: str) -> None:
    """One fact is wrong, absent or no number: that rule, and no other that is not about it, keeps it back."""
    verdict = decide(RULES, replace(GOOD, **wrong), TRUSTED, approve="policy")
    assert verdict.held
    failed = {fired.rule: fired.says for fired in verdict.rules if not fired.passed}
    assert says in failed[rule]
    assert says in verdict.reason
    assert set(failed) <= {rule, "scope"}


def test_files_that_are_not_known_pass_no_rule() -> None:
    """No list and an empty one are the same: something was changed."""
    for files in (None, ()):
        verdict = decide(RULES, replace(GOOD, files=files), TRUSTED, approve="policy")
        assert {"facts", "scope", "auto_approve.paths"} <= {fired.rule for fired in verdict.rules if not fired.passed}


@pytest.mark.parametrize(
    ("tier", "needed", "passes"),
    [
        (TrustTier.UNTRIED, TrustTier.UNTRIED, True),
        (TrustTier.UNTRIED, TrustTier.TRUSTED, False),
        (TrustTier.TRUSTED, TrustTier.TRUSTED, True),
        (TrustTier.TRUSTED, TrustTier.PROVEN, False),
        (TrustTier.PROVEN, TrustTier.TRUSTED, True),
    ],
)
def test_tiers(tier: TrustTier, needed: TrustTier, passes: bool) -> None:
    """A rule names the lowest tier that it covers."""
    rules = replace(RULES, auto=replace(AUTO, tier=needed))
    assert decide(rules, GOOD, TrustScore(tier=tier), approve="policy").held is not passes


def test_what_a_rule_does_not_limit_is_not_asked() -> None:
    """Without a limit on cost or files, what these are does not matter; neither do tests with `any`."""
    rules = ApprovalRules(auto=AutoApproveRule(max_lines=40, paths=("**",), tests="any"))
    facts = replace(GOOD, cost_usd=None, tested=None, files=tuple(f"{n}" for n in range(99)))
    assert not decide(rules, facts, TRUSTED, approve="policy").held


@pytest.mark.parametrize(
    ("approve", "rules", "held", "rule"),
    [
        ("always", RULES, True, "approve"),
        ("auto", ApprovalRules(), False, "approve"),
        ("auto", ApprovalRules(auto_word=False), True, "auto_approve"),
        ("auto", replace(RULES, auto_word=False), False, "policy.auto_word"),
        ("auto", ApprovalRules(scope=("src/**",)), True, "scope"),
        ("policy", ApprovalRules(), True, "auto_approve"),
        ("policy", RULES, False, "facts"),
    ],
)
def test_the_missions_own_word(approve: str, rules: ApprovalRules, held: bool, rule: str) -> None:
    """`always` always waits; `auto` is the author's word, unless the fleet forbids it or its scope is left."""
    verdict = decide(rules, GOOD, TRUSTED, approve=approve)
    assert verdict.held is held
    assert rule in [fired.rule for fired in verdict.rules]


def test_a_doubt_about_the_text_holds_everything() -> None:
    """Whatever the text says of itself, if nobody who may file missions has signed it."""
    for approve in ("auto", "policy", "always"):
        assert decide(RULES, GOOD, TRUSTED, approve=approve, doubt="unsigned").held


NUMBERS = st.one_of(st.none(), st.integers(-5, 60), st.floats(allow_nan=True, allow_infinity=True))
PATHS = st.one_of(st.none(), st.lists(st.sampled_from(["docs/a", "README.md", "src/x", "../x"]), max_size=5).map(tuple))


@given(
    facts=st.builds(
        ChangeFacts,
        files=PATHS,
        added=NUMBERS,
        removed=NUMBERS,
        binaries=PATHS,
        modes=PATHS,
        executables=PATHS,
        links=PATHS,
        cost_usd=NUMBERS,
        tested=st.sampled_from([None, True, False]),
        denials=PATHS,
        commit=st.sampled_from([None, "c" * 40]),
        base=st.sampled_from([None, "b" * 40]),
    )
)
def test_whatever_passes_keeps_every_limit(facts: ChangeFacts) -> None:
    """And taking any fact away from what passes keeps it back."""
    if decide(RULES, facts, TRUSTED, approve="policy").held:
        return
    assert facts.files
    assert len(facts.files) <= 3
    assert facts.added is not None
    assert facts.removed is not None
    assert 0 <= facts.added + facts.removed <= 40
    assert facts.cost_usd is not None
    assert 0 <= facts.cost_usd <= 0.5
    assert [facts.binaries, facts.modes, facts.executables, facts.links, facts.denials] == [()] * 5
    for each in fields(ChangeFacts):
        assert decide(RULES, replace(facts, **{each.name: None}), TRUSTED, approve="policy").held, each.name


def test_tools_of_a_tier() -> None:
    """A tier that is not named has what the one below it has; without any, nothing is said."""
    rules = ApprovalRules(tools={TrustTier.UNTRIED: ("read",), TrustTier.PROVEN: ("read", "shell")})
    assert [rules.allowed(tier) for tier in TrustTier] == [("read",), ("read",), ("read", "shell")]
    assert ApprovalRules().allowed(TrustTier.PROVEN) is None
    assert ApprovalRules(tools={TrustTier.TRUSTED: ("read",)}).allowed(TrustTier.UNTRIED) is None


# -- standing --------------------------------------------------------------------------------------------------------


def deeds(words: str) -> list[MissionOutcome]:
    """Oldest first: accepted, rejected once and then accepted, failed once and then accepted, rejected (x)."""
    made = {
        "a": MissionOutcome(mission="m", accepted=True),
        "r": MissionOutcome(mission="m", accepted=True, rejected=1),
    }
    made |= {"f": MissionOutcome(mission="m", accepted=True, failed=1), "x": MissionOutcome(mission="m", rejected=1)}
    return [made[word] for word in reversed(words)]


@pytest.mark.parametrize(
    ("history", "points", "tier"),
    [
        ("", 0, TrustTier.UNTRIED),
        ("aa", 2, TrustTier.UNTRIED),
        ("aaa", 3, TrustTier.TRUSTED),
        ("aaax", 0, TrustTier.UNTRIED),
        ("xaaa", 3, TrustTier.TRUSTED),
        ("aaaa" + "f" * 3, 4, TrustTier.TRUSTED),
        ("a" * 9, 9, TrustTier.TRUSTED),
        ("a" * 10, 10, TrustTier.PROVEN),
        ("a" * 10 + "x", 7, TrustTier.TRUSTED),
        ("a" * 10 + "r", 8, TrustTier.TRUSTED),
        ("xxxx", 0, TrustTier.UNTRIED),
        ("a" * 40, 20, TrustTier.PROVEN),
        ("x" * 20 + "a" * 10, 10, TrustTier.PROVEN),
    ],
)
def test_trust_grows_and_falls(history: str, points: int, tier: TrustTier) -> None:
    """One for each acceptance, three off for a rejection, one for a failure, never below none; twenty count."""
    found = score_trust(deeds(history), TrustWeights())
    assert (found.points, found.tier) == (points, tier)


@given(st.text(alphabet="arfx", max_size=30))
def test_a_rejection_never_helps(history: str) -> None:
    """Whatever came before."""
    before, after = score_trust(deeds(history), TrustWeights()), score_trust(deeds(history + "x"), TrustWeights())
    assert after.points <= before.points
    assert after.tier.rank <= before.tier.rank


def test_the_evidence_is_told() -> None:
    """How many of what, and which missions."""
    found = score_trust(deeds("aar"), TrustWeights())
    assert found.says == "untried: 1 point from the last 3 missions (3 accepted, 1 rejected, 0 failed)"
    assert score_trust(deeds("a"), TrustWeights()).says == (
        "untried: 1 point from the last mission (1 accepted, 0 rejected, 0 failed)"
    )
    assert score_trust([], TrustWeights()).says == "untried: nothing was decided yet"
