"""Annotated fictitious reports from templates: see README.md beside this file.

python benchmarks/generator/generate.py --split train --count 3000 --seed 1 > train.jsonl
"""

import argparse
import json
import random
import re
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from partages.usecases.pseudonymise.gazetteers import communes

HERE = Path(__file__).parent
LOCALES = (
    "fr_FR fr_BE fr_CH fr_CA pt_PT pt_BR pl_PL tr_TR vi_VN es_ES es_MX it_IT de_DE de_AT en_GB nl_NL ro_RO hr_HR cs_CZ "
    "sk_SK sl_SI hu_HU sv_SE no_NO da_DK fi_FI fil_PH id_ID yo_NG zu_ZA tw_GH et_EE lt_LT lv_LV az_AZ sq_AL"
).split()
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
SHORT_MONTHS = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split()
UNITS = (
    "premier deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf vingt vingt-et-un vingt-deux vingt-trois vingt-quatre vingt-cinq vingt-six vingt-sept vingt-huit "
    "vingt-neuf trente trente-et-un"
).split()
TENS = {5: "cinquante", 6: "soixante", 7: "soixante-dix", 8: "quatre-vingt", 9: "quatre-vingt-dix", 4: "quarante", 3: "trente"}  # fmt: skip
_PARTICLES = "Le La De de du Du da dos di Di van Van vanden Vanden Lo Abou Aït Ben des Thi Maria".split()

Span = tuple[int, int, str, dict[str, str]]


def _spaced(name: str) -> str:
    return name.replace("-", " ") if name.split("-")[0] in _PARTICLES else name


@cache
def lists() -> dict[str, Any]:
    return json.loads((HERE / "names.json").read_text())


def _half(name: str) -> bool:
    """Which half of the names a name belongs to; stable from one run to the next."""
    return zlib.crc32(name.casefold().encode()) % 3 == 0


@cache
def surnames(split: str) -> dict[str, list[str]]:
    """Surnames by kind; rare ones are disjoint between the splits."""
    from faker import Faker

    own = lists()
    found: dict[str, set[str]] = {"french": set(), "world": set()}
    for locale in LOCALES:
        for provider in Faker(locale).get_providers():
            for attribute in ("last_names", "last_names_male", "last_names_female"):
                names = getattr(provider, attribute, None) or ()
                kind = "french" if locale.startswith("fr_") else "world"
                found[kind] |= {
                    name for name in names if all("LATIN" in unicodedata.name(c, "") for c in name if c.isalpha()) and len(name) > 1
                }  # fmt: skip
    found["world"] |= {_spaced(name) for name in own["world"].split()}
    found["french"] |= {_spaced(name) for name in own["regions"].split()}
    kept = {
        kind: sorted(name for name in names if _half(name) == (split == "evaluation"))
        for kind, names in found.items()
    }
    kept["words"] = own["words"].split()
    kept["first"] = own["firstAsLast"].split()
    kept["hand"] = [
        n
        for n in sorted({_spaced(name) for name in (own["world"] + " " + own["regions"]).split()})
        if _half(n) == (split == "evaluation")
    ]
    return kept


@cache
def first_names(split: str) -> tuple[list[str], list[str]]:
    """Usual first names written by hand, and those of Faker's locales."""
    from faker import Faker

    found: set[str] = set()
    for locale in LOCALES:
        for provider in Faker(locale).get_providers():
            for attribute in ("first_names", "first_names_male", "first_names_female"):
                names = getattr(provider, attribute, None) or ()
                found |= {
                    n for n in names if all("LATIN" in unicodedata.name(c, "") for c in n if c.isalpha())
                }
    world = sorted(n for n in found if len(n) > 1 and _half(n) == (split == "evaluation"))
    return [_spaced(n) for n in lists()["firsts"].split()], world


