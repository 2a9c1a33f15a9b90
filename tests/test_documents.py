"""The vocabulary: what it refuses, what it never shows."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partages.documents import Annotation, Document, Span
from partages.errors import EmptyDocument, UnreadableDocument


def test_repr_never_shows_the_text() -> None:
    document = Document("crh-17", "Mme DURAND Élise")
    assert "DURAND" not in repr(document)
    assert "16 characters" in repr(document)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (5, 2)])
def test_a_span_holds_at_least_one_character(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="at least one character"):
        Span(start, end, "Nom")


def test_lone_surrogates_are_refused_without_quoting_them() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        Document("a", "DURAND \ud83d")
    assert "position 7" in str(caught.value)
    assert "DURAND" not in str(caught.value)


@pytest.mark.parametrize("text", ["", " ", "\r\n\t\f\u00a0", "\u200f", "..."])
def test_nothing_to_read(text: str) -> None:
    with pytest.raises(EmptyDocument):
        Document("a", text).require_text()


def test_quote_refuses_a_span_of_another_text() -> None:
    with pytest.raises(ValueError, match="exceeds"):
        Document("a", "abc").quote(Span(1, 9, "Nom"))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_offsets_are_code_points_whatever_the_text(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert Document("a", text).quote(Span(start, end, "Nom")) == text[start:end]


def test_annotations_are_ordered_and_cross_processes() -> None:
    spans = (Span(9, 12, "Ville"), Span(0, 3, "Nom", {"RolePER": "Patient"}, 0.9))
    annotation = Annotation("a", spans)
    assert [span.start for span in annotation.spans] == [0, 9]
    assert pickle.loads(pickle.dumps(annotation)) == annotation
