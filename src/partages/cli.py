"""``partages ...``: one subcommand a use case, made from its options, and the house keeping.

Exit status: 0 all documents went through, 1 some failed, 2 usage error, 130 interrupted.
Results go to standard output, everything else to standard error.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from partages import __version__
from partages.corpus.commands import corpus
from partages.errors import PartagesError, UsageError
from partages.evaluation.commands import evaluate, site
from partages.fiction.commands import fiction
from partages.resources import Resources
from partages.settings import Settings
from partages.terminal import FrenchFormatter
from partages.training.commands import train
from partages.usecases import all_usecases
from partages.usecases.base import Options, UseCase

click.Context.formatter_class = FrenchFormatter
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT, help="Modèles de langue pour les soignants, sur votre propre machine.")
@click.version_option(__version__, "--version", message="partages %(version)s", help="Affiche la version.")
def cli() -> None:
    """The root command."""


def _extra(field: FieldInfo) -> Any:
    """What a use case says of its option on the command line: False for none, ``json`` for a file."""
    extra = field.json_schema_extra
    return extra.get("cli") if isinstance(extra, dict) else None


def _json_file(path: Path) -> Any:
    """The value of an option given as a JSON file."""
    import json

    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise UsageError(f"« {path} » n'est pas du JSON valide : corrigez-le.") from None


def _click_option(name: str, field: FieldInfo) -> click.Option:
    """The command-line option of one field of a use case's options."""
    annotation: Any = field.annotation
    arguments = [part for part in get_args(annotation) if part is not type(None)]
    if type(None) in get_args(annotation):
        annotation = arguments[0] if len(arguments) == 1 else str
    flag = "--" + name.replace("_", "-")
    common: dict[str, Any] = {"help": field.description, "default": None}
    if _extra(field) == "json":
        return click.Option([flag, name], type=click.Path(path_type=Path), **common)
    if get_origin(annotation) is Literal:
        return click.Option(
            [flag, name], type=click.Choice([str(value) for value in get_args(annotation)]), **common
        )
    if annotation is bool:
        return click.Option(
            [f"{flag}/--no-{flag[2:]}" if field.default else flag, name], is_flag=True, **common
        )
    if get_origin(annotation) in (list, tuple):
        return click.Option([flag, name], multiple=True, **common)
    types: dict[Any, Any] = {int: click.INT, float: click.FLOAT}
    return click.Option([flag, name], type=types.get(annotation, click.STRING), **common)


def _usecase_command(usecase: UseCase) -> click.Command:
    names = [name for name, field in usecase.options.model_fields.items() if _extra(field) is not False]

    def callback(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in names}
        chosen = {
            name: _json_file(value) if isinstance(value, Path) else value
            for name, value in chosen.items()
            if value not in (None, ())
        }
        sys.exit(_run(usecase, _options(usecase, chosen), **given))

    parameters: list[click.Parameter] = [
        click.Argument(["inputs"], nargs=-1, metavar="FICHIER|DOSSIER|-"),
        *(_click_option(name, usecase.options.model_fields[name]) for name in names),
        click.Option(
            ["--format", "output_format"],
            type=click.Choice(["text", "jsonl", *usecase.formats]),
            help="text : à lire à l'écran ; jsonl : une ligne JSON par document ; "
            + "".join(f"{name} : {form.description} ; " for name, form in usecase.formats.items())
            + "par défaut, text sur un terminal et jsonl ailleurs.",
        ),
        click.Option(
            ["--output", "-o"],
            type=click.Path(path_type=Path),
            help="Fichier à écrire"
            + (", ou dossier pour un format à plusieurs fichiers." if usecase.formats else "."),
        ),
        click.Option(
            ["--jobs", "-j"],
            type=click.IntRange(1, 256),
            default=1,
            show_default=True,
            help="Nombre de processus.",
        ),
        click.Option(["--resume"], is_flag=True, help="Reprend un passage interrompu sans rien refaire."),
    ]
    if usecase.report:
        parameters.append(
            click.Option(
                ["--report"], type=click.Path(path_type=Path), multiple=True, help=usecase.report.description
            )
        )
    if usecase.seal:
        parameters.append(
            click.Option(
                ["--vault"],
                type=click.Path(path_type=Path),
                help="Coffre chiffré à écrire, d'où rendre les textes d'origine (partages vault restore).",
            )
        )
    reference = f" ({usecase.reference})" if usecase.reference else ""
    help_text = (
        f"{usecase.title}{reference}. {usecase.summary}\n\n"
        "Entrée : fichiers .txt, .docx, .pdf, .jsonl, .json (UIMA CAS), .ann (brat), dossiers, "
        'ou « - » pour des lignes JSON {"id", "text"} '
        "sur l'entrée standard."
    )
    return click.Command(
        usecase.name, callback=callback, params=parameters, help=help_text, context_settings=CONTEXT
    )


