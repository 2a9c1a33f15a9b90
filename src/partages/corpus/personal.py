"""Personal data out of a corpus: the project's pseudonymiser, where a text speaks of a person.

A report is about one person, and everything that identifies is masked. A lecture, a leaflet or an article is about
nobody: there the pseudonymiser, run everywhere, would take the name of a drug or an author for a patient's. So:

- clinical kinds (``CLINICAL``): the engine ``rules`` reads the whole document, and all it finds is masked but countries,
  family situations and dates without a day;
- other kinds: cues are looked for (an e-mail, a phone, a label such as ``Nom :`` or ``né le``, a title before a name),
  the engine reads the passage around each, and what it finds near a cue is masked, then wherever else the same surname
  stands in the document; where a cue that names a patient stands beside another one, the lines around are of a record, and all is masked;
- names that no cue announces stay: authors cited, credits that a licence asks to keep, eponyms, historical figures. A
  medical title (Dr, Pr) is a cue only beside another one, or (Dr) near a day in figures or words of a patient being seen. In ``ENCYCLOPEDIC`` kinds, neither is a civil title (M., Mme)
  unless the passage speaks of a patient.

Names and dates become surrogates, consistent within the document; what reaches a person (e-mail, phone, address,
number) becomes its name in brackets.
"""

import re
from bisect import bisect, insort
from collections import Counter
from collections.abc import Iterable, Iterator

from partages.documents import Document, Span
from partages.usecases.pseudonymise.gazetteers import is_word
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.surrogates import Secret

CLINICAL = frozenset({"case", "report", "dialogue"})
"""Kinds that speak of patients."""
ENCYCLOPEDIC = frozenset({"article", "mixed"})
"""Kinds that speak of authors and historical figures."""
REACH = 300
"""Characters read on each side of a cue, in a long paragraph."""
TAGS = {
    Categorie.EMAIL: "[courriel]",
    Categorie.TELEPHONE: "[téléphone]",
    Categorie.CODE: "[numéro]",
    Categorie.ADRESSE: "[adresse]",
}
DIRECT = frozenset({Categorie.EMAIL, Categorie.TELEPHONE, Categorie.CODE})
NAMES = frozenset({Categorie.NOM, Categorie.PRENOM})
ABOUT_SOMEONE = DIRECT | NAMES | {Categorie.DATE_NAISSANCE, Categorie.ADRESSE, Categorie.CODE_POSTAL}
EVERYTHING = ABOUT_SOMEONE | {
    Categorie.DATE_IDENTIFIANTE,
    Categorie.VILLE,
    Categorie.ETABLISSEMENT,
    Categorie.URL,
}
NEAR = 60
"""Characters between a cue and a name that it announces."""

