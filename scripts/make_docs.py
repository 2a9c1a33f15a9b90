"""Write the pages of ``docs/`` that are made from the code."""

from pathlib import Path

from partages.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"


def settings_page() -> str:
    """The table of settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if name == "api_key" else field.default
        rows.append(f"| `PARTAGES_{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(
        [
            "# Réglages",
            "",
            "Chaque réglage est une variable d'environnement.",
            "",
            "| variable | par défaut | effet |",
            "| --- | --- | --- |",
            *(row.replace("``", "vide") for row in rows),
            "",
        ]
    )


if __name__ == "__main__":
    (DOCS / "settings.md").write_text(settings_page())
