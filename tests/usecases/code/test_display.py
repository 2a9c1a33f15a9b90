"""What a terminal shows."""

from rich.console import Console

from partages.documents import Document
from partages.usecases.code.display import show
from partages.usecases.code.engine import code
from partages.usecases.code.schema import Options


def shown(text: str, **options: object) -> str:
    document = Document("1", text)
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(show(document, code(document, Options(**options))))
    return capture.get()


def test_codes_are_shown_with_a_dot_their_role_and_their_words() -> None:
    line = next(line for line in shown("Conclusion : cancer du côlon.").splitlines() if "C18.9" in line)
    assert "DP" in line
    assert "cancer du côlon" in line


def test_what_is_set_aside_is_shown_with_its_reason() -> None:
    assert "(nié)" in shown("Conclusion : grippe. Pas d'embolie pulmonaire.")


def test_nothing_found_is_said() -> None:
    assert "Aucun diagnostic" in shown("Le devis de la toiture est adopté.")


def test_labels_in_brackets_are_not_read_as_markup() -> None:
    assert "[permanente]" in shown("FA permanente", passage=True, top=1)