# Each cue: what its text must hold, looked for first (under a nanosecond a character), then the expression. Where nothing is certain to be there
# the expression begins with a letter or a digit, which ``re`` looks for fast, and what must not stand before it is looked at afterwards.
_CONTACTS: tuple[tuple[tuple[str, ...], re.Pattern[str], re.Pattern[str] | None], ...] = (
    (("@",), re.compile(r"[\w.+-] ?@ ?[\w-]+\.\w"), None),
    (
        (),
        re.compile(r"(?:0(?:033)?|\+ ?33)[ .]?(?:\(0\))?[ .]?[1-79](?:[ .\-/]?\d{2}){4}(?!\d)"),
        re.compile(r"[\w/]"),
    ),
    (
        (),
        re.compile(r"[12][ .]?\d{2}[ .]?(?:0[1-9]|1[0-2])[ .]?\d[\dAB][ .]?\d{3}[ .]?\d{3}(?:[ .]?\d{2})?\b"),
        re.compile(r"\w"),
    ),
    (("tel", "tél", "Tel", "Tél"), re.compile(r"[Tt][ée]l(?:[ée]phone|\.)? ?(?::|\d|au)"), re.compile(r"\w")),
    (("TEL", "TÉL"), re.compile(r"T[ÉE]L(?:\b|(?:[ée]phone|\.)? ?(?::|\d|au))"), re.compile(r"\w")),
    (("Fax", "IPP", "NIP", "RPPS"), re.compile(r"\b(?:Fax|IPP|NIP|RPPS)\b"), None),
    (("n° ", "N° "), re.compile(r"[Nn]° (?:de )?(?:dossier|sécurité sociale|patient)"), re.compile(r"\w")),
)  # fmt: skip
_WORDS_OF_CONTACT = tuple(one for one in _CONTACTS if one[0])
_DIGITS = re.compile(r"\d[\d .\-/()AB]{8}")
"""What a number to call or to be known by holds."""
_PATIENTS = (
    (
        ("é le ", "ée le "),
        re.compile(r"[Nn]ée? le (?:\d{1,2}[/. -]\d|\d{1,2}(?:er)? [a-zéû]{3,9} (?:19[2-9]|20)\d\d)"),
        re.compile(r"\w"),
    ),
    (("ate de naissance",), re.compile(r"\b[Dd]ate de naissance\b"), None),
    (
        ("om :", "om:", "OM :", "OM:", "om de naissance"),
        re.compile(r"(?:^|\n|[.;,(] ?)(?:Nom|NOM|Prénom|PRÉNOM|PRENOM|Nom de naissance) ?:"),
        None,
    ),
    (
        ("atient :", "atient:", "atiente :", "atiente:"),
        re.compile(r"[Pp]atiente? ?: ?[A-ZÀ-Þ]"),
        re.compile(r"\w"),
    ),
    (
        ("igné", "édigé", "icté", "alidé"),
        re.compile(
            r"[SsRrDdVv](?:ign|édig|ict|alid)é(?:e? (?:électroniquement )?(?:par|:) (?:le |la )?(?:[A-ZÀ-Þ]|docteur|professeur)|(?<=Signé) ?:)"
        ),
        re.compile(r"\w"),
    ),
)
_CIVIL = (
    (
        (),
        re.compile(r"M(?:\.|r\.?|me|ME|lle|onsieur|adame|ademoiselle) (?:[Ll]e |[Ll]a )?[A-ZÀ-Þ][\w'’-]"),
        re.compile(r"\w"),
    ),
)
_DOCTOR = (
    ((), re.compile(r"D(?:r\.?|R\.?|octeur|OCTEUR) (?=[A-ZÀ-Þ][\w'’-])"), re.compile(r"\w")),
    (("docteur ",), re.compile(r"docteur (?=[A-ZÀ-Þ][\w'’-])"), re.compile(r"\w")),
)
_DAY = re.compile(r"(?<![\d/.-])\d{1,2}([/.-])(?:0?[1-9]|1[0-2])\1(?:19|20)?\d\d(?![\d/.-])")
_STAFF = re.compile(r"\b(?:Dr|DR|Pr|PR|Docteur|Professeur|docteur|professeur)\.? $")
_CARE = re.compile(
    r"\bpatiente?\b|\bhospitalis|\bconsult|\bâgée? de\b|\bopérée?\b|\badmise?\b|\badressée?\b|\bans\b",
    re.IGNORECASE,
)
_SEEN = re.compile(
    r"\bpatiente? (?!qui|dont|est|doit|peut)|\bhospitalisée?\b|\badressée? (?:par|au|à)\b|\b(?:ce|cette) (?:jour|patient)"
)
_ROLE = re.compile(r"^(?:Samu|Monde|Ministre|Président|Directeur|Maire|Recteur|Juge|Patient)", re.IGNORECASE)


def mask(identifier: str, text: str, kind: str) -> tuple[str, Counter[str]]:
    """The text without what identifies a person, and how many spans were masked, by label.

    Args:
        identifier: of the document.
        text: one paragraph a line.
        kind: of the source.
    """
    if kind in CLINICAL:
        return _masked(identifier, text, [span for span in _detect(text, 0) if span.label in EVERYTHING])
    cues = _cues(text, kind)
    if not cues:
        return text, Counter()
    records = _records(text, cues)
    spans = [
        span for start, end in records for span in _detect(text[start:end], start) if span.label in EVERYTHING
    ]
    for start, end in _passages(text, cues):
        if any(first <= start and end <= last for first, last in records):
            continue
        inside = [cue for cue in cues if start <= cue[0] < end]
        about = any(strong for _, _, strong in inside)
        spans += [
            span
            for span in _detect(text[start:end], start)
            if _announced(text, span, inside, about)
            and not any(first < span.end and span.start < last for first, last in records)
        ]
    return _masked(identifier, text, _everywhere(text, spans))


def mask_contacts(text: str) -> str:
    """A text that is only kept to be read as an example: nothing in it reaches a person."""
    return mask("", text, "lecture")[0]


Cue = tuple[int, int, bool]
"""Start, end, and whether it announces a patient or an author (else a contact)."""


def _cues(text: str, kind: str) -> list[Cue]:
    contacts = _CONTACTS if _DIGITS.search(text) else _WORDS_OF_CONTACT
    found = [(start, end, False) for start, end in _found(text, contacts)]
    found += [(start, end, True) for start, end in _found(text, _PATIENTS)]
    found += [
        (start, end, True)
        for start, end in _found(text, _CIVIL)
        if kind not in ENCYCLOPEDIC or _CARE.search(text, max(0, start - 100), end + 100)
    ]
    found += [
        (start, end, True)
        for start, end in _found(text, _DOCTOR)
        if any(sign.search(text, max(0, start - 100), end + 100) for sign in (_DAY, _SEEN))
    ]
    return sorted(found)


