"""Dates: numeric, in words, spelled out, partial, in lists; of birth where the context says so.

What looks like a ratio, a score or a blood pressure (``4/5``, ``12/8``) is a date only where the
words around announce one, or where the document speaks of that month elsewhere.
"""

import re
from collections.abc import Iterator

from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.schema import Categorie
from partages.usecases.pseudonymise.wording import has_any, openings
from partages.usecases.pseudonymise.wording import matches as starting

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_MONTH = (
    r"(?:janv(?:ier)?|jan(?=[\s.-]{1,2}\d)|f[ée]v(?:r(?:ier)?)?|feb(?:ruary)?(?=[\s.-])|mars|march|mar(?=[\s.-]{1,2}\d{2,4})|avr(?:il)?|apr(?:il)?"
    r"|mai|may|juin|june|juil(?:let)?|july|ao[uûü]t?|aug(?:ust)?|sept(?:em(?:bre|ber))?|oct(?:o(?:bre|ber))?|nov(?:em(?:bre|ber))?"
    r"|d[ée]c(?:em(?:bre|ber))?|january)(?![^\W\d_])\.?"
)
_YEAR = r"(?:19|20)\d{2}"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_NUMBER = r"(?:1[0-2]|0?[1-9])"
_UNITS = (
    r"(?:une?|premier|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize)"
)
_SPELLED_DAY = rf"(?:trente(?:[ -](?:et[ -])?une?)?|(?:vingt|dix)(?:[ -](?:et[ -])?{_UNITS})?|{_UNITS})"
_NUMBER_WORD = rf"(?:{_UNITS}|vingts?|trente|quarante|cinquante|soixante|cents?|mille|mil|et)"
_SPELLED_YEAR = rf"(?:deux[ -]mille?|(?:mil(?:le)?|dix)[ -]neuf[ -]cents?)(?:[ -]{_NUMBER_WORD}(?!\w)){{0,5}}"
_WEEKDAY = r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)"

