"""The card of a corpus, from the numbers of its build alone: Hugging Face dataset card, French then English, and Croissant."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from partages.corpus.report import STEPS
from partages.corpus.topics import NAMES

EDITIONS = {
    "commercial": ("commerciale : aucun document dont la licence réserve l'usage à la recherche",
                   "commercial: no document whose licence is for research only"),
    "research": ("de recherche : des documents y sont réservés à la recherche (colonne `commercial`)",
                 "research: some documents are for research only (column `commercial`)"),
}  # fmt: skip
HUB_LICENCES = frozenset(
    "etalab-2.0 cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 cc-by-nc-4.0 "
    "cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 apache-2.0 mit odbl odc-by".split()
)
"""Licence identifiers that the Hub knows."""
LIMITS = (
    ("Le nettoyage est fait par des règles : des phrases utiles sont perdues, du bruit reste (les précisions mesurées sont dans la documentation de partages).",
     "Cleaning is by rules: useful sentences are lost and noise remains (measured precision is in the documentation of partages)."),
    ("Les données personnelles sont masquées là où un texte parle d'une personne ; les auteurs cités et les personnages publics restent nommés. Un nom peut avoir échappé.",
     "Personal data is masked where a text speaks of a person; cited authors and public figures keep their names. A name may have been missed."),
    ("Les thèmes viennent d'un modèle linéaire appris sur MORFITT : F1 pondérée de 0,69 sur des résumés d'articles, moins ailleurs.",
     "Topics come from a linear model trained on MORFITT: weighted F1 of 0.69 on abstracts, less elsewhere."),
    ("Les doublons exacts et proches sont retirés ; deux textes qui disent la même chose avec d'autres mots restent.",
     "Exact and near duplicates are out; two texts that say the same in other words stay."),
    ("Seuls les bancs d'essai listés ont été retirés.", "Only the benchmarks listed were taken out."),
    ("Un texte médical vieillit : ce corpus n'est pas une source d'information pour soigner.",
     "Medical text ages: this corpus is no source of information for care."),
)  # fmt: skip


def write_card(output: Path, facts: Mapping[str, Any]) -> None:
    """Write ``croissant.json``, then ``README.md``, which says that the corpus is whole."""
    _write(
        output / "croissant.json", json.dumps(croissant(output, facts), ensure_ascii=False, indent=1) + "\n"
    )
    _write(output / "README.md", card(facts))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def number(value: float) -> str:
    """With a thin space every three digits."""
    return f"{value:,.0f}".replace(",", "\u202f")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *["--:"] * (len(header) - 1)]
    return [
        *("| " + " | ".join(cells) + " |" for cells in (header, rule, *(list(row) for row in rows))),
        "",
    ]


def _counted(
    values: Mapping[str, Mapping[str, int]], first: str, names: Mapping[str, str] | None = None
) -> list[str]:
    rows = sorted(values.items(), key=lambda pair: -pair[1]["words"])
    return _table(
        (first, "documents", "mots / words", "tokens (≈)"),
        (
            (
                (names or {}).get(name, name),
                number(one["documents"]),
                number(one["words"]),
                number(one["tokens"]),
            )
            for name, one in rows
        ),
    )


def dropped_rows(facts: Mapping[str, Any]) -> list[tuple[str, str, str, int, int]]:
    """Step, reason, unit, number, words dropped, over all sources."""
    rows: dict[tuple[str, str, str], list[int]] = {}
    for step in STEPS:
        for source in facts["steps"][step]["sources"].values():
            for unit, reasons in source["dropped"].items():
                for reason, one in reasons.items():
                    held = rows.setdefault((step, reason, unit), [0, 0])
                    held[0] += one["number"]
                    held[1] += one["words"]
    return [(step, reason, unit, count, words) for (step, reason, unit), (count, words) in rows.items()]


def flow_rows(facts: Mapping[str, Any]) -> list[tuple[str, int, int, int, int]]:
    """Step, documents in, documents out, words in, words out, over all sources."""
    rows = []
    for step in STEPS:
        flows = facts["steps"][step]["sources"].values()
        totals = [
            sum(one[way][what] for one in flows) for what in ("documents", "words") for way in ("in", "out")
        ]
        rows.append((step, totals[0], totals[1], totals[2], totals[3]))
    return rows


def benchmark_lines(facts: Mapping[str, Any]) -> list[str]:
    """What the corpus was compared with, and what it was not."""
    checked, lacking = [], []
    for one in facts["benchmarks"]:
        if one["parts"]:
            checked.append(
                f"{one['name']} ({', '.join(f'{part} {number(count)}' for part, count in one['parts'].items())})"
            )
        if one["missing"]:
            lacking.append(f"{one['name']} ({', '.join(one['missing'])})")
    kept = [one["name"] for one in facts["benchmarks"] if one["kept"]]
    lines = ["Comparé à / checked against: " + (", ".join(checked) or "rien / nothing") + "."]
    if lacking:
        lines += [
            "",
            "**Pas comparé à / not checked against**: " + ", ".join(lacking) + ". Un score sur ces bancs d'essai n'est pas garanti sans "
            "contamination / a score on these may be contaminated (`partages corpus benchmarks --fetch`).",
        ]  # fmt: skip
    if kept:
        lines += [
            "",
            "**Laissés dans le corpus à la demande / left in on request**: " + ", ".join(kept) + ". Leurs scores ne valent plus rien pour un "
            "modèle appris ici / their scores mean nothing for a model trained on this corpus.",
        ]  # fmt: skip
    return lines


def _head(facts: Mapping[str, Any]) -> list[str]:
    corpus = facts["corpus"]
    whole = corpus["all"]["all"] if corpus else {"documents": 0}
    licences = sorted(corpus.get("licence", {}))
    ids = sorted({one.lower() if one.lower() in HUB_LICENCES else "other" for one in licences})
    size = whole["documents"]
    category = next(
        name for limit, name in ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"), (1e7, "1M<n<10M"), (1e8, "10M<n<100M"), (1e9, "100M<n<1B"), (float("inf"), "n>1B")) if size < limit
    )  # fmt: skip
    head = [
        "---", "language:", "- fr", "license:", *(f"- {one}" for one in ids or ["other"]), f"pretty_name: {json.dumps(facts['name'], ensure_ascii=False)}",
        "size_categories:", f"- {category}", "task_categories:", "- text-generation", "tags:", "- medical", "- french", "- partages",
        "configs:", "- config_name: default", "  data_files:",
    ]  # fmt: skip
    for split in corpus.get("split", {}):
        head += [f"  - split: {split}", f"    path: data/{split}-*.parquet"]
    return [*head, "---"]


def card(facts: Mapping[str, Any]) -> str:
    """Markdown with its YAML head."""
    corpus = facts["corpus"]
    whole = corpus["all"]["all"] if corpus else {"documents": 0, "words": 0, "tokens": 0}
    french, english = EDITIONS[facts["edition"]]
    lines = [*_head(facts), f"# {facts['name']}", "", "## En bref", ""]
    lines += [
        f"Corpus de français médical, édition {french}.",
        "",
        f"{number(whole['documents'])} documents, {number(whole['words'])} mots, environ {number(whole['tokens'])} tokens "
        "(estimés, vocabulaire de Gemma 3). Chaque document porte sa source et sa licence ; les données personnelles ont été "
        "masquées, les doublons retirés, ainsi que les questions des bancs d'essai nommés plus bas.",
        "",
        "## In short",
        "",
        f"A corpus of French medical text, {english}. {number(whole['documents'])} documents, {number(whole['words'])} words, about "
        f"{number(whole['tokens'])} tokens (estimated, vocabulary of Gemma 3). Every document carries its source and licence; personal "
        "data was masked, duplicates were removed, and so were questions of the benchmarks named below.",
        "",
        "## Contenu / Content",
        "",
        *_counted(corpus.get("split", {}), "partie / split"),
        *_counted(corpus.get("source", {}), "source"),
        *_counted(corpus.get("licence", {}), "licence"),
        *_counted(corpus.get("kind", {}), "genre / kind"),
        "Spécialités (un document peut en avoir plusieurs, ou aucune) / specialties (several or none a document):",
        "",
        *_counted(corpus.get("topic", {}), "spécialité / specialty", {**{key: f"{value} / {key}" for key, value in NAMES.items()}, "none": "aucune / none"}),
        "Colonnes / columns: `id`, `text`, `source`, `licence`, `commercial`, `kind`, `language`, `document` (dont ce texte est une "
        "section / of which this text is a section), `topics`, `words`, `tokens`. The split of a document depends on a hash of how it "
        "begins: adding documents moves none.",
        "",
        "## Sources et attributions / Sources and attribution",
        "",
    ]  # fmt: skip
    for name, one in facts["sources"].items():
        licence = (
            f"[{one['licence_name']}]({one['licence_url']})" if one["licence_url"] else one["licence_name"]
        )
        uses = (
            "commerce permis / commercial use allowed"
            if one["commercial"]
            else "recherche seulement / research only"
        )
        lines.append(
            f"- **{name}** — {one['title']}. {one['publisher']}, <{one['home']}>. {licence} ; {uses}. Attribution : {one['attribution']}"
        )
    lines += ["", "## Ce que chaque étape retire / What each step removes", ""]
    lines += _table(
        ("étape / step", "documents in", "documents out", "mots in", "mots out"),
        ((step, *map(number, counts)) for step, *counts in flow_rows(facts)),
    )
    lines += _table(
        ("étape / step", "raison / reason", "unité / unit", "nombre / number", "mots / words"),
        (
            (step, f"`{reason}`", unit, number(count), number(words))
            for step, reason, unit, count, words in dropped_rows(facts)
        ),
    )
    lines += ["", "## Données personnelles / Personal data", ""]
    masked = {key: value for key, value in facts["steps"]["personal"]["facts"].items() if key != "documents"}
    lines += [
        "Passages masqués, par catégorie / spans masked, by category: "
        + (", ".join(f"{key} {number(value)}" for key, value in masked.items()) or "aucun / none")
        + f". Documents : {number(facts['steps']['personal']['facts'].get('documents', 0))}.",
        "",
        "## Bancs d'essai retirés / Benchmarks taken out",
        "",
        *benchmark_lines(facts),
        "",
        "Trouvés et retirés / found and taken out: "
        + (", ".join(f"{key} {number(value)}" for key, value in facts["steps"]["decontaminate"]["facts"].items()) or "0") + ".",
        "",
        "## Ce qui n'est pas entré / What was left out",
        "",
    ]  # fmt: skip
    left = [f"- {one['reason']}" for one in facts["refused"]]
    left += [f"- « {one['source']} » : {one['use']}, pas de pré-entraînement." for one in facts["aside"]]
    left += [f"- {one['reason']}" for one in facts["steps"]["read"]["damages"]]
    lines += left or ["Rien : tout ce qui a été donné a été lu / nothing: all that was given was read."]
    lines += [
        "",
        "## Limites / Known limits",
        "",
        *(f"- {french} / {english}" for french, english in LIMITS),
        "",
    ]
    lines += ["Fait avec / made with partages. Métadonnées Croissant : `croissant.json`.", ""]
    return "\n".join(lines)


_TYPES = {"commercial": "sc:Boolean", "words": "sc:Integer", "tokens": "sc:Integer"}
_ABOUT = {
    "id": "Identifier, unique.", "text": "The text, one paragraph a line.", "source": "Name of the source.",
    "licence": "Licence of the document.", "commercial": "Whether commerce may use it.", "kind": "What it is: lecture, leaflet...",
    "language": "ISO 639-1 code.", "document": "Identifier of the document that this text is a section of.",
    "topics": "Specialties, likeliest first.", "words": "Number of words.", "tokens": "Number of tokens, about.",
}  # fmt: skip


def croissant(output: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Croissant 1.0 metadata (MLCommons) of the shards that are there."""
    shards = sorted((output / "data").glob("*.parquet"))
    objects = [
        {
            "@type": "cr:FileObject", "@id": path.name, "name": path.name, "contentUrl": f"data/{path.name}",
            "encodingFormat": "application/x-parquet", "sha256": _sha256(path),
        }
        for path in shards
    ]  # fmt: skip
    records = [
        {
            "@type": "cr:RecordSet", "@id": path.stem, "name": path.stem,
            "description": f"Documents of {path.name}.",
            "field": [
                {
                    "@type": "cr:Field", "@id": f"{path.stem}/{name}", "name": f"{path.stem}/{name}", "description": about,
                    "dataType": _TYPES.get(name, "sc:Text"), **({"repeated": True} if name == "topics" else {}),
                    "source": {"fileObject": {"@id": path.name}, "extract": {"column": name}},
                }
                for name, about in _ABOUT.items()
            ],
        }
        for path in shards
    ]  # fmt: skip
    urls = sorted({one["licence_url"] or one["licence"] for one in facts["sources"].values()})
    return {
        "@context": {
            "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
            "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
            "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty", "samplingRate": "cr:samplingRate", "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
            "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
            "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
            "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
            "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
            "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
            "transform": "cr:transform",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts["name"],
        "description": f"French medical text, edition {EDITIONS[facts['edition']][1]}.",
        "inLanguage": "fr",
        "license": urls,
        "creator": [{"@type": "sc:Organization", "name": name} for name in sorted({one["publisher"] for one in facts["sources"].values()})],
        "citeAs": " ; ".join(sorted(one["attribution"] for one in facts["sources"].values())),
        "rai:personalSensitiveInformation": "Masked where a text speaks of a person; authors cited and public figures keep their names.",
        "distribution": objects,
        "recordSet": records,
    }  # fmt: skip


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
