"""Language models: the medical task set under lm-eval, and bits per character of held-out text.

The tasks are the YAML files of ``tasks/``; lm-eval makes the prompts and scores the answers, here as
on its own command line. What is added: intervals over documents, the answers kept so that anyone can score
them again, hashes of prompts and data, cost.
"""

import contextlib
import gzip
import hashlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from partages import __version__
from partages.errors import GeneratorError, MissingPart, UsageError
from partages.evaluation.cost import measured
from partages.evaluation.likelihoods import WINDOW, Server
from partages.evaluation.local_rows import splits_for
from partages.evaluation.statistics import (
    DRAWS,
    Array,
    Estimate,
    bootstrap,
    difference,
    draws,
    interval,
    mcnemar,
)
from partages.settings import Settings
from partages.terminal import progress_bar
from partages.training import is_installed

FORMAT = "partages-model-evaluation/2"
DEFAULT = ("frenchmedmcqa_single", "frenchmedmcqa_multiple", "morfitt")
"""Tasks measured when none is named: those whose data is most often at hand."""
FEWSHOT_SEED = 1234
"""That of lm-eval, so that its command line draws the same examples."""
MAX_CHARACTERS = 4000
"""Of each text, where llama.cpp gives one probability a request; torch reads whole texts."""


# ---- tasks


def task_names() -> list[str]:
    """Every task of the set."""
    folder = files("partages.evaluation.tasks")
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def matching(asked: Sequence[str]) -> list[str]:
    """Names from names and patterns (``mediqal_*``), in order, each once.

    Raises:
        UsageError: a name that is none of ours.
    """
    from fnmatch import fnmatchcase

    known, out = task_names(), []
    for pattern in asked:
        found = [name for name in known if fnmatchcase(name, pattern)]
        if not found:
            raise UsageError(f"Aucune tâche « {pattern} » ; « partages evaluate tasks » les montre toutes.")
        out += found
    return list(dict.fromkeys(out))


@cache
def read_task(name: str) -> tuple[dict[str, Any], str]:
    """The configuration of a task, its functions resolved, and the SHA-256 of the files that make its prompt.

    Raises:
        MissingPart: lm-eval is not installed.
    """
    require_lm_eval()
    from lm_eval.tasks._yaml_loader import load_yaml

    folder = Path(str(files("partages.evaluation.tasks")))
    digest = hashlib.sha256()
    included: str | None = f"{name}.yaml"
    while included:
        content = (folder / included).read_bytes()
        digest.update(content)
        first = content.decode().partition("include: ")[2]
        included = first.split()[0] if first else None
    digest.update((folder / "utils.py").read_bytes())
    return dict(load_yaml(folder / f"{name}.yaml", resolve_func=True)), digest.hexdigest()


