"""Does a result need a person's approval? One function of the rules, of what was done, and of who did it.

A fact that is not known, or is no sensible number, never allows anything. Every rule that was asked is in the verdict,
so that a person can be told why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from missions.agent_trust import TrustScore, TrustTier, TrustWeights
from missions.declared.value_rules import Limits
from missions.field_types import Commit
from missions.path_scope import outside_scope

MAX_NAMED_PATHS = 5
"""Paths that a sentence names."""
MAX_PATH_CHARS = 1024
"""Characters of a path in the facts: every pattern of the rules is held against it."""
MAX_COUNT = 10**9
"""Most lines, and most USD: what cannot be a sensible number is refused before anybody reckons with it."""

_Path = Annotated[str, Limits(max_length=MAX_PATH_CHARS)]
_Paths = Annotated[tuple[_Path, ...], Limits(max_length=10_000)]
_Lines = Annotated[int, Limits(ge=0, le=MAX_COUNT)]


@dataclass(frozen=True, kw_only=True)
class ChangeFacts:
    """What a result changes in its project. None: not known. Money is USD; paths are the project's.

    `links` are symbolic links and other repositories (submodules) that were made, changed or taken away; `executables`
    what became, or came, executable; `commit` is on the project's server, as a child of `base`. The bounds hold for
    what is read: a record's node may be hostile.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

    files: _Paths | None = None
    added: _Lines | None = None
    removed: _Lines | None = None
    binaries: _Paths | None = None
    modes: _Paths | None = None
    executables: _Paths | None = None
    links: _Paths | None = None
    cost_usd: Annotated[float, Limits(ge=0, le=MAX_COUNT)] | None = None
    tested: bool | None = None
    denials: Annotated[tuple[str, ...], Limits(max_length=10_000)] | None = None
    commit: Commit | None = None
    base: Commit | None = None


@dataclass(frozen=True, kw_only=True)
class AutoApproveRule:
    """When nobody has to look. A limit that is None is not asked for; `paths` is never empty."""

    max_lines: int
    paths: tuple[str, ...]
    max_files: int | None = None
    max_cost_usd: float | None = None
    tests: Literal["passed", "any"] = "passed"
    tier: TrustTier = TrustTier.TRUSTED


@dataclass(frozen=True, kw_only=True)
class ChildLimits:
    """What missions that an agent proposes may do without a person: at most `max` of them, together for `share` of
    their parent's budget, elsewhere only on nodes asked for by these `capabilities`."""

    max: int = 0
    share: float = 0.5
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class ApprovalRules:
    """What holds for one kind of work in one project."""

    auto: AutoApproveRule | None = None
    auto_word: bool = True
    """Whether `approve: auto` in a mission counts."""
    scope: tuple[str, ...] = ()
    """What may be changed at all without a person; empty: anything."""
    tools: Mapping[TrustTier, tuple[str, ...]] = field(default_factory=dict)
    """What an agent of a tier may use; a tier that is missing has what the one below it has."""
    scale: TrustWeights = field(default_factory=TrustWeights)
    children: ChildLimits = field(default_factory=ChildLimits)
    on_approval: str = "nothing"

    def allowed(self, tier: TrustTier) -> tuple[str, ...] | None:
        """The tools of an agent of this tier; None where the rules name none."""
        known = [each for each in TrustTier if each.rank <= tier.rank and each in self.tools]
        return self.tools[known[-1]] if known else None


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """One rule that was asked: its name in fleet.toml or the mission, whether it let the result pass, and why."""

    rule: str
    passed: bool
    says: str


@dataclass(frozen=True, kw_only=True)
class ApprovalVerdict:
    """What becomes of a result."""

    held: bool
    """Whether it waits for a person."""
    rules: tuple[RuleResult, ...]

    @property
    def reason(self) -> str:
        """Why it waits, in one line."""
        return "; ".join(fired.says for fired in self.rules if not fired.passed)


def decide(
    rules: ApprovalRules,
    facts: ChangeFacts,
    standing: TrustScore,
    *,
    approve: str,
    group: str = "",
    doubt: str = "",
    scope: tuple[str, ...] = (),
) -> ApprovalVerdict:
    """Whether a result that changed a project's files waits for a person.

    `approve`, `group` and `scope` are the mission's own words; `doubt` says why its text, and so these words, are
    nobody's who may file missions. Its node has looked at the scope, too: here it need not be believed.
    """
    if doubt:
        return _verdict([RuleResult(rule="trust", passed=False, says=f"the mission's own word is in doubt: {doubt}")])
    if group:
        says = f"it is one of several attempts: `shiftbook mission compare {group}`, then approve one of them"
        return _verdict([RuleResult(rule="group", passed=False, says=says)])
    if approve == "always":
        return _verdict([RuleResult(rule="approve", passed=False, says="the mission says approve: always")])
    certain = [
        *_check_required_facts(rules, facts),
        *([_check_paths("mission.scope", facts.files, scope)] if scope else []),
    ]
    if approve == "auto" and rules.auto_word:
        return _verdict([RuleResult(rule="approve", passed=True, says="the mission says approve: auto"), *certain])
    said = []
    if approve == "auto":
        said = [RuleResult(rule="policy.auto_word", passed=True, says="approve: auto does not count in this fleet")]
    if rules.auto is None:
        none = "no auto_approve rule lets it pass without you"
        return _verdict([*said, *certain, RuleResult(rule="auto_approve", passed=False, says=none)])
    return _verdict([*said, *certain, *_check_auto_approve(rules.auto, facts, standing)])


