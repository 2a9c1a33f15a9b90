"""A small Gemma 3 network with random weights, written by hand as GGUF, and the embedded model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from partages.models.embedded import base_path
from partages.models.gguf_file import F32, Field, Tensor, Weights, read_weights
from partages.settings import Settings

TEXT, LIST, INT, FLOAT = 8, 9, 4, 6
WORDS = "ti pa en ent pati patient ▁patient ou tou toux ▁toux le ▁le la ▁la".split()


def small(seed: int = 0, width: int = 32) -> Weights:
    """2 layers of 32 (or another width), and a SentencePiece vocabulary of bytes, letters and a few words."""
    letters = sorted(
        {c for word in WORDS for c in word} | set("abcdefghijklmnopqrstuvwxyz.,0123456789") | {"▁"}
    )
    bytes_ = [f"<0x{n:02X}>" for n in range(256)]
    pieces = [word for word in WORDS if len(word) > 1]
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", *bytes_, *letters, *pieces]
    kinds = [3, 3, 3, 2] + [6] * 256 + [1] * (len(letters) + len(pieces))
    scores = (
        [0.0] * 260 + [-1000.0 - n for n in range(len(letters))] + [-float(n) for n in range(len(pieces))]
    )
    draw = np.random.default_rng(seed)

    def tensor(*shape: int) -> Tensor:
        values = (draw.normal(size=shape) * 0.2 * (32 / width) ** 0.5).astype(np.float32)
        return Tensor(
            shape,
            F32,
            values.view(np.uint8).reshape(-1, shape[-1] * 4)
            if len(shape) > 1
            else values.view(np.uint8).reshape(1, -1),
        )

    fields = {"general.architecture": Field("gemma3", TEXT)}
    for name, value in {
        "context_length": 512, "embedding_length": width, "block_count": 2, "feed_forward_length": 2 * width, "attention.head_count": 2,
        "attention.head_count_kv": 1, "attention.key_length": 16, "attention.value_length": 16, "attention.sliding_window": 64,
    }.items():  # fmt: skip
        fields[f"gemma3.{name}"] = Field(value, INT)
    fields["gemma3.attention.layer_norm_rms_epsilon"] = Field(1e-6, FLOAT)
    fields["gemma3.rope.freq_base"] = Field(1e6, FLOAT)
    fields["tokenizer.ggml.model"] = Field("llama", TEXT)
    fields["tokenizer.ggml.tokens"] = Field(tokens, LIST, TEXT)
    fields["tokenizer.ggml.scores"] = Field(scores, LIST, FLOAT)
    fields["tokenizer.ggml.token_type"] = Field(kinds, LIST, 5)
    for name, at in (("padding", 0), ("eos", 1), ("bos", 2), ("unknown", 3)):
        fields[f"tokenizer.ggml.{name}_token_id"] = Field(at, INT)
    fields["tokenizer.ggml.add_space_prefix"] = Field(False, 7)
    tensors = {"token_embd.weight": tensor(len(tokens), width), "output_norm.weight": tensor(width)}
    for layer in range(2):
        shapes = {
            "attn_q": (32, width), "attn_k": (16, width), "attn_v": (16, width), "attn_output": (width, 32),
            "ffn_gate": (2 * width, width), "ffn_up": (2 * width, width), "ffn_down": (width, 2 * width), "attn_norm": (width,),
            "post_attention_norm": (width,), "ffn_norm": (width,), "post_ffw_norm": (width,), "attn_q_norm": (16,), "attn_k_norm": (16,),
        }  # fmt: skip
        for name, shape in shapes.items():
            tensors[f"blk.{layer}.{name}.weight"] = tensor(*shape)
    return Weights(fields, tensors)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads wait for each other longer than networks this small compute."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny() -> Weights:
    return small()


@pytest.fixture(scope="session")
def embedded_file() -> Path:
    return base_path(Settings())


@pytest.fixture(scope="session")
def embedded_weights(embedded_file: Path) -> Weights:
    return read_weights(embedded_file)
