"""What the page is made of, without a browser."""

from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from partages.models.generator import ScriptedGenerator
from partages.resources import Resources
from partages.server.app import create_app
from partages.server.pages import FAMILIES, dotted, exact, segments, short
from partages.settings import Settings
from partages.usecases.base import SpanResult
from partages.usecases.pseudonymise.schema import FRENCH_NAMES


def test_every_category_has_a_family_and_a_button(client: TestClient) -> None:
    assert sorted(label for _, _, labels in FAMILIES for label in labels) == sorted(FRENCH_NAMES)
    page = client.get("/").text
    for label, name in FRENCH_NAMES.items():
        assert f'data-categorie="{label}" aria-pressed="false">{name}<' in page


@given(st.text(max_size=60), st.lists(st.integers(0, 60), max_size=8, unique=True))
def test_segments_joined_are_the_text(text: str, cuts: list[int]) -> None:
    inside = sorted(cut for cut in cuts if cut <= len(text))
    pairs = zip(inside[::2], inside[1::2], strict=False)
    spans = [SpanResult(start=start, end=end, label="Nom") for start, end in pairs]
    pieces = segments(text, spans)
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.text for piece in pieces if piece.span] == [text[s.start : s.end] for s in spans]
    assert all(piece.text for piece in pieces)


class _Text(HTMLParser):
    text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_markup_keeps_every_code_point(text: str) -> None:
    markup = str(exact(text))
    assert "\r" not in markup  # a browser would turn it into LF
    assert "\0" not in markup  # a browser would drop it
    parser = _Text()
    parser.feed(markup)
    parser.close()
    assert parser.text == text.replace("\0", "\ufffd")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("I10", "I10"),
        ("C189", "C18.9"),
        ("C18.9", "C18.9"),
        ("XVIII", "XVIII"),
        ("E10-E14", "E10-E14"),
        ("", ""),
    ],
)
def test_codes_are_dotted_on_screen(code: str, shown: str) -> None:
    assert dotted(code) == shown


def test_long_quotes_are_cut_at_a_word() -> None:
    assert short("douleur  thoracique\r\nconstrictive", 22) == "douleur thoracique…"
    assert short("bref", 22) == "bref"
    assert short("secretariat.cardiologie@example.org", 11) == "secretariat…"


@pytest.mark.parametrize(
    ("settings", "said", "possible"),
    [
        (Settings(generator="none"), "Aucun modèle de rédaction", False),
        (Settings(), "Le modèle intégré est très petit", True),
        (Settings(generator="http://127.0.0.1:9/v1"), "le texte est envoyé à http://127.0.0.1:9/v1", True),
    ],
)
def test_the_page_says_who_writes(settings: Settings, said: str, possible: bool) -> None:
    resources = Resources(settings, None if settings.generator == "none" else ScriptedGenerator([]))
    with TestClient(create_app(resources), base_url="http://localhost") as client:
        page = client.get("/").text
    assert said in page
    radio = page.split('value="generated"')[1].split(">")[0]
    assert ("disabled" not in radio) is possible
