"""Names of people: after titles and labels, in signatures, and by first name beside a surname."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from partages.text import fold
from partages.usecases.pseudonymise.dates import MONTHS
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import (
    REMEMBERED,
    first_name,
    is_acronym,
    is_first_name,
    is_medical,
    is_word,
    listed,
    surnames,
)
from partages.usecases.pseudonymise.identifiers import line_before
from partages.usecases.pseudonymise.letters import LOWER, UPPER
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import matches, openings

_MONTHS = frozenset(fold(month) for month in MONTHS)

PATIENT, STAFF, OTHER = "Patient", "PersonnelSante", "Autre"

_U = UPPER
_L = LOWER
_NAME = rf"(?:[DLO]['’]|[dl]'(?=[{_U}])|Mc|Mac)?[{_U}](?:[{_U}{_L}]{{1,30}}|(?=['-]))(?:['-][{_U}]?[{_L}{_U}]{{1,30}}){{0,4}}"
_PARTICLE = (
    r"(?:de la|de l'|de los|de|du|des|d'|le|la|van der|van den|van de|van|von|ben|bin|el|al|abou|abu|da|do|dos|di|della"
    r"|del|st|ste|DE LA|DE|DU|DES|D'|LE|LA|VAN DER|VAN|VON|BEN|EL|AL|DA|DOS|DI|DEL|ST|De La|De|Du|Des|Da|Dos|Di|Del|Le|La|Van Der|Van Den|Van De|Van|Von|Ben|El|Al|Abou|Abd|Aït|Ait|Bou|Ould|Saint|Sainte|St|Ste|Mac|Mc)"
)
_TOKEN = re.compile(
    rf"(?P<initial>(?:[{_U}]\.[ -]?){{1,3}}|(?:P[Hh]|C[Hh]|T[Hh]|F[Rr]|Cl|Chr|Jn)\.(?= ?[{_U}])|[{_U}](?=[ ][{_U}]{{2}}))"
    rf"|(?P<particle>{_PARTICLE}(?=(?<=['’])[{_U}]|[ ]['{_U}{_L}]))|(?P<name>{_NAME})"
)
_GAP = re.compile(r" {1,4}|\^|(?<=['’.])")
_LABEL_MARK = re.compile(r"\s{0,2}:(?!\d)")
_LOWER_NAME = re.compile(rf"[{_L}]{{3,20}}(?:-[{_L}]{{2,20}})?")

_TITLE = (
    r"(?:[Cc]onsorts|Messieurs|Monsieur|Mesdames|Madame|Mademoiselle|MONSIEUR|MADAME|MADEMOISELLE|MESSIEURS|MESDAMES|Mle|MLE|Melle|MELLE|Mrne|Dre|DRE|dre|Mme[s]?|Mlle[s]?|MME|MLLE|MR|Mr[s]?|mr|mme|mlle|monsieur|madame|M\.|M(?= [A-ZÀ-Þ]{2})"
    r"|Docteure?s?|Doctoresse|DOCTEURE?S?|docteure?|Dr[es]?|DR[S]?|dr|Professeure?s?|PROFESSEURE?|professeure?|Prof\.?|Pr[s]?|PR|Maître"
    r"|Ma[iî]tre|Mgr|Sœur|Soeur|IDE|IADE|IBODE)"
)
_TITLES = re.compile(
    rf"(?<![\w-])(?:{_TITLE}(?:(?![A-Za-zÀ-ÿ])|(?<=[a-z.])(?=[{_U}]))\.?|P\.?r\.)(?:\s?[/,]?\s?(?:et|ou|/|le|la|Le|La|-|,)?\s?{_TITLE}\b\.?){{0,2}}(?:\s?\(e\)|\s?:)?\s{{0,3}}"
    rf"(?=[{_U}dlv]|['{_L}])"
)
_STAFF_TITLE = re.compile(
    r"D(?:octeure?s?|r[es]?|octoresse|OCTEURE?S?|R[S]?)\b|dr\b|docteur|P(?:rof|r[s]?\b|R\b)|prof|I(?:DE|ADE|BODE)\b"
)
_PLURAL_TITLE = re.compile(r"(?:Drs|DRS|Docteur[e]?s|DOCTEURS|Prs|Professeurs|Messieurs|Mesdames|Mmes|Mrs)\b")
_NEXT_NAME = re.compile(r"\s?(?:,|/|;|-|–|et|&)\s?(?:(?:le|la)\s)?(?:Dr|DR|Pr|Docteur|Professeur)?\.?\s?")

_STAFF_ROLE = (
    r"(?:m[ée]decin(?:s)? (?:traitant|r[ée]f[ée]rent|responsable|s[ée]nior|correspondant|prescripteur|anesth[ée]siste|coordonnateur|adresseur|du travail)"
    r"|MT|chirurgien(?:ne)?s?|op[ée]rateur(?:s)?|op[ée]ratrice|anesth[ée]siste|MAR|aides?(?:[ -]op[ée]ratoires?)?|instrumentiste|panseuse|IBODE|IADE|IDE"
    r"|interne|externe|s[ée]nior|chef de (?:service|clinique)|responsable|r[ée]dacteur|r[ée]dig[ée] par|dict[ée] par|saisi par|tap[ée] par|frapp[ée]e? par|valid[ée]e? par"
    r"|sign[ée]e?(?: [ée]lectroniquement)?(?: par)?|vu par|vue par|relu par|prescripteur|prescrit par|correspondants?|destinataires?|adress[ée]e? par|demand[ée] par|demandeur|suivie? par"
    r"|signataire|infirmi[eè]re?(?: coordinatrice)?|kin[ée](?:sith[ée]rapeute)?|secr[ée]taire|r[ée]f[ée]rente?|copies?(?: [àa])?|cc|r[ée]alis[ée] par|effectu[ée] par|examinateur"
    r"|biologiste|pathologiste|radiologue|sage-femme|psychologue|assistante sociale|praticien(?:s)?|m[ée]decin|cadre(?: de sant[ée])?|interpr[ée]t[ée] par|pr[ée]lev[ée] par|pr[ée]leveur|gyn[ée]cologue|cardiologue)"
)
_STAFF_LABEL = re.compile(
    rf"(?<!\w)({_STAFF_ROLE})(?!\w)\s?(?:\([^)\n]{{0,30}}\))?\s?(:|=|\|)?\s{{0,4}}(?:{_TITLE}\.?\s)?(?=[{_U}])",
    re.I,
)
_NAME_LABEL = re.compile(
    r"(?<!\w)(?P<nom>Nom(?:s)?(?: de naissance| usuel| d'usage| marital| de famille| patronymique| de jeune fille| d'[ée]pouse| du patient| patient| et pr[ée]noms?)?(?: ?[/&] ?pr[ée]noms?)?"
    r"|Malade|Patiente?|Identit[ée](?: du patient)?|n[ée]e(?= [A-ZÀ-Þ]{2})|[ée]pouse|[ée]p\.|veuve|vve|Bénéficiaire|Assuré|Usager|R[ée]sidente?|Concerne|Objet)"
    rf"\s?(?P<mark>\([^)\n]{{0,20}}\)|:|=|\||\.)?\s{{0,6}}[:]?\s{{0,3}}(?:{_TITLE}\.?\s)?(?=[{_U}dlv])",
    re.I,
)
_FIRST_LABEL = re.compile(
    rf"(?<!\w)Pr[ée]noms?(?: usuel| de naissance| du patient)?\s?(?:\([^)\n]{{0,20}}\))?\s?[:=|]\s{{0,6}}(?=[{_U}{_L}])",
    re.I,
)
_OTHER_LABEL = re.compile(
    r"(?<!\w)(?:personne (?:[àa] pr[ée]venir|de confiance)|contact|tuteur|tutrice|curateur|curatrice|mandataire|aidante?|repr[ée]sentant l[ée]gal)"
    rf"\s?(?:\([^)\n]{{0,40}}\))?\s?[:=]?\s{{0,3}}(?:(?:sa|son|la|le)\s\w{{3,10}},?\s)?(?:{_TITLE}\.?\s)?(?=[{_U}])",
    re.I,
)
_RELATIVE = re.compile(
    r"(?<!\w)(?:[Ss]on|[Ss]a|[Ss]es|[Ll]eur|[Ll]a|[Ll]e|[Uu]ne?|[Mm]on|[Mm]a)\s(?:petite?[ -])?(?:fils|fille|[ée]poux|[ée]pouse|mari|femme|conjointe?|compagnon|compagne|fr[èe]re|s(?:œ|oe)ur|m[èe]re|p[èe]re|neveu|ni[èe]ce|cousine?|voisine?|amie?"
    rf"|famille|concubine?|ex-[ée]pouse|ex-mari|belle-fille|beau-fils|gendre|tante|oncle|jumeau|jumelle|enfant|b[ée]b[ée])s?(?:\s(?:a[iî]n[ée]e?|cadette?|jumelle|unique))?\s?[,:(]?\s?(?:\(?pr[ée]nomm[ée]e?\s)?(?=[{_U}])"
)
PREFIX_OF_EPONYM = re.compile(
    r"(?<!\w)(?:maladies?|syndrome|sd|sdr|score|signe|test|[ée]chelle|loi|op[ée]ration|intervention|technique|classification|crit[èe]res?|indice|triade|fracture|incision|sonde|redon|cath[ée]ter"
    r"|corps|cellules?|ligament|tendon|canal|lymphome|sarcome|tumeur|thyro[ïi]dite|purpura|n[ée]vralgie|h[ée]patite|bacille|virus|anse|proc[ée]d[ée]|man(?:œ|oe)uvre|stade|type|grade|cul-de-sac|h[ée]parine"
    r"|point|r[ée]flexe|paralysie|dystrophie|ataxie|chor[ée]e|n[ée]phropathie|an[ée]mie|phénom[èe]ne|ph[ée]nom[èe]ne|ulc[èe]re|kyste|hernie|rectocolite|ost[ée]ochondrite|scarlatine|glande|nodule|classe|stadifi[ée]|coloration|solution|appareil|lame|angle|ganglion|plexus|trou|espace|bandage|attelle|plaque|vis|broche|feu|danse|mal|épreuve|voie|abord|ann|clou|prothèse|valve|stent|masque|lunettes|ballon|drain|pince|scope|formule|clairance|DFG|selon)"
    r"\s(?:de |d'|du |des |à |selon |a )?(?:la |l'|le )?$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a name sequence; ``kind`` is initial, name or particle."""

    start: int
    end: int
    text: str
    kind: str

    @property
    def is_upper(self) -> bool:
        return len(self.text) > 1 and self.text.isupper()


