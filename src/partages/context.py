# ruff: noqa: E501
"""What is said of a mention: denied, supposed, of a relative, or of the past.

The ConText algorithm (Harkema et al., J Biomed Inform 2009;42:839-51) with French cues of this project: a cue (``pas de``,
``suspicion de``, ``sa mère``, ``antécédent de``) reaches forward or backward in its sentence until a word that ends its
reach (``mais``, ``hormis``, a comma that opens no list...). A line end inside a sentence is a space: reports are wrapped
by the programs that write them. Headings ("ANTÉCÉDENTS FAMILIAUX :") reach over the lines below them.

Measured on ``tests/context/cases.tsv``. One verdict a mention: denied, else of a relative, else supposed, else past.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from partages.documents import Span

WINDOW = 240
"""Characters read on each side of a mention at most."""


@dataclass(frozen=True, slots=True)
class Context:
    """How a mention is meant. All false: the patient has it, now."""

    negated: bool = False
    hypothesis: bool = False
    family: bool = False
    history: bool = False


NOW = Context()

_FLAGS = re.IGNORECASE

# --- lines ------------------------------------------------------------------------------------------------------------

_LINE_END = re.compile(r"\r\n|\n|\r")
_BULLET = re.compile(r"(?:[-–—*•>#□☐✓]|\d{1,2}[.)°/-][ \t])")
_UNFINISHED = re.compile(
    r"(?:\b(?:de|du|des|la|le|les|l|d|un|une|et|ou|ni|à|au|aux|en|par|pour|sur|sous|sans|avec|pas|aucun|aucune|non|chez|dans"
    r"|son|sa|ses|cette|ce|ces|est|a|ont|sont|été|par|vers|puis|dont|que|qui|absence|grade|stade|type)|['’,(])$",
    _FLAGS,
)
_FULL_LINE = 45
"""Characters from which a line that ends without punctuation is taken to be wrapped."""
_TITLE = re.compile(r"[^\W\d_][^.,;:\n]{2,60}$")


def _is_title(line: str) -> bool:
    if ":" in line.rstrip(" :"):
        return False
    return line.isupper() or _named(line) is not None


def soften(text: str) -> str:
    """``text`` with the line ends inside a sentence made spaces; of the same length, offsets are kept.

    A line end stays where a list goes on: after closing punctuation, before a bullet, a capital or a blank line.
    """
    out: list[str] = []
    done = 0
    line_start = 0
    for match in _LINE_END.finditer(text):
        before = text[max(line_start, match.start() - 200) : match.start()]
        after = text[match.end() : match.end() + 60]
        line_start = match.end()
        if _is_soft(before.strip(), after.lstrip(" \t")):
            out += [text[done : match.start()], " " * (match.end() - match.start())]
            done = match.end()
    out.append(text[done:])
    return "".join(out)


def _is_soft(before: str, after: str) -> bool:
    if not before or not after or after[0] in "\r\n" or before[-1] in ".;:!?…" or _BULLET.match(after):
        return False
    if _UNFINISHED.search(before) and not before.isupper():
        return True
    if not (after[0].islower() or after[0] in "('’"):
        return False
    if _is_title(_BULLET.sub("", before, count=1).strip()):
        return False
    listed = before[0].islower() and len(before) < _FULL_LINE  # "hta⏎diabète": one a line
    return not listed


# --- headings ---------------------------------------------------------------------------------------------------------

HEADING = re.compile(r"^[ \t*#>•\-–\d.)]{0,8}([^\W\d_][^:\n]{2,60}?)[ \t]*(:|$)", re.MULTILINE)
_HISTORY = re.compile(r"\b(?:ant[ée]c[ée]dents?|atcds?|pass[ée] m[ée]dical)\b", _FLAGS)
_FAMILY = re.compile(r"\b(?:famil\w{2,6}|h[ée]r[ée]dit\w{2,6})\b", _FLAGS)
_KNOWN_TITLE = re.compile(
    r"(?:(?:ant[ée]c[ée]dents?|atcds?|terrain|motif|conclusion|histoire|examen|traitement|au total|synth[èe]se|mode de vie"
    r"|allergies?|[ée]volution|biologie|imagerie|indication|diagnostic)\b.{0,40})",
    _FLAGS,
)
LONGEST_LIST = 4000
"""Characters below a heading that its list reaches over at most."""
NARRATIVE = re.compile(
    r"[ \t]*(?:(?:le|la|ce|cette|notre)[ ]+)?(?:patiente?|malade|m\.|mr|mme|monsieur|madame|m[ae]demoiselle|il|elle|enfant"
    r"|nourrisson|homme|femme|gar[çc]on|fille|hospitalis|admis|adress|entr[ée]e|consult|op[ée]r|transf[ée]r|vue?[ ]"
    r"|venue?|nous|ce jour|actuellement|à l['’]entr[ée]e|examen|devant|conclusion|au total|motif)",
    _FLAGS,
)
"""How a line begins that tells the stay, and so ends the list of a heading on a line above."""


def _named(line: str) -> re.Match[str] | None:
    return _KNOWN_TITLE.fullmatch(line) if len(line.split()) <= 5 else None


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    history: bool
    family: bool


def reach(text: str, title_end: int) -> int:
    """Where what a heading introduces ends, if no other heading stops it first.

    At the first line below that tells the stay ("Patiente adressée pour..."), or at a blank line where the content
    begins on the line of the heading.
    """
    stop = text.find("\n", title_end)
    if stop < 0:
        return len(text)
    inline = bool(text[title_end:stop].strip(" \t:\r"))
    last = stop + LONGEST_LIST
    while 0 <= stop < min(last, len(text)):
        following = text.find("\n", stop + 1)
        following = len(text) if following < 0 else following
        line = text[stop + 1 : min(following, stop + 81)]
        if NARRATIVE.match(line) or (inline and not line.strip()):
            return stop + 1
        stop = following
    return min(stop + 1, len(text))


def _sections(text: str) -> list[_Section]:
    """Where each heading's reach begins. A heading alone on its line reaches to the next heading."""
    found = [_Section(0, False, False)]
    for match in HEADING.finditer(text):
        title = match.group(1)
        alone = match.end() == len(text) or text[match.end()] in "\r\n"
        colon = match.group(2) == ":"
        if not (colon or (title.isupper() and len(title) > 5) or _named(title)) or len(title.split()) > 7:
            continue
        if colon and not alone and not title[0].isupper():
            continue
        history = bool(_HISTORY.search(title))
        family = bool(_FAMILY.search(title)) and (history or len(title.split()) <= 3)
        found.append(_Section(match.start(), history and not family, family))
        if history or family:
            found.append(_Section(reach(text, match.end()), False, False))
    return sorted(found, key=lambda section: section.start)


