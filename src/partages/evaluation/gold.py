"""Gold and predictions, read and checked before anything is scored.

Gold: JSON lines, a brat folder (``.txt`` and ``.ann``) or UIMA CAS JSON. Predictions: JSON lines
as the use case writes them, or the same annotated formats. A message names the document
and the place, never its text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from partages.documents import Span
from partages.errors import BadDocument, PartagesError, UsageError

MAX_CHARACTERS = 5_000_000
NAMED = 3
"""Identifiers named in a message; the others are counted."""


@dataclass(frozen=True, slots=True)
class Case:
    """A document with what is true of it; its ``repr`` shows no text.

    Attributes:
        fields: further keys of the JSON line: ``spans``, ``codes``, ``conclusion``, ``sex``...
    """

    id: str
    text: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)


def read_gold(path: Path) -> Iterator[Case]:
    """The documents of a gold file or folder, in order.

    Raises:
        UsageError: nothing there, an unreadable or empty document, or an identifier twice.
    """
    from partages.inputs import read_records

    if not path.exists():
        raise UsageError(f"« {path} » n'existe pas : vérifiez le chemin du corpus de référence.")
    seen: set[str] = set()
    for record in read_records([str(path)], MAX_CHARACTERS, BytesIO()):
        name = record.id
        if not name:
            raise UsageError(f"Référence : un document n'a pas d'identifiant, le n° {len(seen) + 1}.")
        if name in seen:
            raise UsageError(f"Référence : l'identifiant « {name} » apparaît deux fois ; gardez-en un.")
        try:
            text, _ = record.load()
        except PartagesError as error:
            raise UsageError(f"Référence, document « {name} » : {error}") from None
        if not text.strip():
            raise UsageError(f"Référence : le document « {name} » est vide ; retirez-le ou complétez-le.")
        seen.add(name)
        given = dict(record.fields)
        if "annotations" in given and "spans" not in given:
            given["spans"] = given.pop("annotations")
        yield Case(name, text, given)
    if not seen:
        raise UsageError(f"« {path} » ne contient aucun document : il n'y a rien à mesurer.")


class Predictions:
    """Predictions by identifier. A JSON-lines file is indexed, not held: memory keeps identifiers only.

    Raises:
        UsageError: not JSON lines, an identifier missing or given twice.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise UsageError(f"« {path} » n'existe pas : vérifiez le chemin des prédictions.")
        self._places: dict[str, int] = {}
        self._held: dict[str, dict[str, Any]] = {}
        self._file = None
        if path.is_file() and path.suffix.lower() not in (".json", ".ann"):
            self._file = path.open("rb")
            try:
                self._index(path)
            except UsageError:
                self.close()
                raise
        else:
            for case in read_gold(path):
                self._held[case.id] = {**case.fields, "text": case.text}

    def _index(self, path: Path) -> None:
        assert self._file
        place = 0
        for number, line in enumerate(self._file, 1):
            if line.strip():
                name = self._parse(line, path, number).get("id")
                if not isinstance(name, str) or not name:
                    raise UsageError(f"« {path} », ligne {number} : il manque « id ».")
                if name in self._places:
                    raise UsageError(f"« {path} », ligne {number} : « {name} » apparaît deux fois.")
                self._places[name] = place
            place += len(line)

    @staticmethod
    def _parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise UsageError(f"« {path} », ligne {number} : ce n'est pas un objet JSON.")
        return value

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self._places) | frozenset(self._held)

    def get(self, name: str) -> dict[str, Any]:
        """The prediction for a document.

        Raises:
            UsageError: there is none.
        """
        if name in self._held:
            return self._held[name]
        if self._file is None or name not in self._places:
            raise UsageError(
                f"Aucune prédiction pour le document « {name} » : les deux fichiers doivent porter "
                "les mêmes identifiants."
            )
        self._file.seek(self._places[name])
        found: dict[str, Any] = json.loads(self._file.readline())
        return found

    def require_only(self, known: Iterable[str]) -> None:
        """Refuse predictions for documents that the gold does not hold."""
        extra = sorted(self.ids - set(known))
        if extra:
            shown = ", ".join(f"« {name} »" for name in extra[:NAMED])
            raise UsageError(
                f"{len(extra)} prédiction(s) d'un document absent de la référence ({shown}"
                f"{'…' if len(extra) > NAMED else ''}) : les deux fichiers doivent porter les mêmes "
                "identifiants."
            )

    def close(self) -> None:
        if self._file:
            self._file.close()


def read_spans(
    given: Any, text: str, labels: Sequence[str], where: str, *, nested: bool = False, remedy: str = ""
) -> list[Span]:
    """Spans of one document, checked, in order.

    Args:
        nested: spans may overlap; the same one given twice counts once.
        remedy: what to do about an overlap, at the end of the sentence.

    Raises:
        BadDocument: not spans, out of range, of an unknown label, or two that overlap.
    """
    if not isinstance(given, list):
        raise BadDocument(f"{where} : il manque « spans », la liste des passages.")
    spans = []
    for number, item in enumerate(given, 1):
        try:
            start, end, label = item["start"], item["end"], item["label"]
        except (KeyError, TypeError):
            raise BadDocument(f"{where}, passage {number} : il faut « start », « end », « label ».") from None
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
            raise BadDocument(
                f"{where}, passage {number} : [{start}, {end}) sort du texte, long de {len(text)} caractères."
            )
        if label not in labels:
            raise BadDocument(
                f"{where}, passage {number} : catégorie inconnue ; catégories : {', '.join(labels)}."
            )
        spans.append(Span(start, end, label))
    spans.sort(key=lambda span: (span.start, span.end))
    if nested:
        return list({(span.start, span.end, span.label): span for span in spans}.values())
    for before, after in pairwise(spans):
        if after.start < before.end:
            raise BadDocument(
                f"{where} : [{before.start}, {before.end}) et [{after.start}, {after.end}) se chevauchent{remedy}."
            )
    return spans


def same_text(gold: str, given: Any, masked: Sequence[Span], where: str) -> None:
    """Refuse a prediction made on another text; one whose spans were replaced is followed piece by piece.

    Raises:
        BadDocument: the texts differ; the place is given.
    """
    if not isinstance(given, str) or given == gold:
        return
    # where most passages are as they were, nothing was replaced: another text, even if it differs inside a passage
    least = max(2, (len(masked) + 1) // 2) if len(masked) > 1 else 0
    if least and Levenshtein.distance(gold, given, score_cutoff=least) < least:
        raise _differ(gold, given, where)
    at, last = 0, 0
    for span in [*masked, Span(len(gold), len(gold) + 1, "end")]:
        piece = gold[last : span.start]
        found = given.find(piece, at)
        if found < 0 or (not last and found) or (span.label == "end" and not given.endswith(piece)):
            raise _differ(gold, given, where)
        at, last = found + len(piece), span.end


def _differ(gold: str, given: str, where: str) -> BadDocument:
    differs = next(
        (n for n, (one, other) in enumerate(zip(gold, given, strict=False)) if one != other),
        min(len(gold), len(given)),
    )
    return BadDocument(
        f"{where} : le texte prédit n'est pas celui de la référence, ils diffèrent à partir du "
        f"caractère {differs} ({len(given)} caractères contre {len(gold)})."
    )
