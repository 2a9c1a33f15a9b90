"""The card of a trained model, from the manifests alone: Hugging Face model card, French then English."""

import json
from collections.abc import Mapping
from typing import Any

GEMMA = (
    "Gemma is provided under and subject to the Gemma Terms of Use found at https://ai.google.dev/gemma/terms. "
    "This is a modified version of Gemma: its weights were changed by further training."
)


def card(
    name: str,
    run: Mapping[str, Any],
    measured: Mapping[str, Any] | None,
    audited: Mapping[str, Any] | None = None,
) -> str:
    """Markdown with its YAML head.

    Args:
        name: of the model.
        run: manifest of ``pretrain`` or ``instruct``.
        measured: manifest of ``merge``; without it the card says that nothing was measured.
        audited: manifest of ``audit``; without it the card says that memorisation was not looked at.
    """
    base, recipe = run["base"], run["recipe"]
    licence = base["licence"] or "other"
    head = {
        "license": licence, "language": ["fr"], "library_name": "gguf", "base_model": base["name"],
        "tags": ["medical", "french", "partages"],
    }  # fmt: skip
    lines = [
        "---",
        *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()),
        "---",
    ]
    lines += [f"# {name}", "", "## En bref", ""]
    lines += [
        f"Modèle de langue spécialisé en français médical, à partir de `{base['name']}` "
        f"({base['vocabulary']} mots de vocabulaire, SHA-256 `{base['sha256']}`).",
        "",
        "**Il ne donne pas d'avis médical.** Tout ce qu'il écrit est à relire par un professionnel de santé.",
        "",
        f"Licence : celle de la base ({licence}).",
    ]
    if "gemma" in licence.casefold() or base["architecture"].startswith("gemma"):
        lines += ["", GEMMA]
    lines += ["", "## Données / Data", ""]
    if sources := run["data"].get("sources"):
        lines += ["| source | documents | tokens | weight | SHA-256 |", "| --- | --: | --: | --: | --- |"]
        lines += [
            f"| {one['name']} | {one['documents']['train']} | {one['tokens']['train']} | {one['weight']:g} | `{one['sha256'][:16]}` |"
            for one in sources
        ]
        lines += [
            "",
            "Documents are split by a hash of their text: 4 % are never trained on, 2 % serve validation.",
        ]
    else:
        lines += [f"{run['data']['examples']} examples, SHA-256 `{run['data']['sha256'][:16]}`."]
    lines += ["", "## Entraînement / Training", "", "| | |", "| --- | --- |"]
    method = recipe.get("method", "lora")
    adapters = f"{method}, rank {recipe['rank']}" if recipe["rank"] and method != "full" else "all weights"
    energy = run.get("energy") or {}
    facts = {
        "step": run["step"], "what": adapters, "steps": recipe["steps"], "rows a step": recipe["batch"],
        "learning rate": f"{recipe['rate']:g}", "seed": recipe["seed"], "tokens": run["tokens"],
        "time": f"{run['seconds'] / 3600:.2f} h on {run['cores']} cores", "loss": run["loss"], "validation loss": run["validation"],
        "precision": "bfloat16 products" if recipe.get("half") else "float32",
        "energy": "not measured" if energy.get("kwh") is None else
        f"{energy['kwh']:.4f} kWh, {1000 * energy['kg_co2']:.2f} g CO2 ({energy['by']}, {energy['country']}: measured or estimated)",
        "code": f"`{run.get('code', '')[:16]}`", "finished": run.get("finished", ""),
        **{f"version of {library}": version for library, version in run["versions"].items()},
    }  # fmt: skip
    lines += [f"| {key} | {value} |" for key, value in facts.items()]
    lines += ["", "## Mesures / Measures", ""]
    if measured is None:
        lines += ["Rien n'a été mesuré. / Nothing was measured."]
    else:
        lines += [
            "| text never trained on | bits saved | 95 % interval | documents |",
            "| --- | --: | --- | --: |",
        ]
        for kind, gain in measured["gains"].items():
            lines += [
                f"| {kind} | {gain['share']:.1%} | {gain['low']:.1%} to {gain['high']:.1%} | {measured['documents'][kind]} |"
            ]
        lines += [
            "",
            f"Merged with the base: {measured['method']}, weight {measured['weight']:g} of what was learnt, chosen on the "
            f"trade-off below (general text counts for {measured['general_share']:.0%}).",
            "",
            "![Trade-off](curve.svg)",
        ]
    lines += ["", "## Ce qu'il rend de ce qu'il a lu / What it gives back", ""]
    if audited is None:
        lines += ["Non examiné. / Not looked at."]
    else:
        member = audited["membership"]
        lines += [
            "| | | threshold |",
            "| --- | --: | --: |",
            f"| membership inference by loss, AUC (95 % interval) | {member['auc']:.3f} ({member['low']:.3f} to {member['high']:.3f}) | {audited['thresholds']['auc']} |",
            f"| passages of 50 tokens given back word for word | {audited['regurgitation']['rate']:.2%} of {audited['regurgitation']['passages']} | {audited['thresholds']['regurgitation']:.0%} |",
        ]
        if canaries := audited.get("canaries"):
            lines += [
                "",
                "Fictitious identities planted in a copy of the training text, by number of copies:",
                "",
                "| copies | identities | exposure (bits, median) | extracted |",
                "| --: | --: | --: | --: |",
                *(
                    f"| {one['copies']} | {one['planted']} | {one['exposure']:.1f} | {one['extracted']:.0%} |"
                    for one in canaries
                ),
            ]
    lines += [
        "", "## Limites / Limits", "",
        "Foreseeing text better is not answering better: no clinical task is measured here. Errors, biases and gaps of the "
        "base and of the texts remain. / Mieux prévoir un texte n'est pas mieux répondre : aucune tâche clinique n'est mesurée ici.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