# --- sentences --------------------------------------------------------------------------------------------------------

_STOP = re.compile(r"[;!?\n]|(?<![ .'’(][A-Za-z])(?<!\bDr)(?<!\bPr)(?<!\bcf)\.(?=\s|$)")


def _around(flat: str, start: int, end: int) -> tuple[str, str]:
    """What the sentence of a mention says before it and after it; the mark that ends it is kept."""
    before = flat[max(0, start - WINDOW) : start]
    stops = [match.end() for match in _STOP.finditer(before)]
    before = before[stops[-1] :] if stops else before
    after = flat[end : end + WINDOW]
    stop = _STOP.search(after)
    return before, after[: stop.end()] if stop else after


# --- reach of cues ----------------------------------------------------------------------------------------------------

_ENDS = re.compile(
    r"\b(?:mais|par contre|en revanche|cependant|toutefois|n[ée]anmoins|hormis|sauf|except[ée]|en dehors|à l['’]exception"
    r"|autres? que|outre|avec|motivant|devant|puis|retrouv(?:ant|e|ent)|montr\w+|mett\w+ en [ée]vidence|mise en [ée]vidence"
    r"|objectiv\w+|r[ée]v[èée]l\w+|confirm\w+|d[ée]couv\w+|pr[ée]sence|pr[ée]sent(?:e|ant|ait|ent)|persist\w+|trait[ée]e?s?"
    r"|op[ée]r[ée]e?s?|hospitalis[ée]e?s?|admise?s?|adress[ée]e?s?|consult\w*|patiente?s?|malade|en raison|du fait|car|qui|dont"
    r"|pour (?:laquelle|lequel)|secondaires?|li[ée]e?s?|sous|chez|lors|apr[èe]s|compte tenu|dans le cadre|s['’]agit|donc"
    r"|permettant|malgr[ée]|alors|conclut?|conclusion|ce jour|actuellement|aujourd)\b|->|=>|→|:",
    _FLAGS,
)
_SUPPORT = (
    r"arguments?|signes?|notions?|crit[èe]res?|sympt[ôo]mes?|[ée]l[ée]ments?|traces?|stigmates?|diagnostics?|images?|aspects?"
    r"|hypoth[èe]ses?|ant[ée]c[ée]dents?|atcds?|[ée]vidences?|preuves?|indices?|d[ée]but|manifestations?|contexte|syndrome|pr[ée]sence"
    r"|r[ée]cidives?|suspicions?|toute?s?|autres?|nouveaux?|nouvel(?:le)?s?|[ée]vidente?s?|cliniques?|biologiques?|radiologiques?"
    r"|scann?ographiques?|[ée]chographiques?|[ée]lectriques?|histologiques?|endoscopiques?|formels?|francs?|patente?s?|certaine?s?"
    r"|[ée]vocat\w+|particuli\w+|sp[ée]cifiques?|r[ée]cente?s?|actuel\w*|notamment|moindre|lors|imm[ée]diat\w*|suspecte?s?|visible"
    r"|eu|[ée]t[ée]|mise?s?|retrouv[ée]e?s?|montr[ée]|objectiv[ée]|r[ée]v[ée]l[ée]|permis|visualis[ée]e?s?|not[ée]e?|constat[ée]e?|vue?"
    r"|pr[ée]sent[ée]|donn[ée]|d[ée]cel[ée]|identifi[ée]e?|d[ée]tect[ée]e?|connue?s?|en|faveur|pour|de|d|du|des|la|le|les|l|une?|ni|ou|et|à|ce"
)
_HELD_UP = re.compile(rf"(?:[\s'’,(]|\b(?:{_SUPPORT})\b)*", _FLAGS)
_EXISTING = re.compile(
    r"\b(?:du|des|de la|de l['’]|d['’]une?|de (?:son|sa|ses|ce|cet|cette|ces|leur)|pour|au|aux|à (?:la|l['’]|son|sa)"
    r"|sur (?:la|le|les|l['’]|son|sa)|dans (?:la|le|les|l['’]|son|sa)|par (?:la|le|l['’]|son|sa))(?=[\s\w'’]|$)",
    _FLAGS,
)
_LIST_GOES_ON = re.compile(
    r"\s*(?:(?:et|ou|puis)\s+)?(?:ni|ou|pas|de|d['’]|du|des|notamment|en particulier|voire|y compris)(?:\b|(?<=['’]))",
    _FLAGS,
)
_NOR = re.compile(r"[^.;:!?\n]{0,100}?\bni\b", _FLAGS)
_AND = re.compile(r"\bet\s+(?:une?|le|la|les|l['’]|son|sa|ses|on|il|elle)(?:\b|(?<=['’]))", _FLAGS)


