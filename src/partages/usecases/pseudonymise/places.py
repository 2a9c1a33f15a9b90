"""Hospitals after their head word, towns and countries after what announces a place, and social identity."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from partages.text import fold, strip_accents
from partages.usecases.pseudonymise import gazetteers
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import (
    communes,
    is_acronym,
    is_first_name,
    is_medical,
    is_word,
    listed,
    surnames,
    world_towns,
)
from partages.usecases.pseudonymise.persons import after_prefix_of_eponym
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import around, has_any, matches, openings, starts, telling_words

_U = "A-ZÀ-ÖØ-ÞŒ"
_WORD = rf"(?:[dl]'|[DL]')?[{_U}][\wÀ-ÿ']{{0,30}}(?:-[\wÀ-ÿ']{{1,25}}){{0,6}}"
_LINK = r"(?:de la|de l'|de|du|des|d'|la|le|les|l'|sur|sous|en|et|aux?|lès|lez|DE LA|DE|DU|DES|LA|LE|LES|SUR|EN|ET|D'|L')"
_PROPER = rf"{_WORD}(?:(?: |')(?:{_LINK}[ ']?){{0,2}}{_WORD}){{0,5}}"
_KIND = (
    r"(?:(?: ?(?:universitaires?|r[ée]giona(?:l|ux)|intercommunal|g[ée]n[ée]ral|sp[ée]cialis[ée]|d[ée]partemental|priv[ée]e?|m[ée]dical|local|psychiatrique|d'instruction des arm[ée]es|(?:d'|des |pour )enfants"
    r"|chirurgicale?|m[ée]dico-chirurgicale?|mutualiste|de jour|de (?:r[ée][ée]ducation|convalescence|dialyse|soins|sant[ée]|radiologie|biologie|suite|gériatrie|cardiologie|lutte contre le cancer|r[ée]adaptation)|d'imagerie(?: m[ée]dicale)?"
    r"|d'anatomie(?: et (?:de )?cytologie)? pathologiques?|d'analyses?(?: m[ée]dicales)?|de biologie(?: m[ée]dicale)?|m[ée]dicale?|dentaire|infirmier|anti-?canc[ée]reux|h[ée]patique|autonomie|services|m[ée]dicalis[ée]e?|hospitali(?:er|ère)|sportif)(?!\w)))"
)
_HEAD = (
    r"(?:(?i:C\.?H\.?U\.?|CHRU|CHR|CHI[CM]?|CHS|CHD|C\.?H\.?(?=[ ])|GHU|GHT|GHI|GHP?(?= )|HIA|AP-HP|HCL|CLCC|CHAM|CHNO|EPSM|EPS|CMPP?|CATTP|SSIAD|SMR|SSR|MAS|FAM|IME|ESAT|ITEP|USLD|HAD|HOP\.?|CSAPA|CMS|PUI -? ?CH|UMJ|IML|SAMU|SMUR|"
    r"centres?(?: hospitaliers?| m[ée]dical| d[e']| anti-?canc[ée]reux| mutualiste| hospitalier)?|groupe hospitalier|groupement hospitalier|p[ôo]le sant[ée]|h[ôo0]pita(?:l|ux)|clinique|polyclinique|institut|fondation|maternit[ée]|ehpad|r[ée]sidence|maison de (?:retraite|sant[ée]|repos)|sanatorium et cure|sanatorium|pr[ée]ventorium"
    r"|foyer|cabinet|dispensaire|ambulances?|pompes fun[èe]bres|taxis?|selarl|selas|scm|service de soins infirmiers [àa] domicile|laboratoires?|labo|LBM|pharmacie|officine|imagerie(?: m[ée]dicale)?|radiologie|coll[èe]ge|[ée]cole(?: maternelle| primaire| [ée]l[ée]mentaire)?|lyc[ée]e|cr[èe]che|unit[ée]|pavillon|r[ée]seau|association|institution|b[âa]timent|aile|h[ôo]pital de jour|villa m[ée]dicale))(?![A-Za-zÀ-ÿ-])"
)
_HOSPITAL = re.compile(
    rf"(?<![\w-]){_HEAD}(?i:{_KIND}){{0,3}} {{0,2}}[:«\"]? ?(?P<link>(?:(?i:de la|de|du|des|à) |(?i:de l|d)')?)(?P<name>(?:(?:[Ll]es?|[Ll]a|LES?|LA) |(?:[A-Z]\.[ -]?){{1,2}})?{_PROPER})"
)
_NOT_A_PROPER_NAME = re.compile(
    r"(?i)(?:jour|semaine|nuit|service|p[ôo]le|unit[ée]|chirurgi|m[ée]dec|m[ée]dic|cardio|g[ée]n[ée]ra|r[ée]adaptation|r[ée]anim|soins|suite|pr |dr |docteur|compte|d[ée]partement|anatom|biolog|neuro|pneumo|g[ée]riatr|p[ée]diatr|onco|urgenc"
    r"|r[ée]f[ée]ren|radiolog|imagerie|h[ée]mat|bact[ée]rio|micro|t[ée]l|fax|ipp|nda|bonjour|biochim|examen|motif|date|patient|pr[ée]l[èe]v|nation|psychiatr|rhumato|gyn[ée]c|obst[ée]tr|ortho|traumato|urolog|visc[ée]r|digesti|vascul|thoraci|endocri|diab|n[ée]phro|dialyse|hospital|universit|r[ée]gional|interco|priv[ée]|maternit|madame|monsieur|mme|mlle"
    r"|secr[ée]t|consult|ambulat|adult|enfant|stupp|soin|kin[ée]|handicap|sant[ée]|accueil|mobile|s[ée]jour|protocole|gestion|ind[ée]pend|transf|coordin|garde|antipoison|anti|d[ée]pist|r[ée][ée]duc|convalesc|formation|recherche|ressources|m[ée]moire|douleur|expert|comp[ée]ten|national|europ|international|fran[çc]ais|qualit|alb|sang|r[ée]no|hepat|hépat|cyto|mol[ée]cul|g[ée]n[ée]tiq|immuno|virol|parasito|toxico|pharmaco|infect|dermato|orl(?!\w)|ophta|stomat|maxillo|plasti|esth[ée]t|(?:pma|fiv)(?!\w)|(?:cs|hdj)(?!\w)|usic|usc|uhcd|smur|sau|rea|r[ée]a|(?:long|court|moyen)(?!\w)|fonction|centra|statist|d'(?=[a-z])|nutrition|stade|type|grade|score|internes?|seniors?|u?mj|lat[ée]ral|m[ée]dian|(?:inter|supra|post|pr[ée]|dans|avec|sans|pour|par|est|ch|chu|et|ou)(?!\w)(?!-))"
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
_NATIONALITY = re.compile(
    r"(?:[Nn]ationalit[ée]|NATIONALIT[ÉE])\s?:?\s{0,3}(?P<value>[A-Za-zÀ-ÿ]{4,20}(?:-[a-zà-ÿ]{4,15})?)|\b[Dd]'origine (?P<origin>[a-zà-ÿ]{5,15}(?:ienne?|aise?|oise?|aine?|ole?|ine?|que|ande?|ance|ure))\b"
)
_FAMILY = re.compile(
    r"(?:situation (?:familiale|maritale)|[ée]tat civil|statut marital)\s?:?\s{0,3}(?P<value>[a-zà-ÿ]{4,15}(?:\(e\)|e)?(?:,? (?:avec )?\d+ enfants?)?)"
    r"|\b(?P<status>(?:mari[ée]|divorc[ée]|pacs[ée]|c[ée]libataire|veuf|veuve|s[ée]par[ée](?=e?[,. ](?!par|du|de|le))|en concubinage|vit (?:seule?|en couple|maritalement)|je suis seule?)(?:e|\(e\))?(?:,? (?:et )?(?:sans enfants?|(?:père|mère) de (?:\d+|un|une|deux|trois|quatre|cinq|six) enfants?|(?:\d+|un|deux|trois|quatre|cinq) enfants?))?)\b"
    r"|\b(?P<parent>(?:père|mère) de (?:\d+|un|une|deux|trois|quatre|cinq|six) enfants?)\b",
    re.I,
)
_WORK = re.compile(
    r"(?:[Pp]rofession|PROFESSION|[Mm]étier|[Ee]mploi)\s?:\s{0,3}(?P<value>[^\n,.;:|\t]{3,40})|\b(?:[Tt]ravaille comme|[Ee]xerce (?:comme|la profession de|le métier de)|[Ii]l est|[Ee]lle est)\s(?P<job>(?:ancien(?:ne)? )?(?:maçon|instituteur|institutrice|"
    r"agriculteur|agricultrice|boulanger|boulangère|enseignante?|comptable|infirmière|plombier|électricien|menuisier|chauffeur(?: routier)?|coiffeuse|coiffeur|cuisinier|cuisinière|avocate?|ingénieure?|facteur|factrice|mineur|notaire|"
    r"fonctionnaire|couturière|secrétaire|ouvrier|ouvrière|pompier|gendarme|professeure?|vendeur|vendeuse|caissière|caissier|architecte|peintre|mécanicien|aide-soignante?|commerçante?|viticulteur|éleveur|cadre|informaticien(?:ne)?|étudiante?)(?: (?:retraitée?|à la retraite|en invalidité))?)"
    r"|\b(?P<retired>(?:maçon|institut(?:eur|rice)|agricult(?:eur|rice)|boulang(?:er|ère)|enseignante?|comptable|plombier|électricien|menuisier|chauffeur|coiffeu(?:r|se)|cuisini(?:er|ère)|ingénieure?|fact(?:eur|rice)|mineur|notaire|couturière|secrétaire|ouvri(?:er|ère)|pompier|gendarme|professeure?|mécanicien|commerçante?|viticulteur|éleveur)s? (?:retraitée?|à la retraite))\b",
)


_PLAIN_HEAD = re.compile(
    r"(?i)^(?:centres?|institut|foyer|fondation|cabinet|unit[ée]|pavillon|r[ée]seau|association|institution|b[âa]timent|aile|imagerie|radiologie|mas|fam|had|hop|cms|eps|ime|r[ée]sidence|labo|laboratoires?|coll[èe]ge|[ée]cole\w*|lyc[ée]e|cr[èe]che|pharmacie|maternit[ée]|villa|samu|umj|ssr|smr|clinique|dispensaire|ambulance|pompes|taxi|sel|scm|service)"
)


_BEFORE_ADDRESS = re.compile(
    r"(?:(?<=\n)|^)(?P<name>[A-ZÀ-Þ][\wÀ-ÿ'-]{2,25}(?: [A-ZÀ-Þa-z][\wÀ-ÿ'-]{1,25}){0,4}) ?[-–,|:]? {0,3}(?=\d{1,4}(?: ?(?:bis|ter|[A-D]))?,? {0,2}(?i:rue|avenue|av\.?|boulevard|bd|place|quai|cours|impasse|chemin|route|all[ée]es?) )"
)
_LIVING_WORD = re.compile(r"(?i)(?:demeur|domicili|habit|r[ée]sid|adresse|chez)")
_PLACE_LABEL = re.compile(
    r"(?:(?i:(?<!\w)(?:[ée]tablissement|h[ôo]pital|clinique|structure|centre|site|laboratoire))(?: (?:demandeur|d'origine|de sant[ée]|adresseur|d'accueil))? ?: {0,6}|(?:EFS [^\n/]{2,30}/ ?(?:[Dd][ée]p[ôo]t(?: de)?|[Ss]ite) {1,3}))(?P<name>[A-ZÀ-Þ][^\n:;|]{2,50})"
)


_HEAD_OPENINGS = openings(
    "c chu chr chi chs chd ch ghu ght ghi gh ghp hia ap hcl clc cha chn eps cmp cat ssi smr ssr mas fam ime esa ite usl had hop h csa cms pui umj iml sam smu cen gro pol dis amb pom tax sel scm ser "
    "cli ins fon mat ehp res mai san pre foy cab lab lbm pha off ima rad col eco lyc cre uni pav ass bat ail vil"
)
_PLACE_OPENINGS = openings("eta hop h cli str cen sit lab efs")
_LIVING_OPENINGS = openings(
    "hab res dom dem viv vit ne nee ori tra adr sui hos ope com vil mai fai equ con col ins exe ret sca lie nai sej lic ren"
)
_STANDING_OPENINGS = openings("ret san au dem sdf en ben lyc col etu")
_BELIEF_OPENINGS = openings("cro rel con cul pra")


def find_hospitals(text: str) -> Iterator[Finding]:
    """Propose hospital names, without their head word nor the preposition after it."""
    for match in around(_famous(), text, _entries("hopitaux.txt")):
        if not after_prefix_of_eponym(text, match.start()):
            yield Finding(
                *match.span("name"),
                Categorie.ETABLISSEMENT,
                0.62,
                "hospital known by its name",
                {"RoleLOC": "Hopital"},
            )
    for match in _BEFORE_ADDRESS.finditer(text):
        value = match["name"].rstrip(" ,-–|")
        if not (
            _LIVING_WORD.match(value)
            or is_acronym(value)
            or is_medical(value)
            or fold(value.split()[0]) in listed("termes") - _ARTICLES
            or any(map(str.isdigit, value))
        ):
            yield Finding(
                match.start("name"),
                match.start("name") + len(value),
                Categorie.ETABLISSEMENT,
                0.6,
                "before address",
                {"RoleLOC": "Hopital"},
            )
    for match in matches(_PLACE_LABEL, text, _PLACE_OPENINGS):
        value = re.split(r"\s{2,}|\s-\s|,|\|", match["name"])[0].rstrip(" .")
        lead = re.match(rf"(?i)(?:{_HEAD})(?i:{_KIND}){{0,3}} (?:de la |de l'|du |des |de |d')?", value)
        skipped = lead.end() if lead else 0
        if len(value) - skipped > 2:
            yield Finding(
                match.start("name") + skipped,
                match.start("name") + len(value),
                Categorie.ETABLISSEMENT,
                0.84,
                "place label",
                {"RoleLOC": "Hopital"},
            )
    at = 0
    for begin in starts(text, _HEAD_OPENINGS):
        headed = _HOSPITAL.match(text, begin) if begin >= at else None
        if headed is None:
            continue
        match = headed
        at = match.start("name")
        name = match.group("name")
        if _NOT_A_HEAD.search(text[max(0, match.start() - 20) : match.start()]):
            continue
        if name[:2] in ("l'", "L'"):
            name, at = name[2:], at + 2
        if _NOT_A_PROPER_NAME.match(name) or fold(name.split()[0]) in listed("termes") - _ARTICLES:
            continue
        start = at
        kept = _cut(name)
        if " de " in kept and _town_weight(town := kept.rpartition(" de ")[2]) > 0.5:
            yield Finding(
                start + len(kept) - len(town),
                start + len(kept),
                Categorie.VILLE,
                0.88,
                "town of hospital",
                {"RoleLOC": "Hopital"},
            )
            kept = kept.rpartition(" de ")[0]
        if len(kept) < 3 or kept.isdigit():
            continue
        head = match.group()[: match.start("name") - match.start()]
        parts = [part for part in re.split(r"[ '-]", kept) if len(part) > 2]
        if len(parts) == 0:
            continue
        if _PLAIN_HEAD.match(head):
            # a head word of plain French: the name must look like one
            upper = match.group().isupper()
            alone = len(parts) == 1
            if alone and (
                is_medical(kept)
                or is_acronym(kept)
                or (is_word(kept) and (upper or head[0].islower()) and not match.group("link"))
            ):
                continue
            if (
                not alone
                and is_word(kept)
                and "-" not in kept
                and not match.group("link")
                and not kept.lower().startswith(("le ", "la ", "les ", "saint"))
            ):
                continue
            if any(is_acronym(part) for part in parts) and alone:
                continue
        elif (
            len(parts) == 1
            and (is_medical(kept) or (is_acronym(kept) and fold(kept) not in _POINTS))
            and not match.group("link")
        ):
            continue
        at = start + len(kept)
        dwelling = re.match(r"(?i)b[âa]timent|r[ée]sidence|foyer|aile|villa", head) is not None
        yield Finding(
            start, at, Categorie.ETABLISSEMENT, 0.84 if dwelling else 0.9, "hospital", {"RoleLOC": "Hopital"}
        )


_NOT_A_HEAD = re.compile(
    r"(?i)(?:essais?|stade|suspicion|recherche|[ée]tudes?|phase|cas|tableau|examen|signes?|forme|pr[ée]sentation|r[ée]ponse|surveillance|[ée]valuation|sur le plan|histoire|bilan|donn[ée]es|crit[èe]res?|essai de) $"
)
_POINTS = frozenset({"nord", "sud", "est", "ouest", "europe"})
_ARTICLES = frozenset({"saint", "sainte", "le", "la", "les", "st", "ste"})


def _cut(name: str) -> str:
    """The proper name alone, cut where the line goes on to something else."""
    name = re.split(
        r" (?:Service|SERVICE|Pôle|POLE|PÔLE|Unité|Département|DEPARTEMENT|Tél|TEL|Compte|COMPTE|Dr|Docteur|Pr|Professeur|Madame|Monsieur|Mme|Le|Il|Elle|Patient|CHU|Urgences|URGENCES|et (?=[a-zà])|IPP|Cardio|CARDIO|Médecine|Chirurgie|DEMAND[EÉ]E?|Demandé|EN|AU|LE(?= \d)|SUR|RESUME|SYNTHESE|Conciliation|Consultation|Il|Elle|En|Sur|Avec|Rendez)\b",
        name,
    )[0]
    return re.sub(rf"(?:[ '](?:{_LINK}))+$", "", name).rstrip(" .-,")


_SMALL_TOWN = re.compile(
    r"(?<![\w'-])(?:à|a|de|sur|vers|chu|ch|hopital) (?=([a-zà-ÿ]{2,15}(?:[ -][a-zà-ÿ']{2,15}){1,4}))"
)
_BUILT_OF = re.compile(r" (?:sur|sous|les|lez|en|l|le|la|sainte?) |^sainte? ")


def _small_towns(text: str) -> Iterator[Finding]:
    """Towns written without capitals whose name cannot be anything else (``bourg en bresse``)."""
    for match in _SMALL_TOWN.finditer(text):
        words = match[1].split(" ")
        for count in range(len(words), 0, -1):
            name = " ".join(words[:count])
            key = town_key(name)
            if key in communes() and _BUILT_OF.search(key):
                yield Finding(match.start(1), match.start(1) + len(name), Categorie.VILLE, 0.75, "small town")
                break


def find_towns(text: str) -> Iterator[Finding]:
    """Propose towns that the sentence uses as places, or that stand where places stand."""
    yield from _lone_towns(text)
    yield from _small_towns(text)
    for pattern, score, rule in (
        (_LIVES, 0.85, "town after verb"),
        (_DATELINE, 0.88, "date line"),
        (_AT, 0.7, "town"),
        (_BRACKET, 0.72, "bracketed"),
    ):
        for match in (
            matches(pattern, text, _LIVING_OPENINGS) if pattern is _LIVES else pattern.finditer(text)
        ):
            start, town = match.start("town"), match.group("town")
            folded = re.sub(r"^st(e?) ", r"saint\1 ", fold(town))
            known = folded in communes()
            if not known and " " in town and fold(town.split(" ")[0]) in communes() and "-" not in town:
                town = town.split(" ")[0]
                folded, known = fold(town), True
            if (
                len(town) < 3
                or is_acronym(town)
                or folded in listed("termes")
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
                if not strong and (is_first_name(town) or after_prefix_of_eponym(text, start)):
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


_LONE_TOWN = re.compile(
    rf"(?<![\w'@./-])(?:(?:(?:La|Le|Les|LA|LE|LES)[ -]|L'|(?:Saint|Sainte|St|Ste|SAINT|SAINTE|ST|STE)[ -]))?[{_U}][\wÀ-ÿ']{{2,25}}(?:-[\wÀ-ÿ']{{1,20}}){{0,6}}"
    rf"(?:(?: (?:sur|sous|en|lès|les|la|le|de|du|des|d'|l'|aux?|SUR|SOUS|EN|LES|LE|LA|DE|DU|ST|SAINT|STE|lez)){{0,2}} [{_U}][\wÀ-ÿ'-]{{1,25}}){{0,3}}"
)
_TOWN_CUE = re.compile(
    r"(?:(?<!\w)(?:à|À|A|a|vers|près de|large de|environs de|région de|originaire de|venant de|arrivant de|mutée? (?:à|de)|transf[ée]r[ée]+ (?:à|de)|provenance(?: :)? (?:de )?|destination(?: :)?|natif de|native de|hab\.|habite|vit|demeure|réside|SMUR|VSAV|SAMU|SDIS|CPAM|domicile|Unicancer|employeur[^\n:]{0,6}: \S+|réa|commune(?: de| :)?|ville(?: de| :)?|lieu(?: :)?|naissance(?: :)?|mairie de|sur|gare de|dame de|CMP|PMI|CHU|CH|Naissance|\d{2}[/.]\d{2}[/.]\d{4}|[a-z] x\d)\s{1,4})$"
)
_TOWN_SEPARATED = re.compile(r"(?:(?:\s[-–/|*]|,|\(|\^\^?|\t|\s{3})\s*|\n\s*)$")
_TOWN_DATED = re.compile(
    r"(?:\s?,)?\s{0,3}(?:le|ce|LE|CE)\s{1,3}\d|\s?,\s{0,3}\d{1,2}[/.]\d{1,2}[/.]\d{2}|\s?,?\s?\(\d{2,5}\)|\s?\(?(?:19|20)\d\d\b|\s?,?\s?\d{5}\b"
)
_LOWER_TOWN = re.compile(
    r"(?<=[a-zé\d,] à )(?P<town>[a-zà-ÿ][a-zà-ÿ']{2,20}(?:[- ](?:sur|sous|lès|en|le|la|les|du|de)[- ][a-zà-ÿ']{3,20}|-[a-zà-ÿ]{2,20})*)(?![\w-])"
)


_HOME_TOWN = re.compile(
    rf"(?<!\w)(?:[Vv]it|[Hh]abite|[Dd]emeur(?:e|ant)|[Rr]éside|[Rr]ésidant|[Dd]omiciliée?|[Nn]ée?(?: le [^\n]{{4,40}}?)?|[Oo]riginaire|[Dd]éménag[ée]+|[Rr]etourn[ée]+|[Ii]nstallée?|[Mm]utée?|(?:[Ll]ieu|[Cc]ommune|[Vv]ille) de (?:naissance|résidence) ?:|[Vv]ille ?:|[Cc]ommune ?:)(?: (?:à|de)|) (?P<town>[{_U}][\wÀ-ÿ']{{3,25}}(?:-[\wÀ-ÿ']{{1,20}}){{0,5}}(?:- ?(?:sur|en|lès|sous)-[{_U}][\wÀ-ÿ']{{2,20}})?)"
)


def town_key(name: str) -> str:
    """How a town is looked up: ``St Brevin les Pins`` as ``saint brevin les pins``."""
    return re.sub(r"(?<!\w)st(e?)(?= )", r"saint\1", fold(name).replace("' ", "'"))


@cache
def _shortened() -> frozenset[str]:
    """Towns as people shorten them: ``Chalon`` for ``Chalon-sur-Saône``."""
    short = {re.split(r" (?:sur|sous|en|les|lez|la|le|de|du|l') ?", name)[0] for name in communes()}
    short |= {
        head
        for name in communes()
        if name.count(" ") == 1
        and len(head := name.split()[0]) > 6
        and not is_first_name(head)
        and head not in surnames()
    }
    return frozenset(name for name in short if len(name) > 4 and not is_word(name)) | listed(
        "villes_courantes"
    )


@lru_cache(maxsize=20_000)
def _town_weight(name: str) -> float:
    """How much a word is a town and nothing else; minus three when no list has it."""
    key = town_key(name)
    french = key in communes()
    if not french and key not in world_towns() and key not in _shortened():
        return -3.0
    if key in listed("termes") or key in listed("pays") or is_acronym(name):
        return -3.0
    weight = 1.0 if french else 0.7
    parts = key.replace("'", " ").split()
    if len(parts) > 1:
        weight += 0.8
    if re.search(r" (?:sur|sous|les|lez|en|l|le|la) ", key):
        weight += 0.8
    if is_medical(name):
        weight -= 1.3
    if len(parts) == 1:
        if is_word(name):
            weight -= 1.1
        if is_first_name(name):
            weight -= 0.9
        if key in surnames():
            weight -= 0.5
        if len(key) < 5:
            weight -= 0.5
    return weight


def _lone_towns(text: str) -> Iterator[Finding]:
    position = 0
    while match := _LONE_TOWN.search(text, position):
        value = match.group()
        words = value.split(" ")
        for count in range(len(words), 0, -1):
            name = " ".join(words[:count]).rstrip("'-")
            weight = _town_weight(name)
            if weight > -3.0:
                break
        else:
            position = match.start() + max(1, len(words[0]))
            continue
        start, end = match.start(), match.start() + len(name)
        position = end
        before = text[max(0, start - 40) : start]
        if after_prefix_of_eponym(text, start):
            continue
        cue = 0.0
        if _TOWN_CUE.search(before):
            cue += 1.2 if not re.search(r"[a-zé),] à $", before) else 1.5
        elif _TOWN_SEPARATED.search(before) or not before:
            cue += 0.7
        elif re.search(r"(?:\bde|\bd'|\bdu|\bà l'|\ben)\s?$", before):
            cue += 0.2
        elif before.endswith(". "):
            cue -= 0.2
        after = text[end : end + 14]
        if _TOWN_DATED.match(after):
            cue += 0.9
        elif re.match(r"\s?(?:[,.;:)\n|/]|$|\^| - |\s{3})", after):
            cue += 0.4
        elif re.match(r" [A-ZÀ-Þ][\w'-]+|\s?\d+(?:[.,]\d+)?\s?(?:mg|g|%|ml|UI)", after):
            cue -= 0.5
        if weight + cue >= 1.7:
            yield Finding(
                start,
                end,
                Categorie.VILLE,
                min(0.72, 0.5 + 0.04 * (weight + cue)),
                "lone town",
                {"RoleLOC": "Autre"},
            )
    for match in _HOME_TOWN.finditer(text):
        name = match["town"]
        if not (is_word(name) or is_medical(name) or is_acronym(name) or fold(name) in listed("termes")):
            yield Finding(
                *match.span("town"), Categorie.VILLE, 0.66, "town of residence", {"RoleLOC": "Patient"}
            )
    for match in _LOWER_TOWN.finditer(text):
        name = match["town"]
        for candidate in (name, name.split(" ")[0]):
            if (
                len(candidate) > 3
                and town_key(candidate) in communes()
                and not is_word(candidate)
                and not is_medical(candidate)
            ):
                yield Finding(
                    match.start(),
                    match.start() + len(candidate),
                    Categorie.VILLE,
                    0.6,
                    "town in lower case",
                    {"RoleLOC": "Autre"},
                )
                break


def find_birth_places(text: str) -> Iterator[Finding]:
    """Propose the place of birth, wherever in the world, and its country in brackets."""
    for match in _BIRTH_PLACE.finditer(text):
        yield Finding(*match.span("town"), Categorie.VILLE, 0.86, "birth place", {"RoleLOC": "Patient"})
        country = match.group("country")
        if country and fold(country) in listed("pays"):
            yield Finding(*match.span("country"), Categorie.PAYS, 0.86, "birth place", {"RoleLOC": "Patient"})


_NOT_A_COUNTRY_BEFORE = re.compile(
    r"(?:[Ss]oci[ée]t[ée]|[Cc]oll[èe]ge|[Aa]cad[ée]mie|[Aa]ssociation|[Hh][ôo]pital|CHU|[Rr]ue|[Aa]venue|[Bb]oulevard|[Pp]lace|[Ff]ièvre|[Aa]ir|Sant[ée] [Pp]ublique|Orange|Banque|T[ée]l[ée]vision)\s(?:de |d'|du |la |l')*(?:la )?$"
)
_DEMONYM = re.compile(
    r"(?:\d ?ans?,? |\d ?a,? |\bpatiente? |\bhomme |\bfemme |\btouriste |\bressortissante? |\bsujet |\bvers \d{4}, |\borigine |, |\()(?P<value>[a-zà-ÿ]{5,16}(?:-[a-zà-ÿ]{5,14})?)(?=\s?[,;:.)]| d'origine| d[ei] \d)"
)
_BELIEF = re.compile(
    r"(?:croyante?|religion|confession|culte|pratiquante?)\s?[(:,]?\s?(?P<value>(?:catholique|protestante?|musulmane?|juive?|israélite|orthodoxe|bouddhiste|évangélique|témoin de Jéhovah|hindoue?)(?: pratiquante?| non pratiquante?)?)",
    re.I,
)


@cache
def _countries() -> re.Pattern[str]:
    """Names of countries with a capital, or in capitals, with or without accents."""
    names = {line for line in gazetteers.lines("pays.txt") if len(line) > 3}
    spelled = {
        form
        for name in names
        for form in (name, name.upper(), strip_accents(name), strip_accents(name).upper())
    }
    return re.compile(
        r"(?<![\w'-])(?<![LlDd]')(?:"
        + "|".join(sorted(map(re.escape, spelled), key=len, reverse=True))
        + r")(?![\w'-])|(?<=[dl]')(?:"
        + "|".join(sorted(map(re.escape, spelled), key=len, reverse=True))
        + r")(?![\w'-])"
    )


_COUNT = r"(?:\d{1,2}|un|une|deux|trois|quatre|cinq|six|sept|huit)"
_HOUSEHOLD = re.compile(
    rf"(?<![\w-])(?P<value>(?:(?:re)?mari[ée](?:e|\(e\))?|divorc[ée]e?|pacs[ée]e?|veuf|veuve|c[ée]libataire|concubine?|fianc[ée]e?|(?:en )?(?:concubinage|union libre)|en couple|vit (?:seule?|en couple|maritalement|en concubinage|(?:avec|chez) (?:son|sa|ses|leurs) [\w-]+))"
    rf"(?:,? (?:et |avec |depuis \d{{4}},? )?(?:(?:p[èe]re|m[èe]re) de )?(?:sans enfants?|{_COUNT} enfants?(?: à charge)?|{_COUNT} (?:filles?|fils|gar[çc]ons?)))?"
    rf"|(?:grand[- ])?(?:p[èe]re|m[èe]re|maman|papa) de {_COUNT} (?:petits[- ])?(?:enfants?|filles?|fils|gar[çc]ons?)|(?:a |sans |{_COUNT} )enfants?(?: à charge)?(?=[,.;)\n])"
    rf"|parents (?:s[ée]par[ée]s|divorc[ée]s|mari[ée]s)|famille monoparentale|enfant unique|(?:a[iî]n[ée]e?|cadette?|benjamine?|deuxi[èe]me|troisi[èe]me|dernier|derni[èe]re) d'une fratrie de {_COUNT})(?![\w-])",
    re.I,
)
_STANDING = re.compile(
    r"(?<![\w-])(?<!la )(?<!de )(?<!en )(?<!sa )(?P<value>retrait[ée]e?(?: (?:de la |de l'|du |des |d'|de )[A-ZÀ-Þa-zà-ÿ][\w'-]{2,20}(?: [a-zà-ÿ]{4,12}ale?)?)?|sans (?:emploi|profession|domicile fixe|papiers)|au ch[ôo]mage|demandeu(?:r|se) d'emploi|SDF|en invalidit[ée]|b[ée]n[ée]ficiaire d(?:u RSA|e l'AAH)|lyc[ée]en(?:ne)?|coll[ée]gien(?:ne)?|[ée]tudiante?(?: en [a-zà-ÿ]{4,15}(?: d[e'] ?[a-zà-ÿ]{3,15})?)?)(?![\w-])",
    re.I,
)
_STAFF_TOO = frozenset(
    {
        "cadre",
        "secrétaire",
        "infirmier",
        "infirmière",
        "kiné",
        "kinésithérapeute",
        "pharmacien",
        "pharmacienne",
        "dentiste",
        "aide-soignant",
        "aide-soignante",
        "ambulancier",
        "ambulancière",
        "conseiller",
        "conseillère",
        "agent",
        "agente",
        "guide",
        "pilote",
        "employé",
        "employée",
        "technicien",
        "technicienne",
        "mineur",
        "directeur",
        "directrice",
        "routier",
        "professeur",
        "professeure",
        "étudiant",
        "étudiante",
        "commercial",
        "commerciale",
        "artiste",
        "prêtre",
        "berger",
        "bergère",
        "consultant",
        "consultante",
        "tailleur",
        "tourneur",
        "représentant",
        "représentante",
        "gardien",
        "gardienne",
        "chauffeuse",
        "prof",
        "instit",
        "conducteur",
        "conductrice",
        "moniteur",
        "monitrice",
        "serveur",
        "peintre",
        "potier",
        "boulanger",
        "pêcheur",
        "meunier",
        "dessinateur",
        "marin",
        "animateur",
        "animatrice",
        "cuisinière",
        "jardinière",
        "puéricultrice",
        "auxiliaire de vie",
        "aide à domicile",
        "éducateur",
        "éducatrice",
        "retraité",
        "retraitée",
        "réceptionniste",
        "standardiste",
        "ingénieur",
        "fonctionnaire",
        "ouvrier",
        "ouvrière",
        "militaire",
        "concierge",
        "opticien",
        "vétérinaire",
        "religieuse",
        "chirurgien-dentiste",
        "photographe",
        "apprenti",
        "dirigeant",
        "agent de sécurité",
        "agent hospitalier",
        "agent d'accueil",
        "chef d'équipe",
        "avocat",
        "avocate",
        "notaire",
        "huissier",
        "policier",
        "policière",
        "pompier",
        "gendarme",
        "gérant",
        "gérante",
        "restaurateur",
        "forgeron",
        "horloger",
        "scieur",
        "steward",
        "vigile",
        "interne",
        "rentier",
        "contremaître",
    }
)


@cache
def _plain_jobs() -> re.Pattern[str]:
    """Occupations that are nobody's role in a hospital, wherever they stand without an article."""
    names = {
        entry.strip() for line in gazetteers.lines("professions.txt") for entry in line.split(",")
    } - _STAFF_TOO
    kinds = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(
        rf"(?<![\w'-])(?<!le )(?<!la )(?<!un )(?<!une )(?<!du )(?<!au )(?<!son )(?<!sa )(?<!des )(?<!les )(?<!de )(?P<value>(?i:{kinds})(?: (?:à la retraite|en retraite|en invalidité|retraitée?))?)(?![\w-])"
    )


