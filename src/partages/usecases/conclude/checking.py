"""Each sentence of a conclusion, looked up in the report.

What can be stated wrongly and hurt is looked up one fact at a time: quantities with their
units, dates, sides with their organ, drugs, diagnoses, and whether a thing is affirmed,
denied or supposed. A sentence is supported when nothing in it is missing from the report or
contradicted by it. The check says what it could not find; it does not say what is true.

Time grows linearly with the report; an index built once serves every sentence.
"""

import math
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from partages.text import fold
from partages.usecases.base import Evidence
from partages.usecases.conclude import contrasts, facts, treatments
from partages.usecases.conclude import passages as cutting
from partages.usecases.conclude.schema import Sentence

MAX_EVIDENCE = 3
"""Passages shown for one sentence."""
MIN_COVERAGE = 0.5
"""Share of a sentence's clinical words, weighted by rarity, that the report must hold."""
WINDOW = 6
"""Words on either side of a number or a side that say what it is about."""
MAX_READ = 3000
"""Places of one word, or sentences that share it, that are looked at; commoner words decide nothing."""

FIGURE_WITHIN = 12
"""Characters after a word where its figure stands: « CPK à 1840 », « CPK : 1 840 UI/L »."""
MAX_CLAUSES, MAX_CLAUSE_SENTENCE = 50, treatments.LONGEST
"""Places, and characters of a sentence, that are read clause by clause; beyond, the clause decides nothing."""

# ---- polarity

_NEGATION = re.compile(
    r"\b(?:pas|absence|sans|ni|aucun|aucune|jamais|exclu[ets]?|exclut|[ée]limin[ée]e?s?|infirm[ée]e?|[ée]cart[ée]e?s?|n[ée]gati(?:f|ve)s?"
    r"|indemnes?|non|0|nie|d[ée]nie)\b",
    re.IGNORECASE,
)
_NEGATION_AFTER = frozenset(
    """
    absent absente absents absentes negatif negative negatifs negatives eliminee elimine ecartee
    ecarte exclue exclu infirmee infirme nulle non
    """.split()
)
_DOUBLE = frozenset("sans pas non".split())
_LINK = frozenset(
    """
    de d du des la le l les un une autre autres signe signes argument arguments en faveur pour
    notion symptome franc franche evident evidente patent clinique clairement ni ou et a ete eu
    d'autre nouvelle nouveau lesion lesions trouble episode antecedent antecedents image foyer
    presente present retrouve retrouvee mis mise evidence particulier recidive aucun aucune
    caractere contexte
    """.split()
)
_ENDS_SCOPE = frozenset(
    """
    mais cependant toutefois hormis sauf avec malgre sous apres devant puis car donc chez qui que
    dont lors hors arret arreter interruption interrompre suspendre
    """.split()
)
_SUPPOSED = frozenset(
    """
    suspicion suspecte suspectee suspecter possible probable probablement eventuel eventuelle
    evoque evoquant evoquee hypothese rechercher recherche eliminer craindre doute redoute suspect
    """.split()
)
_RELATIVES = frozenset(
    """
    mere pere frere freres soeur soeurs oncle tante cousin cousine familial familiaux familiale
    fratrie
    """.split()
)


@dataclass(frozen=True, slots=True)
class _Mention:
    """A word of a sentence with how it is meant."""

    token: facts.Token
    negated: bool
    head: bool
    """The very thing that is denied, rather than a word further in the scope."""
    supposed: bool
    relative: bool


