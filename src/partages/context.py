"""What is said of a mention: denied, supposed, of a relative, or of the past.

edsnlp's qualifiers (eds.negation, eds.hypothesis, eds.family, eds.history) read the line a mention is on;
section headings ("ANTÉCÉDENTS FAMILIAUX :"), which they do not see from the lines below, and a few turns
of phrase that they miss, are rules of ours.
"""

import logging
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

from partages.documents import Span

WINDOW = 600
"""Characters read around a mention at most, cut at the line and, in a longer line, at the sentence."""


@dataclass(frozen=True, slots=True)
class Context:
    """How a mention is meant. All false: the patient has it, now."""

    negated: bool = False
    hypothesis: bool = False
    family: bool = False
    history: bool = False


class _Late:
    """A regular expression compiled when it is first matched."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._given = pattern, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return _compile_now(*self._given)

    def match(self, *arguments: Any) -> Any:
        """As of a compiled pattern."""
        return self._compiled.match(*arguments)


_compile_now = re.compile


@contextmanager
def _huge_patterns_compiled_late() -> Iterator[None]:
    """spaCy's French compiles a pattern of 1.4 MB when imported (5 s), which edsnlp never matches."""

    def compile_late(pattern: Any, flags: int = 0) -> Any:
        huge = isinstance(pattern, str) and len(pattern) > 100_000
        return _Late(pattern, flags) if huge else _compile_now(pattern, flags)

    re.compile = compile_late
    try:
        yield
    finally:
        re.compile = _compile_now


@cache
def _pipeline() -> Any:
    import spacy

    with warnings.catch_warnings(), _huge_patterns_compiled_late():
        warnings.simplefilter("ignore")
        # Loads spaCy's entry points: once edsnlp is imported, spacy.load would miss factories.
        spacy.blank("xx")
        import edsnlp
        from loguru import logger

        logger.disable("edsnlp")
        logging.getLogger("edsnlp").setLevel(logging.ERROR)
        nlp = edsnlp.blank("eds")
        nlp.add_pipe("eds.normalizer", config={"pollution": False})
        nlp.add_pipe("eds.sentences")
        nlp.add_pipe("eds.negation")
        nlp.add_pipe("eds.hypothesis")
        nlp.add_pipe("eds.family", config={"use_sections": False})
        nlp.add_pipe("eds.history", config={"use_sections": False, "use_dates": False})
    return nlp


def warm() -> None:
    """Load the qualifiers."""
    qualify("Pas de fièvre.", [(7, 13)])


