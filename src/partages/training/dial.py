"""``partages train --hours 2``: all steps in a row within a time, each skipped when its result is there."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partages.errors import UsageError
from partages.training.manifest import read_manifest

if TYPE_CHECKING:
    from partages.training.base import Base

TRIMMED = 28_000
"""Tokens kept of a vocabulary at least twice as large."""
PRETRAIN_SHARE = 0.6
"""Of the time, when examples are learnt after the texts."""
AFTER_SHARE = 0.1
"""Of the time, for the merge and the export, at most ``AFTER_SECONDS``."""
AFTER_SECONDS = 900.0
BUDGET = 200_000_000
"""Tokens prepared at most; what the time allows is drawn from them."""


def whole_line(
    context: click.Context, *, hours: float, base: Path | None, inputs: tuple[str, ...], general: tuple[str, ...],
    examples: Path | None, lines: bool, seed: int, output: Path,
) -> None:  # fmt: skip
    """Trim, prepare, pretrain, instruct if there are examples, merge if there is general text, export, card.

    The same command takes up a killed one where it was, with the time it had left in its plan.
    """
    from partages.training import commands
    from partages.training.base import read_base
    from partages.training.rows import documents

    start = time.time()
    whole = hours * 3600
    after = min(AFTER_SHARE * whole, AFTER_SECONDS) if general else 0.02 * whole
    output.mkdir(parents=True, exist_ok=True)
    model = read_base(base)

    def done(folder: Path, step: str) -> bool:
        try:
            read_manifest(folder, step)
        except UsageError:
            return False
        return True

    def say(text: str) -> None:
        click.echo(text, err=True)

    if not model.masked and int(model.facts["vocabulary"]) >= 2 * TRIMMED and _is_trimmable(model):
        trimmed = output / ("base.gguf" if model.weights is not None else "base")
        if not trimmed.exists():
            say("Vocabulaire :")
            context.invoke(
                commands.trim_command,
                base=base,
                inputs=(*inputs, *general),
                lines=lines,
                size=TRIMMED,
                output=trimmed,
            )
        base = trimmed
    data, pretrained = output / "data", output / "pretrain"
    if not done(data, "prepare"):
        say("Textes :")
        context.invoke(
            commands.prepare_command, base=base, inputs=inputs, lines=lines, tokens=BUDGET, length=min(512, model.context), seed=seed,
            output=data,
        )  # fmt: skip

    def chosen(seconds: float) -> dict[str, Any]:
        return {
            "hours": max(seconds, 1.0) / 3600, "steps": None, "batch": None, "rank": None, "rate": None, "seed": seed,
            "method": "lora",
        }  # fmt: skip

    plan = output / "plan.txt"  # the time of each step, decided once so that a resumed step has the same wish
    if plan.exists():
        first, second = map(float, plan.read_text().split())
    else:
        left = whole - after - (time.time() - start)
        first = left * (PRETRAIN_SHARE if examples else 1.0)
        second = left - first
        plan.write_text(f"{first} {second}")
    if not done(pretrained, "pretrain"):
        say("Pré-entraînement :")
        context.invoke(commands.pretrain_command, base=base, data=data, output=pretrained, **chosen(first))
    run = pretrained
    if examples:
        between = output / "pretrained.gguf" if model.weights is not None else output / "pretrained"
        if not between.exists():
            kind = "f16" if model.weights is not None else "safetensors"
            context.invoke(
                commands.export_command,
                base=base,
                run=run,
                kind=kind,
                merge_folder=None,
                scale=1.0,
                output=between,
            )
        base, run = between, output / "instruct"
        if not done(run, "instruct"):
            say("Consignes :")
            context.invoke(
                commands.instruct_command, base=base, data=examples, length=min(1024, model.context), plain=model.template is None, output=run,
                **chosen(second),
            )  # fmt: skip
    merged = None
    if (
        general
        and not model.masked
        and any(documents(source) for source in commands._sources(general, lines))
    ):
        merged = output / "merge"
        if not done(merged, "merge"):
            say("Fusion :")
            try:
                context.invoke(
                    commands.merge_command, base=base, run=run, medical=inputs, general=general, lines=lines,
                    output=merged, general_share=0.5, most_loss=None, methods=("linear", "slerp", "ties"), documents=30,
                    characters=4000,
                )  # fmt: skip
            except UsageError as error:
                # too few documents to measure on: what was learnt is exported as it is
                say(f"Fusion laissée de côté : {error}")
                merged = None
    model_folder = output / "model"
    target = model_folder / "model.gguf" if model.weights is not None else model_folder
    say("Export :")
    context.invoke(
        commands.export_command, base=base, run=run, kind="q4_k_m" if model.weights is not None else "safetensors",
        merge_folder=merged, scale=1.0, output=target,
    )  # fmt: skip
    if model.weights is None and _is_gguf(model):
        context.invoke(
            commands.export_command, base=base, run=run, kind="q4_k_m", merge_folder=merged, scale=1.0,
            output=model_folder / "model.gguf",
        )  # fmt: skip
    context.invoke(
        commands.publish_command, run=run, merge_folder=merged, audit_folder=None, name=output.name, output=model_folder,
        repository=None, endpoint=None, private=False,
    )  # fmt: skip
    say(f"{(time.time() - start) / 3600:.2f} h en tout : {model_folder}")


def _is_trimmable(model: "Base") -> bool:
    from partages.training.folder import vocabulary

    return model.weights is not None or _works(lambda: vocabulary(model))


def _is_gguf(model: "Base") -> bool:
    from partages.training.folder import described

    return not model.masked and _works(lambda: described(model))


def _works(what: Callable[[], object]) -> bool:
    try:
        what()
    except UsageError:
        return False
    return True
