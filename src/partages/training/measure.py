"""How well a model foresees text: bits per character, which models with different vocabularies share."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from partages.training.loss import row_loss
from partages.training.rows import windows

WINDOW = 512
"""Tokens that a model sees at once; each window starts anew, as in training."""
DRAWS = 1000


@dataclass(frozen=True)
class Bits:
    """Bits of each document, and its characters: arrays of one value a document."""

    bits: np.ndarray[Any, Any]
    characters: np.ndarray[Any, Any]

    @property
    def per_character(self) -> float:
        """Over all documents together."""
        return float(self.bits.sum() / self.characters.sum())


def window_bits(network: Any, tokens: Sequence[int]) -> float:
    """Bits of the tokens of one window after its first, in one pass of the network."""
    with torch.no_grad():
        loss, _ = row_loss(network, torch.tensor([tokens]), torch.zeros(1, len(tokens), dtype=torch.long))
    return float(loss.detach()) / math.log(2)


def bits(
    network: Any,
    tokenizer: Tokenizer,
    start: int | None,
    texts: Sequence[str],
    on_document: Callable[[], None] = lambda: None,
) -> Bits:
    """Measure documents, without training.

    Args:
        network: a ``transformers`` causal model, with or without adapters.
        tokenizer, start: of the model.
        texts: documents, none empty.
        on_document: called after each.
    """
    network.eval()
    found = []
    for text in texts:
        pieces = windows([text], tokenizer, WINDOW, start, shortest=2)
        found.append(sum(window_bits(network, piece) for piece in pieces))
        on_document()
    return Bits(np.array(found), np.array([len(text) for text in texts], dtype=float))


def gain(before: Bits, after: Bits, seed: int = 0) -> tuple[float, float, float]:
    """Share of the bits saved (0.05: five in a hundred fewer), and its 95 % interval by bootstrap over documents."""
    draw = np.random.default_rng(seed).integers(0, len(before.bits), (DRAWS, len(before.bits)))
    shares = 1 - after.bits[draw].sum(1) / before.bits[draw].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(1 - after.bits.sum() / before.bits.sum()), float(low), float(high)


def scale_adapters(network: Any, scale: float) -> None:
    """How strongly adapters act: 0 the base, 1 as trained, between the two a linear merge with the base."""
    for module in network.modules():
        if isinstance(held := getattr(module, "scaling", None), dict):
            for name in held:
                held[name] = 2.0 * scale  # alpha is twice the rank


@dataclass(frozen=True)
class Point:
    """One strength of the adapters: bits per character of medical and of general text."""

    scale: float
    medical: float
    general: float

    def cost(self, base: "Point", share: float) -> float:
        """Bits relative to the base, general text counting for ``share``."""
        return (1 - share) * self.medical / base.medical + share * self.general / base.general


def draw_curve(points: Sequence[Point], chosen: Point) -> str:
    """The trade-off as SVG: medical bits per character across, general ones up; the chosen point is filled."""
    wide, high, left = 560, 360, 70
    across = [point.medical for point in points]
    up = [point.general for point in points]

    def x(value: float) -> float:
        return left + (value - min(across)) / ((max(across) - min(across)) or 1) * (wide - left - 90)

    def y(value: float) -> float:
        return high - 60 - (value - min(up)) / ((max(up) - min(up)) or 1) * (high - 100)

    line = " ".join(f"{x(point.medical):.1f},{y(point.general):.1f}" for point in points)
    dots = "".join(
        f'<circle cx="{x(point.medical):.1f}" cy="{y(point.general):.1f}" r="{7 if point == chosen else 4}" '
        f'fill="{"#0a5c63" if point == chosen else "#fff"}" stroke="#0a5c63" stroke-width="2"/>'
        f'<text x="{x(point.medical) + 10:.1f}" y="{y(point.general) - 8:.1f}">{point.scale:g}</text>'
        for point in points
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" font-family="sans-serif" '
        'font-size="13"><title>Bits par caractère, texte médical et texte général, selon la force de l’adaptateur'
        f'</title><rect width="{wide}" height="{high}" fill="#fff"/>'
        f'<polyline points="{line}" fill="none" stroke="#0a5c63" stroke-width="1.5"/>{dots}'
        f'<text x="{left}" y="{high - 32}">{min(across):.3f}</text><text x="{wide - 130}" y="{high - 32}">{max(across):.3f}</text>'
        f'<text x="{left}" y="{high - 12}">texte médical, bits par caractère</text>'
        f'<text x="8" y="{y(max(up)) + 4:.0f}">{max(up):.3f}</text><text x="8" y="{y(min(up)) + 4:.0f}">{min(up):.3f}</text>'
        '<text x="8" y="18">texte général, bits par caractère</text></svg>\n'
    )
