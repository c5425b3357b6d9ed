"""The adapters ask, and the stand-in answers, only as the makers of the three forges have published it.

Every exchange of `test_forge` is held against the descriptions, too; here are the checks of that check, and the whole
description of GitHub, which a package has.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.core.ports.forge import IssueSearch, PullWanted
from tests.contracts.test_forge import MAKERS, MARKER, World, world
from tests.forge_descriptions import catalogue
from tests.forge_descriptions.catalogue import description, faults
from tests.forge_descriptions.description import Description, Exchange
from tests.forge_stand_in.state import BOT

__all__ = ["world"]
ROOT = Path(__file__).parents[2]
USED = {"github": 14, "gitlab": 12, "forgejo": 13}
"""Routes that each adapter uses."""


def tour(world: World) -> None:
    """Has an adapter do all that it can."""
    server = world.stand_in
    wanted = world.branch()
    pull = world.forge.pull_request(wanted)
    world.forge.pull_request(PullWanted(**vars(wanted) | {"title": "Another title"}))
    for kind in ("comment", "review"):
        server.state.say(server.state.pull(pull.number), "anna", "words", kind=kind)
    server.state.say(server.state.pull(pull.number), "anna", "here", kind="line", path="docs/new.md", line=1)
    for kind, state in (("run", "failure"), ("status", "success"), ("status", "pending")):
        server.state.check(wanted.commit, f"{kind} {state}", state, "says", kind=kind)
    world.forge.comments(pull.number)
    world.forge.read(pull.number)
    issue = server.state.open_issue("Broken", "words", labels=("shiftbook",), assignee=BOT)
    world.forge.issues(IssueSearch(label="shiftbook", assignee=BOT))
    for words in ("working", "done"):
        world.forge.say(issue.number, MARKER, words)
    world.forge.rights()


@pytest.mark.parametrize("world", ["gitlab", "forgejo"], indirect=True)
def test_every_route_is_in_the_table(world: World) -> None:
    """And the table has no other: each was asked for by what an adapter can do."""
    tour(world)
    published = description(world.kind)
    assert published is not None
    used = {(one.method.lower(), published.place(one.method, one.path)) for _, one in world.stand_in.exchanges}
    assert len(used) == USED[world.kind]
    if not catalogue.WHOLE:
        assert used == {(method, path) for method, _, path in published.operations}
    assert faults(world.stand_in.exchanges) == []


@pytest.mark.nightly
@pytest.mark.parametrize("world", ["github"], indirect=True)
def test_github_is_asked_and_stood_in_for_as_it_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the whole file that GitHub publishes, in the version that `.ci/descriptions` names."""
    done = subprocess.run(["bash", ROOT / ".ci" / "descriptions"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"its description cannot be had: {done.stderr.strip()[-200:]}")
    monkeypatch.setattr(catalogue, "INSTALLED", Path(done.stdout.strip()))
    description.cache_clear()
    published = description("github")
    assert published is not None
    tour(world)
    used = {(one.method, published.place(one.method, one.path)) for _, one in world.stand_in.exchanges}
    assert len(used) == USED["github"]
    assert faults(world.stand_in.exchanges) == []


SMALL = Description(
    {
        "paths": {
            "/pulls/{n}": {
                "get": {
                    "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
                    "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/pull"}}}}, "404": {}},
                },
                "put": {
                    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/edit"}}}},
                    "responses": {"200": {}},
                },
            }
        },
        "pull": {
            "allOf": [
                {"type": "object", "properties": {"id": {"type": "integer"}}},
                {
                    "properties": {
                        "state": {"type": "string", "enum": ["open"]},
                        "body": {"type": "string", "nullable": True},
                    }
                },
            ]
        },
        "edit": {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}},
    }
)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"path": "/pulls"}, ["there is no such route"]),
        ({"method": "POST"}, ["there is no such route"]),
        ({"query": {"page": "2"}}, []),
        ({"query": {"page": "two"}}, ["the query page is 'two': {'type': 'integer'}"]),
        ({"query": {"pages": "2"}}, ["the query pages is unknown"]),
        ({"body": {"a": 1}}, ["it takes no body"]),
        ({"status": 201}, ["it never answers so, but 200, 404"]),
        ({"status": 404, "answer": {"any": "thing"}}, []),
        ({"status": 429, "answer": {"any": "thing"}}, []),
        ({"answer": {"id": True}}, ["answer.id is True, and no integer"]),
        ({"answer": {"id": None}}, ["answer.id is None, and no integer"]),
        ({"answer": {"state": "shut", "body": None}}, ["answer.state is 'shut', and not one of ['open']"]),
        ({"answer": {"merged": True}}, ["answer.merged is unknown"]),
        ({"status": 500, "made_up": True}, []),
        ({"method": "PUT", "body": {"title": "x"}}, []),
        ({"method": "PUT"}, ["body is None, and no object"]),
        ({"method": "PUT", "body": {"titel": "x"}}, ["body.titel is unknown", "body.title is missing"]),
        ({"method": "PUT", "body": {"title": 1}}, ["body.title is 1, and no string"]),
    ],
)
def test_what_was_not_published_is_told(changed: dict[str, object], said: list[str]) -> None:
    """Routes, queries, bodies, statuses, fields and their types; a field that is not there is no fault of an answer."""
    given: dict[str, object] = {
        "method": "GET",
        "path": "/pulls/1",
        "query": {},
        "body": None,
        "status": 200,
        "answer": {},
    }
    one = Exchange(**given | changed)  # type: ignore[arg-type]  # of many types
    assert [fault.partition(": ")[2] for fault in SMALL.faults(one)] == said


def test_every_kind_of_forge_has_a_description() -> None:
    """GitHub's by a package, the others' by a table."""
    assert {kind for kind in MAKERS if (catalogue.TABLES / f"{kind}.yaml").exists()} == {"gitlab", "forgejo"}
    assert (ROOT / ".ci" / "descriptions").exists()
