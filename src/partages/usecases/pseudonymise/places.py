"""Hospitals after their head word, towns and countries after what announces a place, and social identity."""

import re
from collections.abc import Iterator

from partages.text import fold
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import communes, is_first_name, is_medical, is_word, listed
from partages.usecases.pseudonymise.identifiers import line_before
from partages.usecases.pseudonymise.persons import _PREFIX_OF_EPONYM
from partages.usecases.pseudonymise.schema import Categorie

_U = "A-ZÀ-ÖØ-ÞŒ"
_WORD = rf"(?:[dl]'|[DL]')?[{_U}][\wÀ-ÿ'.]{{0,30}}(?:-[\wÀ-ÿ']{{1,25}}){{0,6}}"
_LINK = r"(?:de la|de l'|de|du|des|d'|la|le|les|l'|sur|sous|en|et|aux?|lès|lez|DE LA|DE|DU|DES|LA|LE|LES|SUR|EN|ET|D'|L')"
_PROPER = rf"{_WORD}(?:(?: |')(?:{_LINK}[ ']?){{0,2}}{_WORD}){{0,5}}"
_HEAD = (
    r"(?:C\.?H\.?U\.?|CHRU|CHR|CHI[CM]?|CHS|CHD|C\.?H\.?(?= )|GHU|GHT|GHI|GH(?= )|HIA|AP-HP|HCL|CLCC|CHAM|Centre [Hh]ospitalier(?: [Uu]niversitaire| [Rr]égional| [Ii]ntercommunal| [Gg]énéral| [Ss]pécialisé| [Dd]épartemental)*"
    r"|CENTRE HOSPITALIER(?: UNIVERSITAIRE| RÉGIONAL| REGIONAL| INTERCOMMUNAL| GÉNÉRAL| GENERAL)*|Groupe [Hh]ospitalier(?: [Uu]niversitaire)?|GROUPE HOSPITALIER(?: UNIVERSITAIRE)?|H[ôo]pita(?:l|ux)(?: [Pp]rivé| universitaire| d'[Ii]nstruction des [Aa]rmées)?"
    r"|h[ôo]pital(?: privé)?|H[ÔO]PITAL(?: PRIV[ÉE])?|Clinique|clinique|CLINIQUE|Polyclinique|polyclinique|POLYCLINIQUE|Institut|INSTITUT|Fondation|FONDATION|Maternité|MATERNITÉ|EHPAD|Ehpad|USLD|Résidence (?:autonomie|services|médicalisée)|maison de retraite|Maison de retraite"
    r"|SSR|SMR|MAS|FAM|IME|Foyer|Cabinet(?: médical| de radiologie| dentaire| infirmier)?|Laboratoire|LABORATOIRE|LBM|Pharmacie|PHARMACIE|pharmacie|Maison de [Ss]anté|Centre (?:de rééducation|d'imagerie|de dialyse|de santé|médical|anti-?cancéreux|de convalescence|de soins)|CENTRE (?:MÉDICAL|MEDICAL|DE RÉÉDUCATION|D'IMAGERIE)|Centre(?= [A-Z][a-zé]+ [A-Z])|Collège|École|Ecole|Lycée|lycée|école|crèche)"
)
_HOSPITAL = re.compile(
    rf"(?<![\w-]){_HEAD}(?: (?:privée?|PRIV[ÉE]E?))?\s{{0,2}}[:«\"]?\s?(?P<link>(?:(?:de la|de|du|des|DE LA|DE|DU|DES) |(?:de l|d|DE L|D)')?)(?P<name>{_PROPER})"
)
_NOT_A_PROPER_NAME = re.compile(
    r"^(?:Jour|Semaine|Nuit|Service|Pôle|Unité|Chirurgi|Médec|Cardio|Général|Réadaptation|Réanimation|Soins|Suite|Pr |Dr |Docteur|Compte|COMPTE|SERVICE|POLE|PÔLE|UNIT|DOCTEUR|MEDECIN|MÉDECIN|CHIRURG|CARDIO"
    r"|Anatom|Biolog|Neuro|Pneumo|Gériatr|Pédiatr|Onco|Urgenc|Référen|Radiolog|Imagerie|Hémat|Bactério|Micro|Tél|TEL|FAX|IPP|Bonjour|Biochim|Examen|Motif|Date|Patient|Prélèv|Nation)",
)
_TOWN_NAME = (
    rf"(?P<town>(?:(?:La|Le|Les|L'|LA|LE|LES|Saint|Sainte|St|Ste|SAINT|SAINTE)[ '-])?[{_U}][\wÀ-ÿ']{{1,25}}(?:-[\wÀ-ÿ']{{1,20}}){{0,5}}"
    rf"(?: (?:sur|sous|en|lès|les|la|le|de|du|des)(?= [{_U}])(?: (?:la|le|les)(?= ))? ?[{_U}][\wÀ-ÿ'-]{{2,25}})?)"
)
_LIVES = re.compile(
    rf"(?:\b(?:[Hh]abit\w{{0,4}}|[Rr]ésid\w{{0,5}}|[Dd]omicili[ée]{{1,2}}s?|[Dd]emeur\w{{1,4}}|[Vv]it(?: seule?| en couple| avec \w+ \w+)?|[Vv]ivant|[Nn]é\(?e?\)?(?: le [^\n]{{4,22}}?)?|[Oo]riginaire|[Tt]ransf[ée]r[ée]e?|[Aa]dress[ée]e?|"
    rf"[Ss]uivie?|[Hh]ospitalis[ée]e?|[Oo]pérée?|[Cc]ommune|[Vv]ille|[Mm]airie|[Ff]ait|[Éé]quipe|[Cc]onfrères?|[Cc]ollègues|[Ii]nstallée?|[Ee]xerçant|[Rr]etour|[Dd]éménag\w{{1,5}}|[Ss]cannee?r|[Ll]ieu de naissance|[Nn]aissance|[Ss]éjour|[Ll]icencié\w*|[Rr]entre)\s?:?,?\s(?:à|de|d'|sur|au|aux|a|:|chez lui à|vers)\s?)"
    rf"{_TOWN_NAME}(?![\w])"
)
_AT = re.compile(rf"(?<![\w])(?P<prep>à|À|sur|de|d'|vers) ?{_TOWN_NAME}(?![\w])")
_DATELINE = re.compile(
    rf"(?m)^\s{{0,60}}(?:Fait )?(?:à )?{_TOWN_NAME}(?:,| ,) ?(?:le |LE )(?=\d|[a-z]{{2,9}} )"
)
_BRACKET = re.compile(rf"\((?:{_TOWN_NAME})(?:[, ]{{1,2}}(?:\d{{2,3}}|\d{{5}}))?\)")
_BUILT = re.compile(
    r"(?i)^(?:[\wÀ-ÿ']+[- ](?:sur|sous|lès|lez)[- ](?:[ld]a?[- ']?)?[\wÀ-ÿ']+(?:-[\wÀ-ÿ]+)*|[\wÀ-ÿ']+-(?:en|les|le|la|du|de|d')-?[\wÀ-ÿ'-]+)$"
)
_BIRTH_PLACE = re.compile(
    rf"[Nn]ée?(?:\(e\))? (?:le [^\n]{{4,22}}? )?à {_TOWN_NAME}(?: ?\((?P<country>[{_U}][\wÀ-ÿ' -]{{2,25}})\))?"
)
_COUNTRY_CUE = r"(?:[Nn]ée? (?:le [^\n]{4,20} )?(?:en|au|aux|à)|[Oo]riginaire (?:du|de la|de l'|de|d'|des)|[Rr]entrée? (?:du|de|d'|de la)|[Vv]enue? (?:du|de|d'|de la)|[Rr]etour (?:d'un (?:voyage|séjour) )?(?:en|au|aux|du|de|d'|de la)|[Vv]oyage (?:récent )?(?:en|au|aux)|[Ss]éjour (?:récent )?(?:en|au|aux)|[Vv]it (?:en|au|aux)|[Pp]ays(?: de naissance)?\s?:|[Rr]éside (?:en|au|aux)|[Ff]amille (?:en|au|aux)|[Nn]aissance\s?:)"
_COUNTRY = re.compile(
    rf"{_COUNTRY_CUE}\s?(?P<country>[{_U}][\wÀ-ÿ']{{2,20}}(?:[ -](?:d'|du |saoudite|[{_U}])[\wÀ-ÿ']{{1,15}})?)"
)
_NATIONALITY = re.compile(
    r"(?:[Nn]ationalit[ée]|NATIONALIT[ÉE])\s?:?\s{0,3}(?P<value>[A-Za-zÀ-ÿ]{4,20}(?:-[a-zà-ÿ]{4,15})?)|\b[Dd]'origine (?P<origin>[a-zà-ÿ]{5,15}(?:ienne?|aise?|oise?|aine?|ole?|ine?|que|ande?|ance|ure))\b"
)
_FAMILY = re.compile(
    r"(?:situation (?:familiale|maritale)|état civil|statut marital)\s?:?\s{0,3}(?P<value>[a-zà-ÿ]{4,15}(?:\(e\)|e)?(?:,? (?:avec )?\d+ enfants?)?)"
    r"|\b(?P<status>(?:marié|divorcé|pacsé|célibataire|veuf|veuve|séparé)(?:e|\(e\))?(?:,? (?:et )?(?:sans enfants?|(?:père|mère) de (?:\d+|un|une|deux|trois|quatre|cinq|six) enfants?|(?:\d+|un|deux|trois|quatre|cinq) enfants?))?)\b"
    r"|\b(?P<parent>(?:père|mère) de (?:\d+|un|une|deux|trois|quatre|cinq|six) enfants?)\b",
    re.I,
)
_WORK = re.compile(
    r"(?:[Pp]rofession|PROFESSION|[Mm]étier|[Ee]mploi)\s?:\s{0,3}(?P<value>[^\n,.;:|\t]{3,40})|\b(?:[Tt]ravaille comme|[Ee]xerce (?:comme|la profession de|le métier de)|[Ii]l est|[Ee]lle est)\s(?P<job>(?:ancien(?:ne)? )?(?:maçon|instituteur|institutrice|"
    r"agriculteur|agricultrice|boulanger|boulangère|enseignante?|comptable|infirmière|plombier|électricien|menuisier|chauffeur(?: routier)?|coiffeuse|coiffeur|cuisinier|cuisinière|avocate?|ingénieure?|facteur|factrice|mineur|notaire|"
    r"fonctionnaire|couturière|secrétaire|ouvrier|ouvrière|pompier|gendarme|professeure?|vendeur|vendeuse|caissière|caissier|architecte|peintre|mécanicien|aide-soignante?|commerçante?|viticulteur|éleveur|cadre|informaticien(?:ne)?|étudiante?)(?: (?:retraitée?|à la retraite|en invalidité))?)"
    r"|\b(?P<retired>(?:maçon|institut(?:eur|rice)|agricult(?:eur|rice)|boulang(?:er|ère)|enseignante?|comptable|plombier|électricien|menuisier|chauffeur|coiffeu(?:r|se)|cuisini(?:er|ère)|ingénieure?|fact(?:eur|rice)|mineur|notaire|couturière|secrétaire|ouvri(?:er|ère)|pompier|gendarme|professeure?|mécanicien|commerçante?|viticulteur|éleveur)s? (?:retraitée?|à la retraite))\b",
)