def _denial_reaches(gap: str, after: str, cue: str) -> bool:
    """Whether a denial reaches over ``gap`` to a mention: "pas de" (signe de) [mention]."""
    head = _PARTICIPLE.match(gap)
    rest = gap[head.end() :] if head else gap
    if _ENDS.search(_PSEUDO_END.sub(" ", rest)) or len(rest) > 140:
        return False
    held = _HELD_UP.match(rest)
    firm = rest[held.end() :] if held else rest  # from the first word that names something
    if firm and _EXISTING.search(firm.split(",")[-1] if "," in firm else firm):
        last = firm.split(",")[-1]
        if not (
            "," in firm
            and _LIST_GOES_ON.match(last)
            and not _EXISTING.search(_LIST_GOES_ON.sub("", last, count=1))
        ):
            return False
    parts = rest.split(",")
    listing = _NOR.match(after) is not None
    for part in parts[1:]:
        if not _LIST_GOES_ON.match(part) and not (listing and len(part.split()) <= 4):
            return False
    if _AND.search(rest):
        return False
    bare = re.search(r"\bet\s+(?!de\b|d['’]|du\b|des\b|ni\b)", rest, _FLAGS)
    return not (bare and cue.lower() == "sans")


_PARTICIPLE = re.compile(
    r"\s*(?:(?:pu\s+)?(?:eu|[ée]t[ée]|mise? en [ée]vidence|retrouv\w+|montr\w+|objectiv\w+|r[ée]v[ée]l\w+|permis|visualis\w+|not[ée]e?"
    r"|constat\w+|vu|pr[ée]sent\w+|d[ée]cel\w+)\s*)+",
    _FLAGS,
)
_PSEUDO_END = re.compile(r"\b(?:pr[ée]sence|diagnostic s[ée]curis[ée]) (?=d)", _FLAGS)

