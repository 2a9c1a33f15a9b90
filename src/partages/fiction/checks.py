"""What a case must pass before it is accepted: names, codes, the scenario, length, and nothing copied.

Each finding says where and what, in French. They are of fictitious texts that their writer reads: words may be quoted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path

from partages.documents import Document
from partages.errors import BadDocument
from partages.fiction.case import Case, Written
from partages.fiction.templates import templates
from partages.text import fold

MOST_SHARED = 0.3
"""Share of the runs of eight words of a document that another may also hold."""
RUN = 8
FICTITIOUS_PHONES = ("019900", "026191", "035301", "046571", "053649", "063998")
"""Beginnings kept for works of fiction (Arcep, plan national de numérotation, décision 2018-0881)."""
_AGE = re.compile(
    r"(?:âgée?s? de|patiente? de|homme de|femme de|garçon de|fille de|enfant de|nourrisson de|agée? de)\s+(?:environ )?(\d{1,3})\s*(ans|an|mois)\b",
    re.IGNORECASE,
)
_FEMALE = re.compile(r"\b(?:Mme|Madame|patiente|née|hospitalisée|admise|adressée)\b", re.IGNORECASE)
_MALE = re.compile(
    r"\b(?:M\.|Mr|Monsieur|né|hospitalisé|admis|adressé)(?!\w)|\b(?:ce|le|un|du|au) patient\b", re.IGNORECASE
)
_PLACEHOLDER = re.compile(r"\[[^\]\n]{0,80}\]|\bXX+\b|\blorem ipsum\b|à compléter", re.IGNORECASE)
_EMPTY_WORDS = frozenset(
    "avec sans pour dans une des les aux par sur son ses unique autre autres precision precise non prise charge type au moins voie".split()
)
_ACT = re.compile(r"[A-Z]{4}\d{3}")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at; ``error`` stands in the way of acceptance, ``warning`` is for the reviewer to judge."""

    level: str
    place: str
    check: str
    message: str


def check(case: Case, cache_folder: Path | None = None) -> list[Finding]:
    """All checks of one case, in the order of its documents."""
    found: list[Finding] = []
    for document in case.documents:
        found += _length(document)
        if document.text.strip():
            found += _people(case, document)
            found += _ages(case, document)
            found += _sexes(case, document)
            found += _placeholders(document)
    found += _codes(case)
    if case.written:
        found += _told(case, cache_folder)
    if not case.author and any(document.origin in ("human", "assisted") for document in case.documents):
        found.append(Finding("error", "cas", "auteur", "L'auteur n'est pas dit."))
    return found


def _length(document: Written) -> list[Finding]:
    template = templates()[document.type]
    if not document.text.strip():
        return [Finding("error", document.type, "mots", "Le document n'est pas écrit.")]
    if document.word_count < template.words:
        message = f"{document.word_count} mots : il en faut {template.words} au moins."
        return [Finding("error", document.type, "mots", message)]
    return []


def _people(case: Case, document: Written) -> list[Finding]:
    """Names and contacts that are not those of the scenario, as the pseudonymiser finds them."""
    from partages.usecases.pseudonymise.engine import detect

    setting = case.setting
    known = {
        part
        for name in (case.scenario.name, *setting.physicians, setting.hospital, setting.town)
        for part in re.findall(r"\w{2,}", fold(name))
    }
    found = []
    for span in detect(document.text):
        value = document.text[span.start : span.end]
        plain = fold(value)
        if span.label in ("Nom", "Prenom", "Etablissement"):
            strange = [part for part in re.findall(r"\w{2,}", plain) if part not in known]
            if strange and not (span.label == "Etablissement" and len(plain) < 5):
                what = "établissement" if span.label == "Etablissement" else "nom"
                message = f"« {value} » : {what} qui n'est pas du scénario (position {span.start})."
                found.append(Finding("error", document.type, "personnes", message))
        elif span.label == "NumeroTelephone":
            digits = re.sub(r"\D", "", value).removeprefix("0033").removeprefix("33")
            if not digits.rjust(10, "0").startswith(FICTITIOUS_PHONES):
                message = f"« {value} » : un numéro de téléphone peut être celui de quelqu'un (position {span.start})."
                found.append(Finding("error", document.type, "personnes", message))
        elif span.label in ("AdresseEmail", "Url", "CodeIdentifiant", "Adresse"):
            message = f"« {value} » : {span.label} à ôter (position {span.start})."
            found.append(Finding("error", document.type, "personnes", message))
    return found


