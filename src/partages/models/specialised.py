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
    F32,
    IQ4_NL,
    Q5_0,
    Q6_K,
    Q8_0,
    Field,
    Tensor,
    Weights,
    parse_weights,
    row_bytes,
    with_vocabulary,
)

FILE_TYPE = 25
"""``general.file_type``: mostly IQ4_NL."""
MIDDLE = range(5, 10)
"""Layers whose up projection rounding hurts least."""
BITS = {
    "ffn_gate": IQ4_NL, "attn_q": IQ4_NL, "ffn_down": Q6_K, "attn_k": Q8_0, "attn_v": Q8_0, **{f"blk.{layer}.ffn_up": IQ4_NL for layer in MIDDLE},
}  # fmt: skip
"""Matrices stored in another type than Q5_0: fewer bits where rounding hurts least, more where it hurts most. On a
processor llama.cpp multiplies Q5_0 more slowly than Q8_0, which is larger, and than IQ4_NL."""
LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
"""The sixteen values of IQ4_NL (ggml)."""
SCALES = (0.85, 0.9, 0.95, 1, 1.05)
"""Of IQ4_NL, tried in turn, against the one that puts the furthest weight on the first level."""
BLOCK = 32
"""Weights that share a scale, in Q5_0 and IQ4_NL."""
BETWEEN = {
    "attn_norm": ("attn_q", "attn_k", "attn_v"), "attn_v": ("attn_output",), "ffn_norm": ("ffn_gate", "ffn_up"), "ffn_up": ("ffn_down",),
}  # fmt: skip
"""What gives channels to which matrices, each multiplying them one by one: a channel may be divided in the first and multiplied in
the others, and nothing changes but how finely it is rounded (Lin et al., 2024, AWQ)."""
STEPS = 8
"""Steps of an octave: a channel is multiplied by a power of 2 to the 1/8."""
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


def factors(exponents: NDArray[np.int8]) -> NDArray[np.float32]:
    """``2 ** (exponents / STEPS)``, the same on every machine."""
    octave, step = np.divmod(exponents.astype(np.int32), STEPS)
    return np.ldexp(np.array([2 ** (one / STEPS) for one in range(STEPS)], np.float32)[step], octave)


def equalised(weights: Weights, exponents: Mapping[str, NDArray[np.int8]]) -> Weights:
    """The same function with channels that weigh alike: its linear layers and norms in float32.

    Args:
        weights: a model.
        exponents: by what gives the channels, layer and all (``blk.0.attn_norm``), one per channel: see ``BETWEEN``, ``STEPS``.
            Those of ``attn_v`` are of one head and serve them all.
    """
    tensors = {}
    for name, tensor in weights.tensors.items():
        if name.startswith("blk."):
            tensor = _stored(tensor.shape, F32, _alike(name, tensor, exponents))
        tensors[name] = tensor
    return Weights(weights.fields, tensors)


def _stored(shape: tuple[int, ...], kind: int, content: NDArray[Any]) -> Tensor:
    rows = content.reshape(-1).view(np.uint8).reshape(-1, row_bytes(shape[-1], kind))
    return Tensor(shape, kind, rows)


