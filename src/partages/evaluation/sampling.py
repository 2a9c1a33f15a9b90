"""Drawing documents to annotate: proportional to the strata, or as equal as their sizes allow."""

import csv
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from partages.errors import UsageError


def balanced(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Water-filling: all strata rise together until full; what is left goes in order of name."""
    given = dict.fromkeys(sizes, 0)
    left = min(wanted, sum(sizes.values()))
    while left:
        open_ = sorted(name for name in sizes if given[name] < sizes[name])
        share = left // len(open_)
        if not share:
            for name in open_[:left]:
                given[name] += 1
            return given
        for name in open_:
            added = min(share, sizes[name] - given[name])
            given[name] += added
            left -= added
    return given


def proportional(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Largest remainders (Hamilton): shares of the sizes, rounded so that they add up."""
    total = sum(sizes.values())
    wanted = min(wanted, total)
    given = {name: wanted * size // total for name, size in sizes.items()} if total else {}
    rest = sorted(sizes, key=lambda name: (-(wanted * sizes[name] % total), name))
    for name in rest[: wanted - sum(given.values())]:
        given[name] += 1
    return given


def read_table(table: Path, by: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV table (comma or semicolon) that has the columns named.

    Raises:
        UsageError: unreadable, no row, or a column that is not there.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            rows = list(csv.DictReader(stream, delimiter=";" if head.count(";") > head.count(",") else ","))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"« {table} » n'est pas un tableau CSV lisible en UTF-8.") from None
    if not rows:
        raise UsageError(f"« {table} » ne contient aucune ligne.")
    missing = [name for name in by if name not in rows[0]]
    if missing:
        raise UsageError(f"« {table} » n'a pas de colonne {', '.join(missing)}.")
    return rows


def sample(
    table: Path, by: Sequence[str], wanted: int, how: Literal["proportional", "balanced"], seed: int
) -> list[dict[str, str]]:
    """Rows of a CSV table, in its order; the same seed and table give the same rows.

    A column ``age`` of years is cut into the programme's ten bands.

    Raises:
        UsageError: no row, or a column that is not there.
    """
    rows = read_table(table, by)
    strata = defaultdict(list)
    for number, row in enumerate(rows):
        strata["\0".join(_value(name, row[name] or "") for name in by)].append(number)
    sizes = {name: len(members) for name, members in strata.items()}
    share = (balanced if how == "balanced" else proportional)(sizes, wanted)
    generator = random.Random(seed)
    chosen = [n for name in sorted(strata) for n in generator.sample(strata[name], share[name])]
    return [rows[number] for number in sorted(chosen)]


AGE_BANDS = (0, 1, 5, 10, 18, 30, 40, 50, 65, 80)
"""First year of each of ten age bands."""


def age_band(age: float) -> str:
    """``80+``, ``65-79``..."""
    bands = [start for start in AGE_BANDS if start <= age]
    start = bands[-1] if bands else 0
    after = [other for other in AGE_BANDS if other > start]
    return f"{start}-{after[0] - 1}" if after else f"{start}+"


def _value(name: str, given: str) -> str:
    given = given.strip()
    if name == "age" and given.isascii() and given.isdigit() and int(given) < 130:
        return age_band(int(given))
    return given
