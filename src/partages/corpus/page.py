"""``partages corpus inspect`` as a page: what each step took in, gave out and dropped, and why, with examples."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from partages.corpus.card import dropped_rows, flow_rows, number
from partages.corpus.topics import NAMES
from partages.evaluation.page import table, wrap

STEPS = {
    "read": "Lecture", "normalise": "Normalisation", "language": "Langue", "quality": "Qualité", "personal": "Données personnelles",
    "duplicates": "Doublons", "passages": "Passages répétés", "decontaminate": "Bancs d'essai", "topics": "Spécialités",
}  # fmt: skip
REASONS = {
    "research-only": "réservé à la recherche", "running-head": "en-tête ou pied de page", "contents": "table des matières",
    "references": "bibliographie", "empty": "vide", "foreign-language": "autre langue", "foreign-paragraph": "paragraphe dans une autre langue",
    "too-short": "trop court", "few-letters": "peu de lettres", "long-words": "mots trop longs", "short-words": "mots trop courts",
    "symbols": "trop de symboles", "no-sentence": "aucune phrase", "capitals": "presque tout en capitales", "repeated-lines": "lignes répétées",
    "repeated-phrase": "expression répétée", "repeated-passages": "passages répétés dans le document", "list-of-fragments": "liste de fragments",
    "broken-encoding": "encodage perdu", "spaced-letters": "lettres espacées", "boilerplate": "mention sans contenu",
    "symbols-only": "symboles seuls", "exact-duplicate": "doublon exact", "near-duplicate": "doublon proche",
    "repeated-passage": "passage déjà présent ailleurs", "only-repeated": "rien qui ne soit ailleurs", "benchmark": "question d'un banc d'essai",
}  # fmt: skip
TO_THE_LEFT = ".textes :is(td,th):nth-child(-n+3),.regles :is(td,th):nth-child(n+3){text-align:left}"
"""Columns of words; those of numbers are to the right."""
LABEL, WIDTH, ROW = 300, 430, 24


def bars(rows: Sequence[tuple[str, float]], title: str) -> str:
    """One bar a row, with its number."""
    most = max((value for _, value in rows), default=0) or 1
    parts = [
        f'<svg viewBox="0 0 {LABEL + WIDTH + 130} {ROW * len(rows) + 8}" role="img" aria-label="{escape(title)}">'
    ]
    for at, (name, value) in enumerate(rows):
        top = ROW * at + 6
        parts.append(
            f'<text x="0" y="{top + 12}">{escape(name)}</text>'
            f'<rect x="{LABEL}" y="{top}" width="{max(1, round(WIDTH * value / most, 1))}" height="15" fill="#1f5fa8"/>'
            f'<text x="{LABEL + round(WIDTH * value / most, 1) + 8}" y="{top + 12}">{number(value)}</text>'
        )
    return "".join([*parts, "</svg>"])


def page(facts: Mapping[str, Any]) -> str:
    """The whole page; texts of examples are escaped, personal data in them masked."""
    corpus = facts["corpus"]
    whole = corpus["all"]["all"] if corpus else {"documents": 0, "words": 0, "tokens": 0}
    edition = "commerciale" if facts["edition"] == "commercial" else "de recherche"
    parts = [
        f"<style>{TO_THE_LEFT}</style>",
        f"<p>Édition {edition} : {number(whole['documents'])} documents, {number(whole['words'])} mots, "
        f"environ {number(whole['tokens'])} tokens.</p>",
    ]
    damages = facts["steps"]["read"]["damages"]
    if damages or facts["refused"]:
        items = [*(one["reason"] for one in facts["refused"]), *(one["reason"] for one in damages)]
        parts.append(
            '<div class="warn"><p>N\'est pas entré :</p><ul>'
            + "".join(f"<li>{escape(item)}</li>" for item in items)
            + "</ul></div>"
        )
    flows = flow_rows(facts)
    parts.append("<h2>Mots, étape par étape</h2>")
    parts.append(
        bars(
            [(STEPS[step], out) for step, _, _, _, out in flows],
            "Mots qui restent après chaque étape",
        )
    )
    parts.append(
        table("Ce qui entre et ce qui sort", ("étape", "documents", "→", "mots", "→"),
              [(STEPS[step], *map(number, (a, b, c, d))) for step, a, b, c, d in flows])
    )  # fmt: skip
    dropped = sorted(dropped_rows(facts), key=lambda row: -row[4])
    parts.append("<h2>Pourquoi</h2>")
    parts.append(
        bars(
            [(REASONS.get(reason, reason), words) for _, reason, _, _, words in dropped[:20]],
            "Mots retirés, par raison",
        )
    )
    parts += _by_source(facts)
    parts.append(
        "<h2>Exemples de ce qui est retiré</h2><p>Tout est dans <code>rejected/</code>, à côté du corpus.</p>"
    )
    for step in STEPS:
        for reason, examples in facts["steps"][step]["examples"].items():
            parts.append(f"<h3>{escape(STEPS[step])} : {escape(REASONS.get(reason, reason))}</h3><ul>")
            for one in examples:
                detail = f" — {one['detail']}" if one["detail"] else ""
                parts.append(
                    f"<li><code>{escape(one['id'])}</code>, {one['words']} mots{escape(detail)}<br>{escape(one['text'])}</li>"
                )
            parts.append("</ul>")
    parts.append("<h2>Ce que contient le corpus</h2>")
    for group, title, names in (("source", "Mots par source", {}), ("licence", "Mots par licence", {}), ("kind", "Mots par genre", {}), ("topic", "Mots par spécialité", {**NAMES, "none": "aucune"})):  # fmt: skip
        rows = sorted(
            ((names.get(name, name), one["words"]) for name, one in corpus.get(group, {}).items()),
            key=lambda row: -row[1],
        )
        parts += [f"<h3>{title}</h3>", bars(rows, title)]
    rules = table("Règles de qualité", ("règle", "seuil", "unité", "à l'origine"),
                  [(REASONS.get(name, name), f"{rule['limit']:g}", rule["unit"], rule["original"]) for name, rule in facts["rules"].items()])  # fmt: skip
    parts.append(f'<div class="regles">{rules}</div>')
    return wrap(f"Le corpus « {facts['name']} »", parts)


def _by_source(facts: Mapping[str, Any]) -> list[str]:
    """One table a source: what each reason took from it."""
    parts = ["<h2>Par source</h2>"]
    for source in facts["sources"]:
        rows = []
        for step in STEPS:
            one = facts["steps"][step]["sources"].get(source)
            if not one:
                continue
            for unit, reasons in one["dropped"].items():
                for reason, counts in reasons.items():
                    share = 100 * counts["words"] / max(1, one["in"]["words"])
                    rows.append(
                        (STEPS[step], REASONS.get(reason, reason), "document" if unit == "document" else "paragraphe",
                         number(counts["number"]), number(counts["words"]), f"{share:.1f}".replace(".", ",") + " %")
                    )  # fmt: skip
        read = facts["steps"]["read"]["sources"].get(source, {"out": {"words": 0}})["out"]["words"]
        kept = facts["corpus"].get("source", {}).get(source, {"words": 0})["words"]
        caption = f"{source} : {number(read)} mots lus, {number(kept)} gardés"
        shown = table(caption, ("étape", "raison", "unité", "nombre", "mots", "de ce qui entre"), rows)
        parts.append(f'<div class="textes">{shown}</div>')
    return parts


def text(facts: Mapping[str, Any]) -> str:
    """The same on a terminal, shorter."""
    lines = [f"{facts['name']} ({facts['edition']})"]
    for step, documents_in, documents_out, words_in, words_out in flow_rows(facts):
        lines.append(
            f"{STEPS[step]:22} {number(documents_in):>10} → {number(documents_out):>10} documents   {number(words_in):>12} → {number(words_out):>12} mots"
        )
        for told, reason, unit, count, words in dropped_rows(facts):
            if told == step:
                what = "documents" if unit == "document" else "paragraphes"
                lines.append(
                    f"    {REASONS.get(reason, reason):36} {number(count):>8} {what}, {number(words)} mots"
                )
    whole = facts["corpus"]["all"]["all"] if facts["corpus"] else {"documents": 0, "words": 0, "tokens": 0}
    lines.append(
        f"Corpus : {number(whole['documents'])} documents, {number(whole['words'])} mots, environ {number(whole['tokens'])} tokens"
    )
    return "\n".join(lines)
