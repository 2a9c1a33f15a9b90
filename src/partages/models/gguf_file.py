"""GGUF files, read and written: what a model is, its tensors as stored, and the same with part of the vocabulary.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little-endian). llama.cpp's own ``gguf`` package
takes twelve seconds to read a vocabulary of 262,144 entries, and the assistant does that at its first start.
"""

import io
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from partages.errors import UsageError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Kinds of tokens (``tokenizer.ggml.token_type``)."""
EMBEDDING = "token_embd.weight"
OUTPUT = "output.weight"
PER_TOKEN = (EMBEDDING, OUTPUT)
"""Tensors with a row for each token."""
TOKENS = "tokenizer.ggml.tokens"
SCORES = "tokenizer.ggml.scores"
KINDS = "tokenizer.ggml.token_type"
MERGES = "tokenizer.ggml.merges"

_MAGIC = b"GGUF"
_VERSION = 3
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
F32, F16, Q5_0, Q8_0, Q4_K, Q6_K, IQ4_NL = 0, 1, 6, 8, 12, 14, 20
"""Types of tensors (``ggml_type``) that are written here."""
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
    12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 30: (1, 2),
}  # fmt: skip
"""Weights and bytes of a block, by type of tensor (``ggml_type``)."""
_ALIGNMENT = "general.alignment"


@dataclass(frozen=True)
class Field:
    """One entry of metadata; ``kind`` and, of a list, ``items`` are the format's numbers."""

    value: Any
    kind: int
    items: int = -1


@dataclass(frozen=True)
class Tensor:
    """One tensor as stored.

    Attributes:
        shape: outputs first (rows, columns).
        kind: the format's number (``ggml_type``).
        data: uint8 of shape (rows, bytes of a row).
    """

    shape: tuple[int, ...]
    kind: int
    data: NDArray[np.uint8]

    def values(self) -> NDArray[np.float32]:
        """Its numbers, as ``shape`` says."""
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize

        found = dequantize(np.asarray(self.data), GGMLQuantizationType(self.kind))
        return found.reshape(self.shape).astype(np.float32, copy=False)


@dataclass(frozen=True)
class Weights:
    """A model, or an adapter: metadata (its vocabulary among them) and tensors by name."""

    fields: Mapping[str, Field]
    tensors: Mapping[str, Tensor]

    @property
    def architecture(self) -> str:
        """``gemma3``, ``llama``..."""
        return str(self.fields["general.architecture"].value)

    def number(self, name: str) -> float:
        """A number of the architecture's own metadata (``block_count``)."""
        return float(self.fields[f"{self.architecture}.{name}"].value)

    def token_id(self, name: str) -> int | None:
        """The id of a special token (``bos``), None when the model has none."""
        field = self.fields.get(f"tokenizer.ggml.{name}_token_id")
        return int(field.value) if field else None

    @property
    def tokens(self) -> list[str]:
        """The vocabulary, by id."""
        return list(self.fields[TOKENS].value)


