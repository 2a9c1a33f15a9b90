"""The same network, faster on a processor that multiplies in bfloat16 (AVX512-BF16, AMX): several times the tokens a second.

Frozen weights are held in bfloat16; adapters stay float32 and are rounded as they are used; each adapted layer, norm and
attention is one step with its own gradient, which keeps less in memory than what automatic differentiation would.
"""

import time
from typing import Any

import torch
from torch import Tensor

ATTENTION = "partages"
"""Name under which ``transformers`` knows our attention."""
WORTH = 1.5
"""Times faster that a product in bfloat16 must be for it to be chosen."""


def is_quick() -> bool:
    """Whether this machine multiplies in bfloat16 clearly faster than in float32: measured, in some milliseconds."""
    seconds = []
    for kind in (torch.float32, torch.bfloat16):
        one, two = torch.ones(512, 512, dtype=kind), torch.ones(512, 1024, dtype=kind)
        taken = []
        for _ in range(6):
            start = time.perf_counter()
            torch.mm(one, two)
            taken.append(time.perf_counter() - start)
        seconds.append(min(taken[1:]))
    return seconds[0] > WORTH * seconds[1]


class _Adapted(torch.autograd.Function):
    """``x W' + s (x A') B'``: W frozen, in bfloat16; A and B trained, in float32."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        a, b = a.to(x.dtype), (b * scale).to(x.dtype)
        low = flat @ a.T
        result = flat @ weight.T if bias is None else torch.addmm(bias, flat, weight.T)
        result.addmm_(low, b.T)
        ctx.save_for_backward(flat, weight, a, b, low)
        ctx.scale = scale
        return result.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight, a, b, low = ctx.saved_tensors
        flat_given = given.reshape(-1, given.shape[-1])
        narrow = flat_given @ b
        x_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = flat_given @ weight
            x_gradient.addmm_(narrow, a)
            x_gradient = x_gradient.view(*given.shape[:-1], -1)
        return (
            x_gradient, None, None, (narrow.T @ flat).float(), (flat_given.T @ low).float().mul_(ctx.scale), None,
        )  # fmt: skip


class _Norm(torch.autograd.Function):
    """Root mean square norm (Zhang and Sennrich, 2019) with a frozen gain."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, epsilon: float) -> Tensor:
        wide = x.float()
        inverse = (
            torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
            .square_()
            .div_(x.shape[-1])
            .add_(epsilon)
            .rsqrt_()
        )
        ctx.save_for_backward(x, gain, inverse)
        result = wide * inverse
        return result.mul_(gain).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, None, None]:
        x, gain, inverse = ctx.saved_tensors
        unit = x.float().mul_(inverse)
        wide = given.float().mul_(gain)
        mean = torch.linalg.vecdot(wide, unit).div_(x.shape[-1]).unsqueeze(-1)
        return wide.addcmul_(unit, mean, value=-1).mul_(inverse).to(x.dtype), None, None


class _Attention(torch.autograd.Function):
    """Softmax of ``q k' + bias``, times v; heads that share keys are computed together.

    Shapes: q (batch, shared heads, group * n, d); k, v (batch, shared heads, n, d); bias (batch, 1, 1, n, n).
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, scale: float) -> Tensor:
        batch, heads, _, _ = q.shape
        n = k.shape[2]
        scores = torch.matmul(q * scale, k.transpose(-1, -2))
        scores.view(batch, heads, -1, n, n).add_(bias)
        weights = torch.softmax(scores, dim=-1)
        result = torch.matmul(weights, v)
        ctx.save_for_backward(q, k, v, weights, result)
        ctx.scale = scale
        return result

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights, _ = ctx.saved_tensors
        v_gradient = torch.matmul(weights.transpose(-1, -2), given)
        inner = torch._softmax_backward_data(
            torch.matmul(given, v.transpose(-1, -2)), weights, -1, weights.dtype
        )
        q_gradient = torch.matmul(inner, k).mul_(ctx.scale)
        k_gradient = torch.matmul(inner.transpose(-1, -2), q).mul_(ctx.scale)
        return q_gradient, k_gradient, v_gradient, None, None


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,  # noqa: ARG001
    scaling: float | None = None, **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention as ``transformers`` calls it: query (batch, heads, n, d), key and value (batch, shared heads, n, d), the
    mask an additive bias (batch, 1, n, n); returns (batch, n, heads, d)."""
    batch, heads, n, width = query.shape
    shared = key.shape[1]
    scale = scaling if scaling is not None else width**-0.5
    assert attention_mask is not None
    result = _Attention.apply(
        query.reshape(batch, shared, heads // shared * n, width),
        key,
        value,
        attention_mask[:, :, None],
        scale,
    )
    return result.view(batch, heads, n, width).transpose(1, 2), None


def quicken(network: Any) -> Any:
    """Hold the frozen weights of an adapted causal network in bfloat16 and give its layers their fast steps, in place.

    Nothing is changed of a layer whose form is not known: it runs as ``transformers`` and ``peft`` wrote it.
    """
    from peft.tuners.lora import Linear
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    for value in network.parameters():
        if not value.requires_grad:
            value.data = value.data.bfloat16()
    for module in network.modules():
        if isinstance(module, Linear):
            _quicken_linear(module)
        elif type(module).__name__.endswith("RMSNorm"):
            _quicken_norm(module)
    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend)
    model = network.get_base_model()
    model.config._attn_implementation = ATTENTION
    return network


def _quicken_linear(module: Any) -> None:
    """LoRA, and DoRA where the layer has no bias."""
    (name,) = module.active_adapters
    base, a, b = module.base_layer, module.lora_A[name].weight, module.lora_B[name].weight
    if not module.lora_variant:

        def forward(x: Tensor, *_: Any, **__: Any) -> Tensor:
            return _Adapted.apply(x, base.weight, base.bias, a, b, module.scaling[name])

    elif base.bias is None:
        magnitude = module.lora_magnitude_vector[name].weight
        weight_norm = base.weight.float().square().sum(1)

        def forward(x: Tensor, *_: Any, **__: Any) -> Tensor:
            scale = module.scaling[name]
            with torch.no_grad():  # the norm is held constant (Liu et al., 2024, section 4.3)
                cross = ((base.weight @ a.T.to(base.weight.dtype)).float() * b).sum(1)
                norm = weight_norm + 2 * scale * cross + scale**2 * ((b @ (a @ a.T)) * b).sum(1)
            ratio = magnitude / norm.sqrt()
            return _Adapted.apply(x, base.weight, None, a, b, scale) * ratio.to(x.dtype)

    else:
        return
    setattr(module, "forward", forward)  # noqa: B010


def _quicken_norm(module: Any) -> None:
    epsilon = getattr(module, "eps", getattr(module, "variance_epsilon", None))
    if epsilon is None:
        return
    trial = torch.linspace(-1, 1, module.weight.numel(), dtype=torch.bfloat16)[None]
    with torch.no_grad():
        expected = module(trial)
        for gain in (module.weight.float(), 1 + module.weight.float()):
            if torch.allclose(_Norm.apply(trial, gain, epsilon), expected, rtol=0.02, atol=0.02):
                setattr(module, "forward", lambda x, gain=gain: _Norm.apply(x, gain, epsilon))  # noqa: B010
                return
