"""K-quants written: blocks of 256 weights in 4 or 6 bits, and which tensor takes which in the mixture Q4_K_M.

Layout of the blocks: ``block_q4_K`` and ``block_q6_K`` of ggml (https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h);
the mixture and what replaces a type whose blocks do not fit: ``llama-quant.cpp`` of llama.cpp. Scales are searched by weighted
least squares; the bytes are not those of ``llama-quantize``, the error is of the same size (tested).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType
from gguf.quants import quantize as official
from numpy.typing import NDArray

from partages.models.gguf_file import EMBEDDING, F32, OUTPUT, Q4_K, Q5_0, Q6_K, Q8_0
from partages.models.specialised import pack_six_bits

Array = NDArray[Any]
BLOCK = 256
ROWS = 1 << 14
"""Blocks quantised at a time."""
_TRIALS = np.linspace(-1.0, 1.0, 11)
"""Around the range of a block: steps tried for its scale, in levels."""


def kind_in_mixture(name: str, shape: tuple[int, ...], layers: int, tied: bool) -> int:
    """Type of a tensor in Q4_K_M: more bits for the output, and for values and down projections of half the layers."""
    if len(shape) < 2:
        return F32
    part = name.split(".")
    more = name == OUTPUT or (name == EMBEDDING and tied)
    if part[0] == "blk" and part[2] in ("attn_v", "ffn_down"):
        layer, eighth = int(part[1]), layers // 8
        more = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
    if shape[-1] % BLOCK == 0:
        return Q6_K if more else Q4_K
    if shape[-1] % 32 == 0:
        return Q8_0 if more else Q5_0
    return F32


def quantise(values: Array, kind: int) -> Array:
    """Bytes of a matrix (rows, columns) of float32 in a type of GGUF: uint8 (rows, bytes of a row)."""
    rows = len(values)
    ours: dict[int, Callable[[Array], Array]] = {Q4_K: q4_k, Q6_K: q6_k}
    if kind not in ours:
        stored = official(np.ascontiguousarray(values, dtype=np.float32), GGMLQuantizationType(kind))
        return np.ascontiguousarray(stored).view(np.uint8).reshape(rows, -1)
    blocks = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, BLOCK)
    pieces = [ours[kind](blocks[at : at + ROWS]) for at in range(0, len(blocks), ROWS)]
    return np.concatenate(pieces).reshape(rows, -1)


def _quotient(above: Array, below: Array) -> Array:
    """Division where zero by zero is zero."""
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def q4_k(blocks: Array) -> Array:
    """(n, 256) float32 to (n, 144) bytes: eight parts of 32, each a scale and a minimum of 6 bits, weights of 4 bits."""
    parts = blocks.reshape(len(blocks), 8, 32)
    weight = np.abs(parts) + np.sqrt((parts**2).mean(-1, keepdims=True))
    scale, low = _ranges(parts, weight)
    scale_unit, low_unit = (
        np.float16(peak.max(-1, keepdims=True) / 63).astype(np.float32) for peak in (scale, low)
    )
    scale_code, low_code = (
        np.rint(_quotient(one, np.broadcast_to(unit, one.shape))).clip(0, 63).astype(np.uint8)
        for one, unit in ((scale, scale_unit), (low, low_unit))
    )
    step = (scale_unit * scale_code)[..., None]
    levels = np.rint(_quotient(parts + (low_unit * low_code)[..., None], np.broadcast_to(step, parts.shape)))
    codes = levels.clip(0, 15).astype(np.uint8).reshape(len(blocks), 4, 2, 32)
    packed = np.empty((len(blocks), 144), np.uint8)
    packed[:, 0:2] = np.float16(scale_unit).view(np.uint8)
    packed[:, 2:4] = np.float16(low_unit).view(np.uint8)
    packed[:, 4:8] = scale_code[:, :4] | (scale_code[:, 4:] >> 4 << 6)
    packed[:, 8:12] = low_code[:, :4] | (low_code[:, 4:] >> 4 << 6)
    packed[:, 12:16] = (scale_code[:, 4:] & 15) | (low_code[:, 4:] << 4)
    packed[:, 16:] = (codes[:, :, 0] | (codes[:, :, 1] << 4)).reshape(len(blocks), 128)
    return packed


def _ranges(parts: Array, weight: Array) -> tuple[Array, Array]:
    """Scale and minus the minimum (both at least 0) of each part, so that ``scale * level - low`` is near its weights."""
    lowest = np.minimum(parts.min(-1, keepdims=True), 0)
    span = np.maximum(parts.max(-1, keepdims=True), 0) - lowest
    best_scale, best_low = (span / 15)[..., 0], -lowest[..., 0]
    best = np.full(best_scale.shape, np.inf, np.float32)
    total, first = weight.sum(-1), (weight * parts).sum(-1)
    for trial in _TRIALS:
        levels = np.rint(
            _quotient((parts - lowest) * np.float32(15 + trial), np.broadcast_to(span, parts.shape))
        )
        levels = levels.clip(0, 15)
        weighted = weight * levels
        one, two, cross = weighted.sum(-1), (weighted * levels).sum(-1), (weighted * parts).sum(-1)
        determinant = total * two - one * one
        scale = _quotient(total * cross - one * first, determinant)
        low = -_quotient(two * first - one * cross, determinant)
        bound = low < 0
        scale = np.where(bound, _quotient(cross, two), scale)
        low = np.where(bound, 0, low)
        error = (weight * (scale[..., None] * levels - low[..., None] - parts) ** 2).sum(-1)
        better = (error < best) & (scale > 0)
        best = np.where(better, error, best)
        best_scale, best_low = np.where(better, scale, best_scale), np.where(better, low, best_low)
    return best_scale.astype(np.float32), best_low.astype(np.float32)


def q6_k(blocks: Array) -> Array:
    """(n, 256) float32 to (n, 210) bytes: sixteen parts of 16 with a scale of 8 bits, weights of 6 bits."""
    parts = blocks.reshape(len(blocks), 16, 16)
    weight = parts**2
    extreme = np.take_along_axis(parts, np.abs(parts).argmax(-1)[..., None], -1)
    best = np.full(parts.shape[:2], np.inf, np.float32)
    scale = np.zeros(parts.shape[:2], np.float32)
    for trial in _TRIALS:
        levels = np.rint(
            _quotient(parts * np.float32(-32 - trial), np.broadcast_to(extreme, parts.shape))
        ).clip(-32, 31)
        found = _quotient((weight * levels * parts).sum(-1), (weight * levels * levels).sum(-1))
        error = (weight * (found[..., None] * levels - parts) ** 2).sum(-1)
        better = error < best
        best, scale = np.where(better, error, best), np.where(better, found, scale)
    return pack_six_bits(parts, scale)