def _mentions(text: str, sentence: cutting.Sentence) -> list[_Mention]:
    found: list[_Mention] = []
    words = facts.tokens(text, sentence.start, sentence.end)
    folded = {token.word for token in words}
    relative = bool(folded & _RELATIVES) and sentence.section in ("antecedents", "", "other", "history")
    negated = head = supposed = listed = False
    before = sentence.start
    since = 0
    for number, token in enumerate(words):
        gap = text[before : token.start]
        before = token.end
        if (any(mark in gap for mark in ".;:\n") and gap.strip(" \t\r\n") != "") or token.word in _ENDS_SCOPE:
            negated = head = supposed = False
        if "," in gap or token.word in ("et", "ou", "ni"):
            # « pas de fièvre, frissons ni toux » goes on; « pas de fièvre, toux grasse » is left undecided
            head = negated and (token.word == "ni" or (token.word in ("ou",)))
            negated = head
            since = 0
        if _NEGATION.fullmatch(text[token.start : token.end]) and token.word not in _NEGATION_AFTER | {"non"}:
            negated, head, since = True, True, 0
            continue
        if token.word == "non" and token.word != words[-1].word:
            negated, head, since = True, True, 0
            continue
        if token.word in _NEGATION_AFTER and token.word != "non":
            _deny_back(found, text, token)
            # « négatives (VIH, VHB) »
            listed = number + 1 < len(words) and "(" in text[token.end : words[number + 1].start]
            continue
        if ")" in gap:
            listed = False
        if token.word in _SUPPOSED:
            # « recherche de BK négative » is about a test
            supposed = True
        if token.word in _LINK or token.stop:
            if head or negated:
                since += token.word not in _LINK
            found.append(_Mention(token, False, False, supposed, relative))
            continue
        if token.word in _WITHOUT_FEVER:
            fever = replace(token, meaning="=fievre")
            found.append(_Mention(fever, True, True, supposed, relative))
            continue
        found.append(_Mention(token, negated or listed, head or listed, supposed, relative))
        if head:
            head = False
        since += 1
        if since > 5:
            negated = False
        if number + 1 < len(words) and text[token.end : words[number + 1].start].lstrip().startswith(
            ("?", "(?)")
        ):
            found[-1] = _Mention(token, negated, found[-1].head, True, relative)
    return found


def _deny_back(found: list[_Mention], text: str, token: facts.Token) -> None:
    """« Troponine négative », « Sérologies VIH, VHB et VHC négatives »: the words just before are denied.

    A comma ends them (« Hémocultures stériles, ECBU négatif »), but in a list of abbreviations.
    """
    after = token.start
    reach = 4
    for place in range(len(found) - 1, -1, -1):
        mention = found[place]
        gap = text[mention.token.end : after]
        short = text[mention.token.start : mention.token.end].isupper()
        if len(found) - place >= reach or any(mark in gap for mark in (".;:\n" if short else ",.;:\n")):
            return
        reach += short
        after = mention.token.start
        if not mention.token.stop and mention.token.word not in _LINK:
            found[place] = _Mention(mention.token, True, True, mention.supposed, mention.relative)


_WITHOUT_FEVER = frozenset("apyretique apyretiques apyrexie afebrile".split())

# ---- sides

_SIDES = {
    "droit": "D", "droite": "D", "droits": "D", "droites": "D", "dt": "D", "dte": "D", "drt": "D",
    "gauche": "G", "gauches": "G", "gche": "G", "gch": "G", "gauch": "G",
    "bilateral": "B", "bilaterale": "B", "bilateraux": "B", "bilaterales": "B", "bilateralement": "B", "deux": "",
}  # fmt: skip
_SIDE_NAMES = {"D": "droit", "G": "gauche", "B": "bilatéral"}
_HEART = frozenset(
    {"cavite", "ventricul", "oreillet", "coeur", "=cardiaque", "bloc", "branch", "=fraction d'ejection"}
)
"""Sides that name a chamber or a bundle, not a half of the body: they are looked up like any other organ."""


def _sided(mentions: list[_Mention], text: str) -> list[tuple[int, str, list[str]]]:
    """(index, side, meanings of the words it is about, nearest first) for each side of a sentence."""
    found = []
    for number, mention in enumerate(mentions):
        side = _SIDES.get(mention.token.word, "") or _letter_side(mentions, number, text)
        if not side:
            continue
        about: list[str] = []
        for place in range(number - 1, max(-1, number - 1 - WINDOW), -1):
            other = mentions[place]
            between = (
                text[other.token.end : mentions[place + 1].token.start] if place + 1 < len(mentions) else ""
            )
            if any(mark in between for mark in ",.;:") and about:
                break
            if _SIDES.get(other.token.word):
                break
            if _names_something(other):
                about.append(other.token.meaning)
        if not about:
            for other in mentions[number + 1 : number + 1 + 3]:
                if _names_something(other):
                    about.append(other.token.meaning)
        found.append((number, side, about[:3]))
    return found


