"""Text as it was meant: encoding, ligatures, hyphenation, spacing, running heads, reference lists.

What is medical is left alone: units, doses, ``<``, ``≥``, Greek letters, formulae, superscripts. So no NFKC here, which
would turn ``m²`` into ``m2`` and ``½`` into ``1⁄2``.
"""

import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from partages.text import fold
from partages.usecases.pseudonymise.gazetteers import is_word

LONG_LINE = 2000
"""Characters; a longer text on one line had its line ends turned to double spaces, if it has many."""
RUNNING = 4
"""Times a short line comes back in one document before it is a running head or foot."""
SHORT_HEAD, RUNNING_LENGTH = 16, 90
"""Characters of a running head, at least and at most."""
MANY_LINES = 40
"""Lines of a document from which running heads are looked for."""

# UTF-8 read as Windows-1252, as in "Ã©tÃ©": a lead byte, then the marks its continuation bytes show as.
_TRAIL = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_MOJIBAKE = re.compile(rf"(?:[ÂÃÅÎÏÐÑÄË][{_TRAIL}]|[âï][{_TRAIL}]{{2}}|ð[{_TRAIL}]{{3}})+")
_LONE_A = re.compile("Ã(?= {1,2}[a-zàâéèêîôû])")
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#\d{1,6}|#x[0-9a-fA-F]{1,6});")
_TAG = re.compile(
    r"</?(?:p|br|div|span|b|i|u|em|strong|sub|sup|ul|ol|li|table|tr|td|th|tbody|thead|h[1-6]|a|img|font)"
    r"(?:\s[^<>]{0,300})?/?>",
    re.IGNORECASE,
)
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|ul|ol|li|table|tr|h[1-6])\b", re.IGNORECASE)
_INVISIBLE = re.compile("[\u0000-\u0008\u000b\u000e-\u001f\u007f\u0080-\u0084\u0086-\u009f\u00ad\u200b-\u200f"
                        "\u202a-\u202e\u2060-\u2064\ufeff]")  # fmt: skip
