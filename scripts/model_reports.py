"""Fictitious reports with their conclusion and their facts, for the instruction part of the model's training.

    python scripts/model_reports.py --count 2000 --seed 0 > instructions.jsonl

Situations, sentences and names are ours and invented; a report is drawn from slots, and its conclusion is written from the
same slots, so that it states nothing that the report does not. JSON lines: ``report``, ``conclusion``, ``facts``.
"""

import argparse
import json
import random
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Situation:
    """One kind of stay.

    Attributes:
        service: where.
        diagnosis: forms of the diagnosis; ``{side}`` is drawn once.
        reasons: why the patient came.
        story, exam, tests, course: sentences of the report; each is a set of alternatives.
        treatment: (what the report says, what the conclusion and the facts say).
        key: key results: (sentence of the report, wording of the conclusion).
        follow_up: what is planned.
        sexes, ages: whom it befalls.
        sides: sides it can have.
    """

    service: str
    diagnosis: tuple[str, ...]
    reasons: tuple[str, ...]
    story: tuple[str, ...]
    exam: tuple[str, ...]
    tests: tuple[str, ...]
    treatment: tuple[tuple[str, str], ...]
    key: tuple[tuple[str, str], ...]
    course: tuple[tuple[str, str], ...]
    follow_up: tuple[str, ...]
    sexes: str = "HF"
    ages: tuple[int, int] = (25, 92)
    sides: tuple[str, ...] = ("droit", "gauche")


