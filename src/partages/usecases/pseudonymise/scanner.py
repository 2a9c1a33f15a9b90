"""Engine ``fast``: for warehouses, six times as fast as the rules, twelve times as fast as rules and model.

Each token (a run of letters, a run of digits, a run of spaces, a mark) becomes one character that says what it is: a title, a usual
first name in capitals, a common word, a day of the month, a street word... Rules are regular expressions over that string of
classes, several times shorter than the text, so that what costs is done once a distinct word. No pattern is worse than linear.
"""

import re
from collections.abc import Iterator
from itertools import accumulate

from partages.documents import Span
from partages.text import fold, strip_accents
from partages.usecases.pseudonymise.dates import _DAY_MONTH, _weight
from partages.usecases.pseudonymise.gazetteers import (
    communes,
    diagnoses,
    drugs,
    first_name,
    is_acronym,
    is_first_name,
    is_word,
    listed,
    surnames,
    world_towns,
)
from partages.usecases.pseudonymise.places import town_key
from partages.usecases.pseudonymise.schema import Categorie

_TOKEN = re.compile(r"(?:M(?:me|r|lle)|Dr|Pr)(?=[A-ZÀ-Þ])|[^\W\d_]+|\d+|\s+|[^\w\s]|_")
REMEMBERED = 300_000
"""Distinct tokens whose class is remembered."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words by class; looked up folded (lower case, no accents).
_WORDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("T", _set("mme mmes mr mrs mlle mlles melle monsieur madame mademoiselle messieurs mesdames consorts")),
    ("D", _set("dr drs dre docteur docteurs docteure pr prs prof professeur professeure maitre")),
    ("H", _set(
        "hopital hopitaux clinique cliniques polyclinique chu chr chru ch chi chic chs chd ghu ght ghi gh hia ehpad institut maternite fondation ssr smr "
        "epsm cmp cattp csapa usld had cms clcc sanatorium hospitalier hospitaliere sau"
    )),
    ("L", _set(
        "rue avenue av boulevard bd bld blvd place impasse allee allees chemin route rte quai square ruelle faubourg cours esplanade promenade residence "
        "lotissement hameau cite passage sentier villa lieudit"
    )),
    ("M", _set(
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre janv fevr fev avr juil sept oct nov dec"
    )),
    ("j", _set("lundi mardi mercredi jeudi vendredi samedi dimanche")),
    ("K", _set(
        "ipp nda nir ins nip nss iep finess rpps adeli dossier sejour sej venue insee matricule secu ss securite sociale immatriculation niss avs nia identifiant "
        "passeport ecrou reference ref passage echantillon accession am bt"
    )),
    ("J", _set("tel tels telephone fax telecopie portable mobile poste bip dect gsm standard secretariat")),
    ("f", _set("nom noms prenom prenoms")),
    ("k", _set("patient patiente malade identite ne nee epouse ep veuve concerne beneficiaire resident residente ddn naissance")),
    ("R", _set(
        "operateur operatrice aide aides anesthesiste interne internes externe prescripteur redacteur infirmier infirmiere ide iade ibode kine secretaire cadre psychologue "
        "chirurgien biologiste pathologiste radiologue instrumentiste panseuse referent referente correspondant correspondants destinataire destinataires copie copies cc praticiens praticien medecin medecins "
        "presents excuses excusee absents gyneco gynecologue pediatre anesth anesthesie cardio cardiologue med senior chirurgie mar victime nourrice equipe garde iao preleveur requerante requerant temoin sf psy orthophoniste ergo dietetique assistante educateur educatrice expert opere photos tuteur tutrice contact fait signe valide redige dicte saisi realise"
    )),
    ("r", _set(
        "fils fille mari femme epoux conjoint conjointe compagnon compagne frere soeur mere pere neveu niece cousin cousine voisin voisine ami amie gendre tante oncle maman papa enfant enfants"
    )),
    ("c", _set("avec par chez cher chere bonjour merci dit selon appeler prevenir contacter joindre appel avis famille docteurs")),
    ("l", _set("le")), ("d", _set("du")), ("u", _set("au aux")), ("à", _set("vers")),
    ("n", _set("en depuis fin debut annee dans")),
    ("s", _set("sur sous lez les")),
    ("S", _set("saint sainte st ste")),
    ("g", _set("de d")), ("p", _set("des l la van von der den ben bin el al abou abd da do dos di del della ould ait bou mac mc")),
    ("o", _set("er")), ("B", _set("bis ter quater")), ("Z", _set("bat batiment appt appartement apt app esc escalier etage porte immeuble imm")),
    ("h", _set("premier deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt vingts trente quarante cinquante soixante cent cents mille mil")),
)  # fmt: skip
_CLASS = {word: letter for letter, words in reversed(_WORDS) for word in words}
_ONLY_CAPITALS = {"ss", "ins", "am", "bt", "had", "sau"}
_MARKS = frozenset(".,;:/-'()@_|+°^=<>\"*%")
_CEDEX = frozenset({"cedex", "bp", "cs"})


def _number(piece: str) -> str:
    length = len(piece)
    if length <= 2:
        value = int(piece)
        if length == 2 and 0 < value < 10:
            return "0"
        return "1" if 0 < value <= 12 else "2" if 12 < value <= 31 else "3"
    if length == 3:
        return "6"
    if length == 4:
        return "4" if piece[:2] in ("19", "20") and piece[2] in "0123456789" and piece < "2040" else "7"
    if length == 5:
        return "5" if piece[:2] != "00" and piece[:2] != "99" else "7"
    if length == 6:
        return "8"
    if length == 10 and piece[0] == "0" and piece[1] != "0":
        return "&"
    return "9"


def _classify(piece: str) -> str:
    """The class of a piece. Capitalised, then in capitals: first name F G, surname N O, word that is also a name v Y, town V Q, word w X,
    unknown C U; ``E`` a term of care or an eponym, ``e`` the language of reports, ``A`` a short acronym, ``i`` a capital alone (``m`` for M);
    lower case: word ``a``, word that is a surname ``b``, name ``y``, unknown ``z``."""
    if piece.isspace():
        return "\n" if "\n" in piece else " " if len(piece) < 3 else "\t"
    first = piece[0]
    if first.isdigit():
        return _number(piece) if piece.isascii() else "9"
    if not first.isalpha():
        return "'" if piece in "’ʼ´" else "~" if piece in "–—" else piece if piece in _MARKS else "?"
    folded = fold(piece)
    if len(piece) == 1:
        if piece == "M":
            return "m"
        if piece in "àÀ":
            return "à"
        if first.isupper():
            return "i"
        return "g" if piece == "d" else "p" if piece == "l" else "a"
    kind = _CLASS.get(folded)
    if kind and (folded not in _ONLY_CAPITALS or piece.isupper()):
        if kind in "pldus" and first.isupper():
            return "q"
        if kind == "g":
            return "q" if piece == "De" else "g"
        if kind == "S" and first.islower():
            return "p"
        if kind in "cn" and first.isupper() and not piece.isupper():
            return kind
        return kind
    if folded in _CEDEX or folded in listed("termes"):
        return "e"
    if first.islower():
        if is_word(piece):
            return "b" if folded in surnames() and len(piece) > 3 else "a"
        return "y" if folded in surnames() or is_first_name(piece) else "z"
    upper = piece.isupper()
    entry = first_name(piece)
    surname, word = folded in surnames(), is_word(piece)
    usual = is_first_name(piece)
    if is_acronym(piece) and not (surname or usual):
        return "e"
    if (folded in listed("eponymes") and not (upper and surname)) or (
        (folded in drugs() or folded in diagnoses()) and not usual and not surname
    ):
        return "E"
    if not upper and not piece[1:].islower():
        return "x"
    if word or folded in listed("eponymes"):
        kind = "v" if usual or surname else "w"
    elif usual:
        kind = "F"
    elif folded in communes() and folded not in surnames():
        kind = "V"
    elif surname or entry:
        kind = "N"
    elif folded in world_towns() or folded in listed("pays"):
        kind = "V"
    else:
        kind = "C"
    if not upper:
        return kind
    if kind == "C" and len(piece) < 4:
        return "A"
    return {"v": "Y", "w": "X", "F": "G", "V": "Q", "N": "O", "C": "U"}[kind]


class _Classes(dict[str, str]):
    """Classes of the tokens already seen."""

    def __missing__(self, token: str) -> str:
        if len(self) > REMEMBERED:
            self.clear()
        if len(token) > 40 and not token[0].isspace():
            return "z" if token[0].isalpha() else "9"
        found = self[token] = _classify(token)
        return found


_classes = _Classes()

_P = r"(?:[pqgldus](?: |'|-))"
_ANY = "FGNOvYCUVQwXEMxi"
_CAP = r"(?:(?:[FGNOvYCUVQwXEMxSA]|[iC](?=')|b(?=-))(?:[-'~](?:[pqglds]-)?[FGNOvYCUVQwXEMxybzq])*)"
_LIKE = r"(?:(?:[FGNOvYCUVQS]|i(?='))(?:[-'](?:[pqglds]-)?[FGNOvYCUVQwXEMxyzq])*)"
_INITIAL = r"(?:[im]\.(?:[- ]?[im]\.){0,2} ?|[im]-[im]\.? )"
_NAME = rf"{_INITIAL}?{_P}{{0,2}}{_CAP}(?:\ (?:{_P}{{0,2}}(?:{_LIKE}|E)|i\b\.?)){{0,3}}"
_TITLE = r"(?:[TD]\.?|m\.|m(?= [GOYUQX]))"
_DAY, _MONTH, _YEAR2 = "[012]", "[01]", "[0123]"
_ID = r"(?:[GOUYXQACiemE]{1,2}[-/ ]?){0,3}[0-9&](?:[-/._]?[0-9GOUYXQAiCm]){0,14}"
_TOWN = r"(?:[qS][- '])?(?:[VQFGNOvYCUwXE]|i(?='))(?:[-'](?:[pqgldusnà]-?'?){0,2}[VQFGNOvYCUwXESyb])*(?: (?:s|n|les) [VQFGNOvYCUwXE])?"

DAY_AND_MONTH, KNOWN_TOWN, LONG_NUMBER = 0.75, 0.71, 0.69
"""Scores of what is looked at again: a day and a month are weighed as the rules do, a town is looked up, a long number may be a date."""
_WHOLE_MONTHS = frozenset(
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre".split()
)
_NOM, _VILLE, _DATE, _CODE = Categorie.NOM, Categorie.VILLE, Categorie.DATE_IDENTIFIANTE, Categorie.CODE
RULES: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (label, score, re.compile(pattern))
    for label, score, pattern in (
        (Categorie.TELEPHONE, 0.97, r"0(?<![0-9][ ./-]0)(?<![0-9]0)(?:[ ./-]{0,2}[0123]){4}(?![ ./-]?[0-9])"),
        (Categorie.TELEPHONE, 0.97, r"[&+7](?:(?<=&)|(?<=\+)[0-9](?:[ .()-]{0,2}[0-9]){3,7}|(?<=7)(?<![0-9][ .]7)(?: [0123]){3}(?! ?[0-9]))|0[ .]7[ .]7(?![0-9])"),
        (Categorie.TELEPHONE, 0.9, r"J(?:\.| [aeJbz]\.?)?[ ]?(?:°)?[:.( ]{0,5}(\+?[0-9](?:[ ./-]?[0-9]){0,5})(?![/-]?[0-9])"),
        (_DATE, 0.97, rf"(?:j )?(?<![0-9][./-])(?<![0-9]){_DAY}(?:(?:/|\.|-) ?{_MONTH} ?(?:/|\.|-)|[ ]{_MONTH}[ ])(?:4|{_YEAR2}(?<![ ]{_YEAR2}))(?![./-]?[0-9])"),
        (_DATE, 0.97, rf"(?<![0-9])4[-/.]{_MONTH}[-/.]{_DAY}(?![0-9])"),
        (_DATE, 0.97, rf"(?:(?<=[ldu] )|(?<=\n)|(?<=[jas] )|(?<=, )|(?<=[(:] )){_DAY}o?(?=(?: (?:u|a)|,|-| -) {_DAY}o?(?:, {_DAY})? ?(?:a {_DAY} ?)?M)|(?:j )?(?<![0-9]){_DAY}o?[ -]?M\.?(?:[ -]?4|(?<=\. )[0123](?![0-9])|(?<=M )[0123](?=[\n,.;)]))?"),
        (_DATE, 0.96, r"(?:j )?h(?:[- ]h|[- ]a(?=[- ]h)|[- ]a[- ]a(?= M)){0,4} M(?:[ -](?:h|4|a(?=[- ]h))){0,9}"),
        (_DATE, 0.9, r"M\.?[ /-]?4"),
        (_DATE, 0.85, r"(?<![0-9/.])[01][/.]4(?![/.]?[0-9])"),
        (_DATE, DAY_AND_MONTH, rf"(?:j )?(?<![0-9./]){_DAY}(?:/|\.| / ){_MONTH}(?![/.%]?[0-9])"),
        (_DATE, 0.7, r"j [012](?![/.0-9]|[ ]?[%])|(?<=[^0-9]l )[012]o?(?=[.;,)\n]| u [012]|$)(?![.,][0-9])"),
        (Categorie.DATE_NON_IDENTIFIANTE, 0.6, r"(?:(?<=[nà] )|(?<=\()|(?<=, )|(?<=p'a )|(?<=v ))4(?=[ ,.;:)\n])(?![ ]?[%])"),
        (Categorie.DATE_NON_IDENTIFIANTE, 0.55, r"(?<=n )M(?=[ ,.;)\n])"),
        (_CODE, 0.95, rf"[Kf](?:[ ][aepgKkRf]){{0,3}}\.?[ ]?(?:[a-zA]?°)?[\s:.=#~]{{0,4}}({_ID}(?: [0-9](?![./-][0-9])){{0,6}})"),
        (_CODE, 0.85, rf"°(?:[ ][aepgKkRbz]){{0,3}}[ :]{{0,3}}({_ID})"),
        (_CODE, 0.96, r"(?<![0-9])1(?:[ .]?[0123]){3}(?:[ .]?6){2}(?:[ .]{0,2}[0123])?(?![0-9])"),
        (_CODE, LONG_NUMBER, r"(?<![0-9.,/+])(?<![0-9])(?:[iA]{0,2}[-/]?)9(?:[-/][0-9A])?(?![.,]?[0-9]|[ ]?%)"),
        (_CODE, 0.7, r"(?<![^\s:|(])(?:[iA]{1,2}[-/]?(?:[78]|[0-46][-/][5-8])|[0-3][iA]{1,2}[578]|[0-3]-[5-8]|4-[5-8])(?:-[iA0-9])?(?![0-9.,%])"),
        (_CODE, 0.8, r"(?<=c )z[0-36](?![0-9])|(?<=c )[zyab][._][zyb][0-36]?"),
        (Categorie.ADRESSE, 0.985, rf"(?:Z[. ]{{0,2}}[0-9iA],? ?){{0,3}}(?<![0-9/])[0-46](?: ?[Bia](?!['-]))?,? L[ .] ?(?:{_P}|[u] ){{0,3}}(?:[0-9][- ]?M|[0-9]|L|{_CAP}|[abzyr])(?:[- ](?:{_P}){{0,2}}(?:{_LIKE}|[XwEDiL0-3](?!\.)))*(?:,? Z[. ]{{0,2}}[0-9iA]){{0,3}}"),
        (Categorie.ADRESSE, 0.8, rf"(?:(?<=[,:~-] )|(?<=\n))L (?:{_P}){{0,3}}{_CAP}(?:[- ](?:{_P}){{0,2}}(?:{_LIKE}|[XwEDi]))*(?: [0-36](?=,))?(?:,? (?:Z[. ]{{0,2}}[0-9iA]|[0-9]a? Z)){{0,3}}"),
        (Categorie.CODE_POSTAL, 0.9, rf"(?<![0-9][ .])(?<![0-9])(5|[0123] 6|(?<=, )7(?= [VQ]))(?:[ ,-]{{1,3}}|\t)({_TOWN}(?: {_TOWN}){{0,2}})(?!\s*:)"),
        (Categorie.CODE_POSTAL, 0.8, r"(?<=\^)5(?=[|^])"),
        (_VILLE, 0.8, rf"(?<=\^\^){_TOWN}(?:[- ]{_TOWN}){{0,3}}(?=\^)"),
        (_VILLE, 0.88, rf"(?<=\n)({_TOWN}),? l (?=[0-9j])"),
        (_VILLE, 0.8, rf"(?<=à ){_TOWN}"),
        (_VILLE, 0.72, r"[VQ](?:(?<=[pqgdeAs,(/|:~-] [VQ])|(?<=[('|^\t\n][VQ])|(?<=[qS][- ][VQ]))(?:-(?:[pqgldusn]-)?[VQFGNOvYCUwXE])*(?=\s?[-,.;:)|/^~\n]|[ ](?:l|c|p|n|[0-9])|$)"),
        (_VILLE, 0.78, r"(?:[qS][- ])?(?:[VQFGNOvYCUwX]|S)-(?:(?:[plusgà]|q|n)(?:-|'))+[VQFGNOvYCUwXE](?:-[VQFGNOvYCUwXE])*|S-[VQFGNOvYCUwXE](?![- ]?[FGNOCU])"),
        (_VILLE, KNOWN_TOWN, r"(?<![FGNOCUVY][ -])(?:[qS][- ])(?:[VQFGNOvYCUwXE])(?:-[VQFGNOvYCUwXE])*|[VQNOCUFGwXv]-[VQNOCUwXv]|[VQ] (?:s|n|p|g) (?:[pqg] |[pg]')?[VQNOCUwX]"),
        (Categorie.ETABLISSEMENT, 0.9, rf"H(?: [ae]){{0,2}}(?: g(?: |')| |\|)[\"']?({_P}{{0,2}}(?:{_INITIAL})?(?:[VQFGNOvYCUwXESx]|i(?='))(?:[-' ](?:{_P}){{0,2}}[VQFGNOvYCUwXES])*)"),
        (_NOM, 0.95, rf"{_TITLE}(?: ?[/,]? ?(?:a |et |l )?{_TITLE})?[ :]{{0,2}}((?:[HeA]\. ?)?{_NAME})"),
        (_NOM, 0.94, rf"{_TITLE} ({_P}{{0,2}}[ybz](?:[- ][yz]){{0,2}})(?![-'])"),
        (_NOM, 0.8, rf"{_TITLE} ([im]\.(?:-?[im]\.)?)(?=[ ,)])"),
        (_NOM, 0.86, rf"f(?: [abz]){{0,2}} ({_P}{{0,2}}[OUYGQ](?:[- ][OUYGQ]){{0,2}})"),
        (_NOM, 0.85, rf"D\.? {_CAP}(?: {_LIKE}){{0,2}},? (?:a|et|/|,) ({_LIKE}(?: {_LIKE}){{0,2}})"),
        (_NOM, 0.9, rf"[kf](?:\(?[aei]?\)?|[ ][paegfk' ]{{1,12}})?[ .]{{0,8}}:[. ]{{0,8}}\t?(?:{_TITLE} )?({_NAME})"),
        (_NOM, 0.9, r"f ?: ?([yzb](?:[- ][yz])?)(?= ?[,/\n]|$)"),
        (_NOM, 0.86, rf"k\.?(?:\(e\))? ({_P}{{0,2}}[OUYGQX](?:[- ][OUYGQ]){{0,2}}(?: {_LIKE})?)"),
        (_NOM, 0.84, rf"[RDkrm][^:\n]{{0,8}}:[ ]{{0,4}}(?:{_TITLE} )?({_INITIAL}?{_P}{{0,2}}{_LIKE}(?: {_LIKE}){{0,2}}(?: [im](?=[ .\n]))?(?:(?:,| -| /|,? et|;) ?(?:D\.? )?{_INITIAL}?{_P}{{0,2}}{_LIKE}(?: {_LIKE}){{0,2}}){{0,7}})"),
        (_NOM, 0.82, rf"(?:[TDRr]|c),? \(?({_LIKE}(?: {_LIKE}){{0,2}})"),
        (_NOM, 0.86, rf"(?<![FGNOCUV][-' ])(?:[OUGYQ](?:[-' ](?:[pqg] )?[OUGYQ]){{0,2}}) (?:[Fv](?:-[FvNC])?)(?![-'])|[Fv](?:-[FvN])? (?:{_P}){{0,2}}[OUGYQ](?:[-' ][OUGYQ])*"),
        (_NOM, 0.8, rf"F(?:-[FNv])?(?: F)? (?:{_P}){{0,2}}(?:[NCFVEw]|v)(?:-[NCFVvw])*|[NC](?:-[NC])? F(?:-[Fv])?(?: F)?|F [im](?:\.|(?=[ \n,)]))"),
        (_NOM, 0.78, rf"[GY](?:-[GY])? (?:{_P}){{0,2}}[OU](?:-[OUGY])*|[OU](?:-[OUGY])* G(?:-[GY])?"),
        (_NOM, 0.8, r"(?<=[|^])[OUGYQX](?:[- ][OUGYQX]){0,2}\^[OUGYQX](?:[- ][OUGYQX])?(?=[\^|])"),
        (_NOM, 0.8, rf"(?<![\w.])[im]\.(?:-?[im]\.)? ?(?:{_P}){{0,2}}[NOCUYGFQVv](?:[-'][NOCUYGFQVvw])*"),
        (_NOM, 0.7, r"(?<=\()[OG](?:-[OG])?(?=[),])|(?<=[(/])[NOC](?:-[NC])?(?=,? r)|(?<=, )i\.[ -]?i\.(?=[ ,])"),
        (_NOM, 0.66, r"[OU] ?/ ?[OU](?=[ /\n.])"),
        (Categorie.PRENOM, 0.62, r"(?<![-'HL])F(?:-[FvN])?(?![-'])"),
        (Categorie.PRENOM, 0.6, r"(?:(?<=\n)|(?<=\| )|(?<=[|^/]))G(?:-[GY])?(?=[\n|^/ ])"),
    )
)  # fmt: skip
_EMAIL = re.compile(r"[\w.+-]{1,64} ?@ ?[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"')]{3,200}(?<![.,;])")
_BEFORE_EPONYM = _set(
    "maladie syndrome signe score test échelle echelle classification fracture voie sonde corps indice point réflexe critère critères stade opération "
    "lymphome prothèse manœuvre manoeuvre épreuve drain tumeur ligament valve plaque plaques pince selon technique intervention sd grade type"
)
_COMPACT_DATE = re.compile(r"(?:19[2-9]\d|20[0-3]\d)(?:1[0-2]|0[1-9])(?:3[01]|[12]\d|0[1-9])")
_AFTER_BIRTH = _set("le e LE Le : de")
_LINKS = _set("de d du la le des l")
_OF_BIRTH = _set("né née ne nee naissance ddn NE NEE NÉ NÉE Né Née Naissance DDN NAISSANCE naiss")


def _before(tokens: list[str], start: int, words: frozenset[str], links: frozenset[str], most: int) -> bool:
    """Whether one of the words stands before a token, small words and marks between them aside."""
    for at in range(start - 1, max(-1, start - 1 - most), -1):
        token = tokens[at]
        if token in words or token.lower() in words:
            return True
        if token not in links and (token[0].isalnum() or token[0] == "\n"):
            return False
    return False


def scan(text: str) -> list[Span]:
    """The identifying spans of a text, in order, without overlap; offsets are those of the text."""
    tokens = _TOKEN.findall(text)
    if not tokens:
        return []
    classes = "".join(map(_classes.__getitem__, tokens))
    ends = list(accumulate(map(len, tokens)))
    found: list[tuple[float, int, int, str]] = []
    for label, score, pattern in RULES:
        groups = pattern.groups
        for match in pattern.finditer(classes):
            if groups == 2:
                found.append((score, match.start(1), match.end(1), label))
                found.append((score, match.start(2), match.end(2), Categorie.VILLE))
                continue
            start, end = match.span(1) if groups and match.start(1) >= 0 else match.span()
            found.append((score, start, end, label))
    return list(_settled(text, tokens, classes, ends, found))


_AGAIN = frozenset("FGNOCUVQ")
"""Classes of what is a name wherever it stands, once it was one; a word that is one (``PETIT``, ``AVRIL``) only in capitals."""


def _settled(
    text: str, tokens: list[str], classes: str, ends: list[int], found: list[tuple[float, int, int, str]]
) -> Iterator[Span]:
    """The best of what overlaps, as spans of the text, with e-mail and web addresses."""
    taken = bytearray(len(tokens))
    kept: list[tuple[int, int, str, float]] = []
    names: set[str] = set()
    partial = -10
    for score, start, end, label in sorted(found, key=lambda f: (-f[0], f[1] - f[2], f[1])):
        while end > start and classes[end - 1] in " \t\n,;:-/pgldus(":
            end -= 1
        if end <= start or taken.find(1, start, end) >= 0:
            continue
        begin = ends[start - 1] if start else 0
        if label in (Categorie.NOM, Categorie.PRENOM):
            if score < 0.9 and _before(tokens, start, _BEFORE_EPONYM, _LINKS, 6):
                continue
            taken[start:end] = b"\1" * (end - start)
            for a, b, which in _parts(classes, start, end, label):
                kept.append((ends[a - 1] if a else 0, ends[b - 1], which, score))
            names.update(token for token in tokens[start:end] if len(token) > 3)
            continue
        if (
            label in (Categorie.CODE, Categorie.TELEPHONE)
            and score < 0.97
            and sum(map(len, filter(str.isdigit, tokens[start:end]))) < 3
        ):
            continue
        if (
            end - start > 1
            and tokens[end - 1] == "."
            and strip_accents(tokens[end - 2]).lower() in _WHOLE_MONTHS
        ):
            end -= 1  # the full stop of the sentence, not of an abbreviation
        if score == DAY_AND_MONTH and label == Categorie.DATE_IDENTIFIANTE:
            number = start + 2 * (classes[start] == "j")
            match = _DAY_MONTH.match(text, ends[number - 1] if number else 0)
            if not match or _weight(text, match) < (1.0 if begin - partial > 5 else -1.0):
                continue
            partial = ends[end - 1]
        if score == KNOWN_TOWN and town_key(text[begin : ends[end - 1]]) not in communes():
            continue
        if label == Categorie.CODE and score == LONG_NUMBER and _COMPACT_DATE.fullmatch(tokens[start]):
            label = Categorie.DATE_IDENTIFIANTE
        if label == Categorie.DATE_IDENTIFIANTE and _before(tokens, start, _OF_BIRTH, _AFTER_BIRTH, 8):
            label = Categorie.DATE_NAISSANCE
        taken[start:end] = b"\1" * (end - start)
        kept.append((begin, ends[end - 1], label, score))
    if names:
        names |= {name.upper() for name in names} | {name.title() for name in names}
        for at, token in enumerate(tokens):
            if (
                token in names
                and not taken[at]
                and (classes[at] in _AGAIN or (classes[at] in "YXM" and token.isupper()))
            ):
                kept.append((ends[at] - len(token), ends[at], Categorie.NOM, 0.55))
    if "@" in text:
        kept = _over(kept, [(*match.span(), Categorie.EMAIL, 0.99) for match in _EMAIL.finditer(text)])
    if "www." in text or "://" in text:
        kept = _over(kept, [(*match.span(), Categorie.URL, 0.9) for match in _URL.finditer(text)])
    kept.sort()
    at = 0
    for begin, stop, label, score in kept:
        while ends[at] <= begin:
            at += 1
        yield Span(begin, stop, str(label), _attributes(tokens, classes, at, label), score)


_STAFF, _PATIENT, _OTHER = ({"RolePER": role} for role in ("PersonnelSante", "Patient", "Autre"))
_HOME, _HOSPITAL = {"RoleLOC": "Patient"}, {"RoleLOC": "Hopital"}
_CALLED = {"RoleNUM": "Autre"}
_CODES = {
    word: {"CodeType": kind, "RoleNUM": role}
    for kind, role, words in (
        ("NDA", "Patient", "nda séjour sejour séj venue iep passage"),
        ("NIR", "Patient", "nir sécu secu nss ss sociale immatriculation niss avs insee"),
        ("INS", "Patient", "ins"), ("NIA", "Patient", "nia"), ("RPPS", "PersonnelSante", "rpps adeli am"), ("FINESS", "Hopital", "finess"),
        ("NIPouIPP", "Patient", "ipp nip dossier patient identifiant"),
    )
    for word in words.split()
}  # fmt: skip
_OTHER_CODE = {"CodeType": "AUTRE", "RoleNUM": "Patient"}


def _attributes(tokens: list[str], classes: str, at: int, label: str) -> dict[str, str]:
    """Roles and types, from the few tokens before a span."""
    if label in (Categorie.NOM, Categorie.PRENOM):
        near = classes[max(0, at - 4) : at]
        if "D" in near or "R" in near:
            return _STAFF
        return _OTHER if "r" in near else _PATIENT
    if label == Categorie.CODE:
        return next(
            (_CODES[word] for token in tokens[max(0, at - 6) : at] if (word := token.lower()) in _CODES),
            _OTHER_CODE,
        )
    if label == Categorie.ETABLISSEMENT:
        return _HOSPITAL
    if label in (Categorie.VILLE, Categorie.ADRESSE, Categorie.CODE_POSTAL):
        return _HOME
    return _CALLED if label in (Categorie.TELEPHONE, Categorie.EMAIL, Categorie.URL) else {}


def _over(
    kept: list[tuple[int, int, str, float]], whole: list[tuple[int, int, str, float]]
) -> list[tuple[int, int, str, float]]:
    """Addresses replace what was found inside them."""
    for begin, stop, _, _ in whole:
        kept = [span for span in kept if span[1] <= begin or span[0] >= stop]
    return kept + whole


def _parts(classes: str, start: int, end: int, label: str) -> Iterator[tuple[int, int, str]]:
    """Surname and first name of a run of name tokens: capitals are the surname where the rest is not; else lists decide."""
    units: list[tuple[int, int]] = []
    at = start
    for index in range(start, end + 1):
        if index == end or classes[index] in " \t,;/":
            if index > at:
                units.append((at, index))
            at = index + 1
    upper = {unit for unit in units if any(c in "GOYUQX" for c in classes[unit[0] : unit[1]])}
    mixed = 0 < len(upper) < len(units)
    given = [unit for unit in units if (unit not in upper if mixed else classes[unit[0]] in "FGim")]
    if len(units) == 1:
        given = units if label == Categorie.PRENOM else []
    elif not mixed and len(given) == len(units):
        given = []  # first names alone: which is the surname cannot be told, one span keeps the whole
    run: tuple[int, int, str] | None = None
    for at, unit in enumerate(units):
        particle = classes[unit[0]] in "pqgldus" or (at > 0 and classes[units[at - 1][0]] in "pqgldus")
        which = Categorie.PRENOM if unit in given and not particle else Categorie.NOM
        if run and run[2] == which and unit[0] - run[1] == 1 and classes[run[1]] == " ":
            run = (run[0], unit[1], which)
        else:
            if run:
                yield run
            run = (unit[0], unit[1], which)
    if run:
        yield run
