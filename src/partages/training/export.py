"""What training changed, as files: a GGUF adapter beside its base, or the whole network as safetensors and GGUF."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import TemplateProcessing

from partages.errors import UsageError
from partages.models.gguf_file import F16, F32, OUTPUT, PER_TOKEN, Q8_0, Field, Tensor, Weights, row_bytes
from partages.training.base import Base, quiet
from partages.training.folder import described, with_tensors
from partages.training.network import gguf_name, outputs_as_stored, stored_value
from partages.training.pretrain import with_adapters
from partages.training.quantise import kind_in_mixture, quantise

_TEXT, _FLOAT, _UNSIGNED = 8, 6, 4
TYPES = {"f32": F32, "f16": F16, "q8_0": Q8_0}
"""Kinds of file of one type; ``q4_k_m`` mixes several."""
FILE_TYPES = {"f32": 0, "f16": 1, "q8_0": 7, "q4_k_m": 15}
"""``general.file_type`` (``llama_ftype``)."""


@dataclass(frozen=True)
class Learnt:
    """What a finished run changed: weights by name, and how they go beside the base's."""

    weights: Mapping[str, torch.Tensor]
    rank: int
    method: Any


def read_trained(path: Path) -> Learnt:
    """The weights that a run changed.

    Raises:
        UsageError: the run is not finished, or the file is damaged.
    """
    try:
        state = torch.load(path, weights_only=True)
        return Learnt(state["weights"], int(state["rank"]), state.get("method", "lora"))
    except (OSError, KeyError, RuntimeError, ValueError, EOFError):
        raise UsageError(
            f"« {path} » manque ou est abîmé : terminez l'entraînement (la même commande le reprend)."
        ) from None


def trained_network(base: Base, learnt: Learnt) -> Any:
    """The base with what a run learnt, adapters still apart."""
    network = with_adapters(base.network(), learnt.rank, 0, learnt.method, base.targets)
    held = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in learnt.weights.items():
            held[name].copy_(value)
    return network


def plain(network: Any) -> Any:
    """The network with its adapters added to its weights."""
    return network.merge_and_unload() if hasattr(network, "merge_and_unload") else network


def adapter(learnt: Learnt, base: Weights, scale: float = 1.0) -> Weights:
    """Adapters as llama.cpp reads them (``general.type = adapter``), half precision.

    Args:
        learnt: low-rank adapters.
        base: the model they go beside.
        scale: how strongly they act; 1 as trained, 0 gives the base back.

    Raises:
        UsageError: what was learnt is no low-rank adapter.
    """
    if learnt.method != "lora" or not learnt.rank:
        raise UsageError(
            "Seul un entraînement « lora » donne un adaptateur GGUF : exportez le modèle entier (--kind q8_0)."
        )
    fields = {
        "general.architecture": Field(base.architecture, _TEXT),
        "general.type": Field("adapter", _TEXT),
        "adapter.type": Field("lora", _TEXT),
        "adapter.lora.alpha": Field(float(2 * learnt.rank * scale), _FLOAT),
    }
    tensors = {}
    for name, value in learnt.weights.items():
        module, _, side = name.removesuffix(".default.weight").rpartition(".lora_")
        target = f"{gguf_name(module)}.weight"
        values = outputs_as_stored(base, target, value) if side == "B" else value
        tensors[f"{target}.lora_{side.lower()}"] = _stored(values.detach().numpy(), F16)
    return Weights(fields, tensors)


