"""From a clinician's words and ATIH's to one vocabulary, so that they can be compared.

The same steps for a label and for a passage: fold (case, accents, ligatures), cut into words, spell out
clinical abbreviations (passages only), replace equivalent expressions (``cancer`` -> ``tumeur maligne``),
reduce inflection. Tables: ``data/abbreviations.tsv``, ``data/words.tsv``, ``data/common.txt``.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from rapidfuzz.distance import DamerauLevenshtein

from partages.text import strip_accents

WORD = re.compile(r"[^\W_]+", re.UNICODE)
_ROMAN = {"ii": "2", "iii": "3", "iv": "4"}

MIN_LENGTH_TO_RESPELL = 6
"""Letters under which a word that nothing knows is left as it is: too many others are near."""
SAME_START = 5
"""Letters that a word and its correction share at the start."""


def _lines(name: str) -> list[str]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def common_words() -> frozenset[str]:
    """Words that tell nothing of a disease: articles, and official phrasing such as "sans précision"."""
    return frozenset(stem(word) for line in _lines("common.txt") for word in line.split())


_WITHOUT = re.compile(r"\bsans\b(?!\s+(?:sus|onde)\b)(?:(?!\bavec\b)[^,;.:()\n\[\]]){0,120}", re.IGNORECASE)


def without_denied(text: str) -> str:
    """``text`` less what it says is absent: "appendicite aiguë sans péritonite" -> "appendicite aiguë "."""
    return _WITHOUT.sub(" ", text)


_DOTTED = re.compile(r"\b(?:[A-Z]\.){2,6}")


def cut(text: str) -> list[str]:
    """Folded words, in order: ``"Œdème (aigu), V.I.H."`` -> ``["oedeme", "aigu", "vih"]``."""
    whole = _DOTTED.sub(lambda match: match.group().replace(".", "") + " ", text)
    return WORD.findall(strip_accents(whole).lower())


@cache
def stem(word: str) -> str:
    """Without plural and feminine: ``thyroïdiennes`` -> ``thyroidien``, ``obstructive`` -> ``obstructif``.

    Lighter than Savoy's minimal stemmer on purpose (Savoy, J Am Soc Inf Sci 1999;50:944-52): derivations
    are the affair of ``words.tsv``, where they can be read and corrected.
    """
    if word in _ROMAN:
        return _ROMAN[word]
    if len(word) < 4 or word[-1].isdigit():
        return word
    if word.endswith("aux") and len(word) > 5:
        return word[:-2] + "l"
    if word[-1] in "sx" and not word.endswith(("ss", "us", "is", "os")):
        word = word[:-1]
    if word.endswith("euse"):
        return word[:-2]
    if word.endswith("ive"):
        return word[:-2] + "f"
    if word.endswith("ee"):
        return word[:-1]
    if word.endswith("e"):
        word = word[:-1]
        if word.endswith(("nn", "ll", "tt")) and len(word) > 4:
            word = word[:-1]
    return word


@cache
def _abbreviations() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Those read whatever the case, by their folded form; and those read in capitals only."""
    anyhow: dict[str, list[str]] = {}
    capitals: dict[str, list[str]] = {}
    for line in _lines("abbreviations.tsv"):
        short, meaning = line.split("\t")
        (capitals if short.isupper() else anyhow)[short] = cut(meaning)
    return anyhow, capitals


@cache
def _expressions() -> dict[str, dict[tuple[str, ...], list[str]]]:
    """Equivalent expressions by their first stem: stems to replace -> stems that replace them."""
    pairs: list[tuple[tuple[str, ...], list[str]]] = []
    for line in _lines("words.tsv"):
        kept, variants = line.split("\t")
        target = _stems(cut(kept))
        sources = {tuple(_stems(cut(variant))) for variant in variants.split(",")}
        pairs += [(source, target) for source in sources if source and source != tuple(target)]
    single = {source[0]: target for source, target in pairs if len(source) == 1}
    found: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for source, target in pairs:
        settled: list[str] = []
        for word in target:
            again = single.get(word)
            settled += again if again and word not in again and source != (word,) else [word]
        found.setdefault(source[0], {}).setdefault(source, settled)
    return found


_ELISIONS = frozenset({"l", "d", "n", "s", "c", "j", "m", "qu"})
_ARTICLES = frozenset(
    stem(word) for word in ("de", "du", "des", "la", "le", "les", "d", "l", "a", "au", "aux", "en")
)


def _stems(words: Iterable[str]) -> list[str]:
    """Stems without articles: expressions must match "cancer du sein" and "cancer sein" alike."""
    return [stem(word) for word in words if stem(word) not in _ARTICLES]


_FRACTURE = re.compile(r"#(?=\s*[^\W\d_])")
"""How emergency notes write "fracture": "# bimalléolaire"."""


def expand(text: str) -> list[str]:
    """Words of a passage, folded, its abbreviations spelled out."""
    anyhow, capitals = _abbreviations()
    words: list[str] = []
    for match in WORD.finditer(_FRACTURE.sub(" fracture ", text)):
        written = match.group()
        folded = strip_accents(written).lower()
        if len(folded) <= 2 and not written.isupper() and folded in anyhow:
            words.append(folded)
        elif written in capitals:
            words += capitals[written]
        else:
            words += anyhow.get(folded, [folded])
    return words


def canonical(words: Sequence[str]) -> list[str]:
    """Stems, equivalent expressions replaced, common words left out; order is kept."""
    stems = _stems(words)
    table = _expressions()
    out: list[str] = []
    position = 0
    while position < len(stems):
        options = table.get(stems[position])
        if options:
            for length in range(min(6, len(stems) - position), 0, -1):
                target = options.get(tuple(stems[position : position + length]))
                if target is not None:
                    out += target
                    position += length
                    break
            else:
                out.append(stems[position])
                position += 1
        else:
            out.append(stems[position])
            position += 1
    common = common_words()
    return [word for word in out if word not in common and (len(word) > 1 or word.isdigit() or word in "bcq")]


class Speller:
    """Finds the known word that a misspelt one stands for."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._near: dict[tuple[str, int], list[str]] = {}
        for word in sorted(self._known):
            if len(word) >= MIN_LENGTH_TO_RESPELL - 1:
                self._near.setdefault((word[0], len(word)), []).append(word)

    def __contains__(self, word: str) -> bool:
        return word in self._known

    def correct(self, word: str) -> str:
        """The only known word one edit away that begins the same, else ``word`` itself.

        Not two edits: "coloscopie" would become "colostomie". Not in the first letters: "hyper-" and "hypo-",
        "macro-" and "micro-" would be taken for each other.
        """
        if word in self._known or len(word) < MIN_LENGTH_TO_RESPELL or len(word) > 30:
            return word
        near = {
            known
            for length in range(len(word) - 1, len(word) + 2)
            for known in self._near.get((word[0], length), ())
            if known.startswith(word[:SAME_START])
            and DamerauLevenshtein.distance(word, known, score_cutoff=1) == 1
        }
        return near.pop() if len(near) == 1 else word
