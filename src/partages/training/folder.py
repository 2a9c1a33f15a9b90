"""A folder of ``transformers`` as llama.cpp would hold it (metadata, vocabulary, names of tensors), and the same with part of its
vocabulary.

GGUF is written for the architectures that ``network`` reads: Gemma 3 (text), Llama and Mistral. Metadata and what is stored
otherwise than in ``transformers``: ``convert_hf_to_gguf.py`` of llama.cpp (https://github.com/ggml-org/llama.cpp).
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from partages.errors import UsageError
from partages.models.gguf_file import (
    BYTE,
    CONTROL,
    F32,
    KINDS,
    MERGES,
    NORMAL,
    OUTPUT,
    SCORES,
    TOKENS,
    UNKNOWN,
    USER_DEFINED,
    Field,
    Tensor,
    Weights,
)
from partages.training.base import Base, read_json
from partages.training.network import GLOBAL_EVERY, LOCAL_ROPE_BASE, ROPE_FACTORS, rope_factors, tensor_names
from partages.training.vocabulary import PRE_TOKENIZERS, build_tokenizer, kept_tokens, pre_tokenizer_of

_TEXT, _LIST, _UNSIGNED, _INT, _FLOAT, _TRUTH = 8, 9, 4, 5, 6, 7
ARCHITECTURES = {"gemma3_text": "gemma3", "llama": "llama", "mistral": "llama"}
"""``model_type`` of ``transformers`` to ``general.architecture``."""
TRIALS = (
    "Le patient de 67 ans présente une insuffisance cardiaque, créatinine 112 µmol/L ; œdèmes  des membres inférieurs.",
    "  Bisoprolol 2,5 mg × 1/j\n\n\tDFG ≥ 60 mL/min (TSH 4.25) — l'évolution n'est PAS favorable 😀…",
)
"""Texts that the vocabulary as llama.cpp holds it must cut as the folder's own does."""


