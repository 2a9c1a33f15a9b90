"""Trimming: the same tokens and the same probabilities up to renormalisation, in torch and in llama.cpp."""

import math
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
import xllamacpp

from partages.models.gguf_file import Weights, with_vocabulary, write_weights
from partages.training.network import build
from partages.training.vocabulary import build_tokenizer, count_tokens, kept_tokens

TEXTS = [
    "Le patient de 67 ans présente une insuffisance cardiaque décompensée avec œdème aigu pulmonaire.",
    "Bisoprolol 2,5 mg × 1/j ; créatinine 112 µmol/L, DFG ≥ 60 mL/min.\n\nÉvolution favorable  sous β-lactamine.",
]


def test_a_text_of_kept_tokens_is_cut_the_same(embedded_weights: Weights) -> None:
    whole = build_tokenizer(embedded_weights)
    kept = kept_tokens(embedded_weights, count_tokens(whole, TEXTS), 3000)
    part = with_vocabulary(embedded_weights, kept)
    trimmed = build_tokenizer(part)
    for text in TEXTS:
        assert trimmed.encode(text).tokens == whole.encode(text).tokens
        assert trimmed.decode(trimmed.encode(text).ids) == text
    other = "Cholangiopancréatographie rétrograde 😀 endoscopique"
    assert trimmed.decode(trimmed.encode(other).ids) == other


def test_the_most_used_tokens_are_kept_with_their_pieces(tiny: Weights) -> None:
    tokens = tiny.tokens
    kept = kept_tokens(tiny, Counter({tokens.index("▁patient"): 5}), 330)
    assert {tokens.index(piece) for piece in ("▁patient", "patient", "pati", "pa", "ti", "ent", "en")} <= kept
    assert {0, 1, 2, 3} <= kept
    assert all(at in kept for at in range(4, 260))


@torch.no_grad()
def test_probabilities_are_the_same_up_to_renormalisation(tiny: Weights) -> None:
    tokens = tiny.tokens
    used = {tokens.index(word): 5 for word in ("▁le", "▁patient", "▁toux", "le")}
    kept = sorted(kept_tokens(tiny, Counter(used), len(tokens) - 2))
    assert len(kept) < len(tokens)
    part = with_vocabulary(tiny, kept)
    ids = build_tokenizer(tiny).encode("le patient toux").ids
    place = {old: new for new, old in enumerate(kept)}
    before = build(tiny)(torch.tensor([ids])).logits[0, :, kept].log_softmax(-1)
    after = build(part)(torch.tensor([[place[i] for i in ids]])).logits[0].log_softmax(-1)
    assert torch.allclose(before, after, atol=1e-5)


@pytest.mark.slow
def test_llama_cpp_gives_the_trimmed_model_the_same_tokens_and_probabilities(
    embedded_file: Path, embedded_weights: Weights, tmp_path: Path
) -> None:
    whole = build_tokenizer(embedded_weights)
    kept = kept_tokens(embedded_weights, count_tokens(whole, TEXTS), 3000)
    write_weights(tmp_path / "part.gguf", with_vocabulary(embedded_weights, kept))
    assert (tmp_path / "part.gguf").stat().st_size < 0.3 * embedded_file.stat().st_size
    answers = []
    for path in (embedded_file, tmp_path / "part.gguf"):
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.hostnames, parameters.port, parameters.api_keys = ["127.0.0.1"], 0, ["k"]
        parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 512, 1, 0
        server = xllamacpp.Server(parameters)
        ask = {"headers": {"Authorization": "Bearer k"}, "timeout": 60}
        cut = httpx.post(
            f"{server.listening_address}/tokenize", json={"content": TEXTS[1], "with_pieces": True}, **ask
        ).json()["tokens"]
        said = httpx.post(
            f"{server.listening_address}/completion",
            json={"prompt": TEXTS[0], "n_predict": 1, "temperature": 0, "n_probs": 300}, **ask,
        ).json()["completion_probabilities"][0]["top_logprobs"]  # fmt: skip
        answers.append(([t["piece"] for t in cut], {t["token"]: t["logprob"] for t in said if t["logprob"]}))
        del server
    (cut, before), (cut_again, after) = answers
    assert cut == cut_again == [whole.decode([i]) for i in whole.encode(TEXTS[1]).ids]
    shared = {token for token in before.keys() & after.keys() if token.strip() and "\ufffd" not in token}
    assert len(shared) > 2
    shifts = np.array([after[token] - before[token] for token in shared])
    assert math.isclose(shifts.std(), 0, abs_tol=1e-3), "renormalisation moves all by the same amount"
    assert shifts.mean() > 0
