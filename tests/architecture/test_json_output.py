"""Does every way through a command with --json print one JSON document?

Each function that is told `as_json` is followed statement by statement, as if it were true: a way out of it that has
printed nothing, or twice, is found. An error that is raised needs nothing: `cli.main` prints it as JSON. What a call
prints that is handed `as_json` is that function's own matter, which is followed by itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.architecture.sources import MODULES, ROOT, nodes

FLAG = "as_json"
PRINTERS = {"print_json", "json_items", "print_json_line"}
"""What of `cli.terminal` prints a document."""
EXITS = {"exit", "Exit"}
SAFE = {
    "orchestrator/cli/bench.py:run": "_conclude tells what was measured, whatever came; without a result it raises",
    "orchestrator/cli/chat/command.py:chat": "a conversation with a person has no JSON; a message is print_answer's",
    "orchestrator/cli/demo/command.py:demo": "_run prints for people alone",
    "orchestrator/cli/fleet/nodes.py:fleet": "a group: its subcommand prints",
    "orchestrator/cli/fleet/watching.py:_print_changes": "a line for each change",
    "orchestrator/cli/journal/log.py:search": "search_all exits",
    "orchestrator/cli/ledger.py:_done": "prints for people alone; recover prints",
    "orchestrator/cli/ledger.py:recover": "_done prints for people alone",
    "orchestrator/cli/mission/board_import.py:import_": "_require_consent prints for people alone",
    "orchestrator/cli/mission/following.py:__init__": "keeps it",
    "orchestrator/cli/mission/following.py:watch": "a line for each change",
    "orchestrator/cli/node.py:_event_printer": "a line for each event",
    "orchestrator/cli/notify.py:test": "_told exits",
    "orchestrator/cli/project/add.py:add": "settings_with_fleet and _try print for people alone",
}
"""Functions that are told `as_json` and print nothing themselves, or more than once, each with its reason."""

Ways = frozenset[int]
"""How many documents may have been printed when a statement begins: 0, 1 or 2 (and more)."""


def test_each_way_through_a_command_prints_one_document() -> None:
    """Nothing to do, refused, done: whoever reads the output finds one document."""
    assert sorted(f"{place}:{line} {what}" for place, line, what in _wrong() if place not in SAFE) == []


def test_each_reason_is_needed() -> None:
    """No reason outlives its function, or what was odd about it."""
    assert SAFE.keys() - {place for place, _, _ in _wrong()} == set()


def _wrong() -> Iterator[tuple[str, int, str]]:
    for place, function in _functions():
        follower = _Follower()
        end = follower.block(function.body, frozenset({0}))
        for line, ways in (*follower.ended, (function.end_lineno or 0, end)):
            if 0 in ways:
                yield place, line, "is reached with nothing printed"
            if 2 in ways:
                yield place, line, "is reached with two documents printed"


def _functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in MODULES:
        if "cli" in Path(path).relative_to(ROOT).parts:
            for node in nodes(path, ast.FunctionDef):
                if FLAG in {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}:
                    yield f"{path.relative_to(ROOT)}:{node.name}", node


class _Follower:
    """Follows a function; `ended` are its ways out before its end."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, Ways]] = []

    def block(self, body: Iterable[ast.stmt], ways: Ways) -> Ways:
        """How many may have been printed behind these statements; none where there is no way there."""
        for each in body:
            ways = self.statement(each, ways)
        return ways

    def statement(self, each: ast.stmt, ways: Ways) -> Ways:
        """The same of one statement."""
        follow = _KINDS.get(type(each))
        if follow is None or not ways:
            return _printed(each, ways)
        return follow(self, each, ways)

    def ends(self, each: ast.Return | ast.Raise, ways: Ways) -> Ways:
        """A way out; an error is none, but for those that click and Python take for an exit code."""
        if isinstance(each, ast.Return) or _names(each) & EXITS:
            self.ended.append((each.lineno, _printed(each, ways)))
        return frozenset()

    def expression(self, each: ast.Expr, ways: Ways) -> Ways:
        """`sys.exit` is a way out."""
        if _called(each.value) not in EXITS:
            return _printed(each, ways)
        self.ended.append((each.lineno, _printed(each, ways)))
        return frozenset()

    def branch(self, each: ast.If, ways: Ways) -> Ways:
        """The branch that JSON takes, where that is plain; else both."""
        ways, asked = _printed(each.test, ways), _asked(each.test)
        taken = {"yes": [each.body], "no": [each.orelse]}.get(asked, [each.body, each.orelse])
        return frozenset[int]().union(*(self.block(body, ways) for body in taken))

    def loop(self, each: ast.For | ast.While, ways: Ways) -> Ways:
        """Not at all, or once: twice is for those that print a line at a time, which say so in SAFE."""
        ways = _printed(each.iter if isinstance(each, ast.For) else each.test, ways)
        return ways | self.block(each.body, ways)

    def within(self, each: ast.With, ways: Ways) -> Ways:
        """What is opened may print."""
        for item in each.items:
            ways = _printed(item.context_expr, ways)
        return self.block(each.body, ways)

    def attempt(self, each: ast.Try, ways: Ways) -> Ways:
        """To the end, or into a handler before anything was printed."""
        done = self.block((*each.body, *each.orelse), ways)
        return self.block(each.finalbody, done.union(*(self.block(one.body, ways) for one in each.handlers)))

    def nothing(self, each: ast.stmt, ways: Ways) -> Ways:
        """A definition prints nothing."""
        return ways

    def leaves(self, each: ast.stmt, ways: Ways) -> Ways:
        """Where a loop is left counts by its other ways."""
        return frozenset()