_LINE_END = re.compile("\r\n?|[\u0085\u2028\u2029\u000c]")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
# Private-use characters of PDF text: Adobe Symbol at U+F000 (Adobe, "Symbol encoding"), and Wingdings bullets.
_SYMBOLS = {
    "a": "α", "b": "β", "c": "χ", "d": "δ", "D": "Δ", "e": "ε", "f": "φ", "g": "γ", "G": "Γ", "h": "η", "k": "κ",
    "l": "λ", "L": "Λ", "m": "µ", "n": "ν", "p": "π", "q": "θ", "r": "ρ", "s": "σ", "S": "Σ", "t": "τ", "w": "ω",
    "W": "Ω", "x": "ξ", "y": "ψ", "\xa3": "≤", "\xb3": "≥", "\xb0": "°", "\xb1": "±", "\xb4": "×", "\xb9": "≠",
    "\xbb": "≈", "\xae": "→", "\xac": "←", "\xad": "↑", "\xaf": "↓", "\xa5": "∞", "\xd6": "√", "<": "<", ">": ">",
    "\xb7": "•", "\xa7": "•", "\xd8": "•", "\xfc": "•", "v": "•", "o": "•",
}  # fmt: skip
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_SPACING_ACCENT = re.compile(r"([aeiouAEIOU])([´`ˆ¨])(?=[^\W\d_])")
_ELISION = re.compile(r"\b((?:[ldnscjmt]|qu|jusqu|lorsqu|puisqu|quoiqu))[´`](?=\w)", re.IGNORECASE)
_COMBINING = {"´": "\u0301", "`": "\u0300", "ˆ": "\u0302", "¨": "\u0308"}
_HYPHEN_END = re.compile(r"([^\W\d_]{2,})[-‐¬]\n\s*([a-zà-öø-ÿœ]{2,})")
_HYPHEN_INSIDE = re.compile(r"\b([a-zà-öø-ÿœ]{2,9})-([a-zà-öø-ÿœ]{3,})\b")
_DOUBLE = re.compile(r"(?<=\S) {2,}(?=\S)")
_RUNS = re.compile(r"[ \t]{2,}|\t")
_TOKENISED = re.compile(r"\w [.,](?: |$)|\w' \w|\( \w", re.MULTILINE)
_TERMINAL = tuple('.!?:;…»")')
_BULLET = re.compile(r"^(?:[•●▪◦‣■□○–—*-]|o (?=[A-ZÀ-Þ])|\d{1,2}[.)]\s|[a-z][.)]\s|[IVX]{1,5}[.)]\s)")
_PAGE = re.compile(r"^[-–—\s]*(?:page|p\.)\s*\d{1,4}(?:\s*(?:/|sur|de)\s*\d{1,4})?[-–—\s]*$|^\d{1,4}\s*/\s*\d{1,4}$", re.IGNORECASE)  # fmt: skip
_BARE_NUMBER = re.compile(r"^[-–—\s]*(\d{1,4})[-–—\s]*$")
_WIKI_HEADING = re.compile(r"[ \n]*(={2,6}) ?([^=\n]{1,200}?) ?\1[ \n]*")
_WIKI_MARK = re.compile(
    r"\[(?:réf\. (?:nécessaire|souhaitée)|réf\.|modifier(?: \| modifier le (?:code|wikicode))?|note \d{1,3}|\d{1,3})\]"
)
_LEFT_BY_MARK = re.compile(r",(?=[,.;:)])| (?=[,.](?:\s|$))|\(\s*\)")
_TABLE_RULE = re.compile(r"^[|+\s:=_-]{5,}$")
_NUMBERED = re.compile(r"^(?:(?:[IVX]{1,5}|\d{1,2}|[A-Z])(?:[.\-]\d{1,2}){0,5}[.)]?|chapitre \d+|item \d+)\s+\S", re.IGNORECASE)  # fmt: skip
_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}|…{2,}")
_CONTENTS = re.compile(r"^(?:table des mati[eè]res|sommaire|plan du cours|plan)\b[\s:.]*", re.IGNORECASE)
_REFERENCES = re.compile(
    r"^(?:[IVX\d.]{0,6}\s*)?(?:notes et références|notes|références(?: bibliographiques)?|bibliographi(?:e|que)s?|references|"
    r"liens externes|voir aussi|articles connexes|annexes?|sources et références|pour en savoir plus|liens utiles|"
    r"recommandations et références)\s*:?$",
    re.IGNORECASE,
)
REFERENCE = re.compile(
    r"\bISBN\b|\bISSN\b|\bdoi\s?:|https?://(?:dx\.)?doi\.org|\bPMID\b|lire en ligne|consulté le \d|\bEditions? [A-Z]|"
    r"^\[?\d{1,3}[\].)]?\s+[A-ZÀ-Þ][\w'’-]+ [A-Z]{1,3}\b.{10,}\b(?:19|20)\d\d\b|"
    r"\b(?:19|20)\d\d ?; ?\d{1,4} ?(?:\([^)]{1,12}\))? ?: ?[A-Z]?\d{1,5}"
)
"""Marks of a line of bibliography."""


@dataclass
class Normalised:
    """A text as it was meant.

    Attributes:
        text: one paragraph a line; a blank line before a heading.
        changed: how many times each repair was made, by name.
        dropped: lines left out, with the reason (``running-head``, ``contents``, ``references``).
    """

    text: str
    changed: Counter[str] = field(default_factory=Counter)
    dropped: list[tuple[str, str]] = field(default_factory=list)


