"""Losses: packed rows through a network, cross-entropy in pieces."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partages.training.fast import ATTENTION
from partages.training.rows import PADDING

CHUNK = 1024
"""Positions whose logits are held at a time."""


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Sum of cross-entropies of ``hidden @ weight.T``, without ever holding the logits of all positions."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for start in range(0, len(hidden), CHUNK):
            piece = slice(start, start + CHUNK)
            logits = (hidden[piece] @ weight.T).float()
            peak = logits.amax(dim=-1, keepdim=True)
            logits = logits.sub_(peak)
            chosen = logits.gather(1, targets[piece, None])
            logits = logits.exp_()
            sums = logits.sum(dim=-1, keepdim=True)
            total += (sums.log() - chosen).sum()
            if for_hidden is not None or for_weight is not None:
                logits = logits.div_(sums)
                logits.scatter_add_(1, targets[piece, None], logits.new_full((len(logits), 1), -1.0))
                slope = logits.to(hidden.dtype)
                if for_hidden is not None:
                    torch.mm(slope, weight, out=for_hidden[piece])
                if for_weight is not None:
                    for_weight.addmm_(slope.T, hidden[piece])
        ctx.gradients = for_hidden, for_weight
        return total

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        for_hidden, for_weight = (None if one is None else one * given.to(one.dtype) for one in ctx.gradients)
        return for_hidden, for_weight, None


def cross_entropy_sum(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Sum over positions, in nats. ``hidden`` (n, d), ``weight`` (vocabulary, d), ``targets`` (n,)."""
    result: Tensor = _ChunkedCrossEntropy.apply(hidden, weight, targets)
    return result


class _ChunkedDivergence(torch.autograd.Function):
    """Sum of divergences of what ``hidden`` predicts from what ``wanted`` predicts, a piece at a time."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden)
        for start in range(0, len(hidden), CHUNK):
            piece = slice(start, start + CHUNK)
            own = torch.log_softmax((hidden[piece] @ weight.T).float(), dim=-1)
            aim = torch.log_softmax((wanted[piece] @ weight.T).float(), dim=-1)
            share = aim.exp()
            total += (share * aim.sub_(own)).sum()
            torch.mm(own.exp_().sub_(share).to(hidden.dtype), weight, out=gradient[piece])
        ctx.gradient = gradient
        return total

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, None, None]:
        return ctx.gradient * given.to(ctx.gradient.dtype), None, None


def divergence_sum(hidden: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Sum over positions of the Kullback-Leibler divergence from the network that gave ``wanted``, in nats.

    Keeps a network near another where it need not change (distillation: Hinton et al., 2015). ``hidden`` and ``wanted`` (n, d),
    ``weight`` (vocabulary, d), shared and frozen; gradients go to ``hidden`` alone.
    """
    result: Tensor = _ChunkedDivergence.apply(hidden, wanted, weight)
    return result


def attention(segments: Tensor) -> Tensor:
    """Who may look at whom: (batch, 1, n, n), true within a segment and not ahead."""
    n = segments.shape[1]
    same = segments[:, None, :, None] == segments[:, None, None, :]
    return same & torch.ones(n, n, dtype=torch.bool, device=segments.device).tril()


