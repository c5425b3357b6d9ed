"""The table of every role, route and method, as the gate of a real app answers it: who is let in where?

`docs/roles.md` holds it for people; SHIFTBOOK_WRITE_TABLES=1 has `test_role_table.py` write it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from werkzeug.routing import Rule

from orchestrator.api.app import create_app
from orchestrator.core.roles import Role
from orchestrator.git_server.http_backend import GitHttpBackend
from tests.orchestrator.api.conftest import Build, Site, bearer

EVERY_SCOPE = ("look", "chat", "sync", "missions", "approvals", "ops", "git:read", "git")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
COLUMNS: Mapping[str, tuple[Role, bool]] = {
    "HEADQUARTERS": (Role.HEADQUARTERS, False),
    "STANDALONE_NODE": (Role.STANDALONE_NODE, False),
    "LOCAL_WORKER": (Role.LOCAL_WORKER, False),
    "LOCAL_WORKER with device sync": (Role.LOCAL_WORKER, True),
}
"""The kinds of node, each with its role and SHIFTBOOK_DEVICE_SYNC."""
LAN = {"http": "0.0.0.0:8823", "rate": 0}
"""A node that others can reach: nobody is let in for being on this machine."""
OPEN, ABSENT = "open", "–"
EVERYTHING = "everything"
"""The name of a token with every scope."""


@dataclass(frozen=True, kw_only=True)
class RouteCall:
    """One method of one route."""

    method: str
    rule: str
    path: str
    """A path that the rule matches."""


def filled(rule: Rule) -> str:
    """A path that this rule matches."""
    return rule.build(dict.fromkeys(rule.arguments, 1), append_unknown=False)[1]  # type: ignore[index]


def calls(site: Site) -> list[tuple[str, str, str]]:
    """Every route of the app as (method, path, endpoint)."""
    return [
        (method, filled(rule), rule.endpoint)
        for rule in site.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})
    ]


def route_calls(site: Site) -> list[RouteCall]:
    """Every method of every route, by path."""
    found = [
        RouteCall(method=method, rule=shown(rule), path=filled(rule))
        for rule in site.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    ]
    return sorted(found, key=lambda call: (call.rule, METHODS.index(call.method)))


def shown(rule: Rule) -> str:
    """A rule as docs/api.md writes it: `/device/{device_id}/history`."""
    pieces = rule.rule.replace(">", "<").split("<")
    return "".join(f"{{{piece.rpartition(':')[2]}}}" if n % 2 else piece for n, piece in enumerate(pieces))


def judge(site: Site, method: str, path: str, headers: Mapping[str, str]) -> int:
    """What the gate alone says to a request; 200 when it lets it through."""
    with site.app.test_request_context(path, method=method, headers=dict(headers), base_url="http://127.0.0.1/"):
        try:
            found = site.app.preprocess_request()
        except Exception as error:  # as Flask itself would
            found = site.app.handle_user_exception(error)
        return 200 if found is None else site.app.make_response(found).status_code


def table_site(build: Build, role: Role, *, device_sync: bool) -> Site:
    """A node of this kind with every route that a setting can add: webhooks, and git, which is not asked anything."""
    site = build(
        role,
        device_sync=device_sync,
        hook_secret="a secret of the hook",
        forge_secret="a secret of forges",
        signal_secrets="s=" + "x" * 16,
        **LAN,
    )
    site.app = create_app(
        replace(site.house, git=GitHttpBackend(bare=site.house.settings.home / "fleet.git", push_bytes=1024))
    )
    return site


def admitted(site: Site, keys: Mapping[str, Mapping[str, str]], call: RouteCall) -> str:
    """Whom one kind of node lets in: the scopes, `open` for everybody, `–` where it has no such route."""
    stranger = judge(site, call.method, call.path, {})
    if stranger == 200:
        return OPEN
    if stranger == 404:
        assert judge(site, call.method, call.path, keys[EVERYTHING]) == 404, call
        return ABSENT
    assert stranger == 401, f"{call}: {stranger}"
    answers = {scope: judge(site, call.method, call.path, keys[scope]) for scope in EVERY_SCOPE}
    assert set(answers.values()) <= {200, 403}, f"{call}: {answers}"
    return " ".join(scope for scope in EVERY_SCOPE if answers[scope] == 200)


def observe(build: Build) -> dict[tuple[str, str], tuple[str, ...]]:
    """The whole table: (method, rule) with a cell for each kind of node."""
    columns = [_observed_column(build, role, device_sync=sync) for role, sync in COLUMNS.values()]
    return {key: tuple(column[key] for column in columns) for key in columns[0]}


def _observed_column(build: Build, role: Role, *, device_sync: bool) -> dict[tuple[str, str], str]:
    site = table_site(build, role, device_sync=device_sync)
    keys = {scope: bearer(site.token(scope, name=scope.replace(":", "-"))) for scope in EVERY_SCOPE}
    keys[EVERYTHING] = bearer(site.token(*EVERY_SCOPE, name=EVERYTHING))
    return {(call.method, call.rule): admitted(site, keys, call) for call in route_calls(site)}


def render(table: Mapping[tuple[str, str], tuple[str, ...]]) -> str:
    """The table as Markdown."""
    return "\n".join(_lines(table))


def _lines(table: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[str]:
    yield f"| route | who | {' | '.join(COLUMNS)} |"
    yield "|---" * (2 + len(COLUMNS)) + "|"
    for (method, rule), cells in table.items():
        who = cells[0]
        kinds = ("yes" if cell == who else cell for cell in cells)
        yield f"| `{method} {rule}` | {who} | {' | '.join(kinds)} |"
