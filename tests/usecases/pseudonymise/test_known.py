"""A known patient is found however the text writes them. Each line can be read by a physician."""

import datetime
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from partages.batch import describe_invalid
from partages.documents import Document
from partages.usecases.pseudonymise.engine import detect, pseudonymise
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.known import find_known, overlay
from partages.usecases.pseudonymise.patient import KnownPatient
from partages.usecases.pseudonymise.schema import Options
from partages.usecases.pseudonymise.surrogate_dates import in_words
from partages.usecases.pseudonymise.view import view

PATIENT = KnownPatient.model_validate(
    {
        "nom": "LEFEBVRE-KOSKAS",
        "nom_naissance": "Thibaudet",
        "prenoms": ["Élise", "Marie-Claude"],
        "date_naissance": "1951-02-03",
        "adresse": {
            "rue": "12 bis rue des Trois-Grâces",
            "code_postal": "91300",
            "ville": "Saint-Germain-lès-Arpajon",
        },
        "telephone": ["06 39 98 12 34"],
        "email": "elise.koskas@exemple.example",
        "IPP": "0008004512",
        "NDA": "A2400317-78",
        "NIR": "2 51 02 99 123 456 42",
        "medecin_traitant": "Dr Jean QUERCY",
    }
)


def masked(text: str, patient: KnownPatient = PATIENT) -> str:
    """The text with what is known between brackets."""
    out, at = "", 0
    seen = view(text)
    for finding in find_known(seen.text, patient):
        start, end = seen.source(finding.start, finding.end)
        out += text[at:start] + "[" + text[start:end] + "]"
        at = end
    return out + text[at:]


@pytest.mark.parametrize(
    "line",
    [
        "Mme [LEFEBVRE-KOSKAS] [Élise], née [Thibaudet].",
        "[lefebvre koskas] [elise] a bien dormi ; [ELISE] sort.",
        "Madame [Koskas] [Elise] [Marie-Claude] ([Lefevbre]) : [Tihbaudet], [KOSKASS].",
        "[LEFEBVRE-\nKOSKAS], [LEFEB VRE-KOSKAS], [L E F E B V R E - K O S K A S]",
        "Mme[LEFEBVRE] ; [ekoskas]@exemple.example ; CR_[KoskasE].pdf",
        "[É.] [Koskas], [Élise] [K.], Mme [K.], Mme [K], patiente [E.] [L.], [E.][K.]",
        "Née le [03/02/1951], [3-2-51], [03 février 1951], [3 févr. 51], [1951-02-03], [03021951], [O3/O2/l951].",
        "née le [trois février mille neuf cent cinquante et un]",
        "née le [3 février], née en [1951], naissance : [02/1951]",
        "IPP [8004512], n° [00080 04 512], [800.4512], IPP[0008004512], erreur [8004521]",
        "NDA [A240031778], [a2400317 78] ; NIR [251029912345642], [2 51 02 99 123 456], [2.51.02.99.123.456/42]",
        "Tél [0639981234], [+33 6 39 98 12 34], [+33(0)6.39.98.12.34], [06-39-98-12-34], [06/39/98/12/34]",
        "[Elise.KOSKAS@exemple.example]",
        "[12 bis rue des Trois Grâces], [12 bis, r. des trois-graces], [rue des Trois Graces] [91300] [St Germain lès Arpajon]",
        "[91 300] [SAINT-GERMAIN-LES-ARPAJON]",
        "Vue par le Dr [QUERCY], lettre à [Jean] [Quercy].",
    ],
)
def test_every_way_of_writing_is_found(line: str) -> None:
    assert masked(line.replace("[", "").replace("]", "")) == line


@pytest.mark.parametrize(
    "line",
    [
        "Le 03/02/2051, 13/02/1951, TA 12/8, plaquettes 800 000, IPP 9123456.",
        "Vitamine D. E. coli. Grade K. Hépatite E.",
        "Rue des Lilas, 91301.",
        "Elle lisait.",
    ],
)
def test_what_is_of_somebody_else_is_left(line: str) -> None:
    assert masked(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "Petit épanchement, petit foie. Monsieur [PETIT] va bien. [Petit] [Paul]. Le patient [Petit] dort.",
        "COMPTE RENDU. PETIT ÉPANCHEMENT DROIT SANS GRAVITÉ",
        "mr [petit] [paul]",
        "Douleur à l'épaule, un œdème plus petite, petits, petitesse. Patient petit.",
    ],
)
def test_a_name_that_is_a_word_is_told_from_the_word(line: str) -> None:
    patient = KnownPatient.model_validate({"nom": "Petit", "prenom": "Paul"})
    assert masked(line.replace("[", "").replace("]", ""), patient) == line


