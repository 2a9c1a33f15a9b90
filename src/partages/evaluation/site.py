"""The site kit: a hospital scores inside, and lets out one small signed file of aggregated figures.

What leaves: figures of the protocol with intervals and variances, numbers of documents by
stratum, versions and hashes. What never leaves: a text, an identifier, a row of one
document. A cell under 11 documents is suppressed (threshold of the SNDS for exports), and another with
it when the first could be deduced.
Every string of the file comes from the protocol, this program or closed lists, none from the documents.
"""

import base64
import hashlib
import json
import math
import os
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from partages import __version__
from partages.errors import OutputError, UsageError
from partages.evaluation.cost import measured
from partages.evaluation.gold import Predictions, read_gold
from partages.evaluation.gold_checks import check_gold, representative
from partages.evaluation.kinds import LABELLED, Kind, kind_named
from partages.evaluation.sampling import AGE_BANDS, age_band
from partages.evaluation.scoring import Scored, from_engine, from_file, score, traits
from partages.evaluation.statistics import DRAWS, bootstrap, random_effects

FORMAT = "partages-site/2"
SMALLEST_CELL = 11
DIGITS = 4
SEXES = frozenset({"F", "M"})
BANDS = frozenset(age_band(start) for start in AGE_BANDS)
UNKNOWN = "inconnu"
Stratum = Literal["year", "sex", "age"]


class Evaluation(BaseModel):
    """One use case to measure. ``gold`` and ``predictions`` are relative to the protocol's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usecase: Literal["pseudonymise", "code", "conclude", "spans", "triples", "classify"]
    gold: Path
    labels: tuple[str, ...] = ()
    engine: str | None = Field(None, pattern=r"^[a-z_-]{1,30}$")
    predictions: Path | None = None


class Sampling(BaseModel):
    """How the gold was to be drawn. ``table`` is the metadata of all documents, relative to the protocol's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Path
    how: Literal["proportional", "balanced"] = "proportional"


