"""The loop: the same curve after an interruption, documents that do not see each other, a broken loss that stops."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from partages.errors import UsageError
from partages.models.gguf_file import Weights
from partages.training.fast import quicken
from partages.training.loss import row_loss
from partages.training.network import build
from partages.training.pretrain import Diverged, Method, Recipe, train, with_adapters
from partages.training.rows import PADDING, pack, split_of

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft reads it

ROWS = (
    np.random.default_rng(0).integers(260, 300, size=(12, 24)).astype(np.uint32),
    np.zeros((12, 24), np.uint8),
    None,
)


def test_an_interrupted_run_goes_on_to_the_same_curve(tiny: Weights, tmp_path: Path) -> None:
    recipe = Recipe(steps=8, batch=2, micro=1, rate=1e-2, rank=2, checkpoint_every=3)
    whole = train(with_adapters(build(tiny), 2, 0), ROWS, recipe, tmp_path / "whole")

    class Killed(Exception):
        pass

    def kill(record: dict[str, object]) -> None:
        if record["step"] == 5:
            raise Killed

    with pytest.raises(Killed):
        train(with_adapters(build(tiny), 2, 0), ROWS, recipe, tmp_path / "cut", on_step=kill)
    resumed = train(with_adapters(build(tiny), 2, 0), ROWS, recipe, tmp_path / "cut")
    assert [r["loss"] for r in resumed] == [r["loss"] for r in whole]
    with pytest.raises(UsageError, match="autre entraînement"):
        train(with_adapters(build(tiny), 2, 0), ROWS, Recipe(steps=9, rank=2), tmp_path / "cut")


@torch.no_grad()
def test_packed_documents_do_not_see_each_other(tiny: Weights) -> None:
    network = build(tiny)
    pieces = [[2, 261, 262, 263, 270, 271, 272, 280], [2, 290, 291, 265, 266, 267, 268, 269, 270]]
    tokens, segments = pack(pieces, 32)
    assert tokens.shape == (1, 32)
    assert (segments != PADDING).sum() == 17
    together, count = row_loss(
        network, torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(segments.astype(np.int64))
    )
    alone = sum(
        float(network(torch.tensor([p]), labels=torch.tensor([p])).loss) * (len(p) - 1) for p in pieces
    )
    assert count == 15
    assert math.isclose(float(together), alone, rel_tol=1e-4)


def test_a_broken_loss_stops_with_advice(tiny: Weights, tmp_path: Path) -> None:
    network = with_adapters(build(tiny), 2, 0)
    with torch.no_grad():
        next(p for p in network.parameters() if p.requires_grad).fill_(float("nan"))
    with pytest.raises(Diverged, match="--rate"):
        train(network, ROWS, Recipe(steps=2, rank=2), tmp_path)


def test_copies_of_a_document_are_on_one_side() -> None:
    assert {split_of(f"document {n}") for n in range(400)} == {"train", "validation", "test"}
    assert split_of("Un  Cas clinique") == split_of("un cas\nclinique")


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_the_fast_network_has_the_loss_and_the_gradients_of_the_plain_one(
    tiny: Weights, method: Method
) -> None:
    rows = pack([list(range(262, 300)), [2, *range(270, 290)], list(range(265, 281))], 48)
    batch = [torch.from_numpy(one.astype(np.int64)) for one in rows]
    found = []
    for half in (False, True):
        network = with_adapters(build(tiny), 2, 0, method)
        torch.manual_seed(1)
        for name, value in network.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(value, std=0.1)
        if half and method != "full":
            network = quicken(network)
        loss, _ = row_loss(network, *batch, half=half)
        loss.backward()
        found.append(
            (float(loss.detach()), {n: p.grad for n, p in network.named_parameters() if p.requires_grad})
        )
    (plain, slopes), (fast, fast_slopes) = found
    assert fast == pytest.approx(plain, rel=5e-3)
    for name, slope in slopes.items():
        alike = torch.nn.functional.cosine_similarity(slope.flatten(), fast_slopes[name].flatten(), dim=0)
        assert alike > 0.995, name
        assert float(fast_slopes[name].norm()) == pytest.approx(float(slope.norm()), rel=0.05)
