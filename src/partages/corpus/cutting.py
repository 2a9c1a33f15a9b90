"""Long documents cut where their author did, and paragraphs into sentences."""

import re
from collections.abc import Iterator

from partages.corpus.normalise import is_heading

LONG = 16_000
"""Characters from which a document is cut."""
TARGET = 10_000
"""Characters of a section from which a heading opens another one."""

_END = re.compile(r"(?<=[.!?…])[»\"”)]? +(?=[A-ZÀ-ÖØ-Þ0-9«\"“(•●-])|(?<=[:;]) +(?=[•●▪–-] )")
_ABBREVIATION = re.compile(r"(?:\b(?:M|Mme|Mlle|Dr|Pr|St|Ste|cf|ex|fig|tab|art|p|n|vol|al|env|min|max|av|apr|[A-Z])|\b\d{1,2})\.$")  # fmt: skip


def sections(text: str) -> Iterator[str]:
    """The document whole, or in sections of about ``TARGET`` to ``LONG`` characters, cut at headings where there are some.

    No character is lost but the line ends at cuts.
    """
    if len(text) <= LONG:
        yield text
        return
    held: list[str] = []
    size = 0
    for line in _lines(text):
        opens = size >= TARGET and is_heading(line) and len(line) > 3
        if held and (opens or size + len(line) > LONG):
            moved: list[str] = []
            while len(held) > 1 and not opens and is_heading(held[-1]):
                moved.insert(0, held.pop())  # a heading goes with what it announces
            yield "\n".join(held).strip()
            held, size = moved, sum(map(len, moved))
        held.append(line)
        size += len(line) + 1
    rest = "\n".join(held).strip()
    if rest:
        yield rest


def _lines(text: str) -> Iterator[str]:
    """Lines; one longer than a section is cut between sentences."""
    for line in text.split("\n"):
        if len(line) <= TARGET:
            yield line
            continue
        held = ""
        for sentence in sentences(line):
            for at in range(0, len(sentence), TARGET):
                piece = sentence[at : at + TARGET]
                if held and len(held) + len(piece) > TARGET:
                    yield held
                    held = ""
                held = f"{held} {piece}" if held else piece
        if held:
            yield held


def sentences(line: str) -> list[str]:
    """The sentences of a paragraph; joined by single spaces they give it back, spacing aside.

    >>> sentences("Douleur d'env. 2 h. Pas de fièvre. Vu par le Dr. Martin.")
    ["Douleur d'env. 2 h.", 'Pas de fièvre.', 'Vu par le Dr. Martin.']
    """
    found: list[str] = []
    start = 0
    for match in _END.finditer(line):
        if _ABBREVIATION.search(line, max(start, match.start() - 6), match.start()):
            continue
        piece = line[start : match.end()].strip()
        if piece:
            found.append(piece)
        start = match.end()
    if rest := line[start:].strip():
        found.append(rest)
    return found