_DENIAL = re.compile(
    r"\b(?:pas|absences?|aucune?s?|sans|ni|jamais|nie|nient|niant|d[ée]nie|indemnes?|d[ée]pourvue?s?|n[ée]ga(?:tif|tive)s? pour"
    r"|n[ée]gativit[ée]|disparition|r[ée]gression compl[èe]te|exclusion|[ée]limination|infirmation|exempte?s?|exclut|excluant|excluent"
    r"|[ée]limine|[ée]liminent|[ée]liminant|[ée]carte|[ée]cartent|[ée]cartant|infirme|infirment|infirmant|peu d['’]arguments?"
    r"|(?:a|ont|ayant|avait) (?:formellement )?(?:[ée]limin[ée]|[ée]cart[ée]|infirm[ée]|exclu)"
    r"|(?:permet\w*|permis|permettant|pu|peut) (?:donc )?(?:d['’])?(?:formellement )?(?:[ée]liminer|exclure|[ée]carter|infirmer))\b",
    _FLAGS,
)
_NOT_DENIAL = re.compile(
    r"(?:pas (?:seulement|uniquement|plus de \d|assez|toujours|encore (?:trait|op[ée]r))|sans (?:doute|d[ée]lai|pouvoir|attendre)"
    r"|(?:pas|aucun|sans aucun) (?:de )?doute|jamais (?:trait|op[ée]r|explor|diagnostiqu|consult))",
    _FLAGS,
)
_RULING_OUT = re.compile(r"(?:[ée]limin|[ée]cart|infirm|exclu)", _FLAGS)
_UNABLE = re.compile(
    r"(?:\bn['’]|\bne\b|\bpas\b|\bsans\b|\bnon\b|\bimpossible\b|\bdifficile\b)[^,;:]{0,25}$", _FLAGS
)
_NON = re.compile(r"\bnon\s+(?:plus\s+)?$", _FLAGS)
_NON_INSIDE = re.compile(
    r"\b(?:non|pas|aucune?|sans)\b(?!\s*(?:hodgkin|insulino|alcooli|à petites|tox[ii]|traumatique|sp[ée]cifi|rompu|compliqu"
    r"|d[ée]plac|st[ée]ro[ïi]d|pr[ée]cis|infecti|tumoral|union|op[ée]r|trait|organ|mucineu|s[ée]cr[ée]tant|hodjkin|i?nf?lamm|inqui))",
    _FLAGS,
)
_ENDS_AFTER = re.compile(
    r"\b(?:mais|avec|pour|sur|chez|apr[èe]s|malgr[ée]|dont|qui|motivant|devant|compliqu\w+|trait[ée]\w*|origine|secondaires?|li[ée]e?s?"
    r"|cause|m[ée]canisme|[ée]tiologie|contexte|justifi\w+|n[ée]cessit\w+|sans|à|sous|comme)(?=\W|$)",
    _FLAGS,
)
_AFTER_RULED_OUT = re.compile(
    r"([^.;:,!?\n]{0,70}?)\s*,?\s*\b((?:non|pas) )?((?:[ée]limin[ée]|[ée]cart[ée]|infirm[ée]|exclu|absent)e?(s?)"
    r"|(?:non|pas) (?:retrouv[ée]e?|visualis[ée]e?|vue?|confirm[ée]e?|identifi[ée]e?|objectiv[ée]e?|d[ée]cel[ée]e?)(s?))(?!\w)",
    _FLAGS,
)
_AFTER_NO = re.compile(
    r"\s*(?:\([^)\n]{0,40}\)\s*)?(?:[:=]\s*(?:non|0|absence|absente?s?|n[ée]ga(?:tif|tive)s?|n[ée]g|aucune?|nulle?|∅|pas)"
    r"|non(?=\s*(?:[,;.!?)\n]|$))|(?:est |sont |[ée]tait |revenue? )?n[ée]ga(?:tif|tive)s?)(?![\w-])(?!\s+[ée]quilibr)",
    _FLAGS,
)
_TESTED = re.compile(
    r"\b(?:s[ée]rologies?|recherches?|pcr|tests?|antig[ée]n\w+|anticorps|virus|cultures?|h[ée]mocultures?|bilan|d[ée]pistages?)\b",
    _FLAGS,
)
_ALL_NEGATIVE = re.compile(
    r"([^.;\n]{0,160}?)\b(n[ée]gati(?:f|ve)s?|non contributi(?:f|ve)s?|sans particularit[ée]s?)\b", _FLAGS
)
_POSITIVE = re.compile(r"\b(?:positi(?:f|ve)s?|mais|hormis|sauf|retrouv[ée]e?s?|confirm[ée]e?s?)\b", _FLAGS)

