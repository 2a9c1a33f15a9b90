"""The span model: what it sees, what it decides, how it is merged with the rules."""

import itertools
import lzma
import re
from pathlib import Path

import numpy as np
import pycrfsuite
import pytest

from partages.documents import Span
from partages.usecases.pseudonymise import model
from partages.usecases.pseudonymise.engine import Parts, detect, rules
from partages.usecases.pseudonymise.features import features, shape, tokenise
from partages.usecases.pseudonymise.finding import Finding
from partages.usecases.pseudonymise.gazetteers import DATA
from partages.usecases.pseudonymise.merging import attributes, merge
from partages.usecases.pseudonymise.model import WEIGHTS, SpanModel, labelled, read_weights, span_model, train
from partages.usecases.pseudonymise.view import view


def masked(text: str) -> str:
    """The text with what is found between brackets."""
    for span in reversed(detect(text)):
        text = f"{text[: span.start]}[{text[span.start : span.end]}]{text[span.end :]}"
    return text


@pytest.mark.parametrize(
    "line",
    [
        "ch 4 [Wojtkowiak] [Bogdan] : pancréatite, vu avec [Ornella] de la gériatrie",
        "Aides : [Kerambrun], [Delplanque]",
        "Patient ramené par sa fille [Solveig], qui habite [Plougonvelin].",
    ],
)
def test_names_that_nothing_announces(line: str) -> None:
    assert masked(line.replace("[", "").replace("]", "")) == line


@pytest.mark.parametrize(
    "line",
    [
        "Maladie de Parkinson, score de Glasgow à 15, Doppler normal, TA 12/8, EVA 4/5.",
        "Escherichia coli sensible à la ceftriaxone ; KARDEGIC 75 mg/j, Lovenox 0,4.",
        "Fracture de Pouteau-Colles, classification de Child-Pugh B8, FEVG 34 % (Simpson).",
        "Petit épanchement, rose et blanc. Pas de fièvre.",
    ],
)
def test_care_is_left_alone(line: str) -> None:
    assert masked(line) == line


def test_the_model_brings_what_rules_alone_do_not() -> None:
    """A name of no list, told by its surroundings alone."""
    text = "Vu par Attouchinga ce matin. Relève : Brouzelka / Zwaltek"
    with_model = " ".join(text[s.start : s.end] for s in detect(text))
    without = " ".join(text[s.start : s.end] for s in detect(text, statistical=False))
    for name in ("Attouchinga", "Brouzelka", "Zwaltek"):
        assert name in with_model
        assert name not in without


def test_tokens_are_cut_where_labels_are_glued() -> None:
    assert [t.text for t in tokenise("NOM:LEGOFFPRENOM:YANNICK")] == [
        "NOM",
        ":",
        "LEGOFF",
        "PRENOM",
        ":",
        "YANNICK",
    ]
    assert [t.text for t in tokenise("MmeDupont NDA9912")] == ["Mme", "Dupont", "NDA", "9912"]
    text = "Mme Élise D'AGOSTINO, le 12/03 à 8h15 \u2028 Şahin_2"
    assert all(text[t.start : t.end] == t.text for t in tokenise(text))
    assert re.sub(r"\s", "", text) == "".join(t.text for t in tokenise(text))


def test_shapes() -> None:
    assert [shape(word) for word in ("Dupont", "DUPONT", "D", "12", "123456", "x-y")] == [
        "Xxx", "XX", "X", "dd", "D6", "x-x",
    ]  # fmt: skip


def test_what_rules_find_stays() -> None:
    text = "le 12/03/2024 Mme DURAND"
    found = [Finding(3, 13, "DateIdentifiante", 0.9, "rule"), Finding(18, 24, "Nom", 0.9, "rule")]
    assert merge(text, found, []) == found
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            merged = merge(text, found, [Finding(start, end, "Ville", 0.8, "model")])
            covered = {i for f in merged for i in range(f.start, f.end)}
            assert {i for f in found for i in range(f.start, f.end)} <= covered
            assert {i for i in range(start, end) if text[i].isalnum()} <= covered
            assert all(a.end <= b.start for a, b in itertools.pairwise(merged))


def test_a_wider_span_of_the_same_family_takes_the_place() -> None:
    text = "M. VAN DEN BROECK"
    rule = Finding(11, 17, "Nom", 0.9, "title", {"RolePER": "Patient"})
    (merged,) = merge(text, [rule], [Finding(3, 17, "Nom", 0.8, "model")])
    assert (merged.start, merged.end, dict(merged.attributes)) == (3, 17, {"RolePER": "Patient"})


