"""Names in lists of people and in the columns of tables and messages."""

import re
from collections.abc import Iterator

from partages.text import fold
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import communes, is_acronym, is_first_name, is_medical, listed
from partages.usecases.pseudonymise.letters import LOWER as _L
from partages.usecases.pseudonymise.letters import UPPER as _U
from partages.usecases.pseudonymise.persons import _TITLE, PATIENT, STAFF, named, sequence
from partages.usecases.pseudonymise.places import town_key
from partages.usecases.pseudonymise.schema import Categorie

_LIST_LABEL = re.compile(
    r"(?:(?<=\n)|^|(?<=[.;•*-])|(?<=[.;•*-] )|(?<=  ))(?:[ÉE]taient )?(?:m[ée]decins? pr[ée]sents?|pr[ée]sente?s?|absente?s?|excus[ée]e?s?|participante?s?|biologistes?(?: m[ée]dicaux)?|m[ée]decins?|aides?(?: op[ée]ratoires?)?|1er aide|2e aide|copies?(?: [àa])?|destinataires?|staff|op[ée]rateurs?|chirurgiens?|anesth[ée]sistes?|internes?|externes?|correspondants?|praticiens?)\s?(?:\([^)\n]{0,20}\))?\s?[:=]\s{0,4}(?P<items>[^\n]{2,160})",
    re.I,
)
_ITEM = re.compile(rf"(?:^|[,;/]| et | - |\s{{2,}})\s{{0,3}}(?:{_TITLE}\.?\s?)?(?=[{_U}]|d[eu'])")


def _listed(text: str) -> Iterator[Finding]:
    """Every item of a list of people: ``Présents : Rabat, Sow, de Boisgelin``."""
    for match in _LIST_LABEL.finditer(text):
        base = match.start("items")
        items = re.split(r"\. |   +\w+\s?:", match["items"])[0]
        for item in _ITEM.finditer(items):
            tokens = sequence(text, base + item.end(), most=4)
            names = [token for token in tokens if token.kind == "name"]
            if (
                names
                and not any(is_medical(token.text) for token in names[:1])
                and names[0].end <= base + len(items)
            ):
                yield from named(tokens, 0.72, "list of people", STAFF)


_SEPARATOR = re.compile(r"[|;\t]")
_FIELD = re.compile(rf"\s*(?P<value>[{_U}{_L}][{_U}{_L}' .-]{{0,38}}[{_U}{_L}.])\s*")
_NAME_COLUMN = re.compile(
    r"(?i)\s*(?:nom|pr[ée]noms?|patiente?|m[ée]decin|praticien|nom (?:et )?pr[ée]nom|nom usuel|prescripteur|op[ée]rateur|référent)\b[^|;\t]{0,20}$"
)
_DATED = re.compile(r"\d{1,2}[/. -]\d{1,2}[/. -]\d{2,4}|\d{1,2} [^\W\d_]{3,9}\.? \d{4}|\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"\s*[A-Za-z]{0,4}[-/ ]?\d[\d ./-]{3,24}[A-Za-z]?\d*\s*")
_PHONE_LIKE = re.compile(r"\s*0\d(?:[ ./-]?\d\d){4}\s*$")
_RESULT = re.compile(r"(?:OBX|NTE)\|")
_MESSAGE_NAME = re.compile(
    rf"(?<=[|^])([{_U}{_L}][{_U}{_L}' -]{{1,30}})\^([{_U}{_L}][{_U}{_L}' -]{{1,30}})(?=[|^])"
)


def _rows(text: str) -> Iterator[Finding]:
    """Names in the columns of a table, told by its header or by standing beside a date in a row; HL7 messages."""
    columns: set[int] = set()
    offset = 0
    for line in text.split("\n"):
        start = offset
        offset += len(line) + 1
        if len(line) > 2000 or len(fields := _SEPARATOR.split(line)) < 4:
            if line.strip():
                columns = set()
            continue
        header = {index for index, field in enumerate(fields) if _NAME_COLUMN.match(field)}
        if header and not _DATED.search(line):
            columns = header
            continue
        if _RESULT.match(line):
            continue
        if not _DATED.search(line) or "^" in line:
            for match in _MESSAGE_NAME.finditer(line):
                for group, label in ((1, Categorie.NOM), (2, Categorie.PRENOM)):
                    yield Finding(
                        start + match.start(group),
                        start + match.end(group),
                        label,
                        0.75,
                        "message",
                        {"RolePER": PATIENT},
                    )
            continue
        at = start
        spans: list[tuple[int, int, str]] = []
        for index, field in enumerate(fields):
            named_field = _FIELD.fullmatch(field)
            if named_field and (
                index in columns or (not columns and index < 3 and not is_medical(named_field["value"]))
            ):
                value = named_field["value"]
                folded = fold(value)
                if (
                    folded not in listed("termes")
                    and len(value) > 1
                    and not is_acronym(value)
                    and value.count(" ") < 4
                ):
                    spans.append((at + named_field.start("value"), at + named_field.end("value"), value))
            elif (
                _NUMBER.fullmatch(field)
                and sum(map(str.isdigit, field)) >= 5
                and not _DATED.search(field)
                and not _PHONE_LIKE.match(field)
            ):
                lead = len(field) - len(field.lstrip())
                code = re.fullmatch(r"\s*\d{2} ?\d{3}\s*", field) is not None and index > 4
                yield Finding(
                    at + lead,
                    at + len(field.rstrip()),
                    Categorie.CODE_POSTAL if code else Categorie.CODE,
                    0.72,
                    "table",
                    {"RoleLOC": "Patient"} if code else {"CodeType": "AUTRE", "RoleNUM": "Patient"},
                )
            elif named_field and index > 3 and town_key(named_field["value"]) in communes():
                yield Finding(
                    at + named_field.start("value"),
                    at + named_field.end("value"),
                    Categorie.VILLE,
                    0.72,
                    "table",
                    {"RoleLOC": "Patient"},
                )
            at += len(field) + 1
        if (not columns and len(spans) < 2) or len(spans) == 0:
            continue
        if not columns and not any(is_first_name(value) for _, _, value in spans):
            continue
        for begin, end, value in spans:
            label = Categorie.PRENOM if is_first_name(value) else Categorie.NOM
            yield Finding(begin, end, label, 0.7, "table", {"RolePER": PATIENT})


def find_in_lists(text: str) -> Iterator[Finding]:
    """Propose the names of lists, tables and messages."""
    yield from _listed(text)
    yield from _rows(text)