def sequence(text: str, at: int, *, most: int = 4, lower: bool = False) -> list[Token]:
    """The name-like words from ``at`` on, on one line, separated by single spaces or a comma-less gap."""
    tokens: list[Token] = []
    position = at
    while len(tokens) < most + 3:
        match = _TOKEN.match(text, position)
        if match is None:
            break
        kind = match.lastgroup or "name"
        value = match.group()
        if kind == "initial" and value.startswith("M. ") and tokens:
            break  # a title, not an initial
        if kind == "name" and _stops(value, first=not tokens):
            break
        if (
            kind == "name"
            and value.isupper()
            and any(token.kind == "name" for token in tokens)
            and all(token.is_upper for token in tokens if token.kind == "name")
            and is_word(value)
            and not (is_first_name(value) or fold(value) in surnames())
        ):
            break  # capitals go on to something else: « MONSIEUR PIERRE EST CELIBATAIRE »
        if kind == "name" and fold(value) in _MONTHS and text[match.end() + 1 : match.end() + 2].isdigit():
            break
        wide = tokens and match.start() - tokens[-1].end > 1
        if kind == "name" and wide and _LABEL_MARK.match(text, match.end()):
            break  # « Opérateur : HERVÉ   Aide : PONS »
        value = value.rstrip(" -")
        position = match.start() + len(value)
        tokens.append(Token(match.start(), position, value, kind))
        gap = _GAP.match(text, position)
        if gap is None:
            break
        position = gap.end()
    while tokens and tokens[-1].kind == "particle":
        tokens.pop()
    if not tokens and lower:
        position = at
        while len(tokens) < 3 and (match := _LOWER_NAME.match(text, position)) and _lower_name(match.group()):
            tokens.append(Token(match.start(), match.end(), match.group(), "name"))
            position = match.end() + 1
            if text[match.end() : position] != " ":
                break
    if not any(token.kind == "name" for token in tokens):
        return []
    names = 0
    for index, token in enumerate(tokens):
        names += token.kind == "name"
        if names > most:
            return tokens[:index]
    return tokens


