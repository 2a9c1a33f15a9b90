"""Character classes for the names of people who write in Latin letters, all alphabets of Europe and Vietnam."""


def _ranges(capital: bool) -> str:
    """The capitals, or the small letters, of Latin-1, Latin Extended-A and -B and Additional, as a class body."""
    codes = [*range(0xC0, 0x250), *range(0x1E00, 0x1F00)]
    kept = [code for code in codes if (chr(code).isupper() if capital else chr(code).islower())]
    return ("A-Z" if capital else "a-z") + "".join(map(chr, kept))


UPPER = _ranges(True)
LOWER = _ranges(False)
