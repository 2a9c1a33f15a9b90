"""Merging a trained model back with its base: linear, SLERP, TIES (``mergekit``), the weight chosen on unseen text.

Linear: Wortsman et al., 2022 (https://arxiv.org/abs/2109.01903); SLERP: interpolation along the arc between two weight vectors;
TIES: Yadav et al., 2023 (https://arxiv.org/abs/2306.01708), which keeps the half of the changes that moved most.
"""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partages.training.measure import Bits

WEIGHTS = (0.25, 0.5, 0.75, 1.0)
"""Of the trained model, in a linear merge."""
TIES_WEIGHTS = (0.5, 1.0)
DENSITY = 0.5
"""Share of the changes that TIES keeps."""
METHODS = ("linear", "slerp", "ties")


@dataclass(frozen=True)
class Point:
    """One merge: how, with what weight of the trained model, and bits per character of medical and of general text."""

    method: str
    weight: float
    medical: float
    general: float

    def cost(self, base: "Point", share: float) -> float:
        """Bits relative to the base, general text counting for ``share``."""
        return (1 - share) * self.medical / base.medical + share * self.general / base.general


def between(base: Mapping[str, Tensor], trained: Mapping[str, Tensor], weight: float) -> dict[str, Tensor]:
    """The linear merge: base + weight * (trained - base); weights tied in the base stay so."""
    made: dict[int, Tensor] = {}
    for name, value in base.items():
        if value.data_ptr() not in made:
            made[value.data_ptr()] = (
                torch.lerp(value, trained[name], weight) if value.is_floating_point() else value
            )
    return {name: made[value.data_ptr()] for name, value in base.items()}


def by_mergekit(base: Path, trained: Path, method: str, weight: float) -> dict[str, Tensor] | str:
    """A merge of two folders of safetensors, or in one French sentence why ``mergekit`` cannot do it.

    Args:
        base, trained: folders that ``transformers`` loads, in float32.
        method: ``linear``, ``slerp`` or ``ties``.
        weight: of the trained model.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks numpy under a name that will go
            from mergekit.config import MergeConfiguration
            from mergekit.merge import run_merge
            from mergekit.options import MergeOptions
    except ImportError:
        return "mergekit n'est pas installé (pip install 'partages[train]')"
    from safetensors.torch import load_file

    both = [{"model": str(base)}, {"model": str(trained)}]
    told: dict[str, Any] = {
        "merge_method": method,
        "dtype": "float32",
        "base_model": str(base),
        "models": both,
    }
    if method == "linear":
        del told["base_model"]
        both[0]["parameters"], both[1]["parameters"] = {"weight": 1 - weight}, {"weight": weight}  # type: ignore[assignment]
    elif method == "slerp":
        told["parameters"] = {"t": weight}
    else:
        told |= {
            "models": [{"model": str(trained), "parameters": {"weight": weight, "density": DENSITY}}],
            "parameters": {"normalize": False},
        }
    folder = Path(tempfile.mkdtemp(prefix="merge-", dir=trained.parent))
    before = logging.root.manager.disable
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a library that speaks to an older transformers
            logging.disable(logging.WARNING)
            run_merge(
                MergeConfiguration.model_validate(told), str(folder),
                MergeOptions(copy_tokenizer=False, cuda=False, quiet=True, write_model_card=False),
            )  # fmt: skip
        return {
            name: value for file in folder.glob("*.safetensors") for name, value in load_file(file).items()
        }
    except Exception as error:  # mergekit raises whatever its parts do
        return f"mergekit ne sait pas fusionner cette architecture ({type(error).__name__})"
    finally:
        logging.disable(before)
        shutil.rmtree(folder, ignore_errors=True)


def explore(
    base: Path,
    trained: Path,
    states: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
    measure: Callable[[Mapping[str, Tensor]], dict[str, Bits]],
    methods: Sequence[str],
    share: float,
) -> tuple[list[tuple[Point, dict[str, Bits]]], dict[str, dict[str, Tensor]], dict[str, str]]:
    """Measure merges: the base first, then linear ones, SLERP at the weight that was best, TIES.

    Args:
        base, trained: folders of safetensors, for mergekit.
        states: the same two, in memory.
        measure: bits of the medical and general text under given weights.
        methods: among ``METHODS``.
        share: what general text counts for.

    Returns:
        points with their bits; what mergekit gave, by method; by method, why it was left out.
    """
    found: list[tuple[Point, dict[str, Bits]]] = []
    left_out: dict[str, str] = {}
    given: dict[str, dict[str, Tensor]] = {}

    def add(method: str, weight: float, state: Mapping[str, Tensor]) -> None:
        bits = measure(state)
        found.append(
            (Point(method, weight, bits["medical"].per_character, bits["general"].per_character), bits)
        )

    add("base", 0.0, states[0])
    for weight in WEIGHTS:
        add("linear", weight, between(*states, weight))
    if "slerp" in methods:
        start = found[0][0]
        best = min(
            (point for point, _ in found if point.weight < 1), key=lambda point: point.cost(start, share)
        ).weight
        state = by_mergekit(base, trained, "slerp", best or 0.5)
        if isinstance(state, str):
            left_out["slerp"] = state
        else:
            given["slerp"] = _named_as(states[0], state)
            add("slerp", best or 0.5, given["slerp"])
    if "ties" in methods:
        state = by_mergekit(base, trained, "ties", 1.0)
        if isinstance(state, str):
            left_out["ties"] = state
        else:  # without normalisation its weight is a factor of what it adds: other weights need no other run
            given["ties"] = _named_as(states[0], state)
            for weight in TIES_WEIGHTS:
                add("ties", weight, between(states[0], given["ties"], weight))
    return found, given, left_out


def rebuilt(
    point: Point,
    states: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
    given: Mapping[str, Mapping[str, Tensor]],
) -> Mapping[str, Tensor]:
    """The weights of one point that ``explore`` measured."""
    if point.method == "slerp":
        return given["slerp"]
    return between(states[0], given.get(point.method, states[1]), point.weight)


def _named_as(base: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tied weights, which a file holds once, under each of their names."""
    held = {value.data_ptr(): state[name] for name, value in base.items() if name in state}
    return {name: held.get(value.data_ptr(), value) for name, value in base.items()}


