"""How hardened is a node's unit, and what does each exemption serve?

Each line was tried against a real systemd 252 with the sandbox inside; what breaks that or an agent is exempt, and says
so in the unit. `systemd-analyze security` rates the result (docs/operating.md, Deployment).
"""

from __future__ import annotations

EVERYWHERE = {
    "NoNewPrivileges": "yes",
    "UMask": "0077",
    "LockPersonality": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
}
"""What a user's own manager can do as well: it takes no privilege."""
SYSTEM = {
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "DevicePolicy": "closed",
    "KeyringMode": "private",
    "PrivateDevices": "yes",
    "PrivateMounts": "yes",
    "PrivateTmp": "yes",
    "ProtectClock": "yes",
    "ProtectHome": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": "yes",
}
"""What only the system's manager can do."""
NODE_CALLS = {"SystemCallFilter": "@system-service @mount sethostname"}
"""The calls of a node: with those that its sandbox makes to build a root of its own, and to name it."""
PLAIN = {
    "MemoryDenyWriteExecute": "yes",
    "PrivateUsers": "yes",
    "ProcSubset": "pid",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelTunables": "yes",
    "RestrictNamespaces": "yes",
    "SystemCallFilter": "@system-service",
}
"""What a service without a sandbox inside bears on top (the backup; its database may be reached over the network)."""
EXEMPTIONS = {
    "MemoryDenyWriteExecute": "agents and tests run on engines that compile at run time (Node, JVM)",
    "PrivateNetwork, IPAddressDeny": "the ledger, models and projects are reached over the network",
    "PrivateUsers": "the owner's programs are told from others' by user and namespace (SHIFTBOOK_HTTP)",
    "ProcSubset": "memory, load and sockets are read from /proc",
    "ProtectControlGroups": "each run gets a control group of its own (Delegate)",
    "ProtectHostname": "the sandbox names its own UTS namespace",
    "ProtectKernelTunables": "with /proc/sys read-only the sandbox cannot forbid further user namespaces",
    "RestrictNamespaces": "the sandbox is made of user, mount, PID, IPC, UTS, network and cgroup namespaces",
    "SystemCallFilter=@mount": "the sandbox builds a root of its own",
    "RootDirectory": "agents, tools and the C library are the machine's",
}
"""What a node's unit leaves out, and why."""


def node_lines(*, system: bool) -> list[str]:
    """The confinement of a node's unit, for the system's manager or a user's."""
    said = [f"# not {name}: {why}" for name, why in EXEMPTIONS.items()] if system else []
    return [*said, *_lines(EVERYWHERE | NODE_CALLS | (SYSTEM if system else {}))]


def plain_lines() -> list[str]:
    """The confinement of a unit that needs no sandbox of its own."""
    return _lines(EVERYWHERE | SYSTEM | PLAIN | {"RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6"})


def _lines(directives: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in sorted(directives.items())]
