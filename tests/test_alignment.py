"""Quote-to-offset alignment: exact, then tolerant, never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partages.alignment import Aligner, Quote, Tier, align, annotate

# What clinical text really holds: CRLF, tabs, form feeds, NBSP, emoji, combining accents,
# ligatures, right-to-left marks, line-end hyphenation.
PIECES = st.sampled_from(
    [
        *"abcéèœÉß 0123-", "\r\n", "\t", "\f", "\u00a0", "\u202f", "🩺", "e\u0301", "ﬁ", "\u200f", "\u00ad",
        "’", "tumé-\r\nfaction", "DUPONT", "Hb 9,8 g/dL",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)


@pytest.mark.parametrize(
    ("text", "quote", "found", "tier"),
    [
        ("Patiente âgée de 80 ans.", "âgée de 80 ans", "âgée de 80 ans", Tier.EXACT),
        ("INSUFFISANCE   CARDIAQUE aiguë", "insuffisance cardiaque aiguë", None, Tier.FOLDED),
        ("Tumé-\r\nfaction du genou", "tuméfaction du genou", None, Tier.JOINED),
        ("C O N C L U S I O N : sortie", "CONCLUSION", "C O N C L U S I O N", Tier.JOINED),
        ("l’œdème aigu", "l'oedeme aigu", "l’œdème aigu", Tier.FOLDED),
        ("Fie\u0301vre 🩺 élevée", "fièvre", "Fie\u0301vre", Tier.FOLDED),
        ("Dose : 40\u00a0mg/j", "40 mg/j", "40\u00a0mg/j", Tier.FOLDED),
        ("nom\u200f: Durand", "nom: Durand", "nom\u200f: Durand", Tier.FOLDED),
    ],
)
def test_finds_what_a_reader_would(text: str, quote: str, found: str | None, tier: Tier) -> None:
    place = align(text, quote)
    assert place is not None
    assert place.tier is tier
    assert text[place.start : place.end] == (found or text[: place.end])


def test_prefers_whole_words() -> None:
    text = "HTAP exclue, HTA connue"
    place = align(text, "HTA")
    assert place is not None
    assert place.start == text.index("HTA connue")


@pytest.mark.parametrize(("hint", "start"), [(None, None), (0, 0), (9, None), (17, 18), (500, 18)])
def test_never_guesses_between_equal_places(hint: int | None, start: int | None) -> None:
    text = "fièvre hier, puis fièvre"
    place = align(text, "fièvre", hint)
    assert (place.start if place else None) == start


@pytest.mark.parametrize("quote", ["", "   ", "\u00ad", "-", "absent du texte", "biens"])
def test_absent_is_none(quote: str) -> None:
    assert align("Elle habite en Arabie, nsp.", quote) is None


def test_tolerance_does_not_cut_words() -> None:
    assert align("hyperkaliémie", "kaliemie") is None


def test_unanchored_quotes_are_counted() -> None:
    annotation = annotate(
        "crh-1",
        "Pneumopathie à pneumocoque.",
        [Quote("pneumopathie", "Infection"), Quote("E. coli", "Bacterie"), Quote("pneumocoque", "Bacterie")],
    )
    assert [(s.start, s.end, s.label) for s in annotation.spans] == [
        (0, 12, "Infection"),
        (15, 26, "Bacterie"),
    ]
    assert annotation.dropped == 1


@given(TEXTS, st.data())
def test_an_exact_quote_comes_back_where_it_was(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    quote = text[start:end]
    place = Aligner(text).find(quote, hint=start + len(quote) - len(quote.lstrip()))
    if not quote.strip():
        assert place is None
    elif place is not None:
        assert text[place.start : place.end] == quote.strip()
        assert place.tier is Tier.EXACT
    else:
        assert text.count(quote.strip()) > 1  # dropped only when there was something to hesitate about


@given(TEXTS, st.text(max_size=8))
def test_offsets_are_always_inside_the_text_and_at_its_characters(text: str, quote: str) -> None:
    place = align(text, quote, hint=0)
    if place is not None:
        assert 0 <= place.start < place.end <= len(text)


@given(TEXTS)
def test_case_and_spacing_never_matter_for_a_unique_sentence(text: str) -> None:
    sentence = "Patient SORTI  à domicile"
    whole = f"{text}\n{sentence}\n{text}"
    place = align(whole, "patient sorti a domicile")
    assert place is not None
    assert whole[place.start : place.end] == sentence