def repair(text: str) -> tuple[str, Counter[str]]:
    """Characters only: what each repair changed is counted by its name.

    >>> repair("lâ€™eï¬ƒcacitÃ© &ge; 20 Âµg")[0]
    "l’efficacité ≥ 20 µg"
    """
    changed: Counter[str] = Counter()
    if "�" not in text and text.isascii() and "&" not in text and "<" not in text and "\r" not in text:
        return _INVISIBLE.sub("", text), changed
    if _MOJIBAKE.search(text):
        for _ in range(2):  # twice, for what was misread twice
            text, times = _MOJIBAKE.subn(_reread, text)
            changed["encoding"] += times
        text = _LONE_A.sub("à", text)
    if "&" in text:
        text, times = _ENTITY.subn(lambda match: html.unescape(match.group()), text)
        changed["entity"] += times
    if "<" in text:
        text, times = _TAG.subn(lambda match: "\n" if _BLOCK_TAG.match(match.group()) else "", text)
        changed["markup"] += times
    text = _LINE_END.sub("\n", text)
    if _PRIVATE.search(text):
        text, times = _PRIVATE.subn(lambda match: _SYMBOLS.get(chr(ord(match.group()) & 0xFF), " "), text)
        changed["symbol"] += times
    text, times = _INVISIBLE.subn("", text)
    changed["invisible"] += times
    if any(ligature in text for ligature in "ﬁﬂﬀﬃﬄﬅﬆ"):
        changed["ligature"] += sum(text.count(chr(code)) for code in _LIGATURES)
        text = text.translate(_LIGATURES)
    if "´" in text or "`" in text or "ˆ" in text or "¨" in text:
        text = _ELISION.sub(r"\1'", text)
        text, times = _SPACING_ACCENT.subn(lambda match: match[1] + _COMBINING[match[2]], text)
        changed["accent"] += times
    text = unicodedata.normalize("NFC", text)
    return _SPACE.sub(" ", text), +changed


def _reread(match: re.Match[str]) -> str:
    """The run of marks as the bytes they were, decoded; as it came where that is no UTF-8."""
    run = match.group()
    bytes_ = bytearray()
    for character in run:
        try:
            bytes_ += character.encode("cp1252")
        except UnicodeEncodeError:
            if ord(character) > 255:
                return run
            bytes_.append(ord(character))
    try:
        return bytes_.decode()
    except UnicodeDecodeError:
        return run


