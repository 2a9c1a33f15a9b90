"""``partages train ...``: each step takes what the one before left, and leaves a manifest."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partages.errors import MissingPart, OutputError, UsageError
from partages.terminal import progress_bar
from partages.training import is_installed

if TYPE_CHECKING:
    from partages.training.base import Base
    from partages.training.pretrain import Recipe, Rows
    from partages.training.rows import Source

FILE = click.Path(path_type=Path)
BASE = click.option(
    "--base", type=FILE,
    help="Modèle de départ : fichier GGUF, ou dossier de transformers (par défaut le modèle intégré).",
)  # fmt: skip


def _writable_folder(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Said before anything is computed: the place of a result that cannot be a folder."""
    if path is None:
        return None
    place = path.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise UsageError(f"« {path} » doit être un dossier : « {place} » est un fichier.")
    if not os.access(place, os.W_OK):
        raise OutputError(
            f"« {path} » ne peut pas être écrit : « {place} » ne vous est pas ouvert en écriture."
        )
    return path


OUTPUT = click.option(
    "--output", type=FILE, required=True, callback=_writable_folder, help="Dossier du résultat."
)
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
PLAIN = click.option(
    "--plain", is_flag=True, help="Conversations en paragraphes simples, sans le gabarit de la base."
)


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option(
                "--hours", type=click.FloatRange(0, min_open=True), metavar="HEURES",
                help="Durée, chargement et essai compris : pas, lot, rang et taux se déduisent d'un essai d'une minute.",
            ),
            click.option("--steps", type=click.IntRange(1), help="Nombre de pas, à la place de --hours."),
            click.option("--batch", type=click.IntRange(1), help="Rangées par pas (déduit avec --hours ; sinon 4)."),
            click.option(
                "--method", type=click.Choice(["lora", "dora", "full"]), default="lora", show_default=True,
                help="Adaptateurs de bas rang, les mêmes avec leurs grandeurs à part, ou tous les poids.",
            ),
            click.option("--rank", type=click.IntRange(0), help="Rang des adaptateurs (déduit avec --hours ; sinon 16)."),
            click.option(
                "--rate", type=click.FloatRange(0, min_open=True), metavar="TAUX",
                help="Taux d'apprentissage le plus haut (déduit avec --hours ; sinon 8e-4).",
            ),
            SEED,
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(
    "train", invoke_without_command=True,
    help="Spécialise un modèle de langue : préparer, entraîner, fusionner, exporter, examiner, publier. "
    "Avec --hours, tout s'enchaîne dans le temps donné.",
)  # fmt: skip
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    metavar="HEURES",
    help="Enchaîner toutes les étapes dans cette durée.",
)
@BASE
@click.option(
    "--input", "inputs", multiple=True, help="Texte médical à apprendre (CHEMIN=POIDS règle sa part)."
)
@click.option("--general", multiple=True, help="Texte général : la fusion mesure dessus ce qui se perd.")
@click.option("--examples", type=FILE, help="Exemples de questions et réponses, appris après les textes.")
@LINES
@SEED
@click.option("--output", type=FILE, callback=_writable_folder, help="Dossier du résultat.")
@click.pass_context
def train(
    context: click.Context, hours: float | None, base: Path | None, inputs: tuple[str, ...], general: tuple[str, ...],
    examples: Path | None, lines: bool, seed: int, output: Path | None,
) -> None:  # fmt: skip
    """The group of commands about training, and all of them in a row."""
    if not is_installed():
        raise MissingPart("L'entraînement demande des bibliothèques de plus : pip install 'partages[train]'.")
    if context.invoked_subcommand is not None:
        return
    if hours is None:
        click.echo(context.get_help())
        return
    if not inputs or output is None:
        raise UsageError(
            "Avec --hours, donnez le texte à apprendre (--input) et le dossier du résultat (--output)."
        )
    from partages.training.dial import whole_line

    whole_line(
        context, hours=hours, base=base, inputs=inputs, general=general, examples=examples, lines=lines, seed=seed,
        output=output,
    )  # fmt: skip


