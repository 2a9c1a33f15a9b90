"""CIM-10 FR, as ATIH publishes it for the PMSI: codes, labels, types, hierarchy.

The table is the one that ships inside the ``edsnlp`` package (42,886 codes; columns code, type,
ssr, psy, short, long). It is read as a file: edsnlp itself is not imported.

Codes are written as in the table, without a dot (``C189``, ``C189+8``), in everything that
programs read; ``dotted`` gives the form shown to people (``C18.9``).

The hierarchy goes leaf -> category (three characters) -> block -> chapter; blocks and chapters are
those of the WHO's ICD-10, written ``J09-J18`` and ``X``.
"""

import csv
import gzip
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from partages.errors import MissingPart, UsageError


class MCO(IntEnum):
    """Where MCO and HAD allow a code (ATIH, CIM-10 FR à usage PMSI, "type MCO/HAD")."""

    FREE = 0
    NEVER_PRINCIPAL = 1
    """Forbidden as DP and DR."""
    EXTERNAL_CAUSE = 2
    """Chapter XX: forbidden as DP and DR."""
    FORBIDDEN = 3
    """A category that is divided further, or a retired code: forbidden everywhere."""
    NOT_DP = 4
    """Forbidden as DP, allowed elsewhere (sequelae)."""


class UnknownCode(UsageError):
    """A code that the nomenclature does not hold."""

    http_status = 422
    slug = "code-inconnu"
    title = "Code CIM-10 inconnu"


_RETIRED = re.compile(r"\*{3} SU(\d\d) \*{3} ?")


@dataclass(frozen=True, slots=True)
class Code:
    """One line of the table.

    Attributes:
        code: without a dot.
        label, short: long and short labels of ATIH.
        type: where MCO allows it.
        parents: codes it falls under, nearest first (``("C18",)`` for ``C189``); neither block nor
            chapter.
    """

    code: str
    label: str
    short: str
    type: MCO
    parents: tuple[str, ...]

    @property
    def retired(self) -> bool:
        """Withdrawn by ATIH: its labels begin with ``*** SU`` and the year."""
        return self.label.startswith("***")

    @property
    def retired_in(self) -> int | None:
        """Year from which ATIH withdrew it, None when it is in use."""
        found = _RETIRED.match(self.label)
        return 2000 + int(found.group(1)) if found else None

    @property
    def title(self) -> str:
        """The long label without the mark of withdrawal."""
        return _RETIRED.sub("", self.label)

    @property
    def dotted(self) -> str:
        return dotted(self.code)


@dataclass(frozen=True, slots=True)
class Heading:
    """A chapter or a block: its name (``IX``, ``I20-I25``), its label, and the categories it spans."""

    name: str
    label: str
    first: str
    last: str

    def holds(self, category: str) -> bool:
        return self.first <= category <= self.last


def dotted(code: str) -> str:
    """The form people read: ``C189`` -> ``C18.9``, ``C189+8`` -> ``C18.9+8``, ``I10`` -> ``I10``."""
    return code if len(code) <= 3 or code[3] == "+" else f"{code[:3]}.{code[3:]}"


_DECORATION = re.compile(r"[\s.†*‡]+")
_SHAPE = re.compile(r"[A-Z]\d\d[0-9]{0,3}(?:\+[0-9]{1,2})?")


def normalise(code: str) -> str:
    """``c18.9`` -> ``C189``: upper case; dots, spaces, daggers and asterisks taken out."""
    return _DECORATION.sub("", code).upper()