@cache
def _chain(split: str) -> dict[str, list[str]]:
    """Letters that follow each two letters in surnames."""
    table: dict[str, list[str]] = {}
    for name in surnames(split)["french"] + surnames(split)["world"]:
        padded = "^^" + name.lower() + "$"
        for at in range(len(padded) - 2):
            table.setdefault(padded[at : at + 2], []).append(padded[at + 2])
    return table


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


@cache
def templates(split: str) -> dict[str, list[str]]:
    """Fragments by section."""
    found: dict[str, list[str]] = {}
    section = ""
    lines: list[str] = []
    for line in (HERE / f"{split}.txt").read_text().splitlines():
        if line.startswith("# "):
            continue
        if line.startswith("@"):
            section = line[1:]
        elif line == "%%":
            found.setdefault(section, []).append("\n".join(lines))
            lines = []
        else:
            lines.append(line)
    return found


@cache
def own_lines(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text().splitlines() if line and not line.startswith("#")]


@cache
def _towns() -> tuple[list[str], list[str]]:
    small = [name for name in communes() if len(name) > 2]
    return [t.replace("Le-", "Le ").replace("La-Ro", "La Ro") for t in lists()["towns"].split()], small


class Case:
    """One report being written: its people, its styles, its text and its spans."""

    def __init__(self, split: str, draw: random.Random, sentences: list[str]) -> None:
        self.split, self.draw, self.sentences = split, draw, sentences
        self.people: dict[str, tuple[str, str, str]] = {}
        self.upper = draw.random() < 0.5
        self.date_style = draw.choice("abcdef")
        self.separator = draw.choice(["/", "/", "/", ".", "-", " "])
        self.day = date(draw.randint(2005, 2027), draw.randint(1, 12), draw.randint(1, 28))
        self.born = date(draw.randint(1928, 2023), draw.randint(1, 12), draw.randint(1, 28))
        self.text: list[str] = []
        self.length = 0
        self.spans: list[Span] = []

    def surname(self) -> str:
        pools, draw = surnames(self.split), self.draw
        kind = draw.choices(["french", "world", "words", "first", "hand", "made"], [5, 3, 2.5, 2, 2.5, 3])[0]
        if kind == "made":
            for _ in range(20):
                state, name = "^^", ""
                while (letter := draw.choice(_chain(self.split)[state])) != "$" and len(name) < 12:
                    name += letter
                    state = state[1] + letter
                if len(name) > 2 and name[-1].isalpha():
                    return name.title() if "'" not in name else name.capitalize()
        name = draw.choice(pools["french"] if kind == "made" else pools[kind])
        if draw.random() < 0.06:
            name += draw.choice(["-", "-", " "]) + draw.choice(
                pools[draw.choice(["french", "words", "first"])]
            )
        return name

    def first(self) -> str:
        usual, world = first_names(self.split)
        return self.draw.choice(usual) if self.draw.random() < 0.65 else self.draw.choice(world)

    def person(self, key: str) -> tuple[str, str, str]:
        if key not in self.people:
            self.people[key] = (
                self.surname() if key[0] != "o" or self.draw.random() < 0.6 or "p" not in self.people else self.people["p"][0],
                self.first(),
                self.surname(),
            )  # fmt: skip
        return self.people[key]

    def emit(self, text: str, label: str = "", **attributes: str) -> None:
        if label and text:
            self.spans.append((self.length, self.length + len(text), label, attributes))
        self.text.append(text)
        self.length += len(text)

    def write(self, template: str) -> None:
        template = self.choose(template)
        at = 0
        for match in re.finditer(r"\{(\w+)\}", template):
            self.emit(template[at : match.start()])
            self.slot(match.group(1))
            at = match.end()
        self.emit(template[at:])

    def choose(self, template: str) -> str:
        while "[[" in template:
            template = re.sub(
                r"\[\[((?:(?!\[\[|\]\]).)*)\]\]",
                lambda m: self.draw.choice(m[1].split("|")),
                template,
                flags=re.S,
            )
        return template

    def slot(self, name: str) -> None:
        if match := re.fullmatch(r"([pdo])(\d?)([NPBiI])([uli]?)", name):
            self.name(*match.groups())
            return
        case = ""
        if len(name) > 1 and name[:-1] in ("V", "A", "H") and name[-1] in "ul":
            name, case = name[:-1], name[-1]
        make: Callable[[], tuple[str, str, dict[str, str]]] | None = {
            "V": self.town, "A": self.street, "H": self.hospital, "C": self.postal,
        }.get(name)  # fmt: skip
        if make:
            text, label, attributes = make()
            text = text.upper() if case == "u" else text.lower() if case == "l" else text
            self.emit(text, label, **attributes)
        elif name[0] == "D":
            self.date(name)
        else:
            self.other(name)

    def name(self, who: str, number: str, part: str, case: str) -> None:
        last, first, birth = self.person(who + number)
        role = {"p": "Patient", "d": "PersonnelSante", "o": "Autre"}[who]
        if part == "I":
            text = first[0] + last.split()[-1][0]
            if self.draw.random() < 0.2:
                text += self.draw.choice("BCDMR")
            self.emit(text.lower() if case == "l" else text.upper(), "Nom", RolePER=role)
            return
        if part == "i":
            self.emit(re.sub(r"(\w)\w*", r"\1", first) if "-" in first else first[0], "Prenom", RolePER=role)
            return
        text = {"N": last, "P": first, "B": birth}[part]
        if part == "N" and case == "i":
            text = last[0]
        elif case == "u" or (part in "NB" and not case and self.upper and self.draw.random() < 0.85):
            text = text.upper()
            if self.draw.random() < 0.5:
                text = _plain(text)
        elif case == "l":
            text = text.lower()
        self.emit(text, "Prenom" if part == "P" else "Nom", RolePER=role)

    def some_day(self) -> date:
        return self.day + timedelta(days=self.draw.randint(-400, 200))

    def date(self, name: str) -> None:
        kind = name[1:]
        birth = kind.startswith("b")
        day = self.born if birth else self.some_day()
        kind = kind[1:] if birth else kind
        label = "DateNaissancePatient" if birth else "DateIdentifiante"
        draw, sep = self.draw, self.separator
        if kind == "c":
            text = draw.choice([f"{day:%Y%m%d}", f"{day:%d%m%Y}", f"{day:%Y%m%d}"])
        elif kind == "dm":
            style = draw.random()
            text = (
                f"{day:%d}{draw.choice('//.-')}{day:%m}" if style < 0.6
                else f"{day.day}/{day.month}" if style < 0.75
                else f"{day.day} {MONTHS[day.month - 1]}" if style < 0.93
                else f"{day.day} {SHORT_MONTHS[day.month - 1]}"
            )  # fmt: skip
        elif kind == "d":
            text = "1er" if day.day == 1 else str(day.day)
        elif kind == "j":
            text = f"{draw.choice(['lundi', 'mardi', 'mercredi', 'jeudi', 'vendredi', 'lun', 'mar.', 'jeu.', 'ven'])} {day.day}"
            if draw.random() < 0.6:
                text += draw.choice([f" {MONTHS[day.month - 1]}", f"/{day:%m}", f" {SHORT_MONTHS[day.month - 1]}", f"/{day:%m}/{day:%y}", f" {MONTHS[day.month - 1]} {day.year}"])  # fmt: skip
        elif kind == "s":
            short = SHORT_MONTHS[day.month - 1].rstrip(".")
            text = draw.choice([f"{short} {day:%y}", f"{short}-{day:%y}", f"{day.month}/{day:%y}", f"{short}. {day.year}", f"{day.day} {short} {day:%y}", f"{day.day}-{short}-{day:%y}", f"{day.day} {'I II III IV V VI VII VIII IX X XI XII'.split()[day.month - 1]} {day.year}", f"{day:%d %m %y}", f"{day:%d.%m}", f"{day:%d - %m - %Y}", f"{day.day} /{day.month}/ {day.year}"])  # fmt: skip
        elif kind == "my":
            text = draw.choice([f"{MONTHS[day.month - 1]} {day.year}", f"{day:%m/%Y}", f"{MONTHS[day.month - 1]} {day.year}", f"{day:%m.%Y}"])  # fmt: skip
        elif kind == "M":
            text, label = MONTHS[day.month - 1], "DateNonIdentifiante"
        elif kind in ("Y", "Y2"):
            text, label = str(draw.randint(1950, 2026)), "DateNonIdentifiante"
        elif kind in ("l", "ll"):
            number = "1er" if day.day == 1 else f"{day.day:02d}" if draw.random() < 0.2 else str(day.day)
            text = f"{number} {MONTHS[day.month - 1]} {day.year}"
            if draw.random() < 0.1:
                text = text.upper()
        elif kind == "w":
            text = f"{UNITS[day.day - 1]} {MONTHS[day.month - 1]}"
            if birth or draw.random() < 0.7:
                if day.year >= 2000:
                    rest = (
                        ""
                        if day.year == 2000
                        else " un"
                        if day.year == 2001
                        else " " + UNITS[day.year - 2001]
                    )
                    text += " deux mille" + rest
                else:
                    rest = ("un", *UNITS[1:9])[day.year % 10 - 1] if day.year % 10 else ""
                    tens = TENS.get(day.year // 10 % 10, "vingt")
                    if tens in ("soixante-dix", "quatre-vingt-dix"):
                        tens, rest = tens[:-4], UNITS[day.year % 10 + 9]
                    text += f" {draw.choice(['mille neuf cent', 'dix-neuf cent'])} {tens}" + (
                        draw.choice([" ", "-"]) + rest if rest else ""
                    )
        else:
            style = self.date_style if draw.random() < 0.8 else draw.choice("abcdefg")
            text = {
                "a": f"{day:%d}{sep}{day:%m}{sep}{day:%Y}",
                "b": f"{day:%d}{sep}{day:%m}{sep}{day:%Y}",
                "c": f"{day:%d}{sep}{day:%m}{sep}{day:%y}",
                "d": f"{day.day}/{day.month}/{day:%y}",
                "e": f"{day.day} {MONTHS[day.month - 1]} {day.year}",
                "f": draw.choice([f"{day:%d/%m/%Y}", f"{day:%Y-%m-%d}", f"{day.day} {SHORT_MONTHS[day.month - 1]} {day.year}"]),
                "g": f"{day.day} {MONTHS[day.month - 1][:3].upper()} {day.year}",
            }[style]  # fmt: skip
        self.emit(text, label)

    def town(self) -> tuple[str, str, dict[str, str]]:
        large, small = _towns()
        if self.draw.random() < 0.5:
            town = self.draw.choice(large)
        else:
            words = self.draw.choice(small).title().split()
            joined = "-".join(w.lower() if i > 0 and w in ("Le", "La", "Les", "De", "Du", "Des", "Sur", "En", "Sous", "Et", "Aux") else w for i, w in enumerate(words))  # fmt: skip
            town = re.sub(r"-(D|L)-", lambda m: f"-{m[1].lower()}'", joined)
            if self.draw.random() < 0.2:
                town = town.replace("-", " ").replace("Saint ", "St ")
        style = self.draw.random()
        town = town.upper() if style < 0.2 else _plain(town).upper() if style < 0.3 else town
        return town, "Ville", {"RoleLOC": "Autre"}

    def postal(self) -> tuple[str, str, dict[str, str]]:
        code = f"{self.draw.randint(1, 95):02d}{self.draw.randint(0, 990):03d}"
        return (code[:2] + " " + code[2:] if self.draw.random() < 0.07 else code), "CodePostal", {"RoleLOC": "Autre"}  # fmt: skip

    def street(self) -> tuple[str, str, dict[str, str]]:
        draw, own = self.draw, lists()
        name = draw.choice(own["streets"].split("|"))
        if draw.random() < 0.4:
            name = draw.choice(["", "de ", "du ", "des ", "Docteur ", "du Docteur-"]) + self.surname()
        text = f"{draw.choice(own['streetTypes'].split())} {name}"
        if draw.random() < 0.9:
            number = str(draw.randint(1, 240)) + draw.choice(["", "", "", "", " bis", "B", " ter"])
            text = number + draw.choice([" ", " ", ", "]) + text
        if draw.random() < 0.1:
            text += draw.choice([", bât. B", ", appt 12", " - Résidence " + self.surname(), ", lieu-dit " + self.surname()])  # fmt: skip
        return (text.upper() if draw.random() < 0.15 else text), "Adresse", {"RoleLOC": "Patient"}

    def hospital(self) -> tuple[str, str, dict[str, str]]:
        draw = self.draw
        style = draw.random()
        raw = lists()["hospitals"].split("|")
        names = raw[0].split() + raw[1:]
        if style < 0.5:
            text = draw.choice(names)
        elif style < 0.75:
            text = self.town()[0]
        elif style < 0.9:
            text = draw.choice(["", "Jean ", "Saint-", "Les ", "Val de ", "Docteur "]) + self.surname()
        else:
            text = draw.choice(["Saint-", "Sainte-"]) + self.first()
        text = text.upper() if draw.random() < 0.2 else text
        return text, "Etablissement", {"RoleLOC": "Hopital"}

    def digits(self, count: int) -> str:
        return "".join(self.draw.choices("0123456789", k=count))

    def other(self, name: str) -> None:
        draw, own = self.draw, lists()
        if name == "med":
            self.emit(draw.choice(self.sentences))
        elif name in ("sx", "SX"):
            text = draw.choice(own_lines("symptoms.txt"))
            self.emit(text.upper() if name == "SX" else text)
        elif name == "dr":
            self.emit(draw.choice(["Dr", "Dr", "Dr", "Docteur", "Dr.", "dr", "DR", "Pr", "Professeur", "Pr.", "le Dr", "Dre"]))  # fmt: skip
        elif name == "mr":
            self.emit(draw.choice(["M.", "Mme", "Mme", "Monsieur", "Madame", "Mr", "MME", "mr", "mme", "Mlle", "M"]))  # fmt: skip
        elif name == "g":
            self.emit(draw.choice(["", ":", " ", ": ", "=", "\t", " | "]))
        elif name == "IPP":
            text = draw.choice([self.digits(draw.randint(6, 12)), self.digits(10), "8" + self.digits(9), f"{self.digits(2)} {self.digits(2)} {self.digits(4)}", draw.choice("HPNV") + self.digits(8), f"{self.digits(3)}-{self.digits(5)}", f"{self.digits(4)} {self.digits(4)} {self.digits(2)}", f"{self.digits(3)} {self.digits(3)} {self.digits(3)}", "000" + self.digits(7), draw.choice(["CHU", "HP", "P", "PAT"]) + self.digits(8), f"{self.digits(6)}{draw.choice('ABKX')}", f"{draw.randint(15, 26)}{self.digits(7)}"])  # fmt: skip
            self.emit(text, "CodeIdentifiant", CodeType="NIPouIPP", RoleNUM="Patient")
        elif name == "NDA":
            text = draw.choice([self.digits(draw.randint(8, 10)), self.digits(9), f"H{draw.randint(2015, 2026)}-{self.digits(5)}", f"{self.digits(6)}-{self.digits(2)}", "NDA" + self.digits(7), f"25/{self.digits(6)}", f"{self.digits(2)} {self.digits(4)} {self.digits(3)}", "V" + self.digits(9), f"{draw.randint(2015, 2026)} {self.digits(5)}", f"{draw.randint(15, 26)}.{self.digits(6)}", "I" + self.digits(8)])  # fmt: skip
            self.emit(text, "CodeIdentifiant", CodeType="NDA", RoleNUM="Patient")
        elif name == "NIR":
            body = [draw.choice("12"), f"{self.born:%y}", f"{self.born:%m}", draw.choice(["99", f"{draw.randint(1, 95):02d}"]), self.digits(3), self.digits(3), self.digits(2)]  # fmt: skip
            text = draw.choice(["", " ", " ", " ", ".", "-", "/"]).join(body[: draw.choice([6, 7, 7])])
            if draw.random() < 0.1:
                text = " ".join(body[:6]) + draw.choice([" clé ", " Clé : ", " / ", "-", " (clé) "]) + body[6]
            elif draw.random() < 0.1:
                text = "".join(body[:6]) + " " + body[6]
            elif draw.random() < 0.05:
                text = "".join(body[:3]) + " " + "".join(body[3:6]) + " " + body[6]
            self.emit(text, "CodeIdentifiant", CodeType="NIR", RoleNUM="Patient")
        elif name == "RPPS":
            text = draw.choice(["10" + self.digits(9)] * 5 + [f"10 {self.digits(3)} {self.digits(3)} {self.digits(3)}", f"10{self.digits(2)} {self.digits(3)} {self.digits(4)}", self.digits(9), f"{self.digits(2)} {self.digits(1)} {self.digits(5)} {self.digits(1)}", f"{self.digits(2)}/{self.digits(5)}"])  # fmt: skip
            self.emit(text, "CodeIdentifiant", CodeType="RPPS", RoleNUM="PersonnelSante")
        elif name == "FIN":
            text = draw.choice([self.digits(9)] * 3 + [f"{self.digits(2)} {self.digits(3)} {self.digits(3)} {self.digits(1)}", f"{self.digits(3)} {self.digits(3)} {self.digits(3)}"])  # fmt: skip
            self.emit(text, "CodeIdentifiant", CodeType="FINESS", RoleNUM="Hopital")
        elif name == "X":
            letters = "".join(draw.choices("ABCDEFGHKLMPRSTVX", k=draw.randint(1, 3)))
            text = draw.choice([
                f"{letters}-{self.digits(2)}-{self.digits(4)}", f"{self.digits(2)}{letters[0]}{self.digits(4)}", f"{letters}{self.digits(6)}",
                self.digits(draw.randint(6, 11)), f"{letters}/{draw.randint(20, 26)}/{self.digits(4)}", f"{letters} {self.digits(5)}",
                f"{draw.randint(2015, 2026)}-{self.digits(5)}", f"{self.digits(2)}.{self.digits(5)}", f"{self.digits(3)}.{self.digits(4)}.{self.digits(4)}.{self.digits(2)}",
                f"{letters}/{draw.randint(2015, 2026)}/{self.digits(4)}", f"{self.digits(2)}/{self.digits(5)}", f"{self.digits(4)}/{draw.randint(15, 26)}", f"{letters}-{draw.randint(2015, 2026)}-{self.digits(3)}", f"{letters}{self.digits(4)}{letters}{self.digits(3)}", f"{self.digits(2)}{letters[0]}-{letters[-1]}{self.digits(1)}L-{self.digits(3)}",
                f"{self.digits(4)} {self.digits(2)} {self.digits(6)}", f"{draw.randint(20, 26)}{self.digits(4)}-{self.digits(4)}-0{self.digits(1)}", f"{letters}{self.digits(5)}{letters[0]}", f"{self.digits(6)}{letters[0]}", f"{letters}.{draw.randint(20, 26)}.{self.digits(4)}",
                f"{letters}{draw.randint(20, 26)}-{self.digits(5)}", f"{self.digits(3)} {self.digits(3)} {self.digits(3)}", f"{self.digits(4)} {self.digits(4)}", f"{letters}_{self.digits(5)}", f"{self.digits(5)}{letters[0]}{self.digits(2)}", f"{draw.randint(2015, 2026)}/{self.digits(6)}", f"{letters}#{self.digits(4)}",
            ])  # fmt: skip
            self.emit(text, "CodeIdentifiant", CodeType="AUTRE", RoleNUM="Patient")
        elif name == "T":
            pairs = [draw.choice(["01", "02", "03", "04", "05", "06", "06", "07", "09"]), *(self.digits(2) for _ in range(4))]  # fmt: skip
            text = draw.choice([" ", " ", ".", "-", "", "/"]).join(pairs)
            if draw.random() < 0.1:
                text = draw.choice(["+33 ", "+33", "0033 ", "+33 (0)"]) + text[1:]
            elif draw.random() < 0.06:
                text = f"0{self.digits(3)} {self.digits(3)} {self.digits(3)}"
            elif draw.random() < 0.12:
                first = pairs[0][1]
                rest = " ".join(pairs[1:])
                text = draw.choice([f"(0){first} {rest}", f"({pairs[0]}) {rest}", "_".join(pairs), f"{' '.join(pairs)} / {self.digits(2)}", f"{pairs[0]} {self.digits(3)} {self.digits(3)} {self.digits(2)}", f"O{first} {rest}", f"{' . '.join(pairs)}", f"{pairs[0]}{pairs[1]} {''.join(pairs[2:])}", f"{'.'.join(pairs[:4])} {pairs[4]}", f"0 8{self.digits(2)} {self.digits(2)} {self.digits(2)} {self.digits(2)}", f"(+33) {first} {rest}", f"+33-{first}-{rest.replace(' ', '-')}", f"+41 22 {self.digits(3)} {self.digits(2)} {self.digits(2)}", f"+352 {self.digits(3)} {self.digits(3)}", f"00212 6 {self.digits(2)} {self.digits(2)} {self.digits(2)} {self.digits(2)}"])  # fmt: skip
            elif draw.random() < 0.04:
                text = f"+{draw.choice(['44 20', '32 4', '213 ', '351 '])}{self.digits(2)} {self.digits(3)} {self.digits(3)}"
            self.emit(text, "NumeroTelephone", RoleNUM="Autre")
        elif name == "Tp":
            text = draw.choice([self.digits(4), self.digits(4), self.digits(5), f"{self.digits(2)} {self.digits(2)}", self.digits(2) + "." + self.digits(2), f"{self.digits(2)} {self.digits(3)}", self.digits(3), f"{self.digits(1)} {self.digits(4)}"])  # fmt: skip
            self.emit(text, "NumeroTelephone", RoleNUM="Hopital")
        elif name == "E":
            last, first, _ = self.person(draw.choice(["p", "d1", "d2"]))
            user = _plain(draw.choice([f"{first}.{last}", f"{first[0]}.{last}", f"{last}{draw.randint(1, 99)}", f"secretariat.{last}", "accueil", "nephro"])).lower()  # fmt: skip
            host = draw.choice(["chu-exemple.fr", "gmail.com", "orange.fr", "hopital.example", "aphp.fr", "wanadoo.fr", "ch-ville.example.org", "medecin.mssante.fr", "region.mssante.fr", "chu-exemple.mssante.fr", "apicrypt.example", "cabinet-exemple.com", "hotmail.fr"])  # fmt: skip
            sign = draw.choice(["@"] * 14 + [" @ ", "(at)", " (at) ", "[at]", "(arobase)", " @", "@ "])
            text = re.sub(r"[^\w.@-]", "", user) + sign + host
            if draw.random() < 0.06:
                text = text.upper()
            elif draw.random() < 0.04:
                text = text.replace(".", " . ")
            self.emit(text, "AdresseEmail", RoleNUM="Autre")
        elif name == "L":
            last, first, _ = self.person("d1")
            text = _plain(draw.choice([f"{first[0]}{last}", f"{first}.{last}", f"{last}{first[0]}", f"{first[0]}{last}{draw.randint(1, 99)}"]))  # fmt: skip
            text = re.sub(r"[^\w.]", "", text)
            self.emit(
                text.upper() if draw.random() < 0.3 else text.lower(),
                "CodeIdentifiant",
                CodeType="AUTRE",
                RoleNUM="PersonnelSante",
            )
        elif name == "U":
            self.emit(draw.choice(["www.chu-exemple.fr", "https://www.hopital.example/rdv", "www.clinique.example.org", "http://ch-ville.fr"]), "Url", RoleNUM="Hopital")  # fmt: skip
        elif name == "K":
            self.emit(draw.choice(own["countries"].split()), "Pays", RoleLOC="Autre")
        elif name == "Z":
            self.emit(draw.choice(own["nationalities"].split()), "NationalitePatient")
        elif name == "S":
            self.emit(draw.choice(own["situations"].split("|")), "SituationFamiliale")
        elif name == "O":
            self.emit(draw.choice(own["occupations"].split("|")), "IdentiteSocialePatient")
        else:
            raise ValueError(f"no such slot: {name}")


def noise(text: str, spans: list[Span], draw: random.Random) -> tuple[str, list[Span]]:
    """The text as a hurried hand, a scanner or an export leaves it, spans moved along."""
    kind = draw.choices(["none", "upper", "lower", "accents", "ocr", "spaces", "glue", "cut"], [10, 1.3, 1.3, 2, 2.2, 1.6, 1.4, 0.8])[0]  # fmt: skip
    if kind == "none":
        return text, spans
    pieces: list[str] = list(text)
    for at, c in enumerate(text):
        if kind == "upper" and len(c.upper()) == 1:
            pieces[at] = _plain(c.upper()) if len(_plain(c.upper())) == 1 else c.upper()
        elif kind == "lower" and len(c.lower()) == 1:
            pieces[at] = c.lower()
        elif kind == "accents" and len(_plain(c)) == 1:
            pieces[at] = _plain(c)
        elif kind == "ocr" and draw.random() < 0.12:
            pieces[at] = {"0": "O", "O": "0", "1": "l", "l": "1", "m": "rn", "I": "l", "5": "S", "é": "e", "i": "í", "o": "0"}.get(c, c)  # fmt: skip
        elif kind == "spaces" and c == " ":
            pieces[at] = draw.choice([" ", " ", "  ", "   ", "", " "])
        elif kind == "spaces" and draw.random() < 0.01 and c.isalpha():
            pieces[at] = c + " "
        elif kind == "glue" and c == " " and draw.random() < 0.12:
            pieces[at] = ""
        elif kind == "cut" and c == " " and draw.random() < 0.15:
            pieces[at] = "\n"
    places = [0]
    for piece in pieces:
        places.append(places[-1] + len(piece))
    joined = "".join(pieces)
    moved = []
    for start, end, label, attributes in spans:
        a, b = places[start], places[end]
        while b > a and joined[b - 1].isspace():
            b -= 1
        if b > a:
            moved.append((a, b, label, attributes))
    return joined, moved


def generate(
    split: str, count: int, seed: int, sentences: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Reports as JSON values. ``sentences`` are added to those without identifying value of this folder."""
    parts = templates(split)
    for number in range(count):
        draw = random.Random(f"{split} {seed} {number}")
        pool = own_lines("sentences.txt")
        if sentences and draw.random() < 0.6:
            pool = draw.choices(sentences, k=12)
        case = Case(split, draw, pool)
        if draw.random() < 0.35:
            for _ in range(draw.randint(1, 3)):
                case.write(draw.choice(parts["snippet"] + parts["body"] + parts["ident"] + parts["sign"]))
                case.emit(draw.choice(["\n", "\n", "\n\n", " "]))
        else:
            order = ["header"] * draw.choice([0, 1, 1, 2]) + ["ident"] * draw.choice([0, 1, 1, 1])
            order += ["body"] * draw.randint(1, 6) + ["sign"] * draw.choice([0, 1, 1, 2])
            for section in order:
                case.write(draw.choice(parts[section]))
                case.emit(draw.choice(["\n", "\n\n", "\n\n"]))
        text, spans = noise("".join(case.text), case.spans, draw)
        yield {
            "id": f"{split}-{seed}-{number}",
            "text": text,
            "spans": [{"start": s, "end": e, "label": label, "attributes": a} for s, e, label, a in spans],
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=("train", "evaluation"), default="train")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for report in generate(given.split, given.count, given.seed):
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