def read_weights(path: Path) -> Weights:
    """A GGUF file, its tensors mapped in memory.

    Raises:
        UsageError: it cannot be read, is no GGUF, is cut short, or is of another version.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        with path.open("rb") as file:
            return _read(file, data)
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (ValueError, KeyError, struct.error, MemoryError, OverflowError):
        raise UsageError(
            f"« {path} » n'est pas un modèle GGUF lisible : fichier coupé, ou d'une version que l'on ne connaît pas."
        ) from None


def parse_weights(content: bytes) -> Weights:
    """The same, from memory; the content is known to be good."""
    return _read(io.BytesIO(content), np.frombuffer(content, dtype=np.uint8))


def _read(file: BinaryIO, data: NDArray[np.uint8]) -> Weights:
    if file.read(4) != _MAGIC or _number(file, "I") != _VERSION:
        raise ValueError("not a GGUF of version 3")
    tensor_count, field_count = _number(file, "Q"), _number(file, "Q")
    fields = {}
    for _ in range(field_count):
        name = _text(file)
        fields[name] = _field(file)
    described = []
    for _ in range(tensor_count):
        name = _text(file)
        sizes = [_number(file, "Q") for _ in range(_number(file, "I"))]
        described.append((name, tuple(reversed(sizes)), _number(file, "I"), _number(file, "Q")))
    alignment = int(fields[_ALIGNMENT].value) if _ALIGNMENT in fields else 32
    start = -(-file.tell() // alignment) * alignment
    tensors = {}
    for name, shape, kind, offset in described:
        width = row_bytes(shape[-1], kind)
        rows = int(np.prod(shape[:-1], dtype=np.int64))
        stored = data[start + offset : start + offset + rows * width]
        tensors[name] = Tensor(shape, kind, stored.reshape(rows, width))
    return Weights(fields, tensors)


def row_bytes(columns: int, kind: int) -> int:
    """Bytes of a row of so many weights. Raises KeyError for a type that is not known, ValueError where blocks do not fit."""
    weights, size = BLOCKS[kind]
    if columns % weights:
        raise ValueError("a row is not a whole number of blocks")
    return columns // weights * size


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack("<" + form, file.read(struct.calcsize(form)))[0]


def _text(file: BinaryIO) -> str:
    size = _number(file, "Q")
    data = file.read(size) if size < 1 << 30 else b""
    if len(data) != size:
        raise ValueError("cut short")
    return data.decode("utf-8", "surrogateescape")


def _field(file: BinaryIO) -> Field:
    kind = _number(file, "I")
    if kind == _STRING:
        return Field(_text(file), kind)
    if kind != _ARRAY:
        return Field(_number(file, _SCALARS[kind]), kind)
    items, count = _number(file, "I"), _number(file, "Q")
    if items == _STRING:
        return Field([_text(file) for _ in range(count)], kind, items)
    form = f"<{count}{_SCALARS[items]}"
    return Field(list(struct.unpack(form, file.read(struct.calcsize(form)))), kind, items)


def write_weights(path: Path, weights: Weights) -> None:
    """Write a GGUF file, whole or not at all; the same weights give the same bytes.

    Raises:
        UsageError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            for piece in _written(weights):
                file.write(piece)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None


def _written(weights: Weights) -> Iterator[bytes]:
    head = io.BytesIO()
    head.write(_MAGIC + struct.pack("<IQQ", _VERSION, len(weights.tensors), len(weights.fields)))
    for name, field in weights.fields.items():
        head.write(_packed_text(name) + struct.pack("<I", field.kind))
        if field.kind == _STRING:
            head.write(_packed_text(field.value))
        elif field.kind != _ARRAY:
            head.write(struct.pack("<" + _SCALARS[field.kind], field.value))
        else:
            head.write(struct.pack("<IQ", field.items, len(field.value)))
            if field.items == _STRING:
                head.write(b"".join(map(_packed_text, field.value)))
            else:
                head.write(struct.pack(f"<{len(field.value)}{_SCALARS[field.items]}", *field.value))
    alignment = int(weights.fields[_ALIGNMENT].value) if _ALIGNMENT in weights.fields else 32
    offset = 0
    for name, tensor in weights.tensors.items():
        head.write(_packed_text(name) + struct.pack("<I", len(tensor.shape)))
        head.write(struct.pack(f"<{len(tensor.shape)}Q", *reversed(tensor.shape)))
        head.write(struct.pack("<IQ", tensor.kind, offset))
        offset += -(-tensor.data.nbytes // alignment) * alignment
    yield head.getvalue() + b"\0" * (-head.tell() % alignment)
    for tensor in weights.tensors.values():
        yield np.ascontiguousarray(tensor.data).tobytes()
        yield b"\0" * (-tensor.data.nbytes % alignment)


def _packed_text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def with_vocabulary(weights: Weights, kept: Iterable[int]) -> Weights:
    """The same model with these tokens alone, ids renumbered in their order; not one weight is quantised again."""
    ids = np.fromiter(sorted(set(kept)), dtype=np.int64)
    place = {int(old): new for new, old in enumerate(ids)}
    tokens = weights.tokens
    names = {tokens[old] for old in ids}
    fields = dict(weights.fields)
    for name, field in weights.fields.items():
        value = field.value
        if name in (TOKENS, SCORES, KINDS):
            fields[name] = Field([value[old] for old in ids], field.kind, field.items)
        elif name == MERGES:
            halves = ((merge, *merge.split(" ", 1)) for merge in value)
            fields[name] = Field(
                [merge for merge, one, two in halves if {one, two, one + two} <= names],
                field.kind,
                field.items,
            )
        elif name.startswith("tokenizer.") and name.endswith("_token_id"):
            if value in place:
                fields[name] = Field(place[value], field.kind)
            else:
                del fields[name]
        elif name.endswith(".vocab_size"):
            fields[name] = Field(len(ids), field.kind)
    tensors = {
        name: Tensor((len(ids), *tensor.shape[1:]), tensor.kind, tensor.data[ids])
        if name in PER_TOKEN
        else tensor
        for name, tensor in weights.tensors.items()
    }
    return Weights(fields, tensors)
