"""Licences a text may enter the corpus under: identifier, name, whether commerce may use it.

``licences.tsv`` is the whole list: SPDX identifiers (https://spdx.org/licenses/), ``etalab-2.0`` as SPDX
writes it, and ``LicenseRef-`` names for terms of use that have none. NoDerivatives licences are absent on
purpose: a cleaned text is a derived one.
"""

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence; ``commercial`` is False where research alone may use what it covers."""

    id: str
    commercial: bool
    name: str
    url: str


@cache
def licences() -> dict[str, Licence]:
    """All known licences, by identifier."""
    text = files("partages.corpus").joinpath("licences.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {
        row["id"]: Licence(row["id"], row["commercial"] == "yes", row["name"], row["url"]) for row in rows
    }


_CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/licen[sc]es/(by(?:-nc)?(?:-sa)?)(?:/(\d\.\d))?(?![\w-])"
)
_ETALAB = re.compile(r"etalab|licence ouverte|open licence")


def licence_named(written: str) -> Licence | None:
    """The licence that an identifier, a name, or an address written by a publisher names, else None.

    A Creative Commons address without a version is taken for 4.0.
    """
    plain = " ".join(written.split()).casefold()
    known = {name: one for name, one in licences().items() if name != "LicenseRef-per-document"}
    if not plain:
        return None
    for licence in known.values():
        if plain.rstrip("/") in (
            licence.id.casefold(),
            licence.name.casefold(),
            licence.url.casefold().rstrip("/"),
        ):
            return licence
    if "publicdomain/zero" in plain or plain in ("cc0", "cc-0"):
        return known["CC0-1.0"]
    if match := _CREATIVE_COMMONS.search(plain):
        return known.get(f"CC-{match[1].upper()}-{match[2] or '4.0'}")
    if _ETALAB.search(plain):
        return known["etalab-2.0"]
    spelled = re.sub(r"[\s_]+", "-", plain.removeprefix("license ").removeprefix("licence "))
    return next((licence for licence in known.values() if licence.id.casefold() == spelled), None)