PATTERNS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("iso", 0.97, re.compile(rf"(?<![\d./-]){_YEAR}([-/.]){_NUMBER}\1{_DAY}(?![\d-])")),
    (
        "numeric",
        0.97,
        re.compile(
            rf"(?<![\d.,/-]){_DAY} ?([/.\-|]) ?{_NUMBER} ?\1 ?(?:{_YEAR}|\d{{2}})(?!\d|[./]\d|,\d(?!\d)|-\d(?!\d?[:hH/.]))"
        ),
    ),
    (
        "numeric range",
        0.95,
        re.compile(rf"(?<=[/.]\d\d-){_DAY}([/.]){_NUMBER}(?:\1(?:{_YEAR}|\d\d))?(?![\d/])"),
    ),
    (
        "compact",
        0.93,
        re.compile(
            r"(?<!\d)(?:19[2-9]\d|20[0-4]\d)(?:1[0-2]|0[1-9])(?:3[01]|[12]\d|0[1-9])(?:(?!\d)|(?=(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?(?!\d)))"
        ),
    ),
    (
        "compact",
        0.8,
        re.compile(
            rf"(?:(?<=le )|(?<=né )|(?<=ée )|(?<=du )|(?<=au )|(?<=: ))(?:3[01]|[12]\d|0[1-9])(?:1[0-2]|0[1-9]){_YEAR}\b"
        ),
    ),
    (
        "spaced",
        0.94,
        re.compile(
            rf"(?<![\d.,/+-])(?<!\d )(?:3[01]|[12]\d|0[1-9])  ?(?:1[0-2]|0[1-9])  ?{_YEAR}(?!\d| \d\d)"
        ),
    ),
    (
        "spaced",
        0.9,
        re.compile(
            r"(?:(?<=\()|(?<=[| ] )|(?<=du )|(?<=le )|(?<=au )|(?<= : ))(?:3[01]|[12]\d|0[1-9]) (?:1[0-2]|0[1-9]) \d\d(?=\)| ?\||\s?:|\s{2}|\n|,|\.)"
        ),
    ),
    (
        "spaced",
        0.6,
        re.compile(r"(?<=[a-zà-ÿ] )(?:3[01]|[12]\d|0[1-9]) (?:1[0-2]|0[1-9]) \d\d(?= [a-zà-ÿ]{3})"),
    ),
    (
        "short month",
        0.8,
        re.compile(
            r"(?:(?<=[Ee]n )|(?<=[Ff]in )|(?<=début )|(?<=depuis )|(?<=courant ))(?:0[1-9]|1[0-2])[/-](?:[0-4]\d)(?![\d/%-]|[.,]\d)|(?<![\w/.-])20[0-4]\d-(?:0[1-9]|1[0-2])(?![\w/-]|[.,]\d)"
        ),
    ),
    (
        "feast",
        0.8,
        re.compile(
            rf"\b(?:No[ëe]l|P[âa]ques|Pentec[ôo]te|la Toussaint|Toussaint|l'Ascension|l'Assomption|[1-4](?:er|e|ème) trimestre|T[1-4]|[Ss]emaine \d\d?|S\d\d) {_YEAR}(?!\d)"
        ),
    ),
    (
        "day month year",
        0.97,
        re.compile(
            rf"(?<![\d,.])(?:1er|1ER|{_DAY}(?:th|st|nd|rd)?)[ -]?{_MONTH}(?:[ -]*(?:{_YEAR}|(?<=[ -])'?\d{{2}}\b(?! ?[a-z%/:])|(?<=[ -]){_SPELLED_YEAR}(?!\w)))?",
            re.I,
        ),
    ),
    ("month day year", 0.95, re.compile(rf"\b{_MONTH} {_DAY}(?:th|st|nd|rd)?,? {_YEAR}\b", re.I)),
    (
        "spelled",
        0.97,
        re.compile(
            rf"(?<![\w-]){_SPELLED_DAY} {_MONTH}(?: (?:de l'an(?:née)? )?(?:{_SPELLED_YEAR}|{_YEAR}\b|vingt(?:[ -]{_UNITS})?))?",
            re.I,
        ),
    ),
    (
        "spelled year",
        0.8,
        re.compile(rf"(?<![\w-])(?:l'an(?:née)? |en |depuis |de )({_SPELLED_YEAR})(?!\w)", re.I),
    ),
    ("month year", 0.9, re.compile(rf"\b(?:{_MONTH} ?[-/] ?)?{_MONTH}[ /-]*(?:de l'année )?{_YEAR}\b", re.I)),
    ("month year", 0.8, re.compile(rf"\b{_MONTH}(?: ?'|[-/])\d\d\b(?![-/.,]\d)", re.I)),
    (
        "month year",
        0.7,
        re.compile(
            r"\b(?:janv|f[ée]vr?|avr|juil|sept|oct|nov|d[ée]c)\.? (?:0\d|1\d|2\d)(?=\s?[:;,.)\n]|$| [-–])",
            re.I,
        ),
    ),
    (
        "roman month",
        0.9,
        re.compile(rf"(?<![\w.,/-]){_DAY}[ ./-](?:X(?:II?)?|IX|VI{{0,3}}|IV|I{{1,3}})[ ./-]{_YEAR}(?![\w/])"),
    ),
    (
        "numeric month",
        0.85,
        re.compile(rf"(?<![\d.,/-])(?:{_NUMBER}/|(?:1[0-2]|0[1-9])[.-]){_YEAR}(?![\d/]|[.-]\d)"),
    ),
)
_DAY_MONTH = re.compile(
    rf"(?<![\d.,/:+-])({_DAY}) ?([/.]|(?<=\d\d)-(?=\d\d))({_NUMBER})(?![\d/%]|[.,-]\d|\s?(?:mg|µg|g|ml|cl|mL|mmol|mm|cm|kg|UI|fois|comprim|cp|j\b|jours?|h\b|mmHg|ans?|mois|semaines?|°|€))"
)
_ANNOUNCED = re.compile(
    r"(?:\b(?:le|du|au|les|depuis|dès|jusqu'au|vers|de|et|entre|RDV|rdv|vue?s?|revue?s?|sortie?|entrée?|entre|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|prélevée?s?|reçue?|éditée?|bilan|date|en date|faite?|hier|bio|"
    r"contrôle|consult\w*|cs|prévue?s?|programmée?s?|réalisée?s?|appel|arrêt|retour|ablation|posée?|sevrée?|extub|IOT|TDM|IRM|ECBU|hémoc\w*|ETT|ETO|ECG|RP|clôture|passage|visite|"
    r"SMS|mail|courrier|fiche|relance|nuit|matin|soir|bloc|GS|irradié|ETF|FO|Guthrie)\.?)\s?:?\s{0,20}$",
    re.I,
)
_NOT_A_DATE = re.compile(
    r"(?:\b(?:TA|PA|PAS|tension|EVA|EN|EVN|score|glasgow|CGS|apgar|DAS|GIR|MMSE?|mini|MNA|ADL|IADL|G8|AV|acuité|BMI|cotée?s?|force|testing|MRC|P|IMC|ratio|rapport|"
    r"dilution|dents?|x|stade|grade|type|ASA|OMS|niveau|vertèbres?|étages?|Westley|Epworth|prurit|douleur|"
    r"[1-4]e?|Norton|Braden|barthel|MIF|Tinetti|moca|BREF|horloge|page|pages|p|fois|[Hh]émoc\w*\s?\+?)\s?(?:à|=|:|de|est|était|initial)?\s?(?:à|de)?\s?)$",
    re.I,
)
_FRACTION = re.compile(r"[1-9]/[2-68]|[0-9]/10|10/10|\d{1,2}/12")
_TIME_AFTER = re.compile(
    r"\s{0,3}(?:à |vers |- |@ )?\d{1,2} ?(?:[hH](?![a-z])|:\d\d)|\s{0,3}(?:matin|soir|midi)\b|\s?(?:->|=>|→)"
)
_TIME_BEFORE = re.compile(r"\d{1,2}[hH:]\d{0,2}\s{0,3}(?:le )?$")
_LINE_OPENING = re.compile(r"(?:^|\n)[ \-•*>|\t]*$")
_LONE_DAY = re.compile(
    rf"(?:\b{_WEEKDAY} (?:le )?(1er|{_DAY})(?!\d|[,./:]\d| ?[h%°]| ?(?:heures|ans|jours|mg|{_MONTH}))"
    rf"|\b(?:[Ll]e|jusqu'au|[àÀ] compter du|[àÀ] partir du|dès le|[Dd]epuis le|avant le|après le|au plus tard le|[Ll]es) (1er|{_DAY})(?=\s?[,;.)\n?!]|\s?$| (?:à \d|chez|au |du |matin|soir|après|avec|pour|par|prochain|courant|ct\b|dernier|inclus|puis|suite|et \d)|, )(?![,.]\d))"
)
_BEFORE_LIST = re.compile(
    rf"(?<![\d,./])(1er|{_DAY})(?: ?(?:,|et|au|ou|&|puis|-|–|/|à) ?|,? (?:et|puis) (?:le )?|,? au )$"
)
_LONE_YEAR = re.compile(
    r"(?<![\w.,/+-])(?<!à )(?<!n° )((?:19[3-9]|20[0-3])\d)(?![\w/%]|[.,-]\d|\.\d| ?(?:[mµnkp]?g|[mcdµ]?[lL]|kcal|cal|UI|U|ng|/|€|euros|pas|fois|mètres|m|km|cc|éléments|élts|cellules|copies|patients|cas|personnes|rad|Gy|cGy|ms|mm|W|kJ|calories|grammes|milli\w*)\b| \d{3}\b)"
)
_YEAR_AFTER = re.compile(
    r"(?:\b(?:en|depuis|année|an|dès|vers|fin|début|courant|de|et|ou|puis|à|jusqu'en|avant|après|printemps|été|automne|hiver|noël|pâques|toussaint|janv|arrêt|sevré|née?|à partir de|entre|mi|circa|rentrée|d[ée]c[èe]s"
    r"|opérée?|le|année\s?:)[\s-]{1,2}(?:l'année |l'été |l'hiver )?|[(/,;†]\s?|[a-zéè)]\s|\()$",
    re.I,
)
_LONE_MONTH = re.compile(
    r"(?<![\w-])(?:(?:mi-)?(janvier|f[ée]vrier|avril|juin|juillet|ao[ûu]t|septembre|octobre|novembre|d[ée]cembre)"
    r"|(?<=en |de |ut |in |is |en |nt |rs |ou |et |au |mi-)(mars|mai))(?![\w-])",
    re.I,
)
_BIRTH = re.compile(
    r"(?:\bn(?:é|ee|É|EE|E)(?:\(?e\)?)?|ddn|d\.d\.n\.?|dob|naissance|\bnaiss?\.?|date de nais\w*|\bn\(e\))"
    r"[\s:.,|*]{0,8}(?:[A-ZÉ][\w'É-]{0,20}\s+){0,3}(?:le\s*:?\s*)?(?:(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)\s)?$",
    re.I,
)
_SHORT_MONTH = re.compile(r"(?:janv|f[ée]vr?|avr|juil|sept|oct|nov|d[ée]c|jan|aou)\.$", re.I)
_BIRTH_REACH = 48  # characters before a date in which the words of birth are looked for
_REACH = 24


