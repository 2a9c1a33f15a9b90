"""What is exported: the same model in transformers and in llama.cpp, in every form."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
import xllamacpp
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize
from transformers import AutoModelForCausalLM, AutoTokenizer

from partages.errors import UsageError
from partages.models.gguf_file import Field, Weights, read_weights, write_weights
from partages.training.base import Base, read_base
from partages.training.export import Learnt, plain, trained_network
from partages.training.merging import export
from partages.training.network import build, stored_value
from partages.training.pretrain import Method, trained, with_adapters
from partages.training.quantise import Q4_K, Q6_K, kind_in_mixture, quantise
from tests.training.conftest import small

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
]
TEXT = "le patient a la toux, le patient"


def learnt(base: Base, folder: Path, method: Method = "lora") -> Any:
    """A finished run whose weights are drawn at random; returns the network it gives."""
    network = with_adapters(base.network(), 4, 0, method, base.targets)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in trained(network).items():
            if "lora_B" in name or method == "full":
                value.add_(torch.randn(value.shape, generator=draw) * 0.05)
    folder.mkdir()
    torch.save({"weights": trained(network), "rank": 4, "method": method}, folder / "trained.pt")
    return network


def logprobs_in_llama_cpp(model: Path, prompt: str, adapter: Path | None = None) -> dict[int, float]:
    """Log-probabilities of the token that follows, by token."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.hostnames, parameters.port, parameters.api_keys = ["127.0.0.1"], 0, ["k"]
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity, parameters.warmup = 256, 1, 0, False
    parameters.cpuparams.n_threads = 1
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        parameters.lora_adapters = [lora]
    server = xllamacpp.Server(parameters)
    said = httpx.post(
        f"{server.listening_address}/completion", headers={"Authorization": "Bearer k"}, timeout=60,
        json={"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 400},
    ).json()  # fmt: skip
    del server
    return {one["id"]: one["logprob"] for one in said["completion_probabilities"][0]["top_logprobs"]}


@torch.no_grad()
def logprobs_in_torch(network: Any, ids: list[int]) -> np.ndarray[Any, Any]:
    return network.eval()(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1).numpy()


@pytest.mark.slow
def test_every_form_gives_the_same_probabilities(tmp_path: Path) -> None:
    write_weights(tmp_path / "base.gguf", small(width=256))
    base = read_base(tmp_path / "base.gguf")
    network = plain(learnt(base, tmp_path / "run"))
    ids = [base.start, *base.encode(TEXT)]
    truth = logprobs_in_torch(network, ids)

    export(base, tmp_path / "run", "safetensors", None, 1.0, tmp_path / "folder")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "folder")
    assert tokenizer(TEXT)["input_ids"] == ids
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "folder", dtype=torch.float32)
    assert np.allclose(logprobs_in_torch(again, ids), truth, atol=1e-4)

    for kind, tolerance in (("f32", 0.02), ("f16", 0.02), ("q8_0", 0.05), ("q4_k_m", 0.6)):
        export(base, tmp_path / "run", kind, None, 1.0, tmp_path / f"{kind}.gguf")
        found = logprobs_in_llama_cpp(tmp_path / f"{kind}.gguf", TEXT)
        assert len(found) > 250
        ours = logprobs_in_torch(build(read_weights(tmp_path / f"{kind}.gguf")), ids)
        assert max(abs(found[at] - ours[at]) for at in found) < 0.05, (
            f"{kind}: llama.cpp and torch read the same file"
        )
        assert max(abs(found[at] - truth[at]) for at in found) < tolerance, f"{kind}: beside what was trained"
    kinds = {tensor.kind for tensor in read_weights(tmp_path / "q4_k_m.gguf").tensors.values()}
    assert kinds >= {Q4_K, Q6_K}


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_what_each_method_learns_is_in_the_file(tmp_path: Path, tiny: Weights, method: Method) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    base = read_base(tmp_path / "base.gguf")
    network = learnt(base, tmp_path / "run", method)
    ids = [2, *base.encode(TEXT)]
    truth = logprobs_in_torch(network, ids)
    assert np.abs(truth - logprobs_in_torch(base.network(), ids)).max() > 0.05
    export(base, tmp_path / "run", "f32", None, 1.0, tmp_path / "f32.gguf")
    assert np.allclose(logprobs_in_torch(read_base(tmp_path / "f32.gguf").network(), ids), truth, atol=1e-3)
    export(base, tmp_path / "run", "f32", None, 0.0, tmp_path / "none.gguf")
    assert np.allclose(
        logprobs_in_torch(read_base(tmp_path / "none.gguf").network(), ids),
        logprobs_in_torch(base.network(), ids),
        atol=1e-4,
    )
    if method != "lora":
        with pytest.raises(UsageError, match="lora"):
            export(base, tmp_path / "run", "adapter", None, 1.0, tmp_path / "a.gguf")