_KINDS: dict[type[ast.stmt], Callable[..., Ways]] = {
    ast.Return: _Follower.ends,
    ast.Raise: _Follower.ends,
    ast.Expr: _Follower.expression,
    ast.If: _Follower.branch,
    ast.For: _Follower.loop,
    ast.While: _Follower.loop,
    ast.With: _Follower.within,
    ast.Try: _Follower.attempt,
    ast.FunctionDef: _Follower.nothing,
    ast.ClassDef: _Follower.nothing,
    ast.Continue: _Follower.leaves,
    ast.Break: _Follower.leaves,
}


def _asked(test: ast.expr) -> str:
    """Whether a condition holds because it is JSON (yes), cannot because of it (no), or may ("")."""
    if isinstance(test, ast.Name) and test.id == FLAG:
        return "yes"
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return {"yes": "no", "no": "yes", "": ""}[_asked(test.operand)]
    if isinstance(test, ast.BoolOp):
        parts: Sequence[str] = [_asked(each) for each in test.values]
        decides = "no" if isinstance(test.op, ast.And) else "yes"
        if decides in parts:
            return decides
    return ""


def _printed(node: ast.AST, ways: Ways) -> Ways:
    """The ways with what the calls in a statement print."""
    choice = node.value if isinstance(node, ast.Expr) else node
    if isinstance(choice, ast.IfExp):
        asked = _asked(choice.test)
        chosen = {"yes": [choice.body], "no": [choice.orelse]}.get(asked, [choice.body, choice.orelse])
        return frozenset().union(*(_printed(each, ways) for each in chosen))
    count = sum(_prints(each) for each in ast.walk(node) if isinstance(each, ast.Call))
    return frozenset(min(2, each + count) for each in ways)


def _prints(call: ast.Call) -> bool:
    handed = (*call.args, *(each.value for each in call.keywords))
    told = any(isinstance(each, ast.Name) and each.id == FLAG for each in handed)
    return _called(call) in PRINTERS or told


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _names(node: ast.AST) -> set[str]:
    return {
        each.attr if isinstance(each, ast.Attribute) else each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute | ast.Name)
    }
