"""``partages fiction ...``: draw scenarios, write, draft, check, review, export."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from partages.errors import UsageError

FILE = click.Path(path_type=Path)
CASES = click.argument("paths", nargs=-1, required=True, metavar="CAS|DOSSIER...", type=FILE)


@click.group(
    "fiction", help="Comptes rendus fictifs : scénarios, fiches d'écriture, relecture, contrôles, export."
)
def fiction() -> None:
    """The group of commands about fictitious reports."""


@fiction.command("sample", help="Tire des scénarios au sort, un fichier par cas.")
@click.option(
    "--count", type=click.IntRange(1, 100_000), default=10, show_default=True, help="Nombre de cas."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Graine du hasard.")
@click.option("--specialty", help="Une seule spécialité.")
@click.option("--pool", default="general", show_default=True, help="Lot auquel les cas appartiennent.")
@click.option(
    "--cases",
    "table",
    type=FILE,
    help="Tableau de motifs de l'établissement, à la place de celui du logiciel.",
)
@click.option(
    "--output",
    type=FILE,
    help="Dossier des cas, dont rien n'est remplacé ; sans lui, une ligne JSON par cas à l'écran.",
)
def sample_command(
    count: int, seed: int, specialty: str | None, pool: str, table: Path | None, output: Path | None
) -> None:
    """Write new cases."""
    from partages.fiction.case import write_case
    from partages.fiction.sampler import sample, sample_file

    cases = sample(count, seed, specialty=specialty, pool=pool, reasons=sample_file(table) if table else None)
    kept = 0
    for case in cases:
        if output is None:
            click.echo(case.model_dump_json())
            continue
        path = output / f"{case.local_id}.json"
        if path.exists():
            kept += 1
            continue
        write_case(path, case)
        procedure = case.scenario.primary_procedure
        click.echo(
            f"{case.local_id} : {'femme' if case.scenario.sex == 'F' else 'homme'}, {case.scenario.age.value} "
            f"{case.scenario.age.unit}, {case.scenario.primary_diagnosis[0].description}"
            + (f", {procedure.code}" if procedure else "")
        )
    if kept:
        click.echo(f"{kept} cas étaient déjà là et n'ont pas été touchés.", err=True)


@fiction.command("figures", help="Les chiffres publics dont le tirage se sert, et leurs sources.")
def figures_command() -> None:
    """Print the figures."""
    from partages.fiction.sampler import figures

    for one in figures().values():
        click.echo(f"{one['what']} : {one['value']}")
        click.echo(
            f"  {'approximation' if one['approximation'] else 'source'} : {one['source']} {one['url']}".rstrip()
        )


@fiction.command(
    "sheet", help="La fiche d'écriture d'un cas : scénario, consignes, modèle de chaque document."
)
@CASES
@click.option(
    "--format", "output_format", type=click.Choice(["text", "docx"]), default="text", help="text ou docx."
)
@click.option("--output", type=FILE, help="Dossier où écrire ; obligatoire pour docx.")
def sheet_command(paths: tuple[Path, ...], output_format: str, output: Path | None) -> None:
    """Write sheets."""
    from partages.fiction.case import cases_in, write_bytes
    from partages.fiction.sheet import as_docx, as_text

    if output_format == "docx" and output is None:
        raise UsageError("Il manque --output : le dossier où écrire les .docx.")
    for _, case in cases_in(paths):
        data = as_docx(case) if output_format == "docx" else as_text(case).encode()
        if output is None:
            click.echo(data.decode())
        else:
            path = output / f"{case.local_id}.{'docx' if output_format == 'docx' else 'txt'}"
            write_bytes(path, data)
            click.echo(str(path))


@fiction.command(
    "write", help="Reprend dans le cas ce que le médecin a écrit : fiche .docx, ou texte d'un document."
)
@click.argument("path", metavar="CAS", type=FILE)
@click.argument("text", metavar="FICHIER", type=FILE)
@click.option("--author", required=True, help="Code de l'auteur.")
@click.option("--document", "kind", help="Document que ce texte est (CRH...), pour un fichier de texte.")
def write_command(path: Path, text: Path, author: str, kind: str | None) -> None:
    """Put texts into a case."""
    from partages.fiction.case import read_case, write_case
    from partages.fiction.sheet import from_docx, write_texts
    from partages.inputs import decoded

    case = read_case(path)
    try:
        data = text.read_bytes()
    except OSError as error:
        raise UsageError(f"« {text} » ne peut pas être lu ({error.strerror}).") from None
    if data.startswith(b"PK") and kind is None:
        texts = from_docx(case, data, text.name)
    else:
        chosen = kind or (case.documents[0].type if len(case.documents) == 1 else None)
        if chosen is None:
            raise UsageError("Ce cas attend plusieurs documents : dites lequel avec --document.")
        texts = {case.document(chosen).type: decoded(data, text.name)[0].strip()}
    if not texts:
        raise UsageError(f"« {text} » ne contient encore aucun texte du médecin.")
    updated = write_texts(case, texts, author)
    write_case(path, updated)
    for document in updated.documents:
        click.echo(f"{document.type} : {document.word_count} mots")


@fiction.command(
    "draft", help="Fait ébaucher un document par le modèle ; l'ébauche reste marquée comme telle."
)
@click.argument("path", metavar="CAS", type=FILE)
@click.option("--document", "kind", help="Document à ébaucher (par défaut tous ceux qui sont vides).")
@click.option(
    "--tokens", type=click.IntRange(16, 8000), default=1200, show_default=True, help="Longueur au plus."
)
def draft_command(path: Path, kind: str | None, tokens: int) -> None:
    """Draft documents with the generator."""
    from partages.fiction.case import read_case, write_case
    from partages.fiction.draft import draft
    from partages.resources import Resources

    case = read_case(path)
    kinds = [kind] if kind else [one.type for one in case.documents if not one.text.strip()]
    if not kinds:
        raise UsageError("Tous les documents de ce cas sont écrits : il n'y a rien à ébaucher.")
    resources = Resources()
    try:
        for one in kinds:
            case = draft(case, one, resources.generator, tokens)
            write_case(path, case)
            click.echo(
                f"{one} : ébauche de {case.document(one).word_count} mots par {case.document(one).model}"
            )
    finally:
        resources.close()


@fiction.command(
    "check", help="Contrôle des cas : personnes, codes, scénario, longueur, copies. Statut 1 si l'un échoue."
)
@CASES
@click.option(
    "--format", "output_format", type=click.Choice(["text", "jsonl"]), default="text", help="text ou jsonl."
)
def check_command(paths: tuple[Path, ...], output_format: str) -> None:
    """Check cases."""
    from dataclasses import asdict

    from partages.fiction.case import cases_in
    from partages.fiction.checks import check, check_together, passes
    from partages.settings import Settings

    cases = [case for _, case in cases_in(paths)]
    together = check_together(cases)
    failed = False
    for number, case in enumerate(cases):
        findings = check(case, Settings().cache_folder) + [one for at, one in together if at == number]
        good = passes(findings)
        failed = failed or not good
        if output_format == "jsonl":
            row = {"local_id": case.local_id, "passed": good, "findings": [asdict(one) for one in findings]}
            click.echo(json.dumps(row, ensure_ascii=False))
            continue
        click.echo(f"{case.local_id} : {'conforme' if good else 'à reprendre'}")
        for one in findings:
            click.echo(f"  {'✗' if one.level == 'error' else '·'} {one.place}, {one.check} : {one.message}")
    sys.exit(1 if failed else 0)


@fiction.command("review", help="Relecture par un second médecin : accepte, ou demande des changements.")
@click.argument("path", metavar="CAS", type=FILE)
@click.option("--reviewer", required=True, help="Code du relecteur.")
@click.option("--accept", "decision", flag_value="accepted", help="Accepte le cas tel qu'il est.")
@click.option(
    "--changes", "decision", flag_value="changes", help="Demande des changements (avec --comments)."
)
@click.option("--comments", default="", help="Ce qu'il faut changer, ou une remarque.")
@click.option(
    "--despite", default="", help="Raison d'accepter malgré un contrôle non passé ; elle est gardée."
)
def review_command(path: Path, reviewer: str, decision: str | None, comments: str, despite: str) -> None:
    """Record a review."""
    from partages.fiction.case import read_case, write_case
    from partages.fiction.review import review
    from partages.settings import Settings

    if decision is None:
        raise UsageError("Dites --accept, ou --changes avec --comments.")
    case = review(
        read_case(path),
        reviewer,
        decision,
        comments,
        despite,
        datetime.now(UTC).date(),
        Settings().cache_folder,
    )
    write_case(path, case)
    click.echo(f"{case.local_id} : {'accepté' if decision == 'accepted' else 'à reprendre'} par {reviewer}")


@fiction.command("export", help="Exporte les cas acceptés, dans la forme du corpus public du programme.")
@CASES
@click.option("--output", type=FILE, required=True, help="Fichier .jsonl ou .parquet des textes humains.")
@click.option("--generated", type=FILE, help="Autre fichier, pour ceux où un modèle a eu part, marqués.")
def export_command(paths: tuple[Path, ...], output: Path, generated: Path | None) -> None:
    """Write accepted cases; human texts and others never in one file."""
    from partages.fiction.case import cases_in
    from partages.fiction.export import export

    counts = export([case for _, case in cases_in(paths)], output, generated)
    click.echo(
        f"{counts.human} cas écrits par des médecins : {output}"
        + (f" ; {counts.assisted} avec un modèle : {generated}" if generated else "")
    )
    if counts.unreviewed:
        click.echo(f"{counts.unreviewed} cas non acceptés en relecture sont laissés.", err=True)
    if counts.assisted and not generated:
        click.echo(
            f"{counts.assisted} cas où un modèle a eu part sont laissés : --generated les écrit à part.",
            err=True,
        )
