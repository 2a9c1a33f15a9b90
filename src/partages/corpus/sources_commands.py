"""``partages corpus sources`` and ``partages corpus add``."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

import click

from partages.corpus.sources import (
    KINDS,
    READERS,
    SIDECAR,
    USES,
    Refused,
    Source,
    catalogue,
    source_from,
    sources_in,
)
from partages.errors import OutputError, PartagesError, UsageError

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@click.command("sources", help="Les sources connues : licence, usage, provenance ; ou celles d'un dossier.")
@click.argument("locations", nargs=-1, metavar="[SOURCE|FICHIER|DOSSIER]...")
@click.option("--commercial", is_flag=True, help="Seulement celles que le commerce peut employer.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    help="text : à lire à l'écran ; json : un tableau ; jsonl : une source par ligne.",
)
def sources(locations: tuple[str, ...], commercial: bool, output_format: str) -> None:
    """List sources; status 1 when a location holds something without a licence."""
    rows: list[tuple[Source, list[str]]] = []
    refused: list[Refused] = []
    if locations:
        for location in locations:
            listing = sources_in(location)
            rows += [(one.source, [str(path) for path in one.paths]) for one in listing.inputs]
            refused += listing.refused
    else:
        rows = [(source, []) for source in catalogue().values()]
    rows = [(source, paths) for source, paths in rows if source.commercial or not commercial]
    if output_format == "text":
        for source, paths in rows:
            _show(source, len(paths))
        if not locations:
            click.echo(f"{len(rows)} sources.", err=True)
    else:
        given = [{**asdict(source), **({"paths": paths} if paths else {})} for source, paths in rows]
        if output_format == "json":
            click.echo(json.dumps(given, ensure_ascii=False, indent=2))
        else:
            for one in given:
                click.echo(json.dumps(one, ensure_ascii=False))
    for reason in (one.reason for one in refused):
        click.echo(f"Refusé : {reason}", err=True)
    if refused:
        sys.exit(1)


@click.command(
    "reach", help="Essaie l'adresse des sources sans les télécharger. Statut 1 si l'une ne répond pas."
)
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
def reach(names: tuple[str, ...]) -> None:
    """Try homes."""
    from partages.corpus.homes import reach as try_home
    from partages.terminal import progress_bar

    chosen = [one.source for name in names for one in sources_in(name).inputs] or [
        source for source in catalogue().values() if source.reader != "folder"
    ]
    failed = 0
    with progress_bar(len(chosen)) as advance:
        for source in chosen:
            try:
                click.echo(f"✓ {source.name} : {try_home(source)}")
            except PartagesError as error:
                failed += 1
                click.echo(f"✗ {source.name} : {error} Page : {source.home}")
            advance()
    if failed:
        sys.exit(1)


USE_WORDS = {
    "pre-training": "pré-entraînement",
    "instruction": "instruction",
    "evaluation": "évaluation seulement",
}


def _show(source: Source, count: int) -> None:
    commerce = "commerce permis" if source.commercial else "recherche seulement"
    click.echo(f"{source.name} — {source.title}")
    click.echo(
        f"  {source.publisher} ; {source.licence}, {commerce} ; {USE_WORDS[source.use]} ({source.kind})"
    )
    click.echo(f"  {count} fichier{'s' if count > 1 else ''} ici" if count else f"  {source.home}")


@click.command(
    "add",
    help=f"Décrit une source nouvelle : écrit « {SIDECAR} » à côté de ses fichiers (FICHIER ou DOSSIER).",
)
@click.argument("location", metavar="FICHIER|DOSSIER|NOM.toml", type=click.Path(path_type=Path))
@click.option("--name", help="Nom court : minuscules, chiffres, tirets.")
@click.option("--title", help="Ce que c'est.")
@click.option("--publisher", help="Qui l'a publié.")
@click.option("--home", help="D'où cela vient : adresse, ou description.")
@click.option("--licence", help="Licence : identifiant SPDX, « etalab-2.0 », ou adresse Creative Commons.")
@click.option("--attribution", help="La phrase à reproduire.")
@click.option("--language", default="fr", show_default=True, help="Langue, en deux lettres.")
@click.option("--kind", type=click.Choice(KINDS), help="Genre de texte.")
@click.option(
    "--use", type=click.Choice(USES), default="pre-training", show_default=True, help="Usage permis."
)
@click.option(
    "--reader",
    type=click.Choice(READERS),
    default="folder",
    show_default=True,
    help="Comment on la lit : hub, files (adresses), oai, folder (fichiers à soi).",
)
@click.option(
    "--option",
    "settings",
    multiple=True,
    metavar="CLÉ=VALEUR",
    help="Option de lecture, répétable (une clé répétée fait une liste) : repo=, files=, urls=, url=...",
)
@click.option("--research-only", is_flag=True, help="Interdit le commerce, même si la licence le permet.")
@click.option("--lines", is_flag=True, help="Un document par ligne dans les fichiers de texte.")
@click.option("--text", multiple=True, help="Colonne ou champ du texte, pour un tableau ou du JSON.")
def add(
    location: Path,
    research_only: bool,
    lines: bool,
    text: tuple[str, ...],
    settings: tuple[str, ...],
    **given: str | None,
) -> None:
    """Write the description of a source; refuses what has no known licence."""
    from partages.corpus.licences import licence_named, licences

    described = location.suffix == ".toml" and location.name != SIDECAR
    if not described and not location.exists():
        raise UsageError(
            f"« {location} » n'existe pas : donnez un fichier, un dossier, ou NOM.toml à écrire."
        )
    if described and given["reader"] == "folder":
        raise UsageError("Dites comment lire cette source : --reader hub, files ou oai.")
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise UsageError(
            f"Il manque {', '.join('--' + name for name in missing)} : une source sans cela n'entre pas."
        )
    licence = licence_named(str(given["licence"]))
    if licence is None:
        raise UsageError(
            f"Licence inconnue, « {given['licence']} » ; licences connues : {', '.join(licences())}."
        )
    name = str(given["name"])
    if not _NAME.fullmatch(name):
        raise UsageError(f"« {name} » n'est pas un nom de source : minuscules, chiffres et tirets.")
    if name in catalogue():
        raise UsageError(f"« {name} » est déjà dans le catalogue : choisissez un autre nom.")
    options = _options(settings)
    needed = {"hub": ("repo",), "files": ("urls", "dataset", "zenodo"), "oai": ("url",)}.get(
        str(given["reader"])
    )
    if needed and not options.keys() & set(needed):
        raise UsageError(f"Il manque --option {'= ou --option '.join(needed)}= : où lire la source.")
    if lines:
        options["format"] = "lines"
    if text:
        options["text"] = list(text) if len(text) > 1 else text[0]
    fields = {**given, "licence": licence.id, "commercial": licence.commercial and not research_only}
    source_from({**fields, "options": options}, "La source")
    beside = location / SIDECAR if location.is_dir() else location.with_name(f"{location.name}.{SIDECAR}")
    target = location if described else beside
    if target.exists():
        raise UsageError(f"« {target} » existe déjà : corrigez-le à la main, ou effacez-le.")
    body = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items())
    if options:
        body += "\n[options]\n" + "".join(
            f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in options.items()
        )
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_text(body, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise OutputError(f"« {target} » ne peut pas être écrit ({error.strerror}).") from None
    click.echo(str(target))


LISTS = frozenset({"files", "urls", "members", "resources", "keep", "about"})
"""Options that are lists, even of one."""


def _options(given: tuple[str, ...]) -> dict[str, object]:
    """Options from ``key=value``, a repeated key being a list.

    Raises:
        UsageError: one is not of this form.
    """
    options: dict[str, object] = {}
    for one in given:
        key, equal, value = one.partition("=")
        if not key or not equal:
            raise UsageError(f"« {one} » n'est pas une option : écrivez CLÉ=VALEUR.")
        before = options.get(key)
        if key in LISTS or before is not None:
            options[key] = [*(before if isinstance(before, list) else [before] if before else []), value]
        else:
            options[key] = value
    return options