def _letter_side(mentions: list[_Mention], number: int, text: str) -> str:
    """« carotide interne G », « poumon D »: a capital alone after a word, that is no grade, vitamin or unit."""
    token = mentions[number].token
    written = text[token.start : token.end]
    if (
        written not in ("D", "G")
        or number == 0
        or text[token.end : token.end + 1] in ("-", "'", "’", "/", "°")
    ):
        return ""
    before = mentions[number - 1].token
    gap = text[before.end : token.start]
    is_other = before.word in _LETTERED or not before.word.isalpha() or gap.strip(" ") != ""
    return "" if is_other or before.end == token.start else written


_LETTERED = frozenset("vitamine vitamines hepatite groupe stade grade classe type child score forme".split())


def _names_something(mention: _Mention) -> bool:
    token = mention.token
    return not token.stop and len(token.word) >= 2 and token.word not in _LINK and not token.word.isdigit()


# ---- the index


@dataclass(frozen=True, slots=True)
class _Polarities:
    affirmed: int = 0
    denied: int = 0
    supposed: int = 0
    relative: int = 0


@dataclass
class Index:
    """Everything a report states, ready to be looked up."""

    text: str
    sentences: list[cutting.Sentence]
    holding: dict[str, list[int]] = field(default_factory=dict)
    """meaning -> numbers of the sentences that hold it"""
    polarity: dict[str, Counter[str]] = field(default_factory=dict)
    sides: dict[str, Counter[str]] = field(default_factory=dict)
    """meaning -> sides written about it; ``-`` counts mentions without any"""
    values: dict[str, list[tuple[facts.Quantity, int]]] = field(default_factory=dict)
    """number as a normal form -> its places"""
    dates: list[facts.Date] = field(default_factory=list)
    drugs: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    """ATC codes of the drugs mentioned"""
    sex: str = ""
    """``F`` or ``M`` where the words of the report tell"""
    courses: dict[str, set[treatments.Course]] = field(default_factory=dict)
    """meaning of a drug, or of a class -> what the report says of its course, where it says anything"""
    contraries: list[facts.Token] = field(default_factory=list)
    """every word that has a contrary"""

    def weight(self, meaning: str) -> float:
        """Rarity in the report: what few sentences hold identifies a passage (inverse document frequency)."""
        return math.log(1 + len(self.sentences) / (1 + len(self.holding.get(meaning, ()))))