def normalise(text: str) -> Normalised:
    """The text repaired, one paragraph a line, with what was changed and left out.

    >>> normalise("La pro-\\nthèse   est\\u00a0posée.").text
    'La prothèse est posée.'
    """
    text, changed = repair(text)
    dropped: list[tuple[str, str]] = []
    if "==" in text:
        text, times = _WIKI_HEADING.subn(r"\n\n\2\n", text)
        changed["heading"] += times
    if "[" in text:
        text, times = _WIKI_MARK.subn("", text)
        if times:
            text = _LEFT_BY_MARK.sub("", text)
        changed["mark"] += times
    if len(text) > LONG_LINE and text.count("\n") < len(text) / LONG_LINE and _many_doubles(text):
        text = _DOUBLE.sub("\n", text)
        changed["line-end"] += 1
    if len(_TOKENISED.findall(text)) > 4 * max(1, len(text) // 800) and _is_tokenised(text):
        text = _join_tokens(text)
        changed["tokens"] += 1
    if "\n" in text:
        lines = [_spaced(line) for line in text.split("\n")]
        lines = _without_running(lines, dropped)
        lines = _without_contents(lines, dropped)
        lines = _without_references(lines, dropped)
        text = _unwrap(lines, changed)
    else:
        text = _spaced(text)
    if "-" in text:
        text = _HYPHEN_INSIDE.sub(_join_inside, text)
    return Normalised(text.strip(), +changed, dropped)


def _spaced(line: str) -> str:
    """A row of a table as cells, anything else with single spaces."""
    if line.count("\t") >= 2:
        return " | ".join(cell.strip() for cell in line.strip().split("\t"))
    return _RUNS.sub(" ", line).strip()


def _many_doubles(text: str) -> bool:
    return len(_DOUBLE.findall(text)) > len(text) / 600


def _is_tokenised(text: str) -> bool:
    """Whether marks stand apart from words as tokenisers leave them: ``jusqu' où aller ?``."""
    apart = len(re.findall(r"\w [.,](?: |$)|\w' \w", text, re.MULTILINE))
    glued = len(re.findall(r"\w[.,](?: |$)|\w['’]\w", text, re.MULTILINE))
    return apart > 3 * glued


def _join_tokens(text: str) -> str:
    text = re.sub(r"(\w) ?(['’]) (?=\w)", r"\1\2", text)
    text = re.sub(r" ([.,)\]])", r"\1", text)
    text = re.sub(r"([(\[]) ", r"\1", text)
    return re.sub(r"(?<=\d),(?: )(?=\d)|(?<=\d) ,(?=\d)", ",", text)


def join_tokens(text: str) -> str:
    """The text of a tokenised line, however short, with its marks back at the words."""
    return _join_tokens(text) if _is_tokenised(text) else text


def _join_inside(match: re.Match[str]) -> str:
    """``pro-thèse``: a hyphen left inside a line; it goes where a half is no word and the whole is one."""
    first, second = match.groups()
    if (
        is_word(fold(first + second))
        and not (is_word(fold(first)) and is_word(fold(second)))
        and first not in PREFIXES
    ):
        return first + second
    return match.group()


PREFIXES = frozenset(
    "demi semi non anti post pré pre ex vice sous sus mi peut celui celle ceux celles ci là quasi auto contre entre avant "
    "arrière après extra intra inter para micro macro mono poly multi bi tri néo psycho socio bio c'est rendez vis au"
    .split()
)  # fmt: skip
"""First halves that keep their hyphen unless the whole is a word of the lists."""


def _without_running(lines: list[str], dropped: list[tuple[str, str]]) -> list[str]:
    """Running heads and feet, and page numbers, out; a head glued before the text that follows it too."""
    if len(lines) < MANY_LINES:
        return [line for line in lines if not _PAGE.match(line)]
    counts = Counter(line for line in lines if SHORT_HEAD <= len(line) <= RUNNING_LENGTH and _is_head(line))
    often = max(RUNNING, len(lines) // 400)
    running = {line for line, times in counts.items() if times >= often} | _numbered_heads(lines, often)
    glued = sorted((line for line in running if line in counts), key=len, reverse=True)
    numbers = [(at, int(found[1])) for at, line in enumerate(lines) if (found := _BARE_NUMBER.match(line))]
    values = {number for _, number in numbers}
    pages = (
        {at for at, number in numbers if {number - 1, number + 1} & values} if len(numbers) >= 3 else set()
    )
    kept = []
    for at, line in enumerate(lines):
        if _PAGE.match(line) or at in pages or line in running:
            dropped.append(("running-head", line))
            continue
        for head in glued:
            if line.startswith(head):
                line = line[len(head) :].strip()
                dropped.append(("running-head", head))
        kept.append(line)
    return kept


def _is_head(line: str) -> bool:
    """A running line is no sentence and no item of a list, and has three words at least: a subtitle may come back."""
    letters = sum(map(str.isalpha, line))
    return (
        letters > len(line) / 2 and line.count(" ") >= 2 and not line[0].islower() and line[0] not in "•●▪◦"
        and not line.endswith((",", ";", ":")) and not is_sentence(line)
    )  # fmt: skip


def _numbered_heads(lines: list[str], often: int) -> set[str]:
    """Lines that are the same but for a page number that begins or ends them, and only grows."""
    found: dict[str, list[tuple[int, str]]] = {}
    for line in lines:
        if (
            len(line) <= RUNNING_LENGTH
            and (match := _PAGE_NUMBER.match(line))
            and (match["first"] or match["last"])
        ):
            found.setdefault(match["text"], []).append((int(match["first"] or match["last"]), line))
    return {
        line
        for text, seen in found.items()
        if len(seen) >= often and _is_head(text) and all(a < b for (a, _), (b, _) in pairwise(seen))
        for _, line in seen
    }


_PAGE_NUMBER = re.compile(r"^(?:(?P<first>\d{1,4})\s+)?(?P<text>\D+?)(?:\s+(?P<last>\d{1,4}))?$")


def _without_contents(lines: list[str], dropped: list[tuple[str, str]]) -> list[str]:
    """Tables of contents out: entries with leaders, and the numbered entries that follow their heading."""
    kept: list[str] = []
    inside = False
    for at, line in enumerate(lines):
        if (
            _LEADERS.search(line)
            and (re.search(r"\d{1,4}\s*$", line) or _NUMBERED.match(line))
            and len(line) < 160
        ):
            dropped.append(("contents", line))
            continue
        if opened := _CONTENTS.match(line):
            dropped.append(("contents", opened.group()))
            line = line[opened.end() :].strip()
            inside = True
            if not line:
                continue
        if inside:
            if not line:
                continue
            near = lines[at + 1 : at + 3] if len(line) < 60 and not line.endswith((".", ":", ";")) else []
            if any(
                len(entry) < 140 and (_NUMBERED.match(entry) or _LEADERS.search(entry))
                for entry in [line, *near]
            ):
                dropped.append(("contents", line))
                continue
            inside = False
        kept.append(line)
    return kept


def _without_references(lines: list[str], dropped: list[tuple[str, str]]) -> list[str]:
    """Bibliographies out: what follows their heading as long as it looks like one, and lines of reference anywhere."""
    kept: list[str] = []
    inside = False
    for at, line in enumerate(lines):
        if _REFERENCES.match(line):
            inside = True
        elif inside and line:
            near = lines[at : at + 4]
            inside = not _ends_references(line, near, blank=at > 0 and not lines[at - 1])
        elif line:
            inside = False if inside else inside
        if line and (inside or (len(line) < 600 and REFERENCE.search(line) and not _speaks(line))):
            dropped.append(("references", line))
        else:
            kept.append(line)
    return kept


def _ends_references(line: str, near: list[str], *, blank: bool) -> bool:
    """Whether a line after a bibliography's heading belongs to the text again; ``near`` is it and the next three."""
    if _looks_cited(line):
        return False
    if blank or _SECTION.match(line):
        return True
    if _speaks(line) or (is_sentence(line) and len(line) > 60):
        return True
    return not any(map(_looks_cited, near[1:])) and len(line) < 200


def _looks_cited(line: str) -> bool:
    return bool(_CITED.search(line)) and not _speaks(line)


_CITED = re.compile(
    REFERENCE.pattern
    + r"|\b(?:19|20)\d\d\b|\bet al\b|https?://|www\.|\bPortail (?:de|du|des)\b|Ressources relatives|\(en\)|\bp\. ?\d"
)
_SECTION = re.compile(r"^(?:item|chapitre|objectifs?|introduction|définitions?|points? essentiels?|I[.\s]|1[.)]\s)\b", re.IGNORECASE)  # fmt: skip
_VERB = re.compile(
    r"\b(?:est|sont|était|étaient|a|ont|avait|doit|doivent|peut|peuvent|permet|permettent|reste|sera|seront|fait|font|"
    r"entraîne|montre|consiste|comporte|comprend|provoque|évalue|existe|faut|repose|associe|survient|apparaît)\b"
)


def _speaks(line: str) -> bool:
    return len(_VERB.findall(line)) >= 2


def is_sentence(line: str) -> bool:
    """Whether a line reads as French prose: a verb, and an end."""
    return bool(_VERB.search(line)) and line.endswith((".", "!", "?", ":", ";", "»"))


def is_heading(line: str) -> bool:
    """A short line that ends no sentence."""
    return 0 < len(line) <= 100 and not line.endswith((".", ",", ";", "!", "?")) and not _BULLET.match(line)


def _unwrap(lines: list[str], changed: Counter[str]) -> str:
    """Physical lines of a PDF joined into paragraphs; rules of tables and repeated blank lines out."""
    out: list[str] = []
    for line in lines:
        if _TABLE_RULE.match(line) and line:
            continue
        if not line:
            if out and out[-1]:
                out.append("")
            continue
        previous = out[-1] if out else ""
        if not previous or not _continues(previous, line):
            out.append(line)
            continue
        if previous[-1] in "-‐¬" and len(previous) > 2 and previous[-2].isalpha() and line[0].islower():
            out[-1] = _dehyphenated(previous, line)
            changed["hyphen"] += 1
        else:
            out[-1] = f"{previous} {line}"
    return "\n".join(out).strip()


def _continues(previous: str, line: str) -> bool:
    """Whether a line goes on with the sentence of the one before."""
    if _BULLET.match(line) or "|" in line or "|" in previous:
        return False
    if previous[-1] in "-‐¬":
        return line[0].islower()
    return (line[0].islower() or line[0] in "(≥≤<>=±") and not previous.endswith((".", "!", "?", ":", ";"))


def _dehyphenated(previous: str, line: str) -> str:
    """Two lines joined at a hyphen, which stays where the two halves are words and the whole is none."""
    first = re.search(r"[^\W\d_]+$", previous[:-1])
    second = re.match(r"[^\W\d_]+", line)
    if not first or not second:
        return previous[:-1] + line
    whole = is_word(fold(first.group() + second.group()))
    halves = is_word(fold(first.group())) and is_word(fold(second.group()))
    if not whole and (halves or first.group().lower() in PREFIXES):
        return previous + line
    return previous[:-1] + line
