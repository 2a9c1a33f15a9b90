"""The report as one HTML page: no script, no network, charts in SVG, to print and sign."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

ROLES = {
    "Patient": "Patient",
    "PersonnelSante": "Personnel de santé",
    "Hopital": "Hôpital",
    "Autre": "Autre",
    "sans rôle": "Sans rôle",
}
COLOURS = {
    "Patient": "#1f5fa8",
    "PersonnelSante": "#2e7d4f",
    "Hopital": "#8a5a00",
    "Autre": "#7a4a9c",
    "sans rôle": "#5b6470",
}
ENGINES = {
    "full": "moteur complet",
    "rules": "moteur à règles",
    "fast": "moteur rapide",
    "llm": "règles et modèle de langue",
    "corrected": "annotations corrigées par une personne",
}
RENDERINGS = {"surrogates": "substituts", "tags": "catégories entre crochets", "spans": "texte inchangé"}

STYLE = """
:root{color-scheme:light;--line:#c9ced6;--ink:#1b1f24}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:#fff;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem;margin-bottom:.2rem}h2{font-size:1.25rem;margin-top:2.2rem;border-bottom:2px solid var(--line)}
table{border-collapse:collapse;width:100%;margin:.8rem 0}caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
dl.keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.8rem;margin:1rem 0}
dl.keys div{border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem}dt{font-size:.9rem}
dd{margin:0;font-size:1.5rem;font-weight:600}.legend span{display:inline-block;margin-right:1.2rem}
.legend i{display:inline-block;width:.9rem;height:.9rem;margin-right:.35rem;vertical-align:-.1rem}
.warn{border-left:.35rem solid #9a3412;padding:.5rem .9rem;background:#fff6ed}
.sign{display:grid;grid-template-columns:1fr 1fr;gap:2rem}.sign div{border-top:1px solid var(--ink);margin-top:4rem;padding-top:.3rem}
svg{max-width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:var(--ink)}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}
"""


def number(value: float | int | None, digits: int = 0) -> str:
    """In the French way: ``12 345,6``."""
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace(".", ",")


def percent(value: float | None) -> str:
    return "–" if value is None else f"{number(100 * value, 1)}\u202f%"


def page(data: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The page, from what ``summarise`` returns."""
    documents, risk = data["documents"], data["risk"]
    low, high = risk["interval_95"]
    keys = [
        ("Documents traités", f"{number(documents['processed'])} sur {number(documents['received'])}"),
        ("Passages trouvés", number(sum(entry["found"] for entry in data["categories"].values()))),
        (
            "Part du texte masquée",
            percent(documents["masked_characters"] / documents["characters"])
            if documents["characters"]
            else "–",
        ),
        ("Entités manquées, estimation", f"{number(risk['expected_missed'], 1)}"),
        ("Documents avec au moins une omission, estimation", percent(risk["documents_with_a_miss"])),
        ("Valeurs trouvées encore lisibles", number(risk["residues"])),
    ]
    parts = [
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(data['title'])}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{escape(data['title'])}</h1><p>Établi le {escape(_date(data['date']))} par partages {escape(data['tools']['partages'])}. "
        "Ce rapport ne contient aucun texte de document.</p>",
        '<dl class="keys">',
        *(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in keys),
        "</dl>",
        *_warnings(documents, risk),
        "<h2>Ce qui a été trouvé</h2>",
        _chart(data["categories"], names),
        _categories(data["categories"], names),
        "<h2>Documents à relire d'abord</h2>",
        _first(data["first_to_read"], documents["processed"]),
        "<h2>Risque résiduel</h2>",
        f"<p>Entités identifiantes sans doute manquées : <strong>{number(risk['expected_missed'], 1)}</strong> "
        f"(intervalle à 95\u202f% : {number(low, 1)} à {number(high, 1)}), soit {number(risk['per_document'], 2)} par document.</p>",
        f"<p><strong>Méthode.</strong> {escape(risk['method'])}</p>",
        f"<p>Mesuré le {escape(risk['measured_on']['date'])}, version {escape(risk['measured_on']['version'])}, sur "
        f"{escape(risk['measured_on']['bed'])}.</p>",
        *(_recall(engine, table, names) for engine, table in risk["recall"].items()),
        "<h2>Réglages, outils et versions</h2>",
        _table(
            "Réglages employés",
            ("Réglage", "Documents"),
            [(_setting(setting), number(count)) for setting, count in data["settings"].items()],
        ),
        _table("Versions", ("Outil", "Version"), [(name, value) for name, value in data["tools"].items()]),
    ]
    if data["errors"]:
        parts += [
            "<h2>Documents non traités</h2>",
            _table(
                "Rien n'a été écrit pour eux",
                ("Document", "Raison"),
                [(e["id"], e["error"]) for e in data["errors"]],
            ),
        ]
    parts += [
        "<h2>Décision</h2><p>Lot relu par sondage : ☐ oui ☐ non. Diffusion : ☐ autorisée ☐ refusée.</p>",
        '<div class="sign"><div>Délégué à la protection des données, date et signature</div>'
        "<div>Responsable du traitement, date et signature</div></div>",
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _date(iso: str) -> str:
    return f"{iso[8:10]}/{iso[5:7]}/{iso[:4]} à {iso[11:16]} (UTC)"


def _setting(setting: str) -> str:
    engine, rendering, *rest = setting.split(", ")
    return ", ".join([ENGINES.get(engine, engine), RENDERINGS.get(rendering, rendering), *rest])


def _warnings(documents: Mapping[str, int], risk: Mapping[str, Any]) -> list[str]:
    counted = (
        ("Valeurs trouvées qui se lisent encore dans les textes rendus", risk["residues"], "voyez la liste"),
        (
            "Documents dont l'identifiant contient un nom de leur texte",
            documents["identifier_holds_a_name"],
            "renommez-les avant de diffuser",
        ),
        ("Documents longs où rien n'a été trouvé", documents["nothing_found"], "relisez-les"),
        ("Documents non traités", documents["failed"], "voyez la liste"),
    )
    said = [f"{what} : {number(count)} ; {then}." for what, count, then in counted if count]
    return [f'<p class="warn">{escape(text)}</p>' for text in said]


def _chart(categories: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Bars by category, cut by role; the table below says the same in figures."""
    if not categories:
        return "<p>Rien n'a été trouvé.</p>"
    rows = sorted(categories.items(), key=lambda item: -item[1]["found"])
    most = rows[0][1]["found"]
    left, width, step = 190, 560, 26
    height = step * len(rows) + 10
    drawn = [
        f'<svg role="img" viewBox="0 0 {left + width + 90} {height}" width="{left + width + 90}" height="{height}" '
        'aria-label="Nombre de passages par catégorie et par rôle">'
    ]
    for index, (label, entry) in enumerate(rows):
        y = index * step + 4
        drawn.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(names[label])}</text>')
        x = float(left)
        for role, count in entry["roles"].items():
            size = width * count / most
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{max(size, 0.5):.1f}" height="18" fill="{COLOURS.get(role, "#5b6470")}">'
                f"<title>{escape(names[label])}, {escape(ROLES.get(role, role))} : {count}</title></rect>"
            )
            x += size
        drawn.append(f'<text x="{x + 6:.1f}" y="{y + 14}">{number(entry["found"])}</text>')
    present = {role for entry in categories.values() for role in entry["roles"]}
    legend = "".join(
        f'<span><i style="background:{COLOURS[role]}"></i>{escape(name)}</span>'
        for role, name in ROLES.items()
        if role in present
    )
    return "".join(drawn) + f'</svg><p class="legend">{legend}</p>'


def _table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """The first column is text; a column of figures is aligned to the right."""
    figures = [all(_is_figure(row[column]) for row in rows) for column in range(len(heads))]

    def kind(column: int) -> str:
        return ' class="n"' if figures[column] and column else ""

    head = "".join(f'<th scope="col"{kind(i)}>{escape(name)}</th>' for i, name in enumerate(heads))
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{kind(i)}>{escape(value)}</td>" for i, value in enumerate(rest, 1))
        + "</tr>"
        for first, *rest in rows
    )
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _is_figure(value: str) -> bool:
    return value == "–" or re.fullmatch(r"[\d\u202f,]+(?:\u202f%)?", value) is not None


def _categories(categories: Mapping[str, Any], names: Mapping[str, str]) -> str:
    rows = []
    for label, entry in categories.items():
        roles = ", ".join(
            f"{ROLES.get(role, role)} : {number(count)}" for role, count in entry["roles"].items()
        )
        name = names[label] + (
            " (laissée dans le texte, ou déplacée avec les dates)" if entry["kept_in_text"] else ""
        )
        rows.append(
            (name, number(entry["found"]), roles, number(entry["mean_score"], 2), number(entry["unsure"]))
        )
    heads = ("Catégorie", "Passages", "Par rôle", "Score moyen", "Peu sûrs (score < 0,6)")
    return _table(
        "Par catégorie et par rôle. Le score ordonne les passages ; ce n'est pas une probabilité.",
        heads,
        rows,
    )


def _first(entries: list[Mapping[str, Any]], processed: int) -> str:
    rows = [
        (
            entry["id"],
            number(entry["priority"], 2),
            number(entry["entities"]),
            " ; ".join(entry["reasons"]) or "–",
        )
        for entry in entries
    ]
    if not rows:
        return "<p>Aucun document traité.</p>"
    caption = (
        f"Les {number(len(rows))} premiers sur {number(processed)}, du plus urgent au moins urgent. Priorité : omissions attendues, "
        "valeurs encore lisibles, mots ou numéros laissés qui pourraient identifier."
    )
    return _table(caption, ("Document", "Priorité", "Passages", "Pourquoi"), rows)


def _recall(engine: str, table: Mapping[str, list[int]], names: Mapping[str, str]) -> str:
    rows = [
        (names[label], f"{number(found)} sur {number(present)}", percent(found / present) if present else "–")
        for label, (found, present) in table.items()
    ]
    return _table(
        f"Rappel mesuré, {ENGINES.get(engine, engine)}",
        ("Catégorie", "Entités entièrement masquées", "Rappel"),
        rows,
    )