def _ages(case: Case, document: Written) -> list[Finding]:
    age = case.scenario.age
    wrong = []
    for match in _AGE.finditer(document.text):
        unit = "mois" if match[2].lower() == "mois" else "ans"
        if unit != age.unit or int(match[1]) != age.value:
            wrong.append(match.group())
    if wrong:
        message = f"« {wrong[0]} » : le scénario dit {age.value} {age.unit}."
        return [Finding("error", document.type, "âge", message)]
    return []


def _sexes(case: Case, document: Written) -> list[Finding]:
    female, male = len(_FEMALE.findall(document.text)), len(_MALE.findall(document.text))
    mine, other = (female, male) if case.scenario.sex == "F" else (male, female)
    expected = "une femme" if case.scenario.sex == "F" else "un homme"
    if other > 0 and mine == 0:
        return [
            Finding(
                "error",
                document.type,
                "sexe",
                f"Le texte parle d'une autre personne : le scénario dit {expected}.",
            )
        ]
    if other > mine:
        return [Finding("warning", document.type, "sexe", f"Accords à relire : le scénario dit {expected}.")]
    return []


def _placeholders(document: Written) -> list[Finding]:
    match = _PLACEHOLDER.search(document.text)
    if match is None:
        return []
    return [
        Finding(
            "error",
            document.type,
            "consigne",
            f"« {match.group()} » : reste à remplir (position {match.start()}).",
        )
    ]


def _codes(case: Case) -> list[Finding]:
    """Codes of the scenario and of the abstract: in the nomenclature, in force, allowed where they are."""
    from partages.terminologies.cim10 import MCO, UnknownCode, load

    nomenclature = load()
    abstract = case.abstract()
    principal = [*case.scenario.primary_diagnosis, *abstract.primary_diagnosis]
    found = []
    for one in [*principal, *case.setting.associated_diagnoses]:
        try:
            code = nomenclature.lookup(one.code)
        except UnknownCode as error:
            found.append(Finding("error", "cas", "codes", str(error)))
            continue
        if code.retired or code.type is MCO.FORBIDDEN or (one in principal and code.type is not MCO.FREE):
            where = "diagnostic principal" if one in principal else "diagnostic associé"
            found.append(Finding("error", "cas", "codes", f"{code.dotted} ne se code pas en {where}."))
    for act in (case.scenario.primary_procedure, abstract.primary_procedure):
        if act and not _ACT.fullmatch(act.code):
            found.append(
                Finding("error", "cas", "codes", f"« {act.code} » n'est pas écrit comme un code CCAM.")
            )
    return list(dict.fromkeys(found))


def _told(case: Case, cache_folder: Path | None) -> list[Finding]:
    """Whether the documents together tell the age, the diagnosis and the act of the scenario."""
    whole = "\n\n".join(document.text for document in case.documents)
    found = []
    age = case.scenario.age
    born = f"{case.setting.birth_date:%d/%m/%Y}"
    if not re.search(rf"\b{age.value}\s*{age.unit[:2]}", whole) and born not in whole:
        found.append(
            Finding("error", "cas", "âge", f"L'âge n'est écrit nulle part : {age.value} {age.unit}.")
        )
    diagnosis = case.scenario.primary_diagnosis[0]
    if not _mentions(whole, diagnosis.description) and not _proposed(whole, diagnosis.code, cache_folder):
        message = f"Le diagnostic principal n'est pas reconnu dans le texte : {diagnosis.description} ({diagnosis.code})."
        found.append(Finding("error", "cas", "diagnostic", message))
    act = case.scenario.primary_procedure
    if act and not _tells_act(whole, act.code, act.description):
        message = f"L'acte n'est pas reconnu dans le texte : {act.description} ({act.code})."
        found.append(Finding("error", "cas", "acte", message))
    return [*found, *_modes(case, whole)]


