"""Does a link of headquarters let one machine in, once, and nobody else?"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from orchestrator.app.joining.join_link import proof_payload
from sync.signatures import Key, make_key
from tests import program
from tests.acceptance.fleets import Fleet, command
from tests.servers import free_port
from tests.waiting import PATIENCE


class Headquarters:
    """A real headquarters that serves its ledger."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.url = f"http://127.0.0.1:{free_port()}"
        self.own = {
            "FACTORY_ROLE": "HEADQUARTERS",
            "ACCEPT_DELEGATIONS": "false",
            "SHIFTBOOK_SERVE_GIT": "1",
            "SHIFTBOOK_HTTP": self.url.removeprefix("http://"),
            "SHIFTBOOK_PUBLIC_URL": self.url,
        }

    def start(self) -> None:
        self.fleet.start("hq", **self.own)
        self.fleet.ready("hq")
        self.fleet.wait("headquarters listens", (self.fleet.folder / "hq" / "http.json").exists)

    def invite(self, name: str, *words: str) -> str:
        return self.fleet.shiftbook("fleet", "invite", name, *words, node="hq", **self.own).strip()

    def join(self, link: str, node: str, *words: str) -> tuple[int, str]:
        """Uses a link on another machine; its exit code and all that it said."""
        env = self.fleet.environment("nameless", SHIFTBOOK_HOME=str(self.fleet.folder / node))
        del env["SHIFTBOOK_NODE_ID"]
        folder = self.fleet.folder / f"clone-{node}"
        done = program.run("join", link, str(folder), *words, env=env, cwd=self.fleet.folder)
        return done.returncode, done.stdout + done.stderr

    def ask(self, link: str, key: Key, *, proof: str = "", shown: str = "") -> httpx.Response:
        """The request of a join, with a proof or a key that may not fit."""
        token = link.partition("#")[2]
        payload = proof_payload(hashlib.sha256(token.encode()).hexdigest(), key.public)
        body = {"key": shown or key.public, "proof": proof or key.sign(payload)}
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/api/v1/join", json=body, headers=headers, timeout=PATIENCE, trust_env=False)

    def members(self) -> dict[str, str]:
        said = self.fleet.shiftbook("fleet", "who", "--json", node="hq")
        return {one["name"]: one["key"] for one in json.loads(said)}


@pytest.fixture(scope="module")
def hq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headquarters]:
    found = Headquarters(Fleet(tmp_path_factory.mktemp("joining")).found("hq"))
    found.start()
    yield found
    for node in list(found.fleet.running):
        found.fleet.kill(node)


def test_one_command(hq: Headquarters) -> None:
    """One link, one command: the node is in, its settings are its owner's alone, and it works. The same command again
    changes nothing; where the machine has lost what it was given, or was taken out, it says so."""
    fleet = hq.fleet
    link = hq.invite("vps")
    code, said = hq.join(link, "vps")
    assert code == 0, said + fleet.words()
    env_file = fleet.folder / "vps" / ".env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    kept = env_file.read_text(encoding="utf-8")
    assert "SHIFTBOOK_NODE_ID=" in kept
    assert link.partition("#")[2] not in kept + said
    assert "this machine's node wait" not in said
    fleet.commit({"missions/first.md": command("echo done")})
    fleet.start("vps")
    fleet.ready("vps")

    def archived() -> bool:
        return "first.md" in fleet.git("ls-tree", "-r", "--name-only", "main", "missions/archive", folder=fleet.bare)

    fleet.wait("the first mission's result", archived)
    fleet.kill("vps")
    again, said = hq.join(link, "vps")
    assert again == 0, said
    assert said.startswith("nothing to do")
    assert env_file.read_text(encoding="utf-8") == kept
    env_file.write_text("", encoding="utf-8")
    lost, said = hq.join(link, "vps")
    assert lost == 1, said
    assert "in already, by this link" in said
    fleet.shiftbook("fleet", "revoke", "vps", node="hq")
    env_file.write_text(kept, encoding="utf-8")
    out, said = hq.join(link, "vps")
    assert out == 1, said
    assert "by a new one only" in said
    assert hq.ask(link, Key(fleet.folder / "vps" / "keys" / "node")).status_code == 403
    assert "vps" not in hq.members()