def find_hospitals(text: str) -> Iterator[Finding]:
    """Propose hospital names, without their head word."""
    for match in _HOSPITAL.finditer(text):
        name = match.group("name")
        if _NOT_A_PROPER_NAME.match(name) or fold(name.split()[0]) in listed("termes") - {"saint", "sainte"}:
            continue
        start = match.start("name")
        kept = _cut(name)
        if re.match(
            r"(?:du|des|de la|de l')", match.group("link").casefold()
        ):  # part of the name: « du Parc »
            kept, start = match.group("link") + kept, match.start("link")
        if len(kept) < 3 or (is_medical(kept) and not match.group("link")):
            continue
        head = match.group()[: match.start("name") - match.start()].casefold()
        weak = any(
            word in head
            for word in (
                "clinique",
                "institut",
                "foyer",
                "mas ",
                "fam ",
                "ssr",
                "smr",
                "centre ",
                "collège",
                "école",
                "labora",
                "maternit",
            )
        )
        if weak and is_word(kept) and not re.match(r"(?:les|la|le|des|du|de|saint|st)\b", fold(kept)):
            continue
        yield Finding(
            start, start + len(kept), Categorie.ETABLISSEMENT, 0.9, "hospital", {"RoleLOC": "Hopital"}
        )


def _cut(name: str) -> str:
    """The proper name alone, cut where the line goes on to something else."""
    name = re.split(
        r" (?:Service|SERVICE|Pôle|POLE|PÔLE|Unité|Département|DEPARTEMENT|Tél|TEL|Compte|COMPTE|Dr|Docteur|Pr|Professeur|Madame|Monsieur|Mme|Le|Il|Elle|Patient|CHU|Urgences|URGENCES|et (?=[a-zà])|IPP|Cardio|CARDIO|Médecine|Chirurgie)\b",
        name,
    )[0]
    return re.sub(rf"(?:[ '](?:{_LINK}))+$", "", name).rstrip(" .-,")


