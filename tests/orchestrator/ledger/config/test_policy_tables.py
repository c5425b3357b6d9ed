"""Does `fleet.toml` say what policy is, from the widest word to the closest, and is a mistake named with its line?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.agent_trust import TrustTier
from missions.approval import AutoApproveRule
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config.fleet_toml import read
from orchestrator.ledger.config.toml_lines import line_of

WHOLE = """\
[fleet]
name = "x"

[policy]
auto_word = false
tools = {untried = ["read", "write"], proven = ["read", "write", "shell"]}
children = {max = 2}

[policy.auto_approve]      # line 9
max_lines = 10
paths = ["docs/**"]

[policy.tasks.coding_task]
auto_approve = {max_lines = 5, paths = ["src/**"], tier = "proven"}

[projects.shop]
url = "/srv/shop.git"
on_approval = "merge"

[projects.shop.policy]
scope = [
  "src/**",   # line 22
  "docs/**",
]

[projects.shop.policy.tasks.general_task]
auto_approve = false

[projects.site]
url = "/srv/site.git"
"""


def test_the_closest_word_wins_key_by_key() -> None:
    """The project on the task, the project, the fleet on the task, the fleet."""
    charter = read(WHOLE.encode())
    shop, site = charter.rules("shop", "coding_task"), charter.rules("site", "general_task")
    assert shop.auto == AutoApproveRule(max_lines=5, paths=("src/**",), tier=TrustTier.PROVEN)
    assert (shop.scope, shop.auto_word, shop.on_approval) == (("src/**", "docs/**"), False, "merge")
    assert shop.children.max == 2
    assert shop.allowed(TrustTier.TRUSTED) == ("read", "write")
    assert site.auto == AutoApproveRule(max_lines=10, paths=("docs/**",))
    assert (site.scope, site.on_approval) == ((), "nothing")
    assert charter.rules("shop", "general_task").auto is None
    assert charter.rules(None, "general_task").auto == AutoApproveRule(max_lines=10, paths=("docs/**",))


def test_without_a_word_nothing_passes_and_nothing_is_done() -> None:
    """A fleet that says nothing of policy has no rule, no children, and leaves branches where they are."""
    rules = read(b"[projects.shop]\nurl = '/x'\n").rules("shop", "coding_task")
    assert (rules.auto, rules.on_approval, rules.children.max, rules.scope) == (None, "nothing", 0, ())


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("max_lines = 10", "max_lines = -1", 10, "policy.auto_approve.max_lines"),
        ("max_lines = 10", "max_lines = true", 10, "policy.auto_approve.max_lines"),
        ("max_lines = 10", 'max_lines = "10"', 10, "policy.auto_approve.max_lines"),
        ("max_lines = 10\n", "", 9, "policy.auto_approve.max_lines"),
        ('paths = ["docs/**"]', "paths = []", 11, "policy.auto_approve.paths"),
        ('paths = ["docs/**"]', 'paths = ["../x"]', 11, "policy.auto_approve.paths"),
        ('paths = ["docs/**"]', 'paths = ["docs/**"]\nmax_cost_usd = nan', 12, "policy.auto_approve.max_cost_usd"),
        ('paths = ["docs/**"]', 'paths = ["docs/**"]\nmax_cost = 1', 12, "policy.auto_approve.max_cost"),
        ("[policy.tasks.coding_task]", "[policy.tasks.codingtask]", 13, "policy.tasks"),
        ('tier = "proven"', 'tier = "best"', 14, "policy.tasks.coding_task.auto_approve.tier"),
        ('proven = ["read", "write", "shell"]', 'proven = ["sudo"]', 6, "policy.tools"),
        ("children = {max = 2}", "children = {max = 99}", 7, "policy.children.max"),
        ('  "src/**",', '  "/src",', 21, "projects.shop.policy.scope"),
        ('on_approval = "merge"', 'on_approval = "force"', 18, "projects.shop.on_approval"),
        ('url = "/srv/site.git"', 'branch = "x"', 29, "projects.site.url"),
        ("auto_word = false", "auto_word = maybe", 5, "line 5"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_its_line(old: str, new: str, line: int, key: str) -> None:
    """Wherever it stands: in a table, an inline table, a list over several lines, or by not standing there."""
    assert old in WHOLE
    with pytest.raises(BrokenLedger) as told:
        read(WHOLE.replace(old, new).encode())
    assert f"line {line}" in str(told.value)
    assert key in str(told.value)


def test_the_order_of_tiers_is_checked() -> None:
    """Proven takes no fewer points than trusted."""
    with pytest.raises(BrokenLedger, match=r"line 2: policy\.standing: proven must not take fewer"):
        read(b"[policy]\nstanding = {trusted = 5, proven = 4}\n")


KEYS = st.text(alphabet="abc", min_size=1, max_size=3)


@given(st.dictionaries(KEYS, st.sampled_from(["1", '"x"', "[\n1,\n2]", '"""\na = 1\n"""', "{x = 1}"]), min_size=1))
def test_a_keys_line_is_where_it_stands(table: dict[str, str]) -> None:
    """For any values, those over several lines included, which may look like keys themselves."""
    text, at = "# head\n[t]\n", {}
    for key, value in table.items():
        at[key] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    assert {key: line_of(text, ("t", key)) for key in table} == at


def test_what_is_not_there_has_no_line() -> None:
    """Nor has anything in a file that is no TOML."""
    assert line_of("a = 1\n", ("b",)) is None
    assert line_of("a = ", ("a",)) is None
