"""The rules that choose the DP and sift the DAS, one row each, with what they do and where they come from.

"Guide" is the guide méthodologique de production des informations relatives à l'activité médicale et à sa
facturation en MCO (ATIH), chapters on the hierarchy of diagnoses (DP, DAS) and on the coding rules of CIM-10
for MCO. Where it gives a principle, the factor is this project's; it orders, it does not calibrate.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from partages.context import Context
from partages.usecases.code.acts import treats
from partages.usecases.code.passages import Passage


@dataclass(frozen=True, slots=True)
class Mention:
    """A code read at a place of the text."""

    code: str
    start: int
    end: int
    score: float
    passage: Passage
    others: tuple[tuple[str, float], ...] = ()
    """Codes that the same words resemble nearly as much, with their scores."""


@dataclass(frozen=True, slots=True)
class Stay:
    """What is known of a stay when its codes are weighed.

    Attributes:
        codes: those that are current (neither history nor past).
        opening: those named first in the conclusion, or in the reason for admission.
        reason: those named as the reason for admission.
        session: whether the stay is a session (chemotherapy, radiotherapy, dialysis...).
        acts: CCAM codes.
        purposes: codes of chapter XXI that the report gives as what the stay is for.
        concluded: whether the report has a conclusion that names a disease.
        ambulatory: whether the patient came and left the same day, by the words of the report.
    """

    codes: frozenset[str]
    opening: frozenset[str]
    reason: frozenset[str]
    session: bool
    acts: tuple[str, ...] = ()
    purposes: frozenset[str] = frozenset()
    ambulatory: bool = False
    concluded: bool = False

    @property
    def disease(self) -> bool:
        """Whether a disease or an injury is there, not symptoms and circumstances alone."""
        return any(code[0] not in "RZ" for code in self.codes)

    @property
    def primary(self) -> bool:
        """Whether a primary malignant tumour is there."""
        return any(is_primary(code) for code in self.codes)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on who leads: ``factor`` multiplies a code's weight where ``holds``; ``reason`` is shown, in French."""

    holds: Callable[[str, Stay], bool]
    factor: float
    reason: str
    source: str


def is_primary(code: str) -> bool:
    """Malignant tumours but the secondary ones."""
    return "C00" <= code[:3] <= "C76" or "C80" <= code[:3] <= "C97"


def is_secondary(code: str) -> bool:
    """Metastases."""
    return code[:3] in ("C77", "C78", "C79")


def is_session(code: str) -> bool:
    """Chemotherapy, radiotherapy, dialysis, transfusion: Z49, Z51.0 to Z51.3."""
    return code[:3] == "Z49" or code[:4] in ("Z510", "Z511", "Z512", "Z513")


def is_purpose(code: str) -> bool:
    """Follow-up, screening, contraception, devices, sessions: codes of chapter XXI that a stay may be for."""
    return listed(code, "purposes.txt")


def is_delivery(code: str) -> bool:
    """O80 to O84."""
    return "O80" <= code[:3] <= "O84"


LEAD: tuple[Rule, ...] = (
    Rule(
        lambda code, stay: code in stay.purposes and not (is_session(code) and not stay.session),
        3.0,
        "objet du séjour",
        "Guide: a stay for a treatment already decided, a follow-up or a screening has a code of chapter XXI as DP.",
    ),
    Rule(
        lambda code, stay: code in stay.opening,
        1.35,
        "nommé en premier dans la conclusion ou le motif",
        "Guide: the DP is the problem of health that motivated the admission, as known at its end.",
    ),
    Rule(
        lambda code, stay: code in stay.reason,
        1.15,
        "motif de l'admission",
        "Guide: the same.",
    ),
    Rule(
        lambda code, stay: any(treats(act, code) for act in stay.acts),
        1.25,
        "organe d'un acte du séjour",
        "This project: data/ccam.tsv, from the structure of CCAM codes.",
    ),
    Rule(
        lambda code, stay: is_session(code) and stay.session,
        3.0,
        "séjour pour une séance",
        "Guide: a stay for a session has a code of Z49 or Z51 as DP.",
    ),
    Rule(
        lambda code, stay: listed(code, "background.txt") and not stay.codes <= {code},
        0.6,
        "affection qui accompagne souvent un séjour sans l'expliquer",
        "This project: categories of data/background.txt.",
    ),
    Rule(
        lambda code, stay: is_secondary(code) and stay.primary and code not in stay.reason,
        0.5,
        "tumeur secondaire, la primitive est citée",
        "Guide: the primary tumour leads when the stay is for its diagnosis or for the whole disease.",
    ),
    Rule(
        lambda code, stay: is_delivery(code) and any(c[0] == "O" and not is_delivery(c) for c in stay.codes),
        0.4,
        "accouchement, une complication obstétricale est citée",
        "CIM-10, volume 2, 4.4.4: O80 to O84 are the main condition only where nothing else of chapter XV is recorded.",
    ),
    Rule(
        lambda code, stay: listed(code, "consequences.txt") and stay.disease,
        0.6,
        "conséquence d'une autre affection citée",
        "Guide: the manifestation is associated to the disease that explains it.",
    ),
)