def find_dates(text: str) -> Iterator[Finding]:
    """Propose every date of the view."""
    full: list[tuple[int, int]] = []
    monthly = has_any(text, _MONTH_WORDS)
    numbers = [match.start() for match in _NUMBERS.finditer(text)]
    month_starts = [match.start() for match in _MONTH_STARTS.finditer(text)] if monthly else []
    for rule, score, pattern in PATTERNS:
        if (rule in _WITH_MONTH and not monthly) or (
            rule == "spelled year" and not has_any(text, _THOUSANDS)
        ):
            continue
        if rule == "spelled":
            matches = starting(pattern, text, _NUMBER_OPENINGS)
        elif rule in _FROM_NUMBER:
            matches = _from(pattern, text, numbers)
        elif rule in _FROM_MONTH:
            matches = _from(pattern, text, month_starts)
        else:
            matches = pattern.finditer(text)
        for match in matches:
            start, end = match.span(1) if rule == "spelled year" else match.span()
            if "apgar" in text[max(0, start - 20) : start].casefold():
                continue
            if rule == "spelled" and match.group().casefold().startswith(("un mai", "une mai", "une mars")):
                continue
            if (
                text[end - 1] == "."
                and not text[end - 2].isdigit()
                and not _SHORT_MONTH.search(text, start, end)
            ):
                end -= 1
            full.append((start, end))
            yield _dated(text, start, end, score, rule)
    months = {int(told[1]) for start, end in full if (told := _MONTH_OF.match(text, start, end))}
    partial = list(_day_months(text, months, numbers))
    yield from partial
    yield from _days_listed_before(text, full + [(found.start, found.end) for found in partial])
    for match in _LONE_DAY.finditer(text):
        group = 1 if match[1] else 2
        yield _dated(text, *match.span(group), 0.7, "lone day")
    for match in _from(_LONE_YEAR, text, numbers):
        start, end = match.span(1)
        if _YEAR_AFTER.search(text[max(0, start - _REACH) : start]):
            yield Finding(start, end, Categorie.DATE_NON_IDENTIFIANTE, 0.6, "lone year")
    for match in _from(_LONE_MONTH, text, month_starts):
        start, end = match.span(1 if match[1] else 2)
        yield Finding(start, end, Categorie.DATE_NON_IDENTIFIANTE, 0.58, "lone month")


