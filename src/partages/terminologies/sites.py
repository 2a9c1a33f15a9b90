"""Where a passage places a disorder of bones and joints, and the subdivisions of chapter XIII that say it.

Labels of ATIH end with the site ("Fracture mal consolidée - Cheville et pied"); physicians name a bone, a
joint or a level ("cal vicieux de la malléole externe"). Table: ``data/regions.tsv``.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from partages.terminologies import words
from partages.terminologies.cim10 import Nomenclature

SAID, UNSAID, SEVERAL, SILENT, OTHER = 1.0, 0.5, 0.6, -0.3, -1.0
"""The passage names the site; names none, for "siège non précisé"; names several, for "sièges multiples";
names none, for a code that gives one; names another."""
_UNSPECIFIED = re.compile(r"(?:Siège|Localisation vertébrale) non précisée?$|, sans précision$")
_MULTIPLE = re.compile(r"multiples\)?$")


@cache
def _table() -> Mapping[str, re.Pattern[str]]:
    text = files(__package__).joinpath("data", "regions.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {site: re.compile(rf" (?:{starts})") for site, starts in rows}


def _suffix(label: str) -> str:
    return label.rpartition(" - ")[2] if " - " in label else ""


class Sites:
    """Codes of chapter XIII by the site that ends their label."""

    def __init__(self, nomenclature: Nomenclature) -> None:
        self._patterns = list(_table().values())
        numbers = {site: i for i, site in enumerate(_table())}
        kinds = []
        for name, code in nomenclature.items():
            suffix = _suffix(code.label) if name[0] == "M" else ""
            if not suffix:
                kinds.append(-1)
            elif _UNSPECIFIED.search(suffix):
                kinds.append(-2)
            elif _MULTIPLE.search(suffix):
                kinds.append(-3)
            else:
                kinds.append(numbers.get(suffix, -4))
        self._kinds = np.array(kinds, dtype=np.int32)

    def agreement(self, text: str, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """From -1 to 1 for each code; 0 for codes that give no site."""
        kinds = self._kinds[numbers]
        out = np.zeros(len(numbers), np.float32)
        sited = kinds != -1
        if not sited.any():
            return out
        folded = " " + " ".join(words.cut(text))
        said = np.array([pattern.search(folded) is not None for pattern in self._patterns])
        several = int(said.sum()) > 2
        values = np.where(said, SAID, OTHER if said.any() else SILENT)
        special = {-2: OTHER / 2 if said.any() else UNSAID, -3: SEVERAL if several else SILENT, -4: SILENT}
        for at in np.flatnonzero(sited):
            kind = int(kinds[at])
            out[at] = values[kind] if kind >= 0 else special[kind]
        return out