def lead_factor(code: str, stay: Stay) -> tuple[float, list[str]]:
    """The product of the factors that apply to a code, and the reasons of those that favour it."""
    factor, reasons = 1.0, []
    for rule in LEAD:
        if rule.holds(code, stay):
            factor *= rule.factor
            if rule.factor > 1:
                reasons.append(rule.reason)
    return factor, reasons


def may_associate(
    code: str, found: Sequence[tuple[Mention, Context]], principal: str | None, text: str, stay: Stay
) -> bool:
    """Whether a code is worth proposing as DAS.

    Guide: a symptom is not coded beside the disease it belongs to; a past operation is coded by its status
    (Z90 to Z98) where the report gives it as past, not where it tells the act of this stay; sessions,
    rehabilitation and accompanying circumstances are no DAS of another stay. A DAS is significant where it was
    cared for in the stay: what only the history names was not, in a stay of one day, unless its treatment is given.
    """
    if principal is None:
        return True
    if _is_symptom(code) and (principal[0] not in "RZ" or stay.disease):
        return listed(code, "lasting_symptoms.txt")
    if stay.ambulatory and _is_untouched(code, found, text):
        return False
    if stay.concluded and _is_in_passing(code, found):
        return False
    if code[0] == "Z" and not listed(code, "status.txt"):
        return False
    if "Z90" <= code[:3] <= "Z98":
        return any(
            said.history or mention.passage.section == "history" or _is_status(text, mention)
            for mention, said in found
        )
    return not (code[:3] == principal[:3] and not is_secondary(code) and code[0] not in "STEIZ")


_TREATED = re.compile(r"\b(?:sous|traitée?|substituée?|appareillée?|équilibrée?|insulin\w+)\b", re.IGNORECASE)


def _is_untouched(code: str, found: Sequence[tuple[Mention, Context]], text: str) -> bool:
    """Whether a lasting disease is only part of the background of a stay of one day."""
    if any(mention.passage.section in ("conclusion", "reason") for mention, _ in found):
        return False
    if listed(code, "background.txt") and not listed(code, "cared_for.txt"):
        return True
    past = all(said.history or mention.passage.section == "history" for mention, said in found)
    return (
        past
        and not any(_TREATED.search(text, m.start, m.end + 40) for m, _ in found)
        and code[0] not in "CDZ"
    )


def _is_in_passing(code: str, found: Sequence[tuple[Mention, Context]]) -> bool:
    """Whether an affection that does not last is told in the body of the report alone, and not retained at its end."""
    if (
        code[0] in "RZ"
        or listed(code, "chronic.txt")
        or listed(code, "complications.txt")
        or "B95" <= code[:3] <= "B98"
    ):
        return False
    return all(mention.passage.section not in ("conclusion", "reason") for mention, _ in found)


_AMBULATORY = re.compile(
    r"\bambulatoire|\bUCA\b|\bhôpital de jour\b|\bHDJ\b|\bsortie (?:le (?:jour|soir) même|à H ?\+? ?\d)",
    re.IGNORECASE,
)


def is_ambulatory(text: str) -> bool:
    """Whether a report tells of a stay of one day, from its words."""
    return _AMBULATORY.search(text) is not None


