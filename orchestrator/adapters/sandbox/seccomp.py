"""Which system calls are refused inside the sandbox?

Namespaces do not cover all of the kernel: keyrings cross them, and some calls are the machine's owner's alone, or have
been the way out of sandboxes before. What compilers, test suites and agents need stays. The filter is a classic BPF
program (seccomp(2)) that bubblewrap loads right before the command starts. Numbers are those of the kernel's tables
(arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h), which never change.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILTER_FD = 9
"""The descriptor on which bubblewrap reads the filter."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a kind of processor calls what is refused. `audit` is its AUDIT_ARCH_* value (linux/audit.h)."""

    audit: int
    socket: int
    refused: Mapping[str, int]
    x32: bool = False
    """Whether the same kernel takes calls of a second, 32-bit convention, whose numbers have this bit set."""


NEW_CALLS = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
}
"""Since Linux 5.1 a new call has one number everywhere."""
ARCHITECTURES = {
    "x86_64": Architecture(
        audit=0xC000003E,
        socket=41,
        x32=True,
        refused=NEW_CALLS
        | {"add_key": 248, "request_key": 249, "keyctl": 250}
        | {"userfaultfd": 323, "bpf": 321, "perf_event_open": 298, "kcmp": 312, "lookup_dcookie": 212}
        | {"name_to_handle_at": 303, "open_by_handle_at": 304, "quotactl": 179, "syslog": 103, "acct": 163}
        | {"mount": 165, "umount2": 166, "pivot_root": 155, "swapon": 167, "swapoff": 168, "reboot": 169}
        | {"kexec_load": 246, "kexec_file_load": 320, "init_module": 175, "finit_module": 313, "delete_module": 176}
        | {"settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305, "vhangup": 153}
        | {"iopl": 172, "ioperm": 173, "nfsservctl": 180},
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        socket=198,
        refused=NEW_CALLS
        | {"add_key": 217, "request_key": 218, "keyctl": 219}
        | {"userfaultfd": 282, "bpf": 280, "perf_event_open": 241, "kcmp": 272, "lookup_dcookie": 18}
        | {"name_to_handle_at": 264, "open_by_handle_at": 265, "quotactl": 60, "syslog": 116, "acct": 89}
        | {"mount": 40, "umount2": 39, "pivot_root": 41, "swapon": 224, "swapoff": 225, "reboot": 142}
        | {"kexec_load": 104, "kexec_file_load": 294, "init_module": 105, "finit_module": 273, "delete_module": 106}
        | {"settimeofday": 170, "clock_settime": 112, "clock_adjtime": 266, "vhangup": 58, "nfsservctl": 42},
    ),
}
"""Of others nothing is refused: there the namespaces alone hold (docs/sandbox.md)."""

AF_NETLINK = 16
SOCKET_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6; and of AF_NETLINK only protocol 0, with which a program reads its own addresses."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ, …|BPF_JGE, BPF_RET
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 32  # struct seccomp_data, the low halves
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_X32_BIT = 0x40000000


def filter_program(machine: str = "") -> bytes | None:
    """The filter for a kind of processor (default: this one), as bubblewrap reads it; None where there is none."""
    arch = ARCHITECTURES.get(machine or platform.machine())
    return None if arch is None else _assemble(arch)


def _assemble(arch: Architecture) -> bytes:
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, arch.audit, then=1),
        _refuse(errno.ENOSYS),  # a 32-bit program's calls have other numbers
        _step(_LOAD, _NUMBER),
    ]
    if arch.x32:
        program += [_step(_AT_LEAST, _X32_BIT, otherwise=1), _refuse(errno.ENOSYS)]
    for number in sorted(arch.refused.values()):
        program += [_step(_EQUAL, number, otherwise=1), _refuse(errno.EPERM)]
    return b"".join([*program, *_sockets(arch.socket), _step(_RETURN, _ALLOW)])


def _sockets(number: int) -> list[bytes]:
    """Only sockets of these families are made."""
    families = [_step(_EQUAL, family, otherwise=1) + _step(_RETURN, _ALLOW) for family in SOCKET_FAMILIES]
    inside = [
        _step(_LOAD, _FIRST_ARGUMENT),
        *families,
        _step(_EQUAL, AF_NETLINK, otherwise=3),
        _step(_LOAD, _THIRD_ARGUMENT),
        _step(_EQUAL, 0, otherwise=1),
        _step(_RETURN, _ALLOW),
        _refuse(errno.EAFNOSUPPORT),
    ]
    return [_step(_EQUAL, number, otherwise=len(b"".join(inside)) // 8), *inside]


def _step(code: int, operand: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction (struct sock_filter); a comparison skips so many where it holds, or where it does not."""
    return struct.pack("=HBBI", code, then, otherwise, operand)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def filter_path(machine: str = "") -> Path:
    """Where the filter for a kind of processor lies, in bubblewrap's form; `python -m …seccomp` writes them all."""
    return Path(__file__).with_name(f"seccomp-{machine or platform.machine()}.bpf")


if __name__ == "__main__":
    for name in ARCHITECTURES:
        filter_path(name).write_bytes(filter_program(name) or b"")
