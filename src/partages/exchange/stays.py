"""The programme's table of stays for coding: ``ID; Spécialité; Texte; Codes CCAM; CIM-10 DP``.

Written in UTF-8 with a byte order mark, as spreadsheets of hospitals expect, quoted by RFC 4180; read with
or without the mark, with columns in any order.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from partages.errors import UsageError
from partages.text import fold

COLUMNS = ("ID", "Spécialité", "Texte", "Codes CCAM", "CIM-10 DP")
_FIELDS = dict(zip(map(fold, COLUMNS), ("id", "specialty", "text", "ccam", "code"), strict=True))
_SEPARATORS = re.compile(r"[,;|+\s]+")


def header() -> str:
    """The line of column names, after the byte order mark."""
    return "\ufeff" + _line(COLUMNS)


def row(identifier: str, specialty: str, text: str, acts: list[str], principal: str) -> str:
    """One stay; a code travels without dot."""
    return _line((identifier, specialty, text, " ".join(acts), principal))


def _line(cells: tuple[str, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";", lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()


def read(table: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, fields) of each stay: ``id``, ``text``, ``specialty``, ``ccam``, ``code`` (where filled).

    Args:
        table: the file's text.
        name: the file's name, for messages.

    Raises:
        UsageError: the columns ID and Texte are not there, or a quote is never closed.
    """
    previous = csv.field_size_limit(max(csv.field_size_limit(), len(table) + 1))
    try:
        rows = csv.reader(io.StringIO(table, newline=""), delimiter=";", strict=True)
        names = [_FIELDS.get(fold(cell.strip())) for cell in next(rows, [])]
        if "id" not in names or "text" not in names:
            raise UsageError(
                f"« {name} » n'a pas les colonnes attendues, séparées par des points-virgules : "
                f"{' ; '.join(COLUMNS)}."
            )
        for cells in rows:
            if not any(cells):
                continue
            fields: dict[str, Any] = {
                field: cell for field, cell in zip(names, cells, strict=False) if field and cell.strip()
            }
            if "ccam" in fields:
                fields["ccam"] = [code for code in _SEPARATORS.split(fields["ccam"]) if code]
            yield rows.line_num, fields
    except csv.Error:
        raise UsageError(
            f"« {name} » n'est pas un tableau valide (guillemet jamais fermé ?) : exportez-le de nouveau."
        ) from None
    finally:
        csv.field_size_limit(previous)