_PAST_TUMOURS = (
    ("C00", "C14", "Z858"),
    ("C15", "C26", "Z850"),
    ("C30", "C32", "Z852"),
    ("C33", "C34", "Z851"),
    ("C37", "C39", "Z852"),
    ("C50", "C50", "Z853"),
    ("C51", "C63", "Z854"),
    ("C64", "C68", "Z855"),
    ("C40", "C76", "Z858"),
    ("C91", "C95", "Z856"),
    ("C81", "C96", "Z857"),
)
"""CIM-10 FR, Z85.0 to Z85.8: the history of which tumours each code stands for; the first row that holds."""
FREE_YEARS = 5
"""Years since its treatment from which a tumour that only the history names is taken as past. This project's."""
_CURED = re.compile(
    r"\b(?:guérie?s?|sans récidive|rémission complète|considérée?s? comme guérie?s?)\b", re.IGNORECASE
)
_CURED_IN = re.compile(
    r"\b(?:opérée?|traitée?|mastectomie|tumorectomie|colectomie|prostatectomie|néphrectomie|chirurgie|exérèse)\b[^.;\n]{0,40}?"
    r"\b(?:en ((?:19|20)\d\d)|il y a (\d+) ans)\b",
    re.IGNORECASE,
)
_TOLD = re.compile(r"[;\n]|\.\s|,(?! *(?:en\b|sans\b|considér|guéri|opér|trait|il y a))", re.IGNORECASE)
"""Where what is said of a disease of the history ends."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def past_tumour(mention: Mention, said: Context, text: str) -> str | None:
    """The code Z85 of a malignant tumour that the history tells as treated long ago, or as cured; else None.

    Guide: a tumour that is neither present nor treated any more has a code of Z85 (personal history).
    A remission of a disease of the blood is not a cure: C81 to C96 need "guéri" or the years.
    """
    if not is_primary(mention.code) or not (said.history or mention.passage.section == "history"):
        return None
    line = _TOLD.split(text[mention.start : mention.start + 160])[0]
    if re.search(r"métasta|en cours|évoluti|récidive en|progressi", line, re.IGNORECASE):
        return None
    cured = _CURED.search(line)
    if cured and "rémission" in cured.group().lower() and mention.code >= "C81":
        cured = None
    when = _CURED_IN.search(line)
    if when and when.group(1):
        now = max((int(year) for year in _YEAR.findall(text)), default=0)
        cured = cured or (when if now - int(when.group(1)) >= FREE_YEARS else None)
    elif when:
        cured = cured or (when if int(when.group(2)) >= FREE_YEARS else None)
    if cured is None:
        return None
    return next((code for first, last, code in _PAST_TUMOURS if first <= mention.code[:3] <= last), "Z859")


_PAINS = ("M255", "M542", "M543", "M544", "M545", "M546", "M549", "M791", "M796", "N23", "G470", "H571")


def _is_symptom(code: str) -> bool:
    """Chapter XVIII, and the pains and sleeplessness that other chapters hold."""
    return code[0] == "R" or code.startswith(_PAINS)


def without_excluded(order: Sequence[str]) -> list[str]:
    """Less the codes that another one excludes or already says (``data/exclusions.tsv``)."""
    refused = [
        excluded
        for holders, excluded in _exclusions()
        if any(first <= code[: len(first)] <= last for code in order for first, last in holders)
    ]
    return [
        code
        for code in order
        if not any(first <= code[: len(first)] <= last for ranges in refused for first, last in ranges)
    ]


SEVERAL = frozenset(
    {"E87", "I63", "I70", "I74", "D68", "B95", "B96", "C77", "C78", "C79", "E83", "I35", "I34"}
)
"""Categories whose codes are different things, which a stay may have together."""


def one_a_category(order: Sequence[str]) -> list[str]:
    """Of the codes of one category, the first only: they are stages or forms of one disease (I48.0 and I48.2).

    Injuries, symptoms and circumstances (R, S to Z) may be several. Heaviest first is the order expected.
    """
    seen: set[str] = set()
    out = []
    for code in order:
        if code[:3] not in seen or code[0] in "CRSTZVWXY" or code[:3] in SEVERAL:
            out.append(code)
        seen.add(code[:3])
    return out


@cache
def _exclusions() -> tuple[tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]], ...]:
    text = files(__package__).joinpath("data", "exclusions.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return tuple((_read_ranges(holders), _read_ranges(excluded)) for holders, excluded, _ in rows)


def _read_ranges(written: str) -> tuple[tuple[str, str], ...]:
    pairs = [item.partition("-") for item in written.split()]
    return tuple((first, last or first) for first, _, last in pairs)


_STATUS = re.compile(
    r"(?:port(?:eu(?:r|se)|ant)|atcd|antécédents?|sous|au long cours|ancien(?:ne)?|depuis|déjà|en (?:19|20)\d\d|status|état)",
    re.IGNORECASE,
)


def _is_status(text: str, mention: Mention) -> bool:
    return _STATUS.search(text, max(0, mention.start - 40), min(len(text), mention.end + 15)) is not None


_SESSION = re.compile(
    r"\b(?:h[ôo]pital de jour|hospitalisation de jour|hdj|s[ée]ances?)\b|\bvenue? pour (?:sa|son|le|la)\b[^.\n]{0,30}\b(?:cures?|cycles?|s[ée]ance|dialyse)\b"
    r"|\b(?:cure|cycle) n ?[°o]",
    re.IGNORECASE,
)
_STAYED = re.compile(r"\bJ ?\d|\bsuites\b|\bpostop|\bdurée de séjour", re.IGNORECASE)


def is_session_stay(text: str) -> bool:
    """Whether a report tells of a stay for a session, from its words."""
    return _SESSION.search(text) is not None and _STAYED.search(text) is None


@cache
def _ranges(name: str) -> tuple[tuple[str, str], ...]:
    text = files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple((first, last) for first, last in lines)


def listed(code: str, name: str) -> bool:
    """Whether a code's category is in one of the ranges of a data file."""
    return any(first <= code[: len(first)] <= last for first, last in _ranges(name))
