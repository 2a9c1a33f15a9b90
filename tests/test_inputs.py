"""What people hand in: encodings, Office, PDF, folders, JSON lines, and everything that goes wrong."""

import io
import json
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from hypothesis import given
from hypothesis import strategies as st
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

from partages.errors import BadDocument, DocumentTooLarge, PartagesError, UnreadableDocument, UsageError
from partages.inputs import Record, read_jsonl, read_records, text_from_bytes

LIMIT = 100_000
REPORT = (
    "Madame DURAND Élise, née le 03/02/1951, a été hospitalisée pour une décompensation cardiaque aiguë. "
    "L'échographie retrouve une FEVG à 35 %. Évolution favorable sous furosémide, sortie à domicile."
)


def pdf(*pages: str, encrypt: StandardEncryption | None = None) -> bytes:
    buffer = io.BytesIO()
    sheet = canvas.Canvas(buffer, encrypt=encrypt)
    for page in pages:
        text = sheet.beginText(50, 800)
        for line in page.split("\n"):
            text.textLine(line)
        sheet.drawText(text)
        sheet.showPage()
    sheet.save()
    return buffer.getvalue()


def jsonl(*lines: bytes) -> list[Record]:
    return list(read_jsonl(io.BytesIO(b"\n".join(lines) + b"\n"), LIMIT))


def error_of(record: Record) -> str:
    with pytest.raises(PartagesError) as caught:
        record.document()
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman"), ("cp850", "CP850"), ("utf-16", "UTF-16")],
)
def test_encoding_is_detected_and_said(encoding: str, said: str) -> None:
    text, notices = text_from_bytes(REPORT.encode(encoding), "crh.txt", LIMIT)
    assert text == REPORT
    assert said in notices[0]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf8_needs_no_notice(mark: str) -> None:
    assert text_from_bytes((mark + REPORT).encode(), "crh.txt", LIMIT) == (REPORT, [])


def test_text_comes_as_it_was_received() -> None:
    text = "a\r\nb\tc\fd\u00a0e 🩺 e\u0301 ﬁ \u200f\rz"
    assert text_from_bytes(text.encode(), "crh.txt", LIMIT)[0] == text


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, b"\x7fELF\0\0\0\1" * 50, b"\0" * 100, b"\xff\xfe\0"],
    ids=["png", "elf", "nuls", "cut UTF-16"],
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableDocument, match=r"n'est pas un fichier texte, \.docx ou \.pdf"):
        text_from_bytes(data, "image.txt", LIMIT)


def test_docx_body_tables_headers_and_text_boxes() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "CHU de Valmont-sur-Orge"
    document.add_paragraph("Compte rendu\td'hospitalisation")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        [c for r in table.rows for c in r.cells], ["Hb", "9,8 g/dL", "CRP", "112"], strict=True
    ):
        cell.text = text
    document.element.body.insert(
        0,
        parse_xml(
            '<w:p xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
            'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:r><mc:AlternateContent>'
            '<mc:Choice Requires="wps"><w:txbxContent><w:p><w:r><w:t>IPP 8004512</w:t></w:r></w:p>'
            "</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>IPP 8004512</w:t></w:r></w:p>"
            "</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>"
        ),
    )
    buffer = io.BytesIO()
    document.save(buffer)
    text, notices = text_from_bytes(buffer.getvalue(), "crh.docx", LIMIT)
    assert notices == []
    assert text.count("IPP 8004512") == 1
    assert "Hb\t9,8 g/dL\nCRP\t112\n" in text
    assert text.startswith("CHU de Valmont-sur-Orge\n")
    assert "Compte rendu\td'hospitalisation" in text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 damaged", "n'est pas un document .docx lisible"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "protégé par un mot de passe"),
        (b"%PDF-1.4 damaged", "endommagé"),
    ],
)
def test_damaged_or_protected_office_files(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        text_from_bytes(data, "crh.docx", LIMIT)
    assert said in str(caught.value)


def test_docx_that_unpacks_without_end_is_refused() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w") as file,
    ):
        for _ in range(210):
            file.write(b" " * 1_000_000)
    with pytest.raises(UnreadableDocument):
        text_from_bytes(buffer.getvalue(), "crh.docx", LIMIT)


