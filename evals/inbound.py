"""How inbound warnings do on the made messages: recall and false positives by kind, and every false positive by name.

Usage: python -m evals.inbound [tune|judge]. The figures in docs/inbound.md are those of "judge".
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import NamedTuple, cast

from evals.inbound_corpus import Case, Half, cases, tenant
from sekisho.inbound.lookalike import Verdict, examine


class Measured(NamedTuple):
    """Messages and warnings by kind, and the cases that came out wrong."""

    sizes: dict[str, int]
    warned: dict[str, int]
    missed: list[Case]
    false: list[tuple[Case, Verdict]]

    def share(self, impersonation: bool) -> float:
        """Share of warned among all impersonations, or among all honest messages."""
        kinds = [kind for kind in self.sizes if kind.startswith("+") is impersonation]
        return sum(self.warned.get(kind, 0) for kind in kinds) / sum(self.sizes[kind] for kind in kinds)


def measure(half: Half) -> Measured:
    """Judges a whole half; kinds of impersonations begin with "+"."""
    own = tenant()
    sizes: Counter[str] = Counter()
    warned: Counter[str] = Counter()
    missed, false = [], []
    for case in cases(half):
        verdict = examine(case.sender, own)
        kind = ("+" if case.impersonation else "-") + case.kind
        sizes[kind] += 1
        warned[kind] += verdict.warns
        if case.impersonation and not verdict.warns:
            missed.append(case)
        if verdict.warns and not case.impersonation:
            false.append((case, verdict))
    return Measured(dict(sizes), dict(warned), missed, false)


def main() -> None:
    half = cast(Half, sys.argv[1] if len(sys.argv) > 1 else "judge")
    found = measure(half)
    for kind, size in found.sizes.items():
        print(f"| {kind[1:].replace('_', ' ')} | {found.warned[kind]} of {size} |")
    print(f"recall {found.share(True):.1%}, false positives {found.share(False):.1%}")
    for case in found.missed:
        print("missed:", case.kind, case.sender)
    for case, verdict in found.false:
        print("false:", case.kind, case.sender, [(one.code, one.brand) for one in verdict.findings])


if __name__ == "__main__":
    main()
