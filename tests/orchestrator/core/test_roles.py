"""The table of roles, cell by cell, and whom an unknown role makes a node."""

from __future__ import annotations

import itertools
from dataclasses import fields

import pytest

from orchestrator.core.roles import HeartbeatScope, HttpSurface, Role, RolePolicy, RoleSwitches, role_policy

HQ, WORKER, STANDALONE = Role.HEADQUARTERS, Role.LOCAL_WORKER, Role.STANDALONE_NODE
EVERY_SWITCH = [
    RoleSwitches(**dict(zip([f.name for f in fields(RoleSwitches)], values, strict=True)))
    for values in itertools.product([False, True], repeat=len(fields(RoleSwitches)))
]


def each(role: Role) -> list[tuple[RoleSwitches, RolePolicy]]:
    """A role under every setting of its switches."""
    return [(switches, role_policy(role, switches)) for switches in EVERY_SWITCH]


@pytest.mark.parametrize("role", Role)
def test_what_is_switched_alike_for_every_role(role: Role) -> None:
    """ACCEPT_DELEGATIONS, ENABLE_VP_CODER within it, and idle work."""
    for switches, policy in each(role):
        assert policy.role is role
        assert policy.takes_missions is switches.accept_delegations
        assert policy.codes is (switches.accept_delegations and switches.vp_coder)
        assert policy.idle_work is switches.proactive_autonomy


@pytest.mark.parametrize("role", [HQ, STANDALONE])
def test_headquarters_and_standalone_nodes_serve_everything(role: Role) -> None:
    """Whatever is switched; Telegram where it is switched on."""
    for switches, policy in each(role):
        assert (policy.http, policy.page, policy.serves_git) == (HttpSurface.FULL, True, True)
        assert policy.telegram is switches.telegram_poll
        assert policy.registers is False


def test_a_worker_serves_health_and_devices_if_it_is_told_to() -> None:
    """And no Telegram, no Git, no ops tokens, no fleet to judge, whatever is switched."""
    for switches, policy in each(WORKER):
        surface = HttpSurface.DEVICES if switches.device_sync else HttpSurface.HEALTH
        assert (policy.http, policy.page) == (surface, switches.device_sync)
        assert not any((policy.telegram, policy.serves_git, policy.issues_ops_tokens, policy.publishes))
        assert policy.registers
        assert policy.heartbeat is HeartbeatScope.OWN


def test_headquarters_alone_judges_publishes_and_issues() -> None:
    """The rights over others are one role's."""
    for role in Role:
        for _, policy in each(role):
            assert (policy.heartbeat is HeartbeatScope.GLOBAL) is (role is HQ)
            assert (policy.publishes, policy.issues_ops_tokens) == (role is HQ, role is HQ)


@pytest.mark.parametrize("word", ["", "HQ", "headquarter", "ADMIN", "LOCAL WORKER", "HEADQUARTERS\x00", "root"])
def test_an_unknown_word_is_the_least_privileged(word: str) -> None:
    """A slip of the pen gives no rights."""
    assert Role.read(word) is WORKER


def test_a_word_is_read_whatever_its_case() -> None:
    """`headquarters` is what a person types."""
    assert [Role.read(f" {role.value.lower()} ") for role in Role] == list(Role)
