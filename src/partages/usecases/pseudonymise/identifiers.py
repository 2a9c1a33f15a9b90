"""Identifiers and contacts: labelled numbers, numbers with a key, phones, e-mail, web, addresses."""

import re
from collections.abc import Iterator

from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import communes
from partages.usecases.pseudonymise.schema import Categorie

# label -> (CodeType, RoleNUM); the most specific first
LABELS: tuple[tuple[str, str, str], ...] = (
    (r"N[°ºo]?\s?FINESS|FINESS(?: (?:juridique|géographique|ET|EJ))?", "FINESS", "Hopital"),
    (r"RPPS|ADELI|N[°ºo]\s?(?:d')?(?:ordre|prescripteur)|AM(?=\s?:)", "RPPS", "PersonnelSante"),
    (r"INS(?:-C|-NIR|-A)?|Matricule INS|Identité nationale de santé", "INS", "Patient"),
    (
        r"NIR|N[°ºo]?\s?(?:de )?(?:s[ée]curit[ée] sociale|SS|S\.S\.|INSEE)|(?:n° |numéro de )?s[ée]cu(?:rit[ée] sociale)?"
        r"|NSS|Immatriculation|N[°ºo] d'assuré",
        "NIR",
        "Patient",
    ),
    (r"NIA", "NIA", "Patient"),
    (
        r"NDA|N[°ºo]?\s?(?:de |du |d')?(?:s[ée]jour|dossier administratif|admission|venue|passage|hospitalisation)"
        r"|IEP|S[ée]jour(?: n[°ºo])?|Venue|(?:N[°ºo] )?IEP",
        "NDA",
        "Patient",
    ),
    (
        r"I\.?P\.?P\.?|NIP(?:P)?|N[°ºo]?\s?(?:de |du )?(?:dossier(?: (?:patient|m[ée]dical))?|patient)|Dossier(?: n[°ºo])?"
        r"|Identifiant(?: patient| permanent)?|ID patient|N[°ºo] d'identification|Patient n[°ºo]",
        "NIPouIPP",
        "Patient",
    ),
    (
        r"N[°ºo]?\s?(?:de |du |d')?(?:demande|examen|pr[ée]l[èe]vement|lot|s[ée]rie|compte[ -]rendu|CR|acte|enregistrement"
        r"|ordonnance|bon|facture|adh[ée]rent|contrat|lame|bloc|inclusion|cassette|laboratoire)|R[ée]f(?:[ée]rences?|\.)?"
        r"|Accession|Demande|V/R[ée]f|N/R[ée]f|Code patient|Num(?:[ée]ro)?|Matricule|Badge|Mutuelle n[°ºo]|UF",
        "AUTRE",
        "Patient",
    ),
)
_VALUE = r"[A-Z]{0,4}[ -]?\d[\dA-Z]*(?:[ .\-/_]{1,2}[\dA-Z]*\d[\dA-Z]*){0,8}"
_LABELLED = [
    (
        re.compile(
            rf"(?<![\w])(?:{label})(?![A-Za-zÀ-ÿ])(?:\s?\([^)\n]{{0,30}}\))?\s{{0,3}}(?:n[°ºo])?[\s:.=#|]{{0,12}}({_VALUE})",
            0 if label in ("AM(?=\\s?:)",) else re.I,
        ),
        kind,
        role,
    )
    for label, kind, role in LABELS
]
_LONG_NUMBER = re.compile(
    r"(?<![\w.,/+-])\d{7,20}(?![\w%]|[.,/]\d| ?(?:mg|g|UI|mL|ml|copies|/mm|€|euros|UFC))"
)
_MIXED = re.compile(
    r"(?<![\w/-])(?=[A-Z0-9-]{7,20}\b)(?:[A-Z]{1,4}-?\d{5,14}[A-Z]?|\d{2,4}[A-Z]{1,3}-?\d{4,10})(?![\w-])"
)
_NIR = re.compile(
    r"(?<!\d)([1-478])[ .]?(\d{2})[ .]?(0[1-9]|1[0-2]|[2-9]\d)[ .]?(\d{2}|2[AB])[ .]?(\d{3})[ .]?(\d{3})"
    r"(?:[ ./-]{0,3}(\d{2}))?(?!\d)"
)
_PHONE = re.compile(
    r"(?<![\d.,/-])(?:(?:\+|00) ?33 ?(?:\(0\) ?)?[1-9]|\(?0[1-9]\)?)(?:[ .\-/]?\d{2}){4}(?!\d|[.,/]\d)"
    r"|(?<![\d+])\+(?!33)\d{1,3}(?:[ .-]?\d{2,4}){3,5}(?!\d)"
    r"|(?<![\d.,/-])(?:0[1-9]\d{2}|0[1-9]) ?\d{2} ?\d{2} ?\d{2} ?\d{2}(?!\d)"
)
_PHONE_LABEL = re.compile(
    r"\b(?:t[ée]l(?:[ée]phone|\.)?(?: ?(?:port(?:able)?|fixe|secr[ée]tariat|bureau|domicile)\.?)?|fax|t[ée]l[ée]copie|portable"
    r"|poste|bip|dect|standard|gsm|mobile|secr[ée]tariat|appeler le|joignable au|☎|📞)"
    r"\s?(?:n[°ºo])?[\s:.]{0,6}(\+?\d(?:[\d .\-/()]{2,22})\d)(?!\d)",
    re.I,
)
_EMAIL = re.compile(
    r"[A-Za-zÀ-ÿ0-9_+-]{1,64}(?:\.[A-Za-zÀ-ÿ0-9_+-]{1,64}){0,6} ?@ ?[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,10}\b"
)
_URL = re.compile(
    r"\b(?:https?://[^\s<>\"')]{3,200}|www\.[^\s<>\"')]{3,200})(?<![.,;])"
    r"|\b(?<!@)[a-z0-9-]{2,40}(?:\.[a-z0-9-]{2,40}){0,3}\.(?:fr|com|org|net|eu|sante\.fr)\b(?:/[^\s<>\"')]{0,200})?(?<![.,;])"
)
_STREET = (
    r"(?:rue|r\.|avenue|av\.?|boulevard|boul\.|bd\.?|bld\.?|blvd|place|pl\.|impasse|imp\.|all[ée]es?|chemin|che?m?\.|route|rte|quai|cours"
    r"|square|sq\.|passage|ruelle|faubourg|fbg|sente|sentier|esplanade|promenade|mont[ée]e|c[ôo]te|lotissement|lot\.|r[ée]sidence|r[ée]s\."
    r"|villa|hameau|cit[ée]|lieu-dit|lieudit|rond-point|domaine|parvis|clos|mail|traverse|venelle)"
)
_ADDRESS = re.compile(
    rf"(?<![\w/.,-])(\d{{1,4}} ?(?:bis|ter|quater|[A-D])?,? ?(?:(?:et|-) ?\d{{1,4}},? )?{_STREET} (?:[^\W\d_][\w'.-]*|\d{{1,2}}(?=[ -][A-Za-zé]))"
    r"(?:[ -](?:[^\W\d_][\w'.-]{0,30}|\d{1,4}(?= ?(?:RI|BCA|mai|juillet|novembre|août|septembre|juin)\b))){0,6})",
    re.I,
)
_ADDRESS_NO_NUMBER = re.compile(
    rf"(?:adresse|domicile|demeurant|domicilié[e]?|habite|réside|résidant|logeant)\s?(?:au|à|dans|:|la|,| )*\s?"
    rf"((?:{_STREET}|bâtiment|bât\.?|b[aâ]t|appartement|appt?\.?)\s[^\n,;(]{{3,60}})",
    re.I,
)
_POST_BOX = re.compile(r"\b((?:BP|CS|TSA)\s?\d{2,6}(?: \d{2,5})?)(?=\s|,|$|-)")
_BUILDING = re.compile(
    r"\b((?:b[âa]t(?:iment)?|appt?|appartement|esc(?:alier)?|résidence|étage|porte)\.? (?:n° ?)?(?:[A-Z]?\d{1,4}|[A-Z])\b(?:[ ,]+(?:esc(?:alier)?|appt?|"
    r"étage|porte)\.? [A-Z]?\d{0,4})?)(?=[^\n]{0,60}(?:rue|avenue|\d{5}))",
    re.I,
)
_POSTAL = re.compile(
    r"(?<![\d.,/°-])(?:F-?|FR-)?((?:0[1-9]|[1-8]\d|9[0-58]) ?\d{3})(?!\d)[ ,\-–]{1,3}"
    r"((?:(?:[A-ZÀ-Ý][\w'À-ÿ]*|[dl]'[A-ZÀ-Ý][\w'À-ÿ]*)(?:[ -](?:[A-ZÀ-Ý0-9][\w'À-ÿ]*|(?:sur|sous|en|les?|la|lès|lez|de|du|des|d'|aux?|et|[dl]'\w+)(?=[ -]))){0,6}))"
)
_CEDEX = re.compile(r"\s+(?:CEDEX|Cedex|cedex)(?:\s+\d{1,2})?$")
_STOP_AFTER_ADDRESS = re.compile(
    r"\s+(?:Tél|TEL|Tel|Fax|FAX|IPP|NDA|Née?|est|sont|depuis|avec|où|chez|puis|qui|mais|à|Mail|Email|Port)\b.*$",
    re.S,
)