def index(text: str, without: tuple[int, int] | None = None) -> Index:
    """Read a report once.

    Args:
        text: the report.
        without: its own conclusion: what stands there is known, and can be quoted, but the
            rest decides on sides and denials as long as it speaks of them.
    """
    built = Index(text, cutting.sentences(text, headings=True))
    holding: dict[str, list[int]] = defaultdict(list)
    polarity: dict[str, Counter[str]] = defaultdict(Counter)
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    stated: dict[str, Counter[str]] = defaultdict(Counter)
    placed: dict[str, Counter[str]] = defaultdict(Counter)
    values: dict[str, list[tuple[facts.Quantity, int]]] = defaultdict(list)
    courses: dict[str, set[treatments.Course]] = defaultdict(set)
    of_patient: set[str] = set()
    table = facts.drugs()
    for number, sentence in enumerate(built.sentences):
        mentions = _mentions(text, sentence)
        own = without is not None and sentence.start >= without[0] and sentence.end <= without[1]
        words = {m.token.word for m in mentions}
        if sentence.section != "antecedents" and not words & _RELATIVES:
            of_patient |= words
        built.contraries += [m.token for m in mentions if m.token.word in contrasts.opposites()]
        for meaning in _held(text, mentions):
            holding[meaning].append(number)
        for mention in mentions:
            name = (
                "denied"
                if mention.negated
                else "relative"
                if mention.relative
                else "supposed"
                if mention.supposed
                else "affirmed"
            )
            (stated if own else polarity)[mention.token.meaning][name] += 1
            if codes := table.get(mention.token.word):
                built.drugs.add(mention.token.word)
                built.codes |= codes
        if any(treatments.is_drug(mention.token.word) for mention in mentions):
            for drug, said in treatments.courses(text, sentence.start, sentence.end, nearest=False):
                courses[drug.meaning] |= said
        sided: set[str] = set()
        for _, side, about in _sided(mentions, text):
            for meaning in about:
                (placed if own else sides)[meaning][side] += 1
                sided.add(meaning)
        for mention in mentions:
            if mention.token.meaning not in sided:
                (placed if own else sides)[mention.token.meaning]["-"] += 1
    for meaning, counts in stated.items():
        polarity.setdefault(meaning, counts)
    for meaning, counts in placed.items():
        if not any(side != "-" for side in sides.get(meaning, ())):
            sides[meaning] = counts
    starts = [sentence.start for sentence in built.sentences]
    for quantity in facts.quantities(text, counted=True):
        number = max(0, bisect_right(starts, quantity.start) - 1)
        values[str(quantity.value.normalize())].append((quantity, number))
    built.courses = dict(courses)
    built.dates = facts.dates(text)
    built.sex = contrasts.sex(of_patient)
    built.holding, built.polarity, built.sides, built.values = (
        dict(holding),
        dict(polarity),
        dict(sides),
        dict(values),
    )
    by_base: dict[str, list[tuple[facts.Quantity, int]]] = defaultdict(list)
    for places in values.values():
        for quantity, number in places:
            if quantity.dimension:
                by_base[f"{quantity.dimension}:{quantity.base}"].append((quantity, number))
    built.values.update(by_base)
    return built


def _held(text: str, mentions: list[_Mention]) -> set[str]:
    """Meanings of a sentence: of its words and phrases, and of the words inside its phrases."""
    held = {mention.token.meaning for mention in mentions}
    for token in (mention.token for mention in mentions):
        if token.meaning[0] == "=" and " " in text[token.start : token.end]:
            held |= {facts.stem(fold(word)) for word in text[token.start : token.end].split()}
    return held


# ---- the check


def check(conclusion: str, source: str, own: tuple[int, int] | None = None) -> list[Sentence]:
    """Look up each sentence of ``conclusion`` in ``source``.

    Args:
        conclusion: what is checked.
        source: the report.
        own: where the report's own conclusion stands, if it has one. It may state what the
            rest does not (a date of follow-up), and is not believed against the rest.

    Returns:
        One ``Sentence`` each, in order: text with its runs of spaces reduced to one, whether
        the source supports all of it, the source's closest passages (code points, at most
        three), and in French what could not be found.
    """
    return check_in(conclusion, index(source, own))


def check_in(conclusion: str, read: Index) -> list[Sentence]:
    """``check``, in a report that is read once for several conclusions."""
    return [
        _check_one(conclusion, sentence, read)
        for sentence in cutting.sentences(conclusion, _as_prose(conclusion))
    ]


def _as_prose(text: str) -> list[cutting.Line]:
    """Lines of a conclusion: all of it is meant to be read, whatever a line looks like."""
    return [
        cutting.Line(
            line.start,
            line.end,
            line.start,
            "blank" if line.kind == "blank" else "item" if line.kind == "item" else "prose",
            "",
        )
        for line in cutting.lines(text)
    ]


def _check_one(conclusion: str, sentence: cutting.Sentence, read: Index) -> Sentence:
    text = conclusion[sentence.start : sentence.end]
    mentions = _mentions(conclusion, sentence)
    chosen = _evidence(mentions, conclusion, sentence, read)
    reasons = list(
        dict.fromkeys(
            [
                *_numbers(conclusion, sentence, mentions, read),
                *_dates(conclusion, sentence, read),
                *_drugs(mentions, conclusion, read),
                *_courses(mentions, conclusion, sentence, read),
                *_sides(mentions, conclusion, read),
                *_polarity(mentions, conclusion, read),
                *_contraries(mentions, conclusion, chosen, read),
                *_normals(mentions, conclusion, read),
                *_words(mentions, conclusion, sentence, read),
            ]
        )
    )
    if not reasons and not chosen and any(not m.token.stop for m in mentions):
        reasons.append("Aucun passage du compte rendu ne correspond à cette phrase.")
    return Sentence(
        text=" ".join(text.split()),
        supported=not reasons,
        evidence=[Evidence(start=read.sentences[n].start, end=read.sentences[n].end) for n in chosen],
        reasons=reasons,
    )