def test_a_folder_is_a_base_too(tmp_path: Path, tiny: Weights) -> None:
    write_weights(tmp_path / "base.gguf", tiny)
    base = read_base(tmp_path / "base.gguf")
    learnt(base, tmp_path / "run")
    export(base, tmp_path / "run", "safetensors", None, 1.0, tmp_path / "folder")
    folder = read_base(tmp_path / "folder")
    assert folder.encode(TEXT) == base.encode(TEXT)
    assert (folder.start, folder.end) == (base.start, base.end)
    ids = [2, *base.encode(TEXT)]
    network = trained_network(base, Learnt(torch.load(tmp_path / "run" / "trained.pt")["weights"], 4, "lora"))
    assert np.allclose(logprobs_in_torch(folder.network(), ids), logprobs_in_torch(network, ids), atol=1e-4)


def llama() -> Weights:
    """The small network as a Llama: fewer norms, no window."""
    gemma = small()
    fields = {name.replace("gemma3.", "llama."): field for name, field in gemma.fields.items()}
    fields["general.architecture"] = Field("llama", 8)
    gone = ("post_attention_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm")
    return Weights(
        fields, {name: one for name, one in gemma.tensors.items() if not any(part in name for part in gone)}
    )


@pytest.mark.slow
def test_an_adapter_beside_its_base_is_the_merged_model(tmp_path: Path) -> None:
    for name, weights in (("gemma", small()), ("llama", llama())):
        write_weights(tmp_path / f"{name}.gguf", weights)
        base = read_base(tmp_path / f"{name}.gguf")
        network = plain(learnt(base, tmp_path / name))
        export(base, tmp_path / name, "adapter", None, 1.0, tmp_path / f"{name}-a.gguf")
        found = logprobs_in_llama_cpp(tmp_path / f"{name}.gguf", TEXT, tmp_path / f"{name}-a.gguf")
        before = logprobs_in_llama_cpp(tmp_path / f"{name}.gguf", TEXT)
        truth = logprobs_in_torch(network, [2, *base.encode(TEXT)])
        assert max(abs(found[at] - truth[at]) for at in found) < 0.02, name
        assert max(abs(before[at] - truth[at]) for at in found) > 0.05, name


def test_llama_heads_go_and_come_back() -> None:
    from partages.training.network import _permuted, _unpermuted

    values = torch.arange(48.0).reshape(12, 4)
    assert torch.equal(_permuted(_unpermuted(values, 3), 3), values)
    assert not torch.equal(_unpermuted(values, 3), values)
    assert stored_value(small(), "rope_freqs.weight", {}) is None


@pytest.mark.parametrize(("kind", "most"), [(Q4_K, 0.075), (Q6_K, 0.019)])
def test_k_quants_are_as_near_as_their_bits_allow(kind: int, most: float) -> None:
    values = np.random.default_rng(0).normal(size=(40, 512)).astype(np.float32) * 0.03
    values[3, :256] = 0
    stored = quantise(values, kind)
    again = dequantize(stored, GGMLQuantizationType(kind)).reshape(values.shape)
    assert np.sqrt(((again - values) ** 2).mean() / (values**2).mean()) < most
    assert not again[3, :256].any()
    once_more = dequantize(quantise(again, kind), GGMLQuantizationType(kind)).reshape(values.shape)
    assert np.sqrt(((once_more - again) ** 2).mean() / (values**2).mean()) < most / 5, (
        "what is on the grid stays"
    )


def test_the_mixture_is_the_one_of_llama_cpp(embedded_weights: Weights) -> None:
    tensors = embedded_weights.tensors
    ours = {name: kind_in_mixture(name, tensor.shape, 18, True) for name, tensor in tensors.items()}
    assert ours == {name: tensor.kind for name, tensor in tensors.items()}