def find_identifiers(text: str) -> Iterator[Finding]:
    """Propose identifying numbers of the view."""
    for match in _NIR.finditer(text):
        body = "".join(group or "" for group in match.groups()[:6])
        key = match.group(7)
        if key and nir_key(body) == int(key):
            yield _code(*match.span(), "NIR", "Patient", 0.99, "NIR key")
        elif len(body) == 13 and (key or " " in match.group()):
            yield _code(*match.span(), "NIR", "Patient", 0.8, "NIR shape")
    for pattern, kind, role in _LABELLED:
        for match in pattern.finditer(text):
            start, end = match.span(1)
            value = match.group(1)
            digits = sum(map(str.isdigit, value))
            if digits < (5 if kind == "AUTRE" else 3) or _is_date_like(value):
                continue
            yield _code(start, end, kind, role, 0.93 if kind != "AUTRE" else 0.85, f"label {kind}")
    for match in _LONG_NUMBER.finditer(text):
        value = match.group()
        kind, role, score = "AUTRE", "Patient", 0.7
        if len(value) == 11 and luhn(value):
            kind, role, score = "RPPS", "PersonnelSante", 0.85
        elif len(value) == 9 and luhn(value):
            kind, role = "FINESS", "Hopital"
        elif len(value) == 7:
            score = 0.5
        elif len(value) == 8 and value[4:6] in ("19", "20") and int(value[:2]) < 32:
            continue  # a compact date
        yield _code(*match.span(), kind, role, score, "long number")
    for match in _MIXED.finditer(text):
        yield _code(*match.span(), "AUTRE", "Patient", 0.75, "letters and digits")


