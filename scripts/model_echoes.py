"""General French that the base writes by itself, to hold the trained model to it: no text need be fetched (LLM-QAT, Liu et al., 2023).

    python scripts/model_echoes.py --folder RUN --minutes 15  # adds to RUN/echoes.jsonl; again for more

The base goes on from a short opening of every kind of text that one reads; what is not French, or repeats itself, is dropped.
"""

import argparse
import json
import random
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import httpx

from partages.models.embedded import base_path
from partages.settings import Settings
from partages.terminal import progress_bar

FILE = "echoes.jsonl"
TOKENS, TOGETHER = 480, 8
TEMPERATURE, NUCLEUS = 0.9, 0.95
SQUEEZED = 0.3
"""Bytes of a text once compressed, over its own: below, it repeats itself."""
SMALL_WORDS = frozenset(
    "le la les de des du un une et à en dans que qui pour sur est il elle je nous vous par avec ne pas au".split()
)
FRENCH = 0.18
"""Share of the words of French prose that are of these, at least."""
OPENINGS = (
    "Il était une fois", "Un matin d'hiver,", "Elle referma la porte et", "— Vous ici ? dit-il.", "La vieille dame", "Mon grand-père disait toujours",
    "Quand j'étais enfant,", "Le train entra en gare", "Ce soir-là,", "Personne ne savait", "Je me souviens de", "Le chat", "Sur la table,",
    "« Je n'ai pas peur », répondit", "Au bord de la mer,", "La nuit tombait sur", "Les soldats", "Monsieur le comte", "La maîtresse entra dans la classe.",
    "Paris, le 12 mars.", "Le gouvernement a annoncé", "Selon une étude publiée", "Le maire de la commune", "Les habitants du quartier", "La police a",
    "Le prix des", "Une entreprise familiale", "Les agriculteurs", "L'équipe de France", "Le match", "Le festival", "Les élections", "Le ministre de",
    "Après trois semaines de grève,", "La Banque", "Le tribunal a", "Interview :", "Édito.", "Cher Monsieur,", "Madame,", "Bonjour à tous,", "Chère Marie,",
    "Salut !", "Objet :", "Je vous écris", "Suite à notre conversation,", "Merci pour votre", "Veuillez trouver", "Mes chers amis,",
    "Mesdames et Messieurs,", "Nous sommes réunis aujourd'hui", "Article 1.", "Le présent contrat", "Le locataire", "L'assemblée générale",
    "Vu le code", "Le vendeur s'engage", "Les parties", "Conditions générales", "Préchauffez le four", "Ingrédients :", "Pour réussir", "Étape 1 :",
    "Avant de commencer,", "Attention :", "Branchez l'appareil", "Appuyez sur", "Comment choisir", "Pourquoi", "Qu'est-ce que", "Les dix meilleurs",
    "Nos conseils pour", "Notre avis :", "J'ai acheté ce produit", "Très déçu", "Je recommande", "Quelqu'un sait-il", "Re :", "lol", "C'est quoi", "Franchement,",
    "La Révolution française", "Au Moyen Âge,", "Napoléon", "En 1914,", "L'empire romain", "Le roi", "Cette église", "Le château de", "Le village de",
    "La ville de", "Le fleuve", "La montagne", "Les oiseaux", "Le loup", "Les abeilles", "Cet arbre", "La planète", "Le Soleil", "La lumière",
    "En mathématiques,", "On appelle", "Soit", "Leçon 3.", "Exercice :", "La philosophie", "Le bonheur", "Aimer,", "La liberté", "L'homme", "Le temps",
    "La peinture de", "Le film", "Ce roman", "La chanson", "L'orchestre", "Acte I.", "Scène 2.", "Ô", "Les fleurs", "Dans le jardin,", "Au mois de mai,",
    "Aujourd'hui, le ciel", "Lundi", "Le voyage", "Nous avons visité", "L'hôtel", "Le restaurant", "À louer :", "Recherche", "Notre société recrute",
    "Vous êtes", "Le poste", "Formation :", "L'école", "Les élèves", "Les parents", "L'ordinateur", "Internet", "Le logiciel", "Installez",
    "La voiture", "Le moteur", "La maison", "Le bois", "L'eau", "Le climat", "L'énergie", "Les déchets", "Le football", "La course",
    "Horaires :", "Plan d'accès :", "Le budget", "Les impôts", "La loi", "L'Europe", "Les États-Unis", "En Afrique,", "Au Québec,", "En Belgique,", "Le Japon",
    "Et si", "Parce que", "Alors", "Enfin,", "D'abord,", "Cependant,", "On dit que", "Il faut", "Elle", "Ils", "Je", "Tu", "Nous", "Le", "La", "Les", "Un", "Une",
)  # fmt: skip


def is_kept(text: str) -> bool:
    """Long enough, French, and not a litany."""
    words = text.lower().split()
    held = text.encode()
    return (
        len(words) > 40
        and sum(word in SMALL_WORDS for word in words) / len(words) > FRENCH
        and len(zlib.compress(held)) / len(held) > SQUEEZED
    )


def write(model: Path, seconds: float, seed: int) -> Iterator[tuple[float, str]]:
    """Share of the time that is spent, and a text, until ``seconds`` are spent and all that was begun has ended."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_parallel, parameters.n_ctx = TOGETHER, TOGETHER * (TOKENS + 32)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.verbosity, parameters.offline = 0, True
    server = xllamacpp.Server(parameters)
    draw, began = random.Random(seed), time.monotonic()

    def one(opening: str, its_seed: int) -> str:
        asked = {
            "prompt": opening, "n_predict": TOKENS, "temperature": TEMPERATURE, "top_p": NUCLEUS, "top_k": 0, "seed": its_seed,
            "cache_prompt": False,
        }  # fmt: skip
        answer = httpx.post(f"{server.listening_address}/completion", json=asked, timeout=600)
        return opening + str(answer.raise_for_status().json()["content"])

    with ThreadPoolExecutor(TOGETHER) as pool:

        def begin() -> Future[str]:
            return pool.submit(one, draw.choice(OPENINGS), draw.randrange(2**31))

        waiting = {begin() for _ in range(TOGETHER)}
        while waiting:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            spent = time.monotonic() - began
            for future in ended:
                if spent < seconds:
                    waiting.add(begin())
                yield spent / seconds, future.result().strip()


def read(folder: Path) -> list[str]:
    """What was written.

    Raises:
        SystemExit: nothing was.
    """
    path = folder / FILE
    if not path.is_file():
        raise SystemExit(f"{path} manque : python scripts/model_echoes.py --folder {folder}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Add to the run's file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", type=Path, help="GGUF that writes; the base by default")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    path = asked.folder / FILE
    seed = len(path.read_bytes().splitlines()) if path.exists() else 0
    kept = dropped = 0
    with path.open("a", encoding="utf-8") as file, progress_bar(1000) as advance:
        for share, text in write(asked.model or base_path(Settings()), asked.minutes * 60, seed):
            if is_kept(text):
                file.write(json.dumps(text, ensure_ascii=False) + "\n")
                file.flush()
            kept, dropped = kept + is_kept(text), dropped + (not is_kept(text))
            advance(int(1000 * min(1.0, share)), f"{kept} textes, {dropped} écartés")


if __name__ == "__main__":
    main()
