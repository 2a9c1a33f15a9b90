"""Annotated documents as annotation tools exchange them: UIMA CAS JSON (INCEpTION), brat.

Both read and write ``Span``; offsets are converted to and from code points of the text.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A layer of spans: a UIMA type, the feature that holds the label, and the other features.

    Attributes:
        name: full name of the type; another package with the same last part is read too.
        label: the feature that holds ``Span.label``.
        features: the features that hold ``Span.attributes``, with their values.
    """

    name: str
    label: str
    features: dict[str, tuple[str, ...]]

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]


ENTITE_ANONYMISATION = Layer(
    "webanno.custom.EntiteAnonymisation",
    "Categorie",
    {
        "RolePER": ("Patient", "PersonnelSante", "Autre"),
        "RoleLOC": ("Patient", "Hopital", "PersonnelSante", "Autre"),
        "RoleNUM": ("Patient", "Hopital", "PersonnelSante", "Autre"),
        "CodeType": ("NIPouIPP", "NDA", "NSS", "NIR", "INS", "NIA", "RPPS", "FINESS", "AUTRE"),
    },
)
"""What identifies people (CU1), as the national programme annotates it in INCEpTION."""
