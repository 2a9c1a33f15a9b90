"""Text as it was meant, and nothing medical lost."""

import pytest

from partages.corpus.cutting import LONG, sections, sentences
from partages.corpus.normalise import normalise


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("lâ€™eï¬ƒcacitÃ© de lâ€™Å“strogÃ¨ne", "l’efficacité de l’œstrogène"),
        ("TNFÎ± â‰¥ 3 Âµg, 37 Â°C", "TNFα ≥ 3 µg, 37 °C"),
        ("voilÃ  le cÅ“ur, dÃ©jÃ  vu", "voilà le cœur, déjà vu"),
        ("ÃƒÂ©tÃƒÂ©", "été"),  # misread twice
        (
            "l'ef\ufb01cacité des \ufb02uoroquinolones di\ufb00érées",
            "l'efficacité des fluoroquinolones différées",
        ),
        (
            "PaO&lt;sub&gt;2&lt;/sub&gt; &lt; 60 mmHg &amp; SpO2 &ge; 92&nbsp;%",
            "PaO2 < 60 mmHg & SpO2 ≥ 92 %",
        ),
        ("dose \uf0b3 5 \uf06dg", "dose ≥ 5 µg"),
        ("L´examen qu´il décrit", "L'examen qu'il décrit"),
        ("en\u00adtendu\u200b", "entendu"),
        ("e\u0301tat", "état"),
    ],
)
def test_characters_are_repaired(given: str, meant: str) -> None:
    assert normalise(given).text == meant


@pytest.mark.parametrize(
    "text",
    [
        "Dose : 5 mg/m² toutes les 8 h, soit ≥ 0,5 µg/kg/min et < 10⁻³ mol·L⁻¹ ; β-bloquant, TNF-α, IL-2R.",
        "Na⁺ 140 mmol/L ; CO₂ ; HbA1c < 7 % ; pH 7,38 ; PaO₂/FiO₂ ≤ 200 ; ½ comprimé ; 37,5 °C ± 0,2",
        "NYHA III-IV, T2N1M0, R₀ = 2,5, 10³/mm³, Δ = b² − 4ac, Σ, √2, → ↑ ↓",
        "« RÉSUMÉ » : À l'arrivée, œdème aigu ; É… et « L'ÂGE » de l'île",
        "Posologie : 1-0-1, 75 mg x 2/j ; anti-inflammatoire ; demi-vie ; sous-cutané ; intra-utérin",
    ],
)
def test_what_is_medical_survives(text: str) -> None:
    assert normalise(text).text == text


def test_hyphens_at_line_ends_go_where_the_word_has_none() -> None:
    assert (
        normalise("La pro-\nthèse totale de hanche est posée.").text
        == "La prothèse totale de hanche est posée."
    )
    assert normalise("Un examen anti-\ninflammatoire et demi-\njournée.").text.count("-") >= 1
    assert normalise("Une insuffisance hépa-tique.").text == "Une insuffisance hépatique."


def test_a_tokenised_line_is_put_back_together() -> None:
    from partages.corpus.normalise import join_tokens

    assert (
        join_tokens("Métastases : jusqu' où aller ( foie ) , et quand . ")
        == "Métastases : jusqu'où aller (foie), et quand. "
    )
    assert (
        join_tokens("Le flacon d ’ un mL est jeté . Voir l ’ étui . ")
        == "Le flacon d’un mL est jeté. Voir l’étui. "
    )


def test_running_heads_page_numbers_contents_and_references_go() -> None:
    pages = []
    for page in range(1, 16):
        pages += [
            "Collège fictif des enseignants",
            f"La prise en charge numéro {page * 7} dépend de l'âge du patient et",
            "de ses antécédents, qui sont recherchés.",
            "Contre-indications",
            f"Dose : {page} mg",
            f"Page {page} sur 15",
        ]
    text = "\n".join(
        ["Table des matières", "I.1 Définition ........ 3", "I.2 Traitement ........ 9", "", *pages, "Références",
         "1. Martin AB, Durand C. Une étude. Rev Fict. 2011;12(3):45-52.", "2. Petit D et al. Autre étude, 2009."]
    )  # fmt: skip
    done = normalise(text)
    assert "Collège fictif" not in done.text
    assert "Page" not in done.text
    assert "........" not in done.text
    assert "Martin AB" not in done.text
    assert (
        "La prise en charge numéro 7 dépend de l'âge du patient et de ses antécédents, qui sont recherchés."
        in done.text
    )
    assert done.text.count("Contre-indications") == 15  # a subtitle comes back, and a dose is no page
    assert "Dose : 9 mg" in done.text
    assert {reason for reason, _ in done.dropped} >= {"running-head", "contents", "references"}


def test_a_table_row_keeps_its_cells() -> None:
    assert (
        normalise("Poids\tDose\tVolume\n10 kg\t5 mg\t2 mL").text
        == "Poids | Dose | Volume\n10 kg | 5 mg | 2 mL"
    )


def test_sections_lose_nothing_and_stay_short() -> None:
    text = "\n".join(
        f"Chapitre {at}\n" + "Une phrase qui parle du cœur et de ses maladies. " * 60 for at in range(30)
    )
    pieces = list(sections(text))
    assert len(pieces) > 5
    assert all(len(piece) <= LONG for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece.startswith("Chapitre") for piece in pieces)


def test_one_endless_line_is_cut_between_sentences() -> None:
    text = "La phrase est assez longue pour compter. " * 2000
    pieces = list(sections(text.strip()))
    assert all(len(piece) <= LONG for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_sentences_end_where_they_end() -> None:
    assert sentences("Douleur d'env. 2 h. Pas de fièvre. Vu par le Dr. Martin à 10 h.") == [
        "Douleur d'env. 2 h.",
        "Pas de fièvre.",
        "Vu par le Dr. Martin à 10 h.",
    ]
