"""Where text comes from: the catalogue, one small file a source, and reading any of them as records.

A source says what it is, who published it and where, under which licence, and what it may be used for.
Nothing is read that has none: a file without a known licence is refused, with the reason.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatch
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from partages.corpus.licences import licences
from partages.errors import PartagesError, UsageError

Kind = Literal[
    "guideline", "leaflet", "lecture", "article", "title", "case", "report", "dialogue", "question", "mixed"
]
Use = Literal["pre-training", "instruction", "evaluation"]
Reader = Literal["hub", "files", "oai", "folder"]
KINDS: tuple[str, ...] = get_args(Kind)
USES: tuple[str, ...] = get_args(Use)
READERS: tuple[str, ...] = get_args(Reader)
PER_DOCUMENT = "LicenseRef-per-document"
"""Licence of a source whose documents each have their own (open archives)."""
SIDECAR = "source.toml"
"""Beside files of one's own: what a catalogue file says, or ``name = "..."`` of a source of the catalogue."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    Attributes:
        name: as asked for and written in the corpus; lower case.
        title: what it is, French.
        publisher: who published it.
        home: where it comes from, an address.
        licence: identifier of ``licences.tsv``.
        commercial: whether commerce may use it; False where the licence or the publisher says research only.
        attribution: the sentence to reproduce.
        language: ISO 639-1 code of its text.
        kind: one of ``KINDS``.
        use: ``pre-training``; ``instruction``: questions and answers to learn from; ``evaluation``: never
            learnt from, and what the rest is decontaminated against.
        reader: how the home is read: ``hub``, ``files`` (by address), ``oai``; ``folder``: it is not.
        options: of the reader; ``local`` lists the files recognised by name, and their form.
    """

    name: str
    title: str
    publisher: str
    home: str
    licence: str
    commercial: bool
    attribution: str
    language: str
    kind: Kind
    use: Use
    reader: Reader
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One document of a source.

    Attributes:
        id: ``source/file/position``, unique, and the same at each reading of the same location.
        text: as published; nothing is cleaned here.
        metadata: what the source says of it. ``licence`` and ``commercial`` are there where the document
            has its own, which then replace those of the source.
    """

    id: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Record({self.id!r}, {len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class Input:
    """A source, and where it is read: files at hand under ``root``, or its home (``paths`` empty)."""

    source: Source
    paths: tuple[Path, ...] = ()
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot enter, and why, in French."""

    location: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a location holds."""

    inputs: tuple[Input, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of a source that could not be read.

    Attributes:
        source: its name.
        place: file or address, and the line where there is one.
        slug: ``truncated``, ``corrupt``, ``encoding``, ``row``, ``unreadable``, ``network``, ``licence``.
        reason: one French sentence.
        lost: ``record`` when reading goes on after it, ``rest`` when what follows in this file is lost.
    """

    source: str
    place: str
    slug: str
    reason: str
    lost: Literal["record", "rest"]


class DamagedSource(PartagesError):
    """A source cannot be read whole and nobody asked to go on."""

    slug = "source-abimee"
    title = "Source abîmée"

    def __init__(self, damage: Damage) -> None:
        super().__init__(damage.reason)
        self.damage = damage


def _raise(damage: Damage) -> None:
    if damage.slug == "licence":  # left on purpose, and nothing is lost
        return
    raise DamagedSource(damage)


def source_from(given: Mapping[str, Any], place: str) -> Source:
    """The source that a catalogue file describes, checked.

    Raises:
        UsageError: a field missing, unknown, or with a value that is not allowed; an unknown licence.
    """
    wanted = [one.name for one in fields(Source) if one.name != "options"]
    missing = [name for name in wanted if given.get(name) in (None, "")]
    if missing:
        raise UsageError(f"{place} : il manque {', '.join(missing)} ; une source sans cela n'entre pas.")
    unknown = sorted(given.keys() - {*wanted, "options"})
    if unknown:
        raise UsageError(
            f"{place} : champ inconnu, {', '.join(unknown)} ; champs : {', '.join(wanted)}, options."
        )
    wrong = [name for name in wanted if not isinstance(given[name], bool if name == "commercial" else str)]
    if wrong or not isinstance(given.get("options", {}), Mapping):
        raise UsageError(
            f"{place} : valeur refusée pour {', '.join(wrong) or 'options'} "
            "(commercial est true ou false, options une table, le reste du texte)."
        )
    for name, allowed in (("kind", KINDS), ("use", USES), ("reader", READERS)):
        if given[name] not in allowed:
            raise UsageError(f"{place} : « {name} » doit être l'un de : {', '.join(allowed)}.")
    licence = licences().get(given["licence"])
    if licence is None:
        raise UsageError(
            f"{place} : licence inconnue, « {given['licence']} » ; connues : {', '.join(licences())}."
        )
    if given["commercial"] and not licence.commercial:
        raise UsageError(
            f"{place} : la licence {licence.id} ne permet pas l'usage commercial, et « commercial » est true."
        )
    return Source(**{name: given[name] for name in wanted}, options=dict(given.get("options", {})))


def _toml(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{place} n'est pas du TOML valide : {error}.") from None


@cache
def catalogue() -> dict[str, Source]:
    """All sources, by name, in order."""
    found = {}
    folder = files("partages.corpus").joinpath("catalogue")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found[name] = source_from(
                {"name": name, **_toml(file.read_text(encoding="utf-8"), file.name)}, file.name
            )
    return found


# --- where


def sources_in(location: str | Path) -> Listing:
    """What a location holds: a name of the catalogue, a description (``.toml``), a file, or a folder.

    A file is recognised by its path (``local`` of the catalogue) or by a sidecar: ``FILE.source.toml``, or
    ``source.toml`` in its folder or one above, down from the location. Rows (JSON lines, Parquet, tables)
    may say their own ``source`` and ``licence``: one input each.

    Raises:
        UsageError: neither a source nor a file nor a folder; a sidecar that is wrong.
    """
    known = catalogue()
    path = Path(location)
    if str(location) in known and not path.exists():
        return Listing((Input(known[str(location)]),), ())
    if path.suffix == ".toml" and path.name != SIDECAR and path.is_file():
        return Listing((Input(_sidecar(path)),), ())
    if not path.exists():
        raise UsageError(
            f"« {location} » n'est ni un fichier, ni un dossier, ni une source du catalogue : "
            "partages corpus sources les liste."
        )
    root = path.resolve()
    listed = sorted(_data_files(root)) if root.is_dir() else [root]
    if root.is_dir() and not listed:
        return Listing((), (Refused(str(location), f"« {location} » n'a aucun fichier de données."),))
    sidecars: dict[Path, Source | None] = {}
    inputs: dict[Source, list[Path]] = {}
    refused = []
    for file in listed:
        source = _sidecar_of(file, root, sidecars) or recognised(file)
        shown = file.relative_to(root) if root.is_dir() else file.name
        if source is not None:
            inputs.setdefault(source, []).append(file)
        elif declared := declared_in(file):
            for one in declared:
                if isinstance(one, Source):
                    inputs.setdefault(one, []).append(file)
                else:
                    refused.append(Refused(str(shown), f"« {shown} » : {one}"))
        else:
            refused.append(
                Refused(
                    str(shown),
                    f"« {shown} » n'a pas de licence connue : décrivez-la dans un fichier {SIDECAR} à côté "
                    "(partages corpus add --help).",
                )
            )
    ordered = sorted(inputs.items(), key=lambda one: (one[0].name, one[1]))
    folder = root if root.is_dir() else None
    return Listing(tuple(Input(source, tuple(paths), folder) for source, paths in ordered), tuple(refused))


DATA_SUFFIXES = (".txt", ".jsonl", ".json", ".csv", ".tsv", ".parquet", ".xml")
DOCUMENTATION = ("readme", "licence", "license", "notice", "changelog")


def _data_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        name = path.name.lower()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.is_file() or name.startswith(DOCUMENTATION) or name.endswith(".partial"):
            continue
        if name.removesuffix(".gz").endswith(DATA_SUFFIXES):
            yield path


def _sidecar_of(file: Path, root: Path, read: dict[Path, Source | None]) -> Source | None:
    own = file.with_name(f"{file.name}.{SIDECAR}")
    above = [folder for folder in file.parents if root.is_dir() and folder.is_relative_to(root)]
    for path in (own, *(folder / SIDECAR for folder in above or [file.parent])):
        if path not in read:
            read[path] = _sidecar(path) if path.is_file() else None
        if source := read[path]:
            return source
    return None


def _sidecar(path: Path) -> Source:
    place = f"« {path} »"
    try:
        given = _toml(path.read_text(encoding="utf-8"), place)
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{place} ne peut pas être lu : enregistrez-le en UTF-8.") from None
    if given.keys() == {"name"}:
        known = catalogue().get(given["name"])
        if known is None:
            raise UsageError(f"{place} : « {given['name']} » n'est pas une source du catalogue.")
        return known
    if given.get("name") in catalogue():
        raise UsageError(
            f"{place} : « {given['name']} » est une source du catalogue ; n'écrivez que son nom, ou nommez autrement la vôtre."
        )
    return source_from(given, place)


def recognised(file: Path) -> Source | None:
    """The source of the catalogue that names this file in ``local``, by the end of its path.

    A full name goes before a pattern: ``frasimed/wmt_18_medline.txt`` is of WMT18.
    """
    path = file.as_posix().lower()
    for exact in (True, False):
        for source in catalogue().values():
            for form in source.options.get("local", ()):
                patterns = (pattern for pattern in form["files"] if ("*" not in pattern) == exact)
                if any(fnmatch(path, "*/" + pattern.lower()) for pattern in patterns):
                    return source
    return None


MOST_DECLARED = 1000
"""Pairs of source and licence that rows of one file may say."""


def declared_in(file: Path) -> list[Source | str]:
    """The sources that the rows of a file say (``source``, ``licence``), or why one cannot enter.

    Nothing where rows say no licence. A name of the catalogue keeps what the catalogue says of its use, and
    is never freer than there.
    """
    from partages.corpus.licences import licence_named
    from partages.corpus.readers import declarations

    found: list[Source | str] = []
    for pair, column in declarations(file, MOST_DECLARED):
        named, written = pair
        licence = licence_named(written)
        known = catalogue().get(named)
        if licence is None:
            what = f"la licence « {written} »" if written else "l'absence de licence"
            found.append(f"les lignes de « {named or '?'} » sont laissées, {what} n'est pas connue.")
            continue
        name = re.sub(r"[^a-z0-9]+", "-", (named or file.name.split(".")[0]).lower()).strip("-") or "lignes"
        fields = {
            "name": f"{name}-{licence.id.lower()}" if known and known.licence != licence.id else name,
            "title": named or file.name,
            "publisher": known.publisher if known else named or file.name,
            "home": known.home if known else file.name,
            "licence": licence.id,
            "commercial": licence.commercial and (known is None or known.commercial),
            "attribution": known.attribution if known else f"{named or file.name}, {licence.name}",
            "language": "fr",
            "kind": known.kind if known else "mixed",
            "use": known.use if known else "pre-training",
            "reader": "folder",
            "options": {"where": {column: written, **({"source": named} if named else {})}},
        }
        found.append(source_from(fields, file.name))
    names = [one.name for one in found if isinstance(one, Source)]
    return [
        replace(one, name=f"{one.name}-{one.licence.lower()}")
        if isinstance(one, Source) and names.count(one.name) > 1
        else one
        for one in found
    ]


def form_of(source: Source, file: Path) -> Mapping[str, Any]:
    """How a file at hand is read: its entry of ``local``, else the options of the source."""
    path = file.as_posix().lower()
    for form in source.options.get("local", ()):
        if any(fnmatch(path, "*/" + pattern.lower()) for pattern in form["files"]):
            return dict(form)
    return source.options


# --- what


def read(
    source: Source,
    paths: Sequence[Path] = (),
    *,
    root: Path | None = None,
    damaged: Callable[[Damage], None] = _raise,
    cache_folder: Path | None = None,
) -> Iterator[Record]:
    """The documents of a source, in order, from files at hand or, without any, from its home.

    Args:
        source: what is read.
        paths: files at hand.
        root: folder that the identifiers tell the files from; without it, their names do.
        damaged: told of what cannot be read; reading then goes on with what follows. By default the first
            damage stops it.
        cache_folder: where what comes from a home is kept; the cache of the settings by default.

    Raises:
        DamagedSource: by default, something cannot be read.
        UsageError: a source with no files at hand that has no home to read; a form that is not known.
        MissingPart: an optional package is absent.
    """
    from partages.corpus.readers import read_files

    if paths:
        yield from read_files(source, paths, damaged, root)
        return
    if source.reader == "folder":
        raise UsageError(
            f"« {source.name} » ne se télécharge pas : prenez-le sur {source.home}, puis donnez son dossier."
        )
    from partages.corpus.homes import read_home
    from partages.settings import Settings

    yield from read_home(source, damaged, cache_folder or Settings().cache_folder)


def licence_of(source: Source, record: Record) -> tuple[str, bool]:
    """The licence of a document and whether commerce may use it: its own where it has one.

    A document never allows more than its source does, unless the source says that each has its own.
    """
    own = licences().get(str(record.metadata.get("licence", "")))
    if own is None:
        return source.licence, source.commercial
    return own.id, own.commercial and (source.commercial or source.licence == PER_DOCUMENT)
