"""What a sentence states that can be looked up: quantities, dates, sides, drugs, words, and their polarity.

Everything is read from folded tokens with offsets, in one pass over the text.
"""

import gzip
import json
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from partages.text import fold

# ---- words


@cache
def stopwords() -> frozenset[str]:
    """Words that carry no clinical fact, folded."""
    content = (files(__package__) / "data" / "stopwords.txt").read_text(encoding="utf-8")
    return frozenset(
        fold(word) for line in content.splitlines() if not line.startswith("#") for word in line.split()
    )


# Longest first. A light stemmer in the manner of Savoy (2006): plural, feminine, and the endings
# that turn a French noun into its adjective or verb. At least four letters remain.
_ENDINGS = sorted(
    [
        "ements",
        "ement",
        "ations",
        "ation",
        "ateurs",
        "ateur",
        "atrice",
        "atrices",
        "itions",
        "ition",
        "tions",
        "tion",
        "ives",
        "ive",
        "ifs",
        "if",
        "euses",
        "euse",
        "eux",
        "elles",
        "elle",
        "els",
        "el",
        "ales",
        "ale",
        "aux",
        "al",
        "iques",
        "ique",
        "ismes",
        "isme",
        "istes",
        "iste",
        "ites",
        "ies",
        "ie",
        "ees",
        "ee",
        "es",
        "e",
        "er",
        "ir",
        "ant",
        "ante",
        "antes",
        "ants",
        "ait",
        "aient",
        "ent",
        "aires",
        "aire",
        "ances",
        "ance",
        "ences",
        "ence",
        "ages",
        "age",
        "ables",
        "able",
        "s",
        "x",
        "t",
        "iennes",
        "ienne",
        "iens",
        "ien",
        "is",
        "it",
    ],
    key=len,
    reverse=True,
)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of a folded word; words of up to four letters, and those with digits, stay whole."""
    if len(word) <= 4 or not word.isalpha():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] else word


@cache
def _meanings() -> tuple[dict[str, str], dict[tuple[str, ...], str], int]:
    """Stem or phrase of stems -> first form of its line in ``data/equivalents.tsv``; longest phrase."""
    single: dict[str, str] = {}
    phrases: dict[tuple[str, ...], str] = {}
    content = (files(__package__) / "data" / "equivalents.tsv").read_text(encoding="utf-8")
    for line in content.splitlines():
        if not line or line.startswith("#"):
            continue
        forms = line.split("\t")
        meaning = "=" + fold(forms[0])
        for form in forms:
            key = tuple(stem(word) for word in _WORD.findall(fold(form)))
            if len(key) == 1:
                single[key[0]] = meaning
            elif key:
                phrases[key] = meaning
    return single, phrases, max(map(len, phrases))


# Words, numbers and units keep together what means one thing: « 38,5 », « CA15-3 », « d'apixaban » is two.
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the text: offsets, folded form, and what it means (a stem, or ``=first form``)."""

    start: int
    end: int
    word: str
    meaning: str
    stop: bool


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """Words of ``text[start:end]``, with those that mean the same written the same."""
    single, phrases, longest = _meanings()
    raw = [
        (m.start(), m.end(), _fold_word(m.group()))
        for m in _WORD.finditer(text, start, len(text) if end is None else end)
    ]
    stems = [stem(word) for _, _, word in raw]
    found: list[Token] = []
    at = 0
    while at < len(raw):
        for count in range(min(longest, len(raw) - at), 1, -1):
            meaning = phrases.get(tuple(stems[at : at + count]))
            if meaning:
                found.append(Token(raw[at][0], raw[at + count - 1][1], raw[at][2], meaning, False))
                at += count
                break
        else:
            left, right, word = raw[at]
            # « K 4,1 », « Na 134 », « T 38 » are measures; « k » elsewhere is nothing
            meaning = single.get(stems[at])
            if meaning is None or (len(word) <= 2 and not text[left:right][0].isupper()):
                meaning = stems[at]
            found.append(Token(left, right, word, meaning, word in stopwords() or (len(word) < 2)))
            at += 1
    return found


@lru_cache(maxsize=100_000)
def _fold_word(word: str) -> str:
    return fold(word)