class Nomenclature(Mapping[str, Code]):
    """All codes by name, in the order of the table."""

    def __init__(self, codes: Sequence[Code], chapters: Sequence[Heading], blocks: Sequence[Heading]) -> None:
        self._codes = {code.code: code for code in codes}
        self.chapters = tuple(chapters)
        self.blocks = tuple(blocks)

    def __getitem__(self, code: str) -> Code:
        return self._codes[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)

    def lookup(self, code: str) -> Code:
        """The code a person or a program wrote: ``C18.9``, ``c189``, ``C189+8``, ``G01*``.

        Retired codes are found (``Code.retired``).

        Raises:
            UnknownCode: no such code; the message names the nearest code above it, if there is one.
        """
        name = normalise(code)
        if name in self._codes:
            return self._codes[name]
        if not _SHAPE.fullmatch(name):
            raise UnknownCode(
                "Ce n'est pas un code CIM-10 : attendu une lettre, deux chiffres puis les caractères de "
                "subdivision, par exemple C18.9 ou C189."
            )
        for stop in range(len(name) - 1, 2, -1):
            if name[:stop] in self._codes:
                above = name[:stop]
                raise UnknownCode(
                    f"Le code {dotted(name)} n'existe pas dans la CIM-10 FR ; le plus proche au-dessus est "
                    f"{dotted(above)}, « {self._codes[above].label} »."
                )
        raise UnknownCode(f"Le code {dotted(name)} n'existe pas dans la CIM-10 FR.")

    @cached_property
    def _children(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for code in self._codes.values():
            if code.parents:
                found.setdefault(code.parents[0], []).append(code.code)
        return {parent: tuple(children) for parent, children in found.items()}

    def children(self, code: str) -> tuple[str, ...]:
        """Codes directly under this one, in order; none for a leaf."""
        return self._children.get(code, ())

    def headings(self, code: str) -> tuple[Heading, ...]:
        """Its chapter, then its block, where the tables have them."""
        category = code[:3]
        return tuple(
            heading
            for group in (self.chapters, self.blocks)
            for heading in group[max(0, bisect_right(group, category, key=lambda h: h.first) - 1) :][:1]
            if heading.holds(category)
        )

    def hierarchy(self, code: str) -> tuple[tuple[str, str], ...]:
        """Names and labels from the chapter down to the code itself.

        Raises:
            KeyError: not a code of the nomenclature; see ``lookup``.
        """
        line = self._codes[code]
        above = [(parent, self._codes[parent].label) for parent in reversed(line.parents)]
        return (
            *((heading.name, heading.label) for heading in self.headings(code)),
            *above,
            (code, line.label),
        )

    @cached_property
    def _defaults(self) -> dict[str, str]:
        """For each code, the leaf an unspecified mention of it is coded to; see ``default_leaf``."""
        return {code: self._default(code) for code in self._codes}

    def _default(self, code: str) -> str:
        line = self._codes[code]
        if line.type is not MCO.FORBIDDEN:
            return code
        candidates = [child for child in self.children(code) if not self._codes[child].retired]
        if not candidates:
            return code
        return self._default(min(candidates, key=lambda child: (_specificity(self._codes[child]), child)))

    def usual_child(self, code: str) -> str | None:
        """The usual subdivision ("sans plaie", "fermée") of a code that MCO allows as it is, if any."""
        if self._codes[code].type is MCO.FORBIDDEN:
            return None
        children = [c for c in self.children(code) if self._codes[c].type is not MCO.FORBIDDEN]
        usual = [c for c in children if _USUAL.search(self._codes[c].label)]
        return usual[0] if len(usual) == 1 else None

    def default_leaf(self, code: str) -> str:
        """The code that an unspecified mention of a category gets.

        Walks down while MCO forbids the code, each time to the "unspecified" subdivision ("sans
        précision", "non précisé"), else to the usual one (closed fracture, initial care), else to
        the residual one (``.9``, then ``.8``).
        """
        return self._defaults[code]


_UNSPECIFIED = re.compile(r"sans (?:autre )?précision|non précisée?s?|\bSAI\b", re.IGNORECASE)
_USUAL = re.compile(
    r"\bfermée\b|prise en charge initiale|sans complication|sans plaie"
    r"|sans occlusion ni gangrène|\(sans cholécystite\)|^(?!.*avec occlusion).*sans gangrène",
    re.IGNORECASE,
)


def _specificity(code: Code) -> tuple[bool, bool, int]:
    """Sorts the subdivisions of one code, the one for an unspecified mention first."""
    precise = code.label.startswith("Autres")
    usual = bool(_USUAL.search(code.label)) and not precise
    unspecified = bool(_UNSPECIFIED.search(code.label)) and not precise
    return not usual, not unspecified, {"9": 0, "8": 1}.get(code.code[-1], 2)


def _table() -> Path:
    package = find_spec("edsnlp")
    path = Path(package.origin).parent / "resources" / "cim10.csv.gz" if package and package.origin else None
    if path is None or not path.is_file():
        raise MissingPart("La table de la CIM-10 est introuvable : réinstallez le paquet edsnlp.")
    return path


def table_bytes() -> bytes:
    """The table as shipped, compressed: what an index built from it is keyed on.

    Raises:
        MissingPart: edsnlp is not installed, or lost its table.
    """
    return _table().read_bytes()


def _parents(code: str, known: set[str]) -> tuple[str, ...]:
    stem = code.partition("+")[0]
    longest = len(code) - 1 if "+" in code else len(stem) - 1
    cuts = (code[:length].rstrip("+") for length in range(longest, 2, -1))
    return tuple(dict.fromkeys(cut for cut in cuts if cut in known and cut != code))


def _headings(name: str) -> list[Heading]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return [Heading(name, label, first, last) for name, first, last, label in rows]


@cache
def load() -> Nomenclature:
    """The whole nomenclature, read once (0.2 s).

    Raises:
        MissingPart: the table is absent.
    """
    with gzip.open(_table(), "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    known = {row["code"] for row in rows}
    codes = [
        Code(row["code"], row["long"], row["short"], MCO(int(row["type"])), _parents(row["code"], known))
        for row in rows
    ]
    return Nomenclature(codes, _headings("chapters.tsv"), _headings("blocks.tsv"))


@dataclass(frozen=True, slots=True)
class Hit:
    """A code and how near the passage is to it, from 0 to 1."""

    code: str
    score: float


def search(text: str, top: int = 20) -> list[Hit]:
    """The codes nearest to a mention of a diagnosis, best first, over the whole nomenclature.

    Raises:
        MissingPart: the table is absent.
    """
    from partages.terminologies.search import index

    return index().search(text, top)


def search_all(texts: Sequence[str], top: int = 20) -> list[list[Hit]]:
    """``search`` for each text, in order; a text met twice is searched once."""
    from partages.terminologies.search import index

    searched = {text: index().search(text, top) for text in dict.fromkeys(texts)}
    return [searched[text] for text in texts]