def as_gguf(base: Base, state: Mapping[str, torch.Tensor], kind: str) -> Weights:
    """The weights of a trained network as a GGUF model, with the vocabulary, metadata and conversation template of its base.

    Args:
        base: what was trained.
        state: of the trained network, adapters added to its weights.
        kind: ``f32``, ``f16``, ``q8_0`` or ``q4_k_m``. In the last, a matrix that training left as it was, and that the base
            stores quantised, stays as stored: it is not quantised twice.

    Raises:
        UsageError: the base is a folder that llama.cpp's form is not known of.
    """
    weights = base.weights
    if weights is None:
        return _from_folder(base, state, kind)
    layers, tied = int(weights.number("block_count")), OUTPUT not in weights.tensors
    tensors = {}
    for name, tensor in weights.tensors.items():
        before = tensor.values()
        found = stored_value(weights, name, state)
        values = before if found is None else found.detach().numpy()
        if kind != "q4_k_m":
            tensors[name] = _stored(values, TYPES[kind] if len(tensor.shape) > 1 else F32)
        elif tensor.kind > F16 and np.array_equal(values, before):
            tensors[name] = tensor
        else:
            tensors[name] = _stored(values, kind_in_mixture(name, tensor.shape, layers, tied))
    fields = {**weights.fields, "general.file_type": Field(FILE_TYPES[kind], _UNSIGNED)}
    if base.template is not None:
        fields["tokenizer.chat_template"] = Field(base.template, _TEXT)
    return Weights(fields, tensors)


def _from_folder(base: Base, state: Mapping[str, torch.Tensor], kind: str) -> Weights:
    weights = described(base)
    names = list(with_tensors(weights, dict(state)))
    layers, tied = int(weights.number("block_count")), OUTPUT not in names
    tensors = dict(weights.tensors)
    for name in names:
        found = stored_value(weights, name, state)
        assert found is not None
        values = found.detach().numpy()
        if name in PER_TOKEN:  # rows beyond the vocabulary, which some bases have, stand for nothing
            values = values[: len(weights.tokens)]
        if kind == "q4_k_m":
            tensors[name] = _stored(values, kind_in_mixture(name, values.shape, layers, tied))
        else:
            tensors[name] = _stored(values, TYPES[kind] if values.ndim > 1 else F32)
    fields = {**weights.fields, "general.file_type": Field(FILE_TYPES[kind], _UNSIGNED)}
    if base.template is not None:
        fields["tokenizer.chat_template"] = Field(base.template, _TEXT)
    return Weights(fields, tensors)


def _stored(values: np.ndarray[Any, Any], kind: int) -> Tensor:
    array = np.ascontiguousarray(values, dtype=np.float32)
    if kind not in (F32, F16) and array.shape[-1] % 32:
        kind = F16
    rows = array.reshape(-1, array.shape[-1])
    return Tensor(
        array.shape, kind, quantise(rows, kind).reshape(len(rows), row_bytes(array.shape[-1], kind))
    )


def check_replaceable(folder: Path) -> None:
    """A model may be written in place of another, never of a folder of something else.

    Raises:
        UsageError: there is a file of that name, or a folder that is neither empty nor a model.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"« {folder} » est un fichier : donnez à --output un nom de dossier.")
    models = ("config.json", "adapter_config.json")
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).is_file() for name in models):
        raise UsageError(
            f"« {folder} » contient autre chose qu'un modèle, qui serait effacé : choisissez un autre --output."
        )


def write_folder(network: Any, base: Base, folder: Path) -> None:
    """A folder that ``transformers`` loads: weights, configuration, tokenizer, conversation template."""
    with quiet():
        network.save_pretrained(folder)
    tokenizer = Tokenizer.from_str(base.tokenizer.to_str())
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in base.marks])
    if base.weights is not None and base.start is not None:
        first = base.specials["bos_token"]
        tokenizer.post_processor = TemplateProcessing(
            single=f"{first} $A", special_tokens=[(first, base.start)]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {
        **base.specials,
        **({"mask_token": base.tokenizer.id_to_token(base.mask)} if base.mask is not None else {}),
    }
    options: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{name: token for name, token in special.items() if token},
        "model_max_length": getattr(network.config, "max_position_embeddings", 512),
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(options, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    if base.template is not None:
        (folder / "chat_template.jinja").write_text(base.template, encoding="utf-8")
