"""Tokens, ops tokens and allowances, without HTTP."""

from __future__ import annotations

import base64
import hmac
import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.api.auth.ops_tokens import AUDIENCE, LIFETIME, JwtOpsTokens
from orchestrator.api.auth.tokens import (
    LOCAL_CALLER,
    TOKEN_PREFIX,
    Authenticator,
    Caller,
    CallerKind,
    any_token_in_force,
    digest,
    mint,
    revoke,
)
from orchestrator.api.web.rate_limit import MAX_CALLERS, RateLimiter
from orchestrator.api.web.readiness import ReadinessProbe
from orchestrator.app import wiring
from orchestrator.core import listen_address
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.core.listen_address import ListenAddress
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings
from tests.databases import brought_up
from tests.waiting import PATIENCE

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = wiring.stores(brought_up(Settings(home=tmp_path)))
    yield opened
    opened.close()


def ops(folder: Path, *, now: datetime = NOON, node: str = "hq", issues: bool = True) -> JwtOpsTokens:
    return JwtOpsTokens(node=node, key_file=folder / "keys" / "ops.key", now=lambda: now, issues=issues)


def test_a_token_is_256_bits_and_no_two_are_equal(stores: Stores) -> None:
    """43 characters of base64 behind the prefix; what is kept is its digest."""
    made = [mint(stores.tokens, f"t{n}", ["chat"], expires=None) for n in range(20)]
    assert len({secret for secret, _ in made}) == 20
    assert all(secret.startswith(TOKEN_PREFIX) and len(secret.removeprefix(TOKEN_PREFIX)) == 43 for secret, _ in made)
    assert all(row.digest == digest(secret) for secret, row in made)


@pytest.mark.parametrize(("name", "scopes"), [("", ["chat"]), ("a\nb", ["chat"]), ("a", []), ("a", ["root"])])
def test_a_token_that_makes_no_sense_is_not_made(stores: Stores, name: str, scopes: list[str]) -> None:
    """One line that names the argument, and nothing is kept."""
    with pytest.raises(WrongSetting):
        mint(stores.tokens, name, scopes, expires=None)
    assert stores.tokens.listing() == ()


def test_revoking_what_is_not_there_is_said(stores: Stores) -> None:
    """Also the second time."""
    mint(stores.tokens, "a", ["chat"], expires=None)
    revoke(stores.tokens, "a")
    with pytest.raises(NotFound):
        revoke(stores.tokens, "a")


def test_only_a_token_in_force_counts_for_serving_others(stores: Stores) -> None:
    """A revoked and an expired one let nobody in, so an address that others reach stays refused."""
    now = wiring.now()
    assert not any_token_in_force(stores.tokens, now)
    mint(stores.tokens, "old", ["chat"], expires=now + timedelta(days=1))
    assert any_token_in_force(stores.tokens, now)
    assert not any_token_in_force(stores.tokens, now + timedelta(days=2))


def test_an_ops_token_is_read_back_for_one_hour(tmp_path: Path) -> None:
    """With the scope ops alone, whatever its owner holds."""
    text, ends = ops(tmp_path).issue(LOCAL_CALLER)
    assert ends == NOON + LIFETIME == NOON + timedelta(hours=1)
    found = ops(tmp_path, now=NOON + timedelta(minutes=59)).read(text)
    assert found == Caller(name="local", scopes=frozenset({"ops"}), kind=CallerKind.OPS)
    assert ops(tmp_path, now=ends).read(text) is None
    assert ops(tmp_path, now=NOON - timedelta(seconds=1)).read(text) is None


def test_only_headquarters_issues_and_reads_ops_tokens(tmp_path: Path) -> None:
    """Another role refuses, also where it has the key."""
    text, _ = ops(tmp_path).issue(LOCAL_CALLER)
    worker = ops(tmp_path, issues=False)
    assert worker.read(text) is None
    with pytest.raises(Refused):
        worker.issue(LOCAL_CALLER)


