"""From a finished run to files: merged with its base, exported."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from partages.errors import UsageError
from partages.models.gguf_file import write_weights
from partages.training.base import Base
from partages.training.export import (
    adapter,
    as_gguf,
    check_replaceable,
    plain,
    read_trained,
    trained_network,
    write_folder,
)
from partages.training.folder import described
from partages.training.manifest import read_manifest
from partages.training.measure import Bits, bits
from partages.training.merge import Point, between, explore, rebuilt

MERGED = "merged.safetensors"


def merge(
    base: Base, run: Path, held: Mapping[str, Sequence[str]], output: Path, on_document: Callable[[], None], *,
    methods: Sequence[str], general_share: float, most_loss: float | None, characters: int,
) -> tuple[list[tuple[Point, dict[str, Bits]]], Point, dict[str, str]]:  # fmt: skip
    """Measure merges, write the weights of the best to ``merged.safetensors``.

    Args:
        base: what was trained.
        run: folder of the finished run.
        held: medical and general texts, never trained on.
        output: folder, made.
        on_document: called after each text measured.
        methods: among ``merge.METHODS``.
        general_share: what general text counts for in the choice.
        most_loss: share of general bits that may be lost; the most medical gain under it is chosen instead.
        characters: read of each text.

    Returns:
        every point with its bits, the base first; the chosen one; by method, why it was left out.

    Raises:
        UsageError: a masked model, whose text has no bits per character.
    """
    if base.masked:
        raise UsageError(
            "La fusion se mesure en bits par caractère : un modèle masqué n'en a pas. Exportez-le tel quel."
        )
    before = base.network()
    after = plain(trained_network(base, read_trained(run / "trained.pt")))
    work = output / "work"
    work.mkdir(exist_ok=True)
    if any(method != "linear" for method in methods):
        write_folder(before, base, work / "base")
        write_folder(after, base, work / "trained")
    states = _copy(before), _copy(after)
    del after
    network = before.bfloat16()

    def measure(state: Mapping[str, Tensor]) -> dict[str, Bits]:
        network.load_state_dict(state)
        return {
            kind: bits(network, base.tokenizer, base.start, texts, on_document, characters)
            for kind, texts in held.items()
        }

    found, given, left_out = explore(work / "base", work / "trained", states, measure, methods, general_share)
    points = [point for point, _ in found]
    best = chosen(points, general_share, most_loss)
    state = rebuilt(best, states, given)
    partial = output / (MERGED + ".partial")
    save_file(_untied(state), partial)
    partial.replace(output / MERGED)
    shutil.rmtree(work)
    return found, best, left_out


def chosen(points: Sequence[Point], general_share: float, most_loss: float | None) -> Point:
    """The best point: the most medical gain among those that lose little enough, or the least cost.

    A thousandth is no difference: of two such, the first is taken, and linear merges, which an adapter holds, come first.
    """
    base = points[0]
    if most_loss is None:
        return min(points, key=lambda point: round(point.cost(base, general_share), 3))
    fit = [point for point in points if point.general <= (1 + most_loss) * base.general]
    return min(fit, key=lambda point: round(point.medical / base.medical, 3))


def _copy(network: Any) -> dict[str, Tensor]:
    made: dict[int, Tensor] = {}
    state = network.state_dict()
    for value in state.values():
        if value.data_ptr() not in made:
            made[value.data_ptr()] = value.detach().clone()
    return {name: made[value.data_ptr()] for name, value in state.items()}


def _untied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor once by value's place: a file cannot hold one under two names."""
    seen: dict[int, str] = {}
    return {
        name: value.contiguous()
        for name, value in state.items()
        if seen.setdefault(value.data_ptr(), name) == name
    }


def export(base: Base, run: Path, kind: str, merged: Path | None, scale: float, output: Path) -> None:
    """Write what a run learnt.

    Args:
        base: what was trained.
        run: folder of the finished run.
        kind: ``adapter``, ``safetensors``, or a kind of GGUF (``export.FILE_TYPES``).
        merged: folder of ``merge``, whose weights are written instead.
        scale: without it, weight of what was learnt.
        output: file, or folder of safetensors.

    Raises:
        UsageError: this base or run has no such form.
    """
    if kind == "safetensors" or (kind == "adapter" and base.weights is None and output.suffix != ".gguf"):
        check_replaceable(output)
    elif output.is_dir():
        raise UsageError(f"« {output} » est un dossier : donnez à --output un nom de fichier GGUF.")
    learnt = read_trained(run / "trained.pt")
    if kind == "adapter":
        _export_adapter(base, learnt, run, merged, scale, output)
        return
    network = _final(base, learnt, run, merged, scale)
    if kind == "safetensors":
        partial = output.with_name(output.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_folder(network, base, partial)
        if output.exists():
            shutil.rmtree(output)
        partial.replace(output)
    else:
        write_weights(output, as_gguf(base, network.state_dict(), kind))


def _export_adapter(
    base: Base, learnt: Any, run: Path, merged: Path | None, scale: float, output: Path
) -> None:
    if merged is not None:
        told = _merge_of(base, run, merged)
        if told["method"] not in ("base", "linear"):
            raise UsageError(
                f"La fusion retenue ({told['method']}) ne tient pas dans un adaptateur : exportez le modèle entier (--kind q8_0)."
            )
        scale = float(told["weight"])
    if base.weights is not None or output.suffix == ".gguf":
        write_weights(output, adapter(learnt, base.weights or described(base), scale))
        return
    if learnt.method == "full" or scale != 1.0:
        raise UsageError(
            "Cet entraînement ne tient pas dans un adaptateur : exportez le modèle entier (--kind safetensors)."
        )
    trained_network(base, learnt).save_pretrained(output)


def _merge_of(base: Base, run: Path, merged: Path) -> dict[str, Any]:
    """The manifest of a merge, which must be of this run."""
    told = read_manifest(merged, "merge")
    if told["run"] != run.name or told["base"]["sha256"] != base.sha256:
        raise UsageError(f"« {merged} » est la fusion d'un autre entraînement que « {run} ».")
    return told


def _final(base: Base, learnt: Any, run: Path, merged: Path | None, scale: float) -> Any:
    network = plain(trained_network(base, learnt))
    if merged is not None:
        _merge_of(base, run, merged)
        try:
            state = load_file(merged / MERGED)
        except (OSError, SafetensorError):
            raise UsageError(
                f"« {merged / MERGED} » manque ou est abîmé : relancez « partages train merge »."
            ) from None
        network.load_state_dict(state, strict=False)
    elif scale != 1.0:
        with torch.no_grad():
            state = between(base.network().state_dict(), network.state_dict(), scale)
            network.load_state_dict(state)
    return network
