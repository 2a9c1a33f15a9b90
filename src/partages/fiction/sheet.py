"""The writing sheet: what the writer is asked, then a template per document; as text, as .docx, and read back.

A .docx is read back by its styles: what is under a heading « Document » in the styles of the writer is the text;
headings without anything under them, words to the writer and the header are not.
"""

import io
import re
from typing import Any

from partages.errors import BadDocument
from partages.fiction.case import Case, Written
from partages.fiction.templates import templates

RULES = (
    "Le patient, les soignants et l'établissement sont inventés : n'employez aucun autre nom de personne ou "
    "d'établissement, aucun numéro de téléphone, aucune adresse.",
    "Ne recopiez aucun dossier réel, même modifié.",
    "Respectez le scénario : âge, sexe, diagnostic principal, acte, modes d'entrée et de sortie, durée.",
    "Écrivez comme dans votre service : abréviations, style télégraphique et fautes de frappe d'usage sont permis.",
    "Écrivez vous-même : un texte qu'un modèle a ébauché n'entre pas parmi les textes humains.",
)
HINT, HEADER = "Consigne", "Entete fictif"
_DOCUMENT = re.compile(r"^Document \d+ : .*\((\w+)\)$")


def facts(case: Case) -> list[tuple[str, str]]:
    """The scenario, line by line, for a reader."""
    scenario, setting = case.scenario, case.setting
    procedure = scenario.primary_procedure
    nights = setting.length_of_stay.value
    rows = [
        ("Cas", f"{case.local_id} ({case.id})"),
        ("Spécialité", case.specialty),
        ("Patient", f"{scenario.name}, {'femme' if scenario.sex == 'F' else 'homme'}"),
        ("Âge", f"{scenario.age.value} {scenario.age.unit}, naissance le {setting.birth_date:%d/%m/%Y}"),
        ("Prise en charge", scenario.type_of_care),
        ("Mode d'entrée", f"{scenario.admission_mode}, le {setting.admission_date:%d/%m/%Y}"),
        ("Mode de sortie", f"{scenario.discharge_mode}, le {setting.discharge_date:%d/%m/%Y}"),
        ("Durée", f"{nights} nuit{'s' if nights > 1 else ''}"),
        ("Diagnostic principal", " ; ".join(f"{one.description} ({one.code})" for one in scenario.primary_diagnosis)),
        ("Diagnostics associés", " ; ".join(f"{one.description} ({one.code})" for one in setting.associated_diagnoses)),
        ("Acte", f"{procedure.description} ({procedure.code})" if procedure else ""),
        ("Établissement", f"{setting.hospital}, {setting.town}"),
        ("Soignants", ", ".join(setting.physicians)),
    ]  # fmt: skip
    return [(name, value) for name, value in rows if value]


def as_text(case: Case) -> str:
    """The sheet, to read on a terminal."""
    lines = [f"FICHE D'ÉCRITURE — {case.local_id}", ""]
    lines += [f"{name} : {value}" for name, value in facts(case)]
    lines += ["", *(f"- {rule}" for rule in RULES)]
    for number, document in enumerate(case.documents, 1):
        template = templates()[document.type]
        lines += [
            "",
            f"DOCUMENT {number} : {template.title} ({document.type}), {template.words} mots au moins",
            "",
        ]
        lines += [document.header, ""]
        for title, hint in template.sections:
            lines += [f"{title} :" + (f" [{hint}]" if hint else ""), ""]
    return "\n".join(lines)


def as_docx(case: Case) -> bytes:
    """The sheet and its templates, to write in; what is already written is in its place."""
    import docx
    from docx.enum.style import WD_STYLE_TYPE
    from docx.shared import Pt, RGBColor

    document = docx.Document()
    document.core_properties.title = f"Fiche d'écriture {case.local_id}"
    document.core_properties.language = "fr-FR"
    document.core_properties.author = "partages"
    for name in (HINT, HEADER):
        style: Any = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Normal"]
        style.font.size = Pt(9.5)
        style.font.color.rgb = RGBColor(0x51, 0x62, 0x6B)
        style.font.italic = name == HINT
    document.add_heading(f"Fiche d'écriture : {case.local_id}", 0)
    table = document.add_table(rows=0, cols=2)
    table.style = "Table Grid"
    for name, value in facts(case):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = name, value
        cells[0].paragraphs[0].runs[0].bold = True
    for rule in RULES:
        document.add_paragraph(rule, style="List Bullet")
    for number, written in enumerate(case.documents, 1):
        template = templates()[written.type]
        document.add_heading(f"Document {number} : {template.title} ({written.type})", 1)
        document.add_paragraph(
            f"{template.words} mots au moins. Écrivez sous chaque titre ; effacez, ajoutez ou déplacez des titres à votre gré.",
            style=HINT,
        )
        for line in written.header.split("\n"):
            document.add_paragraph(line, style=HEADER)
        if written.text:
            for line in written.text.split("\n"):
                document.add_paragraph(line)
            continue
        for title, hint in template.sections:
            document.add_heading(title, 2)
            if hint:
                document.add_paragraph(hint, style=HINT)
            document.add_paragraph("")
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def from_docx(case: Case, data: bytes, name: str) -> dict[str, str]:
    """The texts of a sheet that was written in, by kind of document; what is empty is left out.

    Raises:
        BadDocument: it is not a .docx, or not the sheet of this case.
    """
    import docx

    try:
        document = docx.Document(io.BytesIO(data))
    except Exception:  # zipfile, lxml and python-docx raise a dozen types for a damaged file
        raise BadDocument(f"« {name} » n'est pas un .docx lisible : réenregistrez-le.") from None
    if not any(case.local_id in paragraph.text for paragraph in document.paragraphs[:3]):
        raise BadDocument(f"« {name} » n'est pas la fiche du cas {case.local_id}.")
    texts: dict[str, list[str]] = {}
    current: list[str] | None = None
    heading = ""
    for paragraph in document.paragraphs:
        style = paragraph.style.name if paragraph.style else ""
        text = paragraph.text.rstrip()
        if style == "Heading 1":
            found = _DOCUMENT.match(text)
            current = texts.setdefault(found[1], []) if found else None
            heading = ""
        elif current is None or style in (HINT, HEADER):
            continue
        elif style.startswith("Heading"):
            heading = text
        elif text or current:
            if text and heading:
                current += ["", heading] if current else [heading]
                heading = ""
            current.append(text)
    joined = {kind: re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() for kind, lines in texts.items()}
    return {kind: text for kind, text in joined.items() if text}


def write_texts(case: Case, texts: dict[str, str], author: str) -> Case:
    """The case with what a person wrote. A document that a model had drafted stays ``assisted``."""
    documents = []
    for document in case.documents:
        text = texts.get(document.type)
        if text is None or text == document.text:
            documents.append(document)
            continue
        origin = "assisted" if document.origin in ("generated", "assisted") else "human"
        documents.append(Written.model_validate({**document.model_dump(), "text": text, "origin": origin}))
    return case.model_copy(update={"documents": documents, "author": author})
