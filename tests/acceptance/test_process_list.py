"""Is a secret ever in a command line, which every user of a machine may read (`ps`)?"""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.acceptance.test_joining import Headquarters
from tests.conftest import lacking, require_program

pytestmark = pytest.mark.nightly
# the short form: `orchestrator/app/test_setup` for git's token, `contracts/test_sandbox` for what a run is given

STRACE = ("-f", "--seccomp-bpf", "-qq", "-z", "-e", "trace=execve", "-e", "signal=none", "-s", "4096")
"""Every program that is started with all of its words, whoever starts it; without its environment."""
MORE = {
    "SHIFTBOOK_OPENAI_KEY": "sk-of-the-model-server",
    "SHIFTBOOK_PEERS_KEY": "sbk_of_the_peers",
    "SHIFTBOOK_NOTIFY": "json://user:of-the-notices@127.0.0.1:9/",
    "SHIFTBOOK_FORGE_TOKENS": "forge.example=of-the-forge-alone",
}
"""Settings of the worker beside those that a link brings."""
WORDS = ("sk-of-the-model-server", "sbk_of_the_peers", "of-the-notices", "of-the-forge-alone")


def test_whatever_is_started_is_told_no_secret(tmp_path: Path) -> None:
    """A machine joins by a link, claims and does a mission, and hands its result in at the ledger that headquarters
    serves: of all the programs that it starts meanwhile none has a token in its words."""
    strace = require_program("strace")
    hq = Headquarters(Fleet(tmp_path / "fleet").found("hq"))
    hq.start()
    fleet = hq.fleet
    link = hq.invite("vps")
    env = fleet.environment("nameless", SHIFTBOOK_HOME=str(fleet.folder / "vps"), **MORE)
    del env["SHIFTBOOK_NODE_ID"]

    def begun(*words: str, given: str = "", tries: int = 1) -> str:
        """What a command and all below it have started; again where headquarters was too busy to answer in time."""
        notes = tmp_path / "notes"
        inside = (strace, *STRACE, "-o", str(notes))
        done = program.run(*words, env=env, cwd=fleet.folder, given=given, inside=inside, timeout=1500)
        if "not permitted" in done.stderr:
            lacking("strace may not trace here")
        if tries > 1 and "the server does not answer" in done.stderr:
            return begun(*words, given=given, tries=tries - 1)
        assert done.returncode == 0, done.stderr + fleet.words()
        return notes.read_text(encoding="utf-8", errors="replace")

    try:
        joined = begun("join", "-", str(fleet.folder / "clone-vps"), given=f"{link}\n")
        fleet.commit({"missions/first.md": command("echo done")})
        worked = begun("node", "run", "--once", tries=20)
        assert "first.md" in fleet.git("ls-tree", "-r", "--name-only", "main", "missions", folder=fleet.bare)
    finally:
        fleet.kill("hq")
    kept = dotenv_values(fleet.folder / "vps" / ".env")
    secrets = [kept["SHIFTBOOK_GIT_TOKEN"] or "", kept["SHIFTBOOK_HQ_TOKEN"] or "", link.partition("#")[2], *WORDS]
    assert all(len(secret) > 12 for secret in secrets)
    assert '"clone"' in joined or '"fetch"' in joined
    assert "echo done" in worked
    assert [secret for secret in secrets if secret in joined + worked] == []