# ---- quantities

_SPACES = " \u00a0\u202f\u2009"
_NUMBER = re.compile(
    rf"(?<![\w.,/])[<>≤≥~+]?(\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?!\d)|\d+)(?:[.,](\d+))?(?![.,/]?\d)",
    re.UNICODE,
)
_UNIT = re.compile(
    rf"[{_SPACES}]{{0,2}}(°[ ]?c|%|mm ?hg|cm ?h2o|[kmµμu]?g/(?:24 ?h|kg|m2|[dm]?l|j(?:our)?|h)|[mµμunp]?mol/m?l|mui/m?l|[kmu]?u?i/m?l"
    r"|g/l|ml/(?:min|h)|l/(?:min|mn)|/min|/mm3|giga/l|ng/m?l|pg/ml|ui/l|bpm|kg/m2|mg/m2|grammes?|litres?|millilitres?|milligrammes?"
    r"|kilos?|kg|mg|µg|μg|ug|mcg|ng|g|ml|cl|dl|l|mm|cm|m|ui|mui|gy|mv|ms|ans?|mois|semaines?|sem|jours?|j|heures?|h|minutes?|min|secondes?|sec|s"
    r"|sa|pa|fois|cycles?|cures?|séances?|fractions?|comprimés?|cp)(?![\w])",
    re.IGNORECASE,
)
_WORDS = {
    "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7, "huit": 8, "neuf": 9, "dix": 10, "onze": 11,
    "douze": 12, "quinze": 15, "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
}  # fmt: skip
_SPELLED = re.compile(rf"\b({'|'.join(_WORDS)})(?![\w-])", re.IGNORECASE)