def _content(mentions: Iterable[_Mention]) -> list[str]:
    return list(
        dict.fromkeys(m.token.meaning for m in mentions if not m.token.stop and m.token.word not in _LINK)
    )


def _evidence(
    mentions: list[_Mention], conclusion: str, sentence: cutting.Sentence, read: Index
) -> list[int]:
    """Numbers of the source sentences that cover most of the sentence's words and numbers, greedily."""
    wanted = {meaning: read.weight(meaning) for meaning in _content(mentions) if meaning in read.holding}
    for quantity in facts.quantities(conclusion, sentence.start, sentence.end):
        key = str(quantity.value.normalize())
        if key in read.values:
            wanted["#" + key] = 2.0
    chosen: list[int] = []
    total = sum(wanted.values())
    while wanted and len(chosen) < MAX_EVIDENCE:
        scores: Counter[int] = Counter()
        for meaning, weight in wanted.items():
            places = [n for _, n in read.values[meaning[1:]]] if meaning[0] == "#" else read.holding[meaning]
            for number in dict.fromkeys(places[:MAX_READ]):
                scores[number] += weight  # type: ignore[assignment]
        best, score = max(scores.items(), key=lambda item: (item[1], -item[0]))
        if score < 0.15 * total and chosen:
            break
        chosen.append(best)
        wanted = {m: w for m, w in wanted.items() if best not in _places(read, m)}
    return chosen


def _places(read: Index, meaning: str) -> set[int]:
    if meaning[0] == "#":
        return {n for _, n in read.values[meaning[1:]]}
    return set(read.holding[meaning])


def _numbers(conclusion: str, sentence: cutting.Sentence, mentions: list[_Mention], read: Index) -> list[str]:
    reasons = []
    for quantity in facts.quantities(conclusion, sentence.start, sentence.end, counted=True):
        written = " ".join(conclusion[quantity.start : quantity.end].split())
        if not quantity.dimension and written.isalpha():
            if elsewhere := _counted_otherwise(quantity, mentions, read):
                reasons.append(f"« {written} » : le compte rendu écrit « {elsewhere} ».")
            continue
        same_value = read.values.get(str(quantity.value.normalize()), [])
        if quantity.dimension:
            same = read.values.get(f"{quantity.dimension}:{quantity.base}", [])
            # a table writes its units in another column, and « 38,2 » or « TA 148 » often have none
            bare = [(q, n) for q, n in same_value if not q.dimension]
            places = same + bare
            if not places and same_value:
                other = same_value[0][0]
                reasons.append(
                    f"« {written} » : le compte rendu écrit « {' '.join(read.text[other.start : other.end].split())} »."
                )
                continue
        else:
            places = same_value
        if not places:
            reasons.append(f"« {written} » n'est pas dans le compte rendu.")
            continue
        if quantity.dimension in ("years", "clock"):
            continue  # an age, a time: told in too many ways
        about = _about(quantity, mentions)
        known = [meaning for meaning in about if meaning in read.holding]
        attached = any(_near(read, number, known) for _, number in places[:MAX_READ])
        if attached and quantity.dimension == "days":
            attached = any(_same_clause(read, place, known) for place in places[:MAX_CLAUSES])
        if known and not attached:
            reasons.append(f"« {written} » n'est pas rattaché à la même chose dans le compte rendu.")
    return reasons


