"""A written case: texts of ours, about nobody."""

import pytest

from partages.fiction.case import Case
from partages.fiction.sampler import sample
from partages.fiction.sheet import write_texts

CRH = """{title} {last}, {age} ans, est {admitted} par le service des urgences pour une douleur de l'hypochondre droit évoluant depuis deux jours, avec fièvre à 38,4 °C et vomissements.

Antécédents : hypertension artérielle traitée, hernie inguinale opérée dans l'enfance, pas d'allergie connue. Pas de tabac, alcool occasionnel. Vit à domicile, autonome pour tous les gestes de la vie courante.

Traitement à l'entrée : ramipril 5 mg le matin, paracétamol 1 g si besoin.

Histoire de la maladie : premières douleurs après un repas copieux, d'abord épigastriques puis de l'hypochondre droit, irradiant vers l'épaule droite. Une première crise comparable avait cédé seule il y a trois mois. Pas d'ictère, urines normales, selles de couleur normale.

Examen clinique à l'entrée : TA 138/82 mmHg, FC 96/min, SpO2 97 % en air ambiant, T 38,4 °C. Abdomen souple, défense de l'hypochondre droit, signe de Murphy positif. Pas de masse, bruits hydroaériques présents. Auscultation cardiopulmonaire sans particularité.

Examens complémentaires : leucocytes 14,2 G/L, CRP 118 mg/L, bilirubine totale 14 µmol/L, lipase normale, créatinine 78 µmol/L. Échographie abdominale : vésicule distendue, paroi épaissie à 6 mm, calculs de l'infundibulum, voie biliaire principale fine à 5 mm.

Évolution dans le service : antibiothérapie par ceftriaxone 2 g et métronidazole 500 mg trois fois par jour, jeûne, réhydratation. Le diagnostic de calcul de la vésicule biliaire avec cholécystite aiguë est retenu. Cholécystectomie par cœlioscopie réalisée au bloc le lendemain de l'admission, sans difficulté. Suites simples, apyrexie à J1, reprise du transit et de l'alimentation à J1, cicatrices propres, douleur cotée 2/10 sous paracétamol.

Traitement de sortie : ramipril inchangé, paracétamol 1 g jusqu'à quatre fois par jour pendant cinq jours, amoxicilline-acide clavulanique 1 g trois fois par jour pendant trois jours.

Conclusion : cholécystite aiguë lithiasique traitée par cholécystectomie cœlioscopique, suites simples, retour à domicile. Consultation de contrôle à un mois avec le résultat de l'examen anatomopathologique. Soins de cicatrices par infirmière à domicile tous les deux jours, arrêt des efforts pendant trois semaines."""

CRO = """Indication : cholécystite aiguë lithiasique confirmée à l'échographie, chez {article} de {age} ans, {admitted} la veille par les urgences. Antibiothérapie en cours depuis vingt-quatre heures.

Intervention : cholécystectomie par cœlioscopie, sous anesthésie générale, en décubitus dorsal, opérateur entre les jambes. Antibioprophylaxie selon le protocole du service. Liste de contrôle vérifiée.

Description : trocart optique de 12 mm en open cœlioscopie sus-ombilicale, pneumopéritoine à 12 mmHg, trois autres trocarts sous contrôle de la vue. Vésicule tendue, paroi inflammatoire, adhérences épiploïques libérées. Ponction de la vésicule pour la décomprimer. Dissection du triangle de Calot, vue critique de sécurité obtenue, artère et canal cystiques clippés puis sectionnés. Vésicule décollée de son lit au crochet, extraite en sac. Hémostase vérifiée, lavage, pas de drain. Pertes sanguines inférieures à 50 mL. Fermeture aponévrotique de l'orifice ombilical, surjets intradermiques.

Suites immédiates : salle de surveillance, réalimentation le soir même, antalgiques de palier 1, lever précoce.

Conclusion : cholécystectomie cœlioscopique pour cholécystite aiguë, sans incident. Pièce adressée en anatomie pathologique."""


def told(case: Case) -> dict[str, str]:
    """The two texts, agreed with the case."""
    woman = case.scenario.sex == "F"
    words = {
        "title": "Mme" if woman else "M.",
        "last": case.scenario.name.split()[-1],
        "age": case.scenario.age.value,
        "admitted": "admise" if woman else "admis",
        "article": "une patiente" if woman else "un patient",
    }
    return {"CRH": CRH.format(**words), "CRO": CRO.format(**words)}


def gallstones(seed: int = 1) -> Case:
    """A case that the two texts tell: cholecystitis, come by the emergency ward, gone home."""
    return next(
        case
        for case in sample(80, seed, specialty="chirurgie digestive")
        if case.scenario.primary_diagnosis[0].code == "K800"
        and (case.scenario.admission_mode, case.scenario.discharge_mode) == ("urgences", "domicile")
    )


@pytest.fixture(scope="session")
def drawn() -> Case:
    """A drawn case of gallstones with cholecystitis."""
    return gallstones()


@pytest.fixture(scope="session")
def written(drawn: Case) -> Case:
    """The same, written by a person."""
    return write_texts(drawn, told(drawn), "A12")