_NUMBERS = re.compile(r"\d+")
_MONTH_STARTS = re.compile(
    r"(?<![^\W\d_])(?:mi-)?(?:jan|f[ée][vb]|ma[riy]|a[vp]r|ju[inl]|a[ou][uûügt]|sep|oct|nov|d[ée]c)", re.I
)
_FROM_NUMBER = frozenset(
    {
        "iso",
        "numeric",
        "numeric range",
        "compact",
        "spaced",
        "day month year",
        "roman month",
        "numeric month",
        "short month",
    }
)
_THOUSANDS = frozenset({"mil", "mille", "mill", "neuf"})
_NUMBER_OPENINGS = openings("un une pre deu tro qua cin six sep hui neu dix onz dou tre qui sei vin")
_FROM_MONTH = frozenset({"month day year", "month year"})


def _from(pattern: re.Pattern[str], text: str, starts: list[int]) -> Iterator[re.Match[str]]:
    """As ``finditer``, at the places given alone: tens of times less work where they are few."""
    at = 0
    for start in starts:
        if start >= at and (match := pattern.match(text, start)):
            yield match
            at = match.end()


_WITH_MONTH = frozenset({"day month year", "month day year", "spelled", "month year"})
_MONTH_WORDS = frozenset(
    "janv janvier jan january fev fevr fevrier feb february mars march mar avr avril apr april mai may juin june jui juil juillet july aou aout aug august "
    "sept septembre september oct octobre october nov novembre november dec decembre december".split()
)
_MONTH_OF = re.compile(rf"{_DAY} ?[/.\-] ?({_NUMBER})(?!\d)")