def _options(usecase: UseCase, chosen: dict[str, Any]) -> Options:
    from partages.batch import describe_invalid

    try:
        return usecase.options.model_validate(chosen)
    except ValidationError as error:
        raise UsageError(describe_invalid(error)) from None


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(sorted({f"PARTAGES_{str(item['loc'][0]).upper()}" for item in error.errors()}))
        raise UsageError(f"Réglage refusé : {names} ; voir docs/settings.md.") from None


def _run(
    usecase: UseCase,
    options: Options,
    *,
    inputs: Sequence[str],
    output_format: str | None,
    output: Path | None,
    jobs: int,
    resume: bool,
    report: tuple[Path, ...] = (),
    vault: Path | None = None,
) -> int:
    """Process the inputs; returns the exit status."""
    from partages import batch, journal
    from partages import inputs as reading
    from partages.vault import Writer, find_key

    if not inputs:
        raise UsageError(
            f"Donnez un fichier, un dossier, ou « - » : partages {usecase.name} compte-rendu.txt"
        )
    if list(inputs).count("-") > 1:
        raise UsageError("« - » (l'entrée standard) ne peut être donné qu'une fois.")
    for source in inputs:
        if source != "-" and not Path(source).exists():
            raise UsageError(f"« {source} » n'existe pas : vérifiez le chemin.")
    as_text = output_format == "text" or (output_format is None and output is None and sys.stdout.isatty())
    if as_text and vault:
        raise UsageError(
            "--vault s'emploie avec une sortie que l'on garde : ajoutez --format jsonl ou --output."
        )
    if as_text and (resume or output):
        raise UsageError("--resume et --output s'emploient avec --format jsonl, ou un autre que text.")
    for path in report:
        if path.exists():
            raise UsageError(f"« {path} » existe déjà : choisissez un autre nom ou supprimez-le.")
        if usecase.report and path.suffix.lower() not in usecase.report.suffixes:
            raise UsageError(f"Le rapport s'écrit en {' ou '.join(usecase.report.suffixes)}.")
    form = usecase.formats.get(output_format or "")
    wanted = batch.Wanted(output_format if form else None, bool(report), vault is not None)
    settings = _settings()
    if vault:
        find_key(settings)
        if vault.exists() and not resume:
            raise UsageError(f"« {vault} » existe déjà : choisissez un autre nom ou supprimez-le.")
    resources = Resources(settings)
    records = reading.read_records(inputs, settings.max_characters, sys.stdin.buffer)
    started = time.monotonic()
    failed = count = 0
    try:
        if as_text:
            with journal.Facts(report, usecase.report, resume=False, done=0) as facts:
                for outcome in batch.run(usecase, records, options, resources, jobs=jobs, wanted=wanted):
                    count, failed = count + 1, failed + outcome.failed
                    facts.note(outcome)
                    _show(usecase, outcome)
        else:
            parts = [__version__, usecase.name, options.model_dump_json(), str(Path.cwd()), *inputs]
            key = "\0".join([*parts, f"format={output_format}"] if form else parts)
            with journal.Sink(output, resume=resume, key=key, cache=settings.cache_folder, form=form) as sink:
                if sink.complete:
                    counted = f" ({sink.done.count} documents)" if sink.done.count else ""
                    click.echo(f"Déjà terminé : « {output} » est complet{counted}.", err=True)
                    return 1 if sink.done.failed else 0
                if sink.resumed:
                    click.echo(f"Reprise après {sink.resumed} documents déjà traités.", err=True)
                records = journal.skip(records, sink.done)
                with (
                    _progress(inputs, sink.resumed) as advance,
                    journal.Facts(report, usecase.report, resume=resume, done=sink.resumed) as facts,
                    Writer(vault, settings, resume=resume, done=sink.resumed) as sealed,
                    sink.interruptible(),
                ):
                    for outcome in batch.run(usecase, records, options, resources, jobs=jobs, wanted=wanted):
                        facts.note(outcome)
                        sealed.note(outcome)
                        sink.write(outcome)
                        advance(outcome)
                        if form and outcome.failed:
                            _say_failure(outcome)
            failed, count = sink.done.failed, sink.done.count - sink.resumed
            elapsed = time.monotonic() - started
            speed = f"{count / elapsed:.1f}".replace(".", ",")
            field = "" if form else " (champ « error »)"
            plural = "s" if count > 1 else ""
            click.echo(
                f"{count} document{plural} traité{plural} en {elapsed:.0f} s ({speed} par seconde)"
                + (f", {failed} en échec{field}." if failed else ", aucun échec."),
                err=True,
            )
    finally:
        resources.close()
    return 1 if failed else 0


