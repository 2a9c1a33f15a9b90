"""What each kind of document holds: its title, its sections with a word to the writer, its least length."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partages.fiction.case import Case


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of document; ``words`` is the least it must hold, ``sections`` are (title, word to the writer)."""

    kind: str
    title: str
    words: int
    sections: tuple[tuple[str, str], ...]

    def header(self, case: "Case") -> str:
        """The top of the document, from the made-up setting."""
        scenario, setting = case.scenario, case.setting
        title, born = ("Mme", "née") if scenario.sex == "F" else ("M.", "né")
        dates = f"le {setting.admission_date:%d/%m/%Y}"
        if setting.length_of_stay.value:
            dates = f"du {setting.admission_date:%d/%m/%Y} au {setting.discharge_date:%d/%m/%Y}"
        return "\n".join(
            (
                setting.hospital,
                f"Service : {case.specialty}",
                f"{title} {scenario.name}, {born} le {setting.birth_date:%d/%m/%Y}",
                f"{self.title}, {dates}",
                f"Rédacteur : {setting.physicians[0]}",
            )
        )


@cache
def templates() -> dict[str, Template]:
    """All kinds, by their short name."""
    data = files("partages.fiction").joinpath("data", "documents.toml").read_text(encoding="utf-8")
    return {
        kind: Template(
            kind, one["title"], one["words"], tuple((title, hint) for title, hint in one["sections"])
        )
        for kind, one in tomllib.loads(data).items()
    }
