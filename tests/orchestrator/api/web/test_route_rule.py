"""Does a route match and have its address without what the address is built by being compiled beforehand?"""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, url_for
from werkzeug.routing import Rule

from orchestrator.api.web.route_rule import RouteRule
from tests.orchestrator.api.conftest import Build


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rules for which werkzeug compiles a function."""
    found: list[str] = []
    real = Rule._compile_builder

    def noting(rule: Rule, append_unknown: bool = True) -> object:
        found.append(rule.rule)
        return real(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", noting)
    return found


def test_a_nodes_app_compiles_nothing_for_addresses(compiled: list[str], build: Build) -> None:
    """Where a node starts to serve, nothing is compiled for addresses that nobody asks for."""
    app = build().app
    assert compiled == []
    assert len(list(app.url_map.iter_rules())) > 50


def test_an_address_is_built_when_it_is_asked_for(compiled: list[str]) -> None:
    """It is what any other rule makes of it, values, queries and defaults included."""
    addresses = []
    for kind in (Rule, RouteRule):
        app = Flask(__name__, static_folder=None)
        app.url_rule_class = kind
        app.add_url_rule("/missions/<path:name>/<int:number>", "mission", lambda name, number: f"{name} {number}")
        app.add_url_rule("/", "top", lambda: "top", defaults={"page": 1})
        compiled.clear()
        with app.test_request_context():
            asked: dict[str, Any] = {"name": "a b/\u00e9", "number": 3, "rule": "x&y"}
            addresses.append([url_for("mission", **asked), url_for("top", page=1)])
        assert bool(compiled) == (kind is RouteRule)
        assert app.test_client().get("/missions/a/b/7").text == "a/b 7"
    assert addresses[0] == addresses[1]
    assert addresses[0][0].endswith("?rule=x%26y")
