"""A draft of the conclusion made of the report's own sentences; no model.

Sentences are scored by where they stand, by what they announce (a diagnosis, an outcome, a
treatment, a follow-up) and by how central their words are (TF-IDF against the whole report,
Salton 1988); the draft takes one for each part of a conclusion first, then the best of the
rest, without saying the same thing twice (maximal marginal relevance, Carbonell & Goldstein
1998). It reads in the order of a conclusion: reason for coming, diagnosis, findings,
treatment and course, follow-up.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

from partages.usecases.conclude import facts
from partages.usecases.conclude import passages as cutting
from partages.usecases.conclude.passages import Sentence, lines

MIN_WORDS, MAX_WORDS = 4, 60
BRIEF = 30
"""Words that carry meaning, below which a text is a note and its shortest sentences count."""
CONSIDERED = 80
"""Best-scored sentences among which redundancy is weighed (its cost is their number times the draft's)."""
REDUNDANCY = 0.7
"""Weight of what has been said already, against a sentence's own score."""
MAX_SHARED = 0.6
"""Cosine above which two sentences say the same thing."""

ROLES = ("motif", "diagnosis", "findings", "course", "followup")

# What a section is worth to a conclusion, and which part of it its sentences fill.
_SECTIONS: dict[str, tuple[float, str]] = {
    "motif": (0.75, "motif"),
    "diagnosis": (1.15, "diagnosis"),
    "evolution": (0.6, "course"),
    "treatment": (0.6, "course"),
    "followup": (0.6, "followup"),
    "discharge": (0.0, "followup"),
    "history": (0.3, "motif"),
    "investigations": (0.25, "findings"),
    "operative": (0.2, "findings"),
    "exam": (-0.1, "findings"),
    "antecedents": (-0.4, "motif"),
    "entry": (-0.6, "motif"),
    "lifestyle": (-0.6, "motif"),
    "conclusion": (0.8, "diagnosis"),
}
_CUES: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("diagnosis", 0.7, re.compile(
        r"\b(?:diagnostic (?:de|d'|d’|retenu|final|définitif|est|a été)|diagnostiqu|conclu(?:t|ant|sion)|confirm(?:e|é|ait|ant|ée)\b"
        r"|en faveur d|compatibles? avec|il s'agit d|s’agit d|nous retenons|est retenu|a (?:montré|révélé|objectivé|mis en évidence)"
        r"|met(?:tant)? en évidence|révél(?:ant|ait|e)\b|correspond(?:ant|ait)? à|évocat)", re.IGNORECASE)),
    ("course", 0.5, re.compile(
        r"\b(?:évolution|amélior|favorabl|guéri|rémission|réponse (?:complète|partielle|clinique|métabolique)|récidiv|rechut"
        r"|progression|décès|décéd|mort\b|est sorti|sortie|apyré|asymptomatique|stab(?:le|ilis)|complication|suites|disparition|régress"
        r"|récupér|résolut)", re.IGNORECASE)),
    ("course", 0.45, re.compile(
        r"\b(?:traité|traitement (?:par|d|a été|antibio|chirurg)|antibiothérapie|chimiothérapie|radiothérapie|chirurgie|opéré|intervention"
        r"|résection|résequ|exérèse|ectomie\b|greffe|transplant|débuté|instauré|introdui|mise? sous|relais|administr|reçu|bénéficié d"
        r"|drainage|thrombolyse|ablation|pose d)", re.IGNORECASE)),
    ("followup", 0.6, re.compile(
        r"\b(?:consultation (?:de|d|avec|post|le|à)|rendez-vous|rdv|sera (?:revu|réévalu|convoqu|suivi|présenté)|à revoir|contrôle à|suivi (?:par|en|régulier|à)"
        r"|surveillance|à surveiller|dans \w+ (?:mois|semaines|jours)|prévu|à distance|réévalu|poursuivre|poursuite|à discuter)", re.IGNORECASE)),
)  # fmt: skip
_NORMAL = re.compile(
    r"\b(?:sans (?:particularité|anomalie|résultat)|normale?s?\b|négati(?:f|ve)s?\b|rien à signaler|ras\b|dans la norme|absence d|pas d)",
    re.IGNORECASE,
)
_LEANING = re.compile(
    r"^(?:il|elle|ils|elles|cela|ceci|celui|celle|ce dernier|cette dernière|cependant|toutefois|par ailleurs|en effet|de plus|ensuite"
    r"|puis|d'autre part|en outre|également|ces?|cette|son|sa|ses|le même|la même)\b",
    re.IGNORECASE,
)
_RELATIVES = re.compile(
    r"(?:antécédents?|histoire) familia|dans sa famille|\b(?:sa|son|ses|une?|deux)[ ](?:grand-|demi-|arrière-)?(?:mère|père|sœur|soeur|frère|oncle|tante|cousine?|parents?)s?\b"
    r"|\bfamilia(?:l|le|les|ux)\b",
    re.IGNORECASE,
)
_WHO = re.compile(
    r"\b(?:patiente?|femme|homme|garçon|fille|enfant|nourrisson|nouveau-né|M\.|Mme)\b.{0,40}?\b\d{1,3}[ ](?:ans?|mois|jours)\b"
)
_PRIVATE = re.compile(
    r"(?:\b0\d(?:[ .]\d\d){4}\b|\S@\S|\bn[ée]+(?:\(e\))?[ ]le\b|\b(?:ipp|nda|nir|rpps)\b|\b\d{5}[ ]+[A-ZÉ]|\b(?:rue|avenue|boulevard|impasse|allée|chemin)"
    r"[ ](?:d|l)|nous vous (?:adress|remerc)|merci de|je vous (?:adress|remerc)|copie à|vit (?:seule?|avec|en)|figure \d|\(fig|tableau \d|\bcourrier\b)",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"(?:\b(?:votre|ton|notre)[ ]patiente?,?[ ])?\b(?P<title>M\.|Mr\.?|Monsieur|Mme|Madame|Mlle|Mademoiselle)[ ]"
    r"(?:(?:[A-ZÉÈÊ][\w’'-]+|[A-ZÉÈ]\.)(?:[ ](?!et\b|a\b)(?=[A-ZÉÈ])|\b))+"
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence that could be part of a conclusion: its part (of ``ROLES``), score, and words."""

    sentence: Sentence
    number: int
    role: str
    score: float
    words: Counter[str]
    norm: float


@dataclass(frozen=True, slots=True)
class Drafted:
    """A sentence of the draft: as written there, and where it comes from."""

    text: str
    start: int
    end: int


def draft(text: str, max_sentences: int, without: tuple[int, int] | None = None) -> list[Drafted]:
    """The draft, in reading order; empty when the report holds no sentence worth quoting.

    Args:
        text: the report.
        max_sentences: at most this many.
        without: a stretch to leave out: the conclusion that is there already.
    """
    chosen = _select(rank(text, without), max_sentences)
    chosen.sort(key=lambda one: (ROLES.index(one.role), one.number))
    written = [Drafted(_written(text, one.sentence), one.sentence.start, one.sentence.end) for one in chosen]
    return [one for one in written if one.text]


def reduce(text: str, characters: int, without: tuple[int, int] | None = None) -> str:
    """The best sentences of the report, in its order, within so many characters: what a model reads."""
    text_length = len(text) - (without[1] - without[0]) if without else len(text)
    if text_length <= characters:
        return (text[: without[0]] + text[without[1] :] if without else text).strip()
    kept, length = [], 0
    for one in sorted(rank(text, without, tables=True), key=lambda one: (-one.score, one.number)):
        size = one.sentence.end - one.sentence.start + 1
        if length + size <= characters:
            kept.append(one)
            length += size
    kept.sort(key=lambda one: one.number)
    quoted = "\n".join(" ".join(text[one.sentence.start : one.sentence.end].split()) for one in kept)
    return quoted or text[:characters]


def rank(text: str, without: tuple[int, int] | None = None, *, tables: bool = False) -> list[Scored]:
    """Every sentence that could be quoted, in order, with its score."""
    outline = lines(text)
    first = next(
        (line.start for line in outline if line.kind == "heading" and line.section in _SECTIONS), None
    )
    everything = cutting.sentences(text, outline)
    if without:
        everything = [s for s in everything if s.end <= without[0] or s.start >= without[1]]
    spelled = [_words(text, sentence) for sentence in everything]
    frequency = Counter(word for words in spelled for word in set(words))
    weight = {word: math.log(len(everything) / count) + 0.1 for word, count in frequency.items()}
    centre: Counter[str] = Counter()
    for sentence, words in zip(everything, spelled, strict=True):
        if sentence.kind in ("prose", "item"):
            centre.update({word: count * weight[word] for word, count in words.items()})
    length = math.sqrt(sum(value * value for value in centre.values())) or 1.0
    found = []
    brief = sum(sum(words.values()) for words in spelled) <= BRIEF
    for number, (sentence, words) in enumerate(zip(everything, spelled, strict=True)):
        if not _is_quotable(text, sentence, words, first, tables=tables, brief=brief):
            continue
        vector = Counter({word: count * weight[word] for word, count in words.items()})
        norm = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        central = sum(value * centre[word] for word, value in vector.items()) / (norm * length)
        role, score = _score(text, sentence, number / max(1, len(everything) - 1), central)
        found.append(Scored(sentence, number, role, score, vector, norm))
    return found


def _words(text: str, sentence: Sentence) -> Counter[str]:
    return Counter(
        token.meaning
        for token in facts.tokens(text, sentence.start, min(sentence.end, sentence.start + 2000))
        if not token.stop and not token.word.isdigit()
    )


def _is_quotable(
    text: str, sentence: Sentence, words: Counter[str], first: int | None, *, tables: bool, brief: bool
) -> bool:
    if sentence.kind == "admin" or (sentence.kind == "table" and not tables):
        return False
    quoted = text[sentence.start : sentence.end]
    count = len(quoted[:2000].split())
    if len(quoted) > 1200 or count > MAX_WORDS * 2 or _PRIVATE.search(quoted[:1200]):
        return False
    short = 2 if brief or sentence.section in ("diagnosis", "motif") else MIN_WORDS
    if count < short or sum(words.values()) < 2:
        return False
    if first is not None and sentence.start < first and (count < 8 or not quoted.endswith(".")):
        return False  # a letterhead
    digits = sum(character.isdigit() for character in quoted)
    return digits < 0.25 * len(quoted) or tables


def _score(text: str, sentence: Sentence, position: float, central: float) -> tuple[str, float]:
    quoted = text[sentence.start : sentence.end]
    base, role = _SECTIONS.get(sentence.section, (0.2, ""))
    score = base + central
    found: dict[str, float] = {}
    for name, value, pattern in _CUES:
        if pattern.search(quoted):
            found[name] = max(found.get(name, 0.0), value)
    if found:
        score += max(found.values()) + 0.1 * (len(found) - 1)
    if not role:
        # no headings: the case opens with who comes and why, and closes with how it ended
        role = max(found, key=lambda name: found[name]) if found else "findings"
        if position < 0.08 and not _RELATIVES.search(quoted):
            role, score = "motif", score + (0.9 if _WHO.search(quoted) else 0.6)
        elif position > 0.8:
            score += 0.35 * position
    elif role == "findings" and found.get("diagnosis"):
        role = "diagnosis"
    elif role == "motif" and sentence.section == "history" and position > 0.1:
        role = "findings" if not found else max(found, key=lambda name: found[name])
    elif role == "course" and found.get("followup") and not found.get("course"):
        role = "followup"
    if sentence.section in ("evolution", "treatment") and position > 0.8:
        score += 0.2
    if _NORMAL.search(quoted):
        score -= 0.35
    if _RELATIVES.search(quoted):
        score -= 1.0
    if _LEANING.match(quoted):
        score -= 0.2
    if quoted.endswith("?") or quoted.endswith(":"):
        score -= 0.6
    count = len(quoted.split())
    if count > 40:
        score -= 0.02 * (count - 40)
    if count < 7 and sentence.section not in ("diagnosis", "motif"):
        score -= 0.3
    return role, score


def _select(ranked: list[Scored], wanted: int) -> list[Scored]:
    pool = sorted(ranked, key=lambda one: (-one.score, one.number))[:CONSIDERED]
    chosen: list[Scored] = []
    # one sentence a part first, the most telling parts when few are wanted
    for role in ("diagnosis", "motif", "course", "followup"):
        candidates = [
            one
            for one in pool
            if one.role == role and one not in chosen and _shared(one, chosen) < MAX_SHARED
        ]
        if candidates and len(chosen) < wanted and candidates[0].score > 0.45:
            chosen.append(candidates[0])
    while len(chosen) < wanted:
        best = max(
            (one for one in pool if one not in chosen and _shared(one, chosen) < MAX_SHARED),
            key=lambda one: (one.score - REDUNDANCY * _shared(one, chosen), -one.number),
            default=None,
        )
        if best is None or (best.score < 0.5 and chosen):
            break
        chosen.append(best)
    return chosen


def _shared(one: Scored, others: list[Scored]) -> float:
    """Largest cosine with one of the others."""
    return max(
        (
            sum(value * other.words[word] for word, value in one.words.items()) / (one.norm * other.norm)
            for other in others
        ),
        default=0.0,
    )


def _person(match: re.Match[str]) -> str:
    woman = match["title"].startswith(("Mme", "Mad", "Mll"))
    return "la patiente" if woman else "le patient"


def _written(text: str, sentence: Sentence) -> str:
    """The sentence as the draft writes it: one line, no name of the patient, a capital and a full stop."""
    quoted = " ".join(text[sentence.start : sentence.end].split()).rstrip(" ;,:-–")
    quoted = _PERSON.sub(_person, quoted)
    if not quoted:
        return ""
    quoted = quoted[0].upper() + quoted[1:]
    return quoted if quoted[-1] in ".!?…" else quoted + "."