def _counted_otherwise(quantity: facts.Quantity, mentions: list[_Mention], read: Index) -> str:
    """« deux frottis » where the report counts three: its words, or nothing where it counts alike or not at all."""
    what = next((m for m in mentions if m.token.start >= quantity.end and _names_something(m)), None)
    if what is None or any(
        not m.token.stop for m in mentions if quantity.end <= m.token.start < what.token.start
    ):
        return ""
    other = ""
    for number in read.holding.get(what.token.meaning, [])[:MAX_CLAUSES]:
        sentence = read.sentences[number]
        if sentence.end - sentence.start > MAX_CLAUSE_SENTENCE:
            continue
        for token in facts.tokens(read.text, sentence.start, sentence.end):
            if token.meaning != what.token.meaning:
                continue
            for counted, at in read.values.get(str(quantity.value.normalize()), []):
                if at == number and 0 <= token.start - counted.end <= 2:
                    return ""
            before = [
                q
                for q in facts.quantities(read.text, sentence.start, token.start, counted=True)
                if not q.dimension and token.start - q.end <= 2
            ]
            if before:
                other = read.text[before[-1].start : token.end]
    return " ".join(other.split())


def _same_clause(read: Index, place: tuple[facts.Quantity, int], about: list[str]) -> bool:
    """Whether a day told of one thing is not that of another: « drain à J3, sortie à J5 »."""
    quantity, number = place
    sentence = read.sentences[number]
    if sentence.end - sentence.start > MAX_CLAUSE_SENTENCE:
        return True
    commas = [m for m in range(sentence.start, sentence.end) if read.text[m] in ",;"]
    clauses = list(pairwise([sentence.start, *commas, sentence.end]))
    held = [
        clause
        for clause in clauses
        if any(token.meaning in about for token in facts.tokens(read.text, *clause))
    ]
    return not held or any(
        clause[0] <= quantity.start < clause[1]
        or not any(q.dimension == "days" for q in facts.quantities(read.text, *clause))
        for clause in held
    )


def _about(quantity: facts.Quantity, mentions: list[_Mention]) -> list[str]:
    """Meanings of the words around a number, which say what it measures."""
    before = [m for m in mentions if m.token.end <= quantity.start and _names_something(m)]
    after = [m for m in mentions if m.token.start >= quantity.end and _names_something(m)]
    return [m.token.meaning for m in before[-WINDOW:] + after[:2]]


def _near(read: Index, number: int, meanings: list[str]) -> bool:
    """Whether a source sentence, or one of its neighbours, holds one of these."""
    row = read.sentences[number].kind == "table"  # rows are about different things; sentences go on
    for place in (number,) if row else (number, number - 1, number + 1):
        if 0 <= place < len(read.sentences):
            for meaning in meanings:
                held = read.holding[meaning]
                at = bisect_right(held, place)
                if at and held[at - 1] == place:
                    return True
    return False


def _dates(conclusion: str, sentence: cutting.Sentence, read: Index) -> list[str]:
    return [
        f"La date « {' '.join(conclusion[date.start : date.end].split())} » n'est pas dans le compte rendu."
        for date in facts.dates(conclusion, sentence.start, sentence.end)
        if not any(date.agrees(other) and _as_precise(date, other) for other in read.dates)
    ]


def _as_precise(claimed: facts.Date, written: facts.Date) -> bool:
    """« le 12 mars » is not supported by « mars »; « mars 2024 » is by « 12/03 » alone."""
    return not (claimed.day is not None and written.day is None) and not (
        claimed.month is not None and written.month is None
    )


def _drugs(mentions: list[_Mention], conclusion: str, read: Index) -> list[str]:
    table = facts.drugs()
    reasons = []
    for mention in mentions:
        token = mention.token
        codes = table.get(token.word)
        if not codes or token.word in read.drugs or token.meaning in read.holding:
            continue
        if codes & read.codes:
            continue  # brand and substance of the same ATC code
        reasons.append(
            f"Le médicament « {conclusion[token.start : token.end]} » n'est pas dans le compte rendu."
        )
    return reasons