def test_lost_answer(hq: Headquarters, tmp_path: Path) -> None:
    """The machine whose answer was lost shows the link again and is given another token; the first counts no more."""
    link, key = hq.invite("lost"), make_key(tmp_path / "node", "lost")
    first, second = hq.ask(link, key), hq.ask(link, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert hq.members()["lost"] == key.public
    info = f"{hq.url}/git/ledger.git/info/refs?service=git-upload-pack"
    tokens = [answer.json()["token"] for answer in (first, second)]
    codes = [httpx.get(info, auth=("x", each), timeout=PATIENCE, trust_env=False).status_code for each in tokens]
    assert codes == [401, 200]


def test_one_machine(hq: Headquarters, tmp_path: Path) -> None:
    """Of many machines with one link one is taken in, at whatever moment they come."""
    link = hq.invite("race")
    keys = [make_key(tmp_path / f"key{number}", "race") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda key: hq.ask(link, key).status_code, keys))
    assert sorted(codes) == [201, *[403] * 5]
    assert hq.members()["race"] == keys[codes.index(201)].public


def test_taken_out(hq: Headquarters, tmp_path: Path) -> None:
    """A link stays its first machine's, also once that was taken out again; and it does not bring that one back."""
    link, first, second = hq.invite("out"), make_key(tmp_path / "first", "a"), make_key(tmp_path / "second", "b")
    assert hq.ask(link, first).status_code == 201
    assert hq.ask(link, first).status_code == 201  # an answer that was lost
    hq.fleet.shiftbook("fleet", "revoke", "out", node="hq")
    assert hq.ask(link, second).status_code == 403
    assert hq.ask(link, first).status_code == 403
    assert "out" not in hq.members()


def test_stolen(hq: Headquarters, tmp_path: Path) -> None:
    """A link without the key's private half, with another's signature, or for something else opens nothing."""
    link, mine, thief = hq.invite("stolen"), make_key(tmp_path / "mine", "a"), make_key(tmp_path / "thief", "b")
    before = hq.members()
    assert hq.ask(link, thief, shown=mine.public).status_code == 403
    assert hq.ask(link, mine, proof=mine.sign(b"something else")).status_code == 403
    assert hq.ask(hq.invite("other"), mine, proof=mine.sign(b"")).status_code == 403
    for odd in ("ssh-ed25519 not-a-key", f"cert-authority {mine.public.split()[1]}", "ssh-ed25519 a\nb role=admin c"):
        assert hq.ask(link, mine, shown=odd).status_code in (403, 422), odd
    token = link.partition("#")[2]
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/git/ledger.git/info/refs?service=git-upload-pack", "/api/v1/missions", "/metrics", "/api/v1/events"):
        asked = httpx.get(hq.url + path, headers=bearer, timeout=PATIENCE, trust_env=False)
        assert asked.status_code == 403, path
    assert hq.members() == before
    assert hq.ask(link, mine).status_code == 201  # none of that has used it up


def test_ended(hq: Headquarters, tmp_path: Path) -> None:
    """A link that was made anew, or revoked, counts no more; a wrong one is refused without being repeated."""
    key = make_key(tmp_path / "key", "x")
    old, new = hq.invite("again"), hq.invite("again")
    assert hq.ask(old, key).status_code == 401
    hq.fleet.shiftbook("token", "revoke", "join again", node="hq")
    code, said = hq.join(new, "again")
    assert (code, "does not know this link" in said) == (1, True), said
    assert not (hq.fleet.folder / "again" / ".env").exists()
    for odd in (new[:-30], new.replace("://", "://me:secret@"), new + " x"):
        code, said = hq.join(odd, "odd")
        assert code == 2, said
        assert odd.partition("#")[2][:20] not in said


def test_refused(hq: Headquarters) -> None:
    """Whoever could not let a machine in makes no link, nor is one made for a name that is taken."""
    fleet = hq.fleet
    taken = fleet.run("fleet", "invite", "hq", node="hq", **hq.own)
    assert (taken.returncode, "already" in taken.stderr) == (4, True), taken.stderr
    odd = fleet.run("fleet", "invite", "Not A Name", node="hq", **hq.own)
    assert odd.returncode == 2
    code, said = hq.join(hq.invite("other-fleet"), "hq")
    assert code == 4, said
    assert "works for" in said
    nowhere = fleet.run("fleet", "invite", "new", node="hq", **(hq.own | {"SHIFTBOOK_SERVE_GIT": "0"}))
    assert nowhere.returncode == 4
    stranger = fleet.run("fleet", "invite", "new", node="stranger", SHIFTBOOK_LEDGER=str(fleet.bare), **hq.own)
    assert stranger.returncode == 4, stranger.stderr
