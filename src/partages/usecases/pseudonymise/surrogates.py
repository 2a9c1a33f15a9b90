"""What replaces an identifying value: plausible, consistent, and nobody's.

Surrogates are drawn from a keyed hash of what they replace (HMAC-SHA-256, RFC 2104): one value is one
surrogate all through a document, and from one document to another under the same key; no
table is kept. Names are replaced part by part, so that « Durand-Petit », « DURAND PETIT » and
« Mme Petit » stay the same person. A surrogate is never a word of the document: the next one
drawn is taken, the only case in which two documents may differ.
"""

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from random import Random
from typing import Any

from partages.documents import Document, Span
from partages.text import fold
from partages.usecases.pseudonymise.gazetteers import DATA, communes, first_name, is_medical, is_word
from partages.usecases.pseudonymise.identifiers import luhn, nir_key
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.surrogate_dates import in_words, shift

DATES = (Categorie.DATE_NAISSANCE, Categorie.DATE_IDENTIFIANTE, Categorie.DATE_NON_IDENTIFIANTE)
MIN_WEEKS, MAX_WEEKS = 4, 60
"""Dates move by whole weeks, this many either way: intervals and days of the week hold, ages to a year."""
NEAR, GAP = 8, 14
"""Spans, and characters between two of them, in which a day alone looks for its month."""
DRAWS = 24
"""Surrogates tried one after the other; in the second half, two joined."""
FICTION_PREFIXES = ("019900", "026191", "035301", "046571", "053649", "063998")
"""Numbers ARCEP sets aside for fiction (decision 2018-0881, 4 digits follow), one a zone, and mobile."""
IMPOSSIBLE_MONTHS = range(13, 20)
"""Months that no NIR holds: 01 to 12 are months, 20 and above stand for incomplete records (INSEE)."""

_LINK = re.compile(r"(?:des |du |de la |de l['’])", re.I)
_LINK_BEFORE = re.compile(r"\b(des|du|de la|de l['’]|d['’]|de)\s?$", re.I)
_LETTERS = re.compile(r"[^\W\d_]+")
_PART = re.compile(r"[^\W_]+")
_SCANNED = str.maketrans("OoQIlSB", "0001158")
"""Letters that optical recognition puts for digits."""
_PARTICLES = frozenset(
    "d de du des la le les l von van der den ter ten el al ben bin bent ould abd abu da do dos das di del della mac mc o "
    "st ste saint sainte y i e et zu zur af av".split()
)
_FEMININE = re.compile(
    r"\b(?:M(?:me|lle|adame|ademoiselle)|MME|MLLE|MADAME|[Nn]ée|[Ff]ille|[Ss]œur|[Ss]oeur|[Mm]ère|[Ff]emme|[Pp]atiente"
    r"|[ÉEé]pouse|[Dd]octeure|[Ii]nfirmière)\b"
)
_MASCULINE = re.compile(
    r"\b(?:M\.|Mr\.?|MR|Monsieur|MONSIEUR|[Ff]ils|[Ff]rère|[Pp]ère|[Mm]ari|[Éé]poux|[Nn]é)(?!\w)"
)
_SHE = re.compile(r"\b(?:[Ee]lle|[Pp]atiente|Mme|MME|Madame|MADAME|[Nn]ée|NÉE|[Ss]exe ?: ?F)\b")
_HE = re.compile(r"\b(?:[Ii]l|[Pp]atient|Mr|MR|Monsieur|MONSIEUR|[Nn]é|NÉ|[Ss]exe ?: ?M)\b")


@cache
def _lists() -> dict[str, Any]:
    lists: dict[str, Any] = json.loads((DATA / "substituts.json").read_text())
    return lists


@cache
def _surname(root: int, ending: int) -> str | None:
    """A made-up surname; None where it is a word, a first name, a town or a term of care."""
    name = str(_lists()["Nom_racines"][root] + _lists()["Nom_finales"][ending])
    real = is_word(name) or first_name(name) or fold(name) in communes() or is_medical(name)
    return None if real else name


