"""Every role, route and method in one generated table, and what the table must say whatever routes there are."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from flask import Flask

from orchestrator.core.roles import Role
from tests.orchestrator.api.conftest import Build, bearer
from tests.orchestrator.api.role_table import (
    ABSENT,
    COLUMNS,
    EVERY_SCOPE,
    METHODS,
    OPEN,
    judge,
    observe,
    render,
    route_calls,
    table_site,
)

ROOT = Path(__file__).resolve().parents[3]
PAGE, ROUTES = ROOT / "docs" / "roles.md", ROOT / "orchestrator" / "api" / "routes"
BEGIN, END = "<!-- generated: every route -->\n", "\n<!-- end -->"
Table = Mapping[tuple[str, str], tuple[str, ...]]
FOR_DEVICES = {"look", "chat", "missions", "approvals", "sync"}
"""The scopes of what a worker serves to paired devices."""
DEVICES_OWN = ("/api/v1/pairings", "/api/v1/devices")
"""What whoever owns the devices does with them, also at a worker."""


def check_columns(table: Table) -> None:
    """What no change of routes may change."""
    for (method, rule), (hq, standalone, worker, with_devices) in table.items():
        where = f"{method} {rule}"
        assert hq != ABSENT, f"headquarters serves everything: {where}"
        assert standalone in (hq, ABSENT), where
        assert with_devices in (hq, ABSENT), where
        assert (worker, rule) in {(ABSENT, rule), (OPEN, "/health")}, f"a worker has /health alone: {where}"
        if with_devices not in (OPEN, ABSENT):
            theirs = FOR_DEVICES & set(with_devices.split()) or rule.startswith(DEVICES_OWN)
            assert theirs, f"a worker serves no other scope: {where}"


def test_the_table_of_roles_and_routes_is_the_documents(build: Build) -> None:
    """docs/roles.md shows, route by route, whom each kind of node lets in; the gates of four real apps say the same."""
    table = observe(build)
    check_columns(table)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("SHIFTBOOK_WRITE_TABLES"):
        PAGE.write_text(before + BEGIN + render(table) + END + after, encoding="utf-8")
    assert written == render(table), "SHIFTBOOK_WRITE_TABLES=1 has this test write it anew; then read what changed"


@pytest.mark.parametrize("kind", COLUMNS)
def test_no_route_answers_to_a_method_that_it_does_not_have(build: Build, kind: str) -> None:
    """Every path and every method: what is not in the table is 404 or 405, for whoever may do everything; HEAD is let
    in like GET, OPTIONS changes nothing."""
    role, device_sync = COLUMNS[kind]
    site = table_site(build, role, device_sync=device_sync)
    keys = bearer(site.token(*EVERY_SCOPE))
    routes = site.app.url_map.bind("127.0.0.1")
    for path in sorted({call.path for call in route_calls(site)}):
        methods = set(
            routes.allowed_methods(path)
        )  # of whatever rule matches: /missions/check is a mission's name, too
        for method in sorted(set(METHODS) - methods):
            answer = site.client.open(path, method=method, headers=keys)
            assert answer.status_code in {404, 405}, f"{method} {path}: {answer.status_code}"
        if "GET" in methods:
            assert judge(site, "HEAD", path, {}) == judge(site, "GET", path, {}), path
        assert site.client.options(path, headers=keys).status_code in {204, 404}, path


def written_routes() -> set[tuple[str, str, str]]:
    """Each `@routes.METHOD` below `api/routes`, as method, module and function: two may be called alike."""
    return {
        (decorator.func.attr.upper(), ".".join(path.relative_to(ROOT).with_suffix("").parts), each.name)
        for path in ROUTES.rglob("*.py")
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef)
        for decorator in each.decorator_list
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr.upper() in METHODS
    }


def served_routes(app: Flask) -> set[tuple[str, str, str]]:
    """Each method of each rule of an app in the same words."""
    found = set()
    for rule in app.url_map.iter_rules():
        view = inspect.unwrap(app.view_functions[rule.endpoint])
        found |= {(method, view.__module__, view.__name__) for method in rule.methods or ()}
    return found


def test_every_route_that_is_written_is_in_the_table(build: Build) -> None:
    """Whatever setting adds it, the app that the table is made from serves it; and that app serves nothing else, so
    that the table, which is made of its rules, is the whole of what there is."""
    role, device_sync = COLUMNS["HEADQUARTERS"]
    app = table_site(build, role, device_sync=device_sync).app
    written, served = written_routes(), served_routes(app)
    assert len(written) > 80
    assert written - served == set()
    added = {each for each in served - written if each[0] not in {"HEAD", "OPTIONS"}}
    assert added == set(), "what no `@routes.METHOD` of api/routes makes"


def test_a_route_that_is_new_is_missed_in_the_table(build: Build) -> None:
    """One that the document does not have yet: the table has a line more, and that line says who is let in."""
    role, device_sync = COLUMNS["HEADQUARTERS"]
    site = table_site(build, role, device_sync=device_sync)
    before = {(call.method, call.rule) for call in route_calls(site)}
    site.app.add_url_rule("/api/v1/new/<name>", "new", lambda name: name, methods=["PUT"])
    after = {(call.method, call.rule) for call in route_calls(site)}
    assert after - before == {("PUT", "/api/v1/new/{name}")}
    assert "| `PUT /api/v1/new/{name}` |" not in PAGE.read_text(encoding="utf-8")
    assert ("PUT", __name__, "<lambda>") in served_routes(site.app) - written_routes()


def test_the_check_of_the_columns_can_fail() -> None:
    """A worker that serves chats without device sync, or ops with it, would be seen."""
    good = ("chat", "chat", ABSENT, "chat")
    check_columns({("POST", "/chat"): good})
    for bad in [("chat", "chat", "chat", "chat"), ("ops", "ops", ABSENT, "ops"), (ABSENT, *good[1:])]:
        with pytest.raises(AssertionError):
            check_columns({("POST", "/chat"): bad})


def test_the_first_column_is_headquarters() -> None:
    """The order in which `check_columns` reads them."""
    assert [role for role, _ in COLUMNS.values()] == [
        Role.HEADQUARTERS,
        Role.STANDALONE_NODE,
        Role.LOCAL_WORKER,
        Role.LOCAL_WORKER,
    ]
