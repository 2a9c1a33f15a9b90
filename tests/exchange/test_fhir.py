"""Coded stays as FHIR, read back by the library that validates it."""

from fhir.resources.R4B.bundle import Bundle

from partages.documents import Document
from partages.resources import Resources
from partages.usecases.code import USECASE
from partages.usecases.code.schema import Options


def test_a_coded_stay_is_a_valid_bundle() -> None:
    report = Document("S1", "Patiente hospitalisée pour cholécystite aiguë lithiasique. HTA.")
    result = USECASE.run(report, Options(acts=["hmfc004"]), Resources())
    render = USECASE.formats["fhir"].render
    assert render
    line = render(report, result)
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    bundle = Bundle.model_validate_json(line)
    resources = [entry.resource for entry in bundle.entry]
    encounter, *rest = resources
    conditions = [r for r in rest if r.get_resource_type() == "Condition"]
    assert [d.use.text for d in encounter.diagnosis] == ["DP", "DAS"]
    assert [d.condition.reference for d in encounter.diagnosis] == [f"Condition/{c.id}" for c in conditions]
    coding = conditions[0].code.coding[0]
    assert (coding.system, coding.code) == ("http://hl7.org/fhir/sid/icd-10", "K80.0")
    assert coding.version.startswith("CIM-10 FR")
    assert conditions[0].verificationStatus.coding[0].code == "provisional"
    assert rest[-1].code.coding[0].code == "HMFC004"
    assert "cholécystite aiguë lithiasique. HTA" not in line


def test_a_report_without_diagnosis_is_a_bundle_without_condition() -> None:
    report = Document("S2", "Bonjour.")
    render = USECASE.formats["fhir"].render
    assert render
    bundle = Bundle.model_validate_json(render(report, USECASE.run(report, Options(), Resources())))
    assert [entry.resource.get_resource_type() for entry in bundle.entry] == ["Encounter"]