_LINK = re.compile(r"\s?(?:,|et|au|puis|-|;|/|\+|&)?\s?(?:le )?")


def _day_months(text: str, months: set[int], numbers: list[int]) -> Iterator[Finding]:
    """Day and month without a year: weighed, one for all in a list, then taken again for the months so found."""
    waiting: list[tuple[re.Match[str], float]] = []
    for group in _lists(text, numbers):
        weights = [_weight(text, match) for match in group]
        days = [int(match[1]) for match in group]
        if len(group) > 2 and days == sorted(set(days)) and len({match[3] for match in group}) == 1:
            weights = [weight + 2 for weight in weights]  # « 5/3, 6/3 et 7/3 »
        for match, weight in zip(group, weights, strict=True):
            if weight >= 1.0 or (max(weights) >= 1.0 and weight > -2):
                months.add(int(match[3]))
                yield _dated(text, *match.span(), 0.75, "day and month")
            else:
                waiting.append((match, weight))
    for match, weight in waiting:
        if int(match[3]) in months and weight >= 0 and match[2] == "/":
            yield _dated(text, *match.span(), 0.6, "day and month")


def _lists(text: str, numbers: list[int]) -> Iterator[list[re.Match[str]]]:
    """The candidates, those of one enumeration together."""
    group: list[re.Match[str]] = []
    for match in _from(_DAY_MONTH, text, numbers):
        if group and not (
            match.start() - group[-1].end() < 8 and _LINK.fullmatch(text, group[-1].end(), match.start())
        ):
            yield group
            group = []
        group.append(match)
    if group:
        yield group


def _weight(text: str, match: re.Match[str]) -> float:
    """How much a day and month without a year looks like a date; 1 is enough."""
    start, end = match.span()
    before = text[max(0, start - _REACH) : start]
    value = match.group().replace(" ", "")
    if _NOT_A_DATE.search(before):
        return -3.0
    weight = 0.0
    if match[2] != "/":
        weight -= 1.2
    if len(match[3]) == 2:
        weight += 1.0 if match[3] not in ("10", "12") or len(match[1]) == 2 else 0.3
    if len(match[1]) == 2 and int(match[1]) > 12:
        weight += 0.5
    if _FRACTION.fullmatch(value):
        weight -= 1.2
    if _ANNOUNCED.search(before):
        weight += 2.2 if before.endswith(("le ", "du ", "Le ")) else 1.5
    if _TIME_AFTER.match(text, end) or _TIME_BEFORE.search(before):
        weight += 1.5
    if _LINE_OPENING.search(before):
        weight += (
            1.2 if re.match(r"\s{0,3}(?:[:–-]|nuit|[A-ZÀ-Þ])|\s\d{1,2}[hH:]", text[end : end + 6]) else 0.7
        )
    if before.endswith("(") and text[end : end + 1] in (")", ","):
        weight += 0.4
    return weight


def _days_listed_before(text: str, dates: list[tuple[int, int]]) -> Iterator[Finding]:
    """The days of ``les 18 et 19/04``, ``du 3 au 7 mars``, ``23, 24, 25/10``."""
    for start, _end in dates:
        at = start
        for _ in range(6):
            match = _BEFORE_LIST.search(text[max(0, at - 14) : at])
            if match is None:
                break
            begin = max(0, at - 14) + match.start(1)
            before = text[max(0, begin - _REACH) : begin]
            first = not re.search(r"(?:\b(?:le|les|du|des|nuit du|entre le|,|et)\s|\(|\d, ?)$", before, re.I)
            if first and not match.group().rstrip().endswith(("et", "au", ",")):
                break
            yield _dated(text, begin, begin + len(match[1]), 0.72, "listed day")
            at = begin


def _dated(text: str, start: int, end: int, score: float, rule: str) -> Finding:
    birth = _BIRTH.search(text[max(0, start - _BIRTH_REACH) : start])
    label = Categorie.DATE_NAISSANCE if birth else Categorie.DATE_IDENTIFIANTE
    return Finding(start, end, label, score, rule)
