"""The shipped model: the embedded base with part of its vocabulary and what training added, rebuilt bit for bit.

What ships is small: which tokens are kept, and low-rank updates of the linear layers (Hu et al., 2021) in whole numbers. Their
product is a sum of whole numbers below 2^53, exact in float64 in whatever order it is taken, and all that follows is done
weight by weight; so every machine rebuilds the same file, which its SHA-256 shows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from partages.models.gguf_file import (
    EMBEDDING,
    Field,
    Tensor,
    Weights,
    parse_weights,
    row_bytes,
    with_vocabulary,
)

Q5_0 = 6
FILE_TYPE = 8
"""``general.file_type``: mostly Q5_0."""
_TEXT, _WHOLE = 8, 4
TEMPLATE = (
    "{{ bos_token }}{% set held = namespace(first='') %}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{% set held.first = message['content'] + '\n\n' %}"
    "{% else %}<start_of_turn>{{ 'model' if message['role'] == 'assistant' else 'user' }}\n"
    "{{ held.first }}{{ message['content'] }}<end_of_turn>\n{% set held.first = '' %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""Gemma's turns; a system prompt goes before the question, as in training."""
FOLDER = files("partages.models") / "data"


@dataclass(frozen=True)
class Shipped:
    """What the rebuilt file must be: bytes, and SHA-256."""

    size: int
    sha256: str


@cache
def shipped() -> Shipped:
    """As measured when the model was published."""
    return Shipped(**json.loads((FOLDER / "partages-270m.json").read_bytes())["file"])


@dataclass(frozen=True)
class Update:
    """What training added to one matrix: ``scale * (b * weight) @ a``, in whole numbers but for the scale.

    Attributes:
        a: int8 of shape (rank, columns).
        b: int8 of shape (rows, rank).
        weight: int64 of shape (rank,), below 65,536.
        scale: of the whole.
    """

    a: NDArray[np.int8]
    b: NDArray[np.int8]
    weight: NDArray[np.int64]
    scale: float

    def matrix(self) -> NDArray[np.float32]:
        """The update, (rows, columns)."""
        left = self.b.astype(np.float64) * self.weight.astype(np.float64)
        whole = left @ self.a.astype(np.float64)  # whole numbers below 2^53: exact, whatever the order
        return (whole * self.scale).astype(np.float32)


def pack_update(a: NDArray[np.float32], b: NDArray[np.float32]) -> Update:
    """``b @ a`` in whole numbers, ``a`` of shape (rank, columns) and ``b`` of shape (rows, rank)."""
    high_a = np.maximum(np.abs(a).max(axis=1), 1e-30) / 127
    high_b = np.maximum(np.abs(b).max(axis=0), 1e-30) / 127
    both = high_a * high_b
    scale = float(both.max()) / 65535
    weight = np.rint(both / scale).astype(np.int64)
    return Update(
        np.rint(a / high_a[:, None]).astype(np.int8), np.rint(b / high_b).astype(np.int8), weight, scale
    )


def build(
    base: Weights, kept: NDArray[np.int64], updates: Mapping[str, Update], fields: Mapping[str, Field]
) -> Weights:
    """The base with these tokens alone, its linear layers updated and stored as Q5_0.

    Args:
        base: the whole base.
        kept: ids of the tokens, in order.
        updates: by name of the tensor.
        fields: metadata to add or replace.
    """
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize, quantize

    trimmed = with_vocabulary(base, kept)
    tensors = dict(trimmed.tensors)
    for name, tensor in trimmed.tensors.items():
        if len(tensor.shape) < 2 or name == EMBEDDING:
            continue
        values = dequantize(np.asarray(tensor.data), GGMLQuantizationType(tensor.kind)).reshape(tensor.shape)
        if name in updates:
            values = values + updates[name].matrix()
        stored = np.ascontiguousarray(quantize(values.astype(np.float32), GGMLQuantizationType(Q5_0)))
        width = row_bytes(tensor.shape[-1], Q5_0)
        tensors[name] = Tensor(tensor.shape, Q5_0, stored.reshape(-1).view(np.uint8).reshape(-1, width))
    return Weights({**trimmed.fields, **fields}, tensors)


def save(path: Path, kept: NDArray[np.int64], updates: Mapping[str, Update]) -> None:
    """Write what ships: arrays alone, nothing that runs."""
    arrays: dict[str, Any] = {"kept": np.diff(kept, prepend=0).astype(np.uint32)}
    for name, update in updates.items():
        arrays[f"{name}/a"], arrays[f"{name}/b"] = update.a, update.b
        arrays[f"{name}/weight"] = update.weight.astype(np.uint16)
        arrays[f"{name}/scale"] = np.float64(update.scale)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path | IO[bytes]) -> tuple[NDArray[np.int64], dict[str, Update]]:
    """What ``save`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        names = sorted(name.removesuffix("/a") for name in arrays.files if name.endswith("/a"))
        updates = {
            name: Update(
                arrays[f"{name}/a"],
                arrays[f"{name}/b"],
                arrays[f"{name}/weight"].astype(np.int64),
                float(arrays[f"{name}/scale"]),
            )
            for name in names
        }
        return np.cumsum(arrays["kept"].astype(np.int64)), updates


def rebuild(base: bytes) -> Weights:
    """The shipped model, from the content of its base's file."""
    with (FOLDER / "partages-270m.npz").open("rb") as file:
        kept, updates = load(file)
    return build(parse_weights(base), kept, updates, described())


def described() -> dict[str, Field]:
    """Metadata that differ from the base's."""
    return {
        "general.name": Field("partages 270M, d'après Gemma 3 270M", _TEXT),
        "general.file_type": Field(FILE_TYPE, _WHOLE),
        "tokenizer.chat_template": Field(TEMPLATE, _TEXT),
    }
