"""Results as one HTML page: no script, no network, forest plots in SVG, no text of any document."""

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from partages.evaluation.console import NOT_SHARES, p_value
from partages.evaluation.kinds import Kind, kind_of
from partages.evaluation.robustness import KINDS as ALTERATIONS

STYLE = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:62rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.7rem}h2{font-size:1.25rem;margin-top:2.2rem;border-bottom:2px solid #c9ced6}
table{border-collapse:collapse;width:100%;margin:.8rem 0}caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #c9ced6}td+td,th+th{text-align:right;
font-variant-numeric:tabular-nums}.warn{border-left:.35rem solid #9a3412;padding:.5rem .9rem;background:#fff6ed}
svg{max-width:100%;height:auto}svg text{font:13px system-ui,sans-serif;fill:#1b1f24}code{overflow-wrap:anywhere}
pre{overflow-wrap:anywhere;white-space:pre-wrap;font-size:.8rem}
@media print{body{margin:0;max-width:none}tr,svg{break-inside:avoid}}
"""
TRAITS = {
    "length": "longueur (quartile)",
    "specialty": "spécialité",
    "category": "catégorie",
    "sex": "sexe",
    "age": "âge",
    "year": "année",
    "type": "type de document",
}
LABEL_WIDTH, PLOT_WIDTH, ROW = 330, 420, 26
Figure = Mapping[str, float | None]


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}".replace(".", ",") + "\u202f%"


def bounds(figure: Figure) -> str:
    if figure["low"] is None:
        return "–"
    return f"{percent(figure['low'])} à {percent(figure['high'])}"


def forest(rows: Sequence[tuple[str, Figure]], title: str, low: float = 0.0, high: float = 1.0) -> str:
    """A forest plot: one line a row, a square for the figure, a bar for its interval."""

    def place(value: float) -> float:
        return round(LABEL_WIDTH + PLOT_WIDTH * (min(max(value, low), high) - low) / (high - low), 1)

    height = ROW * (len(rows) + 1) + 10
    width = LABEL_WIDTH + PLOT_WIDTH + 90
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">']
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(
            f'<line x1="{place(value)}" x2="{place(value)}" y1="4" y2="{height - ROW}" stroke="#dfe3e8"/>'
            f'<text x="{place(value)}" y="{height - 8}" text-anchor="middle">{100 * value:.0f}</text>'
        )
    if low < 0 < high:
        parts.append(f'<line x1="{place(0)}" x2="{place(0)}" y1="4" y2="{height - ROW}" stroke="#1b1f24"/>')
    for number, (name, figure) in enumerate(rows):
        middle = ROW * number + 17
        parts.append(f'<text x="0" y="{middle + 4}">{escape(name)}</text>')
        if figure["value"] is None:
            said = "masqué (1 à 10 documents)" if figure.get("masked") else "non défini"
            parts.append(f'<text x="{LABEL_WIDTH}" y="{middle + 4}">{said}</text>')
            continue
        if figure["low"] is not None and figure["high"] is not None:
            left, right = place(figure["low"]), place(figure["high"])
            parts.append(
                f'<line x1="{left}" x2="{right}" y1="{middle}" y2="{middle}" stroke="#1f5fa8" stroke-width="3"/>'
            )
        at = place(figure["value"])
        parts.append(
            f'<rect x="{at - 4}" y="{middle - 4}" width="8" height="8" fill="#123a6b"/>'
            f'<text x="{LABEL_WIDTH + PLOT_WIDTH + 14}" y="{middle + 4}">{percent(figure["value"])}</text>'
        )
    return "".join([*parts, "</svg>"])


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells are escaped."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def wrap(title: str, parts: Sequence[str]) -> str:
    """A whole page."""
    return (
        '<!doctype html><html lang="fr"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        + "".join(parts)
        + "</main></body></html>\n"
    )


def page(results: Sequence[Mapping[str, Any]], comparison: Mapping[str, Any] | None = None) -> str:
    """The report of one run, or of several on the same use case with their leaderboard."""
    kind = kind_of(results[0])
    parts = []
    if len(results) > 1:
        parts += leaderboard(kind, results)
    if comparison:
        names = comparison["engines"]
        rows = [(head.name, comparison["differences"][head.key]) for head in kind.headlines]
        parts.append(f"<h2>{escape(names[0])} moins {escape(names[1])}, mêmes documents</h2>")
        widest = max((abs(v) for _, figure in rows for v in figure.values() if v is not None), default=0)
        reach = max(0.1, math.ceil(widest * 10) / 10)
        parts.append(forest(rows, "Différences appariées, en points, et intervalles à 95 %", -reach, reach))
        if comparison["mcnemar"]:
            found = comparison["mcnemar"]
            parts.append(
                f"<p>McNemar exact : {found['only_first']} documents justes dans le premier seul, "
                f"{found['only_second']} dans le second seul, {p_value(found['p'])}" + ".</p>"
            )
    for result in results:
        parts += _one(result)
    return wrap(f"Évaluation : {kind.name}", parts)


def leaderboard(kind: Kind, results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Runs in order of the first measure, each with its interval and its cost, and a forest plot of them."""
    first = kind.headlines[0]
    ordered = sorted(results, key=lambda r: -(r["figures"][first.key]["value"] or 0))
    names = [_run_name(r) for r in ordered]
    rows = [(name, r["figures"][first.key]) for name, r in zip(names, ordered, strict=True)]
    golds = {r["provenance"]["gold_sha256"] for r in ordered}
    out = ["<h2>Classement</h2>"]
    if len(golds) > 1:
        out.append('<p class="warn">Ces résultats n\'ont pas la même référence : ils ne se classent pas.</p>')
    shown = kind.headlines[:4]
    out.append(forest(rows, first.name))
    out.append(
        table(
            f"Par {first.name.lower()} ; l'écart entre deux moteurs se lit dans « evaluate compare »",
            ("Moteur", "Documents", *(head.name for head in shown), "Intervalle à 95 %", "s/document", "Wh"),
            [
                (
                    name,
                    str(r["documents"]),
                    *(percent(r["figures"][head.key]["value"]) for head in shown),
                    bounds(r["figures"][first.key]),
                    number(r["cost"].get("seconds_per_document")),
                    number(r["cost"].get("energy_wh")),
                )
                for name, r in zip(names, ordered, strict=True)
            ],
        )
    )
    return out


def number(value: float | None) -> str:
    """Three significant digits, with a comma."""
    return "–" if value is None else f"{value:.3g}".replace(".", ",")


def _run_name(result: Mapping[str, Any]) -> str:
    return str(result.get("name") or result["engine"])


def _one(result: Mapping[str, Any]) -> list[str]:
    kind = kind_of(result)
    figures = result["figures"]
    shown = [(head.name, figures[head.key]) for head in kind.headlines]
    parts = [f"<h2>Moteur {escape(_run_name(result))}</h2>"]
    parts.append(
        f"<p>{result['documents']} documents, {result['failed']} en échec (comptés comme vides). Intervalles à "
        f"95\u202f% par rééchantillonnage des documents, {result['draws']} tirages.</p>"
    )
    parts += [f'<p class="warn">{escape(warning)}</p>' for warning in result.get("warnings", ())]
    parts.append(forest(shown, "Mesures et intervalles à 95 %"))
    parts.append(
        table(
            "Chiffres",
            ("Mesure", "Valeur", "Intervalle à 95 %"),
            [(name, percent(figure["value"]), bounds(figure)) for name, figure in shown],
        )
    )
    categories = [name.partition(":")[2] for name in figures if name.startswith("exact_f1:")]
    categories = [label for label in categories if figures[f"exact_f1:{label}"]["value"] is not None]
    if categories:
        empty: Figure = {"value": None, "low": None, "high": None}
        covered = {label: figures.get(f"full_coverage_recall:{label}", empty) for label in categories}
        parts.append(
            table(
                "Par catégorie",
                ("Catégorie", "F1 exact", "Intervalle", "Rappel, couverture complète", "Intervalle"),
                [
                    (
                        label,
                        percent(figures[f"exact_f1:{label}"]["value"]),
                        bounds(figures[f"exact_f1:{label}"]),
                        percent(covered[label]["value"]),
                        bounds(covered[label]),
                    )
                    for label in categories
                ],
            )
        )
    if "seconds_saved" in figures and figures["seconds_saved"]["value"] is not None:
        seconds = figures["seconds_saved"]["value"]
        parts.append(
            f"<p>Temps gagné, estimé : <strong>{seconds:.0f} s par document</strong> ".replace(".", ",")
            + "(modèle des frappes, Card, Moran et Newell 1980 : un usager expert qui corrige l'ébauche, contre "
            "le même travail sans elle ; ni hésitation, ni interruption).</p>"
        )
    if result["breakdowns"]:
        parts.append(
            table(
                f"{kind.headlines[0].name}, par groupe ; écart avec tous les autres documents",
                ("Groupe", "Documents", "Valeur", "Écart", "Intervalle corrigé", "Signalé"),
                [
                    (
                        f"{TRAITS.get(entry['by'], entry['by'])} : {entry['group']}",
                        str(entry["documents"]),
                        percent(entry["value"]),
                        percent(entry["gap"]["value"]) if entry["gap"] else "–",
                        bounds(entry["gap"]) if entry["gap"] else "–",
                        "oui" if entry["flagged"] else "",
                    )
                    for entry in result["breakdowns"]
                ],
            )
        )
    if result.get("robustness"):
        parts.append(
            table(
                f"Robustesse : {kind.headlines[0].name}",
                ("Texte", "Valeur", "Texte d'origine"),
                [
                    (
                        ALTERATIONS[name],
                        percent(found[kind.headlines[0].key]["value"]),
                        percent(found[kind.headlines[0].key]["reference"]),
                    )
                    for name, found in result["robustness"].items()
                ],
            )
        )
    if result.get("examples"):
        parts += examples(result["examples"])
    parts += _facts(result)
    return parts


COSTS = {
    "seconds": "durée, s",
    "seconds_per_document": "durée par document, s",
    "cpu_seconds": "processeur, s",
    "peak_memory_mb": "mémoire au plus haut, Mo",
    "energy_wh": "énergie estimée, Wh",
    "emissions_g": "émissions estimées, g CO2e",
    "energy_method": "énergie estimée par",
    "tokens": "jetons lus et écrits",
    "tokens_written": "jetons écrits",
    "cut_prompts": "consignes raccourcies",
}


def _facts(result: Mapping[str, Any]) -> list[str]:
    cost = [
        (COSTS.get(k, k), number(v) if isinstance(v, float) else str(v))
        for k, v in result["cost"].items()
        if v is not None
    ]
    versions = [(k, str(v)) for k, v in result["provenance"].items() if v]
    return [
        table("Coût", ("Élément", "Valeur"), cost),
        table("Versions et empreintes", ("Élément", "Valeur"), versions),
    ]


def examples(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Errors with their text, for those who may read the documents."""
    parts = [
        "<h3>Exemples d'erreurs</h3>",
        '<p class="warn">Cette partie contient du texte des documents : elle ne doit pas sortir de l\'établissement.</p>',
    ]
    for document in found:
        rows = []
        for error in document["errors"]:
            shown = (
                error.get("text")
                or f"attendu : {error.get('expected', '')} ; donné : {error.get('given', '')}"
            )
            place = f"…{error['before']}[{shown}]{error['after']}…" if "before" in error else shown
            rows.append((error["error"], error.get("label", ""), place))
        parts.append(table(f"Document {document['id']}", ("Erreur", "Catégorie", "Passage"), rows))
    return parts


METRICS = {
    "acc": "exactitude, la plus vraisemblable",
    "exact_match": "réponse entièrement juste",
    "hamming": "score de Hamming",
    "f1_micro": "F1 micro",
    "f1": "F1 macro",
    "refusal": "refus",
    "invalid": "réponses hors forme",
    "edrm": "EDRM",
    "spearman": "corrélation de Spearman",
    "rouge_l": "ROUGE-L",
    "f1_words": "F1 par mots",
    "bits_per_byte": "bits par octet",
    "byte_perplexity": "perplexité par octet",
}


def _rank(value: float | None, better: int) -> float:
    return math.inf if value is None else better * value


def models_page(results: Sequence[Mapping[str, Any]]) -> str:
    """The report of one language model, or of several with their leaderboard, task by task."""
    parts = []
    for name in dict.fromkeys(task for result in results for task in result["tasks"]):
        having = [result for result in results if name in result["tasks"]]
        entry = having[0]["tasks"][name]
        parts.append(
            f"<h2>{escape(name)}</h2><p>{escape(str(entry['origin']))}. Licence : {escape(str(entry['licence']))}. "
            f"Contamination : {escape(str(entry['contamination']))}.</p>"
        )
        if (
            len(
                {
                    (r["tasks"][name]["prompt_sha256"], r["tasks"][name]["data_sha256"], r["shots"])
                    for r in having
                }
            )
            > 1
        ):
            parts.append(
                '<p class="warn">Les consignes, les exemples ou les questions diffèrent : ces résultats ne se classent pas.</p>'
            )
        for metric in entry["figures"]:
            better = -1 if entry["higher_is_better"][metric] else 1
            ordered = [(r["model"], r["tasks"][name]) for r in having]
            ordered.sort(key=lambda run: _rank(run[1]["figures"][metric]["value"], better))
            rows = [(model, run["figures"][metric]) for model, run in ordered]
            said = METRICS.get(metric, metric)
            if metric not in NOT_SHARES:
                parts.append(
                    f"<h3>{escape(said)}</h3>{forest(rows, said, -1.0 if metric == 'spearman' else 0.0)}"
                )
            show = number if metric in NOT_SHARES else percent
            parts.append(
                table(
                    said,
                    ("Modèle", "Documents", "Valeur", "Intervalle à 95 %"),
                    [
                        (
                            model,
                            str(run["documents"]),
                            show(run["figures"][metric]["value"]),
                            "–"
                            if run["figures"][metric]["low"] is None
                            else f"{show(run['figures'][metric]['low'])} à {show(run['figures'][metric]['high'])}",
                        )
                        for model, run in ordered
                    ],
                )
            )
        parts.append(
            f"<p>Consigne <code>{escape(entry['prompt_sha256'])}</code>, questions <code>{escape(entry['data_sha256'])}</code>, "
            f"{having[0]['shots']} exemple(s).</p>"
        )
    for result in results:
        parts.append(f"<h2>{escape(result['model'])}</h2>")
        parts += _facts(result)
    return wrap("Évaluation de modèles de langue", parts)


def site_page(result: Mapping[str, Any]) -> str:
    """What a human reads before the file leaves a hospital: all of it."""
    parts = [
        f"<p>Site {escape(result['site'])}, protocole « {escape(result['protocol']['title'])} », version "
        f"{escape(result['protocol']['version'])}, empreinte <code>{escape(result['protocol']['sha256'])}</code>.</p>"
        "<p>Le fichier JSON est montré ici, puis donné tel quel à la fin. Les effectifs de moins de "
        f"{result['smallest_cell']} documents sont masqués, avec ceux qui permettraient de les déduire.</p>"
    ]
    for entry in result["evaluations"]:
        names = {head.key: head.name for head in kind_of(entry).headlines}
        failed = "masqué" if entry["failed"] is None else entry["failed"]
        parts.append(f"<h2>{escape(entry['usecase'])}, moteur {escape(entry['engine'])}</h2>")
        parts.append(f"<p>{entry['documents']} documents, en échec : {failed}.</p>")
        parts.append(
            forest([(names.get(key, key), figure) for key, figure in entry["figures"].items()], "Chiffres")
        )
        parts.append(
            table(
                "Chiffres",
                ("Mesure", "Valeur", "Intervalle à 95 %"),
                [
                    (names.get(k, k), "masqué" if f.get("masked") else percent(f["value"]), bounds(f))
                    for k, f in entry["figures"].items()
                ],
            )
        )
        if drawn := entry["sampling"]:
            parts.append(
                f"<p>Tirage {'équilibré' if drawn['how'] == 'balanced' else 'proportionnel'} : distance aux strates prévues "
                f"{number(drawn['distance'])}, p = {number(drawn['p'])}, "
                f"{'conforme' if drawn['representative'] else '<strong>non conforme</strong>'}.</p>"
            )
        parts.append(f"<p>Durée par document : {number(entry['seconds_per_document'])} s.</p>")
        for caption, cells in (("Contrôles de la référence", entry["checks"]), ("Strates", entry["strata"])):
            parts.append(
                table(
                    caption,
                    ("", "Documents"),
                    [(name, "masqué" if count is None else str(count)) for name, count in cells.items()],
                )
            )
    whole = json.dumps(result, ensure_ascii=False, indent=1)
    parts.append(f"<h2>Le fichier, tel qu'il part</h2><pre>{escape(whole)}</pre>")
    return wrap("Résultats d'un site, à relire avant envoi", parts)


def merged_page(result: Mapping[str, Any]) -> str:
    """The multi-centre result, a forest plot a figure."""
    parts = [
        f"<p>Protocole « {escape(result['protocol']['title'])} », {escape(result['protocol']['version'])}.</p>"
    ]
    for entry in result["evaluations"]:
        names = {head.key: head.name for head in kind_of(entry).headlines}
        parts.append(f"<h2>{escape(entry['usecase'])}, moteur {escape(entry['engine'])}</h2>")
        parts.append(f"<p>{entry['documents']} documents.</p>")
        for key, figure in entry["figures"].items():
            spread = figure["heterogeneity"]
            rows = [*figure["sites"].items(), ("Ensemble (effets aléatoires)", figure["pooled"])]
            parts.append(f"<h3>{escape(names.get(key, key))}</h3>{forest(rows, names.get(key, key))}")
            parts.append(
                f"<p>Hétérogénéité : I² = {percent(spread['i2'])}, τ² = {spread['tau2']}, Q = {spread['q']} "
                f"({spread['degrees']} degrés de liberté)."
                + (
                    f" {figure['masked_sites']} site(s) masqué(s), comptés pour 5,5 documents."
                    if figure["masked_sites"]
                    else ""
                )
                + "</p>"
            )
    return wrap("Résultats de plusieurs sites", parts)