def _is_date_like(value: str) -> bool:
    return re.fullmatch(r"\d{1,2}[/. -]\d{1,2}[/. -]\d{2,4}", value) is not None


def _code(start: int, end: int, kind: str, role: str, score: float, rule: str) -> Finding:
    return Finding(start, end, Categorie.CODE, score, rule, {"CodeType": kind, "RoleNUM": role})


def find_contacts(text: str) -> Iterator[Finding]:
    """Propose phones, e-mail addresses and web addresses."""
    for match in _EMAIL.finditer(text):
        yield Finding(*match.span(), Categorie.EMAIL, 0.99, "e-mail")
    for match in _URL.finditer(text):
        yield Finding(*match.span(), Categorie.URL, 0.9, "url")
    for match in _PHONE.finditer(text):
        start, end = match.span()
        start += match.group().startswith("(") and ")" not in match.group()
        yield Finding(start, end, Categorie.TELEPHONE, 0.95, "phone", {"RoleNUM": _owner(text, start)})
    for match in _PHONE_LABEL.finditer(text):
        value = match.group(1)
        if sum(map(str.isdigit, value)) >= 3 and not _is_date_like(value):
            end = match.start(1) + len(re.match(r"[\d +.\-/()]*\d", value).group())  # type: ignore[union-attr]
            yield Finding(
                match.start(1),
                end,
                Categorie.TELEPHONE,
                0.9,
                "phone label",
                {"RoleNUM": _owner(text, match.start())},
            )


