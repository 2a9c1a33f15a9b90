"""Bases that are folders of transformers: trimmed, and exported to what llama.cpp reads."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from partages.errors import UsageError
from partages.models.gguf_file import read_weights
from partages.training.base import read_base
from partages.training.export import plain
from partages.training.merging import export
from partages.training.network import ROPE_FACTORS, build
from partages.training.vocabulary import PRE_TOKENIZERS, pre_tokenizer_of
from tests.training.test_commands import run
from tests.training.test_export import learnt, logprobs_in_llama_cpp, logprobs_in_torch

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
TEXT = "Le patient a une toux depuis 2 jours"
_DRAW = random.Random(0)
WORDS = ["toux", "patient", "fièvre", "œdème"] + [
    "".join(_DRAW.choice("bcdfglmnprstv") + _DRAW.choice(["a", "e", "i", "ou", "é"]) for _ in range(4))
    for _ in range(200)
]
SENTENCES = [
    f"Le {_DRAW.choice(WORDS)} du patient n° {n} présente une {_DRAW.choice(WORDS)} depuis {n % 9} jours ; {_DRAW.choice(WORDS)}."
    for n in range(1500)
]


def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    if kind == "gemma":
        marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
        made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        made.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
        trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["▁"], show_progress=False)
        made.train_from_iterator([sentence.replace(" ", "▁") for sentence in SENTENCES], trainer)
        pieces = [token for token, _ in sorted(made.get_vocab().items(), key=lambda one: one[1])]
        tokens = [*marks, *(f"<0x{n:02X}>" for n in range(256)), *pieces]
        known = set(pieces)
        merges = [  # every way to a piece, as SentencePiece has it
            (token[:cut], token[cut:])
            for token in pieces
            for cut in range(1, len(token))
            if {token[:cut], token[cut:]} <= known
        ]
        made = Tokenizer(
            models.BPE(
                {token: at for at, token in enumerate(tokens)}, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True
            )
        )  # fmt: skip
        made.add_special_tokens(marks)
        made.normalizer = normalizers.Replace(" ", "▁")
        made.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
        made.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
        return PreTrainedTokenizerFast(
            tokenizer_object=made, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>"
        )
    made = Tokenizer(models.BPE())
    steps = PRE_TOKENIZERS["smollm" if kind == "llama" else "qwen2"]
    from partages.training.vocabulary import _step

    made.pre_tokenizer = pre_tokenizers.Sequence([_step(step) for step in steps])
    made.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<s>", "<|im_start|>", "<|im_end|>"]
    made.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(
            vocab_size=700, special_tokens=marks, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )  # fmt: skip
    made.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="<|im_end|>")


def written(kind: str, folder: Path, **options: object) -> Path:
    tokenizer = tokenizer_of(kind)
    size = {
        "vocab_size": len(tokenizer) + (6 if kind == "llama" else 0), "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": [tokenizer.eos_token_id], "initializer_range": 0.08, **options,
    }  # fmt: skip
    torch.manual_seed(0)
    if kind == "llama":
        network = LlamaForCausalLM(LlamaConfig(**{"tie_word_embeddings": False, **size}))
    elif kind == "qwen2":
        network = Qwen2ForCausalLM(Qwen2Config(**size, tie_word_embeddings=True))
    else:
        network = Gemma3ForCausalLM(
            Gemma3TextConfig(
                **size, head_dim=16, query_pre_attn_scalar=16, sliding_window=64, pad_token_id=0,
                layer_types=["sliding_attention"] * 2,
            )
        )  # fmt: skip
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


ROPE = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["llama", "gemma", "llama-3"])
def test_a_folder_becomes_gguf_in_every_form(kind: str, tmp_path: Path) -> None:
    options: dict[str, object] = {}
    if kind == "llama-3":
        options = {"rope_parameters": ROPE, "tie_word_embeddings": True, "max_position_embeddings": 16384}
    folder = written(kind.removesuffix("-3"), tmp_path / "base", hidden_size=256, **options)
    base = read_base(folder)
    network = plain(learnt(base, tmp_path / "run"))
    ids = [base.start, *base.encode(TEXT)]
    assert AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"] == ids
    truth = logprobs_in_torch(network, ids)
    for form, tolerance in (("f16", 0.02), ("q8_0", 0.15), ("q4_k_m", 1.5)):
        export(base, tmp_path / "run", form, None, 1.0, tmp_path / f"{form}.gguf")
        found = logprobs_in_llama_cpp(tmp_path / f"{form}.gguf", TEXT)
        assert len(found) > 300
        assert max(abs(found[at] - truth[at]) for at in found) < tolerance, form
        weights = read_weights(tmp_path / f"{form}.gguf")
        ours = logprobs_in_torch(build(weights), ids)
        near = (
            0.02 if form == "f16" else 0.15
        )  # beside quantised weights llama.cpp rounds what they multiply too
        assert max(abs(found[at] - ours[at]) for at in found) < near, f"{form}: read again as a base"
        again = read_base(tmp_path / f"{form}.gguf")
        assert [again.start, *again.encode(TEXT)] == ids
        speeds = [one.model.rotary_emb for one in (build(weights), base.network())]
        for name, value in speeds[1].named_buffers():
            assert torch.allclose(value, dict(speeds[0].named_buffers())[name], rtol=1e-5), name
        assert (ROPE_FACTORS in weights.tensors) == (kind == "llama-3")
    export(base, tmp_path / "run", "adapter", None, 1.0, tmp_path / "adapter.gguf")
    export(base, tmp_path / "run", "f16", None, 0.0, tmp_path / "base.gguf")
    found = logprobs_in_llama_cpp(tmp_path / "base.gguf", TEXT, tmp_path / "adapter.gguf")
    assert max(abs(found[at] - truth[at]) for at in found) < 0.05
    before = logprobs_in_llama_cpp(tmp_path / "base.gguf", TEXT)
    assert max(abs(before[at] - truth[at]) for at in before) > 0.1


@pytest.mark.parametrize("kind", ["llama", "gemma", "qwen2"])
def test_a_folder_is_trimmed(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "base", dtype="bfloat16")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text(SENTENCES[0] + TEXT)
    # the smallest vocabulary a user may ask for is larger than these: the function is called as the command does
    from partages.training.folder import trim_to
    from partages.training.vocabulary import count_tokens

    base = read_base(folder)
    used = count_tokens(base.tokenizer, [SENTENCES[0] + TEXT])
    kept = sorted(trim_to(tmp_path / "small", base, used, base.facts["vocabulary"] - 150))
    trimmed = read_base(tmp_path / "small")
    assert len(kept) < base.facts["vocabulary"] - 100
    assert trimmed.facts["vocabulary"] == len(kept)
    assert trimmed.facts["licence"] == "apache-2.0"
    assert trimmed.tokenizer.encode(TEXT).tokens == base.tokenizer.encode(TEXT).tokens
    other = "Cholécystectomie 😀 « ≥ »"
    assert trimmed.tokenizer.decode(trimmed.encode(other)) == other
    before, after = ([one.start, *one.encode(TEXT)] for one in (base, trimmed))
    assert AutoTokenizer.from_pretrained(tmp_path / "small")(TEXT)["input_ids"] == after
    whole = logprobs_in_torch(base.network(), before)[kept]
    small = AutoModelForCausalLM.from_pretrained(tmp_path / "small", dtype=torch.float32)
    assert small.config.vocab_size == len(kept)
    assert small.config.eos_token_id == [trimmed.end]
    assert np.allclose(whole - np.logaddexp.reduce(whole), logprobs_in_torch(small, after), atol=1e-4), (
        "the same probabilities, up to renormalisation"
    )
    assert (
        json.loads((tmp_path / "small" / "config.json").read_text())["dtype"]
        == json.loads((folder / "config.json").read_text())["dtype"]
    ), "as large a weight as it was"
    if kind != "qwen2":
        learnt(trimmed, tmp_path / "run")
        export(trimmed, tmp_path / "run", "f16", None, 0.0, tmp_path / "small.gguf")
        found = logprobs_in_llama_cpp(tmp_path / "small.gguf", TEXT)
        expected = logprobs_in_torch(small, after)
        assert max(abs(found[at] - expected[at]) for at in found) < 0.03
    run("trim", "--base", folder, "--input", texts, "--size", 1000, "--output", tmp_path / "command")
    assert read_base(tmp_path / "command").network()
    with pytest.raises(UsageError, match="dossier"):
        run("trim", "--base", folder, "--input", texts, "--output", tmp_path / "x.gguf")
    with pytest.raises(UsageError, match="serait effacé"):
        run("trim", "--base", folder, "--input", texts, "--output", texts)
    assert (texts / "a.txt").exists()


def test_what_has_no_form_in_gguf_is_said(tmp_path: Path) -> None:
    base = read_base(written("qwen2", tmp_path / "qwen2"))
    learnt(base, tmp_path / "run")
    with pytest.raises(UsageError, match=r"qwen2.*convert_hf_to_gguf"):
        export(base, tmp_path / "run", "q8_0", None, 1.0, tmp_path / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()
    folder = written("gemma", tmp_path / "gemma")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "layer_types": ["full_attention", "sliding_attention"]})
    )
    base = read_base(folder)
    learnt(base, tmp_path / "run-2")
    with pytest.raises(UsageError, match="suite de couches"):
        export(base, tmp_path / "run-2", "q8_0", None, 1.0, tmp_path / "x.gguf")


def test_pre_tokenizers_are_known_by_how_they_cut() -> None:
    from partages.training.vocabulary import _step

    for name, steps in PRE_TOKENIZERS.items():
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.Sequence([_step(step) for step in steps])
        assert pre_tokenizer_of(json.loads(made.to_str())["pre_tokenizer"]) == name
    assert pre_tokenizer_of({"type": "Whitespace"}) is None
    assert pre_tokenizer_of(None) is None