def _courses(mentions: list[_Mention], conclusion: str, sentence: cutting.Sentence, read: Index) -> list[str]:
    """« Arrêt du fébuxostat » where the report says that it goes on, or the reverse."""
    if not any(treatments.is_drug(mention.token.word) for mention in mentions):
        return []
    reasons = []
    for drug, claimed in treatments.courses(conclusion, sentence.start, sentence.end, nearest=True):
        said = read.courses.get(drug.meaning, set())
        written = conclusion[drug.start : drug.end]
        if claimed == {"stopped"} and said and "stopped" not in said:
            reasons.append(f"« {written} » : arrêté ici, poursuivi ou débuté dans le compte rendu.")
        elif claimed == {"going on"} and "stopped" in said and "going on" not in said:
            reasons.append(f"« {written} » : poursuivi ici, arrêté dans le compte rendu.")
    return reasons


def _sides(mentions: list[_Mention], conclusion: str, read: Index) -> list[str]:
    reasons = []
    for number, side, about in _sided(mentions, conclusion):
        written = conclusion[mentions[number].token.start : mentions[number].token.end]
        known = [meaning for meaning in about if meaning in read.sides]
        if not known:
            continue
        seen: Counter[str] = Counter()
        for meaning in known:
            seen.update({s: n for s, n in read.sides[meaning].items() if s != "-"})
        nearest = Counter({s: n for s, n in read.sides[known[0]].items() if s != "-"})
        of = nearest or seen
        if of[side] or (side in "DG" and of["B"] and not of["D" if side == "G" else "G"]):
            continue
        if side == "B" and of["D"] and of["G"]:
            continue
        if of:
            others = " et ".join(_SIDE_NAMES[s] for s, n in of.items() if n)
            reasons.append(f"Côté « {written} » : le compte rendu dit « {others} ».")
        else:
            reasons.append(f"Le côté « {written} » n'est pas précisé dans le compte rendu.")
    return reasons


def _polarity(mentions: list[_Mention], conclusion: str, read: Index) -> list[str]:
    reasons = []
    for mention in mentions:
        token = mention.token
        seen = read.polarity.get(token.meaning)
        if (
            not seen
            or token.stop
            or token.word in _LINK
            or len(token.word) < 3
            or token.word in _SIDES
            or token.word in _SUPPOSED
        ):
            continue
        written = conclusion[token.start : token.end]
        if mention.head and not seen["denied"] and seen["affirmed"]:
            reasons.append(f"« {written} » est affirmé dans le compte rendu, nié ici.")
        elif not mention.negated and seen["denied"] and not seen["affirmed"] and not seen["supposed"]:
            reasons.append(f"« {written} » est nié dans le compte rendu, affirmé ici.")
        elif not mention.negated and not mention.supposed and seen["supposed"] and not seen["affirmed"]:
            reasons.append(f"« {written} » n'est qu'une hypothèse dans le compte rendu.")
        elif (
            not mention.negated
            and not mention.relative
            and seen["relative"]
            and not (seen["affirmed"] or seen["supposed"])
        ):
            reasons.append(f"« {written} » concerne un parent du patient dans le compte rendu.")
    return reasons


def _contraries(mentions: list[_Mention], conclusion: str, chosen: list[int], read: Index) -> list[str]:
    """Words whose contrary stands in the passage that speaks of the same thing; a sex that is not the patient's."""
    reasons = []
    drugs = any(treatments.is_drug(m.token.word) for m in mentions)
    telling = [
        m
        for m in mentions
        if m.token.word in contrasts.opposites()
        and not m.negated
        and not (drugs and treatments.course(m.token.word))  # read drug by drug
    ]
    about = [read.sentences[number] for number in chosen] if telling else []
    near = [facts.tokens(read.text, passage.start, passage.end) for passage in about]
    for mention in telling:
        # a word that the report never writes is looked up by its contraries anywhere
        passages = near if mention.token.meaning in read.holding else [read.contraries]
        other = contrasts.contradicted(mention.token.word, passages)
        if other is not None:
            reasons.append(
                f"« {conclusion[mention.token.start : mention.token.end]} » : "
                f"le compte rendu dit « {read.text[other.start : other.end]} »."
            )
    claimed = contrasts.sex({mention.token.word for mention in mentions})
    if claimed and read.sex and claimed != read.sex and not any(m.relative for m in mentions):
        reasons.append("Le sexe du patient n'est pas celui du compte rendu.")
    return reasons