def _verdict(fired: list[RuleResult]) -> ApprovalVerdict:
    return ApprovalVerdict(held=not all(each.passed for each in fired), rules=tuple(fired))


def _check_required_facts(rules: ApprovalRules, facts: ChangeFacts) -> Iterator[RuleResult]:
    """What must be true whoever says that nobody needs to look."""
    known = bool(facts.files)
    yield RuleResult(
        rule="facts", passed=known, says="what was changed is known" if known else "what was changed is unknown"
    )
    there = bool(facts.commit) and bool(facts.base)
    told = "the branch is on the project's server" if there else "its branch is not on the project's server"
    yield RuleResult(rule="branch", passed=there, says=told)
    if rules.scope:
        yield _check_paths("scope", facts.files, rules.scope)


def _check_auto_approve(auto: AutoApproveRule, facts: ChangeFacts, standing: TrustScore) -> Iterator[RuleResult]:
    """Each condition of an auto_approve rule."""
    tier = standing.tier.rank >= auto.tier.rank
    yield RuleResult(
        rule="auto_approve.tier", passed=tier, says=f"the agent is {standing.says}; this takes {auto.tier}"
    )
    if auto.max_cost_usd is not None:
        yield _check_limit("auto_approve.max_cost_usd", facts.cost_usd, auto.max_cost_usd, "cost {}", "${:.2f}")
    yield _check_limit("auto_approve.max_lines", _changed_lines(facts), auto.max_lines, "{} changed", "{} lines")
    if auto.max_files is not None:
        count = None if facts.files is None else len(facts.files)
        yield _check_limit("auto_approve.max_files", count, auto.max_files, "{} changed", "{} files")
    yield _check_paths("auto_approve.paths", facts.files, auto.paths)
    if auto.tests == "passed":
        words = {True: "the project's tests passed", False: "the project's tests failed", None: "no test was run"}
        tested = facts.tested if facts.tested in (True, False) else None
        yield RuleResult(rule="auto_approve.tests", passed=facts.tested is True, says=words[tested])
    yield _check_absent("binaries", facts.binaries, "binary files")
    yield _check_absent("modes", facts.modes, "changed modes")
    yield _check_absent("executables", facts.executables, "new executables")
    yield _check_absent("links", facts.links, "links or submodules")
    yield _check_absent("denials", facts.denials, "refused requests of the agent")


def _changed_lines(facts: ChangeFacts) -> int | None:
    """Lines added and removed; None unless both are counts."""
    if not (_is_count(facts.added) and _is_count(facts.removed)):
        return None
    assert facts.added is not None
    assert facts.removed is not None
    return facts.added + facts.removed


def _is_count(value: float | None) -> bool:
    return value is not None and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _check_limit(rule: str, value: float | None, roof: float, sentence: str, unit: str) -> RuleResult:
    if not _is_count(value):
        return RuleResult(rule=rule, passed=False, says=f"{rule.rpartition('.')[2]}: the number is not known")
    assert value is not None
    told = sentence.format(unit.format(value))
    if value <= roof:
        return RuleResult(rule=rule, passed=True, says=f"{told}, {unit.format(roof)} may pass")
    return RuleResult(rule=rule, passed=False, says=f"{told}, at most {unit.format(roof)} may pass unseen")


def _check_paths(rule: str, files: tuple[str, ...] | None, paths: tuple[str, ...]) -> RuleResult:
    if not files:
        return RuleResult(rule=rule, passed=False, says=f"{rule.rpartition('.')[2]}: the changed files are not known")
    outside = outside_scope(files, paths)
    if outside:
        return RuleResult(rule=rule, passed=False, says=f"{_join_paths(outside)} outside of {', '.join(paths)}")
    return RuleResult(rule=rule, passed=True, says=f"every file is within {', '.join(paths)}")


def _check_absent(what: str, found: tuple[str, ...] | None, words: str) -> RuleResult:
    rule = f"auto_approve.{what}"
    if found is None:
        return RuleResult(rule=rule, passed=False, says=f"whether there are {words} is not known")
    return RuleResult(rule=rule, passed=not found, says=f"{words}: {_join_paths(found)}" if found else f"no {words}")


def _join_paths(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_PATHS} more" if len(names) > MAX_NAMED_PATHS else ""
    return ", ".join(names[:MAX_NAMED_PATHS]) + more
