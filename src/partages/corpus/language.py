"""Whether a text is French: its small words first, a statistical identifier where these do not settle it."""

import re

from partages.errors import MissingPart

FRENCH = frozenset(
    "le la les de des du un une et à au aux en dans par pour sur avec sans que qui est sont ou se ce cette ces son sa ses "
    "il elle ils elles on ne pas plus leur leurs dont être a ont été lors chez entre comme mais si".split()
)
FOREIGN = {
    "en": frozenset("the of and in to is for with that was were are this by from on be as an which or at has have".split()),
    "es": frozenset("el los las del una con por como más su fue en al lo".split()),
    "de": frozenset("der die das und von mit ist den im zu für auf eine nicht bei werden sind des dem".split()),
    "it": frozenset("di che del della per con una dei nel alla sono gli è si da in".split()),
    "pt": frozenset("os do da dos das com uma para por não ao em foi mais são se".split()),
    "nl": frozenset("de het een van en in is dat met voor niet op zijn te aan bij door".split()),
}  # fmt: skip
SURE = 0.15
"""Share of French small words from which a text is French, when no other language has as many."""
SAMPLE = 400
"""Words read of a long text: half from its beginning, half from its middle."""
SHORT = 8
"""Words; a shorter text is never foreign by statistics alone (a title in Latin, a list of drugs)."""

_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str, *, statistics: bool = True) -> str:
    """ISO 639-1 code of the text's language; ``fr`` where it has too few words to tell.

    Without ``statistics`` small words alone tell: what has none (a list of drugs, a table) is left in French.

    Raises:
        MissingPart: ``py3langid`` is not installed.
    """
    words = _WORD.findall(text[:6000].lower())
    if len(text) > 12_000:
        middle = len(text) // 2
        words = words[: SAMPLE // 2] + _WORD.findall(text[middle : middle + 2000].lower())
    words = words[:SAMPLE]
    if not words:
        return "fr"
    french = sum(word in FRENCH for word in words) / len(words)
    others = {code: sum(word in small for word in words) / len(words) for code, small in FOREIGN.items()}
    other, share = max(others.items(), key=lambda pair: pair[1])
    if french >= SURE and french > share:
        return "fr"
    if share >= SURE and share > 2 * french and share * len(words) >= 2:
        return other
    if len(words) < SHORT or not statistics:
        return "fr"
    try:
        import py3langid
    except ImportError:
        raise MissingPart(
            "Reconnaître la langue demande py3langid : pip install 'partages[corpus]'."
        ) from None
    code = str(py3langid.classify(" ".join(words))[0])
    # The identifier errs on lists of Latin names and of drugs: a text with French small words is not taken from it.
    return "fr" if french >= 0.06 and french >= share else code
