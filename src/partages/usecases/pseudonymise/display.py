"""A pseudonymised report on a terminal: the rendered text, and what was replaced."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.text import Text

from partages.documents import Document
from partages.usecases.pseudonymise.schema import FRENCH_NAMES, PseudonymiseResult


def show(document: Document, result: PseudonymiseResult) -> RenderableType:
    """The text received with its identifying spans marked, then the rendered text where it differs."""
    marked = Text(document.text)
    for span in result.spans:
        marked.stylize("reverse", span.start, span.end)
    counts = Counter(FRENCH_NAMES[span.label] for span in result.spans)
    summary = (
        ", ".join(f"{name} : {count}" for name, count in counts.most_common()) or "rien d'identifiant trouvé"
    )
    if result.text == document.text:
        return Group(marked, Text(f"\n{summary}", style="italic"))
    return Group(Text(result.text), Text(f"\n{summary}", style="italic"))
