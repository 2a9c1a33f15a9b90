"""Help pages in French: what click writes by itself, translated where it is laid out."""

import re
from collections.abc import Iterable

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