def _lower_name(word: str) -> bool:
    """Whether a word without capital, after a title, is a name: listed as one, or in no lexicon."""
    folded = fold(word)
    if folded in listed("termes") or is_acronym(word.upper()):
        return False
    if folded in surnames() or is_first_name(word):
        return len(word) > 2
    return not is_word(word) and not is_medical(word)


def _stops(word: str, *, first: bool) -> bool:
    """Whether a capitalised word is the language of reports, not a name."""
    folded = fold(word)
    if folded in listed("termes") or (is_acronym(word) and folded not in surnames()):
        return True
    if first or len(word) < 2:
        return False
    return not word.isupper() and is_word(word) and not is_first_name(word) and len(word) > 8


def named(
    tokens: list[Token], score: float, rule: str, role: str, *, alone: str = Categorie.NOM
) -> Iterator[Finding]:
    """Split a name sequence into surname and first name.

    Capitals are the surname where the rest is not in capitals; otherwise a known first name
    decides; otherwise the first word is the first name, as people write.
    """
    names = [token for token in tokens if token.kind == "name"]
    attributes = {"RolePER": role}
    is_given = dict.fromkeys(tokens, False)
    if len(names) == 1:
        is_given[names[0]] = alone == Categorie.PRENOM
    else:
        upper = [token for token in names if token.is_upper]
        if upper and len(upper) < len(names):
            for token in names:
                is_given[token] = not token.is_upper
        else:
            scores = [(first_name(t.text).france + 1 if first_name(t.text) else 0) for t in names]  # type: ignore[union-attr]
            head, tail = scores[0], scores[-1]
            if not any(scores) and not any(token.kind == "initial" for token in tokens):
                yield Finding(tokens[0].start, tokens[-1].end, Categorie.NOM, score, rule, attributes)
                return
            given = len(names) - 1 if tail > head and tail >= 3 and head < 6 else 0
            is_given[names[given]] = True
            if given == 0:
                for token, likely in zip(names[1:-1], scores[1:-1], strict=True):
                    if likely < 6:
                        break
                    is_given[token] = True
            else:
                for token, likely in zip(names[-2:0:-1], scores[-2:0:-1], strict=True):
                    if likely < 3:
                        break
                    is_given[token] = True
    for token in tokens:
        if token.kind == "initial":
            is_given[token] = True
    run: list[Token] = []

    def flush() -> Iterator[Finding]:
        kept = list(run)
        while kept and kept[-1].kind == "particle":
            kept.pop()
        if kept:
            label = Categorie.PRENOM if is_given[kept[-1]] else Categorie.NOM
            end = kept[-1].end
            yield Finding(kept[0].start, end, label, score, rule, attributes)

    previous: bool | None = None
    for token in tokens:
        given_now = is_given[token] if token.kind != "particle" else False
        if run and given_now != previous:
            yield from flush()
            run = []
        run.append(token)
        previous = given_now
    yield from flush()