SITUATIONS = (
    Situation(
        "Pneumologie", ("pneumopathie de la base {sidee}", "pneumopathie aiguë communautaire de la base {sidee}"),
        ("fièvre et toux", "dyspnée fébrile", "altération de l'état général fébrile avec toux"),
        ("Toux productive depuis {n} jours, fièvre à {t} au domicile, essoufflement croissant.",
         "Début il y a {n} jours par une rhinite, puis frissons et expectoration purulente.",
         "Adressé par le médecin traitant pour fièvre à {t} et toux depuis {n} jours."),
        ("Crépitants de la base {sidee}, FR {fr}, SpO2 {spo} % en air ambiant.", "TA {ta}, FC {fc}, T {t}. Foyer de crépitants à la base {sidee}."),
        ("GB {gb} G/L, CRP {crp} mg/L, créatinine {crea} µmol/L.", "Hémocultures stériles. Antigénuries négatives.", "PCR grippe et SARS-CoV-2 négatives."),
        (("Traitement par amoxicilline-acide clavulanique 1 g x 3/j pendant {d} jours.", "amoxicilline-acide clavulanique pendant {d} jours"),
         ("Antibiothérapie par ceftriaxone 1 g/j puis relais oral par amoxicilline, durée totale {d} jours.", "ceftriaxone puis amoxicilline, {d} jours au total"),
         ("Lévofloxacine 500 mg/j pendant {d} jours en raison d'une allergie à la pénicilline.", "lévofloxacine pendant {d} jours")),
        (("Radiographie thoracique : opacité alvéolaire de la base {sidee}.", "Opacité alvéolaire de la base {sidee} à la radiographie"),
         ("Angioscanner thoracique : pas d'embolie pulmonaire.", "Pas d'embolie pulmonaire"),
         ("Scanner thoracique : condensation du lobe inférieur {side}, sans épanchement.", "Condensation du lobe inférieur {side} au scanner, sans épanchement")),
        (("Apyrexie au {j}e jour, sevrage de l'oxygène le lendemain.", "Évolution favorable, avec apyrexie au {j}e jour"),
         ("Évolution clinique et biologique favorable.", "Évolution favorable"),
         ("Persistance d'une toux sèche à la sortie, apyrexie depuis 48 heures.", "Apyrexie depuis 48 heures à la sortie, toux résiduelle")),
        ("radiographie de contrôle dans {s} semaines", "consultation de pneumologie dans {s} semaines", "scanner thoracique de contrôle à 2 mois"),
    ),
    Situation(
        "Cardiologie", ("décompensation cardiaque globale", "insuffisance cardiaque aiguë", "œdème aigu du poumon"),
        ("dyspnée", "prise de poids et œdèmes des membres inférieurs", "orthopnée"),
        ("Dyspnée d'aggravation progressive depuis {n} jours, orthopnée à 3 oreillers, prise de {k} kg.",
         "Écart de régime sans sel, arrêt du furosémide il y a {n} jours.", "Essoufflement au moindre effort depuis {n} jours, sans douleur thoracique."),
        ("Crépitants bilatéraux, œdèmes des membres inférieurs prenant le godet, TA {ta}, FC {fc}.", "Turgescence jugulaire, reflux hépato-jugulaire, SpO2 {spo} %."),
        ("NT-proBNP {bnp} ng/L, créatinine {crea} µmol/L, K 4,{x} mmol/L.", "Troponine stable, pas d'argument pour un syndrome coronarien.", "ECG : fibrillation atriale à {fc}/min."),
        (("Furosémide IV 80 mg/j puis relais oral 60 mg/j.", "furosémide IV puis oral"), ("Diurétiques IV pendant {j} jours, introduction de dapagliflozine 10 mg.", "diurétiques IV et introduction de dapagliflozine"),
         ("Furosémide IV, majoration du bisoprolol à 5 mg, introduction de sacubitril-valsartan.", "furosémide IV, bisoprolol majoré et sacubitril-valsartan introduit")),
        (("Échocardiographie : FEVG à {ef} %, pas de valvulopathie significative.", "FEVG à {ef} %, sans valvulopathie significative"),
         ("ETT : FEVG {ef} %, PAPS 48 mmHg, VCI dilatée.", "FEVG à {ef} % et PAPS à 48 mmHg"),
         ("Radiographie : épanchement pleural {side} de faible abondance.", "Épanchement pleural {side} de faible abondance")),
        (("Perte de {k} kg, poids de sortie {w} kg.", "Perte de {k} kg, poids de sortie {w} kg"), ("Évolution favorable sous traitement, sevrage de l'oxygène à J{j}.", "Évolution favorable avec sevrage de l'oxygène à J{j}"),
         ("Amélioration partielle, persistance d'œdèmes modérés.", "Amélioration partielle avec œdèmes modérés persistants")),
        ("consultation de cardiologie dans {s} semaines", "contrôle de l'ionogramme et de la créatinine dans une semaine", "réévaluation de la FEVG dans 3 mois"),
        ages=(55, 94),
    ),
    Situation(
        "Cardiologie", ("syndrome coronarien aigu avec sus-décalage du segment ST en {terr}", "infarctus du myocarde {terr}"),
        ("douleur thoracique",), ("Douleur rétrosternale constrictive depuis {h} heures, irradiant au bras gauche, avec sueurs.", "Douleur thoracique brutale au repos il y a {h} heures. Tabagisme actif, {pa} PA."),
        ("Hémodynamique stable, TA {ta}, FC {fc}, Killip 1.", "Pas de signe d'insuffisance cardiaque, auscultation normale."),
        ("Troponine à {trop} ng/L, créatinine {crea} µmol/L.", "LDL 1,{x} g/L, HbA1c 6,{x} %."),
        (("Angioplastie de {art} avec pose d'un stent actif. Aspirine et ticagrélor.", "angioplastie avec un stent actif sur {art}, aspirine et ticagrélor"),
         ("Thrombo-aspiration puis un stent actif sur {art} ; aspirine, prasugrel, atorvastatine 80 mg.", "stent actif sur {art}, aspirine, prasugrel et atorvastatine")),
        (("Coronarographie : occlusion de {art}.", "Occlusion de {art} à la coronarographie"), ("ETT : FEVG {ef} %, hypokinésie, pas d'épanchement péricardique.", "FEVG à {ef} %")),
        (("Suites simples, pas de trouble du rythme au scope.", "Suites simples"), ("Pas de récidive douloureuse. Lever à J2.", "Pas de récidive douloureuse")),
        ("réadaptation cardiaque", "consultation de cardiologie à {s} semaines", "échocardiographie de contrôle à 3 mois"), ages=(38, 88),
    ),
    Situation(
        "Urologie", ("pyélonéphrite aiguë {side}e", "pyélonéphrite obstructive {side}e sur calcul urétéral"),
        ("douleur lombaire fébrile", "fièvre et brûlures mictionnelles"), ("Douleur lombaire {side}e et fièvre à {t} depuis {n} jours, brûlures mictionnelles.", "Frissons, vomissements et douleur de la fosse lombaire {side}e depuis {n} jours."),
        ("Ébranlement lombaire {side} douloureux, abdomen souple. TA {ta}, FC {fc}.", "Fosse lombaire {side}e douloureuse, pas de signe de choc."),
        ("ECBU : Escherichia coli multisensible.", "CRP {crp} mg/L, GB {gb} G/L, créatinine {crea} µmol/L.", "Hémocultures positives à Escherichia coli."),
        (("Ceftriaxone 2 g/j puis relais par cotrimoxazole, {d} jours au total.", "ceftriaxone puis cotrimoxazole, {d} jours au total"), ("Montée de sonde JJ {side}e en urgence, céfotaxime puis ofloxacine.", "sonde JJ {side}e en urgence et antibiothérapie")),
        (("Uroscanner : calcul de {mm} mm de l'uretère {side}, dilatation pyélocalicielle.", "Calcul de {mm} mm de l'uretère {side} avec dilatation"), ("Échographie rénale : pas de dilatation des cavités, pas d'abcès.", "Pas de dilatation ni d'abcès à l'échographie")),
        (("Apyrexie à 48 heures.", "Apyrexie à 48 heures"), ("Évolution favorable, douleur cédée à J{j}.", "Évolution favorable")),
        ("ablation de la sonde dans {s} semaines", "ECBU de contrôle à distance", "consultation d'urologie dans {s} semaines"), ages=(19, 85),
    ),
    Situation(
        "Chirurgie digestive", ("cholécystite aiguë lithiasique", "angiocholite lithiasique"), ("douleur de l'hypochondre droit", "douleur abdominale fébrile"),
        ("Douleur de l'hypochondre droit depuis {h} heures, vomissements, fièvre à {t}.", "Coliques hépatiques répétées depuis {n} mois, douleur permanente depuis hier."),
        ("Signe de Murphy positif, pas de défense généralisée.", "Abdomen sensible en hypochondre droit, ictère conjonctival discret."),
        ("GB {gb} G/L, CRP {crp} mg/L, bilirubine totale {bil} µmol/L, lipase normale.", "ASAT 6{x} UI/L, ALAT 8{x} UI/L, GGT 21{x} UI/L."),
        (("Cholécystectomie sous cœlioscopie à J{j}, sans drainage.", "cholécystectomie sous cœlioscopie"), ("Antibiothérapie par ceftriaxone et métronidazole, puis cholécystectomie cœlioscopique.", "antibiothérapie puis cholécystectomie cœlioscopique")),
        (("Échographie : vésicule lithiasique à paroi épaissie à {mm} mm, voie biliaire principale fine.", "Vésicule lithiasique à paroi épaissie, voie biliaire principale fine"), ("Bili-IRM : pas de calcul de la voie biliaire principale.", "Pas de calcul de la voie biliaire principale à la bili-IRM")),
        (("Suites opératoires simples, reprise du transit à J2.", "Suites opératoires simples"), ("Anatomopathologie : cholécystite aiguë, pas de dysplasie.", "Pas de dysplasie à l'anatomopathologie")),
        ("consultation de chirurgie à {s} semaines", "ablation des fils à J12 par une infirmière", "arrêt de travail de 15 jours"), sides=("droit",), ages=(22, 84),
    ),
    Situation(
        "Neurologie", ("accident vasculaire cérébral ischémique sylvien {side}", "AVC ischémique du territoire sylvien {side}"), ("déficit moteur brutal", "trouble du langage et déficit de l'hémicorps"),
        ("Déficit brutal constaté à {h} h par l'entourage, dernier vu normal la veille au soir.", "Installation brutale d'une faiblesse du membre supérieur et d'une dysarthrie il y a {h} heures."),
        ("NIHSS à {nih}. Paralysie faciale centrale, hémiparésie. TA {ta}.", "Hémiparésie à prédominance brachio-faciale, NIHSS {nih}."),
        ("ECG : fibrillation atriale à {fc}/min, non connue.", "Glycémie 1,{x} g/L, INR 1,1, plaquettes 2{x}1 G/L.", "Holter ECG : pas de passage en fibrillation atriale."),
        (("Thrombolyse par ténectéplase, puis aspirine à 24 heures.", "thrombolyse par ténectéplase puis aspirine"), ("Aspirine 160 mg puis apixaban 5 mg x 2/j à J{j}.", "aspirine puis apixaban à J{j}"), ("Thrombectomie mécanique, recanalisation TICI 2b.", "thrombectomie mécanique avec recanalisation TICI 2b")),
        (("IRM : lésion ischémique récente sylvienne {side}e, occlusion M2.", "Occlusion M2 {side}e à l'IRM"), ("Écho-doppler : sténose de {pc} % de la carotide interne {side}e.", "Sténose de {pc} % de la carotide interne {side}e"), ("Scanner de contrôle : pas de transformation hémorragique.", "Pas de transformation hémorragique")),
        (("NIHSS à {nil} à la sortie.", "NIHSS à {nil} à la sortie"), ("Récupération motrice partielle, marche avec aide.", "Récupération motrice partielle")),
        ("transfert en rééducation", "consultation de neurologie vasculaire à 3 mois", "bilan orthophonique"), ages=(48, 93),
    ),
    Situation(
        "Orthopédie", ("fracture du col fémoral {side}", "fracture pertrochantérienne {side}e"), ("chute de sa hauteur", "chute à domicile"),
        ("Chute mécanique à domicile, station au sol de {h} heures, impotence totale du membre inférieur {side}.", "Chute de sa hauteur dans la salle de bains, sans perte de connaissance."),
        ("Membre inférieur {side} raccourci en rotation externe, pas de déficit sensitivomoteur.", "Douleur à la mobilisation de la hanche {side}e, pouls distaux perçus."),
        ("Hb {hb} g/dL, créatinine {crea} µmol/L, CPK 42{x} UI/L.", "Pas de lésion au scanner cérébral."),
        (("Prothèse intermédiaire de hanche {side}e sous rachianesthésie.", "prothèse intermédiaire de hanche {side}e"), ("Ostéosynthèse par clou gamma court {side}.", "ostéosynthèse par clou gamma {side}"), ("Prothèse totale de hanche {side}e par voie antérieure.", "prothèse totale de hanche {side}e")),
        (("Transfusion de {cg} culots globulaires pour une hémoglobine à {hb} g/dL.", "Anémie à {hb} g/dL, transfusée de {cg} culots globulaires"), ("Radiographie de contrôle satisfaisante.", "Radiographie de contrôle satisfaisante")),
        (("Lever à J1, appui complet autorisé, marche avec cadre.", "Appui complet, marche avec cadre"), ("Confusion postopératoire résolutive à J{j}.", "Confusion postopératoire, résolutive à J{j}"), ("Suites simples, cicatrice propre.", "Suites simples")),
        ("transfert en soins de suite", "radiographie et consultation d'orthopédie à {s} semaines", "énoxaparine 4000 UI/j pendant 35 jours"), ages=(66, 97),
    ),
    Situation(
        "Oncologie", ("adénocarcinome du sein {side}", "carcinome canalaire infiltrant du sein {side}"), ("consultation de suivi", "annonce de résultats"),
        ("Nodule du sein {side} découvert à l'autopalpation il y a {n} mois.", "Anomalie ACR5 du sein {side} à la mammographie de dépistage."),
        ("Masse de {mm} mm du quadrant supéro-externe {side}, pas d'adénopathie axillaire palpable. OMS 0.", "État général conservé, poids stable, OMS 1."),
        ("Biopsie : carcinome canalaire infiltrant de grade {gr}, RE 90 %, RP 60 %, HER2 négatif, Ki67 2{x} %.", "TEP-scanner : pas de lésion à distance.", "CA 15-3 normal."),
        (("Tumorectomie {side}e et ganglion sentinelle le mois dernier.", "tumorectomie {side}e et ganglion sentinelle"), ("Chimiothérapie néoadjuvante par EC puis paclitaxel, {cy} cures réalisées.", "chimiothérapie néoadjuvante, {cy} cures réalisées"), ("Hormonothérapie par létrozole.", "hormonothérapie par létrozole")),
        (("Anatomopathologie : tumeur de {mm} mm, pT1c N0, marges saines.", "pT1c N0, marges saines"), ("IRM : réponse partielle, masse mesurée à {mm} mm.", "Réponse partielle à l'IRM, masse de {mm} mm")),
        (("Bonne tolérance, asthénie de grade 1.", "Bonne tolérance"), ("Neutropénie de grade 2 sans fièvre.", "Neutropénie de grade 2, sans fièvre")),
        ("radiothérapie adjuvante", "présentation en réunion de concertation pluridisciplinaire", "consultation dans {s} semaines"), sexes="F", ages=(34, 82),
    ),
    Situation(
        "Endocrinologie", ("acidocétose diabétique inaugurale", "déséquilibre d'un diabète de type 2"), ("syndrome polyuro-polydipsique", "hyperglycémie"),
        ("Soif, polyurie et perte de {k} kg en {n} semaines.", "Glycémies supérieures à 3 g/L depuis {n} jours, arrêt du traitement."),
        ("Déshydratation modérée, conscience normale, FR {fr}.", "Pas de plaie des pieds, pouls perçus. IMC {imc}."),
        ("Glycémie {gly} g/L, pH 7,2{x}, cétonémie 4,{x} mmol/L, K 3,{x} mmol/L.", "HbA1c {hba} %, créatinine {crea} µmol/L.", "Anticorps anti-GAD en cours."),
        (("Insuline IV à la seringue électrique puis schéma basal-bolus : glargine {u} UI et asparte aux repas.", "insulinothérapie IV puis schéma basal-bolus"), ("Metformine 1 g x 2/j et introduction de sémaglutide.", "metformine et introduction de sémaglutide"), ("Insuline glargine {u} UI le soir, metformine poursuivie.", "glargine {u} UI le soir, metformine poursuivie")),
        (("Fond d'œil : pas de rétinopathie.", "Pas de rétinopathie au fond d'œil"), ("Microalbuminurie à 4{x} mg/g.", "Microalbuminurie à 4{x} mg/g")),
        (("Glycémies entre 1,2 et 1,8 g/L à la sortie.", "Glycémies entre 1,2 et 1,8 g/L à la sortie"), ("Éducation thérapeutique réalisée, patient autonome pour les injections.", "Éducation thérapeutique réalisée")),
        ("consultation de diabétologie dans {s} semaines", "HbA1c de contrôle à 3 mois", "consultation de diététique"), ages=(18, 80),
    ),
    Situation(
        "Gériatrie", ("confusion sur globe vésical", "syndrome confusionnel d'origine iatrogène", "déshydratation avec insuffisance rénale aiguë fonctionnelle"), ("confusion aiguë", "perte d'autonomie"),
        ("Désorientation et inversion du rythme nycthéméral depuis {n} jours, rapportées par la fille.", "Maintien à domicile difficile, refus alimentaire depuis {n} jours."),
        ("Globe vésical à {ml} mL, pas de signe de localisation. TA {ta}.", "Pli cutané, bouche sèche, pas de fièvre. MMSE {mms}/30."),
        ("Natrémie 15{x} mmol/L, créatinine {crea} µmol/L.", "ECBU stérile. TSH et vitamine B12 normales.", "Scanner cérébral : atrophie cortico-sous-corticale, pas d'hématome."),
        (("Sondage vésical, arrêt de l'oxybutynine.", "sondage vésical et arrêt de l'oxybutynine"), ("Réhydratation par voie sous-cutanée, arrêt du furosémide.", "réhydratation sous-cutanée et arrêt du furosémide"), ("Arrêt du bromazépam et du tramadol, paracétamol 1 g x 3/j.", "arrêt du bromazépam et du tramadol")),
        (("Albumine 2{x} g/L, perte de {k} kg en 6 mois.", "Dénutrition (albumine 2{x} g/L, perte de {k} kg)"), ("Bilan de chute : hypotension orthostatique.", "Hypotension orthostatique")),
        (("Retour à l'état cognitif antérieur à J{j}.", "Retour à l'état cognitif antérieur à J{j}"), ("Reprise de la marche avec déambulateur.", "Marche reprise avec déambulateur")),
        ("retour à domicile avec passage infirmier", "consultation mémoire à 3 mois", "demande d'APA"), ages=(76, 99),
    ),
    Situation(
        "Médecine vasculaire", ("thrombose veineuse profonde fémoro-poplitée {side}e", "embolie pulmonaire bilatérale sans signe de gravité"), ("douleur du mollet", "dyspnée brutale"),
        ("Douleur et œdème du mollet {side} depuis {n} jours, après un voyage de {h} heures.", "Douleur basithoracique et dyspnée depuis {n} jours, chirurgie du genou il y a un mois."),
        ("Mollet {side} augmenté de volume, signe de Homans positif. SpO2 {spo} %.", "FC {fc}, TA {ta}, auscultation libre."),
        ("D-dimères 3{x}00 µg/L, troponine négative, NT-proBNP normal.", "Hb {hb} g/dL, plaquettes 2{x}4 G/L, créatinine {crea} µmol/L."),
        (("Apixaban 10 mg x 2/j pendant 7 jours puis 5 mg x 2/j.", "apixaban 10 mg x 2/j pendant 7 jours puis 5 mg x 2/j"), ("Tinzaparine puis relais par rivaroxaban.", "tinzaparine puis rivaroxaban")),
        (("Écho-doppler : thrombus fémoro-poplité {side} occlusif.", "Thrombus fémoro-poplité {side} occlusif à l'écho-doppler"), ("ETT : ventricule droit non dilaté.", "Ventricule droit non dilaté")),
        (("Diminution de l'œdème, marche reprise.", "Évolution favorable"), ("Sevrage de l'oxygène à J{j}.", "Oxygène sevré à J{j}")),
        ("durée du traitement : {mo} mois", "consultation de médecine vasculaire à 3 mois", "bas de compression"), ages=(21, 90),
    ),
    Situation(
        "Pédiatrie", ("bronchiolite aiguë à VRS", "gastro-entérite aiguë à rotavirus avec déshydratation modérée"), ("gêne respiratoire", "vomissements et diarrhée"),
        ("Rhinite depuis {n} jours, toux, prise des biberons réduite de moitié.", "Vomissements et selles liquides depuis {n} jours, perte de poids de {pc2} %."),
        ("FR {frp}, tirage intercostal, sibilants diffus, SpO2 {spo} %.", "Fontanelle normale, pli cutané discret, FC 14{x}."),
        ("VRS positif en PCR.", "Ionogramme normal, glycémie 0,8{x} g/L.", "Rotavirus positif dans les selles."),
        (("Oxygénothérapie aux lunettes {j} jours, désobstruction rhinopharyngée.", "oxygénothérapie aux lunettes pendant {j} jours"), ("Soluté de réhydratation orale par sonde, puis reprise du lait habituel.", "réhydratation orale par sonde"), ("Lavages de nez, fractionnement des biberons, sans oxygène.", "lavages de nez et fractionnement des biberons")),
        (("Radiographie : distension, pas de foyer.", "Pas de foyer à la radiographie"), ("Pas de critère de gravité.", "Pas de critère de gravité")),
        (("Reprise de {gp} g, alimentation complète.", "Reprise de {gp} g avec alimentation complète"), ("Évolution favorable, SpO2 97 % en air ambiant.", "Évolution favorable")),
        ("consultation chez le médecin traitant dans 48 heures", "surveillance des signes de gravité expliquée aux parents", "kinésithérapie non indiquée"), ages=(0, 0),
    ),
)  # fmt: skip
NAMES = "Vasseur Lebrun Marchetti Okoye Benali Kerguen Thévenot Nguyen Delacroix Roussel Amrani Ferreira Castaing Lorho Diallo Petitjean Haddou Wozniak Sarr Müller".split()
TOWNS = "Montfleury Saint-Vigor Roquemaure-le-Vieux Belleroche Aubignac Port-Landry Valmondois Quercy-les-Bains".split()
HISTORY = (
    "HTA", "diabète de type 2", "dyslipidémie", "BPCO post-tabagique", "fibrillation atriale", "hypothyroïdie substituée", "appendicectomie",
    "prothèse totale de genou droit", "cancer de la prostate en rémission", "asthme", "insuffisance rénale chronique stade 3b", "reflux gastro-œsophagien",
    "ostéoporose", "dépression traitée", "glaucome", "cholécystectomie", "arthrose", "migraine", "aucun antécédent notable", "tabagisme sevré",
)  # fmt: skip
DRUGS = "amlodipine 5 mg;ramipril 5 mg;metformine 1 g;atorvastatine 20 mg;lévothyroxine 75 µg;pantoprazole 20 mg;bisoprolol 2,5 mg;furosémide 40 mg;paracétamol à la demande;sertraline 50 mg;apixaban 5 mg;salbutamol à la demande".split(
    ";"
)