@pytest.mark.parametrize(
    ("before", "value", "label", "expected"),
    [
        ("vu par le Dr ", "Durand", "Nom", {"RolePER": "PersonnelSante"}),
        ("n° séjour ", "99120", "CodeIdentifiant", {"CodeType": "NDA", "RoleNUM": "Patient"}),
        ("RPPS ", "10099887711", "CodeIdentifiant", {"CodeType": "RPPS", "RoleNUM": "PersonnelSante"}),
        ("clinique ", "Les Pins", "Etablissement", {"RoleLOC": "Hopital"}),
    ],
)  # fmt: skip
def test_roles_and_types(before: str, value: str, label: str, expected: dict[str, str]) -> None:
    finding = Finding(len(before), len(before + value), label, 0.8, "model")
    assert dict(attributes(before + value, finding)) == expected


def test_training_learns_from_a_hospital_s_own_documents() -> None:
    """Room names that this hospital wants masked: nothing else could tell."""
    lines = [f"Transfert en salle {name} ce soir" for name in ("Azur", "Corail", "Indigo", "Ocre", "Safran")]
    rows = []
    for line in lines * 4:
        tokens = tokenise(line)
        start = len("Transfert en salle ")
        span = Span(start, line.index(" ce soir"), "Etablissement")
        rows.append((features(line, tokens, rules(line)), labelled(tokens, [span])))
    own = SpanModel(train(rows, iterations=30))
    text = "Transfert en salle Pourpre ce soir"
    found = detect(text, parts=Parts(model=own))
    assert [text[s.start : s.end] for s in found] == ["Pourpre"]


def test_the_model_is_small() -> None:
    data = (DATA / WEIGHTS).read_bytes()
    assert len(data) < 5_000_000
    assert len(lzma.decompress(data)) < 20_000_000


def test_a_long_line_without_spaces_goes_through() -> None:
    assert detect("a1" * 20_000) is not None
    assert len(detect("Mme DURAND " * 3_000)) == 3_000


LETTER = """CENTRE HOSPITALIER DE VALMONT | Tél : 01 99 00 12 34
NOM:LEGOFFPRENOM:YANNICK  IPP: 8004512   DDN 03/02/1951

Cher confrère, j'ai vu Mme DURAND Élise, née MARTIN. Dr Ł. Şahin : « d'accord », 12/8, 4/5 ;
PID|1||8004512^^^IPP||DURAND^ELISE||19510203|F
L'été, Durand | a^b / _ : Signé : É. LEMAIRE
"""


def crfsuite_marginals(weights: bytes, text: str) -> "np.ndarray":
    """Probabilities of each label of each token, by CRFsuite itself."""
    tagger = pycrfsuite.Tagger()
    tagger.open_inmemory(weights)
    rows = features(text, tokenise(text), rules(text))
    tagger.set(rows)
    return np.array(
        [[tagger.marginal(label, at) for label in span_model().labels] for at in range(len(rows))]
    )


def assert_same_as_crfsuite(text: str) -> None:
    weights = lzma.decompress((DATA / WEIGHTS).read_bytes())
    text = view(text).text
    decided = span_model().decide(text, rules(text))
    expected = crfsuite_marginals(weights, text)
    outside = span_model().labels.index("O")
    np.testing.assert_allclose(decided.probabilities, 1 - expected[:, outside], atol=1e-9)
    own = model.marginals(span_model().scores(text, rules(text)), span_model()._transitions)
    np.testing.assert_allclose(own, expected, atol=1e-9)


@pytest.mark.parametrize("text", [LETTER, "x", "a\n\nb | ^ : 12\n:", LETTER * 4])
def test_probabilities_are_those_of_crfsuite(text: str) -> None:
    assert_same_as_crfsuite(text)


def test_probabilities_are_those_of_crfsuite_on_real_text(shared: Path) -> None:
    paths = sorted(shared.glob("frasimed/*/*7.txt"))[::40]
    assert paths
    for path in paths:
        assert_same_as_crfsuite(path.read_text()[:4000])


def test_a_long_text_is_decided_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is a sequence of its own, which still sees the tokens of its neighbours."""
    whole = span_model().scores(LETTER, rules(LETTER))
    monkeypatch.setattr(model, "PIECE", 7)
    np.testing.assert_allclose(span_model().scores(LETTER, rules(LETTER)), whole)
    assert len(span_model().decide(LETTER, rules(LETTER)).probabilities) == len(whole)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="not a CRFsuite model"):
        read_weights(b"nothing of the kind at all, but long enough")


def test_a_text_of_spaces_has_nothing() -> None:
    assert detect(" \n ") == []
    assert span_model().scores(" ", []).shape == (0, len(span_model().labels))