def test_an_ops_token_makes_no_other(tmp_path: Path) -> None:
    """One that could renew itself would never end."""
    text, _ = ops(tmp_path).issue(LOCAL_CALLER)
    holder = ops(tmp_path).read(text)
    assert holder is not None
    with pytest.raises(Refused):
        ops(tmp_path).issue(holder)


def test_a_forged_ops_token_is_none(tmp_path: Path) -> None:
    """Another key, no signature, another algorithm, another node, another audience, a claim that is missing."""
    good, _ = ops(tmp_path).issue(LOCAL_CALLER)
    key = (tmp_path / "keys" / "ops.key").read_bytes()
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, key.ljust(64), algorithm="HS512"),
        jwt.encode({**claims, "iss": "other"}, key, algorithm="HS256"),
        jwt.encode({**claims, "aud": "else"}, key, algorithm="HS256"),
        jwt.encode({**claims, "exp": "soon"}, key, algorithm="HS256"),
        *(jwt.encode({**claims} | {name: None}, key, algorithm="HS256") for name in ("exp", "iat", "by")),
        *(jwt.encode({k: v for k, v in claims.items() if k != name}, key) for name in claims if name != "jti"),
        good[:-2], good + "x", "a.b.c", "..", "", "\x00",
    ]  # fmt: skip
    assert claims["aud"] == AUDIENCE
    assert [ops(tmp_path).read(text) for text in forged] == [None] * len(forged)
    assert ops(tmp_path).read(good) is not None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text())
def test_any_text_is_no_token(stores: Stores, tmp_path: Path, text: str) -> None:
    """Whatever is shown, the answer is nobody, not an error."""
    door = Authenticator(tokens=stores.tokens, now=lambda: NOON, ops=ops(tmp_path))
    assert door.who(text) is None
    assert door.who(TOKEN_PREFIX + text) is None


def test_an_ops_token_ends_with_the_token_that_asked_for_it(stores: Stores, tmp_path: Path) -> None:
    """Revoking a token takes what was made with it."""
    now = wiring.now()
    secret, _ = mint(stores.tokens, "me", ["ops"], expires=None)
    door = Authenticator(tokens=stores.tokens, now=lambda: now, ops=ops(tmp_path, now=now))
    owner = door.who(secret)
    assert owner is not None
    text, _ = ops(tmp_path, now=now).issue(owner)
    assert door.who(text) is not None
    revoke(stores.tokens, "me")
    assert door.who(text) is None


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 600; with any right for others nothing is signed or believed. Removing it ends every ops token."""
    text, _ = ops(tmp_path).issue(LOCAL_CALLER)
    key = tmp_path / "keys" / "ops.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o640)
    with pytest.raises(WrongSetting, match="chmod 600"):
        ops(tmp_path).read(text)
    key.unlink()
    assert ops(tmp_path).read(text) is None


@pytest.mark.parametrize("left", [b"", b"\0", b"x" * 31])
def test_a_key_that_was_cut_off_is_none(tmp_path: Path, left: bytes) -> None:
    """With what a full disk leaves of a key, anybody could sign: nothing is signed, and nothing believed."""
    text, _ = ops(tmp_path).issue(LOCAL_CALLER)
    claims = jwt.decode(text, options={"verify_signature": False})
    (tmp_path / "keys" / "ops.key").write_bytes(left)
    header, body = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in ({"alg": "HS256"}, claims)
    )
    mark = base64.urlsafe_b64encode(hmac.digest(left, header + b"." + body, "sha256")).rstrip(b"=")
    forged = b".".join((header, body, mark)).decode()
    for act in (lambda: ops(tmp_path).read(forged), lambda: ops(tmp_path).issue(LOCAL_CALLER)):
        with pytest.raises(WrongSetting, match="no whole key"):
            act()


def test_two_processes_make_one_key(tmp_path: Path) -> None:
    """Whoever is second takes the first one's: a token of one is read by the other."""
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(ops(tmp_path).issue(LOCAL_CALLER)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ops(tmp_path).read(text) is not None for text in texts] == [True] * 8
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["ops.key"]