_SUPPOSAL = re.compile(
    r"\b(?:suspicions?|suspect(?:er|ant|ent|ait)|suspecte?(?= (?:une?|la|le|des)\b| l['’])|suspect[ée]e?s?(?= d)|[ée]voqu(?:er|e|ant|ent|ait)|[ée]vocat(?:eur|rice)s?|probables?|probablement"
    r"|possibles?|possiblement|[ée]ventuel(?:le)?s?|hypoth[èe]ses?(?: diagnostiques?)?|recherch(?:e|er|ant|es)|(?:à|pour|afin d['’]|faut|doit|d['’]|on|nous) ?(?:[ée]liminer|exclure|[ée]carter)"
    r"|[ée]liminer|risques?|d[ée]pistages?|en cas d(?:e|u|['’])|si|crain(?:dre|te|te[s]?|t)|doutes? sur|pr[ée]ventions?|pr[ée]venir|prophylaxies?|vaccin\w{0,6}"
    r"|discuter|envisag\w+|peut-[êe]tre|diff[ée]rentiels?|à type de\?|faire redouter|redout\w+)(?![\w-])",
    _FLAGS,
)
_SUPPOSAL_STOPS = re.compile(
    r"[,:]|\b(?:est|a|ont|sont|[ée]tait|montr\w+|retrouv\w+|chez|en raison|mais|pour|par|avec|qui|dont|dans|devant|sous|car|et (?!d))(?=\W|$)",
    _FLAGS,
)
_COLON_OK = re.compile(r"hypoth|diff[ée]rent|probabl|suspic", _FLAGS)
_MARK = re.compile(r"[^.;:,!\n]{0,60}?\?", _FLAGS)
_AFTER_SUPPOSED = re.compile(
    r"([^.;:,!?\n]{0,45}?)\s*(?:\(\?\)|\bprobables?\b|\bpossibles?\b|\bsuspect(?:[ée]e?s?|s)?\b(?!\s+d)|\bà (?:[ée]liminer|confirmer|explorer|discuter)\b"
    r"|\bnon (?:confirm|exclu|[ée]limin|[ée]cart)\w*|\b[ée]ventuel(?:le)?s?\b|\bvs\b|\bhypoth[ée]tique)",
    _FLAGS,
)

