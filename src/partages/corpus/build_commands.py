"""``partages corpus build``, ``inspect`` and ``push``."""

import json
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from partages.errors import MissingPart, OutputError, UsageError
from partages.terminal import progress_bar

FOLDER = click.Path(path_type=Path)


def _need(*packages: str) -> None:
    if not all(map(find_spec, packages)):
        raise MissingPart(
            "Construire un corpus demande des bibliothèques de plus : pip install 'partages[corpus]'."
        )


@click.command(
    "build", help="Construit un corpus : nettoyé, sans doublons ni données personnelles, avec sa fiche."
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="DOSSIER|FICHIER|SOURCE",
    help="Ce qui est lu : dossier, fichier ou source du catalogue ; peut être répété.",
)
@click.option(
    "--licence",
    "edition",
    type=click.Choice(["commercial", "research"]),
    required=True,
    help="commercial : rien qui soit réservé à la recherche ; research : tout.",
)
@click.option("--output", type=FOLDER, required=True, help="Dossier du corpus.")
@click.option("--name", help="Nom du corpus, sur sa fiche ; par défaut celui du dossier.")
@click.option(
    "--workers", "-j", type=click.IntRange(1, 4096), default=1, show_default=True, help="Nombre de processus."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Reprend un travail interrompu ; le résultat est le même, octet pour octet.",
)
@click.option(
    "--on-damage",
    type=click.Choice(["skip", "stop", "retry"]),
    default="skip",
    show_default=True,
    help="Devant une source abîmée : skip, laisser ce qui ne se lit pas et le dire ; stop, s'arrêter ; retry, réessayer d'abord.",
)
@click.option(
    "--mix",
    "mix_file",
    type=FOLDER,
    help="Fichier TOML : poids par source et par genre, part de français général.",
)
@click.option(
    "--tokens",
    type=int,
    help="Budget : nombre de tokens de la partie d'apprentissage, environ.",
)
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    metavar="DOSSIER|FICHIER|SOURCE|INDEX.npz",
    help="Banc d'essai à retirer, en plus des connus ; peut être répété. INDEX.npz : ce qu'écrit « partages corpus benchmarks ».",
)
@click.option(
    "--keep-benchmark",
    "keep_benchmarks",
    multiple=True,
    metavar="NOM",
    help="Banc d'essai laissé dans le corpus (quaero, pxcorpus...) : ses scores ne vaudront plus rien, et la fiche le dit.",
)
@click.option(
    "--use",
    "uses",
    multiple=True,
    type=click.Choice(["pre-training", "instruction"]),
    default=("pre-training",),
    show_default=True,
    help="Usage des sources prises ; peut être répété. Les sources d'évaluation ne le sont jamais.",
)
@click.option("--keep-near-duplicates", is_flag=True, help="Ne retire que les doublons exacts.")
@click.option("--keep-work", is_flag=True, help="Garde .work, où chaque étape se lit.")
@click.option(
    "--executor",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="Où tournent les processus.",
)
@click.option(
    "--executor-settings", type=FOLDER, help="Fichier TOML : réglages de l'exécuteur (voir docs/corpus.md)."
)
@click.option(
    "--push", "repository", metavar="COMPTE/NOM", help="Publie ensuite le corpus sur le Hub de Hugging Face."
)
@click.option("--public", is_flag=True, help="Avec --push : le dépôt créé est public.")
def build_command(
    inputs: tuple[str, ...], edition: str, output: Path, name: str | None, workers: int, resume: bool, on_damage: str,
    mix_file: Path | None, tokens: int | None, benchmarks: tuple[str, ...], keep_benchmarks: tuple[str, ...], uses: tuple[str, ...], keep_near_duplicates: bool,
    keep_work: bool, executor: str, executor_settings: Path | None, repository: str | None, public: bool,
) -> None:  # fmt: skip
    """Build; status 1 when some of the input could not be read."""
    _need("datatrove", "pyarrow", "py3langid")
    from partages.corpus.build import build
    from partages.corpus.plan import make

    plan = make(
        inputs, edition, uses=uses, benchmarks=benchmarks, mix=_mix(mix_file, tokens), on_damage=on_damage,  # type: ignore[arg-type]
        keep_near_duplicates=keep_near_duplicates, keep_benchmarks=keep_benchmarks, name=name or output.resolve().name,
    )  # fmt: skip
    for place, reason in plan.refused:
        click.echo(f"Refusé : {reason}" if place in reason else f"Refusé : {place} : {reason}", err=True)
    for source, use in plan.aside:
        why = "évaluation" if use == "evaluation" else "instruction (--use instruction pour la prendre)"
        click.echo(f"Mis de côté : « {source} », source d'{why}.", err=True)
    total = 4 * len(plan.tasks) + 2 * plan.buckets + 3
    with progress_bar(total) as advance:
        built = build(
            plan, output, workers=workers, executor=executor, resume=resume, keep_work=keep_work,  # type: ignore[arg-type]
            settings=_toml(executor_settings), advance=advance,
        )  # fmt: skip
    if executor == "slurm":
        click.echo(
            f"Étapes confiées à Slurm : le corpus sera entier quand « {output / 'README.md'} » existera.",
            err=True,
        )
        return
    if not built:
        click.echo(f"Déjà terminé : « {output} » est complet.", err=True)
    facts = _facts(output)
    whole = facts["corpus"]["all"]["all"] if facts["corpus"] else {"documents": 0, "words": 0}
    click.echo(f"{whole['documents']} documents, {whole['words']} mots : {output}", err=True)
    if held := facts["steps"]["decontaminate"]["facts"]:
        told = ", ".join(f"{bench} {count}" for bench, count in held.items())
        click.echo(f"Retirés, textes de bancs d'essai : {told} (--keep-benchmark NOM les laisse).", err=True)
    damages = facts["steps"]["read"]["damages"]
    for one in damages:
        click.echo(f"Abîmé : {one['reason']}", err=True)
    if repository:
        _push(output, repository, public)
    if damages:
        raise click.exceptions.Exit(1)