def described(base: Base) -> Weights:
    """Metadata and vocabulary of a folder as GGUF has them, with the tensors that are computed and not learnt.

    Raises:
        UsageError: llama.cpp's form of this architecture, of these options or of this vocabulary is not known here.
    """
    config = read_json(base.path / "config.json")
    kind = ARCHITECTURES.get(str(config.get("model_type")))
    if kind is None:
        raise _unknown(base, f"l'architecture « {config.get('model_type')} »")
    rope = config.get("rope_parameters") or {}
    heads = int(config["num_attention_heads"])
    head = int(config.get("head_dim") or config["hidden_size"] // heads)
    layers = int(config["num_hidden_layers"])
    numbers: dict[str, float] = {
        "context_length": int(config["max_position_embeddings"]), "embedding_length": int(config["hidden_size"]),
        "block_count": layers, "feed_forward_length": int(config["intermediate_size"]), "attention.head_count": heads,
        "attention.head_count_kv": int(config.get("num_key_value_heads") or heads), "attention.key_length": head,
        "attention.value_length": head,
    }  # fmt: skip
    tensors = {}
    if kind == "gemma3":
        kinds = [
            "full_attention" if (at + 1) % GLOBAL_EVERY == 0 else "sliding_attention" for at in range(layers)
        ]
        far, near = rope.get("full_attention", {}), rope.get("sliding_attention", {})
        if (
            config.get("layer_types", kinds) != kinds
            or far.get("rope_type", "default") != "default"
            or near.get("rope_theta", LOCAL_ROPE_BASE) != LOCAL_ROPE_BASE
            or config.get("query_pre_attn_scalar", head) != head
        ):
            raise _unknown(base, "cette suite de couches ou cette rotation")
        numbers["attention.sliding_window"] = int(config["sliding_window"])
        theta = far.get("rope_theta", config.get("rope_theta", 1e6))
    else:
        if config.get("attention_bias") or config.get("mlp_bias") or config.get("sliding_window"):
            raise _unknown(base, "une attention à biais ou à fenêtre")
        numbers |= {"rope.dimension_count": head, "vocab_size": base.facts["vocabulary"]}
        theta = rope.get("rope_theta", config.get("rope_theta", 1e4))
        scaling = rope.get("rope_type", "default")
        if scaling == "llama3":
            factors = rope_factors(rope, head, float(theta))
            tensors[ROPE_FACTORS] = Tensor(factors.shape, F32, factors.view(np.uint8).reshape(1, -1))
        elif scaling != "default":
            raise _unknown(base, f"la rotation « {scaling} »")
    fields = {
        "general.architecture": Field(kind, _TEXT),
        "general.name": Field(base.name, _TEXT),
        **{f"{kind}.{name}": Field(value, _UNSIGNED) for name, value in numbers.items()},
        f"{kind}.attention.layer_norm_rms_epsilon": Field(float(config["rms_norm_eps"]), _FLOAT),
        f"{kind}.rope.freq_base": Field(float(theta), _FLOAT),
        **vocabulary(base),
    }
    if base.facts.get("licence"):
        fields["general.license"] = Field(str(base.facts["licence"]), _TEXT)
    found = Weights(fields, tensors)
    again = build_tokenizer(found)
    if any(again.encode(text, add_special_tokens=False).ids != base.encode(text) for text in TRIALS):
        raise _unknown(base, "ce découpeur")
    return found


def with_tensors(weights: Weights, state: dict[str, Any]) -> Iterator[str]:
    """The GGUF tensors that a trained folder has, in the order of a file."""
    for name, module in tensor_names(weights):
        if module in state and not (name == OUTPUT and _tied(state)):
            yield name


def _tied(state: dict[str, Any]) -> bool:
    both = state["model.embed_tokens.weight"], state["lm_head.weight"]
    return both[0].data_ptr() == both[1].data_ptr() or torch.equal(*both)


def _unknown(base: Base, what: str) -> UsageError:
    return UsageError(
        f"« {base.name} » ne s'écrit pas en GGUF ici ({what}) : exportez-le en safetensors (--kind safetensors), que "
        "convert_hf_to_gguf.py de llama.cpp convertit."
    )


def vocabulary(base: Base) -> dict[str, Field]:
    """The vocabulary of a folder in the metadata of GGUF.

    Raises:
        UsageError: neither SentencePiece BPE with bytes nor byte-level BPE of a kind that llama.cpp cuts alike.
    """
    told = json.loads(base.tokenizer.to_str())
    model = told["model"]
    if model["type"] != "BPE":
        raise _unknown_vocabulary(base, model["type"])
    added = {one["id"]: one for one in told["added_tokens"]}
    places = {**model["vocab"], **{one["content"]: at for at, one in added.items()}}
    tokens = [f"<unused{at}>" for at in range(max(places.values()) + 1)]
    for token, at in places.items():
        tokens[at] = token
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    whole = not model.get("byte_fallback")
    kinds = []
    for at, token in enumerate(tokens):
        if at in added:
            unknown = token == model.get("unk_token")
            kinds.append(UNKNOWN if unknown else CONTROL if added[at]["special"] else USER_DEFINED)
        else:
            is_byte = not whole and len(token) == 6 and token.startswith("<0x")
            kinds.append(BYTE if is_byte else NORMAL)
    fields = {
        TOKENS: Field(tokens, _LIST, _TEXT),
        KINDS: Field(kinds, _LIST, _INT),
    }
    if whole:
        kind = pre_tokenizer_of(told.get("pre_tokenizer"))
        if kind is None:
            raise _unknown_vocabulary(base, "BPE")
        fields |= {
            "tokenizer.ggml.model": Field("gpt2", _TEXT), "tokenizer.ggml.pre": Field(kind, _TEXT),
            MERGES: Field(merges, _LIST, _TEXT),
        }  # fmt: skip
    else:
        rank = {merge.replace(" ", ""): at for at, merge in reversed(list(enumerate(merges)))}
        last = float(len(merges))
        fields |= {
            "tokenizer.ggml.model": Field("llama", _TEXT), "tokenizer.ggml.pre": Field("default", _TEXT),
            SCORES: Field([-float(rank.get(token, last)) for token in tokens], _LIST, _FLOAT),
            "tokenizer.ggml.add_space_prefix": Field("Prepend" in json.dumps(told.get("normalizer")), _TRUTH),
        }  # fmt: skip
    ids = {
        "bos": base.start,
        "eos": base.end,
        "unknown": model["vocab"].get(model.get("unk_token") or ""),
        "padding": _padding(base),
    }
    fields |= {
        f"tokenizer.ggml.{name}_token_id": Field(at, _UNSIGNED) for name, at in ids.items() if at is not None
    }
    opened = base.tokenizer.encode("a").ids[:1]
    fields["tokenizer.ggml.add_bos_token"] = Field(base.start is not None and opened == [base.start], _TRUTH)
    return fields


def _unknown_vocabulary(base: Base, what: str) -> UsageError:
    known = ", ".join(PRE_TOKENIZERS)
    return UsageError(
        f"Le vocabulaire de « {base.name} » est d'une sorte que l'on ne sait ni réduire ni écrire en GGUF ({what}) : il faut "
        f"un BPE de SentencePiece, ou un BPE d'octets ({known})."
    )


def _padding(base: Base) -> int | None:
    options = (
        read_json(base.path / "tokenizer_config.json")
        if (base.path / "tokenizer_config.json").is_file()
        else {}
    )
    given = options.get("pad_token")
    given = given.get("content") if isinstance(given, dict) else given
    return base.tokenizer.token_to_id(given) if isinstance(given, str) else None


def trim(base: Base, used: Counter[int], size: int) -> tuple[Any, Base, set[int]]:
    """The same model with part of its vocabulary: its network, as it is stored; what goes with it; the tokens kept.

    Args:
        base: a folder of a causal model.
        used: how often each token is used in the language and domain to keep.
        size: tokens to keep, as ``kept_tokens`` has it.

    Raises:
        UsageError: a masked model, or a vocabulary that is not known.
    """
    if base.masked:
        raise UsageError(
            "Seul un modèle qui écrit peut être réduit : un modèle masqué garde son vocabulaire."
        )
    kept = kept_tokens(Weights(vocabulary(base), {}), used, size)
    ids = sorted(kept)
    place = {old: new for new, old in enumerate(ids)}
    network = base.network()
    for module in (network.get_input_embeddings(), network.get_output_embeddings()):
        for name in ("weight", "bias"):
            value = getattr(module, name, None)
            if value is not None and len(value) > max(ids) and len(value) != len(ids):
                setattr(module, name, torch.nn.Parameter(value.data[ids].clone()))
    network.get_input_embeddings().num_embeddings = network.get_output_embeddings().out_features = len(ids)
    network.config.vocab_size = len(ids)
    network.tie_weights()
    for held in (network.config, network.generation_config):
        for name, value in held.to_dict().items():
            if name.endswith("_token_id") and value is not None:
                many = [place[one] for one in value if one in place] if isinstance(value, list) else None
                setattr(held, name, many if many is not None else place.get(value))
    kind = getattr(torch, str(read_json(base.path / "config.json").get("dtype", "float32")), torch.float32)
    trimmed = replace(
        base, tokenizer=_cut_tokenizer(base.tokenizer, place), marks={mark: place[at] for mark, at in base.marks.items() if at in place},
        start=None if base.start is None else place[base.start], end=None if base.end is None else place[base.end],
    )  # fmt: skip
    return network.to(kind), trimmed, kept


def _cut_tokenizer(tokenizer: Tokenizer, place: dict[int, int]) -> Tokenizer:
    told = json.loads(tokenizer.to_str())
    model = told["model"]
    model["vocab"] = {token: place[at] for token, at in model["vocab"].items() if at in place}
    held = model["vocab"].keys() | {one["content"] for one in told["added_tokens"]}
    merges = [one.split(" ", 1) if isinstance(one, str) else one for one in model["merges"]]
    model["merges"] = [pair for pair in merges if {*pair, "".join(pair)} <= held]
    told["added_tokens"] = [
        {**one, "id": place[one["id"]]} for one in told["added_tokens"] if one["id"] in place
    ]
    _renumber(told.get("post_processor"), place)
    return Tokenizer.from_str(json.dumps(told))


def _renumber(processor: Any, place: dict[int, int]) -> None:
    """Ids that a post-processor holds, in place."""
    if not isinstance(processor, dict):
        return
    for inner in processor.get("processors", ()):
        _renumber(inner, place)
    for one in (processor.get("special_tokens") or {}).values():
        one["ids"] = [place[at] for at in one["ids"]]
    for side in ("sep", "cls"):
        if side in processor:
            processor[side][1] = place[processor[side][1]]


def trim_to(folder: Path, base: Base, used: Counter[int], size: int) -> set[int]:
    """Write what ``trim`` gives, whole or not at all; the tokens kept."""
    import shutil

    from partages.training.export import write_folder

    network, trimmed, kept = trim(base, used, size)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    write_folder(network, trimmed, partial)
    card = base.path / "README.md"
    if card.is_file():
        shutil.copyfile(card, partial / "README.md")  # its licence
    if folder.exists():
        shutil.rmtree(folder)
    partial.replace(folder)
    return kept


__all__ = ["described", "trim", "trim_to", "vocabulary", "with_tensors"]
