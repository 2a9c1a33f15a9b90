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


def window_bits(network: Any, tokens: Sequence[int], half: bool = False) -> float:
    """Bits of the tokens of one window after its first, in one pass of the network."""
    with torch.no_grad():
        loss, _ = row_loss(
            network, torch.tensor([tokens]), torch.zeros(1, len(tokens), dtype=torch.long), half=half
        )
    return float(loss.detach()) / math.log(2)


def bits(
    network: Any,
    tokenizer: Tokenizer,
    start: int | None,
    texts: Sequence[str],
    on_document: Callable[[], None] = lambda: None,
    most: int | None = None,
    half: bool = False,
) -> Bits:
    """Measure documents, without training.

    Args:
        network: a ``transformers`` causal model, with or without adapters.
        tokenizer, start: of the model.
        texts: documents, none empty.
        on_document: called after each.
        most: characters of a document that are read, from its start; all by default.
        half: products in bfloat16, faster where the processor has them, and less exact (a thousandth).
    """
    network.eval()
    found = []
    for text in texts:
        pieces = windows([text[:most]], tokenizer, WINDOW, start, shortest=1 if start is not None else 2)
        found.append(sum(window_bits(network, piece, half) for piece in pieces))
        on_document()
    return Bits(np.array(found), np.array([len(text[:most]) for text in texts], dtype=float))


def gain(before: Bits, after: Bits, seed: int = 0) -> tuple[float, float, float]:
    """Share of the bits saved (0.05: five in a hundred fewer), and its 95 % interval by bootstrap over documents."""
    draw = np.random.default_rng(seed).integers(0, len(before.bits), (DRAWS, len(before.bits)))
    shares = 1 - after.bits[draw].sum(1) / before.bits[draw].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(1 - after.bits.sum() / before.bits.sum()), float(low), float(high)