def find_towns(text: str) -> Iterator[Finding]:
    """Propose towns that the sentence uses as places."""
    for pattern, score, rule in (
        (_LIVES, 0.85, "town after verb"),
        (_DATELINE, 0.88, "date line"),
        (_AT, 0.7, "town"),
        (_BRACKET, 0.72, "bracketed"),
    ):
        for match in pattern.finditer(text):
            start, town = match.start("town"), match.group("town")
            folded = re.sub(r"^st(e?) ", r"saint\1 ", fold(town))
            known = folded in communes()
            if not known and " " in town and fold(town.split(" ")[0]) in communes() and "-" not in town:
                town = town.split(" ")[0]
                folded, known = fold(town), True
            if (
                folded in listed("termes")
                or folded in listed("pays")
                or (is_medical(town) and rule in ("town", "bracketed"))
            ):
                continue
            built = _BUILT.match(town) is not None and not is_word(town)
            if rule == "date line":
                if not known and is_word(town):
                    continue
            elif (
                not built
                and not (known and not is_word(town))
                and not (known and rule == "town after verb" and not town.isupper())
            ):
                continue
            if rule == "town":
                strong = match.group("prep") in ("à", "À") or built
                if not strong and (is_first_name(town) or _PREFIX_OF_EPONYM.search(line_before(text, start))):
                    continue
                if match.group("prep") in ("sur", "vers") and is_medical(town):
                    continue
                score_now = score if strong else 0.55
            else:
                score_now = score
            yield Finding(
                start,
                start + len(town),
                Categorie.VILLE,
                score_now,
                rule,
                {"RoleLOC": "Patient" if rule == "town after verb" else "Autre"},
            )