_PREFIX_WORD = re.compile(
    PREFIX_OF_EPONYM.pattern[: PREFIX_OF_EPONYM.pattern.index(r"\s(?:de |d'")].removeprefix(r"(?<!\w)"), re.I
)
_SMALL_LINKS = frozenset({"de", "d'", "du", "des", "à", "selon", "a"})
_ARTICLES = frozenset({"la", "l'", "le"})


@lru_cache(maxsize=REMEMBERED)
def _opens_eponym(word: str) -> bool:
    return _PREFIX_WORD.fullmatch(word) is not None


def after_prefix_of_eponym(text: str, start: int) -> bool:
    """Whether ``maladie de``, ``score de la``, ``syndrome`` stands right before a place: what ``PREFIX_OF_EPONYM`` says, sooner."""
    before = text[max(0, start - 30) : start]
    if before[-1:] not in (" ", "'", "\n"):
        return False
    words = before.lower().replace("'", "' ").split()
    if words and words[-1] in _ARTICLES:
        words.pop()
    if words and words[-1] in _SMALL_LINKS and words[-1] != "selon":
        words.pop()
    if not words:
        return False
    word = _NOT_IN_WORD.split(words[-1])[-1]
    return _opens_eponym(word) or ("-" in word and _opens_eponym(word.rpartition("-")[2]))