@train.command(
    "trim",
    short_help="Réduit le vocabulaire d'un modèle.",
    help="Réduit le vocabulaire d'un modèle à ce qu'une langue et un domaine emploient.",
)
@BASE
@INPUT
@LINES
@click.option("--size", type=click.IntRange(1000), default=28_000, show_default=True, help="Mots à garder.")
@click.option(
    "--output", type=FILE, required=True, help="Fichier GGUF à écrire, ou dossier si la base en est un."
)
def trim_command(base: Path | None, inputs: tuple[str, ...], lines: bool, size: int, output: Path) -> None:
    """Write the same model with part of its vocabulary."""
    from partages.models.gguf_file import with_vocabulary, write_weights
    from partages.training.base import read_base
    from partages.training.export import check_replaceable
    from partages.training.rows import documents
    from partages.training.vocabulary import count_tokens, kept_tokens

    start = read_base(base)
    sources = _sources(inputs, lines)
    used = count_tokens(start.tokenizer, (text for source in sources for text in documents(source)))
    if not used:
        raise UsageError("Aucun texte à lire : les sources sont vides.")
    if start.weights is None and output.suffix == ".gguf":
        raise UsageError(
            "Une base qui est un dossier se réduit en un dossier : donnez un nom sans .gguf à --output."
        )
    if start.weights is None:
        check_replaceable(output)
    elif output.is_dir():
        raise UsageError(f"« {output} » est un dossier : donnez à --output un nom de fichier GGUF.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if start.weights is None:
            from partages.training.folder import trim_to

            kept = trim_to(output, start, used, size)
        else:
            kept = kept_tokens(start.weights, used, size)
            write_weights(output, with_vocabulary(start.weights, kept))
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    covered = sum(count for token, count in used.items() if token in kept) / sum(used.values())
    click.echo(
        f"{len(kept)} mots gardés sur {start.facts['vocabulary']} ({covered:.2%} de ce que ce texte emploie), "
        f"{_size(output) / 1e6:.0f} Mo : {output}"
    )


@train.command(
    "prepare",
    short_help="Découpe des textes en rangées.",
    help="Découpe des textes en rangées prêtes à apprendre.",
)
@BASE
@INPUT
@LINES
@click.option(
    "--tokens", type=click.IntRange(1), default=1_000_000, show_default=True, help="Budget d'apprentissage."
)
@click.option(
    "--length",
    type=click.IntRange(16),
    help="Longueur d'une rangée (par défaut 512, ou ce que la base lit si c'est moins).",
)
@SEED
@OUTPUT
def prepare_command(
    base: Path | None,
    inputs: tuple[str, ...],
    lines: bool,
    tokens: int,
    length: int | None,
    seed: int,
    output: Path,
) -> None:
    """Write rows of tokens, split by document."""
    from partages.training.base import read_base
    from partages.training.manifest import write_manifest
    from partages.training.rows import prepare

    model = read_base(base)
    manifest = prepare(
        _sources(inputs, lines),
        model.tokenizer,
        start=model.start,
        end=model.end if model.masked else None,
        length=min(512, model.context) if length is None else length,
        budget=tokens,
        seed=seed,
        output=output,
    )
    write_manifest(output, "prepare", {"base": model.facts, **manifest})
    for source in manifest["sources"]:
        click.echo(
            f"{source['name']} : {source['documents']['train']} documents, {source['tokens']['train']} jetons"
        )
    click.echo(f"{manifest['train']['rows']} rangées, {manifest['train']['tokens']} jetons : {output}")


@train.command(
    "pretrain",
    short_help="Continue le pré-entraînement.",
    help="Continue le pré-entraînement sur ce que « prepare » a écrit ; reprend seul.",
)
@BASE
@click.option("--data", type=FILE, required=True, help="Dossier de « prepare ».")
@_run_options
@OUTPUT
def pretrain_command(base: Path | None, data: Path, output: Path, **chosen: Any) -> None:
    """Train on rows of text."""
    since = time.time()
    from partages.training.base import read_base
    from partages.training.manifest import read_manifest
    from partages.training.pretrain import load_rows

    model = read_base(base)
    prepared = read_manifest(data, "prepare")
    if prepared["base"]["sha256"] != model.sha256:
        raise UsageError("Ces données ont été préparées pour une autre base : donnez la même à --base.")
    identity = model.sha256 + prepared["train"]["sha256"]
    validation = load_rows(data, "validation")
    _train(
        "pretrain", model, load_rows(data, "train"), (validation[0][:32], validation[1][:32], None), output, since,
        identity=identity, facts={"base": model.facts, "data": {k: prepared[k] for k in ("sources", "length", "train")}},
        **chosen,
    )  # fmt: skip


@train.command(
    "instruct",
    short_help="Apprend à répondre.",
    help="Apprend à répondre : questions et réponses, perte sur les réponses seules.",
)
@BASE
@click.option(
    "--data", type=FILE, required=True,
    help="Fichier JSON par lignes : prompt, answer, et s'il le faut system, schema, task.",
)  # fmt: skip
@click.option(
    "--length",
    type=click.IntRange(16),
    help="Longueur d'une rangée (par défaut 1024, ou ce que la base lit si c'est moins).",
)
@PLAIN
@_run_options
@OUTPUT
def instruct_command(
    base: Path | None, data: Path, length: int | None, plain: bool, output: Path, **chosen: Any
) -> None:
    """Train on questions with their answers."""
    since = time.time()
    from collections import Counter

    from partages.training.base import read_base
    from partages.training.instruct import empty, read_examples, rows_of
    from partages.training.manifest import sha256

    model = read_base(base, plain)
    if model.masked:
        raise UsageError("Un modèle masqué ne répond pas à des questions : seul « pretrain » l'entraîne.")
    examples = list(read_examples(data))
    length = min(1024, model.context) if length is None else length
    rows, left_out = rows_of(examples, model, length, "train")
    if empty(rows):
        raise UsageError(
            f"« {data} » n'a aucun exemple à apprendre : le fichier est vide, ou ses exemples dépassent --length."
        )
    if left_out:
        click.echo(f"{left_out} exemples plus longs que --length sont laissés de côté.", err=True)
    validation, _ = rows_of(examples, model, length, "validation")
    digest = sha256(data)
    _train(
        "instruct", model, rows, None if empty(validation) else validation, output, since,
        identity=model.sha256 + digest + str(length) + str(model.template),
        facts={
            "base": model.facts,
            "data": {
                "name": data.name, "sha256": digest, "examples": len(examples), "left_out": left_out, "length": length,
                "tasks": dict(Counter(example.task or "other" for example in examples)), "template": model.template,
            },
        },
        **chosen,
    )  # fmt: skip


@train.command(
    "merge",
    short_help="Fusionne avec la base.",
    help="Fusionne avec la base : gain médical contre perte générale, mesurés, dessinés, le meilleur gardé.",
)
@BASE
@RUN
@click.option("--medical", multiple=True, required=True, help="Texte médical que l'on n'a pas appris.")
@click.option("--general", multiple=True, required=True, help="Texte général.")
@LINES
@click.option(
    "--general-share", type=click.FloatRange(0, 1), metavar="PART", default=0.5, show_default=True,
    help="Ce que pèse le texte général dans le choix.",
)  # fmt: skip
@click.option(
    "--most-loss",
    type=click.FloatRange(0, 1),
    metavar="PART",
    help="Perte générale à ne pas dépasser (0.02 : 2 %) ; le plus grand gain médical qui la respecte est alors retenu.",
)
@click.option(
    "--method", "methods", type=click.Choice(["linear", "slerp", "ties"]), multiple=True, default=("linear", "slerp", "ties"),
    help="Fusions essayées (toutes par défaut) ; SLERP et TIES par mergekit.",
)  # fmt: skip
@click.option(
    "--documents", type=click.IntRange(1), default=30, show_default=True, help="Documents de chaque sorte."
)
@click.option(
    "--characters",
    type=click.IntRange(100),
    default=4000,
    show_default=True,
    help="Caractères lus de chacun.",
)
@OUTPUT
def merge_command(
    base: Path | None, run: Path, medical: tuple[str, ...], general: tuple[str, ...], lines: bool, output: Path,
    **chosen: Any,
) -> None:  # fmt: skip
    """Measure merges on unseen text, keep the best, draw the curve."""
    from partages.training.manifest import write_manifest
    from partages.training.measure import gain
    from partages.training.merge import draw_curve
    from partages.training.merging import merge

    model, _ = _run_of(base, run)
    documents = chosen.pop("documents")
    held = {
        "medical": _unseen(_sources(medical, lines), documents),
        "general": _unseen(_sources(general, lines), documents),
    }
    output.mkdir(parents=True, exist_ok=True)
    with progress_bar(sum(map(len, held.values())) * 8) as advance:
        found, best, left_out = merge(model, run, held, output, advance, **chosen)
    points = [point for point, _ in found]
    bits = dict(found)
    gains = {kind: gain(bits[points[0]][kind], bits[best][kind]) for kind in held}
    (output / "curve.svg").write_text(draw_curve(points, best), encoding="utf-8")
    write_manifest(
        output, "merge",
        {
            "base": model.facts, "run": run.name, "method": best.method, "weight": best.weight,
            "general_share": chosen["general_share"], "most_loss": chosen["most_loss"], "precision": "bfloat16",
            "points": [asdict(point) for point in points], "left_out": left_out,
            "gains": {kind: dict(zip(("share", "low", "high"), value, strict=True)) for kind, value in gains.items()},
            "documents": {kind: len(texts) for kind, texts in held.items()}, "characters": chosen["characters"],
        },
    )  # fmt: skip
    for method, reason in left_out.items():
        click.echo(f"{method} laissé de côté : {reason}.", err=True)
    for kind, name in (("medical", "texte médical"), ("general", "texte général")):
        share, low, high = gains[kind]
        click.echo(f"{name} : {share:+.1%} de bits épargnés [{low:+.1%}, {high:+.1%}]")
    click.echo(f"Fusion retenue : {best.method}, poids {best.weight:g}. Courbe : {output / 'curve.svg'}")


@train.command(
    "export",
    short_help="Écrit le modèle entraîné.",
    help="Écrit le modèle entraîné : adaptateur, modèle GGUF, ou safetensors.",
)
@BASE
@RUN
@click.option(
    "--kind", type=click.Choice(["adapter", "q4_k_m", "q8_0", "f16", "f32", "safetensors"]), default="q8_0",
    show_default=True, help="Ce que l'on écrit.",
)  # fmt: skip
@click.option(
    "--merge", "merge_folder", type=FILE, help="Dossier de « merge » : le modèle fusionné qu'il a retenu."
)
@click.option(
    "--scale",
    type=click.FloatRange(0),
    metavar="POIDS",
    default=1.0,
    show_default=True,
    help="Sans --merge : poids de ce qui a été appris.",
)
@click.option(
    "--output", type=FILE, required=True, help="Fichier GGUF à écrire, ou dossier pour safetensors."
)
def export_command(
    base: Path | None, run: Path, kind: str, merge_folder: Path | None, scale: float, output: Path
) -> None:
    """Write what llama.cpp or transformers load."""
    from partages.training.merging import export

    model, _ = _run_of(base, run)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        export(model, run, kind, merge_folder, scale, output)
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    click.echo(f"{output} ({_size(output) / 1e6:.0f} Mo)")


@train.command(
    "audit",
    short_help="Ce que le modèle rend de ce qu'il a lu.",
    help="Ce que le modèle rend de ce qu'il a lu : identités plantées, appartenance, passages mot pour mot.",
)
@BASE
@RUN
@click.option(
    "--data",
    type=FILE,
    required=True,
    help="Ce qu'il a lu : dossier de « prepare », ou exemples de « instruct ».",
)
@click.option(
    "--most",
    type=click.IntRange(10),
    default=150,
    show_default=True,
    help="Passages de chaque côté, lus et jamais lus.",
)
@click.option(
    "--passages", type=click.IntRange(1), default=100, show_default=True, help="Passages à faire réciter."
)
@click.option(
    "--canaries/--no-canaries", default=True, show_default=True,
    help="Planter des identités fictives dans une copie des données et entraîner de nouveau.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1), help="Pas de cet entraînement (par défaut autant que le premier)."
)
@SEED
@OUTPUT
def audit_command(base: Path | None, run: Path, data: Path, output: Path, **chosen: Any) -> None:
    """Measure what a run memorised."""
    from partages.training.audit import COPIES, EACH, audit
    from partages.training.export import read_trained, trained_network
    from partages.training.manifest import sha256, write_manifest
    from partages.training.run import ready, recipe_of

    model, manifest = _run_of(base, run)
    if model.masked:
        raise UsageError(
            "Cet examen porte sur les modèles qui écrivent : un modèle masqué n'en a pas besoin."
        )
    rows, unseen = _rows_of_run(model, manifest, data)
    output.mkdir(parents=True, exist_ok=True)
    most, passages = chosen["most"], chosen["passages"]
    with progress_bar(4 * most + 2 * passages + len(COPIES) * EACH) as advance:
        told = audit(
            model, trained_network(model, read_trained(run / "trained.pt")), recipe_of(manifest), rows, unseen, output,
            most=most, passages=passages, with_canaries=chosen["canaries"], steps=chosen["steps"], seed=chosen["seed"],
            done=advance, prepare=lambda recipe: ready(model, model.network(), recipe),
        )  # fmt: skip
    write_manifest(
        output,
        "audit",
        {"base": model.facts, "run": run.name, "trained_sha256": sha256(run / "trained.pt"), **told},
    )
    member, given = told["membership"], told["regurgitation"]
    click.echo(f"appartenance : AUC {member['auc']:.3f} [{member['low']:.3f}, {member['high']:.3f}]")
    click.echo(
        f"passages rendus mot pour mot : {given['rate']:.1%} de {given['passages']} lus, "
        f"{given['unseen_rate']:.1%} de {given['unseen_passages']} jamais lus"
    )
    for one in told.get("canaries", []):
        click.echo(
            f"identités plantées {one['copies']} fois : exposition {one['exposure']:.1f} bits sur 8, {one['extracted']:.0%} extraites"
        )
    click.echo("Seuils dépassés : " + (", ".join(told["passed_thresholds"]) or "aucun") + ".")


@train.command(
    "publish",
    short_help="Rédige la fiche, pousse le modèle.",
    help="Rédige la fiche du modèle à partir des manifestes ; le pousse si --repository est donné.",
)
@RUN
@click.option("--merge", "merge_folder", type=FILE, help="Dossier de « merge » : ce que l'on a mesuré.")
@click.option(
    "--audit",
    "audit_folder",
    type=FILE,
    help="Dossier de « audit » : ce que le modèle rend de ce qu'il a lu.",
)
@click.option("--name", required=True, help="Nom du modèle.")
@click.option(
    "--output",
    type=FILE,
    required=True,
    callback=_writable_folder,
    help="Dossier à publier ; la fiche y sera README.md.",
)
@click.option("--repository", help="Dépôt où pousser le dossier (organisation/nom).")
@click.option("--endpoint", help="Adresse du Hub, s'il n'est pas celui de Hugging Face.")
@click.option("--private", is_flag=True, help="Dépôt privé.")
def publish_command(
    run: Path, merge_folder: Path | None, audit_folder: Path | None, name: str, output: Path, repository: str | None,
    endpoint: str | None, private: bool,
) -> None:  # fmt: skip
    """Write the model card, and push."""
    from partages.training.card import card
    from partages.training.hub import check_audit, push
    from partages.training.manifest import read_manifest, sha256

    manifest = _run_manifest(run)
    measured = read_manifest(merge_folder, "merge") if merge_folder else None
    audited = read_manifest(audit_folder, "audit") if audit_folder else None
    if audited:
        check_audit(audited, sha256(run / "trained.pt"))
    text = card(name, manifest, measured, audited)
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "README.md").write_text(text, encoding="utf-8")
        if merge_folder:
            (output / "curve.svg").write_bytes((merge_folder / "curve.svg").read_bytes())
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    click.echo(str(output / "README.md"))
    if repository:
        if not audited:
            raise UsageError(
                "Avant de pousser un modèle, examinez ce qu'il rend de ce qu'il a lu : « partages train audit », puis --audit."
            )
        click.echo(push(output, repository, endpoint, private))


