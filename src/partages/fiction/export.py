"""Accepted cases to JSON lines or Parquet; what a model had a hand in goes to a file of its own, marked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partages.errors import MissingPart, OutputError, UsageError
from partages.fiction.case import Case, exported, write_bytes


@dataclass(frozen=True, slots=True)
class Counts:
    """Cases exported, and left."""

    human: int
    assisted: int
    unreviewed: int


def export(cases: Sequence[Case], output: Path, generated: Path | None = None) -> Counts:
    """Write the accepted cases.

    Raises:
        UsageError: both files are the same, or two cases have one identifier.
        OutputError: a file cannot be written.
        MissingPart: Parquet without pyarrow.
    """
    if generated is not None and generated.resolve() == output.resolve():
        raise UsageError("Les textes humains et les autres vont dans deux fichiers différents.")
    accepted = [case for case in cases if case.accepted]
    if len({case.id for case in accepted}) < len(accepted):
        raise UsageError("Deux cas ont le même identifiant : ôtez la copie.")
    human = [case for case in accepted if case.human]
    assisted = [case for case in accepted if not case.human]
    _write(output, [exported(case) for case in human])
    if generated is not None:
        _write(generated, [exported(case) for case in assisted])
    return Counts(len(human), len(assisted), len(cases) - len(accepted))


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix != ".parquet":
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_bytes(path, lines.encode())
        return
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingPart("Écrire du Parquet demande pyarrow : pip install 'partages[corpus]'.") from None
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), partial)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None
