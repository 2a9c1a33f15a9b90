"""One run of training, from a base and rows to a manifest: precision, probe, recipe, loop, energy."""

import gc
import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from partages.errors import UsageError
from partages.training import distributed, energy
from partages.training.base import Base
from partages.training.fast import is_quick, quicken
from partages.training.manifest import sha256, write_manifest
from partages.training.pretrain import Method, Recipe, Rows, train, with_adapters
from partages.training.probe import (
    PROBE_SECONDS,
    PROBE_SHARE,
    all_parameters,
    available_memory,
    check_weights,
    network_size,
    plan,
    probe,
)

DEFAULTS: dict[str, Any] = {"batch": 4, "rank": 16, "rate": 8e-4}
"""With a number of steps; by the hour they are derived."""
LARGEST_TRIAL = 16
"""Rank of the adapters that the probe times."""


@dataclass(frozen=True)
class Wish:
    """What the user decided; None is derived by the probe, or by default.

    Attributes:
        hours: in all, loading and probing among them, counted from ``since``.
        steps: instead of hours.
        since: ``time.time()`` when the command started.
    """

    hours: float | None
    steps: int | None
    batch: int | None
    rank: int | None
    rate: float | None
    seed: int
    method: Method
    since: float


def run(
    step: str, base: Base, rows: Rows, validation: Rows | None, output: Path, wish: Wish, *, identity: str,
    facts: dict[str, Any], on_plan: Callable[[Recipe], None], on_step: Callable[[dict[str, Any]], None],
) -> list[dict[str, Any]]:  # fmt: skip
    """Train and leave a manifest; the same call goes on with what a killed one left.

    Raises:
        UsageError: neither hours nor steps, memory too small, a folder of another run, a loss that breaks.
    """
    if (wish.hours is None) == (wish.steps is None):
        raise UsageError("Donnez soit --hours, soit --steps.")
    if distributed.SIZE > 1 and wish.hours is not None:
        raise UsageError("Avec plusieurs processus, donnez --steps : chacun mesurerait une autre vitesse.")
    method: Method = "full" if wish.rank == 0 else wish.method
    first, spread = distributed.RANK == 0, distributed.SIZE > 1
    if first and method != "full" and base.weights is not None:
        sizes = (tensor.shape for tensor in base.weights.tensors.values())
        check_weights(sum(_product(shape) for shape in sizes), method, available_memory())
    with energy.measured(output):
        output.mkdir(parents=True, exist_ok=True)
        network = base.network(empty=not first)
        if method == "full" and first:
            on_gpu = (
                spread and distributed.device().type == "cuda"
            )  # gradients and moments are there, not here
            check_weights(all_parameters(network), "lora" if on_gpu else method, available_memory())
        _check_length(network, rows)
        kept = output / "recipe.json"
        recipe = _kept(kept, wish)
        if recipe is None:
            recipe = _recipe(base, network, rows, wish, method)
            if wish.hours is not None:  # the probe rounded its weights and gave it adapters
                del network
                gc.collect()
                network = base.network()
            partial = kept.with_name(kept.name + ".partial")
            if distributed.RANK == 0:
                partial.write_text(
                    json.dumps({"wish": _asked(wish), "recipe": asdict(recipe)}), encoding="utf-8"
                )
                partial.replace(kept)
        network = ready(base, network, recipe)
        on_plan(recipe)
        curve = train(
            network, rows, recipe, output, validation=validation, on_step=on_step, identity=identity
        )
    if distributed.RANK:
        return curve
    ends = [record["validation"] for record in curve if "validation" in record]
    write_manifest(
        output, step,
        {
            **facts, "recipe": asdict(recipe), "tokens": sum(record["tokens"] for record in curve),
            "seconds": round(sum(record["seconds"] for record in curve), 1), "loss": curve[-1]["loss"],
            "validation": ends[-1] if ends else None, "finished": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()),
            "energy": energy.read(output), "processes": distributed.SIZE, "trained_sha256": sha256(output / "trained.pt"),
        },
    )  # fmt: skip
    return curve


def _product(shape: tuple[int, ...]) -> int:
    found = 1
    for size in shape:
        found *= size
    return found


def _asked(wish: Wish) -> dict[str, Any]:
    return {name: value for name, value in asdict(wish).items() if name != "since"}


def _kept(path: Path, wish: Wish) -> Recipe | None:
    """The recipe of a run begun with the same wish."""
    try:
        told = json.loads(path.read_bytes())
        if told["wish"] == _asked(wish):
            return recipe_of(told)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def recipe_of(manifest: Mapping[str, Any]) -> Recipe:
    """The recipe that a manifest holds."""
    return Recipe(**{**manifest["recipe"], "spared": tuple(manifest["recipe"].get("spared", ()))})


def ready(base: Base, network: Any, recipe: Recipe) -> Any:
    """The network made ready to train as a recipe says."""
    with network.get_input_embeddings().weight.device if distributed.RANK else nullcontext():
        network = with_adapters(network, recipe.rank, recipe.seed, recipe.method, base.targets)
    if recipe.half and recipe.method != "full" and not base.masked:
        quicken(network)
    return network


def _recipe(base: Base, network: Any, rows: Rows, wish: Wish, method: Method) -> Recipe:
    masking: dict[str, Any] = {}
    if base.masked:
        if base.mask is None:
            raise UsageError(
                f"« {base.name} » est un modèle masqué sans jeton de masque : il ne peut pas être entraîné."
            )
        masking = {"mask": base.mask, "spared": tuple(at for at in (base.start, base.end) if at is not None)}
    common: dict[str, Any] = {
        "seed": wish.seed,
        "half": distributed.SIZE == 1 and is_quick(),
        "method": method,
        **masking,
    }
    if wish.steps is not None:
        given = {
            name: DEFAULTS[name] if (value := getattr(wish, name)) is None else value for name in DEFAULTS
        }
        if method == "full":
            given["rank"] = 0
            if wish.rate is None:
                given["rate"] = DEFAULTS["rate"] / 10
        return Recipe(steps=wish.steps, micro=min(2, int(given["batch"])), **given, **common)
    assert wish.hours is not None
    whole = wish.hours * 3600
    trial = Recipe(steps=1, rank=LARGEST_TRIAL if wish.rank is None else wish.rank, **common)
    width = network_size(network)
    speed = probe(ready(base, network, trial), rows, trial, min(PROBE_SECONDS, PROBE_SHARE * whole))
    left = max(1.0, whole - (time.time() - wish.since))
    found = plan(speed, len(rows[0]), left, width, method, batch=wish.batch, rank=wish.rank, rate=wish.rate)
    return Recipe(**found, **common)


def _check_length(network: Any, rows: Rows) -> None:
    most = getattr(network.config, "max_position_embeddings", None)
    if network.config.model_type in ("roberta", "camembert", "xlm-roberta"):
        most -= network.config.pad_token_id + 1
    if most is not None and rows[0].shape[1] > most:
        raise UsageError(
            f"Des rangées de {rows[0].shape[1]} jetons dépassent ce que ce modèle lit ({most}) : préparez-les plus courtes "
            "(--length)."
        )