class Protocol(BaseModel):
    """What the coordinating centre asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(max_length=200)
    version: str = Field(max_length=30)
    evaluations: tuple[Evaluation, ...] = Field(min_length=1)
    strata: tuple[Stratum, ...] = ()
    metrics: tuple[str, ...] = ()
    sampling: Sampling | None = None
    draws: int = Field(DRAWS, ge=100, le=10_000)
    seed: int = 0


def read_protocol(path: Path) -> tuple[Protocol, str]:
    """The protocol and its SHA-256.

    Raises:
        UsageError: unreadable, or not a protocol.
    """
    try:
        data = path.read_bytes()
        return Protocol.model_validate(tomllib.loads(data.decode())), hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise UsageError(f"« {path} » ne peut pas être lu ({error.strerror}).") from None
    except ValidationError as error:
        names = sorted({".".join(map(str, item["loc"])) for item in error.errors()})
        raise UsageError(f"« {path} » : champs refusés : {', '.join(names)} (docs/evaluation.md).") from None
    except ValueError:
        raise UsageError(f"« {path} » n'est pas du TOML valide.") from None


def stratum(found: Mapping[str, str], by: Sequence[str]) -> str:
    """The cell of a document: values of closed lists only, whatever the gold holds."""
    parts = []
    for name in by:
        value = found.get(name, "")
        known = (
            (name == "sex" and value in SEXES)
            or (name == "age" and value in BANDS)
            or (name == "year" and len(value) == 4 and value.isascii() and value.isdigit())
        )
        parts.append(value if known else UNKNOWN)
    return " x ".join(parts)


def suppress(
    cells: Mapping[str, int], smallest: int = SMALLEST_CELL, known: frozenset[str] = frozenset()
) -> dict[str, int | None]:
    """Counts with small cells taken out, and the next smallest while the sum of these would tell them.

    The total is published: what is suppressed must be at least two cells that together hold
    ``smallest`` or more.

    Args:
        known: further cells to take out, that another table would tell.
    """
    hidden = {name for name, count in cells.items() if 0 < count < smallest or name in known}
    rest = sorted((name for name in cells if name not in hidden), key=lambda name: (cells[name], name))
    while hidden and rest and (len(hidden) < 2 or sum(cells[name] for name in hidden) < smallest):
        hidden.add(rest.pop(0))
    return {name: None if name in hidden else count for name, count in cells.items()}


def told_by_difference(cells: Mapping[str, int], published: Sequence[Mapping[str, int]]) -> frozenset[str]:
    """Cells that differ from those of a table already in the file by less than the smallest cell."""
    names = {name for other in published for name in cells.keys() | other.keys()}
    return frozenset(
        name
        for name in names
        for other in published
        if 0 < abs(cells.get(name, 0) - other.get(name, 0)) < SMALLEST_CELL
    )


def _shown(count: int, documents: int) -> int | None:
    """A count of documents, where neither it nor the others are a small cell."""
    return suppress({"": count, "others": documents - count})[""]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _figures(kind: Kind, scored: Scored, protocol: Protocol) -> dict[str, Any]:
    wanted = protocol.metrics or tuple(head.key for head in kind.headlines)
    found = bootstrap(scored.matrix(), kind.figures, protocol.seed, protocol.draws)
    out: dict[str, dict[str, Any]] = {}
    for name in wanted:
        label = name.partition(":")[2]
        column = f"gold:{label}"
        if name not in found:
            raise UsageError(f"Le protocole demande une mesure inconnue pour « {kind.name} » : « {name} ».")
        if label and column in kind.columns:
            holding = int((scored.matrix()[:, kind.columns.index(column)] > 0).sum())
            if holding < SMALLEST_CELL:
                continue
        if name in kind.shares:
            right = int((scored.matrix()[:, kind.columns.index(kind.shares[name])] > 0).sum())
            if _shown(right, len(scored.ids)) is None:
                few = "few_right" if 2 * right < len(scored.ids) else "few_wrong"
                out[name] = {"value": None, "low": None, "high": None, "variance": None, "masked": few}
                continue
        estimate = found[name]
        out[name] = {side: _rounded(value) for side, value in estimate.as_json().items()}
        spread = (
            None
            if estimate.low is None or estimate.high is None
            else ((estimate.high - estimate.low) / (2 * 1.959963984540054)) ** 2
        )
        out[name]["variance"] = None if spread is None else float(f"{spread:.4g}")
    return out


def run(path: Path, site: str) -> dict[str, Any]:
    """Score what the protocol asks for, and keep what may leave; not signed yet.

    Raises:
        UsageError: the protocol, the gold or the predictions cannot be used, or too few documents.
    """
    protocol, digest = read_protocol(path)
    out: dict[str, Any] = {
        "format": FORMAT,
        "site": site,
        "protocol": {"title": protocol.title, "version": protocol.version, "sha256": digest},
        "software": {"partages": __version__, "numpy": np.__version__},
        "smallest_cell": SMALLEST_CELL,
        "evaluations": [],
    }
    published: list[dict[str, int]] = []
    for asked in protocol.evaluations:
        kind = _kind(asked)
        gold = path.parent / asked.gold
        checks = check_gold(kind, gold)
        if checks.blocking:
            name, sentence = checks.problems[0]
            raise UsageError(
                f"La référence de « {asked.usecase} » a {checks.blocking} problèmes à corriger d'abord, par exemple "
                f"« {name} » : {sentence} Tous : partages site check --protocol {path}."
            )
        if checks.counts["documents"] < SMALLEST_CELL:
            raise UsageError(
                f"{checks.counts['documents']} documents pour « {asked.usecase} » : sous {SMALLEST_CELL}, aucun "
                "chiffre ne peut sortir."
            )
        with measured(with_energy=False) as cost:
            if asked.predictions:
                stored = Predictions(path.parent / asked.predictions)
                try:
                    scored = score(kind, from_file(read_gold(gold), stored))
                finally:
                    stored.close()
            else:
                scored = score(kind, from_engine(kind, read_gold(gold), asked.engine))
        total = len(scored.ids)
        strata = [stratum(found, protocol.strata) for found in scored.traits] if protocol.strata else []
        cells = Counter(strata)
        shown = suppress(cells, known=told_by_difference(cells, published))
        published.append(dict(cells))
        out["evaluations"].append(
            {
                "usecase": asked.usecase,
                "labels": list(asked.labels),
                "engine": asked.engine or ("predictions" if asked.predictions else "default"),
                "documents": total,
                "failed": _shown(scored.failed, total),
                "checks": {name: _shown(checks.counts[name], total) for name in CHECKED},
                "sampling": _sampling(protocol, path, strata),
                "figures": _figures(kind, scored, protocol),
                "strata": dict(sorted(shown.items())),
                "seconds_per_document": float(f"{cost['seconds'] / total:.2g}"),
            }
        )
    return out


CHECKED = (
    "duplicate_texts", "ocr", "ocr_twins", "not_annotated", "attributes", "layer_missing", "features_missing",
)  # fmt: skip
"""Counts of the checks that leave: what forbids a measure never gets that far."""


def _kind(asked: Evaluation) -> Kind:
    if asked.usecase in LABELLED and not asked.labels:
        raise UsageError(
            f'Le protocole doit déclarer les catégories de « {asked.usecase} » : labels = ["A", "B"].'
        )
    return kind_named(asked.usecase, asked.labels)


def _sampling(protocol: Protocol, path: Path, strata: Sequence[str]) -> dict[str, Any] | None:
    if protocol.sampling is None:
        return None
    if not protocol.strata:
        raise UsageError("Le protocole donne « sampling » sans « strata » : il n'y a rien à comparer.")
    found = representative(
        strata,
        path.parent / protocol.sampling.table,
        protocol.strata,
        protocol.sampling.how,
        lambda row: stratum(traits({name: _number(row[name]) for name in protocol.strata}), protocol.strata),
    )
    return {
        "how": protocol.sampling.how,
        "distance": round(found.distance, 2),
        "p": round(found.p, 2),
        "representative": found.is_so,
    }


def _number(value: str) -> str | int:
    return int(value) if value.strip().isascii() and value.strip().isdigit() else value


def check_site(path: Path) -> list[dict[str, Any]]:
    """Every check of a protocol's gold sets, problems listed, nothing measured: this stays inside.

    Raises:
        UsageError: the protocol or a gold set cannot be read at all.
    """
    protocol, _ = read_protocol(path)
    out = []
    for asked in protocol.evaluations:
        found = check_gold(_kind(asked), path.parent / asked.gold)
        strata = [stratum(traits(fields), protocol.strata) for fields in found.traits]
        out.append(
            {
                "usecase": asked.usecase,
                "counts": dict(found.counts),
                "blocking": found.blocking,
                "sampling": _sampling(protocol, path, strata) if strata else None,
                "problems": [{"id": name, "problem": sentence} for name, sentence in found.problems],
            }
        )
    return out


# ---- signature


def _canonical(result: Mapping[str, Any]) -> bytes:
    unsigned = {name: value for name, value in result.items() if name != "signature"}
    return json.dumps(unsigned, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def new_key(path: Path) -> str:
    """Write a new private key, readable by its owner alone; returns the public key (base64).

    Raises:
        OutputError: it exists or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except OSError as error:
        raise OutputError(f"« {path} » ne peut pas être écrit ({error.strerror}).") from None
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def sign(result: Mapping[str, Any], key: Path) -> dict[str, Any]:
    """The result with its ed25519 signature and public key.

    Raises:
        UsageError: not a private key made by ``partages site key``.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"« {key} » n'est pas une clé lisible : créez-la avec « partages site key ».")
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    signature = base64.b64encode(private.sign(_canonical(result))).decode()
    return {**result, "signature": {"algorithm": "ed25519", "public_key": public, "value": signature}}


def verify(result: Mapping[str, Any], trusted: frozenset[str] | None, name: str) -> None:
    """Refuse a file that was changed, or signed by nobody known.

    Raises:
        UsageError: says which file and why.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = result["signature"]["public_key"]
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(result["signature"]["value"], validate=True), _canonical(result))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        raise UsageError(f"« {name} » : la signature est absente ou fausse, le fichier a changé.") from None
    if trusted is not None and public not in trusted:
        raise UsageError(f"« {name} » : signé par une clé qui n'est pas dans la liste des sites.")


