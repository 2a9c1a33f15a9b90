"""``partages site ...``."""

from pathlib import Path
from typing import Any

import click

from partages.errors import UsageError
from partages.evaluation.console import FILE, FORMAT, dump, read_json, write


@click.group("site", help="Évalue dans un établissement : il n'en sort que des totaux signés.")
def site() -> None:
    """The group of commands of the site kit."""


@site.command("key", help="Crée la clé de signature du site ; affiche la clé publique, à donner au centre.")
@click.argument("file", metavar="FICHIER", type=FILE)
def key_command(file: Path) -> None:
    """Write a private key, print the public one."""
    from partages.evaluation.site import new_key

    click.echo(new_key(file))


@site.command(
    "check", help="Contrôle la référence d'un protocole : tout ce qui est à corriger, sans rien mesurer."
)
@click.option("--protocol", type=FILE, required=True, help="Protocole de l'étude (TOML).")
@FORMAT
def check_command(protocol: Path, output_format: str) -> None:
    """Print problems; exit 1 when one forbids a measure."""
    from partages.evaluation.site import check_site

    found = check_site(protocol)
    if output_format == "json":
        click.echo(dump({"evaluations": found}))
    else:
        for entry in found:
            click.echo(f"{entry['usecase']} : {entry['counts']['documents']} documents")
            for problem in entry["problems"]:
                click.echo(f"  {problem['id']} : {problem['problem']}")
            if entry["sampling"] and not entry["sampling"]["representative"]:
                click.echo(
                    f"  ⚠ les strates s'écartent du tirage prévu (distance {entry['sampling']['distance']:.2f})".replace(
                        ".", ","
                    )
                )
            if not entry["problems"]:
                click.echo("  rien à corriger")
    if any(entry["blocking"] for entry in found):
        raise click.exceptions.Exit(1)


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
    write(output, dump(result) + "\n")
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
    if len({path.resolve() for path in files}) < len(files):
        raise UsageError("Le même fichier est donné deux fois : donnez-en un par site.")
    try:
        result = merge({str(path): read_json(path) for path in files}, trusted)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UsageError(
            "Un de ces fichiers n'a pas la forme d'un résultat de « partages site run »."
        ) from None
    if output:
        write(output, dump(result) + "\n")
    else:
        click.echo(dump(result))
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
    if len(rows) < size:
        click.echo(f"Le tableau n'a que {len(rows)} lignes : elles sont toutes prises.", err=True)
    writer = csv.DictWriter(sys.stdout, list(rows[0]), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
