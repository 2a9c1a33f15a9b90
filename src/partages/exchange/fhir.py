"""Coded stays as FHIR R4 bundles: one Encounter, its Conditions, its Procedures.

Codes of CIM-10 under the system that HL7 gives to ICD-10 (https://terminology.hl7.org), the French edition
named as ``version``; acts under the OID of the CCAM (1.2.250.1.213.2.5, annuaire des OID de l'ANS). A
proposal that nobody has signed is ``provisional``. The resources are checked by ``fhir.resources`` (R4B,
whose Encounter, Condition and Procedure are those of R4) before they are written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

ICD10 = "http://hl7.org/fhir/sid/icd-10"
ICD10_VERSION = "CIM-10 FR à usage PMSI (ATIH)"
CCAM = "urn:oid:1.2.250.1.213.2.5"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ROLE = "http://terminology.hl7.org/CodeSystem/diagnosis-role"


@dataclass(frozen=True, slots=True)
class CodedDiagnosis:
    """A diagnosis of a stay: CIM-10 code with its dot, label, DP or DAS, and whether a person signed it."""

    code: str
    label: str
    role: str
    signed: bool = False


def bundle(identifier: str, diagnoses: Sequence[CodedDiagnosis], acts: Iterable[str] = ()) -> str:
    """One line of JSON: a ``collection`` Bundle of the stay ``identifier``.

    Args:
        identifier: of the stay, as received; it names the patient too, whom nothing else identifies here.
        diagnoses: the DP first.
        acts: CCAM codes.

    Raises:
        ValueError: a resource is not valid FHIR, which is a defect of ours.
    """
    from fhir.resources.R4B.bundle import Bundle

    subject = {"identifier": {"value": identifier}}
    conditions = [_condition(number, diagnosis, subject) for number, diagnosis in enumerate(diagnoses, 1)]
    procedures = [_procedure(number, act, subject) for number, act in enumerate(acts, 1)]
    encounter: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": "sejour",
        "identifier": [{"value": identifier}],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": subject,
    }
    if diagnoses:
        encounter["diagnosis"] = [
            {
                "condition": {"reference": f"Condition/diagnostic-{number}"},
                "use": {"coding": [{"system": ROLE, "code": "billing"}], "text": diagnosis.role},
                "rank": number,
            }
            for number, diagnosis in enumerate(diagnoses, 1)
        ]
    resources = [encounter, *conditions, *procedures]
    made = Bundle.model_validate(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    )
    return str(made.model_dump_json())


def _condition(number: int, diagnosis: CodedDiagnosis, subject: dict[str, Any]) -> dict[str, Any]:
    status = "confirmed" if diagnosis.signed else "provisional"
    coding = {
        "system": ICD10,
        "version": ICD10_VERSION,
        "code": diagnosis.code,
        "display": diagnosis.label,
    }
    return {
        "resourceType": "Condition",
        "id": f"diagnostic-{number}",
        "verificationStatus": {"coding": [{"system": VERIFICATION, "code": status}]},
        "category": [
            {"coding": [{"system": CATEGORY, "code": "encounter-diagnosis"}], "text": diagnosis.role}
        ],
        "code": {"coding": [coding], "text": diagnosis.label},
        "subject": subject,
        "encounter": {"reference": "Encounter/sejour"},
    }


def _procedure(number: int, act: str, subject: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": f"acte-{number}",
        "status": "completed",
        "code": {"coding": [{"system": CCAM, "code": act}]},
        "subject": subject,
        "encounter": {"reference": "Encounter/sejour"},
    }