_HEADING = re.compile(r"^[ \t*#>•\-–\d.)]{0,8}([^\W\d_][^:\n]{2,60}?)[ \t]*(:|$)", re.MULTILINE)
_HISTORY = re.compile(r"\b(?:ant[ée]c[ée]dents?|atcds?|pass[ée] m[ée]dical)\b", re.IGNORECASE)
_FAMILY = re.compile(r"\b(?:famil\w{2,6}|h[ée]r[ée]dit\w{2,6})\b", re.IGNORECASE)
_OF_RELATIVE = re.compile(
    r"\b(?:m[èe]re|p[èe]re|fr[èe]res?|s(?:œ|oe)urs?|grands?[- ]m[èe]res?|grands?[- ]p[èe]res?|tantes?|oncles?"
    r"|cousine?s?|fratrie|grands[- ]parents|fille|fils)\b[^.;\n]{0,25}$",
    re.IGNORECASE,
)
_CHILD = re.compile(r"\b(?:fille|fils|b[ée]b[ée]|nouveau[- ]n[ée])\b", re.IGNORECASE)
_DENIED = re.compile(
    r"(?:\b(?:pas|point|absence|sans|ni|non|aucune?|jamais|nég(?:atif|ative)s? pour|exclut|écart(?:e|er|ant)"
    r"|infirm(?:e|er|ant)|élimin(?:e|er|ant)|indemnes?|régression complète)\b)"
    r"(?:[ ]+(?:de|d'|d’|du|des|la|le|l'|l’|une?|autre|signes?|argument|notion|symptôme|critère|récidive"
    r"|lésion|pour|en faveur|évoquant|franc|clinique|patente?|évidente?|associée?s?|retrouvée?|eu|été"
    r"|présenté|connue?|antécédents?|particuliers?|ni|trouble|anomalie|déficit|caractère)){0,6}[ ]*$",
    re.IGNORECASE,
)
_DENIED_INSIDE = re.compile(r"\b(?:non|pas|aucune?|sans)\b(?! insulino)", re.IGNORECASE)
_DENIED_AFTER = re.compile(
    r"^[ ]*(?::|=|est|était)?[ ]*(?:non|absente?s?|néga(?:tif|tive)s?|0|nulle?|éliminée?s?|écartée?s?"
    r"|infirmée?s?|exclue?s?|non retrouvée?s?)\b",
    re.IGNORECASE,
)
_TESTED = re.compile(
    r"\b(?:s[ée]rologies?|recherches?|pcr|tests?|anticorps|virus|cultures?|h[ée]mocultures?|bilan|d[ée]pistages?)\b",
    re.IGNORECASE,
)
_ALL_NEGATIVE = re.compile(
    r"^[^.;\n]{0,160}?\b(n[ée]gati(?:f|ve)s?|non contributi(?:f|ve)s?)\b", re.IGNORECASE
)
_POSITIVE = re.compile(r"\b(?:positi(?:f|ve)s?|mais|hormis|sauf)\b", re.IGNORECASE)
_SUPPOSED = re.compile(
    r"\b(?:suspicions? (?:de|d'|d’)|suspect(?:er|e|ée?|ant)?|évoqu(?:e|er|ant|ée?)|probables?"
    r"|possibles?|éventuel(?:le)?s?|hypoth[èe]ses? (?:de|d'|d’|diagnostiques?)"
    r"|à la recherche d['e’]|recherche (?:de|d'|d’)|rechercher"
    r"|éliminer|risque (?:de|d'|d’)|dépistage (?:de|du|d'|d’)|\?|en cas de|si|craindre|doute sur"
    r"|prévention (?:de|du|d'|d’|des)|prophylaxie (?:de|du|d'|d’|des)|vaccin\w{0,6}(?: contre| anti)?)"
    r"[ ]*(?:une?|des|la|le|l'|l’)?[ ]*(?:nouvelle|autre|origine|éventuel(?:le)?|possible)?[ ]*$",
    re.IGNORECASE,
)
_SUPPOSED_AFTER = re.compile(
    r"^[ ]*(?:\?|\(\?\)|probables?\b|possibles?\b|suspect(?:ée?|s)\b|à éliminer|à confirmer|non confirmée?\b"
    r"|vs\b|éventuel(?:le)?s?\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    history: bool
    family: bool


def _sections(text: str) -> list[_Section]:
    """Where each heading's reach begins. A heading alone on its line reaches to the next heading."""
    found = [_Section(0, False, False)]
    for match in _HEADING.finditer(text):
        title = match.group(1)
        alone = match.end() == len(text) or text[match.end()] == "\n"
        colon = match.group(2) == ":"
        if not (colon or (title.isupper() and len(title) > 5)) or len(title.split()) > 7:
            continue
        if colon and not alone and not title[0].isupper():
            continue
        history = bool(_HISTORY.search(title))
        family = bool(_FAMILY.search(title)) and (history or len(title.split()) <= 3)
        found.append(_Section(match.start(), history and not family, family))
    return found


def _line(text: str, start: int, end: int) -> tuple[int, int]:
    """The line around a mention, or its sentence where the line is long."""
    left = text.rfind("\n", max(0, start - WINDOW), start) + 1 or max(0, start - WINDOW)
    right = text.find("\n", end, end + WINDOW)
    right = min(len(text), end + WINDOW) if right < 0 else right
    if right - left > WINDOW:
        stop = text.rfind(". ", left, start)
        left = stop + 2 if stop >= 0 else left
        stop = text.find(". ", end, right)
        right = stop + 1 if stop >= 0 else right
    return left, right


def qualify(text: str, spans: Sequence[Span | tuple[int, int]]) -> list[Context]:
    """How each mention is meant.

    Args:
        text: the whole text: headings above a mention count.
        spans: mentions, in any order; offsets are code points.

    Returns:
        One context a mention, in the order given.
    """
    places = [(s.start, s.end) if isinstance(s, Span) else s for s in spans]
    if not places:
        return []
    sections = _sections(text)
    starts = [section.start for section in sections]
    windows: dict[tuple[int, int], list[int]] = {}
    for number, place in enumerate(places):
        windows.setdefault(_line(text, *place), []).append(number)
    contexts = [Context()] * len(places)
    for (left, right), numbers in windows.items():
        read = _read(text[left:right], [(places[n][0] - left, places[n][1] - left) for n in numbers])
        for number, context in zip(numbers, read, strict=True):
            section = sections[bisect_right(starts, places[number][0]) - 1]
            contexts[number] = replace(
                context, history=context.history or section.history, family=context.family or section.family
            )
    return contexts


def _read(line: str, places: Iterable[tuple[int, int]]) -> list[Context]:
    nlp = _pipeline()
    places = list(places)
    doc = nlp.make_doc(line)
    entities = [doc.char_span(start, end, label="mention", alignment_mode="expand") for start, end in places]
    doc.spans["mentions"] = [entity for entity in entities if entity is not None]
    doc.ents = _disjoint(doc.spans["mentions"])
    doc = nlp(doc)
    out = []
    for (start, end), entity in zip(places, entities, strict=True):
        before, after = line[max(0, start - 80) : start], line[end : end + 30]
        before = re.split(r"[.;\n]", before)[-1]
        tokens = list(entity) if entity is not None else []
        sentence = re.split(r"[.;\n]", line[max(0, start - 200) : start])[-1]
        verdict = _ALL_NEGATIVE.match(line[end : end + 180]) if _TESTED.search(sentence) else None
        tested = verdict is not None and not _POSITIVE.search(verdict.group())
        relative = _OF_RELATIVE.search(before)
        out.append(
            Context(
                negated=tested
                or bool(_DENIED_INSIDE.search(line[start:end]))
                or _flag(tokens, "negation")
                or bool(_DENIED.search(before) or _DENIED_AFTER.search(after)),
                hypothesis=_flag(tokens, "hypothesis")
                or bool(_SUPPOSED.search(before) or _SUPPOSED_AFTER.search(after)),
                family=_flag(tokens, "family") or bool(relative and not _CHILD.search(relative.group())),
                history=_flag(tokens, "history"),
            )
        )
    return out


def _flag(tokens: Sequence[Any], name: str) -> bool:
    return any(bool(getattr(token._, name, False)) for token in tokens)


def _disjoint(entities: Iterable[Any]) -> list[Any]:
    ordered = sorted(entities, key=lambda e: (e.start, -e.end))
    kept = ordered[:1]
    for _, entity in pairwise(ordered):
        if entity.start >= kept[-1].end:
            kept.append(entity)
    return kept
