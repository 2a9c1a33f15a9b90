"""``partages evaluate ...`` and ``partages site ...``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from partages.errors import OutputError, UsageError

FILE = click.Path(path_type=Path)
FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="text : à lire à l'écran ; json : tout le résultat.",
)


@click.group("evaluate", help="Mesure un cas d'usage ou un modèle, avec ses incertitudes.")
def evaluate() -> None:
    """The group of commands about evaluation."""


@click.group("site", help="Évalue dans un établissement : il n'en sort que des totaux signés.")
def site() -> None:
    """The group of commands of the site kit."""


def write(path: Path, content: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(content, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UsageError: unreadable, or not a JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"« {path} » n'est pas un objet JSON valide.")
    return found


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}".replace(".", ",")


def _line(name: str, estimate: Mapping[str, float | None]) -> str:
    bounds = f" [{_percent(estimate['low'])} ; {_percent(estimate['high'])}]"
    return f"  {name:<42} {_percent(estimate['value']):>7} %" + (
        bounds if estimate["low"] is not None else ""
    )


@evaluate.command("usecase", help="Mesure un cas d'usage sur un corpus de référence.")
@click.argument("usecase", type=click.Choice(["pseudonymise", "code", "conclude"]))
@click.option(
    "--gold", type=FILE, required=True, help="Référence : JSON lines, dossier brat ou UIMA CAS JSON."
)
@click.option(
    "--engine", help="Moteur du cas d'usage ; par défaut, celui qu'il choisit (code : stay ou passage)."
)
@click.option("--predictions", type=FILE, help="Prédictions déjà faites, à la place d'un moteur.")
@click.option("--keep", type=FILE, help="Garde les prédictions du moteur, pour les mesurer à nouveau.")
@click.option("--robustness", is_flag=True, help="Mesure aussi sur des textes altérés (capitales, OCR...).")
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
    limit: int | None,
    draws: int,
    seed: int,
    output: Path | None,
    report: Path | None,
    output_format: str,
) -> None:
    """Score, print, and write what was asked for."""
    from partages.evaluation.kinds import kind_named
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
    )
    if output:
        write(output, _dump(result))
    if report:
        from partages.evaluation.page import page

        write(report, page([result]))
    if output_format == "json":
        click.echo(_dump({name: value for name, value in result.items() if name != "rows"}))
        return
    click.echo(f"{usecase}, {result['engine']} : {result['documents']} documents")
    if result["failed"]:
        click.echo(f"  {result['failed']} documents en échec, comptés comme vides")
    for head in kind_named(usecase).headlines:
        click.echo(_line(head.name, result["figures"][head.key]))
    for warning in result.get("warnings", ()):
        click.echo(f"  ⚠ {warning}")
    if result["documents"] < 2:
        click.echo("  Un seul document : aucun intervalle ne peut être donné.")
    for entry in result["breakdowns"]:
        if entry["flagged"]:
            click.echo(
                f"  ⚠ écart : {entry['by']} = {entry['group']} ({entry['documents']} documents), "
                f"{_percent(entry['gap']['value'])} points"
            )
    for alteration, found in result.get("robustness", {}).items():
        first = next(iter(found.values()))
        click.echo(f"  {alteration:<42} {_percent(first['value']):>7} %")


@evaluate.command("compare", help="Compare deux résultats sur les mêmes documents : A moins B.")
@click.argument("first", metavar="A.json", type=FILE)
@click.argument("second", metavar="B.json", type=FILE)
@click.option("--report", type=FILE, help="Rapport des deux résultats en une page HTML.")
@FORMAT
def compare_command(first: Path, second: Path, report: Path | None, output_format: str) -> None:
    """Print paired differences."""
    from partages.evaluation.kinds import kind_named
    from partages.evaluation.scoring import compare

    left, right = read_json(first), read_json(second)
    result = compare(left, right)
    if report:
        from partages.evaluation.page import page

        write(report, page([left, right], result))
    if output_format == "json":
        click.echo(_dump(result))
        return
    click.echo(f"{first.name} moins {second.name} : {result['documents']} documents")
    for head in kind_named(result["usecase"]).headlines:
        click.echo(_line(head.name, result["differences"][head.key]))
    if result["mcnemar"]:
        found = result["mcnemar"]
        click.echo(
            f"  McNemar : {found['only_first']} documents justes dans A seul, "
            f"{found['only_second']} dans B seul, p = {found['p']:.4f}".replace(".", ",")
        )


@evaluate.command("agreement", help="Accord entre deux annotateurs sur les mêmes documents.")
@click.argument("first", metavar="A", type=FILE)
@click.argument("second", metavar="B", type=FILE)
@click.option("--disagreements", type=FILE, help="Liste des désaccords, en JSON : positions et catégories.")
@FORMAT
def agreement_command(first: Path, second: Path, disagreements: Path | None, output_format: str) -> None:
    """Print agreement with intervals."""
    from partages.documents import Span
    from partages.evaluation import agreement as measure
    from partages.evaluation.gold import read_gold, same_text

    sides: list[dict[str, list[Span]]] = []
    texts: list[dict[str, str]] = []
    for path in (first, second):
        cases = list(read_gold(path))
        texts.append({case.id: case.text for case in cases})
        found = {}
        for case in cases:
            given = case.fields.get("spans")
            if not isinstance(given, list):
                raise UsageError(f"« {path} », document « {case.id} » : il manque « spans ».")
            labels = sorted({str(item.get("label")) for item in given if isinstance(item, dict)})
            found[case.id] = _spans(given, case.text, labels, f"« {path.name} », « {case.id} »")
        sides.append(found)
    if texts[0].keys() != texts[1].keys():
        raise UsageError("Les deux annotateurs n'ont pas les mêmes documents : donnez les mêmes exports.")
    for name, text in texts[0].items():
        same_text(text, texts[1][name], (), f"« {second.name} », « {name} »")
    found_agreement = measure.agreement(texts[0], sides[0], sides[1])
    listed = measure.disagreements(sides[0], sides[1])
    result = {
        "documents": len(texts[0]),
        "disagreements": len(listed),
        "figures": {name: estimate.as_json() for name, estimate in found_agreement.items()},
    }
    if disagreements:
        write(disagreements, json.dumps(listed, ensure_ascii=False, indent=1))
    if output_format == "json":
        click.echo(_dump(result))
        return
    click.echo(f"{len(texts[0])} documents, {len(listed)} passages en désaccord")
    for name, estimate in found_agreement.items():
        click.echo(_line(name, estimate.as_json()))


def _spans(given: list[Any], text: str, labels: list[str], where: str) -> list[Any]:
    from partages.evaluation.gold import read_spans

    return read_spans(given, text, labels, where)


@site.command("key", help="Crée la clé de signature du site ; affiche la clé publique, à donner au centre.")
@click.argument("file", metavar="FICHIER", type=FILE)
def key_command(file: Path) -> None:
    """Write a private key, print the public one."""
    from partages.evaluation.site import new_key

    click.echo(new_key(file))


@site.command("run", help="Mesure selon un protocole, et écrit le fichier signé qui peut sortir.")
@click.option("--protocol", type=FILE, required=True, help="Protocole de l'étude (TOML).")
@click.option("--site", "name", required=True, help="Nom de code du site.")
@click.option("--key", type=FILE, required=True, help="Clé de signature (partages site key).")
@click.option("--output", "-o", type=FILE, required=True, help="Fichier JSON à relire, puis à envoyer.")
@click.option("--report", type=FILE, help="Le même, en une page HTML à relire.")
def run_command(protocol: Path, name: str, key: Path, output: Path, report: Path | None) -> None:
    """Score inside; write aggregated figures only."""
    from partages.evaluation.page import site_page
    from partages.evaluation.site import run, sign

    sign({}, key)  # a bad key is known before hours of work
    result = sign(run(protocol, name), key)
    write(output, _dump(result) + "\n")
    if report:
        write(report, site_page(result))
    click.echo(f"« {output} » est prêt : relisez-le avant de l'envoyer.", err=True)


@site.command("merge", help="Réunit les fichiers des sites : estimation commune et hétérogénéité.")
@click.argument("files", nargs=-1, required=True, metavar="FICHIER...", type=FILE)
@click.option("--keys", type=FILE, help="Clés publiques des sites, une par ligne ; sinon, toutes.")
@click.option("--output", "-o", type=FILE, help="Résultat en JSON ; par défaut, à l'écran.")
@click.option("--report", type=FILE, help="Rapport en une page HTML.")
def merge_command(
    files: tuple[Path, ...], keys: Path | None, output: Path | None, report: Path | None
) -> None:
    """Pool the sites."""
    from partages.evaluation.page import merged_page
    from partages.evaluation.site import merge

    trusted = None
    if keys:
        if not keys.is_file():
            raise UsageError(f"« {keys} » n'existe pas : vérifiez le chemin des clés.")
        trusted = frozenset(keys.read_text(encoding="utf-8").split())
    else:
        click.echo("Sans --keys, seule l'intégrité des fichiers est vérifiée, pas leur auteur.", err=True)
    result = merge({str(path): read_json(path) for path in files}, trusted)
    if output:
        write(output, _dump(result) + "\n")
    else:
        click.echo(_dump(result))
    if report:
        write(report, merged_page(result))


@site.command("sample", help="Tire des documents à annoter dans un tableau CSV, par strates.")
@click.argument("table", metavar="TABLEAU.csv", type=FILE)
@click.option("--size", type=click.IntRange(1), required=True, help="Nombre de documents.")
@click.option("--by", default="year,sex,age", show_default=True, help="Colonnes des strates.")
@click.option("--how", type=click.Choice(["proportional", "balanced"]), default="proportional")
@click.option("--seed", type=int, required=True, help="Graine du tirage, à noter dans le protocole.")
def sample_command(table: Path, size: int, by: str, how: Any, seed: int) -> None:
    """Print the chosen rows as CSV."""
    import csv
    import sys

    from partages.evaluation.sampling import sample

    rows = sample(table, [name.strip() for name in by.split(",") if name.strip()], size, how, seed)
    writer = csv.DictWriter(sys.stdout, list(rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


@evaluate.command("model", help="Mesure un modèle de langue : questions médicales, ou bits par caractère.")
@click.argument("name", metavar="MODÈLE|embedded")
@click.option("--server", help="Adresse d'un serveur compatible OpenAI ; par défaut, PARTAGES_GENERATOR.")
@click.option("--base", is_flag=True, help="Modèle de base : il continue un texte, sans conversation.")
@click.option("--data", type=FILE, help="Questions FrenchMedMCQA (JSON).")
@click.option(
    "--task",
    type=click.Choice(["frenchmedmcqa_single", "frenchmedmcqa_multiple"]),
    default="frenchmedmcqa_single",
    show_default=True,
    help="Questions à une réponse juste, ou toutes.",
)
@click.option("--limit", type=click.IntRange(1), help="Premières questions seulement.")
@click.option(
    "--bits-per-character",
    "texts",
    is_flag=True,
    help="Bits par caractère des textes donnés, modèle intégré.",
)
@click.option(
    "--max-characters",
    type=click.IntRange(100),
    help="Par texte ; par défaut tout avec l'extra « train », 4 000 sans lui.",
)
@click.argument("paths", nargs=-1, metavar="[FICHIER...]", type=FILE)
@click.option("--output", "-o", type=FILE, help="Résultat complet en JSON.")
@FORMAT
def model_command(
    name: str,
    server: str | None,
    base: bool,
    data: Path | None,
    task: str,
    limit: int | None,
    texts: bool,
    max_characters: int | None,
    paths: tuple[Path, ...],
    output: Path | None,
    output_format: str,
) -> None:
    """Measure a model, print, and write what was asked for."""
    from partages.evaluation import language_models as measure
    from partages.models.embedded import EmbeddedGenerator
    from partages.settings import Settings

    settings = Settings()
    if texts != bool(paths) or bool(data) == texts:
        raise UsageError("Donnez --data FICHIER, ou --bits-per-character suivi de fichiers de texte.")
    if texts:
        if name != "embedded":
            raise UsageError("--bits-per-character porte sur « embedded » (ou PARTAGES_MODEL_FILE).")
        result = measure.bits_per_character(settings, paths, max_characters)
        lines = [
            f"  {label:<42} " + f"{found['bits_per_character']:.4f} bits par caractère".replace(".", ",")
            for label, found in [*result["files"].items(), ("total", result["total"])]
        ]
    else:
        assert data
        started = None
        if name == "embedded":
            started = EmbeddedGenerator(settings)
            url, name, key, base = started.url, started.name, started.api_key, started.is_base
        else:
            url, key = server or settings.generator, settings.api_key.get_secret_value()
            if not url.startswith(("http://", "https://")):
                raise UsageError("Donnez l'adresse du serveur : --server http://127.0.0.1:8080/v1.")
        model = measure.Model(url, name, key, settings.generator_timeout, base)
        try:
            result = measure.evaluate_questions(model, data, task, limit)
        finally:
            model.close()
            if started:
                started.close()
        lines = [_line(label, figure) for label, figure in result["figures"].items()]
    if output:
        write(output, _dump(result) + "\n")
    if output_format == "json":
        click.echo(_dump({key: value for key, value in result.items() if key != "answers"}))
        return
    click.echo("\n".join([str(result["model"]), *lines]))
