"""Harvesting: a small OAI-PMH server that pages, expires, fails, lies; killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from partages.corpus.download import SourceUnavailable
from partages.corpus.oai import harvest
from partages.corpus.sources import Damage, Source, licence_of, read, source_from
from tests.corpus.loopback import Asked, serving
from tests.corpus.test_sources import FIELDS

PAGE = 10
BY, NC = "http://creativecommons.org/licenses/by/", "https://creativecommons.org/licenses/by-nc/4.0/"
ABSTRACT = (
    "Résumé de l'article numéro {0}, qui décrit une série de patients traités par une dose ≤ 5 mg/kg. " * 3
)


def record(number: int, rights: str | None = BY, language: str = "fr", status: str = "") -> str:
    if status:
        return f'<record><header status="{status}"><identifier>oai:A:{number}</identifier></header></record>'
    licence = f"<dc:rights>{rights}</dc:rights>" if rights else ""
    return (
        f"<record><header><identifier>oai:A:{number}</identifier><datestamp>2026-01-01</datestamp></header>"
        '<metadata><oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:title xml:lang="en">Article {number}</dc:title><dc:title xml:lang="{language}">Article n° {number}</dc:title>'
        f'<dc:description xml:lang="{language}">{ABSTRACT.format(number)}</dc:description>'
        f"<dc:language>{language}</dc:language><dc:rights>info:eu-repo/semantics/OpenAccess</dc:rights>{licence}"
        f"<dc:identifier>https://exemple.invalid/{number}</dc:identifier></oai_dc:dc></metadata></record>"
    )


def envelope(inside: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
    return f"{head}<responseDate>2026-01-01T00:00:00Z</responseDate>{inside}</OAI-PMH>".encode()


class Archive:
    """An archive of ``records``, ten a page; ``spoil`` may answer in its place."""

    def __init__(self, records: list[str], spoil: Callable[[Asked, int], bool] | None = None) -> None:
        self.records = records
        self.spoil = spoil
        self.asked: list[dict[str, str]] = []

    def __call__(self, asked: Asked) -> None:
        self.asked.append(asked.query)
        if self.spoil and self.spoil(asked, len(self.asked)):
            return
        asked.answer(self.page(asked))

    def page(self, asked: Asked) -> bytes:
        token = asked.query.get("resumptionToken")
        if not token:
            assert asked.query["verb"] == "ListRecords"
            assert asked.query["metadataPrefix"] == "oai_dc"
            assert asked.query["set"] == "subject:sdv"
        else:
            assert asked.query.keys() == {"verb", "resumptionToken"}, "an exclusive argument"
        at = int(token.removeprefix("t&<")) if token else 0
        inside = "".join(self.records[at : at + PAGE])
        after = at + PAGE
        more = f"t&amp;&lt;{after}" if after < len(self.records) else ""
        return envelope(
            f"<ListRecords>{inside}<resumptionToken cursor='{at}'>{more}</resumptionToken></ListRecords>"
        )


def source(url: str, **options: object) -> Source:
    given = {"url": f"{url}/oai", "set": "subject:sdv", **options}
    fields = {
        **FIELDS,
        "licence": "LicenseRef-per-document",
        "commercial": False,
        "reader": "oai",
        "options": given,
    }
    return source_from(fields, "essai")


def harvested(
    archive: Callable[[Asked], None], folder: Path, **options: object
) -> tuple[list[dict[str, str]], list[Damage], list[float]]:
    damages: list[Damage] = []
    waits: list[float] = []
    with serving(archive) as url:
        path = harvest(source(url, **options), folder, damages.append, wait=waits.append)
    return [json.loads(line) for line in path.read_text().splitlines()], damages, waits


WHOLE = [record(number) for number in range(35)]


def test_all_pages_are_followed_and_licences_kept(tmp_path: Path) -> None:
    records = [
        *WHOLE,
        record(35, NC),
        record(36, None),
        record(37, language="en"),
        record(38, status="deleted"),
    ]
    archive = Archive(records)
    with serving(archive) as url:
        given = source(url)
        damages: list[Damage] = []
        found = list(read(given, damaged=damages.append, cache_folder=tmp_path))
        again = list(read(given, damaged=damages.append, cache_folder=tmp_path))
    assert [one.metadata["published_id"] for one in found] == [f"oai:A:{number}" for number in range(36)]
    assert found[0].text.startswith("Article n° 0\n\nRésumé de l'article numéro 0")
    assert licence_of(given, found[0]) == ("CC-BY-4.0", True)
    assert licence_of(given, found[35]) == ("CC-BY-NC-4.0", False)
    assert [one.slug for one in damages] == ["licence", "licence"], (
        "one article has none, which is said each time"
    )
    assert again == found
    assert len(archive.asked) == 4, "what is whole is not asked for again"


def test_whole_articles_are_read_from_their_pdf(tmp_path: Path) -> None:
    import io

    from reportlab.pdfgen import canvas

    stream = io.BytesIO()
    page = canvas.Canvas(stream)
    page.drawString(72, 720, "Introduction. Soixante patients ont reçu 5 mg/kg.")
    page.save()
    asked_for = []

    def answer(asked: Asked) -> None:
        asked_for.append(asked.path)
        if asked.path == "/oai":
            host = asked.headers["Host"]
            links = "".join(
                record(number, language="en" if number == 2 else "fr").replace(
                    f"https://exemple.invalid/{number}", f"http://{host}/{number}/document"
                )
                for number in range(4)
            )
            asked.answer(envelope(f"<ListRecords>{links}{record(4)}</ListRecords>"))
        elif asked.path == "/1/document":
            asked.answer(b"<html>Connexion</html>" * 3)
        elif asked.path == "/3/document":
            asked.answer(b"", 403)
        else:
            asked.answer(stream.getvalue(), ETag='"1"')

    with serving(answer) as url:
        given = source(url, fulltext=True)
        damages: list[Damage] = []
        found = list(read(given, damaged=damages.append, cache_folder=tmp_path))
        before = len(asked_for)
        again = list(read(given, damaged=[].append, cache_folder=tmp_path))
    assert [one.metadata["published_id"] for one in found] == ["oai:A:0"]
    assert found[0].text.startswith("Article n° 0\n\nIntroduction. Soixante patients")
    assert [one.slug for one in damages] == ["unreadable", "network"]
    assert again == found
    assert asked_for[before:] == ["/1/document", "/3/document"], "what was brought is not asked for again"


def test_a_home_is_tried_by_its_first_page() -> None:
    from partages.corpus.homes import reach

    archive = Archive(WHOLE)
    with serving(archive) as url:
        assert reach(source(url)) == "première page lue, 10 articles gardés"
    assert len(archive.asked) == 1


def test_a_server_that_is_busy_or_fails_is_waited_for(tmp_path: Path) -> None:
    def spoil(asked: Asked, call: int) -> bool:
        if call in (1, 3):
            asked.answer(b"", 503, Retry_After="3")
        elif call == 5:
            asked.answer(b"oops", 500)
        elif call == 6:
            asked.answer(Archive(WHOLE).page(asked), cut=100)
        else:
            return False
        return True

    found, damages, waits = harvested(Archive(WHOLE, spoil), tmp_path)
    assert [one["id"] for one in found] == [f"oai:A:{number}" for number in range(35)]
    assert not damages
    assert waits[:2] == [3.0, 3.0]
    assert len(waits) == 4


def test_control_characters_are_no_reason_to_lose_a_page(tmp_path: Path) -> None:
    def spoil(asked: Asked, call: int) -> bool:
        asked.answer(Archive(WHOLE).page(asked).replace(b"patients", b"pat\x0bients&#x1F;"))
        return True

    found, damages, _ = harvested(Archive(WHOLE, spoil), tmp_path)
    assert len(found) == 35
    assert not damages
    assert "pat ients" in found[0]["text"]


def test_a_page_that_is_not_xml_is_read_as_far_as_it_goes_and_said(tmp_path: Path) -> None:
    def spoil(asked: Asked, call: int) -> bool:
        if asked.query.get("resumptionToken") == "t&<10":
            page = Archive(WHOLE).page(asked)
            middle = page.index(b"oai:A:15")
            asked.answer(page[:middle] + b"<<<&&&" + page[middle + 400 :])
            return True
        return False

    archive = Archive(WHOLE, spoil)
    found, damages, _ = harvested(archive, tmp_path)
    identifiers = [one["id"] for one in found]
    assert [one.slug for one in damages] == ["corrupt"]
    assert identifiers[:15] == [f"oai:A:{number}" for number in range(15)]
    assert identifiers[-15:] == [f"oai:A:{number}" for number in range(20, 35)], "the next pages are followed"
    assert sum(query.get("resumptionToken") == "t&<10" for query in archive.asked) == 3, (
        "asked for again first"
    )


def test_a_forgotten_token_begins_again_without_doubles(tmp_path: Path) -> None:
    def spoil(asked: Asked, call: int) -> bool:
        if call == 3:
            asked.answer(envelope('<error code="badResumptionToken">expired</error>'))
            return True
        return False

    found, damages, _ = harvested(Archive(WHOLE, spoil), tmp_path)
    assert [one["id"] for one in found] == [f"oai:A:{number}" for number in range(35)]
    assert not damages


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (envelope('<error code="cannotDisseminateFormat">no</error>'), "cannotDisseminateFormat"),
        (b"<html><body>Maintenance</body></html", "XML"),
        (b"", "XML"),
    ],
)
def test_what_is_no_archive_is_said_and_leaves_nothing_whole(
    tmp_path: Path, answer: bytes, said: str
) -> None:
    with pytest.raises(SourceUnavailable, match=said):
        harvested(lambda asked: asked.answer(answer), tmp_path)
    assert not (tmp_path / "articles.jsonl").exists()


def test_nothing_that_matches_is_an_empty_harvest(tmp_path: Path) -> None:
    empty = envelope('<error code="noRecordsMatch">none</error>')
    assert harvested(lambda asked: asked.answer(empty), tmp_path)[0] == []


def test_a_server_that_turns_in_circles_is_left(tmp_path: Path) -> None:
    def circle(asked: Asked) -> None:
        asked.answer(
            envelope(f"<ListRecords>{record(1)}<resumptionToken>same</resumptionToken></ListRecords>")
        )

    with pytest.raises(SourceUnavailable, match="même jeton"):
        harvested(circle, tmp_path)


RUN = """
import json, sys
from pathlib import Path
from partages.corpus.oai import harvest
from partages.corpus.sources import source_from
harvest(source_from(json.loads(sys.argv[1]), "essai"), Path(sys.argv[2]), print)
"""


def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    records = [record(number) for number in range(150)]
    plain = Archive(records)
    slow = Archive(records, lambda asked, call: bool(time.sleep(0.04)))
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    kills = 0
    with serving(slow) as url:
        fields = {**FIELDS, "licence": "LicenseRef-per-document", "commercial": False, "reader": "oai"}
        fields["options"] = {"url": f"{url}/oai", "set": "subject:sdv"}
        command = [sys.executable, "-c", RUN, json.dumps(fields), str(tmp_path / "killed")]
        while kills < 4:
            before = len(slow.asked)
            run = subprocess.Popen(command, env=environment)
            while run.poll() is None and len(slow.asked) < before + 3:
                time.sleep(0.003)
            run.send_signal(signal.SIGKILL)
            run.wait()
            kills += 1
            assert not (tmp_path / "killed" / "articles.jsonl").exists()
        subprocess.run(command, env=environment, check=True, timeout=60)
        total = len(slow.asked)
    found, _, _ = harvested(plain, tmp_path / "plain")
    assert (tmp_path / "killed" / "articles.jsonl").read_bytes() == (
        tmp_path / "plain" / "articles.jsonl"
    ).read_bytes()
    assert len(found) == 150
    assert total <= 15 + 2 * kills, f"it repeats a page or two a kill, not all: {total} pages asked for"
    assert sum("metadataPrefix" in query for query in slow.asked) <= 2, "it goes on, it does not begin again"


def test_istex_is_followed_by_its_scroll(tmp_path: Path) -> None:
    hits = [
        {
            "id": f"X{number}",
            "title": f"Titre {number}",
            "abstract": ABSTRACT.format(number),
            "language": ["fre"],
            "doi": [f"10.1/{number}"],
        }
        for number in range(5)
    ]
    hits[3]["language"] = ["eng"]

    def answer(asked: Asked) -> None:
        host = asked.headers["Host"]
        if asked.path == "/oai":
            assert asked.query["q"] == "médecine"
            found = {"total": 5, "hits": hits[:3], "nextScrollURI": f"http://{host}/suite?scrollId=1"}
        else:
            found = {"total": 5, "hits": hits[3:], "noMoreScrollResults": True}
        asked.answer(json.dumps(found).encode())

    found, _, _ = harvested(answer, tmp_path, protocol="istex", query="médecine")
    assert [one["id"] for one in found] == ["X0", "X1", "X2", "X4"]
    assert found[0]["url"] == "https://doi.org/10.1/0"
