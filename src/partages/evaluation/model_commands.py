"""``partages evaluate model`` and ``tasks``: language models."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from partages.errors import UsageError
from partages.evaluation.console import FILE, FORMAT, NOT_SHARES, dump, line, write
from partages.settings import Settings


@contextmanager
def opened(name: str, server: str | None, base: bool, settings: Settings, reads_texts: bool) -> Iterator[Any]:
    """The model asked for: the embedded one, a GGUF file, or one of a server.

    Raises:
        UsageError: a name that is none of these.
        GeneratorUnavailable: it cannot be started.
    """
    from partages.evaluation.language_models import Subject, server_of, whole_by_torch
    from partages.evaluation.likelihoods import Server

    url = server or (settings.generator if settings.generator.startswith(("http://", "https://")) else None)
    if local := local_settings(name, settings):
        from partages.models.embedded import EmbeddedGenerator, model_path

        generator = EmbeddedGenerator(local)
        asked = server_of(generator, local)
        try:
            rolling = whole_by_torch(local) if reads_texts else None
            with model_path(local).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield Subject(asked, generator.name, "llama.cpp, in this process", rolling, digest)
        finally:
            asked.close()
            generator.close()
        return
    if not url:
        raise UsageError(
            f"« {name} » n'est ni un modèle de « partages models list » ni un fichier .gguf : pour le modèle d'un "
            "serveur, donnez son adresse, --server http://127.0.0.1:8080/v1."
        )
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            "L'adresse d'un serveur commence par http:// ou https:// et finit d'ordinaire par /v1."
        )
    asked = Server(
        url,
        name,
        api_key=settings.api_key.get_secret_value(),
        timeout=settings.generator_timeout,
        is_base=base,
    )
    try:
        yield Subject(asked, name, f"server {url}")
    finally:
        asked.close()


def local_settings(name: str, settings: Settings) -> Settings | None:
    """Settings that load this model in the process; None where it is not one of this machine."""
    from partages.models.catalogue import embedded_name

    here = {"generator": "embedded", "model_sha256": ""}
    if name.lower().endswith(".gguf"):
        return settings.model_copy(update={**here, "model_file": Path(name)})
    if name == "embedded" or (settings.model_file and name == settings.model_file.stem):
        return settings.model_copy(update={"generator": "embedded"})
    if embedded_name(name):
        return settings.model_copy(update={**here, "model_file": None, "model": name})
    return None


@click.command(
    "model", help="Mesure un modèle de langue : tâches médicales (lm-eval), ou bits par caractère."
)
@click.argument("name", metavar="MODÈLE|FICHIER.gguf|embedded")
@click.option("--server", help="Adresse d'un serveur compatible OpenAI ; par défaut, PARTAGES_GENERATOR.")
@click.option("--base", is_flag=True, help="Modèle de base d'un serveur : il continue un texte.")
@click.option(
    "--tasks",
    "--task",
    "asked",
    multiple=True,
    help="Tâches, séparées par des virgules, ou motifs (mediqal_*) ; « partages evaluate tasks » les montre.",
)
@click.option(
    "--data",
    type=FILE,
    help="Dossier ou fichier de données ; à défaut, elles viennent de leur adresse publique.",
)
@click.option("--shots", type=click.IntRange(0, 50), default=0, show_default=True, help="Exemples donnés.")
@click.option("--limit", type=click.IntRange(1), help="Premiers documents de chaque tâche.")
@click.option("--draws", type=click.IntRange(100, 100_000), default=1000, show_default=True, help="Tirages.")
@click.option("--seed", type=int, default=0, show_default=True, help="Graine des tirages.")
@click.option(
    "--bits-per-character",
    "texts",
    is_flag=True,
    help="Bits par caractère (et par octet) des textes donnés, pour un modèle de cette machine.",
)
@click.option(
    "--max-characters",
    type=click.IntRange(100),
    help="Par texte ; par défaut tout avec l'extra « train », 4 000 sans lui.",
)
@click.argument("paths", nargs=-1, metavar="[FICHIER...]", type=FILE)
@click.option(
    "--journal",
    type=FILE,
    help="Garde chaque réponse à mesure : relancée, la commande reprend sans rien redemander.",
)
@click.option("--output", "-o", type=FILE, help="Résultat complet en JSON, réponses comprises.")
@click.option("--report", type=FILE, help="Rapport en une page HTML.")
@FORMAT
def model_command(
    name: str,
    server: str | None,
    base: bool,
    asked: tuple[str, ...],
    data: Path | None,
    shots: int,
    limit: int | None,
    draws: int,
    seed: int,
    texts: bool,
    max_characters: int | None,
    paths: tuple[Path, ...],
    journal: Path | None,
    output: Path | None,
    report: Path | None,
    output_format: str,
) -> None:
    """Measure a model, print, and write what was asked for."""
    from partages.evaluation import language_models as measure

    settings = Settings()
    if texts != bool(paths):
        raise UsageError("--bits-per-character va avec des fichiers de texte, et eux seuls avec lui.")
    if texts:
        if asked or data or report:
            raise UsageError("--bits-per-character se mesure seul : retirez --tasks, --data et --report.")
        local = local_settings(name, settings)
        if local is None:
            raise UsageError(
                f"--bits-per-character lit un modèle de cette machine, et « {name} » n'en est pas un : "
                "« embedded », un nom de « partages models list » ou un fichier .gguf."
            )
        result = measure.bits_per_character(local, paths, max_characters)
        lines = [
            f"  {label:<42} "
            + f"{found['bits_per_character']:.4f} bits par caractère".replace(".", ",")
            + f", {found['bits_per_byte']:.4f} par octet".replace(".", ",", 1).replace(".", ",")
            for label, found in [*result["files"].items(), ("total", result["total"])]
        ]
    else:
        pieces = [piece.strip() for item in asked for piece in item.split(",")]
        names = measure.matching([piece for piece in pieces if piece] or measure.DEFAULT)
        if data and data.is_file() and not asked:
            names = ["frenchmedmcqa_single"]
        measure.require_lm_eval()
        with opened(name, server, base, settings, any("perplexity" in n for n in names)) as model:
            result = measure.evaluate_tasks(
                model, names, data=data, shots=shots, limit=limit, seed=seed, count=draws, journal=journal
            )
        lines = []
        for task, found in result["tasks"].items():
            lines.append(f"{task} : {found['documents']} documents")
            lines += [metric_line(label, figure) for label, figure in found["figures"].items()]
    if output:
        write(output, dump(result) + "\n")
    if report:
        from partages.evaluation.page import models_page

        write(report, models_page([result]))
    if output_format == "json":
        click.echo(dump({key: value for key, value in result.items() if key != "answers"}))
        return
    click.echo("\n".join([str(result["model"]), *lines]))


def metric_line(label: str, figure: dict[str, float | None]) -> str:
    """A figure on the screen: a share in per cent, or a number."""
    if label not in NOT_SHARES:
        return line(label, figure)
    shown = ["–" if figure[side] is None else f"{figure[side]:.3f}".replace(".", ",") for side in figure]
    return f"  {label:<42} {shown[0]:>7}" + (
        f" [{shown[1]} ; {shown[2]}]" if figure["low"] is not None else ""
    )


@click.command("tasks", help="Montre les tâches de « evaluate model » : origine, licence, mesures.")
@FORMAT
def tasks_command(output_format: str) -> None:
    """Print the task set."""
    from partages.evaluation import language_models as measure

    found = {}
    for name in measure.task_names():
        config, digest = measure.read_task(name)
        metadata = config.get("metadata") or {}
        found[name] = {
            **{key: metadata.get(key) for key in ("version", "origin", "licence", "split", "contamination")},
            "kind": config["output_type"],
            "metrics": [entry["metric"] for entry in config["metric_list"]],
            "prompt_sha256": digest,
        }
    if output_format == "json":
        click.echo(dump(found))
        return
    for name, entry in found.items():
        click.echo(f"{name}\n  {entry['origin']}\n  {entry['licence']} ; {', '.join(entry['metrics'])}")