@cache
def _entries(name: str) -> frozenset[str]:
    """The telling words of a list; of occupations, in the plural too."""
    words = telling_words({entry for line in gazetteers.lines(name) for entry in line.split(",")})
    return words | {word + "s" for word in words} if name.startswith("professions") else words


_OF_WORK = frozenset({"profession", "metier", "emploi"})
_OF_FAMILY = frozenset(
    "situation etat statut marie mariee maries remarie remariee divorce divorcee divorces pacse pacsee celibataire veuf veuve separe separee separes concubinage concubin concubine "
    "fiance fiancee union couple vit suis seul seule pere mere maman papa enfant enfants parents famille fratrie".split()
)


@cache
def _famous() -> re.Pattern[str]:
    names = {
        entry.strip()
        for line in gazetteers.lines("hopitaux.txt")
        for entry in line.split(",")
        if entry.strip()
    }
    spelled = {
        form
        for name in names
        for form in (
            name,
            name.upper(),
            strip_accents(name),
            strip_accents(name).upper(),
            name.replace("-", " "),
        )
    }
    kinds = "|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))
    return re.compile(
        rf"(?:(?<= à )|(?<= au )|(?<= du )|(?<= à l')|(?<= à la )|(?<= de )|(?<= vers )|(?<= sur )|(?<=[(/,:-] )|(?<=\()|(?<= d'))(?P<name>{kinds})(?![\w-])"
    )


