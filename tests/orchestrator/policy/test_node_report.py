"""What a node's report says, for every role and setting."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from typing import Any

import pytest

from missions.divisions import DEFAULT_DIVISIONS
from missions.selection import NodeCapabilities
from orchestrator.core.roles import HeartbeatScope, HttpSurface, Role, RolePolicy, RoleSwitches, role_policy
from orchestrator.policy.node_report import permissions, render_report, report_json

OFFER = NodeCapabilities(node="desk", role="x", capabilities=frozenset({"gpu"}), agents=frozenset({"builtin"}))


@pytest.mark.parametrize("role", Role)
def test_every_refusal_has_a_reason_and_is_the_policys(role: Role) -> None:
    """The report and the policy never disagree, whatever is switched."""
    for sync, accept, coder, poll in itertools.product([False, True], repeat=4):
        switches = RoleSwitches(device_sync=sync, accept_delegations=accept, vp_coder=coder, telegram_poll=poll)
        policy = role_policy(role, switches)
        rows = {row.what: row for row in permissions(policy)}
        assert all(row.allowed is (row.why == "") for row in rows.values())
        assert rows["work on missions"].allowed is policy.takes_missions
        assert rows["change projects (coding_task)"].allowed is policy.codes
        assert rows["serve the web page"].allowed is policy.page
        assert rows["issue ops tokens"].allowed is policy.issues_ops_tokens
        assert rows["be a bot of Telegram"].allowed is policy.telegram
        assert rows["judge the fleet in its heartbeat"].allowed is (role is Role.HEADQUARTERS)
        text = render_report(policy, OFFER, "1.0")
        assert all((f"- {row.what}\n" in text) is row.allowed for row in rows.values())


def test_it_leaves_out_nothing_that_a_role_allows_or_forbids() -> None:
    """Whatever a policy says otherwise is told otherwise: a new row of the table of roles is missed here."""
    duties = {"registers"}
    """What a node does and nobody could be refused."""
    policy = role_policy(Role.HEADQUARTERS, RoleSwitches())
    other: dict[str, Any] = {"role": Role.LOCAL_WORKER, "http": HttpSurface.HEALTH, "heartbeat": HeartbeatScope.OWN}
    silent = {
        each.name
        for each in fields(RolePolicy)
        if report_json(policy, OFFER, "1", announced=True)
        == report_json(
            replace(policy, **{each.name: other.get(each.name, not getattr(policy, each.name))}),
            OFFER,
            "1",
            announced=True,
        )
    }
    assert silent == duties


def test_the_file_is_for_people() -> None:
    """Who it is, what it has, as whom it answers; a node that takes nothing lists no kinds of work."""
    divisions = (replace(DEFAULT_DIVISIONS[0], name="Mara"), *DEFAULT_DIVISIONS[1:])
    text = render_report(
        role_policy(Role.HEADQUARTERS, RoleSwitches(proactive_autonomy=True, telegram_poll=True)),
        replace(OFFER, divisions=divisions),
        "1.0",
    )
    assert text.startswith("# What desk can do\n\nA HEADQUARTERS node, version 1.0.")
    assert "Capabilities: gpu." in text
    assert "Divisions: Mara, coder of desk, general of desk, primary of desk." in text
    assert "- nothing is forbidden" in text
    idle = role_policy(Role.LOCAL_WORKER, RoleSwitches(accept_delegations=False))
    assert "Kinds of work" not in render_report(idle, OFFER, "1.0")
    assert report_json(idle, OFFER, "1.0", announced=True)["tasks"] == []