# ---- several sites


def merge(results: Mapping[str, Mapping[str, Any]], trusted: frozenset[str] | None = None) -> dict[str, Any]:
    """The multi-centre result: figures by site, pooled by random effects, heterogeneity.

    A variance of zero (all right at a site) is replaced by that of a share with two successes and two
    failures added (Agresti & Coull 1998). A share of documents that a site masked, because 1 to 10 were right or
    wrong, counts as 5.5 with the variance that goes with it. A figure needs two sites.

    Raises:
        UsageError: a signature, another protocol, or a site given twice.
    """
    if len(results) < 2:
        raise UsageError("Donnez les fichiers d'au moins deux sites : un seul ne se met pas en commun.")
    for name, result in results.items():
        if result.get("format") != FORMAT:
            raise UsageError(f"« {name} » n'est pas un fichier de « partages site run ».")
        verify(result, trusted, name)
    first = next(iter(results.values()))
    sites: Counter[str] = Counter()
    for name, result in results.items():
        if result["protocol"] != first["protocol"]:
            raise UsageError(f"« {name} » : ce n'est pas le même protocole, les chiffres ne se fondent pas.")
        sites[result["site"]] += 1
        if sites[result["site"]] > 1:
            raise UsageError(f"« {name} » : le site « {result['site']} » est donné deux fois.")
    out: dict[str, Any] = {
        "format": "partages-multicentre/1",
        "protocol": first["protocol"],
        "software": {"partages": __version__},
        "versions": dict(Counter(result["software"]["partages"] for result in results.values())),
        "evaluations": [],
    }
    for place, asked in enumerate(first["evaluations"]):
        figures: dict[str, Any] = {}
        for name in sorted({key for r in results.values() for key in r["evaluations"][place]["figures"]}):
            by_site, values, variances, masked = {}, [], [], 0
            for result in results.values():
                entry = result["evaluations"][place]
                figure = entry["figures"].get(name)
                if not figure:
                    continue
                if figure.get("masked"):
                    value, variance = _imputed(figure["masked"], entry["documents"])
                    masked += 1
                elif figure["value"] is None or figure["variance"] is None:
                    continue
                else:
                    value = figure["value"]
                    variance = figure["variance"] or _floor(value, entry["documents"])
                by_site[result["site"]] = {**figure, "documents": entry["documents"]}
                values.append(value)
                variances.append(variance)
            if len(values) < 2:
                continue
            pooled = random_effects(np.array(values), np.array(variances))
            figures[name] = {
                "pooled": {side: round(getattr(pooled, side), 6) for side in ("value", "low", "high")},
                "heterogeneity": {
                    "tau2": float(f"{pooled.tau2:.4g}"),
                    "q": round(pooled.q, 4),
                    "degrees": pooled.sites - 1,
                    "i2": round(pooled.i2, 4),
                },
                "masked_sites": masked,
                "sites": by_site,
            }
        out["evaluations"].append(
            {
                "usecase": asked["usecase"],
                "labels": asked["labels"],
                "engine": asked["engine"],
                "documents": sum(r["evaluations"][place]["documents"] for r in results.values()),
                "figures": figures,
            }
        )
    return out


def _imputed(masked: str, documents: int) -> tuple[float, float]:
    """A share of documents of which 1 to 10 are right (or wrong): the middle, and the variance of not knowing which."""
    share = (SMALLEST_CELL / 2) / documents
    unknown = ((SMALLEST_CELL - 1) ** 2 - 1) / 12 / documents**2
    return (share if masked == "few_right" else 1 - share), share * (1 - share) / documents + unknown


def _floor(value: float, documents: int) -> float:
    share = (min(max(value, 0.0), 1.0) * documents + 2) / (documents + 4)
    return max(share * (1 - share) / (documents + 4), math.ulp(1.0))