def find_birth_places(text: str) -> Iterator[Finding]:
    """Propose the place of birth, wherever in the world, and its country in brackets."""
    for match in _BIRTH_PLACE.finditer(text):
        yield Finding(*match.span("town"), Categorie.VILLE, 0.86, "birth place", {"RoleLOC": "Patient"})
        country = match.group("country")
        if country and fold(country) in listed("pays"):
            yield Finding(*match.span("country"), Categorie.PAYS, 0.86, "birth place", {"RoleLOC": "Patient"})


def find_social(text: str) -> Iterator[Finding]:
    """Propose countries, nationality, family situation and occupation."""
    for match in _COUNTRY.finditer(text):
        value = match.group("country")
        for candidate in (value, value.split(" ")[0]):
            if fold(candidate) in listed("pays"):
                yield Finding(
                    match.start("country"),
                    match.start("country") + len(candidate),
                    Categorie.PAYS,
                    0.85,
                    "country",
                    {"RoleLOC": "Patient"},
                )
                break
    for pattern, label in (
        (_NATIONALITY, Categorie.NATIONALITE),
        (_FAMILY, Categorie.SITUATION_FAMILIALE),
        (_WORK, Categorie.IDENTITE_SOCIALE),
    ):
        for match in pattern.finditer(text):
            group = next(name for name, value in match.groupdict().items() if value)
            value = match.group(group).rstrip()
            if label == Categorie.NATIONALITE and fold(value) not in listed("nationalites"):
                continue
            yield Finding(match.start(group), match.start(group) + len(value), label, 0.8, "social")
