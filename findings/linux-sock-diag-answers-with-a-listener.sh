#!/usr/bin/env bash
# Linux 6.18: sock_diag(7), asked for one TCP connection that does not exist, answers with another socket.
#
# A question without NLM_F_DUMP names one socket by both of its ends. Where no such connection is, the kernel goes on
# to the sockets that listen at the local end and tells of one as if that had been asked for: with its user and inode,
# the remote port 0 and a state that is not among those of the question; no error says that nothing was found. Only
# where nobody listens there either it is ENOENT. A connection whose program has closed its end is told with user 0
# and inode 0, which reads as root's. So whoever looks up the owner of a peer has to compare the state, and the inode
# with 0, before the user means anything.
# Seen: Linux 6.18, with psutil 7.1.3 as the witness of which connections there are. Fails once that has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet psutil==7.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import errno
import os
import platform
import socket
import struct

import psutil

ESTABLISHED, LISTEN = 1, 10


def ask(local, remote, states):
    """The error's name, or the answer's state, remote port, user and inode."""
    addresses = b"".join(socket.inet_aton(end[0]).ljust(16, b"\0") for end in (local, remote))
    body = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, states)
    body += struct.pack("!HH", local[1], remote[1]) + addresses + b"\0" * 4 + b"\xff" * 8
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4) as kernel:
        kernel.settimeout(10)
        kernel.sendto(struct.pack("=IHHII", 16 + len(body), 20, 1, 0, 0) + body, (0, 0))
        said = kernel.recv(4096)
    if struct.unpack_from("=IH", said)[1] == 2:
        return errno.errorcode[-struct.unpack_from("=i", said, 16)[0]]
    remote_port = struct.unpack_from("!H", said, 22)[0]
    return {"state": said[17], "remote port": remote_port, "user, inode": struct.unpack_from("=II", said, 80)}


def witnessed(local, remote):
    """Whether psutil knows a connection between these ends."""
    return any(each.laddr == local and each.raddr == remote for each in psutil.net_connections("tcp4"))


print(f"Linux {platform.release()}, psutil {psutil.__version__}")
listening, other = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
local, remote = listening.getsockname(), other.getsockname()
listener = ask(local, remote, 1 << ESTABLISHED)
assert not witnessed(local, remote)
print(f"no connection, asked for an established one: {listener}")
caller = socket.create_connection(remote)
accepted, _ = other.accept()
mine = caller.getsockname()
held = ask(mine, remote, 1 << ESTABLISHED)
assert witnessed(mine, remote)
print(f"a connection: {held}")
caller.close()
orphan = ask(mine, remote, 1 << ESTABLISHED)
print(f"closed by its program: {orphan}")
listening.close()
nobody = ask(local, remote, 1 << ESTABLISHED)
print(f"no connection and nobody listens: {nobody}")
assert held["state"] == ESTABLISHED and held["user, inode"][1]
assert nobody == "ENOENT"
surprise = (
    isinstance(listener, dict)
    and listener["state"] == LISTEN
    and listener["remote port"] == 0
    and listener["user, inode"][0] == os.getuid()
    and orphan["state"] != ESTABLISHED
    and orphan["user, inode"] == (0, 0)
)
assert surprise, "the surprise is gone"
PYTHON