_NOT_IN_WORD = re.compile(r"[^\w-]")


_STAFF_OPENINGS = openings(
    "med mt chi ope ane mar aid ins pan ibo iad ide int ext sen che res red dic sai tap fra val sig vu vue rel pre cor des adr dem sui inf kin sec ref cop cc rea "
    "eff exa bio pat rad sag psy ass pra cad gyn car"
)
_NAME_OPENINGS = openings("nom pat mal ide ne nee epo ep veu vve ben ass usa res con obj")
_FIRST_OPENINGS = openings("pre")
_OTHER_OPENINGS = openings("per con tut cur man aid rep")
_TYPED_OPENINGS = openings("dic tap dac sai fra sig ope ini sec")


_FIELD = re.compile(
    rf"(?<![^\W_])(?:(?P<given>(?:given|first)_?names?|given|pr[ée]nom)|(?:family|last|sur)_?names?|family|nom)[\"']\s?:\s?[\"'](?P<value>[{_U}{_L}][{_U}{_L}' -]{{1,40}})[\"']",
    re.I,
)
"""A name in an export: ``"family":"CAZAL"``."""


def _exported(text: str) -> Iterator[Finding]:
    """Names told by the key before them."""
    for match in _FIELD.finditer(text) if '":' in text or "':" in text or '" :' in text else ():
        label = Categorie.PRENOM if match["given"] else Categorie.NOM
        yield Finding(*match.span("value"), label, 0.98, "name field", {"RolePER": PATIENT})


def find_persons(text: str) -> Iterator[Finding]:
    """Propose the names that their context announces."""
    yield from _after_titles(text)
    yield from _exported(text)
    for match in matches(_STAFF_LABEL, text, _STAFF_OPENINGS):
        tokens = sequence(text, match.end(), most=3)
        if (
            tokens
            and (match.group(2) or _looks_named(tokens))
            and not all(is_word(t.text) and not t.is_upper for t in tokens)
        ):
            if not match.group(2) and not _looks_named(tokens):
                continue
            yield from named(tokens, 0.85 if match.group(2) else 0.7, "staff label", STAFF)
    for match in matches(_NAME_LABEL, text, _NAME_OPENINGS):
        label = match.group("nom").casefold()
        tokens = sequence(text, match.end())
        marked = match.group("mark") is not None
        if not tokens:
            continue
        if (
            not marked
            and not (
                (label in ("née", "nee", "épouse", "epouse", "ép.", "veuve", "vve") or " " in label)
                and tokens[0].is_upper
            )
            and not _looks_named(tokens)
        ):
            continue
        if (
            label in ("concerne", "objet", "patient", "patiente")
            and not _looks_named(tokens)
            and not tokens[0].is_upper
        ):
            continue
        if label in ("objet", "concerne") and not _looks_named(tokens):
            continue
        yield from named(tokens, 0.92, "name label", PATIENT)
    for match in matches(_FIRST_LABEL, text, _FIRST_OPENINGS):
        tokens = sequence(text, match.end(), lower=True)
        for token in tokens:
            if token.kind == "name":
                yield Finding(
                    token.start, token.end, Categorie.PRENOM, 0.95, "first name label", {"RolePER": PATIENT}
                )
    for match in matches(_OTHER_LABEL, text, _OTHER_OPENINGS):
        tokens = sequence(text, match.end(), most=3)
        if tokens and not is_word(tokens[0].text):
            yield from named(tokens, 0.85, "contact label", OTHER)
    for match in _RELATIVE.finditer(text):
        tokens = sequence(text, match.end(), most=2)
        if tokens and (_looks_named(tokens) or is_first_name(tokens[0].text)):
            yield from named(tokens, 0.8, "relative", OTHER, alone=Categorie.PRENOM)
    for match in _NICKNAME.finditer(text):
        yield Finding(*match.span("name"), Categorie.PRENOM, 0.75, "nickname", {"RolePER": PATIENT})
    yield from _initials(text)