def _owner(text: str, at: int) -> str:
    """Whose phone: the patient's when the line speaks of the patient, else the hospital's."""
    line = line_before(text, at).casefold()
    return (
        "Patient"
        if re.search(r"patient|domicile|portable|joignable|fille|fils|époux|épouse|né", line)
        else "Hopital"
    )


def find_addresses(text: str) -> Iterator[Finding]:
    """Propose streets, post boxes, postal codes and the towns that follow them."""
    role = {"RoleLOC": "Patient"}
    for pattern, score, rule in (
        (_ADDRESS, 0.92, "street"),
        (_ADDRESS_NO_NUMBER, 0.8, "address label"),
        (_POST_BOX, 0.9, "post box"),
        (_BUILDING, 0.7, "building"),
    ):
        for match in pattern.finditer(text):
            value = match.group(1)
            value = _STOP_AFTER_ADDRESS.sub("", value)
            value = re.split(r"\s{2,}|\s-\s|\s\d{5}\b", value)[0].rstrip(" .,;-")
            if len(value) > 4:
                yield Finding(
                    match.start(1), match.start(1) + len(value), Categorie.ADRESSE, score, rule, role
                )
    for match in _POSTAL.finditer(text):
        code, town = match.group(1).replace(" ", ""), _CEDEX.sub("", match.group(2))
        town = _known_prefix(town)
        if not town:
            continue
        known = _is_town(town, code)
        opens = len(town) > 2 and " " not in match.group(1) and _opens_address(text, match.start())
        score = 0.95 if known else (0.85 if opens else 0.4)
        if score >= 0.5:
            yield Finding(*match.span(1), Categorie.CODE_POSTAL, score, "postal code", role)
            start = match.start(2)
            yield Finding(start, start + len(town), Categorie.VILLE, score, "town after postal code", role)


def _known_prefix(town: str) -> str:
    """The longest beginning that is a known town, or the first line's words as they stand."""
    parts = re.split(r"( )", town)
    for count in range(len(parts), 0, -1):
        candidate = "".join(parts[:count]).strip()
        if candidate and _is_town(candidate, None):
            return candidate
    return re.split(r" (?:Tél|Tel|Fax|IPP|NDA|Né|Née|Mail|Email|Port|Madame|Monsieur|Mme|M|Le|Dr)\b", town)[
        0
    ].strip()


def _is_town(name: str, code: str | None) -> bool:
    from partages.text import fold

    folded = re.sub(r"^st(e?) ", r"saint\1 ", fold(name))
    codes = communes().get(folded)
    return codes is not None and (code is None or code in codes or any(c[:2] == code[:2] for c in codes))


def _opens_address(text: str, at: int) -> bool:
    line = line_before(text, at)
    return not line.strip(" -•") or re.search(_STREET, line, re.I) is not None


LINE_REACH = 200
"""Characters looked at before a match: a document may be one line of two million."""


def line_before(text: str, at: int) -> str:
    """What precedes ``at`` on its line, at most ``LINE_REACH`` characters."""
    floor = max(0, at - LINE_REACH)
    return text[text.rfind("\n", floor, at) + 1 or floor : at]


def nir_key(body: str) -> int:
    """Key of a French social security number (INSEE: 97 minus the number modulo 97; 2A is 19, 2B is 18)."""
    return 97 - int(body.replace("2A", "19").replace("2B", "18")) % 97


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn key of the others (ISO/IEC 7812-1; RPPS and FINESS use it)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
