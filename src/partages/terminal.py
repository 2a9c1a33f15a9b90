"""The terminal: a progress bar, and help pages in French (what click writes, translated where laid out)."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import click

_WORDS = {
    "Usage": "Utilisation",
    "Commands": "Commandes",
    "[OPTIONS]": "[OPTIONS]",
    "COMMAND [ARGS]...": "COMMANDE [ARGUMENTS]...",
    "Show this message and exit.": "Affiche cette aide.",
    "default:": "par défaut :",
    "required": "obligatoire",
    "INTEGER RANGE": "ENTIER",
    "INTEGER": "ENTIER",
    "FLOAT": "NOMBRE",
    "TEXT": "TEXTE",
    "PATH": "CHEMIN",
    "FILENAME": "FICHIER",
    "FILE": "FICHIER",
    "DIRECTORY": "DOSSIER",
}
_ENGLISH = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?![a-zé])" for word in _WORDS))


def _french(text: str) -> str:
    return _ENGLISH.sub(lambda match: _WORDS[match.group()], text)


class FrenchFormatter(click.HelpFormatter):
    """click's formatter; our own help texts hold none of its words."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:  # noqa: ARG002
        super().write_usage(prog, _french(args), "Utilisation : ")

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{_french(heading)} :\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(_french(term), _french(text)) for term, text in rows], col_max, col_spacing)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[..., None]]:
    """A bar on standard error where that is a terminal.

    What it gives is called after each piece of work: with nothing, one more is done; with a number, that
    many are done in all, and a word may be shown beside.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def advance(to: int | None = None, told: str = "") -> None:
            if to is None:
                bar.advance(task)
            else:
                bar.update(task, completed=to, description=told)

        yield advance
    sys.stderr.flush()