@dataclass(frozen=True)
class Secret:
    """What surrogates are drawn from. Its ``repr`` tells nothing.

    Attributes:
        values: key of the values: the hospital's key, and the patient where one is named.
        dates: key of the offset of dates: of the patient, else of the document.
    """

    values: bytes
    dates: bytes

    def __repr__(self) -> str:
        return "Secret()"

    @classmethod
    def of(cls, document: Document, key: str, patient: str) -> "Secret":
        """From the hospital's key and the patient's identifier, either of which may be empty.

        Without a key all depends on the document's text, so that a third party who knows this program
        cannot draw the same surrogates without having the text.
        """
        root = key.encode() or hashlib.sha256(document.text.encode()).digest()
        if patient:
            own = hmac.new(root, b"patient\0" + patient.encode(), "sha256").digest()
            return cls(own, own)
        return cls(root, hmac.new(root, b"document\0" + document.id.encode(), "sha256").digest())


def _random(key: bytes, label: str, value: str) -> Random:
    return Random(hmac.new(key, f"{label}\0{value}".encode(), "sha256").digest())


class Surrogates:
    """Draws and remembers the surrogates of one document."""

    def __init__(
        self, document: Document, spans: Sequence[Span], secret: Secret, alias: Callable[[str], str]
    ) -> None:
        self._document = document
        self._spans = spans
        self._secret = secret
        self._alias = alias
        self._folds: dict[str, str] = {}
        words = set(_LETTERS.findall(document.text.lower()))
        self._banned = {word if word.isascii() else fold(word) for word in words}
        self._banned |= set(re.findall(r"\d+", document.text))
        self._banned |= {self._fold(document.quote(span)) for span in spans}
        self._drawn: dict[tuple[str, str], str] = {}
        random = _random(secret.dates, "dates", "")
        self._days = 7 * random.randint(MIN_WEEKS, MAX_WEEKS) * random.choice((-1, 1))
        years = Counter(re.findall(r"\b(?:19|20)\d{2}\b", document.text))
        self._year = int(years.most_common(1)[0][0]) if years else 2024
        self._bearers: dict[tuple[str, str], tuple[Span, str]] = {}
        for span in spans:
            if span.label in (Categorie.NOM, Categorie.PRENOM):
                for part in _LETTERS.findall(document.quote(span)):
                    if len(part) > 1 and self._fold(part) not in _PARTICLES:
                        self._bearers.setdefault((span.label, self._fold(part)[:1]), (span, part))

    def __call__(self, index: int, span: Span) -> str:
        value = self._document.quote(span)
        surrogate = self._surrogate(index, span, value)
        if surrogate == value and span.label not in DATES:
            return f"[{span.label}]"  # whatever its form, what was found never stays
        return surrogate

    def _surrogate(self, index: int, span: Span, value: str) -> str:
        if span.label in DATES:
            moved = shift(value, self._days, self._year) or self._day_alone(index, value)
            if (
                moved is None
                and span.label == Categorie.DATE_NAISSANCE
                and re.fullmatch(r"(?:19|20)\d\d", value)
            ):
                moved = str(int(value) + (1 if self._days > 0 else -1))  # a year of birth alone
            if moved is None:
                return value if span.label == Categorie.DATE_NON_IDENTIFIANTE else "[date]"
            return moved
        if span.label in (Categorie.NOM, Categorie.PRENOM):
            return self._name(span, value)
        if span.label == Categorie.CODE_POSTAL:
            return self._postal_code(index, value)
        if span.label == Categorie.TELEPHONE:
            value = _as_digits(value)
            return _phone(value, self._again("Telephone", _digits(value)[-9:]))
        if span.label == Categorie.CODE:
            return self._code(span, value)
        identity = (span.label, self._fold(value))
        if identity not in self._drawn:
            self._drawn[identity] = self._draw(span, value)
        return _styled(self._drawn[identity], value)

    def _day_alone(self, index: int, value: str) -> str | None:
        """A day whose month stands with another date: the « 5 » of « du 5 au 6 octobre », « 5, 6 et 9/10 »,
        of the nearest date before it otherwise (« le 12 mars… le 14 »)."""
        if not re.fullmatch(r"\d{1,2}(?:er)?", value):
            return None
        at = self._spans[index].end
        for span in self._spans[index + 1 : index + NEAR]:
            if span.label not in DATES or span.start - at > GAP:
                break
            if _month_of(self._document.quote(span)):
                return self._with_month_of(value, span)
            at = span.end
        for span in reversed(self._spans[max(0, index - NEAR) : index]):
            if span.label in DATES and _month_of(self._document.quote(span)):
                return self._with_month_of(value, span)
        return None

    def _with_month_of(self, value: str, span: Span) -> str | None:
        other = self._document.quote(span)
        rest = _month_of(other)
        moved, last = (shift(day + rest, self._days, self._year) for day in (value, other[: -len(rest)]))
        if moved is None or last is None:
            return None
        day = re.match(r"\d{1,2}(?:er)?", moved)
        assert day
        if moved[day.end() :] == re.sub(r"^\d{1,2}(?:er)?", "", last):
            return day[0]
        return re.sub(r"[ /.-]*\d{2,4}$", "", moved) if rest[-4:].isdigit() else moved

    def _fold(self, value: str) -> str:
        """``fold``, remembered for the time of the document."""
        folded = self._folds.get(value)
        if folded is None:
            folded = self._folds[value] = fold(value)
        return folded

    def _again(self, label: str, value: str) -> Random:
        return _random(self._secret.values, label, value)

    def _take(self, label: str, value: str, draw: Callable[[Random], str | None]) -> str:
        """The first surrogate drawn that stands nowhere in the document, nor was drawn for another."""
        random = self._again(label, value)
        drawn = ""
        for turn in range(DRAWS):
            drawn = draw(random) or drawn
            if turn >= DRAWS // 2:  # few are left: two are joined
                drawn = f"{drawn}-{draw(random) or 'Orme'}"
            if drawn and _folded(drawn) not in self._banned:
                break
        self._banned.add(_folded(drawn))
        return drawn

    def _name(self, span: Span, value: str) -> str:
        parts = [part for part in _PART.findall(value) if not part.isdigit()]
        if not parts:
            return "X"
        only_particles = all(self._fold(part) in _PARTICLES for part in parts)
        sex = ""
        if span.label == Categorie.PRENOM:
            entry = first_name(" ".join(parts)) or first_name(parts[0])
            sex = entry.sex if entry and entry.sex in "MF" else self._sex_around(span)

        def replaced(match: re.Match[str]) -> str:
            part = match[0]
            if part.isdigit() or (len(part) == 1 and re.match(r"['’]\w", value[match.end() :])):
                return part  # the N of N'Guessan
            if len(part) == 1:
                return self._initial(span, part)
            if self._fold(part) in _PARTICLES and not only_particles:
                return part
            return _styled(self._part(span.label, part, sex), part)

        return _PART.sub(replaced, value)

    def _part(self, label: str, part: str, sex: str) -> str:
        folded = self._alias(self._read(part))
        identity = (label, folded)
        if identity not in self._drawn:
            if label == Categorie.PRENOM:
                names = _lists()[f"Prenom_{sex}"]
                self._drawn[identity] = self._take(label, folded, lambda random: random.choice(names))
            else:
                roots, endings = len(_lists()["Nom_racines"]), len(_lists()["Nom_finales"])
                self._drawn[identity] = self._take(
                    label,
                    folded,
                    lambda random: _surname(random.randrange(roots), random.randrange(endings)),
                )
        return self._drawn[identity]

    def _read(self, part: str) -> str:
        """A name part folded, digits that stand for letters put right: « Lec1ercq », « B0UVIER »."""
        folded = self._fold(part)
        if not any(c.isdigit() for c in folded):
            return folded
        plain = folded.translate(str.maketrans("05", "os"))
        readings = [plain.replace("1", "l"), plain.replace("1", "i")]
        return next((reading for reading in readings if reading in self._banned), readings[0])

    def _initial(self, span: Span, letter: str) -> str:
        """That of the surrogate of the name it abbreviates, where the document holds it."""
        bearer = self._bearers.get((span.label, self._fold(letter)[:1]))
        if bearer:
            named, part = bearer
            surrogate = self._name(named, part)
            new = _LETTERS.findall(surrogate)[0][0]
        else:
            others = [c for c in "ABCDEFGHIJLMNPRSTV" if c.lower() != self._fold(letter)]
            new = self._again("initiale", self._fold(letter)).choice(others)
        return new.lower() if letter.islower() else new.upper()

    def _sex_around(self, span: Span) -> str:
        """Of a first name that the lists do not tell: from a title before any place where it stands, else,
        for the patient, from how the whole text speaks of them."""
        named = self._sexes.get(self._fold(self._document.quote(span)))
        if named:
            return named
        if span.attributes.get("RolePER") == "Patient":
            return self._patient_sex
        return "M"

    @cached_property
    def _sexes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for span in self._spans:
            if span.label == Categorie.PRENOM:
                before = self._document.text[max(0, span.start - 40) : span.start]
                sex = "F" if _FEMININE.search(before) else "M" if _MASCULINE.search(before) else ""
                if sex:
                    found.setdefault(self._fold(self._document.quote(span)), sex)
        return found

    @cached_property
    def _patient_sex(self) -> str:
        text = self._document.text
        return "F" if len(_SHE.findall(text)) > len(_HE.findall(text)) else "M"

    def _draw(self, span: Span, value: str) -> str:
        label, folded = str(span.label), self._fold(value)
        if label == Categorie.SITUATION_FAMILIALE:
            forms = _lists()[label]
            for sex in (self._patient_sex.lower(), "f", "m"):
                if folded in {fold(form) for form in forms[sex]}:
                    others = [form for form in forms[sex] if fold(form) != folded]
                    return str(self._again(label, folded).choice(others))
            return "[situation familiale]"
        if label == Categorie.ADRESSE:
            streets = _lists()["rues"]
            return self._take(
                label, folded, lambda random: f"{random.randint(1, 99)} {random.choice(streets)}"
            )
        if label == Categorie.EMAIL:
            return self._take(label, folded, lambda random: f"contact{random.randint(100, 9999)}@example.org")
        if label == Categorie.URL:
            scheme = re.match(r"[a-z]+://", value, re.I)
            return (scheme[0] if scheme else "") + "www.example.org"
        if label == Categorie.ETABLISSEMENT:
            return self._hospital(span, value)
        if label in _lists():
            choices = _lists()[label]
            return self._take(label, folded, lambda random: random.choice(choices))
        return f"[{label}]"

    def _hospital(self, span: Span, value: str) -> str:
        """A name that agrees with the article before it: « clinique de la Haute Combe », « CHU de Val Clair »."""
        names = _lists()[str(Categorie.ETABLISSEMENT)]
        inside = _LINK.match(value)
        before = _LINK_BEFORE.search(self._document.text[max(0, span.start - 8) : span.start])
        link = self._fold(inside[0] if inside else before[1] if before else "")
        kind = link if link in names else "du" if link else "des"
        drawn = self._take(span.label, self._fold(value), lambda random: random.choice(names[kind]))
        if inside:
            return inside[0] + drawn
        return drawn

    def _code(self, span: Span, value: str) -> str:
        """The same shape; identities are letters and digits alone, so that separators do not count."""
        value = _as_digits(value)
        canonical = re.sub(r"[\W_]+", "", _KEY_WORD.sub(" ", value)).upper()
        if re.fullmatch(r"(?:19|20)\d{6}(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?", value):  # an HL7 time stamp
            moved = shift(value[:8], self._days, self._year)
            if moved:
                return moved + value[8:]
        identity = (str(span.label), canonical)
        if identity not in self._drawn:
            random = self._again(span.label, canonical)
            for _ in range(DRAWS):
                drawn = _code(canonical, span.attributes.get("CodeType", ""), random)
                if drawn != canonical and fold(drawn) not in self._banned:
                    break
            self._banned.add(fold(drawn))
            self._drawn[identity] = drawn
        left = iter(self._drawn[identity])
        kept = {at for match in _KEY_WORD.finditer(value) for at in range(*match.span())}
        return "".join(
            _cased(next(left, "0"), character) if character.isalnum() and at not in kept else character
            for at, character in enumerate(value)
        )

    def _postal_code(self, index: int, value: str) -> str:
        """The code of the surrogate of the town beside it, else of a town drawn."""
        for near in (index + 1, index - 1):
            if 0 <= near < len(self._spans) and self._spans[near].label == Categorie.VILLE:
                gap = self._document.text[
                    min(self._spans[index].end, self._spans[near].end) : max(
                        self._spans[index].start, self._spans[near].start
                    )
                ]
                codes = communes().get(fold(self(near, self._spans[near])))
                if codes and len(gap) <= 4:
                    return codes[0]
        random = self._again("CodePostal", _digits(value))
        return communes().get(fold(random.choice(_lists()["Ville"])), ["99000"])[0]