def test_pdf_text_and_unread_pages() -> None:
    text, notices = text_from_bytes(
        pdf("Service de cardiologie\nœdème aigu", "", "Sortie le 4"), "crh.pdf", LIMIT
    )
    assert text == "Service de cardiologie\nœdème aigu\n\f\n\fSortie le 4"
    assert notices == ["Pages sans texte (images numérisées ?), non lues : 2."]


def test_protected_pdf_is_said() -> None:
    with pytest.raises(UnreadableDocument, match="protégé par un mot de passe"):
        text_from_bytes(pdf("DURAND", encrypt=StandardEncryption("secret")), "crh.pdf", LIMIT)


def test_scanned_pdf_is_said_not_guessed() -> None:
    with pytest.raises(UnreadableDocument, match="reconnaissance de caractères"):
        text_from_bytes(pdf("", ""), "crh.pdf", LIMIT)


@pytest.mark.parametrize(
    "data", [b"a" * 20_000_000, b"a" * (LIMIT + 1), pdf(*["\n".join(["mot " * 20] * 30)] * 60)]
)
def test_too_large(data: bytes) -> None:
    with pytest.raises(DocumentTooLarge, match="100\u202f000 caractères"):
        text_from_bytes(data, "gros.txt", LIMIT)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_text_or_one_sentence(data: bytes) -> None:
    try:
        text, _ = text_from_bytes(data, "x", LIMIT)
    except BadDocument as error:
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert isinstance(text, str)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[1, 2]", "ce n'est pas un objet JSON"),
        (b'"texte"', "ce n'est pas un objet JSON"),
        (b'{"text": "fievre"}', "« id » manque"),
        (b'{"id": "", "text": "fievre"}', "« id » manque"),
        (b'{"id": null, "text": "fievre"}', "« id » manque"),
        (b'{"id": true, "text": "fievre"}', "« id » manque"),
        (b'{"id": "a"}', "« text » manque"),
        (b'{"id": "a", "text": 3}', "« text » manque"),
        (b'{"id": "a", "text": "fi', "JSON valide"),
        (b"[" * 100_000, "JSON valide"),
        (b'{"id": "a", "text": ' + b"9" * 5000 + b"}", "JSON valide"),
        (b'{"id": "a", "text": "\xe9"}', "UTF-8"),
        (b'{"id": "a", "text": "\\ud83d"}', "surrogate"),
        (b'{"id": "\\ud83d", "text": "x"}', "« id » manque"),
    ],
)
def test_bad_json_lines_are_said_and_do_not_stop_the_others(line: bytes, said: str) -> None:
    records = jsonl(line, b'{"id": "bon", "text": "toux"}')
    assert said in error_of(records[0])
    assert records[1].document().text == "toux"


def test_too_long_a_line_is_skipped_whole() -> None:
    records = jsonl(
        json.dumps({"id": "a", "text": "x" * 30 * LIMIT}).encode(), b'{"id": "b", "text": "toux"}'
    )
    assert "trop longue" in error_of(records[0])
    assert [record.id for record in records] == [None, "b"]


def test_nul_and_control_characters_are_kept_in_json() -> None:
    assert jsonl(b'{"id": 7, "text": "a\\u0000b\\u0007"}')[0].document().text == "a\0b\x07"


def test_two_equal_ids() -> None:
    lines = io.BytesIO(b'{"id": "a", "text": "un"}\n\n{"id": "a", "text": "deux"}\n')
    first, second = read_records(["-"], LIMIT, lines)
    assert first.document().text == "un"
    assert "même identifiant" in error_of(second)


def test_folder_in_order_with_stable_ids(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt", "a.pdf", ".hidden.txt", "notes.ann"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("texte")
    records = read_records([str(tmp_path)], LIMIT, io.BytesIO())
    assert [record.id for record in records] == ["a.pdf", "a.txt", "b", "sub/c"]


def test_missing_path_and_folder_without_documents(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="n'existe pas"):
        list(read_records([str(tmp_path / "absent")], LIMIT, io.BytesIO()))
    with pytest.raises(UsageError, match="aucun fichier lisible"):
        list(read_records([str(tmp_path)], LIMIT, io.BytesIO()))