# unit as written, folded -> (dimension, factor to its base unit)
_UNITS: dict[str, tuple[str, Decimal]] = {
    **{u: ("mass", Decimal(f)) for u, f in {
        "kg": "1000", "kilo": "1000", "kilos": "1000", "g": "1", "gramme": "1", "grammes": "1", "mg": "0.001",
        "milligramme": "0.001", "milligrammes": "0.001", "µg": "0.000001", "ug": "0.000001", "mcg": "0.000001",
        "ng": "0.000000001"}.items()},
    **{u: ("volume", Decimal(f)) for u, f in {
        "l": "1", "litre": "1", "litres": "1", "dl": "0.1", "cl": "0.01", "ml": "0.001", "millilitre": "0.001",
        "millilitres": "0.001"}.items()},
    **{u: ("length", Decimal(f)) for u, f in {"m": "1", "cm": "0.01", "mm": "0.001"}.items()},
    **{u: ("concentration", Decimal(f)) for u, f in {
        "g/l": "1", "g/dl": "10", "mg/l": "0.001", "mg/dl": "0.01", "mg/ml": "1", "µg/l": "0.000001", "ug/l": "0.000001",
        "ng/ml": "0.000001", "ng/l": "0.000000001", "pg/ml": "0.000000001"}.items()},
    **{u: ("days", Decimal(f)) for u, f in {
        "jour": "1", "jours": "1", "j": "1", "semaine": "7", "semaines": "7", "sem": "7"}.items()},
    **{u: ("hours", Decimal(f)) for u, f in {
        "h": "1", "heure": "1", "heures": "1"}.items()},
    **{u: ("months", Decimal(f)) for u, f in {"mois": "1"}.items()},
    **{u: ("years", Decimal(1)) for u in ("an", "ans")},
    **{u: ("minutes", Decimal(1)) for u in ("min", "minute", "minutes")},
    **{u: ("rate", Decimal(1)) for u in ("/min", "bpm")},
    **{u: ("temperature", Decimal(1)) for u in ("°c", "° c")},
    **{u: ("courses", Decimal(1)) for u in ("cycle", "cycles", "cure", "cures")},
    **{u: ("sessions", Decimal(1)) for u in ("seance", "seances", "fraction", "fractions")},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written, its value, and its unit brought to a base one (``""``: no unit beside it)."""

    start: int
    end: int
    value: Decimal
    dimension: str
    base: Decimal


def _base(value: Decimal, unit: str) -> tuple[str, Decimal]:
    if not unit:
        return "", value
    unit = _PER_DAY.sub("", unit)
    known = _UNITS.get(unit)
    if known is None:
        return unit.replace(" ", ""), value
    dimension, factor = known
    if dimension == "hours" and value >= 24 and value % 24 == 0:
        return "days", value / 24
    return dimension, value * factor


_DAY = re.compile(r"\bJ[ ]?[+]?[ ]?(\d{1,3})\b")
_CLOCK = re.compile(r"(?<![\d.,/])([01]?\d|2[0-3])[ ]?[hH:][ ]?([0-5]\d)(?!\d)")
_NAME = re.compile(r"\b[A-Z]{1,4}[ -]?\d{1,3}-\d{1,3}\b")
"""« CA 15-3 », « L4-5 »: names, not numbers."""
_PER_DAY = re.compile(r"/(?:24 ?h|j(?:our)?|h)$")


def quantities(text: str, start: int = 0, end: int | None = None, *, counted: bool = False) -> list[Quantity]:
    """Numbers with their units, spelled ones included (from two: « un » is an article). Dates excluded.

    Args:
        text, start, end: what is read.
        counted: also spelled numbers without a unit (« trois nodules »), which are told in many ways.
    """
    end = len(text) if end is None else end
    found = []
    taken = [(date.start, date.end) for date in dates(text, start, end)]
    taken += [(m.start(), m.end()) for m in _NAME.finditer(text, start, end)]
    for m in _DAY.finditer(text, start, end):
        taken.append((m.start(), m.end()))
        found.append(Quantity(m.start(), m.end(), Decimal(m[1]), "days", Decimal(m[1])))
    for m in _CLOCK.finditer(text, start, end):
        taken.append((m.start(), m.end()))
        minutes = Decimal(60 * int(m[1]) + int(m[2]))
        found.append(Quantity(m.start(), m.end(), minutes, "clock", minutes))
    taken.sort()
    at = 0
    matches: list[tuple[int, int, Decimal]] = []
    for match in _NUMBER.finditer(text, start, end):
        whole = "".join(c for c in match.group(1) if c.isdigit())
        try:
            value = Decimal(
                unicodedata.normalize("NFKC", whole) + ("." + match.group(2) if match.group(2) else "")
            )
        except InvalidOperation:
            continue
        matches.append((match.start(1), match.end(), value))
    matches += [
        (m.start(), m.end(), Decimal(_WORDS[m.group().lower()])) for m in _SPELLED.finditer(text, start, end)
    ]
    for left, right, value in sorted(matches):
        while at < len(taken) and taken[at][1] <= left:
            at += 1
        if at < len(taken) and taken[at][0] <= left < taken[at][1]:
            continue
        unit = _UNIT.match(text, right, end)
        written = unit.group(1).lower().replace("μ", "µ").replace("é", "e") if unit else ""
        dimension, base = _base(value, written)
        if not unit and text[left:right].isalpha() and not counted:
            continue
        found.append(Quantity(left, unit.end() if unit else right, value, dimension, base.normalize()))
    return sorted(found, key=lambda quantity: quantity.start)


# ---- dates

_MONTHS = {
    "janvier": 1, "janv": 1, "fevrier": 2, "fev": 2, "fevr": 2, "mars": 3, "avril": 4, "avr": 4, "mai": 5, "juin": 6,
    "juillet": 7, "juil": 7, "aout": 8, "septembre": 9, "sept": 9, "octobre": 10, "oct": 10, "novembre": 11, "nov": 11,
    "decembre": 12, "dec": 12,
}  # fmt: skip
_NUMERIC = re.compile(r"(?<![\w/.,-])(\d{1,2})([/.-])(\d{1,2})(?:\2(\d{4}|\d{2}))?(?![\w/]|[.,-]\d)")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_LETTERS = re.compile(
    r"(?:(?<!\w)(\d{1,2})(?:er)?[ \u00a0]{1,2})?\b(janvier|janv|f[ée]vrier|f[ée]vr?|mars|avril|avr|mai|juin|juillet|juil|ao[ûu]t"
    r"|septembre|sept|octobre|oct|novembre|nov|d[ée]cembre|d[ée]c)\b[.]?(?:[ \u00a0]{1,2}(?:de )?(\d{4})\b)?",
    re.IGNORECASE,
)
_MONTH_YEAR = re.compile(r"(?<![\w/.,-])(0?[1-9]|1[0-2])/((?:19|20)\d\d)(?![\w/])")
_YEAR = re.compile(r"(?<![\w/.,-])((?:19|20)\d\d)(?![\w/%]|[.,]\d|[ ]?(?:mg|g|ml|ui|kg|UI|ng|pg|µmol))")


@dataclass(frozen=True, slots=True)
class Date:
    """A date as far as it is written: any of year, month and day may be absent."""

    start: int
    end: int
    year: int | None
    month: int | None
    day: int | None

    def agrees(self, other: "Date") -> bool:
        """Whether nothing written in both differs, and at least one thing is written in both."""
        pairs = [(self.year, other.year), (self.month, other.month), (self.day, other.day)]
        both = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
        return bool(both) and all(mine == theirs for mine, theirs in both)


def dates(text: str, start: int = 0, end: int | None = None) -> list[Date]:
    """Dates of ``text[start:end]``, in order, without overlap."""
    end = len(text) if end is None else end
    found: list[Date] = []
    for m in _ISO.finditer(text, start, end):
        found.append(Date(m.start(), m.end(), int(m[1]), int(m[2]), int(m[3])))
    for m in _NUMERIC.finditer(text, start, end):
        day, month = int(m[1]), int(m[3])
        padded = len(m[1]) == len(m[3]) == 2 and m[2] == "." and not _UNIT.match(text, m.end(), end)
        dotted_or_slashed = m[4] or (m[2] == "/" and len(m[3]) == 2) or padded
        if 1 <= day <= 31 and 1 <= month <= 12 and dotted_or_slashed:
            year = int(m[4]) if m[4] else None
            if year is not None and year < 100:
                year += 2000 if year < 50 else 1900
            found.append(Date(m.start(), m.end(), year, month, day))
    for m in _MONTH_YEAR.finditer(text, start, end):
        found.append(Date(m.start(), m.end(), int(m[2]), int(m[1]), None))
    for m in _LETTERS.finditer(text, start, end):
        month = _MONTHS[fold(m[2])]
        if not m[1] and not m[3] and fold(m[2]) in ("sept", "avr", "dec", "nov", "oct", "fev"):
            continue
        found.append(
            Date(m.start(), m.end(), int(m[3]) if m[3] else None, month, int(m[1]) if m[1] else None)
        )
    for m in _YEAR.finditer(text, start, end):
        found.append(Date(m.start(), m.end(), int(m[1]), None, None))
    found.sort(key=lambda date: (date.start, -date.end))
    kept: list[Date] = []
    for date in found:
        if not kept or date.start >= kept[-1].end:
            kept.append(date)
    return kept


# ---- drugs and diagnoses


def _edsnlp(name: str) -> Path | None:
    spec = find_spec("edsnlp")
    path = Path(spec.origin).parent / "resources" / name if spec and spec.origin else None
    return path if path and path.is_file() else None


@cache
def drugs() -> dict[str, frozenset[str]]:
    """Folded drug word -> ATC codes (the French drug table inside edsnlp); brands and substances alike."""
    path = _edsnlp("drugs.json")
    if path is None:
        return {}
    found: dict[str, set[str]] = {}
    for code, names in json.loads(path.read_text(encoding="utf-8")).items():
        for name in names:
            words = _WORD.findall(fold(name))
            # the first word names it (« METFORMINE ARROW ») ; a class (« antiacides a base de ») has no ATC level 5
            if (
                words
                and len(words[0]) >= 5
                and len(code) == 7
                and words[0].isalpha()
                and words[0] not in _NOT_DRUGS
            ):
                found.setdefault(words[0], set()).add(code)
    return {word: frozenset(codes) for word, codes in found.items()}


_NOT_DRUGS = frozenset(
    [
        "acide",
        "acides",
        "calcium",
        "sodium",
        "potassium",
        "magnesium",
        "chlorure",
        "chlorhydrate",
        "sulfate",
        "citrate",
        "phosphate",
        "bicarbonate",
        "carbonate",
        "glucose",
        "fluor",
        "fluorure",
        "vitamine",
        "vitamines",
        "oxygene",
        "azote",
        "solution",
        "sirop",
        "huile",
        "charbon",
        "alcool",
        "eau",
        "sucre",
        "extrait",
        "creme",
        "vaccin",
        "vaccins",
        "antigenes",
        "virus",
        "autres",
        "divers",
        "medicaments",
        "association",
        "associations",
        "preparations",
        "produits",
        "produit",
        "insuline",
        "hormone",
        "facteur",
        "facteurs",
        "immunoglobulines",
        "immunoglobuline",
        "plasma",
        "albumine",
        "fibrinogene",
        "complexe",
        "sang",
        "acetate",
        "poudre",
        "gelule",
        "phosphore",
        "lithium",
        "argent",
        "cuivre",
        "selenium",
        "zinc",
        "iode",
        "lactate",
        "gluconate",
        "benzoate",
        "agents",
        "combinaisons",
        "derives",
        "levure",
        "lactobacillus",
        "bacille",
        "tuberculine",
        "thrombine",
        "uree",
        "lactose",
        "gelatine",
        "hematie",
        "plante",
        "plantes",
        "racine",
        "solutions",
        "avocat",
        "cellules",
        "aluminium",
        "ultra",
        "larmes",
        "insectes",
        "composes",
        "anneau",
        "fievre",
        "cristal",
        "grippe",
        "hydrogene",
        "fraction",
        "proteine",
        "diane",
        "daily",
        "chrono",
        "tuberculose",
        "soufre",
        "hepatite",
        "teinture",
        "dragees",
        "pollen",
        "gamma",
        "inhibiteur",
        "polystyrene",
        "antigone",
        "pastilles",
        "rougeole",
        "acariens",
        "lactique",
        "jasmine",
        "toxine",
        "nitrate",
        "xenon",
        "varicelle",
        "typhoide",
        "triglycerides",
        "sylviane",
        "poliomyelite",
        "magne",
        "microorganismes",
        "rhino",
        "silicones",
        "folique",
        "hydrates",
        "palmier",
        "coqueluche",
        "diphterie",
        "tetanos",
        "effort",
        "contre",
        "rapide",
        "action",
        "jouvence",
        "enfant",
        "enfants",
        "adultes",
        "adulte",
        "prostate",
        "circulation",
        "digestion",
        "transit",
        "coeur",
        "medicament",
        "substances",
        "tisane",
        "elixir",
        "baume",
        "fleur",
        "fleurs",
        "aspartate",
        "avoine",
        "thym",
        "menthe",
        "normal",
        "repos",
        "sommeil",
        "nuit",
    ]
)


@cache
def diagnosis_words() -> frozenset[str]:
    """Stems of the words of CIM-10 labels (the table inside edsnlp), but those that say nothing alone."""
    path = _edsnlp("cim10.csv.gz")
    if path is None:
        return frozenset()
    found: set[str] = set()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            found.update(_WORD.findall(fold(line.rstrip("\n").rpartition(",")[2])))
    return (
        frozenset(
            stem(word) for word in found if len(word) >= 5 and word.isalpha() and word not in stopwords()
        )
        - general()
    )


@cache
def general() -> frozenset[str]:
    """Stems of words of everyday French, which tell nothing of a patient alone."""
    content = (files(__package__) / "data" / "general.txt").read_text(encoding="utf-8")
    words = {fold(word) for line in content.splitlines() if not line.startswith("#") for word in line.split()}
    return frozenset(stem(word) for word in words)


_CLINICAL = re.compile(
    r"\w{4}(?:ite|ose|emie|ome|pathie|algie|urie|plegie|ectomie|otomie|stomie|scopie|graphie|therapie|rragie|pnee|cytose"
    r"|penie|megalie|sclerose|trophie|lyse|plasie|phagie|phasie|mab|nib|cilline|mycine|statine|azole|sartan|olol|pril)s?$"
)


def is_clinical(word: str) -> bool:
    """Whether a folded word is built like a disease, a procedure or a drug."""
    return bool(_CLINICAL.search(word)) and stem(word) not in general()
