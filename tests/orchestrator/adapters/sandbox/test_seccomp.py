"""The filter of system calls, run by an interpreter of its few instructions, for every kind of processor."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox import bubblewrap
from orchestrator.adapters.sandbox.seccomp import ARCHITECTURES, filter_path, filter_program

ALLOW = 0x7FFF0000
I386 = 0x40000003
EVERY = pytest.mark.parametrize("machine", ARCHITECTURES)


def verdict(machine: str, number: int, *arguments: int, audit: int = 0) -> int:
    """What the kernel would do with a call: ALLOW, or the error that the caller gets."""
    program = filter_program(machine)
    assert program is not None
    words = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("=iIQ6Q", number, audit or ARCHITECTURES[machine].audit, 0, *words)
    steps, at, value = list(struct.iter_unpack("=HBBI", program)), 0, 0
    while True:
        code, then, otherwise, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code in (0x15, 0x35):
            at += then if (value == operand if code == 0x15 else value >= operand) else otherwise
        else:
            assert code == 0x06
            return operand if operand == ALLOW else operand & 0xFFFF


@EVERY
def test_what_is_refused_is_refused(machine: str) -> None:
    """Each call of the table; and what stands beside them in the kernel's table goes through unless it is in ours."""
    refused = set(ARCHITECTURES[machine].refused.values())
    for number in range(500):
        if number != ARCHITECTURES[machine].socket:
            assert verdict(machine, number) == (errno.EPERM if number in refused else ALLOW)


@EVERY
@pytest.mark.parametrize(
    ("family", "protocol", "made"),
    [(1, 0, True), (2, 6, True), (10, 17, True), (16, 0, True), (16, 15, False), (17, 0, False), (40, 0, False)],
)
def test_sockets(machine: str, family: int, protocol: int, made: bool) -> None:
    """Local ones and those of the internet; of the kernel's own only the one that tells a program its addresses."""
    said = verdict(machine, ARCHITECTURES[machine].socket, family, 1, protocol)
    assert said == (ALLOW if made else errno.EAFNOSUPPORT)


@EVERY
def test_another_convention_is_no_way_round(machine: str) -> None:
    """The same numbers mean other calls to a 32-bit program: it gets none."""
    assert verdict(machine, 4, audit=I386) == errno.ENOSYS
    if ARCHITECTURES[machine].x32:
        assert verdict(machine, 0x40000000 | 250) == errno.ENOSYS


@EVERY
def test_the_file_is_what_the_table_says(machine: str) -> None:
    """`python -m orchestrator.adapters.sandbox.seccomp` writes it anew."""
    assert filter_path(machine).read_bytes() == filter_program(machine)


def test_other_processors_have_none() -> None:
    """There the namespaces alone hold."""
    assert filter_program("riscv64") is None
    assert not filter_path("riscv64").exists()


def test_without_its_filter_the_sandbox_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that an installation lost is told, and nothing runs with less."""
    monkeypatch.setattr(bubblewrap, "filter_path", lambda: Path("/lost.bpf"))
    monkeypatch.setattr(bubblewrap.platform, "machine", lambda: "x86_64")
    sandbox = bubblewrap.Bubblewrap(program="sh")
    assert "/lost.bpf is missing" in (sandbox.missing() or "")
