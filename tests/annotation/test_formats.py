"""brat and UIMA CAS JSON: what goes out comes back, whatever the text; what is wrong is said."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partages.annotation import ENTITE_ANONYMISATION as LAYER
from partages.annotation.brat import read_brat, write_brat
from partages.annotation.uima import looks_like_cas, read_cas, write_cas
from partages.documents import Document, Span
from partages.errors import UnreadableDocument

PIECES = st.sampled_from(
    [
        "Mme DURAND",
        " Dr Petit",
        "\r\n",
        "\n",
        "\t",
        "\f",
        "\u00a0",
        "🩺",
        "e\u0301",
        "\u2028",
        "\0",
        "né",
        ";",
        "12 3",
        "\u0085",
    ]
)


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = "a" + draw(st.lists(PIECES, max_size=20).map("".join)) + "z"
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        if text[start] in "\r\n" or text[end - 1] in "\r\n":
            continue  # brat cannot say a line end at the edge of a span
        role = draw(st.sampled_from([{}, {"RolePER": "Patient"}, {"RoleNUM": "Hopital", "CodeType": "NIR"}]))
        score = draw(st.sampled_from([None, 0.5, 1.0]))
        spans.append(Span(start, end, draw(st.sampled_from(["Nom", "Ville"])), role, score))
    return text, sorted(spans, key=lambda span: (span.start, span.end, span.label))


@settings(deadline=None)
@given(annotated())
def test_uima_round_trip(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    written = write_cas(Document("a", text), spans, LAYER)
    read_text, read = read_cas(written, LAYER)
    assert read_text == text
    assert _plain(read) == _plain(spans)
    assert looks_like_cas(written.encode()[:100])


@given(annotated())
def test_brat_round_trip(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    assert _plain(read_brat(text, write_brat(Document("a", text), spans))) == _plain(spans)


def _plain(spans: list[Span]) -> list[tuple[object, ...]]:
    return sorted((s.start, s.end, s.label, tuple(sorted(s.attributes.items())), s.score or 0) for s in spans)


def test_offsets_in_a_cas_count_utf_16_units() -> None:
    written = json.loads(write_cas(Document("a", "🩺 Durand"), [Span(2, 8, "Nom")], LAYER))
    (entity,) = [fs for fs in written["%FEATURE_STRUCTURES"] if fs["%TYPE"] == LAYER.name]
    assert (entity["begin"], entity["end"], entity["Categorie"]) == (3, 9, "Nom")
    (whole,) = [fs for fs in written["%FEATURE_STRUCTURES"] if fs["%TYPE"] == "uima.tcas.DocumentAnnotation"]
    assert (whole["begin"], whole["end"], whole["language"]) == (0, 9, "fr")


def test_a_cas_of_inception_is_read_with_its_other_layers() -> None:
    exported = {
        "%TYPES": {
            "webanno.custom.EntiteAnonymisation": {
                "%NAME": "webanno.custom.EntiteAnonymisation",
                "%SUPER_TYPE": "uima.tcas.Annotation",
                "Categorie": {"%NAME": "Categorie", "%RANGE": "uima.cas.String"},
                "RolePER": {"%NAME": "RolePER", "%RANGE": "uima.cas.String"},
            },
            "webanno.custom.Autre": {"%NAME": "webanno.custom.Autre", "%SUPER_TYPE": "uima.tcas.Annotation"},
        },
        "%FEATURE_STRUCTURES": [
            {
                "%ID": 1,
                "%TYPE": "uima.cas.Sofa",
                "sofaNum": 1,
                "sofaID": "_InitialView",
                "mimeType": "text",
                "sofaString": "Mme DURAND",
            },
            {
                "%ID": 2,
                "%TYPE": LAYER.name,
                "@sofa": 1,
                "begin": 4,
                "end": 10,
                "Categorie": "Nom",
                "RolePER": "Patient",
            },
            {"%ID": 3, "%TYPE": LAYER.name, "@sofa": 1, "begin": 0, "end": 3},
            {"%ID": 4, "%TYPE": "webanno.custom.Autre", "@sofa": 1, "begin": 0, "end": 3},
        ],
        "%VIEWS": {"_InitialView": {"%SOFA": 1, "%MEMBERS": [2, 3, 4]}},
    }
    assert read_cas(json.dumps(exported), LAYER) == (
        "Mme DURAND",
        [Span(4, 10, "Nom", {"RolePER": "Patient"})],
    )


@pytest.mark.parametrize(
    "data", ["{}", "[]", "null", "x", '{"%TYPES": {}, "%VIEWS": {}, "%FEATURE_STRUCTURES": []}']
)
def test_what_is_no_cas_is_said(data: str) -> None:
    with pytest.raises(UnreadableDocument, match="UIMA CAS JSON"):
        read_cas(data, LAYER, "x.json")


def test_brat_writes_a_fragment_a_line_and_reads_discontinuous_spans() -> None:
    text = "Mme DURAND\nPETIT et Paul"
    assert write_brat(Document("a", text), [Span(4, 16, "Nom")]) == "T1\tNom 4 10;11 16\tDURAND PETIT\n"
    assert read_brat(text, "T1\tNom 4 10;20 24\tDURAND Paul\nR1\tx Arg1:T1 Arg2:T1\n") == [
        Span(4, 10, "Nom"),
        Span(20, 24, "Nom"),
    ]


@pytest.mark.parametrize(
    "line", ["T1\tNom 4\tx", "T1\tNom 4 99\tx", "T1", "T1\tNom a b\tx", "A1", "T1\tNom 6 4\tx"]
)
def test_a_bad_brat_line_is_named(line: str) -> None:
    with pytest.raises(UnreadableDocument, match="ligne 2"):
        read_brat("Mme DURAND", "\n" + line + "\n", "a.ann")