@cache
def _jobs() -> re.Pattern[str]:
    """Occupations after what announces the patient's: age, ``ancien``, ``profession``, being or working as."""
    names = sorted(
        {entry.strip() for line in gazetteers.lines("professions.txt") for entry in line.split(",")},
        key=len,
        reverse=True,
    )
    kinds = "|".join(
        re.escape(name).translate(
            {
                ord("é"): "[ée]",
                ord("è"): "[èe]",
                ord("ê"): "[êe]",
                ord("â"): "[âa]",
                ord("î"): "[îi]",
                ord("ç"): "[çc]",
            }
        )
        + "s?"
        for name in names
    )
    complement = r"(?: (?:en|à la|de|d'|des|dans (?:le|la|un|une))\s?(?:retraite|invalidité|arrêt|[a-zé]{3,14})(?: de [a-zé]{3,14})?| retraitée?| BTP| routier| agricole| indépendante?| libérale?| SNCF| RATP)?"
    cue = r"(?:\bans,? |\d ?a,? |\bancienn?e? |\bex[- ]|\bretraitée? (?:de |\()?|\bprofession ?:? |\bmétier ?:? |\bactivité ?:? |\btravaillait? (?:comme|en tant que|en qualité d[e'])\s?|\bexerçait? (?:comme|la profession d[e'])\s?|\b(?:il|elle|patiente?|je suis|monsieur|madame|fut|est|était|j'étais|étais|etait) (?:est |était )?|\), |[a-zé)], |\. |: |\()"
    return re.compile(
        rf"(?i:{cue})(?P<value>(?i:{kinds}){complement})(?=\s?[,;./)\n|]|\s?$| virgule | point | et | mais | depuis | chez | à | qui | dans | sans | alors | pour | au | lui )"
    )