@contextmanager
def _progress(inputs: Sequence[str], done: int) -> Iterator[Callable[[Any], None]]:
    """A bar on standard error where that is a terminal; notices about documents everywhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeRemainingColumn

    from partages.inputs import SEVERAL_SUFFIXES, list_files

    total: int | None = 0
    for source in inputs:
        path = Path(source)
        files = list_files(path) if path.is_dir() else [path]
        if source == "-" or any(file.suffix.lower() in SEVERAL_SUFFIXES for file in files):
            total = None
            break
        total = (total or 0) + len(files)
    console = Console(stderr=True)
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=done)

        def advance(outcome: Any) -> None:
            for notice in outcome.notices:
                console.print(f"{outcome.id} : {notice}", markup=False, highlight=False, soft_wrap=True)
            bar.advance(task)

        yield advance


def _say_failure(outcome: Any) -> None:
    """One document's error, where its output has no place for it."""
    import json

    click.echo(f"{outcome.id or '(sans identifiant)'} : {json.loads(outcome.line)['error']}", err=True)


def _show(usecase: UseCase, outcome: Any) -> None:
    """One document's outcome, pleasant to read."""
    from rich.console import Console
    from rich.rule import Rule

    from partages.documents import Document

    if outcome.failed:
        _say_failure(outcome)
        return
    console = Console()
    console.print(Rule(outcome.id, align="left"))
    for notice in outcome.notices:
        console.print(notice, style="italic", markup=False)
    result = usecase.result.model_validate_json(outcome.line)
    console.print(usecase.show(Document(outcome.id, outcome.text), result))


@cli.command(help="Démarre l'assistant : la page web et l'API.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Adresse d'écoute.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port d'écoute.")
def serve(host: str, port: int) -> None:
    """Start the assistant."""
    from partages.server.run import serve as run_server

    run_server(_settings(), host, port, lambda message: click.echo(message, err=True))


@cli.group(help="Les modèles de génération : ce qui est là, sous quelle licence, et si cela marche.")
def models() -> None:
    """The group of commands about generators."""


@models.command("list", help="Liste les modèles accessibles, leur licence et leur taille.")
@click.option("--format", "output_format", type=click.Choice(["text", "jsonl"]), default="text")
def list_command(output_format: str) -> None:
    """Print the catalogue."""
    import dataclasses
    import json

    from partages.models.catalogue import list_models

    for model in list_models(_settings()):
        if output_format == "jsonl":
            click.echo(json.dumps(dataclasses.asdict(model), ensure_ascii=False))
            continue
        size = f"{model.size / 1e6:.0f} Mo" if model.size else "taille inconnue"
        chosen = " (utilisé)" if model.selected else ""
        click.echo(f"{model.name}{chosen}\n  {model.origin}, {model.licence or 'licence inconnue'}, {size}")
        click.echo(f"  {model.note}")


@models.command("assemble", help="Reconstruit le modèle intégré choisi et vérifie son empreinte.")
def assemble_command() -> None:
    """Put the embedded model's file in place, ahead of its first use."""
    settings = _settings()
    if settings.generator != "embedded":
        click.echo("Rien à reconstruire : PARTAGES_GENERATOR ne désigne pas le modèle intégré.")
        return
    from partages.models.embedded import model_path

    click.echo(f"Modèle prêt : {model_path(settings)}")


@models.command(
    "check", help="Essaie le modèle choisi : fichier, démarrage, réponse, réponse conforme à un schéma."
)
def check_command() -> None:
    """Try the selected model for real; status 1 when something fails."""
    from partages.models.catalogue import check_selected

    checks = check_selected(_settings())
    for check in checks:
        click.echo(f"{'✓' if check.passed else '✗'} {check.name} : {check.detail}")
    sys.exit(0 if all(check.passed for check in checks) else 1)


@cli.group(help="Les coffres : rendre les textes d'origine à qui détient la clé.")
def vault() -> None:
    """The group of commands about vaults."""


@vault.command("key", help="Crée une clé de coffre, lisible par vous seul.")
@click.argument("file", metavar="FICHIER", type=click.Path(path_type=Path))
def key_command(file: Path) -> None:
    """Write a new key."""
    from partages.vault import new_key

    new_key(file)
    click.echo(
        f"Clé écrite dans « {file} ». Gardez-en une copie en lieu sûr, loin des coffres : "
        "sans elle, rien ne se rouvre.",
        err=True,
    )