def _after_titles(text: str) -> Iterator[Finding]:
    for match in _TITLES.finditer(text):
        title = match.group()
        staff = _STAFF_TITLE.search(title) is not None
        before = line_before(text, match.start()).casefold()
        role = STAFF if staff or re.search(rf"(?:{_STAFF_ROLE})\W{{0,4}}$", before, re.I) else PATIENT
        if role == PATIENT and re.search(
            r"(?:[ée]poux|[ée]pouse|mari|femme|fille|fils|confiance|pr[ée]venir|m[èe]re|p[èe]re|tutrice|tuteur)\W{0,4}$",
            before,
        ):
            role = OTHER
        at = match.end()
        tokens = sequence(text, at, lower=True)
        if not tokens and (letters := _TITLED_INITIALS.match(text, at)):
            yield Finding(*letters.span(), Categorie.NOM, 0.8, "title and initials", {"RolePER": role})
        if not tokens or (len(tokens) == 1 and len(tokens[0].text) < 2):
            continue
        if (
            title.strip() in ("IDE", "IADE", "IBODE", "M", "PR", "Me")
            and not _looks_named(tokens)
            and not tokens[0].is_upper
        ):
            continue
        yield from named(tokens, 0.95, "title", role)
        if staff or _PLURAL_TITLE.match(title):
            at = tokens[-1].end
            for _ in range(6):
                link = _NEXT_NAME.match(text, at)
                if link is None:
                    break
                more = sequence(text, link.end(), most=3)
                told = re.search(r"Dr|DR|Pr|Docteur|Professeur", link.group()) is not None
                if not more or not (told or _PLURAL_TITLE.match(title) or _looks_named(more)):
                    break
                if not (told or _PLURAL_TITLE.match(title)) and all(
                    is_word(t.text) and not t.is_upper for t in more
                ):
                    break
                yield from named(more, 0.85, "title list", role)
                at = more[-1].end