SHAPES = {"base": "#666", "linear": "#0a5c63", "slerp": "#b4530a", "ties": "#6b3fa0"}
"""Colour of each method."""


def draw_curve(points: Sequence[Point], chosen: Point) -> str:
    """The trade-off as SVG: medical bits per character across, general ones up; the chosen point is filled."""
    wide, high, left, top = 640, 420, 74, 56
    across, up = [point.medical for point in points], [point.general for point in points]

    def x(value: float) -> float:
        return left + (value - min(across)) / ((max(across) - min(across)) or 1) * (wide - left - 100)

    def y(value: float) -> float:
        return high - 70 - (value - min(up)) / ((max(up) - min(up)) or 1) * (high - 70 - top - 20)

    parts = []
    for method in ("linear", "ties"):
        line = [points[0], *(point for point in points if point.method == method)]
        places = " ".join(f"{x(point.medical):.1f},{y(point.general):.1f}" for point in line)
        parts.append(
            f'<polyline points="{places}" fill="none" stroke="{SHAPES[method]}" stroke-width="1.5"/>'
        )
    for point in points:
        parts.append(
            f'<circle cx="{x(point.medical):.1f}" cy="{y(point.general):.1f}" r="{7 if point == chosen else 4}" '
            f'fill="{SHAPES[point.method] if point == chosen else "#fff"}" stroke="{SHAPES[point.method]}" stroke-width="2"/>'
            f'<text x="{x(point.medical) + 10:.1f}" y="{y(point.general) - 8:.1f}" fill="{SHAPES[point.method]}">{point.weight:g}</text>'
        )
    used = [method for method in SHAPES if any(point.method == method for point in points)]
    names = {"base": "base", "linear": "linéaire", "slerp": "SLERP", "ties": "TIES"}
    for at, method in enumerate(used):
        parts.append(f'<text x="{left + 100 * at}" y="40" fill="{SHAPES[method]}">● {names[method]}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" font-family="sans-serif" '
        'font-size="13"><title>Bits par caractère, texte médical et texte général, selon la fusion avec la base'
        f'</title><rect width="{wide}" height="{high}" fill="#fff"/>{"".join(parts)}'
        f'<text x="{left}" y="{high - 36}">{min(across):.3f}</text><text x="{wide - 130}" y="{high - 36}">{max(across):.3f}</text>'
        f'<text x="{left}" y="{high - 14}">texte médical, bits par caractère (moins, c’est mieux)</text>'
        f'<text x="8" y="{y(max(up)) + 4:.0f}">{max(up):.3f}</text><text x="8" y="{y(min(up)) + 4:.0f}">{min(up):.3f}</text>'
        '<text x="8" y="20">texte général, bits par caractère (moins, c’est mieux)</text></svg>\n'
    )
