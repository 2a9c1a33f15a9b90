"""``partages evaluate ...`` and ``partages site ...``."""

from pathlib import Path
from typing import Any

import click

from partages.errors import UsageError
from partages.evaluation.annotation_commands import (
    agreement_command,
    corrections_command,
    preannotate_command,
)
from partages.evaluation.console import FILE, FORMAT, dump, line, p_value, percent, read_json, write
from partages.evaluation.model_commands import metric_line, model_command, tasks_command
from partages.evaluation.site_commands import site

__all__ = ["evaluate", "site"]

USECASES = ("pseudonymise", "code", "conclude", "spans", "triples", "classify")


@click.group("evaluate", help="Mesure un cas d'usage ou un modèle, avec ses incertitudes.")
def evaluate() -> None:
    """The group of commands about evaluation."""


@evaluate.command("usecase", help="Mesure un cas d'usage sur un corpus de référence.")
@click.argument("usecase", type=click.Choice(list(USECASES)))
@click.option(
    "--gold", type=FILE, required=True, help="Référence : JSON lines, dossier brat ou UIMA CAS JSON."
)
@click.option(
    "--engine", help="Moteur du cas d'usage ; par défaut, celui qu'il choisit (code : stay ou passage)."
)
@click.option("--predictions", type=FILE, help="Prédictions déjà faites, à la place d'un moteur.")
@click.option("--keep", type=FILE, help="Garde les prédictions du moteur, pour les mesurer à nouveau.")
@click.option("--robustness", is_flag=True, help="Mesure aussi sur des textes altérés (capitales, OCR...).")
@click.option(
    "--labels", default="", help="Catégories qui existent, outre celles de la référence (spans, classify)."
)
@click.option("--nested", is_flag=True, help="Accepte des passages imbriqués ou qui se chevauchent (spans).")
@click.option(
    "--examples",
    type=click.IntRange(1, 1000),
    default=None,
    help="Montre les erreurs de N documents, avec leur texte : le résultat ne doit plus sortir.",
)
@click.option("--energy/--no-energy", default=True, show_default=True, help="Estime l'énergie du moteur.")
@click.option("--limit", type=click.IntRange(1), help="Premiers documents seulement.")
@click.option("--draws", type=click.IntRange(100, 100_000), default=1000, show_default=True, help="Tirages.")
@click.option("--seed", type=int, default=0, show_default=True, help="Graine des tirages.")
@click.option("--output", "-o", type=FILE, help="Résultat complet en JSON, à comparer ensuite.")
@click.option("--report", type=FILE, help="Rapport en une page HTML.")
@FORMAT
def usecase_command(
    usecase: str,
    gold: Path,
    engine: str | None,
    predictions: Path | None,
    keep: Path | None,
    robustness: bool,
    labels: str,
    nested: bool,
    examples: int | None,
    energy: bool,
    limit: int | None,
    draws: int,
    seed: int,
    output: Path | None,
    report: Path | None,
    output_format: str,
) -> None:
    """Score, print, and write what was asked for."""
    from partages.evaluation.kinds import kind_of
    from partages.evaluation.scoring import evaluate as run

    if predictions and (engine or keep):
        raise UsageError("--predictions remplace le moteur : retirez --engine et --keep.")
    result = run(
        usecase,
        gold,
        engine=engine,
        predictions=predictions,
        keep=keep,
        robust=robustness,
        limit=limit,
        seed=seed,
        count=draws,
        labels=[label.strip() for label in labels.split(",") if label.strip()],
        nested=nested,
        examples=examples or 0,
        energy=energy,
    )
    if output:
        write(output, dump(result))
    if report:
        from partages.evaluation.page import page

        write(report, page([result]))
    if output_format == "json":
        click.echo(dump({name: value for name, value in result.items() if name != "rows"}))
        return
    click.echo(
        f"{usecase}, {result['engine']} : {result['documents']} document{'s' if result['documents'] > 1 else ''}"
    )
    if result["failed"]:
        click.echo(f"  {result['failed']} documents en échec, comptés comme vides")
    for head in kind_of(result).headlines:
        click.echo(line(head.name, result["figures"][head.key]))
    for warning in result.get("warnings", ()):
        click.echo(f"  ⚠ {warning}")
    if result["documents"] < 2:
        click.echo("  Un seul document : aucun intervalle ne peut être donné.")
    for entry in result["breakdowns"]:
        if entry["flagged"]:
            click.echo(
                f"  ⚠ écart : {entry['by']} = {entry['group']} ({entry['documents']} documents), "
                f"{percent(entry['gap']['value'])} points"
            )
    for alteration, found in result.get("robustness", {}).items():
        first = next(iter(found.values()))
        click.echo(f"  {alteration:<42} {percent(first['value']):>7} %")


