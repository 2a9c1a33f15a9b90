"""What training changed, as files: a GGUF adapter beside its base, or the merged network as safetensors and GGUF."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from safetensors.torch import save_model

from partages.errors import UsageError
from partages.models.gguf_file import (
    EMBEDDING,
    F16,
    F32,
    OUTPUT,
    Q8_0,
    Field,
    Tensor,
    Weights,
    row_bytes,
    write_weights,
)
from partages.training.network import gguf_name

_TEXT, _FLOAT = 8, 6
KINDS = {"f32": F32, "f16": F16, "q8_0": Q8_0}
"""What can be written; K-quants are read, never written: ``llama-quantize`` of llama.cpp makes them from f16."""


def read_trained(path: Path) -> tuple[dict[str, torch.Tensor], int]:
    """The weights that a run changed, and the rank of its adapters.

    Raises:
        UsageError: the run is not finished, or the file is damaged.
    """
    try:
        state = torch.load(path, weights_only=True)
        return state["weights"], int(state["rank"])
    except (OSError, KeyError, RuntimeError, ValueError, EOFError):
        raise UsageError(
            f"« {path} » manque ou est abîmé : terminez l'entraînement (la même commande le reprend)."
        ) from None


def adapter(weights: Mapping[str, torch.Tensor], rank: int, base: Weights, scale: float = 1.0) -> Weights:
    """Adapters as llama.cpp reads them (``general.type = adapter``), half precision.

    Args:
        weights: as ``read_trained`` gives them.
        rank: of the adapters.
        base: the model they go beside.
        scale: how strongly they act; 1 as trained, 0 gives the base back.
    """
    if base.architecture == "llama":
        raise UsageError(
            "Un adaptateur GGUF n'est écrit que pour gemma3 : exportez le modèle fusionné (--kind f16)."
        )
    fields = {
        "general.architecture": Field(base.architecture, _TEXT),
        "general.type": Field("adapter", _TEXT),
        "adapter.type": Field("lora", _TEXT),
        "adapter.lora.alpha": Field(float(2 * rank * scale), _FLOAT),
    }
    tensors = {}
    for name, value in weights.items():
        module, _, side = name.removesuffix(".default.weight").rpartition(".lora_")
        tensors[f"{gguf_name(module)}.weight.lora_{side.lower()}"] = _stored(value.numpy(), F16)
    return Weights(fields, tensors)


def merged(base: Weights, weights: Mapping[str, torch.Tensor], rank: int, scale: float, kind: str) -> Weights:
    """The base with adapters added to its weights, every matrix written as ``kind``; norms stay float32.

    Args:
        base: the model that was trained.
        weights, rank: as ``read_trained`` gives them.
        scale: how strongly the adapters act.
        kind: of ``KINDS``.
    """
    changed: dict[str, np.ndarray[Any, Any]] = {}
    for name, value in weights.items():
        if ".lora_A" in name:
            module = name.partition(".lora_")[0]
            b = weights[name.replace(".lora_A", ".lora_B")]
            changed[f"{gguf_name(module)}.weight"] = (2.0 * scale * (b @ value)).numpy()
    tensors = {}
    for name, tensor in base.tensors.items():
        values = dequantize(np.asarray(tensor.data), GGMLQuantizationType(tensor.kind)).reshape(tensor.shape)
        if name in changed:
            values = values + changed[name]
        tensors[name] = _stored(values, KINDS[kind] if len(tensor.shape) > 1 else F32)
    del rank
    return Weights(base.fields, tensors)


def _stored(values: np.ndarray[Any, Any], kind: int) -> Tensor:
    array = np.ascontiguousarray(values, dtype=np.float32)
    data = quantize(array, GGMLQuantizationType(kind))
    width = row_bytes(array.shape[-1], kind)
    return Tensor(
        array.shape,
        kind,
        np.frombuffer(np.ascontiguousarray(data).tobytes(), dtype=np.uint8).reshape(-1, width),
    )


def write_safetensors(network: Any, folder: Path) -> None:
    """``model.safetensors`` and ``config.json`` for ``transformers``; adapters are merged first."""
    plain = network.merge_and_unload() if hasattr(network, "merge_and_unload") else network
    folder.mkdir(parents=True, exist_ok=True)
    save_model(plain, str(folder / "model.safetensors"))
    plain.config.save_pretrained(folder)


def write_adapter(path: Path, trained: Path, base: Weights, scale: float = 1.0) -> None:
    """The adapter of a finished run as one GGUF file."""
    weights, rank = read_trained(trained)
    write_weights(path, adapter(weights, rank, base, scale))


__all__ = [
    "EMBEDDING",
    "KINDS",
    "OUTPUT",
    "adapter",
    "merged",
    "read_trained",
    "write_adapter",
    "write_safetensors",
]