_NORMAL = frozenset("normal normale normaux normales".split())
_NOT_A_RESULT = frozenset("length volume mass days hours months years minutes clock courses sessions".split())
"""Dimensions of sizes, doses and times, which « normal » says nothing of."""


def _normals(mentions: list[_Mention], conclusion: str, read: Index) -> list[str]:
    """« CPK normales » where the report gives a figure of them and never says that it is normal."""
    reasons = []
    for number, mention in enumerate(mentions):
        if mention.token.word not in _NORMAL or mention.negated:
            continue
        after = mention.token
        for other in reversed(mentions[max(0, number - WINDOW) : number]):
            gap = conclusion[other.token.end : after.start]
            if any(mark in gap for mark in ",.;:(") or other.token.word[0].isdigit():
                break
            after = other.token
            if _names_something(other) and (figure := _figure_alone(read, other.token.meaning, mention)):
                written = conclusion[other.token.start : other.token.end]
                reasons.append(f"« {written} » : le compte rendu en donne « {figure} » sans le dire normal.")
    return reasons


def _figure_alone(read: Index, meaning: str, normal: _Mention) -> str:
    """The first figure that the report gives of a thing, unless it calls the thing normal."""
    found = ""
    for number in read.holding.get(meaning, [])[:MAX_CLAUSES]:
        sentence = read.sentences[number]
        if sentence.end - sentence.start > MAX_CLAUSE_SENTENCE:
            continue
        words = facts.tokens(read.text, sentence.start, sentence.end)
        figures = [
            figure
            for figure in facts.quantities(read.text, sentence.start, sentence.end)
            if figure.dimension not in _NOT_A_RESULT
        ]
        for token in words:
            if token.meaning != meaning:
                continue
            figure = next((one for one in figures if one.start >= token.end), None)
            # « CPK à 1840, créatinine normale » says nothing of the CPK, « CRP à 4, normale » does
            after = (one.start for one in words if figure and one.start >= figure.end and not one.stop)
            reach = next(after, sentence.end)
            if any(one.meaning == normal.token.meaning and one.start <= reach for one in words):
                return ""
            if figure and figure.start - token.end < FIGURE_WITHIN:
                found = found or " ".join(read.text[figure.start : figure.end].split())
    return found


def _words(mentions: list[_Mention], conclusion: str, sentence: cutting.Sentence, read: Index) -> list[str]:
    """Diagnoses and clinical words that the report never writes, and sentences that share too little with it."""
    measured = facts.quantities(conclusion, sentence.start, sentence.end)
    content = [
        m
        for m in mentions
        if not m.token.stop
        and m.token.word not in _LINK
        and m.token.word not in _SIDES
        and not any(q.start <= m.token.start < q.end for q in measured)
    ]
    content = [m for m in content if not m.token.word[0].isdigit()]
    known = facts.diagnosis_words()
    table = facts.drugs()

    def held(mention: _Mention) -> bool:
        return (
            mention.token.meaning in read.holding
            or bool(table.get(mention.token.word, frozenset()) & read.codes)
            or contrasts.is_class_of(mention.token.word, read.codes)
        )

    missing = [m for m in content if not held(m)]
    clinical = [
        m
        for m in missing
        if (m.token.meaning in known or m.token.meaning[0] == "=" or facts.is_clinical(m.token.word))
        and m.token.word not in table
        and m.token.word not in _SUPPOSED
    ]
    reasons = [
        f"« {conclusion[m.token.start : m.token.end]} » n'est pas dans le compte rendu." for m in clinical
    ]
    weights = {m.token.meaning: read.weight(m.token.meaning) for m in content}
    covered = sum(weights.values()) - sum(weights[meaning] for meaning in {m.token.meaning for m in missing})
    if not reasons and len(weights) >= 2 and covered < MIN_COVERAGE * sum(weights.values()):
        words = list(dict.fromkeys(conclusion[m.token.start : m.token.end] for m in missing))[:4]
        reasons.append(f"Trop peu de cette phrase se retrouve dans le compte rendu ({', '.join(words)}).")
    return reasons
