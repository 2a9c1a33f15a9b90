"""The training loop: low-rank adapters or all weights, resumable to the same loss curve, stopped when the loss breaks.

LoRA: Hu et al., 2021 (https://arxiv.org/abs/2106.09685); DoRA: Liu et al., 2024 (https://arxiv.org/abs/2402.09353); both through
``peft``. The optimiser is AdamW with a linear warm-up then a cosine to a tenth.
"""

import json
import math
import os
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from partages.errors import UsageError
from partages.training import distributed
from partages.training.loss import masked_loss, row_loss
from partages.training.network import LINEAR
from partages.training.rows import read_rows

Method = Literal["lora", "dora", "full"]
Rows = tuple[Any, Any, Any]
"""Tokens, segments, and which tokens count (None: all)."""
WARM_UP = 0.06
"""Share of the steps with a rising rate."""
FLOOR = 0.1
"""Rate at the end, of the highest."""
CLIP = 1.0
BROKEN = 3.0
"""Times the median of the last losses from which a run is held to have diverged."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        steps: optimiser steps.
        batch: rows of a step.
        micro: rows that go through the network at once.
        rate: highest learning rate.
        rank: of the adapters; 0 trains all weights.
        seed: of the adapters and of the order of rows.
        checkpoint_every: steps.
        half: products in bfloat16: frozen weights held so (``fast.quicken``), others rounded as they are used.
        method: low-rank adapters, the same with magnitudes apart, or all weights.
        mask: token that hides others, of a masked model; None foresees the next token.
        spared: tokens never hidden (those that open and close a document).
    """

    steps: int
    batch: int = 4
    micro: int = 2
    rate: float = 1e-3
    rank: int = 16
    seed: int = 0
    checkpoint_every: int = 20
    half: bool = False
    method: Method = "lora"
    mask: int | None = None
    spared: tuple[int, ...] = ()


class Diverged(UsageError):
    """The loss became NaN or shot up."""