_RELATIVE = re.compile(
    r"\b(?:(?:grands?[- ]?)?(?:m[èe]re|p[èe]re)s?|fr[èe]res?|s(?:œ|oe)urs?|tantes?|oncles?|cousine?s?|ni[èe]ces?|neveux?|fratrie|grands[- ]parents"
    r"|(?:sa|ses|une|la) filles?|(?:son|ses|un) fils|conjointe?|[ée]poux|[ée]pouse|(?:ant[ée]c[ée]dents?|atcds?|histoire|h[ée]r[ée]dit[ée]) familia\w+|h[ée]r[ée]dit[ée])(?!\w)",
    _FLAGS,
)
_RELATIVE_STOPS = re.compile(
    r"\b(?:pour|devant|signal\w*|rapport\w*|d[ée]cri\w*|remarqu\w*|constat\w*|not[ée]\w*|note|inqui\w+|consult\w*|am[èe]n\w*|accompagn\w*|patiente?"
    r"|mais|parents|appel\w*|admise?|hospitalis\w+|adress\w+|et l['’]enfant|aujourd|ce jour|personnel\w*)(?!\w)|->",
    _FLAGS,
)
_AFTER_RELATIVE = re.compile(
    r"[^.;,:!?\n]{0,30}?(?:\bchez|\bde|\bdu|\bdu c[ôo]t[ée]|\(|\bdans)\s*(?:son|sa|ses|le|la|les|un|une|l['’]|leur)?\s*(?:(?:grands?[- ]?)?(?:m[èe]re|p[èe]re)s?"
    r"|fr[èe]res?|s(?:œ|oe)urs?|tante|oncle|cousine?|fratrie|parents?)(?!\w)",
    _FLAGS,
)

_PAST = re.compile(
    r"\b(?:ant[ée]c[ée]dents?|atcds?|histoire ancienne|anciens?|anciennes?|s[ée]quelles?)(?!\w)", _FLAGS
)
_PAST_STOPS = re.compile(
    r"\b(?:hospitalis\w+|admise?|adress\w+|consult\w*|pr[ée]sent(?:e|ant|ait|[ée])|qui|pour|venue?|am[eè]n\w+|motif|mais|devant|op[ée]r[ée]e? (?:de|d['’]|ce|pour)"
    r"|transf[ée]r\w+|re[çc]ue?|vue?|actuel\w*|ce jour|d[ée]couv\w+|h[ée]rit\w+)(?!\w)",
    _FLAGS,
)
_AFTER_PAST = re.compile(
    r"[^.;:,!?\n]{0,35}?(?:\bil y a (?:environ )?(?:\d+|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|quinze|vingt|trente|plusieurs|quelques)\s*(?:ans|ann[ée]es)"
    r"|\b(?:en|\() ?(?P<year>(?:19|20)\d\d)\b|\bdans l['’](?:enfance|adolescence)|\bà l['’][âa]ge de|\bancien(?:ne)?s?\b|\bgu[ée]rie?s?\b(?! par)|\(?(?P<other>(?:19|20)\d\d)\)"
    r"|\bant[ée]rieur(?:e)?ment\b|\bd[ée]jà trait)",
    _FLAGS,
)
_YEAR = re.compile(r"\b\d{1,2}[/.-]\d{1,2}[/.-]((?:19|20)\d\d)\b|\b(?:19|20)\d\d\b")


def _denied(before: str, inside: str, after: str) -> Context | None:
    """Denied, or supposed where the text says that it cannot be denied; None where it says neither."""
    cues = list(_DENIAL.finditer(before))
    for cue in reversed(cues):
        gap = before[cue.end() :]
        if _NOT_DENIAL.match(before, cue.start()) or (
            cue.group() == "sans" and _RULING_OUT.match(gap.lstrip())
        ):
            continue
        if not _denial_reaches(gap, after, cue.group()):
            continue
        earlier = before[: cue.start()]
        if (_RULING_OUT.search(cue.group()) and _UNABLE.search(earlier)) or re.match(
            r"\s*(?:d['’]|de )?(?:pouvoir )?(?:[ée]limin|exclu|[ée]cart)", gap, _FLAGS
        ):
            return Context(hypothesis=True)
        return Context(negated=True)
    if _NON.search(before) or _NON_INSIDE.search(inside):
        return Context(negated=True)
    if _AFTER_NO.match(after):
        return Context(negated=True)
    ruled = _AFTER_RULED_OUT.match(after)
    if ruled and not _ENDS_AFTER.search(ruled.group(1)) and len(ruled.group(1).split()) <= 7:
        plural = bool(ruled.group(4) or ruled.group(5))
        if plural or not re.search(r"\b(?:et|ou)\b", ruled.group(1)):
            unsure = ruled.group(2) or re.search(r"\bpas\b|\bnon\b", ruled.group(1), _FLAGS)
            return Context(hypothesis=True) if unsure else Context(negated=True)
    verdict = _ALL_NEGATIVE.match(after) if _TESTED.search(before) else None
    if verdict and not _POSITIVE.search(verdict.group(1)) and not _ENDS_AFTER.search(verdict.group(1)[:12]):
        test = list(_TESTED.finditer(before))[-1]
        if "," not in before[test.end() :] or verdict.group(2).endswith("s"):
            return Context(negated=True)
    return None