def _found(
    text: str, cues: Iterable[tuple[tuple[str, ...], re.Pattern[str], re.Pattern[str] | None]]
) -> Iterator[tuple[int, int]]:
    for literals, pattern, before in cues:
        if literals and not any(literal in text for literal in literals):
            continue
        at = 0
        while match := pattern.search(text, at):
            start, end = match.span()
            if before and start and before.match(text, start - 1):
                at = start + 1
            else:
                yield start, end
                at = end


def _records(text: str, cues: list[Cue]) -> list[tuple[int, int]]:
    """Stretches that are of a patient's record: a cue that names one, and another cue near it; disjoint, in order, whole lines."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_found(text, _PATIENTS)):
        beside = [
            (a, b) for a, b, _ in cues if (b <= start or a >= end) and start - REACH <= a and b <= end + REACH
        ]
        if not beside:
            continue
        first, last = min(start, *(a for a, _ in beside)), max(end, *(b for _, b in beside))
        first = text.rfind("\n", 0, max(0, first - REACH)) + 1
        last = text.find("\n", min(len(text), last + REACH))
        last = len(text) if last < 0 else last
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _passages(text: str, cues: list[Cue]) -> list[tuple[int, int]]:
    """Stretches of text to read (start, end); disjoint, in order."""
    merged: list[tuple[int, int]] = []
    for first, last, _ in cues:
        start, end = _around(text, first, last)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """The paragraph around a cue and the one after a short end of line, at most ``REACH`` characters away."""
    first = max(text.rfind("\n", 0, start) + 1, start - REACH)
    if first and text[first - 1] != "\n":
        first = text.find(" ", first, start) + 1 or start
    last = text.find("\n", end)
    last = len(text) if last < 0 else last
    if last - end <= NEAR:  # a signature or an address goes on
        following = text.find("\n", last + 1)
        last = len(text) if following < 0 else following
    if last - end > REACH:
        last = text.rfind(" ", end, end + REACH)
        last = end + REACH if last < 0 else last
    return first, last


def _detect(passage: str, at: int) -> list[Span]:
    from partages.usecases.pseudonymise.engine import detect

    return [
        Span(at + span.start, at + span.end, span.label, span.attributes, span.score)
        for span in detect(passage, statistical=False)
        if not _ROLE.match(passage[span.start : span.end])
    ]


def _announced(text: str, span: Span, cues: list[Cue], about: bool) -> bool:
    """Whether a span found in a passage is what a cue announces."""
    label = Categorie(span.label)
    if label is Categorie.CODE and span.attributes.get("CodeType") in (None, "AUTRE"):
        return False  # marketing authorisations, laws, lots
    if label in DIRECT:
        return span.start == 0 or text[span.start - 1] != "/"
    if label not in ABOUT_SOMEONE or (label in NAMES and span.end - span.start < 2):
        return False
    if label not in NAMES:
        return about
    if _STAFF.search(text, max(0, span.start - 14), span.start):
        return True
    return any(
        -NEAR <= span.start - end <= NEAR or 0 <= start - span.end <= NEAR // 2
        for start, end, strong in cues
        if strong or about
    ) or any(
        abs(span.start - end) <= NEAR // 2 or 0 <= start - span.end <= NEAR // 2 for start, end, _ in cues
    )


def _everywhere(text: str, spans: list[Span]) -> list[Span]:
    """With the other places where a masked surname stands."""
    taken = sorted((span.start, span.end) for span in spans)
    names = {
        text[span.start : span.end]
        for span in spans
        if span.label == Categorie.NOM and span.end - span.start >= 4
    }
    names = {name for name in names if not is_word(name)}
    more = []
    for name in sorted(names):
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            at = bisect(taken, match.span())
            clear = (at == 0 or taken[at - 1][1] <= match.start()) and (
                at == len(taken) or taken[at][0] >= match.end()
            )
            if clear:
                more.append(Span(match.start(), match.end(), Categorie.NOM, {}, None))
                insort(taken, match.span())
    return sorted([*spans, *more], key=lambda span: span.start)


def _masked(identifier: str, text: str, spans: list[Span]) -> tuple[str, Counter[str]]:
    from partages.usecases.pseudonymise.surrogates import Surrogates

    if not spans:
        return text, Counter()
    document = Document(identifier, text)
    surrogate = Surrogates(document, spans, Secret.of(document, "", ""), lambda part: part)
    pieces: list[str] = []
    at = 0
    for index, span in enumerate(spans):
        label = Categorie(span.label)
        pieces += [text[at : span.start], TAGS[label] if label in TAGS else surrogate(index, span)]
        at = span.end
    return "".join(pieces) + text[at:], Counter(str(span.label) for span in spans)
