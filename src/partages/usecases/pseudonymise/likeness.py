"""Names that nothing announces: the evidence for and against is summed, and taken above a threshold.

For a run of capitalised words: what the lists say of each word (first name, surname, common word, term of
care), how it is written where it stands (capitals mean nothing in a line in capitals), and what stands
around (``avec``, ``chez``, a role, an age, a birth date, the line alone, the neighbour in a list).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from partages.text import fold
from partages.usecases.pseudonymise.dates import MONTHS
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import (
    FREQUENT,
    communes,
    diagnoses,
    drugs,
    first_name,
    is_acronym,
    is_word,
    listed,
    surnames,
    world_towns,
)
from partages.usecases.pseudonymise.letters import LOWER, UPPER
from partages.usecases.pseudonymise.persons import (
    OTHER,
    PATIENT,
    STAFF,
    Token,
    after_prefix_of_eponym,
    named,
)
from partages.usecases.pseudonymise.schema import Categorie

THRESHOLD = 1.3

_U = UPPER
_L = LOWER
_NAME = rf"(?:[DOLN]['’])?[{_U}][{_U}{_L}]{{1,30}}(?:(?:['’]|--?)[{_U}]?[{_L}{_U}]{{1,30}}){{0,4}}"
_PARTICLE = r"(?:[Dd]e [Ll]a|DE LA|[Dd]e|DE|[Dd]u|DU|[Dd]es|[Ll]e|LE|[Ll]a|LA|[Vv]an der|[Vv]an den|[Vv]an de|[Vv]an|[Vv]on|[Bb]en|[Ee]l|EL|[Aa]l|[Dd]a|[Dd]os|[Dd]i|[Dd]el|Aït|Ait|Abd|Bou|Ould|Mc)"
_WORD = re.compile(
    rf"(?<![\w'@/&-])(?<![.]\w)(?P<particle>(?:{_PARTICLE}) (?=[{_U}]))?(?P<name>{_NAME})(?![\w@]|-\d|\.\w|'\w)(?P<initial> [{_U}]\.?(?=[\s,;:)/]|$))?"
)
_AFTER_SLASH = re.compile(rf"(?<=[/^])(?P<particle>)(?P<name>{_NAME})(?![\w@])(?P<initial>)")
_INITIAL_BEFORE = re.compile(
    rf"(?<![\w.'-])(?:[{_U}](?:\.-?|-(?=[{_U}]\.)| ?\. ?)){{1,3}} ?$|(?<![\w.'-])(?:Ch|Fr|Ph|Th|Fl|Cl|Chr|Jn|Mt|Al|Et|ET|J-[A-Z]|JP|JM|JC|MC|PY|AM)\. ?$"
)
_GAP = re.compile(r" {1,4}|\^{1,2}|\t")
_CUE = re.compile(  # without re.I, with which no alternative is told by its first letter: small letters are given
    r"(?:(?<![\w-])(?:avec|par|chez|ch[eè]re?|ch[eè]rs|merci|bonjour(?: à)?|salut|slt|coucou|demander à|demande à|appel[ée]+(?: à)?|appeler|confi[ée]+ à|suivie?|prévenue?|pr[ée]venir|vu avec|vue par|voir avec|dixit|dit|signé|cosigné|pour|selon"
    r"|avis|vue?|prévenue?|prévenir|réclame|demande|le petit|la petite|le jeune|la jeune|bébé|transmis à|remis à|adressé à|rappeler|contacter|joindre|relève de|relais|fait par|faite par|de la part d[e']|secr[ée]taire|élève|bisous|merci à|étudiante?|stagiaire|interne|externe|infirmi[èe]re?|inf|ide|iade|ibode|iao|as|ash|ap|sf|mar|ph|cca|arm|tim|opj|idec|kin[ée]|ergo(?:thérapeute)?|ortho(?:phoniste)?"
    r"|psychologue|psy|assistante sociale|di[ée]t(?:éticienne)?|aide-soignante?|aide|brancardier|ambulanci[eè]re?|technicienne?|tech\.?|manip(?:ulatrice|ulateur)?|puéricultrice|sage-femme|cadre|chef|collègue|confrère|ami|amie|amis|voisine?|compagnon|compagne|conjointe?|épou(?:x|se)|mari|femme"
    r"|fils|fille|fr[èe]re|s(?:œ|oe)ur|m[èe]re|p[èe]re|neveu|ni[èe]ce|cousine?|tante|oncle|beau-frère|belle-fille|gendre|petit-fils|petite-fille|grand-mère|grand-père|enfant|enfants|jumeaux|jumelles|bébé|nourrisson|tuteur|tutrice|prénomm[ée]e?|nomm[ée]e?|dénomm[ée]e?|surnomm[ée]e?|dite?|alias|se disant|né|née|ép\.?|épouse|veuve|vve|divorcée?|monsieur|madame|mademoiselle|maître|patiente?|enfant|petite?)"
    r"(?:,| :|:|\s=)?\s{1,3}(?:« ?)?)$"
    r"|(?:«\s?|= )$",
)
_WEAK_CUE = re.compile(
    r"(?:par|pour|selon|dit|avis|vue?|demande|appel|suivi|AS|PH|AP|patiente?|petite?|chef|relais|« ?|= )\s*$"
)
_ROLE_LABEL = re.compile(
    r"(?:(?:m[ée]decins?|op[ée]rateurs?|op[ée]ratrices?|op\.|aides?|a\.|anesth(?:\.|[ée]sistes?|[ée]sie)?|panseuse|instrum(?:\.|entiste)?|r[ée]dact(?:eur|rice)|signataire|pr[ée]sents?|pr[ée]sentes|absente?s?|excus[ée]e?s?|participants?|staff|internes?|externes?|"
    r"seniors?|photos?|biologistes?|pharmaciens?|pharmacien(?:ne)?s?|kin[ée]s?|ide|as|sf|mar|psychologue|diététicienne|destinataires?|copies?|cc|à|de|correspondants?|présentation bibliographique|présentateur|chirurgiens?|assistants?|équipe|prescripteur|validé par|lu par|relu par|saisi par|"
    r"receveur|receveuse|donneur|patiente?|résidente?|enfant|bébé|nom|pr[ée]noms?|identité|conjointe?|époux|épouse|famille|contact|appelante?|accompagnante?|tuteur|infectio|cardio|réf|référente?|secrétaire|secrétariat|interprète|m[èe]re|p[èe]re|nouveau-né|jumeau [12ab]|responsable|demandeur|répondeur|brancardier|opéré|opere|opérée|operee|famille d'accueil)\s?(?:\([^)\n]{0,20}\))?\s?[:=]\s{0,12}(?:[^:\n]{0,60}[,;/&+] ?|[^:\n]{0,60} et )?(?:(?:dr|pr|mme|m\.)\s)?)$",
)
_ROLE_TAIL = re.compile(r"[:=]\s{0,12}(?:[^:\n]{0,60}[,;/&+] ?|[^:\n]{0,60} et )?(?:(?:dr|pr|mme|m\.)\s)?$")
"""How what ``_ROLE_LABEL`` finds must end; sooner seen."""
_ROLE_AFTER = re.compile(
    r"\s?[,(\-–:]?\s?\(?(?:interne|externe|IDE\b|IDEC\b|AS\b|ASH\b|IADE|IBODE|SF\b|kin[ée]|infirmi|psycholog|assistante? social|diétét|ergoth|orthoph|secr[ée]taire|sage-femme|cadre|cardiolog|m[ée]d\.|m[ée]decin|neurolog|chirurg|radiolog|biolog|pharmac|PH\b|CCA\b|MCU|PU-?PH|"
    r"mari\b|épou|femme\b|fils\b|fille\b|fr[èe]re|s(?:œ|oe)ur|m[èe]re\b|p[èe]re\b|neveu|ni[èe]ce|voisine?|compagn|conjoint|ami\b|amie\b|tut(?:eur|rice)|sa fille|son fils|étudiant|stagiaire|FFI|DES\b|TIM\b|aide-soign|tech)",
)
_PERSON_AFTER = re.compile(
    r"\s{0,6}[,;|/(]?\s{0,3}(?:\(?\s?(?:\d{1,3} ?(?:ans|a\b|A\b|mois|M\b)|[HFM],? ?\d{1,3} ?(?:ans|a\b|A\b)|n[ée]{1,2}(?:\(e\))? (?:le|en|vers|à)|\d{1,2}[/. ]\d{1,2}[/. ]\d{2,4}|ddn|DDN|née? [A-Z])|/ [FM] /|sexe [MF]|\([HF]\))"
)
_CALLED_AFTER = re.compile(
    r"\s(?:va |est (?:venue?|vue?|sortie?|prévenu|d'accord|inquièt|en colère|calme|repassé|agité)|veut|vient|passe|passera|appelle|a (?:appelé|dit|bien|vu|mis|fait|déjà|passé|signé|mal|été (?:vu|prévenu|appelé))|dit|dort|pleure|refuse|demande|remplace|se plaint|rappelle|souhaite|surtout|et (?:son|sa|moi)|n'a|ne veut|mange|marche|vit|habite|travaille)"
)
_PLACE_BEFORE = re.compile(
    r"(?:(?:H[ôo]p(?:ital|\.)?|HÔPITAL|HOPITAL|[Cc]linique|CLINIQUE|CHU|CHR|CH|CHI|CHRU|GHT|GHU|HIA|EHPAD|Ehpad|Institut|Centre|CENTRE|Fondation|[Rr]ue|RUE|[Aa]venue|AVENUE|[Pp]lace|PLACE|[Bb]oulevard|[Qq]uai|[Rr]ésidence|RESIDENCE|[Ff]oyer|[Uu]nité|[Ss]alle|[Pp]avillon|[Bb]âtiment|[Ll]ycée|[Éé]cole|[Cc]ollège|SSR|SMR|MAS|Labo(?:ratoire)?|LABORATOIRE|Pharmacie|[Cc]abinet|[Vv]illa|SMUR|SAMU|commune|ville|[Rr]éseau|[Ss]ociété|Groupe|Imagerie)(?: de| du| des| d'| de la| de l'| les| La| Les| Le| Saint| Sainte)?(?:[ -](?:[A-ZÉ][\w'-]+))?[ -])$"
)
_NOT_A_PERSON_AFTER = re.compile(
    r"(?:\s[Aa]rbor|\sARBOR|\s?[®™%+]|\s?\d+(?:[.,]\d+)?\s?(?:mg|µg|g|ml|UI|cp|%|mmol|gel|amp|G/L)|\s\d{1,4}(?![\d/]|\s?(?:ans|a\b|A\b))|[-/]\d| ?(?:positi|négati|pos\b|neg\b|nég\b|normal|\+))"
)
_LABEL_MARK = re.compile(r"\s{0,2}:(?!\d)")
_SENTENCE = re.compile(r"(?:[.!?:;•*>]\s+|\n[\s\-•*>|]*|^[\s\-•*]*|\d[.)]\s+|[-–]\s)$")
_MONTH_NAMES = frozenset(fold(month) for month in MONTHS)


@lru_cache(maxsize=50_000)
def _lexical(word: str, upper_line: bool) -> float:
    """What the lists and the spelling say of one word; below -1.5 it is no name at all."""
    folded = fold(word)
    bare = folded.replace("'", " ")
    parts = [part for part in bare.split() if len(part) > 1]
    if folded in listed("termes") or is_acronym(word) or folded in _MONTH_NAMES:
        return -3.0
    entry = first_name(word)
    common = is_word(word)
    upper = word.isupper() and len(word) > 1
    is_surname = folded in surnames() or (
        len(parts) > 1 and all(part in surnames() or first_name(part) for part in parts)
    )
    weight = 0.0
    if entry is not None:
        if entry.france >= FREQUENT or entry.anywhere >= FREQUENT + 2:
            weight = 2.0 if not common else (1.1 if entry.france >= FREQUENT else 0.2)
        else:
            weight = 1.0 if not common else -0.2
    if is_surname and len(parts) > 1 and "-" in word:
        weight += 0.5
    if is_surname:
        weight = max(weight, 0.0) + (1.1 if not common else 0.5)
    known = entry is not None or is_surname
    if folded in listed("pays"):
        weight = weight - 1.5 if is_surname else -3.0
    if folded in listed("eponymes"):
        weight -= 2.0 if not known else 1.4
    elif folded in drugs() or folded in diagnoses():
        weight -= 2.5 if not known else 1.0
    elif common:
        weight -= 1.2 if not known else 0.4
    elif not known:
        weight += 0.6 if len(word) > 3 else -0.2
        if len(parts) > 1 and any(first_name(part) or part in surnames() for part in parts):
            weight += 0.7  # « Ollivier-Kerhoas », « Louise-Anne »
    if len(parts) > 1 and any(part in listed("eponymes") for part in parts):
        weight -= 1.5
    if not known and (folded in communes() or folded in world_towns()):
        weight -= 0.8
    if upper and not upper_line:
        if len(word) <= 3:
            weight -= 1.6 if not known else 1.0
        elif len(word) <= 5 and not known:
            weight -= 1.0
        else:
            weight += 0.3
    elif upper and not known:
        weight -= 0.8
    elif not upper and not word[1:].islower() and "-" not in word and "'" not in word:
        weight -= 0.5 if re.match(r"(?:Mc|Mac|De|Di|Le|La|Da|Du)[A-Z][a-z]+$", word) else 2.0
    return weight


@dataclass(slots=True)
class _Run:
    tokens: list[Token]
    weight: float
    line_start: int
    line_end: int

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end


def _runs(text: str) -> Iterator[_Run]:
    """Runs of capitalised words that no term of care breaks, line by line, with what their words weigh."""
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.lower() != line:
            letters = sum(map(str.isalpha, line[:400]))
            upper_line = letters > 14 and sum(map(str.isupper, line[:400])) > 0.7 * letters
            yield from _runs_of_line(text, start, end, upper_line)
        start = end + 1


def _runs_of_line(text: str, start: int, end: int, upper_line: bool) -> Iterator[_Run]:
    tokens: list[Token] = []
    weights: list[float] = []
    matches = list(_WORD.finditer(text, start, end))
    if "/" in text[start:end] or "^" in text[start:end]:
        matches = sorted(matches + list(_AFTER_SLASH.finditer(text, start, end)), key=lambda m: m.start())
    for match in matches:
        word = match["name"].rstrip("-")
        at = match.start("name")
        if tokens and at < tokens[-1].end:
            continue
        weight = _lexical(word, upper_line)
        if not tokens and weight <= -1.0:
            continue
        joined = tokens and _GAP.fullmatch(text, tokens[-1].end, match.start())
        wide = tokens and match.start() - tokens[-1].end > 1
        if tokens and (not joined or weight <= -1.5 or len(weights) == 4 or (wide and weight <= -1.0)):
            yield _Run(tokens, _total(tokens, weights), start, end)
            tokens, weights = [], []
        if weight <= -1.5 or (not tokens and weight <= -1.0):
            continue
        if match["particle"] and (
            tokens
            or fold(match["particle"]) not in ("de", "du", "des", "la", "le")
            or match["particle"][0].isupper()
        ):
            tokens.append(Token(match.start("particle"), at - 1, match["particle"].strip(), "particle"))
            weight += 0.4 if weight > 0 else 0
        elif (
            not tokens
            and (before := _INITIAL_BEFORE.search(text[max(start, at - 8) : at]))
            and not before.group().startswith("M. ")
        ):
            begin = max(start, at - 8) + before.start()
            tokens.append(
                Token(begin, begin + len(before.group().rstrip()), before.group().strip(), "initial")
            )
            weight += 1.0 if weight > 0 else 0.3
        tokens.append(Token(at, at + len(word), word, "name"))
        weights.append(weight)
        if match["initial"]:
            tokens.append(
                Token(match.start("initial") + 1, match.end("initial"), match["initial"].strip(), "initial")
            )
            weights[-1] += (0.9 if match["initial"].endswith(".") else 0.2) if weight > 0.4 else 0
            yield _Run(tokens, _total(tokens, weights), start, end)
            tokens, weights = [], []
    if tokens:
        yield _Run(tokens, _total(tokens, weights), start, end)


def _total(tokens: list[Token], weights: list[float]) -> float:
    """Several names side by side support each other; a surname in capitals beside a first name, the more."""
    total = sum(weights)
    names = [token for token in tokens if token.kind == "name"]
    if len(names) > 1:
        mixed = len({token.is_upper for token in names}) == 2
        if (
            mixed
            and any(first_name(token.text) for token in names if not token.is_upper)
            and min(weights) > -1
        ):
            total += 1.2
        elif min(weights) > 0:
            total += 0.3
        if min(weights) < -0.9:
            # « Cindy Wagon »: a plain first name, then a word with a capital that nothing asks for
            total += 1.0 if weights[0] >= 1.8 and len(weights) == 2 and not names[1].is_upper else -0.8
    return total


def find_likely_names(text: str) -> Iterator[Finding]:
    """Propose names by the sum of evidence."""
    previous: _Run | None = None
    previous_ok = False
    for run in _runs(text):
        weight = run.weight
        if weight < -0.6:
            previous, previous_ok = run, False
            continue
        cue = _context(text, run)
        if (
            previous is not None
            and previous_ok
            and run.start - previous.end <= 6
            and re.fullmatch(
                r"\s?(?:[,/;&+-]|et|\.|\^+|  +)\s?(?:et )?(?:le |la )?", text[previous.end : run.start]
            )
        ):
            cue = max(cue, 0) + 1.0
        weight += cue
        accepted = weight >= THRESHOLD
        previous, previous_ok = run, accepted
        if accepted:
            yield from _found(text, run, weight)


def _context(text: str, run: _Run) -> float:
    """What stands before and after a run, and how alone it is on its line."""
    floor = max(run.line_start, run.start - 90)
    before = text[floor : run.start]
    near = before[-40:]
    if near.isupper():
        near = near.lower()
    after = text[run.end : min(run.line_end, run.end + 40)]
    weight = 0.0
    if after_prefix_of_eponym(text, run.start) or (near[-1:] in (" ", "-") and _PLACE_BEFORE.search(near)):
        return -2.5
    if _LABEL_MARK.match(after) and near.endswith("  ") and is_word(run.tokens[-1].text):
        return -2.5  # the label of a table: « Aide : »
    if _NOT_A_PERSON_AFTER.match(after):
        weight -= 1.5
    small = before.lower()
    if _ROLE_TAIL.search(small) and _ROLE_LABEL.search(small):
        weight += 1.4
    elif _CUE.search(near.lower()):
        weight += 0.5 if _WEAK_CUE.search(near) else 1.2
    elif near.endswith("famille "):
        weight += 0.9
    elif re.search(r"(?:^|\s)(?:à|À|vers|sur|près de)\s$", near):
        weight -= 1.0
    elif re.search(r"\b(?:de|du|d'|des|la|le|les|l'|un|une|au|aux|en)\s?$", near):
        weight -= 0.4 if re.search(r"\b(?:de|d')\s?$", near) else 1.0
    elif _SENTENCE.search(before) or not before.strip():
        weight -= 0.1
    elif before[-2:-1].islower() or before[-2:-1] == ",":
        weight += 0.2
    if _ROLE_AFTER.match(after):
        weight += 1.0
    if _PERSON_AFTER.match(after):
        weight += 1.3
    elif _CALLED_AFTER.match(after):
        weight += 0.7
    alone = not before.strip(" \t-•*>|(") and not after.strip(" .,\t)|!")
    bracketed = near.endswith("(") and after.startswith(")")
    names = sum(token.kind == "name" for token in run.tokens)
    if alone:
        weight += 0.3 if names == 1 else 0.6
    elif bracketed:
        weight += 0.3
    elif near.endswith(". ") and not after.strip(" ."):
        weight += 0.3  # a first name that signs a note
    return weight


def _found(text: str, run: _Run, weight: float) -> Iterator[Finding]:
    tokens = run.tokens
    score = min(0.68, 0.5 + 0.03 * weight)
    around = text[max(run.line_start, run.start - 60) : run.start]
    role = OTHER
    if _ROLE_AFTER.match(text, run.end) or re.search(
        r"(?i)\b(?:dr|pr|interne|ide|m[ée]decin|op[ée]rateur|anesth|validé|par)\b", around
    ):
        role = STAFF
    elif _PERSON_AFTER.match(text, run.end) or re.search(r"(?i)patient|nom|né", around):
        role = PATIENT
    names = [token for token in tokens if token.kind == "name"]
    alone = Categorie.PRENOM if len(names) == 1 and first_name(names[0].text) else Categorie.NOM
    yield from (
        replace(found, rule="likeness") for found in named(tokens, score, "likeness", role, alone=alone)
    )