@evaluate.command("compare", help="Compare deux résultats sur les mêmes documents : A moins B.")
@click.argument("first", metavar="A.json", type=FILE)
@click.argument("second", metavar="B.json", type=FILE)
@click.option("--report", type=FILE, help="Rapport des deux résultats en une page HTML.")
@FORMAT
def compare_command(first: Path, second: Path, report: Path | None, output_format: str) -> None:
    """Print paired differences."""
    left, right = read_json(first), read_json(second)
    if "tasks" in left or "tasks" in right:
        _compare_models(first, second, left, right, report, output_format)
        return
    from partages.evaluation.kinds import kind_of
    from partages.evaluation.scoring import compare

    result = compare(left, right)
    if report:
        from partages.evaluation.page import page

        named = [{**left, "name": first.stem}, {**right, "name": second.stem}]
        write(report, page(named, {**result, "engines": [first.stem, second.stem]}))
    if output_format == "json":
        click.echo(dump(result))
        return
    click.echo(f"{first.name} moins {second.name} : {result['documents']} documents")
    for head in kind_of(result).headlines:
        click.echo(line(head.name, result["differences"][head.key]))
    if result["mcnemar"]:
        click.echo(_mcnemar(result["mcnemar"]))


def _mcnemar(found: dict[str, Any]) -> str:
    return (
        f"  McNemar : {found['only_first']} documents justes dans A seul, "
        f"{found['only_second']} dans B seul, {p_value(found['p'])}"
    )


def _compare_models(
    first: Path,
    second: Path,
    left: dict[str, Any],
    right: dict[str, Any],
    report: Path | None,
    output_format: str,
) -> None:
    from partages.evaluation.language_models import compare_models

    result = compare_models(left, right)
    if report:
        from partages.evaluation.page import models_page

        write(report, models_page([left, right]))
    if output_format == "json":
        click.echo(dump(result))
        return
    click.echo(f"{first.name} moins {second.name}")
    for name, found in result["tasks"].items():
        click.echo(f"{name} : {found['documents']} documents")
        for metric, figure in found["differences"].items():
            click.echo(metric_line(metric, figure))
        if found["mcnemar"]:
            click.echo(_mcnemar(found["mcnemar"]))


@evaluate.command("report", help="Une page HTML pour un ou plusieurs résultats, avec leur classement.")
@click.argument("results", nargs=-1, required=True, metavar="RÉSULTAT.json...", type=FILE)
@click.option("--output", "-o", type=FILE, required=True, help="Page à écrire.")
def report_command(results: tuple[Path, ...], output: Path) -> None:
    """Write the page."""
    from partages.evaluation.page import models_page, page
    from partages.evaluation.scoring import FORMAT as USECASE

    found = [read_json(path) for path in results]
    kinds = {"models" if "tasks" in result else result.get("usecase") for result in found}
    if len(kinds) > 1:
        raise UsageError("Ces résultats ne sont pas du même cas d'usage : faites une page pour chacun.")
    try:
        if kinds == {"models"}:
            write(output, models_page(found))
            return
        if any(result.get("format") != USECASE for result in found):
            raise KeyError
        named = [{**result, "name": path.stem} for path, result in zip(results, found, strict=True)]
        write(output, page(named if len(found) > 1 else found))
    except (KeyError, TypeError, AttributeError):
        raise UsageError("Un de ces fichiers n'est pas un résultat de « partages evaluate ».") from None


evaluate.add_command(model_command)
evaluate.add_command(tasks_command)
evaluate.add_command(agreement_command)
evaluate.add_command(preannotate_command)
evaluate.add_command(corrections_command)
