"""What a rule proposes, and how proposals that compete are settled."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """A proposed span, in offsets of the view.

    Attributes:
        score: how sure the rule is, 0 to 1; the surest wins where two overlap, then the longest.
        rule: which rule found it, for reading and measuring.
    """

    start: int
    end: int
    label: str
    score: float
    rule: str
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)


def settle(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that do not overlap a better one, in order of position."""
    kept: list[Finding] = []
    starts: list[int] = []
    for finding in sorted(findings, key=lambda f: (-f.score, f.start - f.end, f.start)):
        at = bisect_left(starts, finding.start)
        after_ok = at == len(kept) or kept[at].start >= finding.end
        before_ok = at == 0 or kept[at - 1].end <= finding.start
        if after_ok and before_ok and finding.end > finding.start:
            kept.insert(at, finding)
            starts.insert(at, finding.start)
    return kept