@click.command(
    "benchmarks",
    help="Montre de quels bancs d'essai le corpus est protégé ; avec -o, en fait un index plus complet pour build --benchmark.",
)
@click.option(
    "--data", type=FOLDER, help="Dossier où sont des données d'évaluation (comme evaluate model --data)."
)
@click.option("--fetch", is_flag=True, help="Va chercher à leur adresse publique les parties qui manquent.")
@click.option("--output", "-o", type=FOLDER, metavar="INDEX.npz", help="Index à écrire.")
def benchmarks_command(data: Path | None, fetch: bool, output: Path | None) -> None:
    """Show what the index covers, or make one; status 1 when a home could not be read."""
    _need("numpy")
    from partages.corpus import decontaminate

    known = decontaminate.shipped()
    failed: list[str] = []
    if data or fetch:
        if output is None or output.suffix != ".npz":
            raise UsageError("Dites où écrire l'index : -o INDEX.npz.")
        from partages.corpus.benchmarks import index, tasks

        with progress_bar(len(tasks())) as advance:
            made = index(data, fetch=fetch, told=failed.append, advance=advance)
        known = decontaminate.join([known, made])
        partial = output.with_name(output.name + ".partial")
        try:
            decontaminate.save(known, partial)
            partial.replace(output)
        except OSError as error:
            raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    elif output:
        raise UsageError("Rien à ajouter à l'index fourni : donnez --data DOSSIER ou --fetch.")
    for name, one in sorted(known.coverage.items()):
        parts = ", ".join(f"{part} {count}" for part, count in one["parts"].items()) or "rien"
        lacks = f" ; manque : {', '.join(one['missing'])}" if one["missing"] else ""
        click.echo(f"{name} : {parts}{lacks}")
    for reason in failed:
        click.echo(reason, err=True)
    if failed:
        raise click.exceptions.Exit(1)


@click.command("inspect", help="Montre ce que chaque étape a pris, laissé et pourquoi, avec des exemples.")
@click.argument("folder", metavar="DOSSIER", type=FOLDER)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "html"]),
    help="text : à lire à l'écran ; json ; html : une page avec des graphiques.",
)
@click.option(
    "--output", "-o", type=FOLDER, help="Fichier à écrire ; son suffixe (.html, .json) donne le format."
)
def inspect_command(folder: Path, output_format: str | None, output: Path | None) -> None:
    """Show a corpus's numbers."""
    from partages.corpus import page

    facts = _facts(folder)
    chosen = output_format or (output.suffix.removeprefix(".") if output else "text")
    shows = {
        "text": page.text,
        "html": page.page,
        "json": lambda one: json.dumps(one, ensure_ascii=False, indent=1),
    }
    shown = shows.get(chosen, page.text)(facts)
    if output is None:
        click.echo(shown)
        return
    try:
        output.write_text(shown if shown.endswith("\n") else shown + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None


@click.command("push", help="Publie un corpus fini sur le Hub de Hugging Face, sans ce qui en a été retiré.")
@click.argument("folder", metavar="DOSSIER", type=FOLDER)
@click.argument("repository", metavar="COMPTE/NOM")
@click.option("--public", is_flag=True, help="Le dépôt créé est public.")
def push_command(folder: Path, repository: str, public: bool) -> None:
    """Publish."""
    _push(folder, repository, public)


def _push(folder: Path, repository: str, public: bool) -> None:
    from partages.corpus.publish import push

    click.echo(f"Publié : {push(folder, repository, private=not public)}", err=True)


def _facts(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        return facts
    except OSError:
        raise UsageError(f"« {folder} » n'est pas un corpus fini : il n'a pas de corpus.json.") from None
    except ValueError:
        raise UsageError(f"« {folder / 'corpus.json'} » est abîmé : reconstruisez le corpus.") from None


def _toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"« {path} » n'est pas du TOML valide : {error}.") from None


def _mix(path: Path | None, tokens: int | None) -> Any:
    """The mix that a file and an option ask for."""
    from partages.corpus.plan import Mix

    if tokens is not None and tokens < 1:
        raise UsageError(
            f"--tokens {tokens} : le budget est un nombre de tokens, 1 au moins ; sans cette option tout est gardé."
        )
    given = _toml(path)
    unknown = given.keys() - {"sources", "kinds", "general", "tokens"}
    if unknown:
        raise UsageError(
            f"« {path} » : « {', '.join(sorted(unknown))} » n'est pas connu ; tables : sources, kinds, general ; nombre : tokens."
        )
    weights = {}
    for table in ("sources", "kinds"):
        weights[table] = given.get(table, {})
        if not isinstance(weights[table], dict) or not all(
            isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
            for value in weights[table].values()
        ):
            raise UsageError(f"« {path} » : dans [{table}], chaque poids est un nombre de 0 à 100.")
    general = given.get("general", {})
    share = general.get("share") if isinstance(general, dict) else None
    if general and (
        not isinstance(general, dict) or not isinstance(share, int | float) or not 0 <= share <= 1
    ):
        raise UsageError(f"« {path} » : [general] demande sources = [...] et share, de 0 à 1.")
    return Mix(
        sources={key: float(value) for key, value in weights["sources"].items()},
        kinds={key: float(value) for key, value in weights["kinds"].items()},
        general=tuple(general.get("sources", ())) if general else (),
        general_share=float(share) if share is not None else None,
        tokens=tokens or given.get("tokens"),
    )