@vault.command("restore", help="Rend les textes d'origine des documents donnés ; chaque accès est noté.")
@click.argument("file", metavar="COFFRE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("inputs", nargs=-1, required=True, metavar="FICHIER|DOSSIER|-")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["jsonl", "text"]),
    default="jsonl",
    help='jsonl : {"id", "text", "exact"} par ligne ; text : le texte seul.',
)
def restore_command(file: Path, inputs: tuple[str, ...], output_format: str) -> None:
    """Give texts back; status 1 when some could not be."""
    import json

    from partages.errors import BadDocument
    from partages.inputs import read_records
    from partages.vault import Reader

    settings = _settings()
    restore = next(usecase.restore for usecase in all_usecases().values() if usecase.restore)
    failed = 0
    with Reader(file, settings) as reader:
        for record in read_records(inputs, settings.max_characters, sys.stdin.buffer):
            try:
                document = record.document()
                sealed = reader.get(document.id)
                if sealed is None:
                    raise BadDocument("Le coffre ne contient pas ce document.")
                text, exact = restore(document.text, sealed)
            except PartagesError as error:
                failed += 1
                click.echo(f"{record.id or '(sans identifiant)'} : {error}", err=True)
                continue
            if output_format == "text":
                click.echo(text)
            else:
                click.echo(json.dumps({"id": document.id, "text": text, "exact": exact}, ensure_ascii=False))
            if not exact:
                click.echo(
                    f"{document.id} : le texte a changé ; seuls les substituts reconnus sont remplacés.",
                    err=True,
                )
    sys.exit(1 if failed else 0)


@vault.command("audit", help="Montre qui a ouvert un coffre, et vérifie ce journal.")
@click.argument("file", metavar="COFFRE", type=click.Path(path_type=Path))
def audit_command(file: Path) -> None:
    """Print the journal; status 1 when it was tampered with."""
    from partages.vault import Audit, find_key

    settings = _settings()
    key = find_key(settings) if settings.vault_key_file or settings.vault_key.get_secret_value() else None
    tampered = False
    for entry, wrong in Audit(file).check(key):
        count = f", {entry['documents']} documents" if entry.get("documents") is not None else ""
        click.echo(
            f"{entry.get('time')} {entry.get('user')}@{entry.get('host')} : {entry.get('action')}{count}"
            + (f" ✗ {wrong}" if wrong else "")
        )
        tampered = tampered or bool(wrong)
    if not key:
        click.echo("Sans la clé, seul l'enchaînement des lignes est vérifié.", err=True)
    sys.exit(1 if tampered else 0)


for _usecase in all_usecases().values():
    cli.add_command(_usecase_command(_usecase))
for _group in (corpus, evaluate, fiction, site, train):
    cli.add_command(_group)


def _french(error: click.ClickException) -> str:
    """click's usage errors, in French."""
    if isinstance(error, click.NoSuchOption):
        near = f" (vouliez-vous {', '.join(error.possibilities)} ?)" if error.possibilities else ""
        return f"Option inconnue : {error.option_name}{near}."
    if isinstance(error, click.MissingParameter):
        return f"Il manque {error.param.opts[0] if error.param else 'un argument'}."
    if isinstance(error, click.BadParameter) and error.param is not None:
        name = error.param.opts[0]
        if isinstance(error.param.type, click.Choice):
            choices = ", ".join(map(str, error.param.type.choices))
            return f"Valeur refusée pour {name} : choisissez parmi {choices}."
        return f"Valeur refusée pour {name} : ce n'est pas une valeur attendue."
    if isinstance(error, click.UsageError) and "No such command" in error.message:
        return f"Commande inconnue. Commandes : {', '.join(sorted(cli.commands))}."
    return error.format_message()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's mistake is one sentence and a status, never a traceback."""
    try:
        status = cli.main(args=arguments, prog_name="partages", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"Erreur : {_french(error)} Aide : partages --help", err=True)
        sys.exit(2)
    except PartagesError as error:
        click.echo(f"Erreur : {error}", err=True)
        sys.exit(error.exit_status)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Interrompu. Les résultats écrits sont entiers ; --resume reprend où l'on en était.", err=True
        )
        sys.exit(130)
    except BrokenPipeError:  # `partages ... | head`: the reader has left, there is nobody to tell
        sys.stdout = None
        sys.exit(1)
    if type(status) is int and status:  # what click makes of Exit out of its standalone mode
        sys.exit(status)


if __name__ == "__main__":
    main()
