"""Encoders: tiny ones with random weights and a tokenizer made here learn to find hidden tokens; packed documents stay apart."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForMaskedLM,
    CamembertConfig,
    CamembertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
)

from partages.errors import UsageError
from partages.training.base import read_base
from partages.training.loss import masked_loss
from partages.training.rows import pack
from tests.training.test_commands import run

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
]
SENTENCES = [f"le patient {n % 17} a la toux et la fièvre depuis {n % 7} jours" for n in range(300)]


@pytest.fixture(params=["camembert", "modernbert"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        SENTENCES, trainers.WordLevelTrainer(special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    )
    size = {
        "vocab_size": tokenizer.get_vocab_size(), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 48, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    }  # fmt: skip
    torch.manual_seed(0)
    if request.param == "camembert":
        network = CamembertForMaskedLM(
            CamembertConfig(
                **size,
                max_position_embeddings=66,
                type_vocab_size=1,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
    else:
        network = ModernBertForMaskedLM(
            ModernBertConfig(
                **size, cls_token_id=0, sep_token_id=2, max_position_embeddings=128, local_attention=16,
                global_attn_every_n_layers=2,
            )
        )  # fmt: skip
    folder = tmp_path / "encoder"
    network.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    ).save_pretrained(folder)
    return folder


def test_an_encoder_learns_and_is_exported(encoder: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("".join(f"{sentence}\n" for sentence in SENTENCES), encoding="utf-8")
    data, out = tmp_path / "data", tmp_path / "run"
    run("prepare", "--base", encoder, "--input", notes, "--lines", "--length", 64, "--output", data)
    with np.load(data / "train.npz") as rows:
        first = rows["tokens"][0][rows["segments"][0] == 0]
    assert (first[0], first[-1]) == (0, 2)
    run(
        "pretrain",
        "--base",
        encoder,
        "--data",
        data,
        "--steps",
        120,
        "--rate",
        "0.01",
        "--method",
        "full",
        "--output",
        out,
    )
    curve = [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]
    assert curve[-1]["loss"] < curve[0]["loss"] - 0.5
    run(
        "pretrain",
        "--base",
        encoder,
        "--data",
        data,
        "--steps",
        5,
        "--rate",
        "0.01",
        "--output",
        tmp_path / "lora",
    )
    run("export", "--base", encoder, "--run", out, "--kind", "safetensors", "--output", tmp_path / "trained")
    again = AutoModelForMaskedLM.from_pretrained(tmp_path / "trained")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "trained")
    ids = [0, *tokenizer("le patient 3 a la <mask> et la fièvre", add_special_tokens=False)["input_ids"], 2]
    place = ids.index(tokenizer.mask_token_id)
    with torch.no_grad():
        found = int(again.eval()(torch.tensor([ids])).logits[0, place].argmax())
    if again.config.model_type == "camembert":  # places learnt, where ModernBERT's turn: it takes longer
        assert tokenizer.decode([found]) == "toux"
    longer = tmp_path / "long"
    run("prepare", "--base", encoder, "--input", notes, "--lines", "--length", 200, "--output", longer)
    with pytest.raises(UsageError, match="plus courtes"):
        run("pretrain", "--base", encoder, "--data", longer, "--steps", 1, "--output", tmp_path / "r")
    with pytest.raises(UsageError, match="GGUF"):
        run("export", "--base", encoder, "--run", out, "--kind", "q8_0", "--output", tmp_path / "x.gguf")


@torch.no_grad()
def test_packed_documents_do_not_see_each_other(encoder: Path) -> None:
    base = read_base(encoder)
    assert base.masked
    network = base.network().eval()
    pieces = [[0, *base.encode(text), 2] for text in SENTENCES[:3]]
    tokens, segments = pack(pieces, 60)
    assert len(tokens) == 1
    packed = [torch.from_numpy(one.astype(np.int64)) for one in (tokens, segments)]
    _, count = masked_loss(network, *packed, mask=base.mask, spared=(0, 2), seed=(0, 0))
    assert count > 3
    changed = packed[0].clone()
    other = packed[1] == 1
    changed[other] = torch.where(packed[0][other] > 4, 5, packed[0][other])
    alone = torch.where(packed[1] == 0, packed[1], torch.full_like(packed[1], 255))
    both = [
        masked_loss(network, one, alone, mask=base.mask, spared=(0, 2), seed=(0, 0))[0]
        for one in (packed[0], changed)
    ]
    assert float(both[0]) == pytest.approx(float(both[1]), rel=1e-5), (
        "what another document says changes nothing"
    )
