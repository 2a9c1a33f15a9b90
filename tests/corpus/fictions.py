"""Fictitious documents to build small corpora from, written for these tests."""

import gzip
import json
import random
from pathlib import Path

SENTENCES = [
    "La douleur thoracique de l'effort cède au repos en quelques minutes et doit faire évoquer une insuffisance coronaire.",
    "Le traitement associe un bêta-bloquant, une statine et de l'aspirine à la dose de 75 mg par jour.",
    "L'échographie montre une fraction d'éjection du ventricule gauche mesurée à 45 % avec une hypokinésie apicale.",
    "La fièvre supérieure à 38,5 °C avec des frissons impose de prélever deux paires d'hémocultures avant l'antibiotique.",
    "Chez l'enfant de moins de trois mois, toute fièvre est une urgence et conduit à une ponction lombaire au moindre doute.",
    "La pneumopathie franche lobaire aiguë débute brutalement par un point de côté et une toux sèche puis productive.",
    "L'amoxicilline est donnée par voie orale, 1 g trois fois par jour, pendant cinq à sept jours selon l'évolution.",
    "Le diabète de type 2 associe une résistance à l'insuline et une insuffisance relative de sa sécrétion.",
    "Une hémoglobine glyquée de 7 % est la cible habituelle ; elle est adaptée à l'âge et aux maladies associées.",
    "Le bilan du premier épisode comprend un ionogramme, une créatinine, une calcémie et un électrocardiogramme.",
    "La fracture du col du fémur se traduit par une impotence totale, un raccourcissement et une rotation externe du membre.",
    "La reprise de l'appui est immédiate après une prothèse, différée de six semaines après certaines ostéosynthèses.",
    "L'asthme se contrôle par un corticoïde inhalé au long cours et un bronchodilatateur de courte durée d'action à la demande.",
    "Un débit expiratoire de pointe inférieur à 50 % de la valeur théorique signe une crise sévère.",
    "La thyroïdite auto-immune donne une hypothyroïdie dont la TSH, élevée, est le meilleur marqueur.",
    "La lévothyroxine se prend à jeun, une demi-heure avant le petit déjeuner, à la dose de 1,6 µg/kg.",
    "L'infarctus cérébral se reconnaît à la survenue brutale d'un déficit, maximal d'emblée, sur un territoire artériel.",
    "La thrombolyse est possible dans les quatre heures et demie qui suivent le début des signes, si l'imagerie le permet.",
    "La cirrhose se complique d'ascite, d'hémorragie digestive et d'encéphalopathie, qui marquent sa décompensation.",
    "Une ponction d'ascite est faite à chaque poussée pour chercher plus de 250 polynucléaires neutrophiles par mm³.",
    "Le mélanome se repère à l'asymétrie, aux bords irréguliers, à la couleur, au diamètre et à l'évolution de la lésion.",
    "L'exérèse est complète, avec une marge qui dépend de l'épaisseur mesurée selon Breslow, de 1 à 2 cm.",
    "La pyélonéphrite aiguë de la femme enceinte est traitée à l'hôpital par une céphalosporine injectable.",
    "La bandelette urinaire a une bonne valeur prédictive négative chez la femme, moindre chez l'homme et l'enfant.",
    "Le glaucome aigu par fermeture de l'angle donne un œil rouge, dur, douloureux, et une baisse de la vision.",
    "La cataracte est opérée quand la gêne le justifie, sous anesthésie locale, le plus souvent en ambulatoire.",
    "La rougeole débute par un catarrhe, puis le signe de Köplik précède l'éruption descendante.",
    "La vaccination comporte deux injections, à douze mois puis entre seize et dix-huit mois.",
    "Le lupus atteint la peau, les articulations et les reins ; la grossesse se prépare avec le spécialiste.",
    "La polyarthrite rhumatoïde touche les petites articulations des mains, de façon symétrique, avec un dérouillage matinal.",
]
LETTERS = "bcdfglmnprstv"


def word(draw: random.Random) -> str:
    """A word that no text has."""
    return "".join(draw.choice(LETTERS) + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))


def document(seed: int, sentences: int = 8) -> str:
    """A document that looks like a lecture, unlike the others but for its sentences, which are varied."""
    draw = random.Random(seed)
    said = []
    for sentence in draw.sample(SENTENCES, sentences):
        words = sentence.split()
        for at in draw.sample(range(1, len(words)), len(words) // 2):
            words[at] = word(draw)
        said.append(" ".join(words).rstrip(".,;") + ".")
    return " ".join(said)


def changed(text: str, share: float, seed: int) -> str:
    """The text with a share of its words replaced."""
    draw = random.Random(seed)
    words = text.split()
    for at in draw.sample(range(len(words)), round(share * len(words))):
        words[at] = word(draw)
    return " ".join(words)


def source(
    folder: Path,
    name: str,
    texts: list[str],
    *,
    commercial: bool = True,
    kind: str = "lecture",
    use: str = "pre-training",
) -> Path:
    """A folder with one gzip file, a document a line, and its sidecar."""
    folder = folder / name
    folder.mkdir(parents=True)
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    licence = "etalab-2.0" if commercial else "CC-BY-NC-4.0"
    (folder / "source.toml").write_text(
        f'name = "{name}"\ntitle = "Textes fictifs"\npublisher = "Tests"\nhome = "https://example.org"\nlicence = "{licence}"\n'
        f'commercial = {str(commercial).lower()}\nattribution = "Textes fictifs"\nlanguage = "fr"\nkind = "{kind}"\nuse = "{use}"\n'
        'reader = "folder"\n',
        encoding="utf-8",
    )
    return folder