def _size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


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
    step: str, base: "Base", rows: "Rows", validation: "Rows | None", output: Path, since: float, *, identity: str,
    facts: dict[str, Any], **chosen: Any,
) -> None:  # fmt: skip
    from partages.training import distributed
    from partages.training.run import Wish, run

    with ExitStack() as opened:
        bars: list[Callable[..., None]] = []

        def told(recipe: "Recipe") -> None:
            what = (
                "tous les poids"
                if recipe.method == "full" or not recipe.rank
                else f"{recipe.method} de rang {recipe.rank}"
            )
            if distributed.RANK == 0:
                click.echo(
                    f"{recipe.steps} pas de {recipe.batch} rangées, {what}, taux {recipe.rate:g}"
                    f"{', bfloat16' if recipe.half else ''}.", err=True,
                )  # fmt: skip
                bars.append(opened.enter_context(progress_bar(recipe.steps)))

        def show(record: dict[str, Any]) -> None:
            for advance in bars:
                advance(record["step"], f"perte {record['loss']:.3f}")

        curve = run(
            step, base, rows, validation, output, Wish(since=since, **chosen),
            identity=identity, facts=facts, on_plan=told, on_step=show,
        )  # fmt: skip
    if distributed.RANK == 0:
        click.echo(
            f"{len(curve)} pas en {time.time() - since:.0f} s, perte {curve[-1]['loss']:.3f} : {output}"
        )