def _is_supposed(before: str, after: str) -> bool:
    for cue in _SUPPOSAL.finditer(before):
        gap = before[cue.end() :]
        if len(gap.split()) > 6:
            continue
        if _COLON_OK.match(cue.group()) and gap.lstrip().startswith(":"):
            gap = gap.lstrip()[1:]
        if cue.group().lower().startswith("recherch") and _POSITIVE.search(after[:40]):
            continue
        if not _SUPPOSAL_STOPS.search(gap):
            return True
    if _MARK.match(after) and not _ENDS_AFTER.search(after.split("?")[0]):
        return True
    said = _AFTER_SUPPOSED.match(after)
    return said is not None and not _ENDS_AFTER.search(said.group(1)) and len(said.group(1).split()) <= 4


def _is_of_relative(before: str, after: str) -> bool:
    for cue in _RELATIVE.finditer(before):
        gap = before[cue.end() :]
        listed = gap.lstrip()[:1] == ":" or "famil" in cue.group().lower()
        if len(gap) <= 100 and not _RELATIVE_STOPS.search(gap) and (listed or "," not in gap):
            lead = before[max(0, cue.start() - 30) : cue.start()]
            if not re.search(
                r"\b(?:par|vit avec|avec|de la part de|selon|chez)\s+(?:s[ao]n?|la|le|ses)\s*$", lead, _FLAGS
            ):
                return True
            if re.search(r"\bchez\s+(?:s[ao]n?|la|le|ses)\s*$", lead, _FLAGS) and "vit" not in lead:
                return True
    return _AFTER_RELATIVE.match(after) is not None


def _is_past(before: str, after: str, latest: int) -> bool:
    for cue in _PAST.finditer(before):
        gap = before[cue.end() :]
        if re.search(r"\b(?:sans|pas d['’]|aucun)\s*$", before[: cue.start()], _FLAGS):
            continue
        near = cue.group().lower().startswith(("ancien", "s"))
        if not _PAST_STOPS.search(gap) and (not near or len(gap.split()) <= 2):
            return True
    said = _AFTER_PAST.match(after)
    if said is None:
        return False
    year = said.group("year") or said.group("other")
    return not (year and int(year) >= latest)


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
    flat = soften(text)
    latest = _latest_year(text)
    out = []
    for start, end in places:
        section = sections[bisect_right(starts, start) - 1]
        before, after = _around(flat, start, end)
        out.append(_verdict(before, flat[start:end], after, section, latest))
    return out


def _latest_year(text: str) -> int:
    """The year of the report, as far as its dates tell; 9999 where it has no whole date."""
    dated = [int(match.group(1)) for match in _YEAR.finditer(text) if match.group(1)]
    return max(dated, default=9999)


def _verdict(before: str, inside: str, after: str, section: _Section, latest: int) -> Context:
    denied = _denied(before, inside, after)
    if denied is not None:
        return denied
    if section.family or _is_of_relative(before, after):
        return Context(family=True)
    if _is_supposed(before, after):
        return Context(hypothesis=True)
    if section.history or _is_past(before, after, latest):
        return Context(history=True)
    return NOW


def warm() -> None:
    """Nothing is loaded; kept for those who warm every part."""
