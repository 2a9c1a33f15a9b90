"""The programme's table of stays: read as spreadsheets write it, written as they read it."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partages.batch import process
from partages.errors import UsageError
from partages.exchange import stays
from partages.inputs import read_records
from partages.resources import Resources
from partages.usecases.code import USECASE
from partages.usecases.code.schema import Options

TABLE = (
    "ID;Spécialité;Texte;Codes CCAM;CIM-10 DP\r\n"
    'S1;Chirurgie;"Cholécystite ""lithiasique"" ;\nopérée.";HMFC004, ZCQH001;K80.0\r\n'
    "S2;;Appendicite aiguë.;;\r\n"
)
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def test_a_table_is_read_cell_by_cell() -> None:
    (_, first), (_, second) = stays.read(TABLE, "a.csv")
    assert first == {
        "id": "S1",
        "specialty": "Chirurgie",
        "text": 'Cholécystite "lithiasique" ;\nopérée.',
        "ccam": ["HMFC004", "ZCQH001"],
        "code": "K80.0",
    }
    assert second == {"id": "S2", "text": "Appendicite aiguë."}


@given(st.lists(st.tuples(cells, cells, cells), max_size=5))
def test_what_is_written_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    table = stays.header().removeprefix("\ufeff")
    table += "".join(stays.row(f"s{n}", a, f"t{b}", ["HMFC004"], "K800") for n, (a, b, _) in enumerate(rows))
    read = [fields for _, fields in stays.read(table, "a.csv")]
    assert [fields["text"] for fields in read] == [f"t{b}" for _, b, _ in rows]
    assert all(
        fields.get("specialty", "").strip() == a.strip() for fields, (a, _, _) in zip(read, rows, strict=True)
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("a;b\n1;2\n", "n'a pas les colonnes attendues"),
        ("", "n'a pas les colonnes attendues"),
        ('ID;Texte\n1;"jamais fermé\n', "guillemet jamais fermé"),
    ],
)
def test_a_table_that_is_none_is_said(table: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(stays.read(table, "a.csv"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_table_of_a_spreadsheet_goes_through_coding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "sejours.csv"
    path.write_bytes((TABLE + "S3;;;;\r\nS4;x;Toux.;zz;\r\n").encode(encoding))
    records = list(read_records([str(path)], 10_000, io.BytesIO()))
    outcomes = [process(USECASE, record, Options(), Resources()) for record in records]
    assert [(o.id, o.failed) for o in outcomes] == [("S1", False), ("S2", False), ("S3", True), ("S4", True)]
    assert "la colonne Texte est vide" in outcomes[2].line
    assert "quatre lettres et trois chiffres" in outcomes[3].line


def test_the_table_written_has_the_columns_of_the_programme() -> None:
    written = stays.header() + stays.row("S1", "Chirurgie", 'a;"b"\nc', ["HMFC004"], "K800")
    assert list(csv.reader(io.StringIO(written.removeprefix("\ufeff")), delimiter=";")) == [
        list(stays.COLUMNS),
        ["S1", "Chirurgie", 'a;"b"\nc', "HMFC004", "K800"],
    ]