@pytest.mark.parametrize(
    ("patient", "line"),
    [
        ({"prenom": "Marie"}, "Marié depuis peu. Elle est mariée. [Marie] dort. [MARIE] sort."),
        ({"prenom": "Claire"}, "Carcinome à cellules claires, consentement éclairé. Mme [Claire]."),
        ({"nom": "Lambert"}, "Accord du patient. L'état neurologique. Le patient [L.] va bien."),
        (
            {"nom": "Aubert", "prenom": "France"},
            "Le P.A.A.F. du jour. [A.][F.] sort. Vue A. [Aubert].",
        ),
        ({"prenom": "Aline"}, "Solution saline, salines. [Aline] va bien."),
        ({"nom": "RENÉ"}, "[René] va bien."),
    ],
)
def test_words_that_resemble_a_name(patient: dict[str, str], line: str) -> None:
    assert masked(line.replace("[", "").replace("]", ""), KnownPatient.model_validate(patient)) == line


NAMES = st.sampled_from(
    [
        "Lefranquet",
        "Oyarzabal",
        "Nguyen-Tran",
        "Le Goff",
        "D'Agostino",
        "Œuvrard",
        "Kowalczyk",
        "Ben Saïd",
        "Ouédraogo",
    ]
)
FIRST = st.sampled_from(["Anne-Sophie", "Jérôme", "Fatoumata", "Zbigniew", "Élodie"])
CASE = st.sampled_from([str, str.upper, str.lower, str.title])
BREAK = st.sampled_from(["-", " ", "-\n", " -", "\n"])
BEFORE = st.sampled_from(["Patient : ", "Mme ", "vu ce jour ", "(", "\n", "Nom\t"])


@settings(deadline=None, max_examples=200)
@given(NAMES, FIRST, CASE, CASE, BREAK, BEFORE, st.booleans())
def test_names_in_any_case_order_and_hyphenation(
    name: str, first: str, case: Any, first_case: Any, parted: str, before: str, inverted: bool
) -> None:
    patient = KnownPatient.model_validate({"nom": name, "prenom": first})
    written = case(name).replace("-", parted)
    pair = [written, first_case(first)]
    text = before + " ".join(reversed(pair) if inverted else pair) + ", fièvre."
    seen = view(text)
    found = find_known(seen.text, patient)
    covered = {at for finding in found for at in range(*seen.source(finding.start, finding.end))}
    start = len(before)
    end = text.index(", fièvre")
    left = [text[at] for at in range(start, end) if text[at].isalpha() and at not in covered]
    particles = {"l", "e", "d", "b", "n"}
    assert {letter.lower() for letter in left} <= particles
    assert not any(text[at].isalpha() for at in covered if not start <= at < end)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["lefranquet", "oyarzabal", "kowalczyk", "ouedraogo"]),
    st.integers(0, 8),
    st.integers(0, 3),
    st.sampled_from("xzkw"),
)
def test_one_typing_error_is_forgiven(name: str, at: int, kind: int, letter: str) -> None:
    at = min(at, len(name) - 2)
    typed = {
        0: name[:at] + name[at + 1 :],
        1: name[:at] + letter + name[at:],
        2: name[:at] + letter + name[at + 1 :],
        3: name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }[kind]
    patient = KnownPatient.model_validate({"names": [name]})
    assert (
        masked(f"Suivi de {typed.capitalize()} ce jour.", patient)
        == f"Suivi de [{typed.capitalize()}] ce jour."
    )


DATES = st.dates(datetime.date(1905, 1, 1), datetime.date(2024, 12, 31))
MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
FORMS = st.sampled_from(
    [
        lambda d: f"{d:%d/%m/%Y}",
        lambda d: f"{d.day}/{d.month}/{d:%y}",
        lambda d: f"{d:%d.%m.%Y}",
        lambda d: f"{d:%d %m %Y}",
        lambda d: f"{d:%d / %m / %Y}",
        lambda d: f"{d:%Y-%m-%d}",
        lambda d: f"{d:%Y%m%d}",
        lambda d: f"{d:%d%m%Y}",
        lambda d: " ".join(f"{d:%d%m%Y}"),
        lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
        lambda d: f"{d.day:02} {MONTHS[d.month - 1].upper()} {d.year}",
        lambda d: f"{d.day}-{MONTHS[d.month - 1][:3]}-{d:%y}",
        lambda d: f"{'premier' if d.day == 1 else in_words(d.day)} {MONTHS[d.month - 1]} {in_words(d.year)}",
        lambda d: f"{d.day}\n{MONTHS[d.month - 1]} {d.year}",
    ]
)