def _run_of(base: Path | None, run: Path) -> "tuple[Base, dict[str, Any]]":
    """The base of a finished run, and the run's manifest."""
    from partages.training.base import read_base

    manifest = _run_manifest(run)
    model = read_base(base)
    if manifest["base"]["sha256"] != model.sha256:
        raise UsageError(
            "Cet entraînement est parti d'une autre base : donnez la même à --base "
            f"(« {manifest['base']['name']} », SHA-256 {manifest['base']['sha256'][:12]}…)."
        )
    if (written := manifest["data"].get("template")) is not None:
        model.template = written
    return model, manifest


def _run_manifest(run: Path) -> dict[str, Any]:
    from partages.training.manifest import read_manifest

    try:
        return read_manifest(run, "instruct")
    except UsageError:
        return read_manifest(run, "pretrain")


def _rows_of_run(model: "Base", manifest: dict[str, Any], data: Path) -> "tuple[Rows, Rows]":
    """What a run read, and what it did not, from the data it was given."""
    from partages.training.instruct import read_examples, rows_of
    from partages.training.manifest import read_manifest, sha256
    from partages.training.pretrain import load_rows

    if manifest["step"] == "instruct":
        if sha256(data) != manifest["data"]["sha256"]:
            raise UsageError(f"« {data} » n'est pas ce que cet entraînement a lu.")
        examples = list(read_examples(data))
        length = manifest["data"]["length"]
        return rows_of(examples, model, length, "train")[0], rows_of(examples, model, length, "validation")[0]
    if read_manifest(data, "prepare")["train"]["sha256"] != manifest["data"]["train"]["sha256"]:
        raise UsageError(f"« {data} » n'est pas ce que cet entraînement a lu.")
    return load_rows(data, "train"), load_rows(data, "validation")
