"""Losses: packed rows through a network, cross-entropy in pieces."""

from typing import Any

import torch
from torch import Tensor

from partages.training.rows import PADDING

CHUNK = 1024
"""Positions whose logits are held at a time."""


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Sum of cross-entropies of ``hidden @ weight.T``, without ever holding the logits of all positions; ``weight`` is frozen."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        total = hidden.new_zeros(())
        gradient = torch.empty_like(hidden) if hidden.requires_grad else None
        for start in range(0, len(hidden), CHUNK):
            piece = slice(start, start + CHUNK)
            logits = hidden[piece] @ weight.T
            peak = logits.amax(dim=-1, keepdim=True)
            logits = logits.sub_(peak)
            chosen = logits.gather(1, targets[piece, None])
            logits = logits.exp_()
            sums = logits.sum(dim=-1, keepdim=True)
            total += (sums.log() - chosen).sum()
            if gradient is not None:
                logits = logits.div_(sums)
                logits.scatter_add_(1, targets[piece, None], logits.new_full((len(logits), 1), -1.0))
                gradient[piece] = logits @ weight
        ctx.gradient = gradient
        return total

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, None, None]:
        return (None if ctx.gradient is None else ctx.gradient * given), None, None


def cross_entropy_sum(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum over positions, in nats. ``hidden`` (n, d), ``weight`` (vocabulary, d) frozen, ``targets`` (n,)."""
    result: Tensor = _ChunkedCrossEntropy.apply(hidden, weight, targets)
    return result


def attention(segments: Tensor) -> Tensor:
    """Who may look at whom: (batch, 1, n, n), true within a segment and not ahead."""
    n = segments.shape[1]
    same = segments[:, None, :, None] == segments[:, None, None, :]
    return same & torch.ones(n, n, dtype=torch.bool).tril()


def positions(segments: Tensor) -> Tensor:
    """Place of each token in its own segment."""
    n = segments.shape[1]
    places = torch.arange(n).expand_as(segments)
    opens = torch.ones_like(segments, dtype=torch.bool)
    opens[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return places - torch.where(opens, places, 0).cummax(dim=1).values


def row_loss(
    network: Any, tokens: Tensor, segments: Tensor, learnt: Tensor | None = None
) -> tuple[Tensor, int]:
    """Sum of cross-entropies over the tokens to predict, in nats, and how many they are.

    Args:
        network: a ``transformers`` causal model, with or without ``peft`` around it.
        tokens, segments: (batch, n) as ``rows.pack`` gives them.
        learnt: (batch, n), true for the tokens that count; all by default.
    """
    model = network.get_base_model() if hasattr(network, "get_base_model") else network
    mask = attention(segments)
    mapping: Any = mask
    if hasattr(model.config, "layer_types") and model.config.model_type.startswith("gemma"):
        near = torch.ones(mask.shape[-2:], dtype=torch.bool).triu(1 - model.config.sliding_window)
        mapping = {"full_attention": mask, "sliding_attention": mask & near}
    hidden = model.model(
        input_ids=tokens, attention_mask=mapping, position_ids=positions(segments), use_cache=False
    ).last_hidden_state
    follows = (segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] != PADDING)
    if learnt is not None:
        follows &= learnt[:, 1:]
    weight = model.lm_head.weight
    return cross_entropy_sum(hidden[:, :-1][follows], weight, tokens[:, 1:][follows]), int(follows.sum())
