"""What is masked, what is not, and what the text becomes. Each line can be read by a physician."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partages.documents import Document
from partages.errors import BadDocument
from partages.text import fold
from partages.usecases.base import SpanResult
from partages.usecases.pseudonymise.engine import detect, pseudonymise
from partages.usecases.pseudonymise.identifiers import luhn, nir_key
from partages.usecases.pseudonymise.schema import Options
from partages.usecases.pseudonymise.surrogate_dates import in_words, shift

MARK = re.compile(r"<(\w+)>(.*?)</\1>", re.S)


def check(marked: str) -> None:
    """The rules find exactly the marked spans."""
    text, expected, at = "", [], 0
    for match in MARK.finditer(marked):
        text += marked[at : match.start()]
        expected.append((match[1], match[2]))
        text += match[2]
        at = match.end()
    text += marked[at:]
    assert [(span.label, text[span.start : span.end]) for span in detect(text, statistical=False)] == expected


@pytest.mark.parametrize(
    "line",
    [
        "Madame <Nom>DURAND</Nom> <Prenom>Élise</Prenom>, née <Nom>MARTIN</Nom> le <DateNaissancePatient>03/02/1951</DateNaissancePatient>.",
        "Vu par le Dr <Prenom>Pierre</Prenom> <Nom>Blanc</Nom> et le Pr <Prenom>H.</Prenom> <Nom>LEMAIRE</Nom>.",
        "Cher Docteur <Nom>Nguyen</Nom>, votre patiente Mme <Nom>Rose</Nom> va bien.",
        "Hospitalisé du <DateIdentifiante>04/03</DateIdentifiante> au <DateIdentifiante>14/03/2024</DateIdentifiante>.",
        "Sortie le <DateIdentifiante>douze mars deux mille vingt-quatre</DateIdentifiante>, contrôle le <DateIdentifiante>1er avril 2024</DateIdentifiante>.",
        "IPP : <CodeIdentifiant>8004512</CodeIdentifiant>, NDA <CodeIdentifiant>240031778</CodeIdentifiant>",
        "Tél. : <NumeroTelephone>01 99 00 12 34</NumeroTelephone>, <AdresseEmail>a.b@exemple.example</AdresseEmail>",
        "<Adresse>3 bis rue des Lilas</Adresse> <CodePostal>91300</CodePostal> <Ville>MASSY</Ville>",
        "Transfert au CHU de <Etablissement>Nantes</Etablissement>.",
        "Sa fille <Prenom>Sophie</Prenom> est prévenue.",
        "mr <Nom>dupont</Nom> se plaint de douleurs.",
        "Cher <Prenom>Paul</Prenom>, voir avec <Prenom>Francine</Prenom>. <Prenom>Kévin</Prenom>, IDE nuit",
        "Médecins : <Nom>Garrigou</Nom>/<Nom>Lam</Nom>/<Nom>D'Agostino</Nom>",
        "lettre pour le docteur <Nom>lambert</Nom> à <Ville>hazebrouck</Ville>",
        "MONSIEUR <Nom>PIERRE</Nom> EST VENU",
        "Dicté par <Nom>VL</Nom>, tapé par <Nom>cb</Nom>",
        "Dactylographié par <Nom>mlb</Nom> le <DateIdentifiante>22/06/2020</DateIdentifiante>",
        "Mme <Nom>D U B O I S</Nom>, née le <DateNaissancePatient>O9/1O/1942</DateNaissancePatient>",
        "Dr <Nom>B0UVIER</Nom>, le <DateIdentifiante>l2/O3/2021</DateIdentifiante>",
        "Séjour les <DateIdentifiante>18</DateIdentifiante> et <DateIdentifiante>19/04</DateIdentifiante>, opéré le <DateIdentifiante>neuf octobre</DateIdentifiante>",
        "Tabac (arrêt <DateNonIdentifiante>2015</DateNonIdentifiante>), revoir fin <DateNonIdentifiante>juillet</DateNonIdentifiante>",
        "Dossier mat. n° <CodeIdentifiant>M-2026/0388</CodeIdentifiant>, passeport <CodeIdentifiant>99KX00417</CodeIdentifiant>, puis <CodeIdentifiant>AI-0925-114</CodeIdentifiant>",
        "Avis <Nom>DURAND</Nom>, EHPAD <Etablissement>La Roseraie du Val</Etablissement>",
        "EHPAD <Etablissement>du Pré-Fleuri</Etablissement>, SSR <Etablissement>Les Cèdres-Bleus</Etablissement>",
        "Séjour du <DateIdentifiante>2 au 9 novembre</DateIdentifiante>, revu <DateIdentifiante>ven. 14/11</DateIdentifiante>, à compter du <DateIdentifiante>16</DateIdentifiante>.",
        "Cures <DateIdentifiante>mars-avril 2024</DateIdentifiante>, rechute fin <DateIdentifiante>03/25</DateIdentifiante>, <DateIdentifiante>semaine 12 2025</DateIdentifiante>",
        "N° SS : <CodeIdentifiant>1 54 12 2A 004 118 clé 35</CodeIdentifiant>, Venue n°<CodeIdentifiant>25 0112 339</CodeIdentifiant>, N° AM <CodeIdentifiant>33 1 04567 2</CodeIdentifiant>",
        "Séjour <CodeIdentifiant>24045128</CodeIdentifiant>, MRN : <CodeIdentifiant>7845128</CodeIdentifiant>, CGR n° <CodeIdentifiant>7511 24 045129 3</CodeIdentifiant>, véhicule <CodeIdentifiant>1234 AB 33</CodeIdentifiant>",
        "Tél. : <NumeroTelephone>(0)1 99 00 12 34</NumeroTelephone> ou <NumeroTelephone>06_39_98_12_34</NumeroTelephone>",
        "Courriel <AdresseEmail>a.bell (at) exemple.fr</AdresseEmail>, portail <Url>https://portail.exemple.fr/rdv?id=12</Url>",
        "Code accès <CodeIdentifiant>4512A</CodeIdentifiant>, mot de passe : <CodeIdentifiant>Lune2024!</CodeIdentifiant>",
        "Mme <Nom>AVRIL</Nom> va bien. Dossier de <Nom>AVRIL</Nom> revu.",
        "Mme <Prenom>Avril</Prenom> <Nom>Le Goff-Delmas</Nom>, Dr <Prenom>A.-C.</Prenom> <Nom>Vatinel</Nom>, maladie de Cotard, Dr <Nom>Ould Brahmi</Nom>",
        "Adresse : <Adresse>bât. C, 17 allée Youri-Gagarine</Adresse>, AVS <CodeIdentifiant>756.1234.5678.97</CodeIdentifiant>",
        "NOM:<Nom>SIPEA</Nom>PRENOM:<Prenom>LUDOVICA</Prenom>SEXE:F",
    ],
)
def test_what_identifies_is_found_alone(line: str) -> None:
    check(line)


@pytest.mark.parametrize(
    "line",
    [
        "Maladie de Parkinson, syndrome de Guillain-Barré, score de Glasgow à 15, Doppler normal.",
        "TA 12/8, EVA 4/5, Hb 9,8 g/dL, plaquettes 250 000/mm3, créatinine 112 µmol/L.",
        "Escherichia coli sensible, Port-a-Cath en place, KARDEGIC 75 mg/j.",
        "Petit épanchement, rose et blanc. Pas de fièvre.",
        "Response Evaluation Criteria In Solid Tumors, EGFR muté, PET-CT, ECOG 0, 50 Gray (Gy).",
        "Danse de Saint-Guy, feu de Saint-Antoine, Ann Arbor III, Pouteau-Colles.",
        "ADL 4/6, Algoplus 2/5, MMSE 22/30, force 4/5, acuité 8/10, INR 2-3.",
        "COMPTE RENDU D'HOSPITALISATION\nMOTIF : DYSPNÉE\nCONCLUSION : BRONCHITE",
    ],
)
def test_care_is_left_alone(line: str) -> None:
    check(line)


def test_a_name_found_once_is_found_everywhere() -> None:
    text = "Mme LEFEBVRE-KOSKAS.\nLefebvre-Koskas a bien dormi. lefebvre koskas sort demain."
    assert sum(span.label == "Nom" for span in detect(text, statistical=False)) == 3


def test_surrogates_are_consistent_and_keep_intervals() -> None:
    text = "Mme DURAND, entrée le 04/03/2024, sortie le 14/03/2024. Durand va bien."
    result = pseudonymise(Document("a", text), Options(engine="rules"))
    match = re.fullmatch(
        r"Mme ([A-ZÉ]+), entrée le (\d\d)/(\d\d)/(\d{4}), sortie le (\d\d)/(\d\d)/(\d{4})\. (\w+) va bien\.",
        result.text,
    )
    assert match
    assert fold(match[1]) == fold(match[8]) != "durand"
    import datetime

    entry = datetime.date(int(match[4]), int(match[3]), int(match[2]))
    leave = datetime.date(int(match[7]), int(match[6]), int(match[5]))
    assert (leave - entry).days == 10
    assert entry.weekday() == datetime.date(2024, 3, 4).weekday()


def test_one_key_gives_one_surrogate_across_documents() -> None:
    options = Options(engine="rules", key="secret")
    first = pseudonymise(Document("a", "Mme DURAND tousse."), options).text
    second = pseudonymise(Document("b", "Ce jour Mme DURAND va mieux."), options).text
    assert first.split()[1] == second.split()[3]


def test_tags_number_each_person() -> None:
    text = "Mme DURAND et Dr PETIT. Mme DURAND sort."
    assert pseudonymise(Document("a", text), Options(engine="rules", rendering="tags")).text == (
        "Mme [Nom_1] et Dr [Nom_2]. Mme [Nom_1] sort."
    )


def test_corrected_spans_are_taken_as_they_are() -> None:
    spans = [SpanResult(start=0, end=4, label="Ville")]
    result = pseudonymise(Document("a", "Toux chez Mme DURAND"), Options(spans=spans, rendering="tags"))
    assert result.text == "[Ville_1] chez Mme DURAND"
    with pytest.raises(BadDocument, match="fin du texte"):
        pseudonymise(Document("a", "Toux"), Options(spans=[SpanResult(start=0, end=9, label="Ville")]))


@pytest.mark.parametrize(
    ("written", "moved"),
    [("12/03/2024", "30/07/2024"), ("12 MARS 2024", "30 JUILLET 2024"), ("2024-03-12", "2024-07-30"), ("12/03", "30/07"),
     ("douze mars deux mille vingt-quatre", "trente juillet deux mille vingt-quatre"), ("30/02/2024", None)],
)  # fmt: skip
def test_dates_move_in_their_own_form(written: str, moved: str | None) -> None:
    assert shift(written, 140, 2024) == moved


def test_numbers_and_keys() -> None:
    assert in_words(1971) == "mille neuf cent soixante-et-onze".replace("-et-", " et ")
    assert in_words(84) == "quatre-vingt-quatre"
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert nir_key("2510291345012") == 97 - 2510291345012 % 97


PIECES = st.sampled_from(
    ["Mme DURAND", " Dr Petit", "\r\n", "\t", "\f", "\u00a0", "🩺", "e\u0301", "\u200f", "\u00ad", " le 12/03/2024 ", "IPP 8004512",
     "Tél 01 99 00 12 34", " CHU de Nantes", "\0", "ﬁn", ". ", "(", "née le 3 mai 1950", "12 rue X"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(PIECES, max_size=20).map("".join)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80)
)
def test_any_text_gives_ordered_disjoint_spans_inside_it(text: str) -> None:
    result = pseudonymise(Document("a", text), Options(engine="rules"))
    end = 0
    for span in result.spans:
        assert end <= span.start < span.end <= len(text)
        end = span.end


@pytest.mark.slow
def test_the_statistical_voice_keeps_the_same_promises() -> None:
    text = "Maladie de Parkinson. Jeanne Lefranc-Duval a été vue. Œdème.\r\n" * 400
    spans = detect(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert not any("Parkinson" in text[span.start : span.end] for span in spans)


@pytest.mark.parametrize("statistical", [True, False])
def test_a_web_address_with_a_name_in_it_is_masked_whole(statistical: bool) -> None:
    text = "Résultats sur https://resultats.labo.example/p/24L0098812?nom=ROSE, dossier 4471"
    values = [text[s.start : s.end] for s in detect(text, statistical=statistical) if s.label == "Url"]
    assert values == ["https://resultats.labo.example/p/24L0098812?nom=ROSE"]


@pytest.mark.parametrize("statistical", [True, False])
def test_glued_numbers_stay_apart_and_leave_the_words_before_them(statistical: bool) -> None:
    text = "IPP8004417765 NDA240331998 Venue771204 iep400198"
    values = [text[s.start : s.end] for s in detect(text, statistical=statistical)]
    assert values == ["IPP8004417765", "NDA240331998", "771204", "400198"]


@pytest.mark.parametrize(
    ("text", "value"), [("Bon de transport BT 2024 5512", "BT 2024 5512"), ("Anapath H24.10218", "H24.10218")]
)
def test_labels_of_transport_and_pathology(text: str, value: str) -> None:
    assert [text[s.start : s.end] for s in detect(text, statistical=False)] == [value]
