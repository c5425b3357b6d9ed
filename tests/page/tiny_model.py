"""A model file that costs nothing and whose words are known: the real engine runs it, llama.cpp's own format.

Attention and layers are zero, so what comes next depends on the last token alone: each has a vector of its own, and the
output turns it into the next token's. After the line end that closes a prompt it says `ANSWER`, then it is done.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

WORDS = ("\u2581Hello", "\u2581from", "\u2581the", "\u2581device")
ANSWER = "Hello from the device"
WIDTH, LAYER, ALIGN = 320, 640, 32
UNSIGNED, SIGNED, FLOAT, TEXT, LIST = 4, 5, 6, 8, 9
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
TOKENS = ("<unk>", "<s>", "</s>", *(f"<0x{number:02X}>" for number in range(256)), *WORDS)
KINDS = (UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * len(WORDS))
END, LINE_END, FIRST = 2, 3 + 0x0A, len(TOKENS) - len(WORDS)


def write_tiny_model(path: Path) -> None:
    """Writes it: 5 MB, so that it has two pieces."""
    tensors = _tensors()
    infos, data = b"", b""
    for name, (dims, values) in tensors.items():
        data += bytes(-len(data) % ALIGN)
        infos += _text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, 0, len(data))
        data += values.tobytes()
    fields = _fields()
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)) + b"".join(fields) + infos
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + bytes(-len(head) % ALIGN) + data)


def _text(words: str) -> bytes:
    said = words.encode()
    return struct.pack("<Q", len(said)) + said


def _field(name: str, kind: int, value: bytes) -> bytes:
    return _text(name) + struct.pack("<I", kind) + value


def _list(kind: int, values: Sequence[bytes]) -> bytes:
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def _fields() -> list[bytes]:
    numbers = {
        "llama.context_length": 4096,
        "llama.embedding_length": WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": LAYER,
        "llama.attention.head_count": 2,
        "llama.rope.dimension_count": WIDTH // 2,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": END,
    }
    return [
        _field("general.architecture", TEXT, _text("llama")),
        *(_field(name, UNSIGNED, struct.pack("<I", number)) for name, number in numbers.items()),
        _field("llama.attention.layer_norm_rms_epsilon", FLOAT, struct.pack("<f", 1e-5)),
        _field("tokenizer.ggml.model", TEXT, _text("llama")),
        _field("tokenizer.ggml.tokens", LIST, _list(TEXT, [_text(each) for each in TOKENS])),
        _field("tokenizer.ggml.scores", LIST, _list(FLOAT, [struct.pack("<f", 0.0)] * len(TOKENS))),
        _field("tokenizer.ggml.token_type", LIST, _list(SIGNED, [struct.pack("<i", each) for each in KINDS])),
    ]


def _tensors() -> Mapping[str, tuple[tuple[int, ...], array[float]]]:
    own, following = array("f", bytes(4 * WIDTH * len(TOKENS))), array("f", bytes(4 * WIDTH * len(TOKENS)))
    after = {LINE_END: FIRST, len(TOKENS) - 1: END} | {at: at + 1 for at in range(FIRST, len(TOKENS) - 1)}
    for token in range(len(TOKENS)):
        own[token * WIDTH + token] = 1.0
        following[after.get(token, END) * WIDTH + token] = 50.0

    def zeros(*dims: int) -> tuple[tuple[int, ...], array[float]]:
        size = 1
        for each in dims:
            size *= each
        return dims, array("f", bytes(4 * size))

    ones = (WIDTH,), array("f", [1.0]) * WIDTH
    return {
        "token_embd.weight": ((WIDTH, len(TOKENS)), own),
        "output_norm.weight": ones,
        "output.weight": ((WIDTH, len(TOKENS)), following),
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **{f"blk.0.attn_{part}.weight": zeros(WIDTH, WIDTH) for part in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": zeros(WIDTH, LAYER),
        "blk.0.ffn_up.weight": zeros(WIDTH, LAYER),
        "blk.0.ffn_down.weight": zeros(LAYER, WIDTH),
    }
