"""The network of a GGUF file in torch, through ``transformers``: Gemma 3 (text) and Llama."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from partages.errors import UsageError
from partages.models.gguf_file import EMBEDDING, OUTPUT, Weights

LOCAL_ROPE_BASE = 10_000.0
GLOBAL_EVERY = 6
"""Gemma 3: one layer in six attends to everything (Gemma 3 technical report, 2025)."""

_LAYER = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
LINEAR = tuple(name.rpartition(".")[2] for name in _LAYER.values())
"""Names of the linear modules of a layer, which adapters go beside."""
_NORMS = {
    "gemma3": {
        "attn_norm": "input_layernorm", "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    },
    "llama": {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"},
}  # fmt: skip


ROPE_FACTORS = "rope_freqs.weight"
"""Slower rotations of Llama 3.1 and later: what each frequency is divided by."""
LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
"""Of every Llama from 3.1 on; the factor differs."""


def rope_factors(told: Mapping[str, Any], head: int, theta: float) -> np.ndarray[Any, Any]:
    """``ROPE_FACTORS`` of Llama 3.1 and later (``Llama3Model`` of llama.cpp's converter): (head / 2,) float32."""
    wave = 2 * np.pi * theta ** (np.arange(0, head, 2) / head)
    length = told["original_max_position_embeddings"]
    low, high = told["low_freq_factor"], told["high_freq_factor"]
    smooth = (length / wave - low) / (high - low)
    between = 1 / ((1 - smooth) / told["factor"] + smooth)
    return np.where(wave < length / high, 1.0, np.where(wave > length / low, told["factor"], between)).astype(
        np.float32
    )


def tensor_names(weights: Weights) -> Iterator[tuple[str, str]]:
    """The tensors of an architecture, in the order of a file, each with its weight in ``transformers``."""
    layers = range(int(weights.number("block_count")))
    names = [EMBEDDING, "output_norm.weight", OUTPUT]
    names += [
        f"blk.{at}.{short}.weight" for at in layers for short in (*_LAYER, *_NORMS[weights.architecture])
    ]
    for name in names:
        module = _module_name(name, weights.architecture)
        assert module is not None
        yield name, module


def gguf_name(module: str) -> str:
    """The GGUF tensor of a linear module: ``model.layers.3.mlp.up_proj`` -> ``blk.3.ffn_up``."""
    _, _, rest = module.partition("layers.")
    layer, _, name = rest.partition(".")
    return f"blk.{layer}.{next(short for short, long in _LAYER.items() if long == name)}"


def stored_value(weights: Weights, tensor: str, state: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """What a GGUF tensor is to hold for a trained network, in llama.cpp's layout; None when the network has no such weight."""
    name = _module_name(tensor, weights.architecture)
    if name is None or name not in state:
        return None
    values = state[name].float()
    if values.dim() == 1 and weights.architecture == "gemma3":
        return values + 1.0
    return outputs_as_stored(weights, tensor, values)


def outputs_as_stored(weights: Weights, tensor: str, values: torch.Tensor) -> torch.Tensor:
    """Rows of a matrix in llama.cpp's order, which interleaves the halves of Llama's heads."""
    short = tensor.split(".")[-2]
    if weights.architecture != "llama" or short not in ("attn_q", "attn_k"):
        return values
    heads = weights.number("attention.head_count" if short == "attn_q" else "attention.head_count_kv")
    return _permuted(values, int(heads))


def _module_name(tensor: str, architecture: str) -> str | None:
    outside = {
        EMBEDDING: "model.embed_tokens.weight",
        OUTPUT: "lm_head.weight",
        "output_norm.weight": "model.norm.weight",
    }
    if tensor in outside:
        return outside[tensor]
    part = tensor.split(".")
    if part[0] != "blk" or len(part) != 4:
        return None
    long = (_LAYER | _NORMS[architecture]).get(part[2])
    return None if long is None else f"model.layers.{part[1]}.{long}.weight"


def build(weights: Weights, dtype: torch.dtype = torch.float32, empty: bool = False) -> PreTrainedModel:
    """The network with the dequantised weights; ``empty``: its shape alone, on the meta device.

    Raises:
        UsageError: an architecture other than Gemma 3 or Llama.
    """
    kind = weights.architecture
    if kind not in _NORMS:
        raise UsageError(
            f"L'architecture « {kind} » ne peut pas être entraînée ici : choisissez un modèle gemma3 ou llama."
        )
    config = _config(weights)
    with torch.device("meta"):
        network: PreTrainedModel = (Gemma3ForCausalLM if kind == "gemma3" else LlamaForCausalLM)(config)
    if empty:
        return network
    network.to_empty(device="cpu")
    state: dict[str, torch.Tensor] = {
        "model.embed_tokens.weight": _tensor(weights, EMBEDDING),
        "model.norm.weight": _norm(weights, "output_norm.weight"),
    }
    if OUTPUT in weights.tensors:
        state["lm_head.weight"] = _tensor(weights, OUTPUT)
    for layer in range(int(weights.number("block_count"))):
        for short, long in _LAYER.items():
            values = _tensor(weights, f"blk.{layer}.{short}.weight")
            if kind == "llama" and short in ("attn_q", "attn_k"):
                heads = config.num_attention_heads if short == "attn_q" else config.num_key_value_heads
                values = _unpermuted(values, heads)
            state[f"model.layers.{layer}.{long}.weight"] = values
        for short, long in _NORMS[kind].items():
            state[f"model.layers.{layer}.{long}.weight"] = _norm(weights, f"blk.{layer}.{short}.weight")
    missing, unexpected = network.load_state_dict(state, strict=False, assign=True)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise UsageError("Ce modèle n'a pas les tenseurs de son architecture : le fichier est incomplet.")
    network.tie_weights()
    _fill_buffers(network, config)
    for parameter in network.parameters():
        parameter.data = parameter.data.to(dtype)
    return network


def _config(weights: Weights) -> Any:
    number = weights.number
    common: dict[str, Any] = {
        "vocab_size": len(weights.tokens),
        "hidden_size": int(number("embedding_length")),
        "intermediate_size": int(number("feed_forward_length")),
        "num_hidden_layers": int(number("block_count")),
        "num_attention_heads": int(number("attention.head_count")),
        "num_key_value_heads": int(_or(weights, "attention.head_count_kv", number("attention.head_count"))),
        "max_position_embeddings": int(number("context_length")),
        "rms_norm_eps": number("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": OUTPUT not in weights.tensors,
        "attn_implementation": "sdpa",
    }
    for name in ("bos", "eos", "pad"):
        common[f"{name}_token_id"] = weights.token_id("padding" if name == "pad" else name)
    if weights.architecture == "llama":
        head = int(
            _or(weights, "rope.dimension_count", common["hidden_size"] // common["num_attention_heads"])
        )
        return LlamaConfig(
            **common, head_dim=head, rope_parameters=_rope(weights, head, _or(weights, "rope.freq_base", 1e4))
        )
    if _or(weights, "rope.scaling.factor", 1.0) != 1.0:
        raise UsageError(
            "Ce modèle étire ses positions d'une façon que l'on ne connaît pas : partez de son dossier safetensors."
        )
    head = int(number("attention.key_length"))
    layers = common["num_hidden_layers"]
    return Gemma3TextConfig(
        **common,
        head_dim=head,
        query_pre_attn_scalar=head,
        sliding_window=int(number("attention.sliding_window")),
        layer_types=[
            "full_attention" if (layer + 1) % GLOBAL_EVERY == 0 else "sliding_attention"
            for layer in range(layers)
        ],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": number("rope.freq_base")},
            "sliding_attention": {"rope_type": "default", "rope_theta": LOCAL_ROPE_BASE},
        },
        hidden_activation="gelu_pytorch_tanh",
    )


def _or(weights: Weights, name: str, otherwise: float) -> float:
    return weights.number(name) if f"{weights.architecture}.{name}" in weights.fields else otherwise


def _rope(weights: Weights, head: int, theta: float) -> dict[str, Any]:
    """Rotations of a Llama: plain, or those of Llama 3.1, told by its factors."""
    if ROPE_FACTORS not in weights.tensors and _or(weights, "rope.scaling.factor", 1.0) == 1.0:
        return {"rope_type": "default", "rope_theta": theta}
    if ROPE_FACTORS in weights.tensors:
        stored = _tensor(weights, ROPE_FACTORS).numpy()
        told = {**LLAMA_3, "factor": float(stored.max())}
        if stored.shape == (head // 2,) and np.allclose(rope_factors(told, head, theta), stored, rtol=1e-3):
            return {"rope_type": "llama3", "rope_theta": theta, **told}
    raise UsageError(
        "Ce modèle étire ses positions d'une façon que l'on ne connaît pas : partez de son dossier safetensors."
    )


def _tensor(weights: Weights, name: str) -> torch.Tensor:
    try:
        tensor = weights.tensors[name]
    except KeyError:
        raise UsageError(f"Il manque le tenseur {name} : le fichier est incomplet.") from None
    return torch.from_numpy(np.array(tensor.values()))


def _norm(weights: Weights, name: str) -> torch.Tensor:
    """Gemma's norms are stored with one added."""
    return _tensor(weights, name) - (1.0 if weights.architecture == "gemma3" else 0.0)


def _unpermuted(values: torch.Tensor, heads: int) -> torch.Tensor:
    """llama.cpp interleaves the two halves of each head for its rotation; put them back."""
    rows, columns = values.shape
    return values.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def _permuted(values: torch.Tensor, heads: int) -> torch.Tensor:
    """The inverse of ``_unpermuted``."""
    rows, columns = values.shape
    return values.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def _fill_buffers(network: PreTrainedModel, config: Any) -> None:
    """What is computed and not stored (rotations, embedding scale), lost on the meta device."""
    fresh = type(network)(_small(config))
    computed = dict(fresh.named_buffers())
    for name, buffer in network.named_buffers():
        buffer.data = computed[name].data.clone().to(buffer.dtype)


def _small(config: Any) -> Any:
    """The same configuration with few weights: a layer of each kind."""
    kinds = sorted(set(getattr(config, "layer_types", None) or ["full_attention"]))
    return type(config)(
        **{
            **config.to_dict(),
            "num_hidden_layers": len(kinds),
            **({"layer_types": kinds} if getattr(config, "layer_types", None) else {}),
            "intermediate_size": 8,
            "vocab_size": 8,
            "pad_token_id": None,
            "bos_token_id": None,
            "eos_token_id": None,
        }
    )
