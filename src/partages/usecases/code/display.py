"""Proposed codes on a terminal: role, code, label, score, and the words they come from."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from partages.documents import Document
from partages.terminologies.cim10 import dotted
from partages.usecases.code.schema import CodeResult


def _quote(document: Document, start: int, end: int) -> str:
    return " ".join(document.text[start:end].split())


def show(document: Document, result: CodeResult) -> RenderableType:
    """A table of proposals, then what was set aside and why."""
    if not result.codes and not result.set_aside:
        return Text(" ".join(result.flags) or "Aucun diagnostic reconnu dans ce document.", style="italic")
    table = Table(box=None, pad_edge=False)
    for title in ("Rôle", "Code", "Libellé", "Score", "Dans le texte"):
        table.add_column(title)
    for proposal in result.codes:
        quotes = dict.fromkeys(_quote(document, e.start, e.end) for e in proposal.evidence)
        table.add_row(
            Text(proposal.role or "–", style="bold" if proposal.role == "DP" else ""),
            dotted(proposal.code),
            Text(proposal.label),
            f"{proposal.score:.2f}",
            Text(" · ".join(list(quotes)[:3])),
        )
    parts: list[RenderableType] = [table]
    if result.attested is not None:
        parts.append(Text(f"Code attesté par le texte : {result.attested:.2f}"))
    parts += [Text(flag, style="bold yellow") for flag in result.flags]
    for proposal in result.codes:
        if proposal.reasons:
            parts.append(Text(f"{dotted(proposal.code)} mène : {', '.join(proposal.reasons)}", style="dim"))
    if result.set_aside:
        aside = ", ".join(f"{dotted(s.code)} {s.label} ({s.reason})" for s in result.set_aside)
        parts.append(Text(f"Écartés : {aside}", style="dim"))
    return Group(*parts)
