"""The text given back: with consistent surrogates, with tags, or as it came.

Surrogates are drawn from a keyed hash of what they replace (HMAC-SHA-256, RFC 2104): the same
person is the same surrogate all through a document, and from one document to another under the
same key. Without a key the hash of the document itself is used. No table is kept.
"""

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from random import Random

from partages.documents import Document, Span
from partages.text import fold
from partages.usecases.pseudonymise.gazetteers import DATA, communes, first_name
from partages.usecases.pseudonymise.identifiers import nir_key
from partages.usecases.pseudonymise.schema import KEPT_AS_IS, Categorie
from partages.usecases.pseudonymise.surrogate_dates import shift

DATE_LABELS = (Categorie.DATE_NAISSANCE, Categorie.DATE_IDENTIFIANTE)
MAX_WEEKS = 60
"""Dates move by whole weeks, up to this many either way: intervals and days of the week hold."""
_LINK = re.compile(r"(?:des|du|de la|de l')\s?", re.I)
FICTION_PREFIXES = ("019900", "026191", "035301", "046571", "053649", "063998")
"""Numbers ARCEP sets aside for fiction (decision 2018-0881, 4 digits follow)."""


@cache
def _lists() -> dict[str, list[str]]:
    lists: dict[str, list[str]] = json.loads((DATA / "substituts.json").read_text())
    return lists


def render(document: Document, spans: Sequence[Span], rendering: str, key: str) -> str:
    """The document's text with its spans replaced.

    Args:
        spans: in order, without overlap, in code points of ``document.text``.
        rendering: ``surrogates``, ``tags`` or ``spans`` (the text as it came).
        key: the hospital's secret, or empty.
    """
    if rendering == "spans":
        return document.text
    replace = _Tags(document) if rendering == "tags" else _Surrogates(document, spans, key)
    pieces, at = [], 0
    for index, span in enumerate(spans):
        pieces += [document.text[at : span.start], replace(index, span)]
        at = span.end
    return "".join(pieces) + document.text[at:]


