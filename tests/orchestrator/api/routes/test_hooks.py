"""The webhook: who signed it may nudge this node, and nobody else may do anything."""

from __future__ import annotations

import hmac
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from orchestrator.api.routes import hooks
from orchestrator.core.roles import Role
from tests.orchestrator.api.conftest import Build

SECRET = "a secret of some length"
BODY = b'{"ref": "refs/heads/main"}'
LAN = {"http": "0.0.0.0:8823"}


def made(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


@pytest.fixture
def site(build: Build) -> tuple[FlaskClient, Path]:
    """A node that others reach, with a secret for hooks; its client, and the file that a nudge touches."""
    site = build(Role.HEADQUARTERS, hook_secret=SECRET, **LAN)
    return site.client, site.house.settings.home / "nudge"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha256={made()}", "X-GitHub-Event": "push"},
        {"X-Gitea-Signature": made()},
        {"X-Gitea-Signature": made(), "X-Hub-Signature-256": f"sha256={made()}"},
        {"X-Gitlab-Token": SECRET},
    ],
    ids=["GitHub", "Gitea", "Forgejo", "GitLab"],
)
def test_a_signed_hook_nudges(site: tuple[FlaskClient, Path], headers: dict[str, str]) -> None:
    """Each server's way of signing is taken, and the answer is 202 without a word; the same hook again is harmless."""
    client, nudge = site
    for _ in range(2):
        answer = client.post("/hooks/git", data=BODY, headers=headers, content_type="application/json")
        assert (answer.status_code, answer.data) == (202, b"")
        assert nudge.exists()
    assert nudge.read_bytes() == b""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": f"sha256={made(b'other')}"},
        {"X-Hub-Signature-256": made()},
        {"X-Hub-Signature-256": f"sha256={made(secret='other')}"},
        {"X-Hub-Signature-256": f"sha256={made(secret='')}"},
        {"X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), BODY, "sha1").hexdigest()},
        {"X-Gitea-Signature": f"sha256={made()}"},
        {"X-Gitlab-Token": SECRET[:-1]},
        {"X-Gitlab-Token": made()},
        {"X-Gitlab-Token": "\xe9\xe8"},
        {"Authorization": f"Bearer {SECRET}"},
    ],
)
def test_any_other_hook_is_refused_without_a_word_on_why(
    site: tuple[FlaskClient, Path], headers: dict[str, str]
) -> None:
    """403 says the same to all, and nothing was touched."""
    client, nudge = site
    answer = client.post("/hooks/git", data=BODY, headers=headers)
    plain = client.post("/hooks/git", data=BODY, headers={"X-Gitlab-Token": "no"})
    assert answer.status_code == 403
    assert answer.data == plain.data
    assert b"ignature" not in answer.data
    assert not nudge.exists()


def test_without_a_secret_there_is_no_hook(build: Build) -> None:
    """404, also for a signature that is made with an empty secret."""
    client = build(Role.HEADQUARTERS, **LAN).client
    headers = {"X-Hub-Signature-256": f"sha256={made(secret='')}"}
    assert client.post("/hooks/git", data=BODY, headers=headers).status_code == 404


def test_a_worker_has_no_hook(build: Build) -> None:
    """A worker's HTTP surface is a sign of life only."""
    client = build(Role.LOCAL_WORKER, hook_secret=SECRET).client
    assert client.post("/hooks/git", data=BODY, headers={"X-Gitlab-Token": SECRET}).status_code == 404


def test_a_body_that_is_no_hooks_is_not_read(site: tuple[FlaskClient, Path]) -> None:
    """413 above a megabyte, before its signature is worked out."""
    client, nudge = site
    body = b"x" * (1024 * 1024 + 1)
    answer = client.post("/hooks/git", data=body, headers={"X-Gitea-Signature": made(body)})
    assert answer.status_code == 413
    assert not nudge.exists()


def test_hooks_are_answered_so_many_times_a_minute(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with a time to wait; another address is not made to pay for it. No time goes by, however slow the machine."""
    monkeypatch.setattr(hooks, "time", SimpleNamespace(monotonic=lambda: 0.0))
    client = build(Role.HEADQUARTERS, hook_secret=SECRET, **LAN).client
    headers = {"X-Gitlab-Token": SECRET}
    answers = [client.post("/hooks/git", data=BODY, headers=headers) for _ in range(61)]
    assert [answer.status_code for answer in answers[:60]] == [202] * 60
    assert answers[60].status_code == 429
    assert int(answers[60].headers["Retry-After"]) >= 1
    other = client.post("/hooks/git", data=BODY, headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert other.status_code == 202


def test_the_secret_is_not_shown_by_what_holds_it(build: Build) -> None:
    """Settings land in messages and logs; the secret does not."""
    house = build(Role.HEADQUARTERS, hook_secret=SECRET).house
    assert SECRET not in repr(replace(house))


@pytest.fixture
def forge_site(build: Build) -> tuple[FlaskClient, Path]:
    """Headquarters with a secret for forges; its client, and the file that a forge's hook touches."""
    site = build(Role.HEADQUARTERS, forge_secret=SECRET, **LAN)
    return site.client, site.house.settings.home / "forge-bell"


def test_a_forges_hook_counts_once(forge_site: tuple[FlaskClient, Path]) -> None:
    """A recorded one that is sent again is answered alike, and nothing is looked at for it."""
    client, bell = forge_site
    headers = {"X-Hub-Signature-256": f"sha256={made()}", "X-GitHub-Delivery": "d-1"}
    assert client.post("/hooks/forge", data=BODY, headers=headers).status_code == 202
    assert bell.exists()
    bell.unlink()
    assert client.post("/hooks/forge", data=BODY, headers=headers).status_code == 202
    assert not bell.exists()
    assert client.post("/hooks/forge", data=BODY, headers=headers | {"X-GitHub-Delivery": "d-2"}).status_code == 202
    assert bell.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": f"sha256={made(secret='other')}"},
        {"X-Forgejo-Signature": made(b"other"), "X-Hub-Signature-256": f"sha256={made()}"},
        {"webhook-signature": "v1,AAAA", "webhook-id": "1", "webhook-timestamp": "1"},
    ],
)
def test_a_forges_hook_of_somebody_else_rings_nothing(
    forge_site: tuple[FlaskClient, Path], headers: dict[str, str]
) -> None:
    """403, without a word on why."""
    client, bell = forge_site
    assert client.post("/hooks/forge", data=BODY, headers=headers).status_code == 403
    assert not bell.exists()


def test_the_two_hooks_have_secrets_of_their_own(forge_site: tuple[FlaskClient, Path]) -> None:
    """Without one there is no such route."""
    client, _ = forge_site
    assert client.post("/hooks/git", data=BODY, headers={"X-Gitlab-Token": SECRET}).status_code == 404