@settings(deadline=None, max_examples=300)
@example(datetime.date(1911, 11, 19), lambda d: f"{d:%Y-%m-%d}")
@given(DATES, FORMS)
def test_the_birth_date_in_all_its_spellings(date: datetime.date, form: Any) -> None:
    patient = KnownPatient(birth_date=date)
    written = form(date)
    assert masked(f"(le {written}) ", patient) == f"(le [{written}]) "


@settings(deadline=None)
@given(
    st.text("0123456789", min_size=7, max_size=15), st.text(" .-/", min_size=0, max_size=1), st.integers(1, 4)
)
def test_a_number_whatever_separates_its_digits(number: str, separator: str, step: int) -> None:
    assume(number.strip("0"))
    patient = KnownPatient.model_validate({"ipp": number})
    written = separator.join(number[i : i + step] for i in range(0, len(number), step))
    assert masked(f"IPP : {written}, pouls 72", patient) == f"IPP : [{written}], pouls 72"


def test_with_the_rest_of_the_engine_nothing_either_saw_is_left() -> None:
    text = "Mme Lefebvre-Koskas, adressée par le Dr Bonnet-Petit, 3 rue Koskas à Massy."
    spans = detect(text, statistical=False, known=PATIENT)
    quotes = [text[span.start : span.end] for span in spans]
    assert {"Lefebvre-Koskas", "Bonnet-Petit", "3 rue Koskas"} <= set(quotes)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    other = Finding(0, 10, "Nom", 0.9, "x")
    known = Finding(5, 12, "Nom", 1.0, "known")
    assert [(f.start, f.end) for f in overlay([other], [known])] == [(0, 5), (5, 12)]


def test_a_misspelled_name_keeps_the_surrogate_of_the_right_one() -> None:
    text = "Mme KOSKAS tousse. Koskass va mieux. koskas sort."
    rendered = pseudonymise(Document("a", text), Options(engine="rules", known=PATIENT)).text
    match = re.fullmatch(r"Mme (\w+) tousse\. (\w+) va mieux\. (\w+) sort\.", rendered)
    assert match
    assert match[1].lower() == match[2].lower() == match[3].lower() != "koskas"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"nom": {"a": 1}}, "courte liste"),
        ({"couleur": "bleu"}, "clé est inconnue"),
        ({"ddn": "31/02/1951"}, "n'existe pas"),
        ({"ddn": "hier"}, "1951-02-03"),
        ({"ipp": ["1", ["2"]]}, "texte court"),
        ({"proches": [{"ipp": "bleu"}]}, "clé est inconnue"),
        ({"medecin_traitant": 3}, "objet JSON"),
        ({"nom": ["a"] * 51}, "courte liste"),
        ("/etc/passwd", "objet JSON"),
        ([], "objet JSON"),
    ],
)
def test_what_is_wrong_is_said_without_quoting_it(data: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Options.model_validate({"known": data})
    sentence = describe_invalid(caught.value)
    assert said in sentence
    assert not any(word in sentence for word in ("bleu", "hier", "couleur", "passwd"))


def test_nothing_of_the_patient_is_printed() -> None:
    assert "KOSKAS" not in repr(PATIENT) + str(PATIENT) + repr(Options(known=PATIENT))


def test_hostile_values_stay_linear() -> None:
    """Twice the text, about twice the steps; counted in matches tried, not in seconds."""
    import sys

    def steps(size: int) -> int:
        count = 0

        def tracer(frame: Any, event: str, arg: Any) -> Any:
            nonlocal count
            count += 1
            return tracer

        text = ("0 0 0 0 0 0 K-K- LEFEBVRE " * size) + "0" * size + "-" * size + "né le " * size
        sys.settrace(tracer)
        try:
            find_known(text, PATIENT)
        finally:
            sys.settrace(None)
        return count

    assert steps(400) < 2.5 * steps(200)


def test_a_known_birth_date_ends_at_its_last_digit() -> None:
    known = KnownPatient(date_naissance="1948-06-02")  # type: ignore[call-arg]
    text = "née le 02/06/1948 à Brest"
    assert [text[f.start : f.end] for f in find_known(text, known)] == ["02/06/1948"]