class _Tags:
    """``[Nom_1]``: the same number for the same value."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: Counter[str] = Counter()

    def __call__(self, index: int, span: Span) -> str:  # noqa: ARG002
        value = (span.label, fold(self._document.quote(span)))
        if value not in self._numbers:
            self._counts[span.label] += 1
            self._numbers[value] = self._counts[span.label]
        return f"[{span.label}_{self._numbers[value]}]"


class _Surrogates:
    """Draws and remembers the surrogates of one document."""

    def __init__(self, document: Document, spans: Sequence[Span], key: str) -> None:
        self._document = document
        self._spans = spans
        self._key = key.encode() or hashlib.sha256(document.text.encode()).digest()
        self._taken = {fold(document.quote(span)) for span in spans}
        self._text = fold(document.text)
        self._drawn: dict[tuple[str, str], str] = {}
        weeks = self._random("dates", "").randint(4, MAX_WEEKS) * self._random("sense", "").choice((-1, 1))
        self._days = 7 * weeks
        years = Counter(re.findall(r"\b(?:19|20)\d{2}\b", document.text))
        self._year = int(years.most_common(1)[0][0]) if years else 2024
        self._initials = {
            fold(v)[0]: v for s in spans if s.label == Categorie.PRENOM and len(v := document.quote(s)) > 2
        }

    def _random(self, label: str, value: str) -> Random:
        return Random(hmac.new(self._key, f"{label}\0{value}".encode(), "sha256").digest())

    def __call__(self, index: int, span: Span) -> str:
        value = self._document.quote(span)
        if span.label in KEPT_AS_IS:
            return value
        if span.label in DATE_LABELS:
            return shift(value, self._days, self._year) or "[date]"
        if span.label == Categorie.CODE_POSTAL:
            return self._postal_code(index, value)
        if span.label == Categorie.PRENOM and len(value.replace("-", " ").replace(".", "").strip()) <= 2:
            return self._initial(value)
        identity = (span.label, fold(value))
        if identity not in self._drawn:
            self._drawn[identity] = self._draw(span, value)
        return _styled(self._drawn[identity], value)

    def _draw(self, span: Span, value: str) -> str:
        random = self._random(span.label, fold(value))
        if span.label == Categorie.PRENOM:
            entry = first_name(value.split()[0] if value.split() else value)
            sex = entry.sex if entry and entry.sex in "MF" else self._sex_around(span)
            return self._fresh(random, _lists()[f"Prenom_{sex}"])
        if span.label in _lists():
            drawn = self._fresh(random, _lists()[str(span.label)])
            if span.label == Categorie.ETABLISSEMENT and not _LINK.match(value):
                drawn = _LINK.sub("", drawn)  # the head word and its link stay in the text
            return drawn
        if span.label == Categorie.ADRESSE:
            return f"{random.randint(1, 99)} {random.choice(_lists()['rues'])}"
        if span.label == Categorie.EMAIL:
            return f"contact{random.randint(100, 999)}@example.org"
        if span.label == Categorie.URL:
            return "www.example.org"
        if span.label == Categorie.TELEPHONE:
            return _phone(value, random)
        if span.label == Categorie.CODE:
            return _code(value, random)
        return f"[{span.label}]"

    def _sex_around(self, span: Span) -> str:
        before = self._document.text[max(0, span.start - 40) : span.start]
        return (
            "F"
            if re.search(r"\b(?:M(?:me|lle|adame)|MME|née|[Ff]ille|[Ss]œur|[Pp]atiente|[ÉEé]pouse)\b", before)
            else "M"
        )

    def _fresh(self, random: Random, choices: list[str]) -> str:
        """One that stands nowhere in the document, nor was drawn for someone else."""
        used = {fold(drawn) for drawn in self._drawn.values()} | self._taken
        order = random.sample(choices, len(choices))
        for choice in order:
            if fold(choice) not in used and not re.search(rf"\b{re.escape(fold(choice))}\b", self._text):
                return choice
        return f"{order[0]}-{order[-1]}"

    def _initial(self, value: str) -> str:
        known = self._initials.get(fold(value)[:1])
        if known:
            identity = (str(Categorie.PRENOM), fold(known))
            if identity not in self._drawn:
                span = next(s for s in self._spans if self._document.quote(s) == known)
                self._drawn[identity] = self._draw(span, known)
            letter = fold(self._drawn[identity])[0].upper()
        else:
            others = [c for c in "ABCDEFGHIJLMNPRSTV" if c.lower() != fold(value)[:1]]
            letter = self._random("initial", fold(value)).choice(others)
        return re.sub(r"[^\W\d_]", letter, value, count=1)

    def _postal_code(self, index: int, value: str) -> str:
        """The code of the surrogate of the town that follows, else one drawn."""
        if index + 1 < len(self._spans) and self._spans[index + 1].label == Categorie.VILLE:
            town = self(index + 1, self._spans[index + 1])
            codes = communes().get(fold(town))
            if codes:
                return codes[0]
        towns = _lists()["Ville"]
        town = self._random("CodePostal", value).choice(towns)
        return communes().get(fold(town), ["99000"])[0]


def _styled(drawn: str, like: str) -> str:
    letters = [c for c in like if c.isalpha()]
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return drawn.upper()
    if letters and all(c.islower() for c in letters):
        return drawn.lower()
    return drawn


def _laid_out(digits: str, like: str) -> str:
    """``digits`` in the places of the digits of ``like``, from the right; what is over is dropped."""
    left = list(digits)
    return "".join(reversed([left.pop() if c.isdigit() and left else c for c in reversed(like)]))


def _phone(value: str, random: Random) -> str:
    digits = re.sub(r"\D", "", value)
    if len(digits) < 9:
        return _code(value, random)
    national = "0" + digits[-9:]
    prefix = next((p for p in FICTION_PREFIXES if p[1] == national[1]), FICTION_PREFIXES[-1])
    fiction = prefix + f"{random.randint(0, 9999):04}"
    return _laid_out(fiction[1:] if len(digits) != 10 else fiction, value)


def _code(value: str, random: Random) -> str:
    """The same shape; a social security number gets an impossible birth month and a right key."""
    digits = re.sub(r"\D", "", value)
    if len(digits) == 15 and digits[0] in "12" and not re.search("[A-Z]", value):
        body = f"{digits[0]}{random.randint(30, 99)}2099{random.randint(100, 989)}{random.randint(100, 999)}"
        body = body[:13].ljust(13, "1")
        return _laid_out(body + f"{nir_key(body):02}", value)
    for _ in range(20):
        drawn = "".join(
            str(random.randint(0, 9))
            if c.isdigit()
            else random.choice("ABCDEFGHJKLMNPRSTUVWXYZ")
            if c.isalpha()
            else c
            for c in value
        )
        if drawn != value:
            return drawn
    return drawn
