"""Whether a document, or one of its paragraphs, is worth learning from.

The rules are those of Gopher (Rae et al. 2021, arXiv 2112.11446, table A1) and FineWeb (Penedo et al. 2024, arXiv 2406.17557),
with the thresholds set again for French medicine: tables of doses, lists of signs and titles are what it is written in.
``docs/corpus.md`` gives what each one drops.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from partages.corpus.words import grams, numbers, split

SHORTEST = {"title": 3, "dialogue": 3, "question": 4, "case": 8}
"""Words of a document at least, by kind."""
SHORTEST_ELSE = 6
JUDGED = 25
"""Words from which a text has enough of them for shares to mean something."""


@dataclass(frozen=True)
class Rule:
    """A limit, with its unit, what Gopher or FineWeb has, and why it differs."""

    name: str
    limit: float
    unit: str
    original: str
    why: str


RULES = {
    rule.name: rule
    for rule in (
        Rule("too-short", SHORTEST_ELSE, "words at least", "50 (Gopher)",
             "a title or an indication is a document; 3 for titles and dialogues, 4 for questions, 8 for cases"),
        Rule("few-letters", 0.5, "share of words with a letter, at least", "0.80 (Gopher)",
             "tables of doses and laboratory results are numbers"),
        Rule("long-words", 11.0, "characters a word, at most", "10 (Gopher)", "French medical words are long"),
        Rule("short-words", 2.2, "characters a word, at least", "3 (Gopher)", "same as Gopher, less abbreviations and units"),
        Rule("symbols", 0.2, "ellipses and # a word, at most", "0.10 (Gopher)",
             "leaflets lead from a substance to its quantity with an ellipsis"),
        Rule("no-sentence", 2, "distinct French small words, at least", "2 of 8 (Gopher)", "same, on 60 French words; not for titles"),
        Rule("capitals", 0.6, "share of letters in capitals, at most", "none", "menus and forms; not for titles"),
        Rule("repeated-lines", 0.6, "share of lines that came before, at most", "0.30 (Gopher)",
             "short lines come back in tables, and later copies are taken out; lines under 3 words are not counted"),
        Rule("repeated-phrase", 0.35, "share of words in the most frequent 3-gram, at most", "0.18 (Gopher)",
             "the name of a product or a disease comes back"),
        Rule("repeated-passages", 0.6, "share of words in 10-grams that came before, at most", "0.10 (Gopher)",
             "a leaflet says the same of each species, dose and route, and later copies are taken out"),
        Rule("list-of-fragments", 0.9, "share of lines under 30 characters, at most", "0.67 (FineWeb)",
             "signs and criteria are listed; from 20 lines on"),
        Rule("broken-encoding", 0.005, "replacement characters and misread bytes a character, at most", "none", "lost text"),
        Rule("spaced-letters", 0.4, "share of words of one letter, at most", "none", "l e t t e r s  of a bad extraction"),
    )
}  # fmt: skip

_SMALL = frozenset(
    "le la les l de des du d un une et à au aux en dans par pour sur avec sans que qui est sont ou se ce cette ces son sa "
    "ses il elle ils elles on ne pas plus leur leurs dont être a ont été lors chez entre comme mais si".split()
)
_WORDS = re.compile(r"[^\W\d_]+")
_BROKEN = re.compile("�|Ã[©¨ª«®´»§¹\u00a0-\u00bf]|â€")
_LONE = frozenset("àay")
_LETTER = re.compile(r"[^\W\d_]")
_BOILERPLATE = re.compile(
    r"tous droits réservés|all rights reserved|©|\bcopyright\b|retour (?:au sommaire|en haut)|cliquez (?:ici|sur)|"
    r"imprimer (?:la|cette) page|mentions légales|politique de confidentialité|accepter (?:les|tous les) cookies|"
    r"partager sur (?:facebook|twitter|linkedin)|s'abonner à la newsletter|plan du site|"
    r"télécharger (?:le|ce) (?:pdf|document)|page d'accueil|se connecter|mot de passe oublié",
    re.IGNORECASE,
)
STRIPPED = re.compile(
    r"(?:^|\s)[-–]?\s*(?:date de création du document(?: \d{4}(?: ?[-–] ?\d{4})?)?|support de cours(?: \(version pdf\))?)\s*[-–]?(?=\s|$)|(?<=\S)\s*©[^.;:|]{0,70}$",
    re.IGNORECASE,
)
"""Mentions that stand in the same line as a title, which stays."""
BOILERPLATE_LENGTH = 160
"""Characters; a longer paragraph that holds such words says something else too."""


def judge(text: str, kind: str) -> tuple[str, float] | None:
    """The rule that a document fails, with what was measured; None when it passes.

    The text has one paragraph a line.
    """
    tokens = text.split()
    count = len(tokens)
    measured: float = sum(1 for token in tokens if _LETTER.search(token)) if count < 60 else count
    if measured < SHORTEST.get(kind, SHORTEST_ELSE):
        return "too-short", measured
    broken = len(_BROKEN.findall(text)) / len(text)
    if broken > RULES["broken-encoding"].limit:
        return "broken-encoding", broken
    if count < JUDGED:
        return None
    distinct = Counter(tokens)
    lettered = sum(times for token, times in distinct.items() if _LETTER.search(token)) / count
    if lettered < RULES["few-letters"].limit:
        return "few-letters", lettered
    length = sum(len(token) * times for token, times in distinct.items()) / count
    if length > RULES["long-words"].limit:
        return "long-words", length
    single = (
        sum(
            times
            for token, times in distinct.items()
            if len(token) == 1 and token.isalpha() and token.lower() not in _LONE
        )
        / count
    )
    if single > RULES["spaced-letters"].limit:
        return "spaced-letters", single
    if length < RULES["short-words"].limit:
        return "short-words", length
    symbols = (text.count("...") + text.count("…") + text.count("#")) / count
    if symbols > RULES["symbols"].limit:
        return "symbols", symbols
    if kind not in ("title", "dialogue"):
        small = {word for token in distinct for word in _WORDS.findall(token.lower()) if word in _SMALL}
        if len(small) < RULES["no-sentence"].limit:
            return "no-sentence", len(small)
    letters = sum(map(str.isalpha, text)) if count < 200 else sum(map(str.isalpha, text[:3000]))
    capitals = sum(map(str.isupper, text)) if count < 200 else sum(map(str.isupper, text[:3000]))
    if letters and capitals / letters > RULES["capitals"].limit and kind != "title":
        return "capitals", capitals / letters
    return _repeats(text)


def _repeats(text: str) -> tuple[str, float] | None:
    lines = [line for line in text.split("\n") if line.count(" ") >= 2]
    if len(lines) >= 10:
        again = 1 - len(set(lines)) / len(lines)
        if again > RULES["repeated-lines"].limit:
            return "repeated-lines", again
    every = [line for line in text.split("\n") if line]
    if len(every) >= 20:
        short = sum(len(line) < 30 for line in every) / len(every)
        if short > RULES["list-of-fragments"].limit:
            return "list-of-fragments", short
    words = numbers(split(text))
    if len(words) < 50:
        return None
    _, counts = np.unique(grams(words, 3), return_counts=True)
    top = 3 * int(counts.max()) / len(words)
    if top > RULES["repeated-phrase"].limit:
        return "repeated-phrase", top
    long = grams(words, 10)
    again = 1 - len(np.unique(long)) / len(long) if len(long) else 0.0
    if again > RULES["repeated-passages"].limit:
        return "repeated-passages", again
    return None


def judge_paragraph(line: str) -> str | None:
    """Why a paragraph is left out of a document that is kept; None when it stays."""
    if len(line) <= BOILERPLATE_LENGTH and _BOILERPLATE.search(line):
        return "boilerplate"
    letters = sum(map(str.isalpha, line))
    if len(line) >= 12 and letters < 0.15 * len(line) and not re.search(r"\d", line):
        return "symbols-only"
    if _BROKEN.search(line) and len(_BROKEN.findall(line)) > 0.02 * len(line):
        return "broken-encoding"
    return None