def draw(rng: random.Random) -> dict[str, object]:
    """One report (``report``), its conclusion and its facts."""
    it = rng.choice(SITUATIONS)
    side = rng.choice(it.sides)
    age = rng.randint(*it.ages)
    sex = rng.choice(it.sexes)
    months = rng.randint(2, 11)
    old = f"{age} ans" if age else f"{months} mois"
    slots = {
        "side": side, "sidee": side if side == "gauche" else "droite", "n": rng.randint(2, 9), "t": f"38,{rng.randint(1, 9)}", "fr": rng.randint(20, 32),
        "spo": rng.randint(86, 95), "ta": f"{rng.randint(98, 178)}/{rng.randint(52, 96)}", "fc": rng.randint(72, 128), "gb": f"{rng.randint(9, 22)},{rng.randint(0, 9)}",
        "crp": rng.randint(24, 310), "crea": rng.randint(52, 240), "d": rng.choice((5, 7, 10, 14)), "j": rng.randint(2, 6), "s": rng.randint(2, 8), "k": rng.randint(2, 9),
        "x": rng.randint(1, 9), "bnp": rng.randint(1200, 18000), "ef": rng.choice((25, 30, 35, 40, 45, 50, 55, 60)), "w": rng.randint(52, 104), "h": rng.randint(2, 9),
        "terr": rng.choice(("antérieur", "inférieur", "latéral")), "pa": rng.randint(10, 50), "trop": rng.randint(180, 9800),
        "art": rng.choice(("l'interventriculaire antérieure", "la coronaire droite", "la circonflexe")), "mm": rng.randint(4, 29), "bil": rng.randint(12, 88),
        "nih": rng.randint(5, 18), "nil": rng.randint(0, 4), "pc": rng.choice((50, 60, 70, 80)), "hb": f"{rng.randint(7, 12)},{rng.randint(0, 9)}", "cg": rng.choice(("deux", "trois")),
        "gr": rng.choice(("1", "2", "3")), "cy": rng.randint(2, 6), "imc": rng.randint(22, 38), "gly": f"{rng.randint(3, 6)},{rng.randint(0, 9)}",
        "hba": f"{rng.randint(8, 14)},{rng.randint(0, 9)}", "u": rng.randint(10, 30), "ml": rng.randint(500, 1100), "mms": rng.randint(12, 26), "mo": rng.choice((3, 6)),
        "pc2": rng.randint(4, 8), "frp": rng.randint(44, 66), "gp": rng.randint(60, 240),
    }  # fmt: skip

    def fill(text: str) -> str:
        return text.format(**slots).replace("droite droite", "droite").replace("gauchee", "gauche")

    who = (
        {"H": rng.choice(("homme", "patient")), "F": rng.choice(("femme", "patiente"))}[sex]
        if age
        else {"H": "nourrisson", "F": "nourrisson"}[sex]
    )
    diagnosis, reason = fill(rng.choice(it.diagnosis)), rng.choice(it.reasons)
    treated, short = (fill(text) for text in rng.choice(it.treatment))
    found = [tuple(map(fill, one)) for one in rng.sample(it.key, k=rng.randint(1, len(it.key)))]
    course, ended = (fill(text) for text in rng.choice(it.course))
    later = [fill(text) for text in rng.sample(it.follow_up, k=rng.randint(1, 2))]
    past = (
        rng.sample(HISTORY, k=rng.randint(1, 4))
        if age > 30
        else [rng.choice(("aucun antécédent notable", "né à terme"))]
    )
    if len(past) > 1:
        past = [one for one in past if not one.startswith("aucun")]
    drugs = rng.sample(DRUGS, k=rng.randint(1, 5)) if age > 40 else []
    name = rng.choice(NAMES)
    title = "M." if sex == "H" else "Mme"
    styles = rng.randint(0, 3)
    heads = [
        ("MOTIF D'HOSPITALISATION", "ANTÉCÉDENTS", "TRAITEMENT HABITUEL", "HISTOIRE DE LA MALADIE", "EXAMEN CLINIQUE", "EXAMENS COMPLÉMENTAIRES", "PRISE EN CHARGE ET ÉVOLUTION", "SUITES"),
        ("Motif :", "Antécédents :", "Traitement à l'entrée :", "Histoire :", "Examen :", "Biologie et imagerie :", "Évolution :", "Suites :"),
        ("Motif", "ATCD", "TTT", "HDM", "Examen", "Paraclinique", "Évolution dans le service", "Au total, prévu"),
        ("",) * 8,
    ][styles]  # fmt: skip
    tests = [fill(one) for one in rng.sample(it.tests, k=rng.randint(1, len(it.tests)))] + [
        one for one, _ in found
    ]
    rng.shuffle(tests)
    bodies = [
        f"{reason[0].upper()}{reason[1:]}.",
        "\n".join(f"- {one}" for one in past) if rng.random() < 0.5 else ", ".join(past).capitalize() + ".",
        (", ".join(drugs) + ".") if drugs else "Aucun.",
        f"{title} {name}, {old}. " * (styles != 3)
        + " ".join(fill(one) for one in rng.sample(it.story, k=rng.randint(1, 2))),
        " ".join(fill(one) for one in rng.sample(it.exam, k=rng.randint(1, len(it.exam)))),
        ("\n" if rng.random() < 0.5 else " ").join(tests),
        f"{treated} {course}",
        "; ".join(later).capitalize() + ".",
    ]
    lead = f"{who[0].upper()}{who[1:]} de {old}, hospitalisé{'e' * (who in ('femme', 'patiente'))} en {it.service.lower()} pour {reason} : {diagnosis}."
    if styles == 3:
        bodies[0] = lead
        bodies[1] = "Dans ses antécédents : " + ", ".join(past) + "."
    else:
        bodies[6] = (
            rng.choice(("Diagnostic retenu : {}. ", "On retient une {}. ", "Tableau de {}. ")).format(
                diagnosis
            )
            if False
            else f"Diagnostic retenu : {diagnosis}. {bodies[6]}"
        )
    parts = [
        f"{head}\n{body}" if head.isupper() else f"{head} {body}".strip()
        for head, body in zip(heads, bodies, strict=True)
    ]
    opening = rng.choice(
        (
            f"CENTRE HOSPITALIER DE {rng.choice(TOWNS).upper()}\nService de {it.service}\nCompte rendu d'hospitalisation\nPatient : {title} {name}, {old}\n\n",
            f"Compte rendu d'hospitalisation - {it.service}\n{title} {name}, {old}\n\n",
            f"Cher confrère,\nVotre patient{'e' * (sex == 'F')} {title} {name}, {old}, a séjourné dans notre service de {it.service.lower()}.\n",
            "",
        )
    )
    report = opening + rng.choice(("\n", "\n\n")).join(parts)
    opened = rng.choice(
        (
            f"{diagnosis[0].upper()}{diagnosis[1:]} chez un{'e' * (who in ('femme', 'patiente'))} {who} de {old}",
            f"{who[0].upper()}{who[1:]} de {old} hospitalisé{'e' * (who in ('femme', 'patiente'))} pour {reason}, en rapport avec : {diagnosis}",
        )
    )
    sentences = [opened + "."]
    sentences += [f"{one}." for _, one in found[:2]]
    sentences += [
        rng.choice((f"Traitement par {short}.", f"Prise en charge : {short}.")),
        f"{ended}.",
        f"Suites : {' ; '.join(later)}.",
    ]
    facts = {
        "age": age if age else None, "sexe": sex, "motif": reason, "diagnostic": diagnosis, "traitement": short, "evolution": ended,
        "suites": later, "antecedents": [one for one in past if not one.startswith("aucun")],
    }  # fmt: skip
    return {"report": report, "conclusion": " ".join(sentences), "sentences": sentences, "facts": facts}


def main() -> None:
    """Write the draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    for _ in range(asked.count):
        sys.stdout.write(json.dumps(draw(rng), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
