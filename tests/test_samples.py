"""The sample reports are varied, as messy as real ones, and lead to nobody."""

import re
from dataclasses import FrozenInstanceError

import pytest

from partages.documents import Document
from partages.samples import Sample, all_samples

# Ranges kept for works of fiction: ARCEP, decision 2018-0881.
FICTION = ("019900", "026191", "035301", "046571", "053649", "063998")
PHONE = re.compile(r"(?<!\d)(?:\+33[ .]?|0)[1-9](?:[ .-]?\d\d){4}(?!\d)")
EMAIL = re.compile(r"[\w.+-]+@[\w.-]+\w")
CONCLUSION = re.compile(r"^(?:CONCLUSION|AU TOTAL|EN SYNTH[EÈ]SE|EN R[EÉ]SUM[EÉ])\b", re.MULTILINE)

every_sample = pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.name)


@every_sample
def test_a_report_has_the_length_of_a_real_one(sample: Sample) -> None:
    assert 300 <= len(sample.text.split()) <= 900


@every_sample
def test_no_telephone_number_can_ring(sample: Sample) -> None:
    numbers = [re.sub(r"\D", "", found).removeprefix("33") for found in PHONE.findall(sample.text)]
    assert numbers, "a real report carries at least one number"
    assert [number for number in numbers if not number.startswith(FICTION)] == []


@every_sample
def test_no_message_can_arrive(sample: Sample) -> None:
    domains = [address.rpartition("@")[2] for address in EMAIL.findall(sample.text)]
    assert [name for name in domains if not (name.endswith(".example") or "example.org" in name)] == []


@every_sample
def test_a_report_has_a_patient_dates_and_a_signature(sample: Sample) -> None:
    assert re.search(r"\bn[ée]+e? le\b|\bDDN\b", sample.text, re.IGNORECASE)
    assert len(re.findall(r"\b\d{1,2}(?:[/.]\d{1,2}| [a-zéû]{3,9} 20\d\d)", sample.text)) >= 3
    assert re.search(r"\b(?:Dr|Pr)\.? [A-ZÉ]", sample.text[-900:])


@every_sample
def test_titles_are_french_sentences_for_a_person(sample: Sample) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", sample.name)
    assert sample.title
    assert sample.specialty
    assert sample.title[0].isupper()
    Document(sample.name, sample.text).require_text()


def test_the_specialties_are_varied() -> None:
    samples = all_samples()
    assert len(samples) >= 8
    assert len({sample.name for sample in samples}) == len(samples)
    assert len({sample.specialty for sample in samples}) == len(samples)


def test_some_reports_conclude_and_some_do_not() -> None:
    concluding = [sample.name for sample in all_samples() if CONCLUSION.search(sample.text)]
    assert len(concluding) >= 3
    assert len(all_samples()) - len(concluding) >= 3


def test_laboratory_tables_use_columns_of_spaces_and_tabs() -> None:
    texts = [sample.text for sample in all_samples()]
    assert any("\t" in text for text in texts)
    assert sum(bool(re.search(r"\S {3,}\S+ {3,}\S", text)) for text in texts) >= 5


def test_a_sample_cannot_be_changed_and_does_not_print_its_text() -> None:
    sample = all_samples()[0]
    with pytest.raises(FrozenInstanceError):
        sample.text = "autre"  # type: ignore[misc]
    assert sample.text[:40] not in repr(sample)
