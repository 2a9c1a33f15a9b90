"""Peer review: a second physician accepts a case, or says what to change."""

from datetime import date
from pathlib import Path

from partages.errors import UsageError
from partages.fiction.case import Case, Review
from partages.fiction.checks import check, passes


def review(
    case: Case,
    reviewer: str,
    decision: str,
    comments: str,
    despite: str,
    day: date,
    cache_folder: Path | None = None,
) -> Case:
    """The case with one more review, of its texts as they now are.

    Raises:
        UsageError: the reviewer is the author, something is not written, changes are asked for without
            saying which, or a check stands in the way and no reason is given.
    """
    reviewer, comments, despite = reviewer.strip(), comments.strip(), despite.strip()
    if not reviewer:
        raise UsageError("Il manque le code du relecteur.")
    if reviewer.casefold() == case.author.strip().casefold():
        raise UsageError("L'auteur ne relit pas son propre cas : il faut un second médecin.")
    if not case.written:
        raise UsageError("Tous les documents du cas ne sont pas écrits : il n'y a pas encore de quoi relire.")
    if decision == "changes" and not comments:
        raise UsageError("Dites ce qu'il faut changer.")
    if decision == "accepted" and not despite:
        findings = check(case, cache_folder)
        if not passes(findings):
            which = ", ".join(
                dict.fromkeys(f"{one.place} {one.check}" for one in findings if one.level == "error")
            )
            raise UsageError(
                f"Des contrôles ne sont pas passés ({which}) : corrigez (partages fiction check les détaille), "
                "ou dites pourquoi accepter malgré cela."
            )
    made = Review(
        reviewer=reviewer, decision="accepted" if decision == "accepted" else "changes", comments=comments,
        despite=despite, texts=case.texts, day=day,
    )  # fmt: skip
    return case.model_copy(update={"reviews": [*case.reviews, made]})