def with_adapters(
    network: Any, rank: int, seed: int, method: Method = "lora", targets: str | Sequence[str] = LINEAR
) -> Any:
    """The network with trainable adapters beside every linear layer, or the same with all its weights trainable.

    Args:
        network: of ``transformers``.
        rank: of the adapters; 0 trains all weights.
        seed: of their first values.
        method: see ``Recipe``.
        targets: modules that adapters go beside, as ``peft`` names them.
    """
    torch.manual_seed(seed)
    if rank == 0 or method == "full":
        return network.requires_grad_(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers under a name it will drop
        return get_peft_model(
            network,
            LoraConfig(
                r=rank, lora_alpha=2 * rank, target_modules=targets if isinstance(targets, str) else list(targets),
                lora_dropout=0.0, use_dora=method == "dora",
            ),
        )  # fmt: skip


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of a step, counted from 0."""
    rising = max(1, round(WARM_UP * recipe.steps))
    if step < rising:
        return recipe.rate * (step + 1) / rising
    done = (step - rising) / max(1, recipe.steps - rising)
    return recipe.rate * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def trained(network: Any) -> dict[str, Tensor]:
    """The weights that training changes, by name."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


def load_rows(folder: Path, part: str) -> Rows:
    """One part of what ``prepare`` wrote."""
    tokens, segments = read_rows(folder / f"{part}.npz")
    return tokens, segments, None


def batch_of(rows: Rows, at: np.ndarray[Any, Any]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Some rows as tensors."""
    tokens, segments, learnt = rows
    where = distributed.device() if distributed.SIZE > 1 else torch.device("cpu")
    return (
        torch.from_numpy(tokens[at].astype(np.int64)).to(where),
        torch.from_numpy(segments[at].astype(np.int64)).to(where),
        None if learnt is None else torch.from_numpy(learnt[at]).to(where),
    )


def loss_of(
    network: Any, piece: tuple[Tensor, Tensor, Tensor | None], recipe: Recipe, draw: int
) -> tuple[Tensor, int]:
    """Sum of the losses of some rows and over how many tokens; ``draw`` decides which tokens a masked model must find."""
    if recipe.mask is None:
        return row_loss(network, *piece, half=recipe.half)
    return masked_loss(
        network,
        *piece[:2],
        mask=recipe.mask,
        spared=recipe.spared,
        seed=(recipe.seed, draw),
        half=recipe.half,
    )


def mean_loss(forward: Any, rows: Rows, recipe: Recipe, micro: int = 4) -> float:
    """Nats a token over all rows, without training; ``forward`` as ``distributed.Step``."""
    total, count = 0.0, 0
    forward.eval()
    with torch.no_grad():
        for start in range(0, len(rows[0]), micro):
            piece = batch_of(rows, np.arange(start, min(start + micro, len(rows[0]))))
            loss, tokens = forward(piece, recipe, start)
            total += float(loss)
            count += tokens
    return total / max(1, count)


def train(
    network: Any,
    rows: Rows,
    recipe: Recipe,
    output: Path,
    *,
    validation: Rows | None = None,
    on_step: Callable[[dict[str, Any]], None] = lambda _: None,
    identity: str = "",
) -> list[dict[str, Any]]:
    """Train, from the last checkpoint if the folder has one; return one record a step (``step``, ``loss``, ``rate``, ``tokens``,
    ``seconds``, ``processor``: seconds of all cores).

    Args:
        network: as ``with_adapters`` gives it.
        rows: to learn from.
        recipe: how.
        output: folder of ``checkpoint.pt``, ``curve.jsonl`` and, at the end, ``trained.pt``.
        validation: its loss is measured at each checkpoint.
        on_step: called with each record.
        identity: of the base and data; a checkpoint of another run is refused.

    Raises:
        Diverged: the loss is NaN, infinite, or far above what it was.
        UsageError: the checkpoint is of another run.
    """
    output.mkdir(parents=True, exist_ok=True)
    if recipe.batch % distributed.SIZE:
        raise UsageError(
            f"Le lot ({recipe.batch} rangées) doit se partager entre {distributed.SIZE} processus : changez --batch."
        )
    forward = distributed.Step(network, loss_of)
    if distributed.SIZE > 1:
        distributed.shard(forward)
    parameters = trained(network)
    optimiser = torch.optim.AdamW(
        list(parameters.values()), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    told = identity + json.dumps(asdict(replace(recipe, checkpoint_every=0)), sort_keys=True)
    curve: list[dict[str, Any]] = []
    checkpoint = output / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, mmap=True)
        if state["told"] != told:
            raise UsageError(
                f"« {output} » est d'un autre entraînement (données, base ou réglages) : choisissez un autre dossier."
            )
        curve = json.loads(state["curve"])
        with torch.no_grad():
            for name, value in state["weights"].items():
                parameters[name].copy_(distributed.part(value, parameters[name]))
        distributed.load_state(optimiser, state["optimiser"], list(parameters.values()))
    network.train()
    count = len(rows[0])
    for step in range(len(curve), recipe.steps):
        started, worked = time.perf_counter(), time.process_time()
        drawn = row_order(count, recipe, step)
        mine = drawn.reshape(distributed.SIZE, -1)[distributed.RANK]
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, recipe)
        total, counted = 0.0, 0
        for at in range(0, len(mine), recipe.micro):
            place = step * recipe.batch + distributed.RANK * len(mine) + at
            loss, tokens = forward(batch_of(rows, mine[at : at + recipe.micro]), recipe, place)
            if tokens or distributed.SIZE > 1:
                loss.backward()
            total += float(loss.detach())
            counted += tokens
        if distributed.SIZE > 1:
            total, together = distributed.added(total, counted)
            counted = int(together)
        for value in parameters.values():
            if value.grad is not None:  # sharded gradients come averaged over the processes
                value.grad.mul_(distributed.SIZE / max(1, counted))
        mean = total / max(1, counted)
        _check(mean, curve, step)
        torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP)
        optimiser.step()
        optimiser.zero_grad()
        record = {
            "step": step + 1, "loss": round(mean, 5), "rate": rate_at(step, recipe), "tokens": counted,
            "seconds": round(time.perf_counter() - started, 3), "processor": round(time.process_time() - worked, 3),
        }  # fmt: skip
        last = step + 1 == recipe.steps
        if (
            validation is not None
            and len(validation[0])
            and (last or (step + 1) % (5 * recipe.checkpoint_every) == 0)
        ):
            record["validation"] = round(mean_loss(forward, validation, recipe), 5)
            network.train()
        curve.append(record)
        on_step(record)
        if last or (step + 1) % recipe.checkpoint_every == 0:
            kept = {
                "told": told, "curve": json.dumps(curve), "weights": _copies(parameters),
                "optimiser": distributed.whole_state(optimiser),
            }  # fmt: skip
            if distributed.RANK == 0:
                _save(checkpoint, kept)
                (output / "curve.jsonl").write_text("".join(json.dumps(one) + "\n" for one in curve))
    learnt = {"weights": _copies(parameters), "rank": recipe.rank, "method": recipe.method}
    if distributed.RANK == 0:
        _save(output / "trained.pt", learnt)
    return curve


def row_order(count: int, recipe: Recipe, step: int) -> np.ndarray[Any, Any]:
    """Rows of a step: every row once an epoch, in an order that the seed and the epoch decide."""
    places = np.arange(step * recipe.batch, (step + 1) * recipe.batch)
    return np.array(
        [
            np.random.default_rng((recipe.seed, int(place // count))).permutation(count)[place % count]
            for place in places
        ]
    )


def _check(loss: float, curve: list[dict[str, Any]], step: int) -> None:
    recent = sorted(record["loss"] for record in curve[-20:])
    if not math.isfinite(loss) or (len(recent) >= 10 and loss > BROKEN * recent[len(recent) // 2]):
        raise Diverged(
            f"L'entraînement diverge au pas {step + 1} (perte {loss:.3g}) : reprenez d'un autre dossier avec un taux "
            "d'apprentissage trois fois plus petit (--rate)."
        )


def _copies(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: distributed.whole(value) for name, value in parameters.items()}


def _save(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