def _alike(name: str, tensor: Tensor, exponents: Mapping[str, NDArray[np.int8]]) -> NDArray[np.float32]:
    """One tensor of ``equalised``: what it reads is multiplied, what it gives divided."""
    block, part = name.removesuffix(".weight").rsplit(".", 1)
    values = tensor.values()
    giver = next((f"{block}.{one}" for one, readers in BETWEEN.items() if part in readers), "")
    if giver in exponents:
        factor = factors(exponents[giver])
        values = values * np.tile(factor, values.shape[-1] // len(factor))
    if f"{block}.{part}" in exponents:
        factor = factors(exponents[f"{block}.{part}"])
        over = np.tile(factor, len(values) // len(factor))
        values = values / over.reshape(-1, *[1] * (values.ndim - 1))
    return np.ascontiguousarray(values)


def build(
    base: Weights,
    kept: NDArray[np.int64],
    exponents: Mapping[str, NDArray[np.int8]],
    updates: Mapping[str, Update],
    fields: Mapping[str, Field],
) -> Weights:
    """The base with these tokens alone, its linear layers updated and stored in the types of ``BITS``.

    Args:
        base: the whole base.
        kept: ids of the tokens, in order.
        exponents: of its channels, as ``equalised`` takes them.
        updates: by name of the tensor.
        fields: metadata to add or replace.
    """
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import quantize

    trimmed = with_vocabulary(base, kept)
    tensors = dict(trimmed.tensors)
    for name, tensor in trimmed.tensors.items():
        if not name.startswith("blk."):
            continue
        values, kind = _alike(name, tensor, exponents), F32
        if len(tensor.shape) > 1:
            if name in updates:
                values = values + updates[name].matrix()
            kind = stored_as(name)
        if ours := {IQ4_NL: to_four_bits, Q6_K: to_six_bits}.get(kind):
            content = ours(values)
        else:
            content = np.ascontiguousarray(quantize(values, GGMLQuantizationType(kind)))
        tensors[name] = _stored(tensor.shape, kind, content)
    return Weights({**trimmed.fields, **fields}, tensors)


def stored_as(name: str) -> int:
    """The type of a matrix, by the name of its tensor."""
    return next((kind for end, kind in BITS.items() if name.endswith(f"{end}.weight")), Q5_0)


def to_four_bits(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blocks of IQ4_NL, (blocks, 18): the scale in float16, then two levels a byte (ggml: those of the first half of the block low).

    The weight furthest from zero falls near the first level: the scale is the one of ``SCALES`` that leaves the least squared error,
    summed in whole numbers so that every machine chooses the same.
    """
    blocks = values.reshape(-1, BLOCK)
    furthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    between = (LEVELS[1:] + LEVELS[:-1]) / 2
    best_scale, best_level = np.zeros((len(blocks), 1), np.float16), np.zeros(blocks.shape, np.uint8)
    least = np.full(len(blocks), np.inf)
    for factor in SCALES:
        scale = (furthest * np.float32(factor) / LEVELS[0]).astype(np.float16)
        wide = scale.astype(np.float32)
        inverse = np.divide(np.float32(1), wide, out=np.zeros_like(wide), where=wide != 0)
        turned = blocks * inverse
        level = np.searchsorted(between, turned).astype(np.uint8)
        gap = np.rint((turned - LEVELS[level]) * 16).astype(np.int32)
        error = np.square(gap).sum(axis=1, dtype=np.int64) * np.square(wide[:, 0].astype(np.float64))
        better = error < least
        least[better], best_scale[better], best_level[better] = error[better], scale[better], level[better]
    half = BLOCK // 2
    return np.hstack([best_scale.view(np.uint8), best_level[:, :half] | best_level[:, half:] << 4])


def to_six_bits(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blocks of Q6_K, (blocks, 210): in each part of 16, the weight furthest from zero falls on the last level."""
    parts = values.reshape(-1, 16, 16)
    furthest = np.take_along_axis(parts, np.abs(parts).argmax(axis=-1)[..., None], -1)[..., 0]
    return pack_six_bits(parts, furthest / np.float32(-32))


def pack_six_bits(parts: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blocks of Q6_K, (blocks, 210), of ``parts`` (blocks, 16, 16) with the wanted scale of each part, (blocks, 16): low four bits of
    the weights, their high two bits, scales in 8 bits and the unit of these in float16 (``block_q6_K`` of ggml)."""
    peak = np.take_along_axis(scale, np.abs(scale).argmax(axis=-1)[:, None], -1)
    unit = (peak / -128).astype(np.float16)
    wide = unit.astype(np.float32)
    codes = np.divide(scale, wide, out=np.zeros_like(scale), where=wide != 0)
    codes = np.rint(codes).clip(-128, 127).astype(np.int8)
    step = np.broadcast_to((wide * codes)[..., None], parts.shape)
    levels = np.rint(np.divide(parts, step, out=np.zeros_like(parts), where=step != 0)).clip(-32, 31)
    halves = (levels + 32).astype(np.uint8).reshape(len(parts), 2, 4, 32)
    low, high = halves & 15, halves >> 4
    packed = np.empty((len(parts), 210), np.uint8)
    packed[:, :128] = np.stack(
        [low[:, :, 0] | (low[:, :, 2] << 4), low[:, :, 1] | (low[:, :, 3] << 4)], 2
    ).reshape(-1, 128)
    packed[:, 128:192] = (
        high[:, :, 0] | (high[:, :, 1] << 2) | (high[:, :, 2] << 4) | (high[:, :, 3] << 6)
    ).reshape(-1, 64)
    packed[:, 192:208] = codes.view(np.uint8)
    packed[:, 208:] = unit.view(np.uint8)
    return packed


def save(
    path: Path,
    kept: NDArray[np.int64],
    exponents: Mapping[str, NDArray[np.int8]],
    updates: Mapping[str, Update],
) -> None:
    """Write what ships: arrays alone, nothing that runs."""
    arrays: dict[str, Any] = {"kept": np.diff(kept, prepend=0).astype(np.uint32)}
    arrays |= {f"{name}/exponents": held for name, held in exponents.items()}
    for name, update in updates.items():
        arrays[f"{name}/a"], arrays[f"{name}/b"] = update.a, update.b
        arrays[f"{name}/weight"] = update.weight.astype(np.uint16)
        arrays[f"{name}/scale"] = np.float64(update.scale)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: Path | IO[bytes]) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int8]], dict[str, Update]]:
    """What ``save`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        exponents = {
            name.removesuffix("/exponents"): arrays[name]
            for name in sorted(arrays.files)
            if name.endswith("/exponents")
        }
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
        return np.cumsum(arrays["kept"].astype(np.int64)), exponents, updates


def rebuild(base: bytes) -> Weights:
    """The shipped model, from the content of its base's file."""
    with (FOLDER / "partages-270m.npz").open("rb") as file:
        kept, exponents, updates = load(file)
    return build(parse_weights(base), kept, exponents, updates, described())


def described() -> dict[str, Field]:
    """Metadata that differ from the base's."""
    return {
        "general.name": Field("partages 270M, d'après Gemma 3 270M", _TEXT),
        "general.file_type": Field(FILE_TYPE, _WHOLE),
        "tokenizer.chat_template": Field(TEMPLATE, _TEXT),
    }