def positions(segments: Tensor) -> Tensor:
    """Place of each token in its own segment."""
    n = segments.shape[1]
    places = torch.arange(n, device=segments.device).expand_as(segments)
    opens = torch.ones_like(segments, dtype=torch.bool)
    opens[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return places - torch.where(opens, places, 0).cummax(dim=1).values


def row_loss(
    network: Any, tokens: Tensor, segments: Tensor, learnt: Tensor | None = None, half: bool = False
) -> tuple[Tensor, int]:
    """Sum of cross-entropies over the tokens to predict, in nats, and how many they are.

    Args:
        network: a ``transformers`` causal model, with or without ``peft`` around it.
        tokens, segments: (batch, n) as ``rows.pack`` gives them.
        learnt: (batch, n), true for the tokens that count; all by default.
        half: products in bfloat16 where weights are in float32.
    """
    model = network.get_base_model() if hasattr(network, "get_base_model") else network
    mapping = _masks(model.config, attention(segments), model.dtype)
    half = half and model.dtype == torch.float32
    with torch.autocast(tokens.device.type, torch.bfloat16, enabled=half):
        hidden = model.base_model(
            input_ids=tokens, attention_mask=mapping, position_ids=positions(segments), use_cache=False
        ).last_hidden_state
    follows = (segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] != PADDING)
    if learnt is not None:
        follows &= learnt[:, 1:]
    weight = model.get_output_embeddings().weight
    if weight.dtype != hidden.dtype and not half:
        weight = weight.to(hidden.dtype)
    if half:
        hidden, weight = hidden.bfloat16(), weight.bfloat16()
    return cross_entropy_sum(hidden[:, :-1][follows], weight, tokens[:, 1:][follows]), int(follows.sum())


HIDDEN_SHARE = 0.3
"""Tokens hidden from a masked model (Wettig et al., 2023, https://arxiv.org/abs/2202.08005; ModernBERT)."""


def masked_loss(
    network: Any, tokens: Tensor, segments: Tensor, *, mask: int, spared: Sequence[int], seed: tuple[int, int],
    half: bool = False,
) -> tuple[Tensor, int]:  # fmt: skip
    """The same for a model that finds hidden tokens: the sum over them, and how many they are.

    Args:
        network: a ``transformers`` masked model, with or without ``peft`` around it.
        tokens, segments: (batch, n) as ``rows.pack`` gives them.
        mask: the token that hides.
        spared: tokens that are never hidden.
        seed: decides which are.
        half: products in bfloat16 where weights are in float32.
    """
    model = network.get_base_model() if hasattr(network, "get_base_model") else network
    draw = torch.from_numpy(np.random.default_rng(seed).random(tuple(tokens.shape))).to(tokens.device)
    hidden = (
        (draw < HIDDEN_SHARE)
        & (segments != PADDING)
        & ~torch.isin(tokens, torch.tensor(spared, dtype=torch.long, device=tokens.device))
    )
    places = positions(segments)
    padding = getattr(getattr(model.base_model, "embeddings", None), "padding_idx", None)
    if model.config.model_type in SHIFTED and padding is not None:
        places = places + padding + 1
    with torch.autocast(tokens.device.type, torch.bfloat16, enabled=half):
        logits = network(
            input_ids=torch.where(hidden, mask, tokens),
            attention_mask=_masks(
                model.config, segments[:, None, :, None] == segments[:, None, None, :], model.dtype
            ),
            position_ids=places,
        ).logits
    return torch.nn.functional.cross_entropy(logits[hidden].float(), tokens[hidden], reduction="sum"), int(
        hidden.sum()
    )


SHIFTED = ("roberta", "camembert", "xlm-roberta")
"""Families whose places are counted from the one after the padding's."""


def _masks(config: Any, mask: Tensor, kind: torch.dtype) -> Any:
    """The mask as the network takes it: one, or one for each kind of layer where some see only what is near."""

    def given(one: Tensor) -> Tensor:
        if config._attn_implementation != ATTENTION:
            return one
        return torch.zeros(one.shape, dtype=kind, device=one.device).masked_fill_(~one, float("-inf"))

    window = getattr(config, "sliding_window", None)
    layers = getattr(config, "layer_types", None)
    if window is None and layers is None:
        return given(mask)
    far = given(mask)
    near = far
    if window is not None and window < mask.shape[-1]:
        far_back = -window if is_both_ways(config) else 1 - window
        close = torch.ones(mask.shape[-2:], dtype=torch.bool, device=mask.device).triu(far_back)
        near = given(mask & close & close.T if is_both_ways(config) else mask & close)
    return {"full_attention": far, "sliding_attention": near} if layers is not None else near


def is_both_ways(config: Any) -> bool:
    """Whether tokens look ahead too, near as far: ModernBERT's window is counted on each side."""
    return getattr(config, "local_attention", None) is not None