@lru_cache(50_000)
def _folded(drawn: str) -> str:
    """``fold`` of a surrogate; never of a value of the text, which is not to be kept."""
    return fold(drawn)


def _month_of(date: str) -> str:
    """What follows the day in a date; empty where no day stands first."""
    rest = re.sub(r"^\d{1,2}(?:er)?(?=\D)", "", date)
    return rest if rest != date else ""


_KEY_WORD = re.compile(r"(?i)(?<![^\W_])cl[ée](?![^\W_])")
"""What some write before the key of a NIR."""


def _digits(text: str) -> str:
    return "".join(str(int(c)) for c in text if c.isdecimal())


def _as_digits(value: str) -> str:
    """A number with the letters that stand for digits put right, where all its letters may."""
    letters = [c for c in value if c.isalpha()]
    digits = sum(c.isdigit() for c in value)
    right = value.translate(_SCANNED)
    return (
        right
        if letters and len(letters) <= 3 and digits >= 5 and not any(c.isalpha() for c in right)
        else value
    )


def _cased(drawn: str, like: str) -> str:
    return drawn.lower() if like.islower() else drawn


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
    """In a range for fiction of the same zone; a short number (an extension) keeps its length."""
    digits = _digits(value)
    if not digits:
        return _phone_in_words(random)
    if len(digits) < 9:
        return "".join(str(random.randint(0, 9)) if c.isdigit() else c for c in value)
    if len(digits) > 13:  # several numbers glued: each keeps its shape
        return "".join(str(random.randint(0, 9)) if c.isdigit() else c for c in value)
    national = "0" + digits[-9:]
    zone = "6" if national[1] == "7" else national[1]
    prefix = next((p for p in FICTION_PREFIXES if p[1] == zone), FICTION_PREFIXES[-1])
    fiction = prefix + f"{random.randint(0, 9999):04}"
    return _laid_out(fiction if len(digits) == 10 else fiction[1:], value)