def require_lm_eval() -> None:
    """Raises MissingPart where lm-eval is not installed."""
    if find_spec("lm_eval") is None:
        raise MissingPart(
            "Les tâches demandent lm-eval : pip install 'partages[evaluate]'. Les bits par caractère s'en passent."
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """lm-eval and datasets say on standard error what the result says anyway."""
    import datasets
    import lm_eval.api.task

    loggers = [logging.getLogger(name) for name in ("lm_eval", "datasets")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    had_bars, bar = datasets.are_progress_bars_disabled(), lm_eval.api.task.tqdm
    datasets.disable_progress_bars()
    lm_eval.api.task.tqdm = lambda documents, **_: documents
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
        lm_eval.api.task.tqdm = bar
        if not had_bars:
            datasets.enable_progress_bars()


def load_task(name: str, data: Path | None, shots: int = 0) -> Any:
    """A task of lm-eval, its rows from ``data`` where they are there, else from their public home.

    Raises:
        UsageError: the rows are nowhere, are not of the schema, or there is none to give as example.
    """
    config, _ = read_task(name)
    from datasets import Dataset, DatasetDict
    from lm_eval.api.task import ConfigurableTask

    config = {**config, "metadata": dict(config.get("metadata") or {})}
    rows = splits_for(name, data) if data else None
    if rows:
        process = config.pop("process_docs", None) or (lambda dataset: dataset)
        try:
            loaded = DatasetDict({split: process(Dataset.from_list(found)) for split, found in rows.items()})
        except Exception:  # whatever a row of another schema makes pyarrow or the task raise
            raise _other_schema(name, data, config) from None
        config["custom_dataset"] = lambda **_: loaded
        for key in ("training_split", "validation_split", "test_split", "fewshot_split"):
            if config.get(key) not in rows:
                config[key] = None
        if not config["test_split"] and not config["validation_split"]:  # what there is, is what is asked
            config["test_split"] = next(iter(rows))
    if shots and not config.get("fewshot_split"):
        raise UsageError(f"« {name} » : il n'y a pas d'exemples à donner (partie « train » absente).")
    try:
        task = ConfigurableTask(config=config)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        if rows:
            if not any(len(found) for found in loaded.values()):
                raise UsageError(f"« {name} » : aucune question de ce type dans « {data} ».") from None
            raise _other_schema(name, data, config) from None
        raise _unreachable(name, config) from None
    except Exception:  # a dozen types from datasets, the Hub's client and the network
        raise _unreachable(name, config) from None
    if not len(task.eval_docs):
        raise UsageError(f"« {name} » : aucune question de ce type dans « {data} ».")
    return task


def _other_schema(name: str, data: Path | None, config: Mapping[str, Any]) -> UsageError:
    return UsageError(
        f"« {data} » : les lignes n'ont pas les champs que lit « {name} » ({config['metadata'].get('origin', '')})."
    )


def _unreachable(name: str, config: Mapping[str, Any]) -> UsageError:
    return UsageError(
        f"Les données de « {name} » ne sont pas ici et leur adresse publique ({config.get('dataset_path')}) ne les "
        f"a pas données : téléchargez-les et donnez --data DOSSIER, avec DOSSIER/{name}.jsonl."
    )


# ---- figures


def estimate(items: Sequence[Any], aggregate: Any, seed: int, count: int) -> Estimate:
    """A figure of lm-eval with the percentile interval over documents.

    ``aggregate`` is lm-eval's function from the items of all documents to the figure. Means and ratios of sums are
    drawn as sums; others (correlation of ranks) are computed again at each draw.
    """
    kind = aggregate.__name__
    rows = _additive(items, kind)
    if rows is not None:

        def figure(sums: Array) -> dict[str, Array]:
            top, bottom = sums[..., 0], sums[..., 1]
            value = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
            return {"": np.exp2(value) if kind == "weighted_perplexity" else value}

        return bootstrap(rows, figure, seed, count)[""]
    value = float(aggregate(items))
    if len(items) < 2:
        return Estimate(None if math.isnan(value) else value, None, None)
    drawn = [
        aggregate([items[place] for place in np.repeat(np.arange(len(items)), weights.astype(int)).tolist()])
        for block in draws(len(items), seed, count)
        for weights in block
    ]
    return Estimate(None if math.isnan(value) else value, *(interval(np.array(drawn)) or (None, None)))


def _additive(items: Sequence[Any], kind: str) -> Array | None:
    if kind == "mean":
        return np.array([[float(item), 1.0] for item in items])
    if kind == "f1_micro":
        return np.array([[2.0 * right, found + true] for right, found, true in items])
    if kind in ("bits_per_byte", "weighted_perplexity"):
        return np.array([[-value / math.log(2), size] for value, size in items])
    return None


Model = Server
"""A model behind a server, to be asked."""


@dataclass
class Subject:
    """What is measured: a server, its name, and what else gives the likelihood of whole texts."""

    server: Server
    name: str
    engine: str
    rolling: Any = None
    sha256: str | None = None


def evaluate_tasks(
    model: Subject,
    names: Sequence[str],
    *,
    data: Path | None = None,
    shots: int = 0,
    limit: int | None = None,
    seed: int = 0,
    count: int = DRAWS,
    energy: bool = True,
    journal: Path | None = None,
) -> dict[str, Any]:
    """Run tasks under lm-eval.

    Args:
        data: folder or file of rows (``local_rows``); without it, and for what it lacks, the public homes.
        shots: examples before each question, drawn from the training rows.
        limit: first documents of each task.
        journal: where answers are kept as they come, to take up a run that was killed.

    Raises:
        UsageError, GeneratorError: nothing is scored.
    """
    require_lm_eval()
    from lm_eval.evaluator import evaluate

    from partages.evaluation.lm import Journal, ServerLM

    with _quiet():
        tasks = [load_task(name, data, shots) for name in names]
        for task in tasks:
            task.set_config("num_fewshot", shots)
            task.set_fewshot_seed(FEWSHOT_SEED)
        total = sum(_requests(task, limit) for task in tasks)
        kept = Journal(journal, f"{model.name} {model.engine} {model.sha256}")
        with contextlib.closing(kept), progress_bar(total) as advance, measured(energy) as cost:
            found = evaluate(
                ServerLM(model.server, kept, model.rolling, advance),
                {"tasks": dict(zip(names, tasks, strict=True)), "groups": {}, "group_map": {}},
                limit=limit,
                bootstrap_iters=0,
            )
    assert found
    result: dict[str, Any] = {
        "format": FORMAT,
        "model": model.name,
        "engine": model.engine,
        "shots": shots,
        "seed": seed,
        "draws": count,
        "tasks": {},
        "answers": {},
    }
    for task, name in zip(tasks, names, strict=True):
        samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
        aggregations, better = task.aggregation(), task.higher_is_better()
        metadata = task.config.metadata or {}
        hashes = [sample["doc_hash"] for sample in samples]
        result["tasks"][name] = {
            "documents": len(samples),
            "figures": {
                metric: estimate(
                    [sample[metric] for sample in samples], aggregations[metric], seed, count
                ).as_json()
                for metric in aggregations
            },
            "higher_is_better": {metric: bool(better[metric]) for metric in aggregations},
            "version": metadata.get("version"),
            "prompt_sha256": read_task(name)[1],
            "data_sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(),
            "split": task.config.test_split or task.config.validation_split,
            **{key: metadata.get(key) for key in ("origin", "licence", "contamination")},
        }
        result["answers"][name] = [
            {
                "document": sample["doc_hash"],
                "target": sample["target"],
                "given": _given(sample["filtered_resps"]),
                "scores": {metric: sample[metric] for metric in aggregations},
            }
            for sample in samples
        ]
    result["cost"] = {**cost, "tokens": model.server.tokens, "cut_prompts": model.server.cut}
    result["provenance"] = {
        "partages": __version__,
        "lm_eval": version("lm_eval"),
        "datasets": version("datasets"),
        "numpy": np.__version__,
        "model_sha256": model.sha256,
        "likelihoods": "torch" if model.rolling else model.server._way,
    }
    return result


def read_questions(path: Path) -> list[dict[str, Any]]:
    """FrenchMedMCQA as published in JSON, in the fields of its data set on the Hub.

    Raises:
        UsageError: not such a file.
    """
    from partages.evaluation.tasks.utils import LETTERS

    try:
        return [
            {
                "id": row["id"],
                "question": row["question"],
                **{f"answer_{letter}": row["answers"][letter] for letter in "abcde"},
                "correct_answers": [LETTERS.index(letter.upper()) for letter in row["correct_answers"]],
            }
            for found in (splits_for("frenchmedmcqa_multiple", path) or {}).values()
            for row in found
        ]
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"« {path} » n'est pas un fichier de questions FrenchMedMCQA (JSON).") from None


def prompt_of(task: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """What a task of questions asks, from its template and a published row."""
    from jinja2 import Environment, StrictUndefined

    from partages.evaluation.tasks.utils import question

    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701  # plain text
    return environment.from_string(task["doc_to_text"]).render(question(row))


def _requests(task: Any, limit: int | None) -> int:
    documents = min(limit or len(task.eval_docs), len(task.eval_docs))
    each = len(task.doc_to_choice(task.eval_docs[0])) if task.OUTPUT_TYPE == "multiple_choice" else 1
    return documents * each


def _given(answers: Any) -> Any:
    """What the model answered: a text, a log-probability, or those of each choice."""
    plain = [item[0] if isinstance(item, list | tuple) else item for item in answers]
    return plain[0] if len(plain) == 1 else plain


def compare_models(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Paired differences, first minus second, over the same questions; McNemar where an answer is right or wrong.

    Raises:
        UsageError: no task in common, or not the same prompts, examples or questions.
    """
    names = [name for name in first["tasks"] if name in second["tasks"]]
    if not names:
        raise UsageError("Les deux résultats n'ont aucune tâche en commun : ils ne se comparent pas.")
    if first["shots"] != second["shots"]:
        raise UsageError("Les deux résultats n'ont pas le même nombre d'exemples (--shots).")
    out: dict[str, Any] = {"format": FORMAT, "models": [first["model"], second["model"]], "tasks": {}}
    for name in names:
        ours, theirs = first["tasks"][name], second["tasks"][name]
        for key, said in (("prompt_sha256", "les mêmes consignes"), ("data_sha256", "les mêmes questions")):
            if ours[key] != theirs[key]:
                raise UsageError(
                    f"« {name} » : les deux résultats n'ont pas {said}, ils ne se comparent pas."
                )
        differences, right = {}, {}
        for metric, kind in _kinds(name).items():
            sides = [
                _additive([answer["scores"][metric] for answer in result["answers"][name]], kind)
                for result in (first, second)
            ]
            if sides[0] is None or sides[1] is None:
                continue

            def figure(sums: Array) -> dict[str, Array]:
                return {"": sums[..., 0] / sums[..., 1]}

            found = difference(sides[0], sides[1], figure, int(first["seed"]), int(first["draws"]))
            differences[metric] = found[""].as_json()
            if metric in ("acc", "exact_match"):
                right = mcnemar(sides[0][:, 0] > 0, sides[1][:, 0] > 0)
        out["tasks"][name] = {
            "documents": ours["documents"],
            "differences": differences,
            "mcnemar": right or None,
        }
    return out


def _kinds(name: str) -> dict[str, str]:
    """How each metric of a task is aggregated."""
    config, _ = read_task(name)
    return {
        entry["metric"]: getattr(entry["aggregation"], "__name__", entry["aggregation"])
        for entry in config["metric_list"]
        if entry["metric"] != "byte_perplexity"
    }


# ---- bits per character


def read_text(path: Path, most: int | None) -> str:
    """The first characters of a text file, compressed or not; all of them by default.

    Raises:
        UsageError: unreadable, not UTF-8, or empty.
    """
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as stream
        ):
            text = stream.read(-1 if most is None else most)
    except (OSError, UnicodeDecodeError, EOFError):
        raise UsageError(f"« {path} » n'est pas un texte lisible en UTF-8.") from None
    if not text.strip():
        raise UsageError(f"« {path} » est vide.")
    return text


def bits_per_character(settings: Settings, paths: Sequence[Path], most: int | None = None) -> dict[str, Any]:
    """How well the embedded model (or PARTAGES_MODEL_FILE) predicts texts; lower is better.

    Windows of 512 tokens, each after the beginning-of-text token. Bits are counted over the model's own
    tokens and divided by characters, so models with other vocabularies compare. With the extra ``train``
    and a Gemma 3 or Llama file, a window takes one pass of torch; otherwise llama.cpp imposes the tokens
    one by one and gives the probability of each before sampling. The result's ``engine`` names which.

    Args:
        most: characters read of each text; by default all with torch, 4,000 with llama.cpp.

    Raises:
        UsageError: a text cannot be read.
        GeneratorUnavailable: the model cannot be started.
    """
    if found := _bits_by_torch(settings, paths, most):
        return found
    return _bits_by_llama_cpp(settings, paths, most or MAX_CHARACTERS)


def torch_reader(settings: Settings) -> tuple[Any, Any] | None:
    """What cuts a text into windows of tokens, and what gives the bits of one; None where torch cannot.

    With the extra ``train`` and a Gemma 3 or Llama file. Each window begins with the token of beginning; without
    one, the first token of each is given and not counted.
    """
    if not is_installed():
        return None
    from partages.models.embedded import model_path
    from partages.models.gguf_file import read_weights
    from partages.training.measure import window_bits
    from partages.training.network import build
    from partages.training.rows import windows
    from partages.training.vocabulary import build_tokenizer

    try:
        weights = read_weights(model_path(settings))
        network, tokenizer = build(weights), build_tokenizer(weights)
    except UsageError:
        return None
    network.eval()
    start = weights.token_id("bos")
    room, shortest = (WINDOW, 2) if start is None else (WINDOW + 1, 1)

    def cut(text: str) -> list[Any]:
        return list(windows([text], tokenizer, room, start, shortest))

    return cut, lambda piece: window_bits(network, piece)


def whole_by_torch(settings: Settings) -> Any:
    """Natural logarithm of a text's probability, as a function; None where torch cannot."""
    reader = torch_reader(settings)
    if reader is None:
        return None
    cut, bits = reader
    return lambda text: -math.log(2) * sum(bits(piece) for piece in cut(text))


def _bits_by_torch(settings: Settings, paths: Sequence[Path], most: int | None) -> dict[str, Any] | None:
    """None where the architecture is not one that torch is taught here."""
    texts = {str(path): read_text(path, most) for path in paths}
    reader = torch_reader(settings)
    if reader is None:
        return None
    cut, window_bits = reader
    pieces = {name: cut(text) for name, text in texts.items()}
    measures: dict[str, Any] = {}
    with progress_bar(sum(map(len, pieces.values()))) as advance:
        for name, text in texts.items():
            bits = 0.0
            for piece in pieces[name]:
                bits += window_bits(piece)
                advance()
            tokens = sum(len(piece) - 1 for piece in pieces[name])
            measures[name] = _shares(bits, tokens, len(text), len(text.encode()))
    return _bits_result(_local_name(settings), "torch", measures)


def _local_name(settings: Settings) -> str:
    """What the embedded server would call itself, without starting it."""
    from partages.models.catalogue import embedded_name

    return settings.model_file.stem if settings.model_file else str(embedded_name(settings.model))


def _bits_by_llama_cpp(settings: Settings, paths: Sequence[Path], most: int) -> dict[str, Any]:
    from partages.models.embedded import EmbeddedGenerator

    texts = {str(path): read_text(path, most) for path in paths}
    generator = EmbeddedGenerator(settings)
    server = server_of(generator, settings)
    measures: dict[str, Any] = {}
    try:
        for name, text in texts.items():
            value, tokens = server.forced_text(text)
            measures[name] = _shares(-value / math.log(2), tokens, len(text), len(text.encode()))
    except (KeyError, IndexError):
        raise GeneratorError("Le modèle intégré n'a pas donné les probabilités demandées.") from None
    finally:
        server.close()
        generator.close()
    return _bits_result(generator.name, "llama.cpp", measures)


def _bits_result(model: str, engine: str, measures: dict[str, Any]) -> dict[str, Any]:
    keys = ("bits", "tokens", "characters", "bytes")
    bits, *counts = (sum(entry[key] for entry in measures.values()) for key in keys)
    return {
        "format": "partages-bits/1",
        "model": model,
        "engine": engine,
        "files": measures,
        "total": _shares(bits, *counts),
    }


def _shares(bits: float, tokens: int, characters: int, size: int) -> dict[str, float]:
    return {
        "bits_per_character": bits / characters,
        "bits_per_byte": bits / size,
        "bits": bits,
        "tokens": tokens,
        "characters": characters,
        "bytes": size,
    }


def server_of(generator: Any, settings: Settings) -> Server:
    """An embedded generator as a server to measure."""
    from partages.models.embedded import CONTEXT_TOKENS

    return Server(
        generator.url,
        generator.name,
        api_key=generator.api_key,
        timeout=settings.generator_timeout,
        is_base=generator.is_base,
        context=CONTEXT_TOKENS,
    )
