"""``partages train ...``: each step takes what the one before left, and leaves a manifest."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partages.errors import MissingPart, OutputError, UsageError
from partages.terminal import progress_bar
from partages.training import is_installed

if TYPE_CHECKING:
    from partages.models.gguf_file import Weights
    from partages.training.pretrain import Recipe, Rows
    from partages.training.rows import Source

FILE = click.Path(path_type=Path)
BASE = click.option(
    "--base", type=FILE, help="Modèle de départ, fichier GGUF (par défaut le modèle intégré)."
)
OUTPUT = click.option("--output", type=FILE, required=True, help="Dossier du résultat.")
INPUT = click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    help="Texte à lire : fichier .txt, .txt.gz, .jsonl, .parquet, ou dossier. CHEMIN=POIDS règle sa part (1 par défaut).",
)
LINES = click.option("--lines", is_flag=True, help="Un document par ligne dans les fichiers de texte.")
RUN = click.option("--run", type=FILE, required=True, help="Dossier de « pretrain » ou de « instruct ».")
SEED = click.option("--seed", type=int, default=0, show_default=True, help="Graine du hasard.")
PROBE = 3
"""Steps timed to know how many fit in the hours given; the first is not counted."""


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option(
                "--hours",
                type=click.FloatRange(0, min_open=True),
                help="Durée : le nombre de pas s'en déduit.",
            ),
            click.option("--steps", type=click.IntRange(1), help="Nombre de pas, à la place de --hours."),
            click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Rangées par pas."),
            click.option(
                "--rank", type=click.IntRange(0), default=16, show_default=True,
                help="Rang des adaptateurs ; 0 entraîne tous les poids.",
            ),
            click.option("--rate", type=float, default=8e-4, show_default=True, help="Taux d'apprentissage le plus haut."),
            SEED,
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(
    "train", help="Spécialise un modèle de langue : préparer, entraîner, mesurer, exporter, publier."
)
def train() -> None:
    """The group of commands about training."""
    if not is_installed():
        raise MissingPart("L'entraînement demande des bibliothèques de plus : pip install 'partages[train]'.")


@train.command("trim", help="Réduit le vocabulaire d'un modèle à ce qu'une langue et un domaine emploient.")
@BASE
@INPUT
@LINES
@click.option("--size", type=click.IntRange(1000), default=28_000, show_default=True, help="Mots à garder.")
@click.option("--output", type=FILE, required=True, help="Fichier GGUF à écrire.")
def trim_command(base: Path | None, inputs: tuple[str, ...], lines: bool, size: int, output: Path) -> None:
    """Write the same model with part of its vocabulary."""
    from partages.models.gguf_file import with_vocabulary, write_weights
    from partages.training.rows import documents
    from partages.training.vocabulary import build_tokenizer, count_tokens, kept_tokens

    weights, _ = _base(base)
    tokenizer = build_tokenizer(weights)
    sources = _sources(inputs, lines)
    used = count_tokens(tokenizer, (text for source in sources for text in documents(source)))
    if not used:
        raise UsageError("Aucun texte à lire : les sources sont vides.")
    kept = kept_tokens(weights, used, size)
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_weights(partial, with_vocabulary(weights, kept))
        partial.replace(output)
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    covered = sum(count for token, count in used.items() if token in kept) / sum(used.values())
    click.echo(
        f"{len(kept)} mots gardés sur {len(weights.tokens)} ({covered:.2%} de ce que ce texte emploie), "
        f"{output.stat().st_size / 1e6:.0f} Mo : {output}"
    )


@train.command("prepare", help="Découpe des textes en rangées prêtes à apprendre.")
@BASE
@INPUT
@LINES
@click.option(
    "--tokens", type=click.IntRange(1), default=1_000_000, show_default=True, help="Budget d'apprentissage."
)
@click.option(
    "--length", type=click.IntRange(16), default=512, show_default=True, help="Longueur d'une rangée."
)
@SEED
@OUTPUT
def prepare_command(
    base: Path | None,
    inputs: tuple[str, ...],
    lines: bool,
    tokens: int,
    length: int,
    seed: int,
    output: Path,
) -> None:
    """Write rows of tokens, split by document."""
    from partages.training.manifest import write_manifest
    from partages.training.rows import prepare
    from partages.training.vocabulary import build_tokenizer

    weights, facts = _base(base)
    manifest = prepare(
        _sources(inputs, lines),
        build_tokenizer(weights),
        start=weights.token_id("bos"),
        length=length,
        budget=tokens,
        seed=seed,
        output=output,
    )
    write_manifest(output, "prepare", {"base": facts, **manifest})
    for source in manifest["sources"]:
        click.echo(
            f"{source['name']} : {source['documents']['train']} documents, {source['tokens']['train']} jetons"
        )
    click.echo(f"{manifest['train']['rows']} rangées, {manifest['train']['tokens']} jetons : {output}")


@train.command("pretrain", help="Continue le pré-entraînement sur ce que « prepare » a écrit ; reprend seul.")
@BASE
@click.option("--data", type=FILE, required=True, help="Dossier de « prepare ».")
@_run_options
@OUTPUT
def pretrain_command(base: Path | None, data: Path, output: Path, **chosen: Any) -> None:
    """Train on rows of text."""
    from partages.training.manifest import read_manifest
    from partages.training.pretrain import load_rows

    weights, facts = _base(base)
    prepared = read_manifest(data, "prepare")
    if prepared["base"]["sha256"] != facts["sha256"]:
        raise UsageError("Ces données ont été préparées pour une autre base : donnez la même à --base.")
    identity = facts["sha256"] + prepared["train"]["sha256"]
    validation = load_rows(data, "validation")
    _train(
        "pretrain", weights, load_rows(data, "train"), (validation[0][:32], validation[1][:32], None), output,
        identity=identity, facts={"base": facts, "data": {k: prepared[k] for k in ("sources", "length", "train")}}, **chosen,
    )  # fmt: skip


@train.command("instruct", help="Apprend à répondre : questions et réponses, perte sur les réponses seules.")
@BASE
@click.option(
    "--data", type=FILE, required=True, help="Fichier JSON par lignes : prompt, answer, system (facultatif)."
)
@click.option(
    "--length", type=click.IntRange(16), default=1024, show_default=True, help="Longueur d'une rangée."
)
@_run_options
@OUTPUT
def instruct_command(base: Path | None, data: Path, length: int, output: Path, **chosen: Any) -> None:
    """Train on questions with their answers."""
    from partages.training.instruct import empty, read_examples, rows_of
    from partages.training.manifest import sha256
    from partages.training.vocabulary import build_tokenizer

    weights, facts = _base(base)
    tokenizer = build_tokenizer(weights)
    examples = list(read_examples(data))
    rows, left_out = rows_of(examples, weights, tokenizer, length, "train")
    if empty(rows):
        raise UsageError(
            f"« {data} » n'a aucun exemple à apprendre : le fichier est vide, ou ses exemples dépassent --length."
        )
    if left_out:
        click.echo(f"{left_out} exemples plus longs que --length sont laissés de côté.", err=True)
    validation, _ = rows_of(examples, weights, tokenizer, length, "validation")
    digest = sha256(data)
    _train(
        "instruct", weights, rows, None if empty(validation) else validation, output,
        identity=facts["sha256"] + digest + str(length),
        facts={"base": facts, "data": {"name": data.name, "sha256": digest, "examples": len(examples), "left_out": left_out}},
        **chosen,
    )  # fmt: skip


@train.command(
    "merge", help="Choisit la force de l'adaptateur : gain médical contre perte générale, dessinés."
)
@BASE
@RUN
@click.option(
    "--medical", "medical", multiple=True, required=True, help="Texte médical que l'on n'a pas appris."
)
@click.option("--general", "general", multiple=True, required=True, help="Texte général.")
@LINES
@click.option(
    "--general-share",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Ce que pèse le texte général dans le choix.",
)
@click.option(
    "--documents", type=click.IntRange(1), default=30, show_default=True, help="Documents de chaque sorte."
)
@OUTPUT
def merge_command(
    base: Path | None,
    run: Path,
    medical: tuple[str, ...],
    general: tuple[str, ...],
    lines: bool,
    general_share: float,
    documents: int,
    output: Path,
) -> None:
    """Measure strengths of the adapters on unseen text, keep the best, draw the curve."""
    from partages.training.manifest import write_manifest
    from partages.training.measure import Point, bits, draw_curve, gain, scale_adapters
    from partages.training.vocabulary import build_tokenizer

    weights, facts = _base(base)
    network = _trained(weights, facts, run)
    tokenizer, start = build_tokenizer(weights), weights.token_id("bos")
    held = {
        "medical": _unseen(_sources(medical, lines), documents),
        "general": _unseen(_sources(general, lines), documents),
    }
    scales = [0.0, 0.25, 0.5, 0.75, 1.0]
    points, found = [], {}
    with progress_bar(len(scales) * sum(map(len, held.values()))) as advance:
        for scale in scales:
            scale_adapters(network, scale)
            found[scale] = {
                kind: bits(network, tokenizer, start, texts, advance) for kind, texts in held.items()
            }
            points.append(
                Point(scale, found[scale]["medical"].per_character, found[scale]["general"].per_character)
            )
    chosen = min(points, key=lambda point: point.cost(points[0], general_share))
    gains = {kind: gain(found[0.0][kind], found[chosen.scale][kind]) for kind in held}
    write_manifest(
        output, "merge",
        {
            "base": facts, "run": str(run.name), "scale": chosen.scale, "general_share": general_share,
            "points": [asdict(point) for point in points],
            "gains": {kind: dict(zip(("share", "low", "high"), value, strict=True)) for kind, value in gains.items()},
            "documents": {kind: len(texts) for kind, texts in held.items()},
        },
    )  # fmt: skip
    (output / "curve.svg").write_text(draw_curve(points, chosen), encoding="utf-8")
    for kind, name in (("medical", "texte médical"), ("general", "texte général")):
        share, low, high = gains[kind]
        click.echo(f"{name} : {share:+.1%} de bits épargnés [{low:+.1%}, {high:+.1%}]")
    click.echo(f"Force retenue : {chosen.scale:g}. Courbe : {output / 'curve.svg'}")


@train.command("export", help="Écrit le modèle entraîné : adaptateur GGUF, modèle GGUF, ou safetensors.")
@BASE
@RUN
@click.option(
    "--kind",
    type=click.Choice(["adapter", "f16", "q8_0", "f32", "safetensors"]),
    default="q8_0",
    show_default=True,
    help="Ce que l'on écrit.",
)
@click.option(
    "--scale", type=float, default=1.0, show_default=True, help="Force de l'adaptateur (voir « merge »)."
)
@click.option(
    "--output", type=FILE, required=True, help="Fichier GGUF à écrire, ou dossier pour safetensors."
)
def export_command(base: Path | None, run: Path, kind: str, scale: float, output: Path) -> None:
    """Write what llama.cpp or transformers load."""
    from partages.models.gguf_file import write_weights
    from partages.training.export import merged, read_trained, write_adapter, write_safetensors
    from partages.training.measure import scale_adapters

    weights, facts = _base(base)
    network = _trained(weights, facts, run)
    partial = output.with_name(output.name + ".partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if kind == "safetensors":
            scale_adapters(network, scale)
            write_safetensors(network, output)
        elif kind == "adapter":
            write_adapter(partial, run / "trained.pt", weights, scale)
            partial.replace(output)
        else:
            trained, rank = read_trained(run / "trained.pt")
            write_weights(partial, merged(weights, trained, rank, scale, kind))
            partial.replace(output)
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    click.echo(str(output))


@train.command("publish", help="Rédige la fiche du modèle à partir des manifestes, à côté de ses fichiers.")
@RUN
@click.option("--merge", "merge_folder", type=FILE, help="Dossier de « merge » : ce que l'on a mesuré.")
@click.option("--name", required=True, help="Nom du modèle.")
@click.option("--output", type=FILE, required=True, help="Dossier à publier ; la fiche y sera README.md.")
def publish_command(run: Path, merge_folder: Path | None, name: str, output: Path) -> None:
    """Write the model card."""
    from partages.training.card import card
    from partages.training.manifest import read_manifest

    measured = read_manifest(merge_folder, "merge") if merge_folder else None
    text = card(name, _run_manifest(run), measured)
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "README.md").write_text(text, encoding="utf-8")
        if merge_folder:
            (output / "curve.svg").write_bytes((merge_folder / "curve.svg").read_bytes())
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    click.echo(str(output / "README.md"))


def _base(path: Path | None) -> "tuple[Weights, dict[str, Any]]":
    from partages.models.catalogue import EMBEDDED_NAME
    from partages.models.embedded import model_path
    from partages.models.gguf_file import read_weights
    from partages.settings import Settings
    from partages.training.manifest import sha256

    name = path.stem if path else EMBEDDED_NAME
    path = path or model_path(Settings())
    weights = read_weights(path)
    licence = weights.fields.get("general.license")
    return weights, {
        "name": name,
        "sha256": sha256(path),
        "architecture": weights.architecture,
        "vocabulary": len(weights.tokens),
        "licence": str(licence.value) if licence else "gemma" if weights.architecture == "gemma3" else "",
    }


def _sources(inputs: Sequence[str], lines: bool) -> "list[Source]":
    from partages.training.rows import Source

    found = []
    for given in inputs:
        path, mark, weight = given.rpartition("=")
        try:
            source = Source(Path(path), float(weight), lines) if mark else Source(Path(given), 1.0, lines)
        except ValueError:
            source = Source(Path(given), 1.0, lines)
        if not source.path.exists():
            raise UsageError(f"« {source.path} » n'existe pas.")
        if not source.weight > 0:
            raise UsageError(f"Le poids de « {source.path} » doit être positif.")
        found.append(source)
    return found


def _unseen(sources: "list[Source]", most: int) -> list[str]:
    """Documents of the test side, the same ones each time, none in what was learnt."""
    from partages.training.rows import documents, split_of

    found = [text for source in sources for text in documents(source) if split_of(text) == "test"]
    if not found:
        raise UsageError(
            "Aucun document à mesurer : la part gardée pour la mesure (4 % des documents) est vide, donnez plus de texte."
        )
    every = max(1, len(found) // most)
    return found[::every][:most]


def _train(
    step: str, weights: "Weights", rows: "Rows", validation: "Rows | None", output: Path, *, identity: str,
    facts: dict[str, Any], hours: float | None, steps: int | None, batch: int, rank: int, rate: float, seed: int,
) -> None:  # fmt: skip
    from partages.training.fast import quicken
    from partages.training.manifest import write_manifest
    from partages.training.network import build
    from partages.training.pretrain import train as run
    from partages.training.pretrain import with_adapters

    if (hours is None) == (steps is None):
        raise UsageError("Donnez soit --hours, soit --steps.")
    network = with_adapters(build(weights), rank, seed)
    half = rank > 0 and _half(output)
    if half:
        quicken(network)
    recipe = _recipe(
        output, network, rows, hours, steps, batch=batch, rank=rank, rate=rate, seed=seed, half=half
    )
    started = time.time()
    with progress_bar(recipe.steps) as advance:

        def show(record: dict[str, Any]) -> None:
            advance(record["step"], f"perte {record['loss']:.3f}")

        curve = run(network, rows, recipe, output, validation=validation, on_step=show, identity=identity)
    ends = [record["validation"] for record in curve if "validation" in record]
    write_manifest(
        output, step,
        {
            **facts, "recipe": asdict(recipe), "tokens": sum(record["tokens"] for record in curve),
            "seconds": round(sum(record["seconds"] for record in curve), 1), "loss": curve[-1]["loss"],
            "validation": ends[-1] if ends else None, "finished": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()),
        },
    )  # fmt: skip
    click.echo(
        f"{recipe.steps} pas en {time.time() - started:.0f} s, perte {curve[-1]['loss']:.3f} : {output}"
    )


def _half(output: Path) -> bool:
    """Whether to train in bfloat16: what this machine does best, decided once a run."""
    from partages.training.fast import is_quick

    kept = output / "half.json"
    try:
        return bool(json.loads(kept.read_bytes()))
    except (OSError, ValueError):
        output.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found := is_quick()))
        return found


def _recipe(
    output: Path, network: Any, rows: "Rows", hours: float | None, steps: int | None, **chosen: Any
) -> "Recipe":
    """As given; by ``--hours``, the steps that fit, decided once and kept for when the run is taken up again."""
    from partages.training.pretrain import Recipe, seconds_per_step

    kept = output / "recipe.json"
    if steps is None:
        assert hours is not None
        try:
            told = json.loads(kept.read_bytes())
        except (OSError, ValueError):
            told = None
        if told and told["hours"] == hours:
            return Recipe(**{**chosen, "steps": told["steps"]})
        trial = Recipe(steps=PROBE, micro=min(2, chosen["batch"]), **chosen)
        steps = max(1, int(hours * 3600 / seconds_per_step(network, rows, trial)))
        output.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({"hours": hours, "steps": steps}))
        click.echo(f"{steps} pas en {hours:g} h.", err=True)
    return Recipe(steps=steps, micro=min(2, chosen["batch"]), **chosen)


def _trained(weights: "Weights", facts: dict[str, Any], run: Path) -> Any:
    """The network with what a finished run learnt."""
    import torch

    from partages.training.export import read_trained
    from partages.training.network import build
    from partages.training.pretrain import with_adapters

    manifest = _run_manifest(run)
    if manifest["base"]["sha256"] != facts["sha256"]:
        raise UsageError(
            "Cet entraînement est parti d'une autre base : donnez la même à --base "
            f"(« {manifest['base']['name']} », SHA-256 {manifest['base']['sha256'][:12]}…)."
        )
    learnt, rank = read_trained(run / "trained.pt")
    network = with_adapters(build(weights), rank, 0)
    held = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in learnt.items():
            held[name].copy_(value)
    return network


def _run_manifest(run: Path) -> dict[str, Any]:
    from partages.training.manifest import read_manifest

    try:
        return read_manifest(run, "instruct")
    except UsageError:
        return read_manifest(run, "pretrain")