def _phone_in_words(random: Random) -> str:
    """As it is dictated: « zéro un quatre-vingt-dix-neuf zéro zéro douze trente »."""
    number = random.choice(FICTION_PREFIXES) + f"{random.randint(0, 9999):04}"
    pairs = [number[at : at + 2] for at in range(0, len(number), 2)]
    return " ".join(("zéro " if pair[0] == "0" else "") + in_words(int(pair)) for pair in pairs)


def _code(canonical: str, kind: str, random: Random) -> str:
    """A code of the same shape that is nobody's.

    A NIR, NIA or INS gets an impossible birth month and a right key; RPPS and FINESS an unused
    beginning and a right Luhn key. A hospital's own numbers (IPP, NDA) have no reserved range.
    """
    if _is_nir(canonical):
        sex = canonical[0] if canonical[0] in "12" else "1"
        body = f"{sex}{random.randint(0, 99):02}{random.choice(IMPOSSIBLE_MONTHS)}"
        body += f"{random.randint(1, 95):02}{random.randint(1, 990):03}{random.randint(1, 999):03}"
        return body + (f"{nir_key(body):02}" if len(canonical) == 15 else "")
    if kind == "RPPS" and re.fullmatch(r"\d{11}", canonical):
        return _with_luhn("99" + f"{random.randrange(10**8):08}")
    if kind == "FINESS" and re.fullmatch(r"\d{9}", canonical):
        return _with_luhn("00" + f"{random.randrange(10**6):06}")
    return "".join(
        str(random.randint(0, 9))
        if c.isdecimal()
        else random.choice("ABCDEFGHJKLMNPRSTUVWXYZ")
        if c.isalpha()
        else c
        for c in canonical
    )


def _is_nir(canonical: str) -> bool:
    if not re.fullmatch(r"[1-478]\d{4}(?:\d\d|2A|2B)\d{6}(?:\d\d)?", canonical):
        return False
    if len(canonical) == 15:
        return True
    return canonical[0] in "12" and 1 <= int(canonical[3:5]) <= 12


def _with_luhn(body: str) -> str:
    return next(body + str(key) for key in range(10) if luhn(body + str(key)))
