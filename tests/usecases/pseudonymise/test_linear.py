"""No input makes a rule slower than its length: four times the text is at most about four times the work."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from partages.usecases.pseudonymise.engine import RULES, detect
from partages.usecases.pseudonymise.propagation import propagate
from partages.usecases.pseudonymise.scanner import scan
from partages.usecases.pseudonymise.view import view

HOSTILE = (
    "A", "de Bo ", "a", "a ", "1", "1 ", "1/", "12/03 ", "A-", "A ", "l'", "(", "rue ", "rue A ", "12 rue A ", " ", "IPP ", "IPP 1 ",
    "0 ", "06 ", "x\n", "\n", "Jean ", "JEAN ", "Jean-", "à ", "à Paris ", "CHU de ", "CHU A ", "le 1 ", "un deux ",
    "deux mille ", "@", "a.", "a.b@", "D U ", "A.", "| a ", ";a;1", "|A^b", "née le ", "12, ", "médecin : ", "Présents : A, ",
    "M. ", "Dr A", "Mme ", "né à ", "NOM:", "de la ", "- ", "A1", "A1-", "1-", "Hôpital ", "centre de ", "vit à ", "marié ",
    "12345 ", "12345 A", "http://", "www.", "mars ", "1,", "«", "Éé", "A/b ", "le mardi ", "résidence ", "n° ", "poste ", "zéro un ", "1|", "user=a1", "ip 1.", "name:\"a",
)  # fmt: skip
SIZE = 2_000
LINEAR, QUADRATIC = 4.0, 16.0
"""Growth of the work when a text is four times as long."""


def work(rule: Callable[[str], Any], text: str) -> float:
    """The least processor time of three runs."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        found = rule(text)
        if not isinstance(found, (list, str)) and hasattr(found, "__iter__"):
            list(found)
        spent.append(time.process_time() - start)
    return min(spent)


@pytest.mark.parametrize("rule", [view, scan, *RULES], ids=lambda rule: rule.__name__)
def test_work_grows_as_the_text(rule: Callable[[str], Any]) -> None:
    for fragment in HOSTILE:
        text = fragment * (SIZE // len(fragment))
        long = work(rule, text * 4)
        if long < 0.02:
            continue  # too little to compare, and quadratic work would be more
        assert long / work(rule, text) < (LINEAR + QUADRATIC) / 2, fragment


def test_a_single_line_and_many_names_go_through() -> None:
    line = "Mme DURAND Élise, née le 03/02/1951, IPP 8004512, va bien. " * 3_000
    spans = detect(line, statistical=False)
    assert len(spans) == 4 * 3_000
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"Zo{a}{b}{c}vi" for a in letters for b in letters for c in letters][:10_000]
    crowd = "\n".join(f"Mme {name.capitalize()} est venue." for name in names)
    assert len(detect(crowd, statistical=False)) == len(names)


def test_propagation_grows_as_the_text() -> None:
    def again(text: str) -> list[Any]:
        found = [finding for rule in RULES for finding in rule(text)]
        return list(propagate(text, found))

    text = "".join(
        f"Dr Zo{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]}vi a vu Mme Durand. " for n in range(100)
    )
    assert work(again, text * 4) / work(again, text) < (LINEAR + QUADRATIC) / 2
