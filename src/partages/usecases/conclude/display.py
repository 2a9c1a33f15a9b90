"""A conclusion on a terminal: its sentences, and what the report does not support."""

from rich.console import Group, RenderableType
from rich.text import Text

from partages.documents import Document
from partages.usecases.conclude.schema import ConcludeResult

_ORIGINS = {
    "found": "Conclusion présente dans le compte rendu",
    "extractive": "Ébauche faite de phrases du compte rendu",
    "generated": "Ébauche rédigée par un modèle, à relire",
    "edited": "Conclusion relue",
    "absent": "Aucune conclusion dans ce compte rendu",
}


def show(document: Document, result: ConcludeResult) -> RenderableType:  # noqa: ARG001
    """Each sentence with a mark, and under it the reasons to check it."""
    parts: list[RenderableType] = [Text(_ORIGINS[result.origin], style="dim")]
    for sentence in result.sentences:
        mark = Text("✓ ", style="green") if sentence.supported else Text("⚠ ", style="bold yellow")
        parts.append(mark + Text(sentence.text))
        parts.extend(Text(f"    {reason}", style="yellow") for reason in sentence.reasons)
    if result.origin != "absent" and not result.sentences:
        parts.append(Text("Aucune phrase à retenir.", style="italic"))
    return Group(*parts)
