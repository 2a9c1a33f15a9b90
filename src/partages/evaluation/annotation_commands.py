"""``partages evaluate agreement``, ``preannotate`` and ``corrections``: the quality of annotations."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from partages.documents import Document, Span
from partages.errors import OutputError, UsageError
from partages.evaluation.console import FILE, FORMAT, dump, line, write

MANIFEST = "preannotation.json"


def _work(path: Path) -> dict[str, tuple[str, list[Span]]]:
    """Text and spans by document, from any annotated form."""
    from partages.evaluation.gold import read_gold, read_spans

    out = {}
    for case in read_gold(path):
        given = case.fields.get("spans")
        if not isinstance(given, list):
            raise UsageError(f"« {path} », document « {case.id} » : il manque « spans ».")
        labels = sorted({str(item.get("label")) for item in given if isinstance(item, dict)})
        spans = read_spans(given, case.text, labels, f"« {path.name} », « {case.id} »")
        kept = {(i["start"], i["end"], i["label"]): i.get("attributes") or {} for i in given}
        out[case.id] = (
            case.text,
            [Span(s.start, s.end, s.label, kept[s.start, s.end, s.label]) for s in spans],
        )
    return out


@click.command(
    "agreement",
    help="Accord entre annotateurs : un export de projet INCEpTION (dossier ou .zip), ou un fichier ou dossier "
    "par annotateur.",
)
@click.argument("sources", nargs=-1, required=True, metavar="EXPORT | A B...", type=FILE)
@click.option("--disagreements", type=FILE, help="Liste des désaccords, en JSON : positions et catégories.")
@FORMAT
def agreement_command(sources: tuple[Path, ...], disagreements: Path | None, output_format: str) -> None:
    """Print agreement with intervals."""
    from partages.annotation import ENTITE_ANONYMISATION
    from partages.annotation.inception import is_project, read_project
    from partages.evaluation import agreement as measure
    from partages.evaluation.gold import same_text

    if len(sources) == 1:
        if not is_project(sources[0]):
            raise UsageError("Donnez un export de projet INCEpTION, ou au moins deux annotateurs.")
        people = read_project(sources[0], ENTITE_ANONYMISATION)
    else:
        people = {}
        for number, path in enumerate(sources):
            name = (
                path.stem
                if [other.stem for other in sources].count(path.stem) == 1
                else f"{path.stem} ({number + 1})"
            )
            people[name] = _work(path)
        if len({frozenset(work) for work in people.values()}) > 1:
            raise UsageError("Les annotateurs n'ont pas les mêmes documents : donnez les mêmes exports.")
    if len(people) < 2:
        raise UsageError("Un seul annotateur : il n'y a pas d'accord à mesurer.")
    texts: dict[str, str] = {}
    for who, work in people.items():
        for name, (text, _) in work.items():
            same_text(texts.setdefault(name, text), text, (), f"« {who} », « {name} »")
    spans = {who: {name: found for name, (_, found) in work.items()} for who, work in people.items()}
    shared = {name: text for name, text in texts.items() if sum(name in work for work in spans.values()) > 1}
    if not shared:
        raise UsageError(
            "Aucun document n'a été annoté par deux personnes : il n'y a pas d'accord à mesurer."
        )
    found = measure.agreement_of(shared, spans)
    listed = measure.disagreements({who: {n: w[n] for n in w if n in shared} for who, w in spans.items()})
    result: dict[str, Any] = {
        "annotators": list(people),
        "documents": len(shared),
        "documents_of_one_annotator": len(texts) - len(shared),
        "disagreements": len(listed),
        "figures": {name: estimate.as_json() for name, estimate in found.items()},
    }
    if len(people) > 2:
        result["pairs"] = {}
        for one, other in ((a, b) for n, a in enumerate(people) for b in list(people)[n + 1 :]):
            both = {
                name: text for name, text in shared.items() if name in spans[one] and name in spans[other]
            }
            if both:
                pair = measure.agreement_of(both, {one: spans[one], other: spans[other]})
                result["pairs"][f"{one} – {other}"] = {name: e.as_json() for name, e in pair.items()}
    if disagreements:
        write(disagreements, json.dumps(listed, ensure_ascii=False, indent=1))
    if output_format == "json":
        click.echo(dump(result))
        return
    click.echo(f"{len(people)} annotateurs, {len(shared)} documents, {len(listed)} passages en désaccord")
    for name, estimate in found.items():
        click.echo(line(name, estimate.as_json()))


@click.command(
    "preannotate", help="Annote d'avance par un moteur, en UIMA CAS JSON à importer dans INCEpTION."
)
@click.argument("sources", nargs=-1, required=True, metavar="FICHIER|DOSSIER...", type=FILE)
@click.option("--engine", help="Moteur de « pseudonymise » ; par défaut, celui qu'il choisit.")
@click.option("--output", "-o", type=FILE, required=True, help="Dossier à remplir, nouveau ou vide.")
def preannotate_command(sources: tuple[Path, ...], engine: str | None, output: Path) -> None:
    """Write a CAS a document, and a manifest last."""
    from io import BytesIO

    from partages import __version__
    from partages.annotation import ENTITE_ANONYMISATION
    from partages.annotation.uima import write_cas
    from partages.evaluation.gold import MAX_CHARACTERS, Case
    from partages.evaluation.kinds import kind_named
    from partages.evaluation.scoring import from_engine
    from partages.inputs import read_records

    try:
        output.mkdir(parents=True, exist_ok=True)
        occupied = any(output.iterdir())
    except OSError as error:
        raise OutputError(f"« {output} » ne peut pas être écrit ({error.strerror}).") from None
    if occupied:
        raise UsageError(f"« {output} » n'est pas vide : donnez un dossier nouveau.")

    def cases() -> Any:
        for record in read_records([str(path) for path in sources], MAX_CHARACTERS, BytesIO()):
            text, _ = record.load()
            yield Case(record.id or "", text, {})

    counts: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for case, prediction in from_engine(kind_named("pseudonymise"), cases(), engine):
        if "error" in prediction:
            failed[case.id] = str(prediction["error"])
            continue
        spans = [
            Span(s["start"], s["end"], s["label"], s.get("attributes") or {}, s.get("score"))
            for s in prediction["spans"]
        ]
        file = output / (quote(case.id, safe=" -_.,+()") + ".json")
        write(file, write_cas(Document(case.id, case.text), spans, ENTITE_ANONYMISATION))
        counts["documents"] += 1
        counts["spans"] += len(spans)
    manifest = {
        "format": "partages-preannotation/1",
        "usecase": "pseudonymise",
        "engine": engine or "default",
        "partages": __version__,
        **counts,
        "failed": len(failed),
    }
    write(output / MANIFEST, dump(manifest) + "\n")
    click.echo(f"{counts['documents']} documents, {counts['spans']} passages dans « {output} »")
    for name, reason in failed.items():
        click.echo(f"  {name} : {reason}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


@click.command("corrections", help="Part des pré-annotations que les annotateurs ont corrigée.")
@click.argument("before", metavar="PRÉ-ANNOTATIONS", type=FILE)
@click.argument("after", metavar="CORRIGÉES", type=FILE)
@click.option("--output", "-o", type=FILE, help="Résultat en JSON, chaque correction avec sa place.")
@FORMAT
def corrections_command(before: Path, after: Path, output: Path | None, output_format: str) -> None:
    """Print what became of the pre-annotations. AFTER may be a project of INCEpTION: each annotator is measured."""
    import numpy as np

    from partages.annotation import ENTITE_ANONYMISATION
    from partages.annotation.corrections import KINDS, changes
    from partages.annotation.inception import is_project, read_project
    from partages.evaluation.gold import same_text
    from partages.evaluation.statistics import bootstrap, ratio

    given = _work(before)
    people = read_project(after, ENTITE_ANONYMISATION) if is_project(after) else {after.stem: _work(after)}
    result: dict[str, Any] = {"format": "partages-corrections/1", "annotators": {}}
    if (manifest := before / MANIFEST).is_file():
        result["preannotation"] = json.loads(manifest.read_bytes())
    for who, work in people.items():
        rows, listed = [], []
        for name, (text, spans) in sorted(work.items()):
            key = name if name in given else name.removesuffix(".json").removesuffix(".txt")
            if key not in given:
                raise UsageError(f"« {who} », « {name} » : ce document n'a pas été pré-annoté.")
            same_text(given[key][0], text, (), f"« {who} », « {name} »")
            found = changes(name, given[key][1], spans)
            listed += [change for change in found if change.kind != "kept"]
            rows.append([sum(change.kind == kind for change in found) for kind in KINDS])
        table = np.array(rows, float)

        def figures(sums: Any) -> dict[str, Any]:
            proposed = sums[..., :-1].sum(-1)
            changed = sums[..., 1:-1].sum(-1)
            return {
                "share_corrected": ratio(changed, proposed),
                "share_removed": ratio(sums[..., 4], proposed),
                "share_added": ratio(sums[..., 5], sums[..., [0, 1, 2, 3, 5]].sum(-1)),
            }

        result["annotators"][who] = {
            "documents": len(rows),
            "changes": {kind: int(n) for kind, n in zip(KINDS, table.sum(0), strict=True)},
            "figures": {key: estimate.as_json() for key, estimate in bootstrap(table, figures).items()},
            "listed": [
                {"id": c.document, "change": c.kind, "start": c.start, "end": c.end, "label": c.label}
                for c in listed
            ],
        }
    if output:
        write(output, dump(result) + "\n")
    if output_format == "json":
        click.echo(dump(result))
        return
    for who, entry in result["annotators"].items():
        counts = ", ".join(f"{FRENCH[kind]} {entry['changes'][kind]}" for kind in KINDS)
        click.echo(f"{who} : {entry['documents']} documents ; {counts}")
        for name, figure in entry["figures"].items():
            click.echo(line(SHARES[name], figure))


FRENCH = {
    "kept": "gardés",
    "attributes": "attributs changés",
    "relabelled": "catégorie changée",
    "moved": "bornes changées",
    "removed": "retirés",
    "added": "ajoutés",
}
SHARES = {
    "share_corrected": "part des pré-annotations corrigées",
    "share_removed": "dont retirées",
    "share_added": "part des annotations ajoutées",
}