_TITLED_INITIALS = re.compile(
    rf"[{_U}](?:\. ?-?[{_U}]|-[{_U}]\b){{0,3}}(?:\.(?=[,)]| [{_L}(])|(?=\.|\s|,|\)|$))(?!\s[{_U}{_L}]{{2}}\.)"
)
_NICKNAME = re.compile(
    rf"(?<!\w)(?:dite?|alias|surnomm[ée]e?|pr[ée]nomm[ée]e?|d[ée]nomm[ée]e?|appel[ée]e?) ?[«\"“] ?(?P<name>[{_U}][\w'-]{{2,20}}) ?[»\"”]"
)
_TYPED_BY = re.compile(
    rf"(?i:dict[ée]+ par|tap[ée]+ par|dactylographi[ée]+ par|saisie? par|frapp[ée]+ par|frappe|sign[ée]+ (?:par )?|signature|op[ée]rateur|initiales|secr[ée]taire)\s?:?\s(?P<one>[{_U}{_L}]{{2,3}}|[{_U}]\. ?-?[{_U}])(?=\.?(?![\w'-]))"
)
_SLASHED = re.compile(
    rf"(?:(?<=\n)|(?<=^)|(?<=   )|(?<=[Rr][ée]f\. )|(?<=[Rr][ée]f : )|(?<=[Rr][ée]f\. : ))(?P<one>[{_U}]{{2,3}}|[{_L}][{_U}]{{2}}|(?<=\n)[{_L}]{{2,3}}(?=/[{_L}]{{2,3}}\s*(?:\n|$))) ?/ ?(?P<two>[{_U}]{{2,3}}|[{_L}]{{2,3}})(?=\s*$|\s*\n| ?[-–,] ?\d|/\d|\s{{3,}}[A-ZÀ-Þ]|/[A-Z]{{1,3}}[-/ ]\d)"
)
_SIGNED = re.compile(r"(?<=[.!?] )[A-Z]{2}(?=[ ]*(?:\n|$))")
_DOTTED = re.compile(rf"(?<![\w.])[{_U}]\.[ -]{{0,2}}[{_U}](?=\.?[ ]*(?:\n|$))")


def _initials(text: str) -> Iterator[Finding]:
    """People known by their initials: who dictated, typed or signed."""
    role = {"RolePER": STAFF}
    for pattern in (_TYPED_BY, _SLASHED):
        for match in (
            matches(pattern, text, _TYPED_OPENINGS) if pattern is _TYPED_BY else pattern.finditer(text)
        ):
            for group in match.groupdict():
                value = match[group]
                if value in ("Dr", "Pr", "DR", "PR", "IDE", "Mr", "Me", "PH") or (
                    value.isupper() and is_acronym(value) and len(value) > 2
                ):
                    continue
                if value.islower() and pattern is _TYPED_BY and is_word(value) and len(value) > 2:
                    continue
                yield Finding(*match.span(group), Categorie.NOM, 0.8, "initials", role)
    for match in _SIGNED.finditer(text):
        if not is_acronym(match.group()) and not is_medical(match.group()):
            yield Finding(*match.span(), Categorie.NOM, 0.6, "initials", role)
    for match in _DOTTED.finditer(text):
        yield Finding(*match.span(), Categorie.NOM, 0.6, "initials", role)


def _looks_named(tokens: list[Token]) -> bool:
    """Whether words look like a person's name by themselves: a first name beside something that is no word."""
    names = [token for token in tokens if token.kind == "name"]
    initials = any(token.kind == "initial" for token in tokens)
    firsts = [token for token in names if is_first_name(token.text)]
    rest = [token for token in names if token not in firsts]
    if initials and names:
        return all(not is_word(token.text) or is_first_name(token.text) for token in names) and not any(
            is_medical(token.text) for token in names
        )
    if firsts and len(firsts) < len(names):
        return any(not is_word(token.text) or (token.is_upper and not firsts[0].is_upper) for token in rest)
    if len(firsts) >= 2:
        return not all(is_word(token.text) for token in firsts) or any(t.is_upper for t in firsts)
    if (
        len(names) >= 2
        and any(t.is_upper and len(t.text) > 3 for t in names)
        and any(not t.is_upper and len(t.text) > 2 for t in names)
    ):
        return not any(is_word(token.text) or is_medical(token.text) for token in names)
    return False


def nearby_role(text: str, start: int, end: int) -> str:
    around = text[max(0, start - 60) : start] + " " + text[end : end + 60]
    if re.search(
        r"\b(?:interne|chef|cardiologue|chirurgien|m[ée]decin|praticien|docteur|dr|ide|infirmi|secr[ée]taire|ph\b|cca|sign|copie|radiologue|biologiste|anesth)",
        around,
        re.I,
    ):
        return STAFF
    return PATIENT if re.search(r"patient|n[ée]e? le|ipp|nom", around, re.I) else OTHER
