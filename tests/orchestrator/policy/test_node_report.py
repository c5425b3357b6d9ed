"""What a node's report says, for every role and setting."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from missions.divisions import DEFAULT_DIVISIONS
from missions.selection import NodeCapabilities
from orchestrator.core.roles import Role, RoleSwitches, role_policy
from orchestrator.policy.node_report import permissions, render_report, report_json

OFFER = NodeCapabilities(node="desk", role="x", capabilities=frozenset({"gpu"}), agents=frozenset({"builtin"}))


@pytest.mark.parametrize("role", Role)
def test_every_refusal_has_a_reason_and_is_the_policys(role: Role) -> None:
    """The report and the policy never disagree, whatever is switched."""
    for sync, accept, coder in itertools.product([False, True], repeat=3):
        policy = role_policy(role, RoleSwitches(device_sync=sync, accept_delegations=accept, vp_coder=coder))
        rows = {row.what: row for row in permissions(policy)}
        assert all(row.allowed is (row.why == "") for row in rows.values())
        assert rows["work on missions"].allowed is policy.takes_missions
        assert rows["change projects (coding_task)"].allowed is policy.codes
        assert rows["serve the web page"].allowed is policy.page
        assert rows["issue ops tokens"].allowed is policy.issues_ops_tokens
        text = render_report(policy, OFFER, "1.0")
        assert all((f"- {row.what}\n" in text) is row.allowed for row in rows.values())


def test_the_file_is_for_people() -> None:
    """Who it is, what it has, as whom it answers; a node that takes nothing lists no kinds of work."""
    divisions = (replace(DEFAULT_DIVISIONS[0], name="Mara"), *DEFAULT_DIVISIONS[1:])
    text = render_report(
        role_policy(Role.HEADQUARTERS, RoleSwitches(proactive_autonomy=True)),
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