def find_social(text: str) -> Iterator[Finding]:
    """Propose countries, nationality, family situation and occupation."""
    for match in around(_countries(), text, _entries("pays.txt")):
        if _NOT_A_COUNTRY_BEFORE.search(text[max(0, match.start() - 24) : match.start()]):
            continue
        yield Finding(*match.span(), Categorie.PAYS, 0.8, "country", {"RoleLOC": "Patient"})
    for match in around(_DEMONYM, text, listed("nationalites")):
        if fold(match["value"]) in listed("nationalites"):
            yield Finding(*match.span("value"), Categorie.NATIONALITE, 0.75, "demonym")
    working: tuple[re.Pattern[str], ...] = (
        (_jobs(), _plain_jobs()) if has_any(text, _entries("professions.txt")) else ()
    )
    for pattern, opening in ((_BELIEF, _BELIEF_OPENINGS), (_STANDING, _STANDING_OPENINGS)):
        for match in matches(pattern, text, opening):
            yield Finding(*match.span("value"), Categorie.IDENTITE_SOCIALE, 0.75, "occupation")
    for pattern in working:
        for match in around(pattern, text, _entries("professions.txt")):
            yield Finding(*match.span("value"), Categorie.IDENTITE_SOCIALE, 0.75, "occupation")
    for match in around(_HOUSEHOLD, text, _OF_FAMILY):
        yield Finding(*match.span("value"), Categorie.SITUATION_FAMILIALE, 0.7, "household")
    for pattern, label, words in (
        (_NATIONALITY, Categorie.NATIONALITE, listed("nationalites")),
        (_FAMILY, Categorie.SITUATION_FAMILIALE, _OF_FAMILY),
        (_WORK, Categorie.IDENTITE_SOCIALE, _entries("professions.txt") | _OF_WORK),
    ):
        for match in around(pattern, text, words):
            group = next(name for name, value in match.groupdict().items() if value)
            value = match.group(group).rstrip()
            if value == "Marie":
                continue  # the first name
            if label == Categorie.NATIONALITE and fold(value) not in listed("nationalites"):
                continue
            yield Finding(match.start(group), match.start(group) + len(value), label, 0.8, "social")