def test_an_allowance_refills_evenly() -> None:
    """60 a minute: 60 at once, then one a second."""
    now = [0.0]
    allowance = RateLimiter(60, lambda: now[0])
    assert [allowance.take("a") for _ in range(60)] == [0.0] * 60
    assert allowance.take("a") == pytest.approx(1.0)
    assert allowance.take("b") == 0
    now[0] = 1.0
    assert [allowance.take("a"), allowance.take("a")] == [0.0, pytest.approx(1.0)]


@settings(deadline=None)
@given(st.integers(1, 1000), st.lists(st.floats(0, 30), max_size=300))
def test_nobody_gets_more_than_the_bucket_and_what_flowed_in(per_minute: int, pauses: list[float]) -> None:
    """Whatever the pauses, at most a minute's worth at once and the rate afterwards."""
    now, through = [0.0], 0
    allowance = RateLimiter(per_minute, lambda: now[0])
    for pause in pauses:
        now[0] += pause
        through += allowance.take("a") == 0
    assert through <= per_minute + now[0] * per_minute / 60 + 1e-6


def test_allowances_of_strangers_do_not_pile_up() -> None:
    """Only so many callers are remembered."""
    allowance = RateLimiter(60, lambda: 0.0)
    for n in range(MAX_CALLERS + 100):
        allowance.take(str(n))
    assert len(allowance._left) == MAX_CALLERS


@pytest.mark.parametrize(
    ("text", "expected", "loopback"),
    [
        ("127.0.0.1:8823", ListenAddress(host="127.0.0.1", port=8823), True),
        ("localhost:0", ListenAddress(host="localhost", port=0), True),
        ("[::1]:80", ListenAddress(host="::1", port=80), True),
        ("127.1.2.3:1", ListenAddress(host="127.1.2.3", port=1), True),
        ("0.0.0.0:1", ListenAddress(host="0.0.0.0", port=1), False),
        ("[::]:1", ListenAddress(host="::", port=1), False),
        ("192.168.1.5:1", ListenAddress(host="192.168.1.5", port=1), False),
        ("desk.local:1", ListenAddress(host="desk.local", port=1), False),
        ("localhost.evil.example:1", ListenAddress(host="localhost.evil.example", port=1), False),
    ],
)
def test_an_address_is_loopback_or_not(text: str, expected: ListenAddress, loopback: bool) -> None:
    """What is not surely this machine's own is taken for reachable."""
    assert listen_address.read(text) == expected
    assert expected.loopback is loopback


def test_off_is_no_address() -> None:
    """In any case of letters."""
    assert listen_address.read("off") is listen_address.read(" OFF ") is None


def test_a_probe_asks_once_for_a_while_and_never_waits_long() -> None:
    """An answer holds; a check that hangs is not asked twice and not waited for; a check that fails is an answer."""
    now, asked, hang = [0.0], [0], threading.Event()

    def check() -> str:
        asked[0] += 1
        return "" if asked[0] == 1 else "broken" if hang.wait(PATIENCE) else "never"

    probe = ReadinessProbe(check=check, clock=lambda: now[0], every=10, patience=0.05)
    probe.patience = 10
    assert [probe.why(), probe.why(), asked[0]] == ["", "", 1]
    now[0], probe.patience = 11.0, 0.05
    assert [probe.why(), probe.why(), asked[0]] == ["no answer yet", "no answer yet", 2]
    hang.set()
    probe.patience = 10
    assert (probe.why(), asked[0]) == ("broken", 2)

    def fails() -> str:
        raise RuntimeError("secret words")

    assert ReadinessProbe(check=fails, clock=lambda: 0.0, patience=10).why() == "it fails (RuntimeError)"