@cache
def usual_names() -> dict[str, tuple[str, ...]]:
    """How acts are called in reports, by code (``data/acts.tsv``)."""
    content = files("partages.fiction").joinpath("data", "acts.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in content.splitlines() if line and not line.startswith("#")]
    return {row[0]: tuple(row[1:]) for row in rows}


def _tells_act(text: str, code: str, label: str) -> bool:
    plain = f" {fold(text)}"
    usual = (re.escape(fold(name)) for name in usual_names().get(code, ()))
    return (
        code in text or _mentions(text, label) or any(re.search(rf"(?<!\w){name}", plain) for name in usual)
    )


def _modes(case: Case, text: str) -> list[Finding]:
    """How the patient came and left, as far as words tell: for the reviewer to judge."""
    plain, scenario = fold(text), case.scenario
    by_emergency = re.search(
        r"\b(?:par|via|aux|des) (?:le service d(?:es|') ?|les )?urgences\b|\bau sau\b|\bsamu\b|\bsmur\b",
        plain,
    )
    found = []
    if scenario.admission_mode == "urgences" and "urgence" not in plain and not by_emergency:
        found.append(
            Finding(
                "warning",
                "cas",
                "entrée",
                "Le scénario dit une venue par les urgences, le texte n'en parle pas.",
            )
        )
    if scenario.admission_mode != "urgences" and by_emergency:
        found.append(
            Finding(
                "warning",
                "cas",
                "entrée",
                f"Le texte parle des urgences, le scénario dit : {scenario.admission_mode}.",
            )
        )
    died = re.search(r"\bdece(?:s|de|dee)\b", plain)
    if scenario.discharge_mode == "décès" and not died:
        found.append(
            Finding("warning", "cas", "sortie", "Le scénario finit par un décès, le texte n'en parle pas.")
        )
    if scenario.discharge_mode.startswith("soins de suite") and not re.search(
        r"soins de suite|\bssr\b|\bsmr\b|readaptation|reeducation", plain
    ):
        found.append(
            Finding("warning", "cas", "sortie", f"Le texte ne parle pas de : {scenario.discharge_mode}.")
        )
    return found


def _stems(text: str) -> list[str]:
    """Words that mean something, cut to what endings leave alone."""
    words = re.findall(r"[a-z]{4,}", fold(text))
    return [word[: max(5, len(word) - 3)] for word in words if word not in _EMPTY_WORDS]


def _mentions(text: str, label: str, least: float = 0.6) -> bool:
    """Whether so large a share of the words of a label are in a text, endings aside."""
    wanted = set(_stems(label))
    plain = fold(text)
    return bool(wanted) and sum(stem in plain for stem in wanted) >= least * len(wanted)


def _proposed(text: str, code: str, cache_folder: Path | None) -> bool:
    """Whether the coding proposes a code of the same category for the text."""
    from partages.usecases.code.engine import code as propose
    from partages.usecases.code.schema import Options

    try:
        proposals = propose(Document("cas", text), Options(top=20), cache_folder).codes
    except BadDocument:
        return False
    return any(one.code[:3] == code[:3] for one in proposals)


def check_together(cases: Sequence[Case]) -> list[tuple[int, Finding]]:
    """Documents that share too much with one of another case, or of their own: (number of the case, finding)."""
    runs: list[tuple[int, str, set[str]]] = []
    for number, case in enumerate(cases):
        for document in case.documents:
            words = re.findall(r"\w+", fold(document.text))
            runs.append(
                (
                    number,
                    document.type,
                    {" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1)},
                )
            )
    found = []
    for (first, kind, mine), (second, other, theirs) in combinations(runs, 2):
        shared = len(mine & theirs) / max(1, min(len(mine), len(theirs)))
        if mine and theirs and shared > MOST_SHARED:
            message = f"{shared:.0%} de ses suites de {RUN} mots sont aussi dans « {other} » du cas {cases[first].local_id}."
            found.append((second, Finding("error", kind if first == second else other, "copie", message)))
    return found


def passes(findings: Sequence[Finding]) -> bool:
    """Whether nothing stands in the way."""
    return not any(finding.level == "error" for finding in findings)
