"""The healthy figures once more, weighted to an ordinary mix: the simulator meets rare behaviour far too often.

No published figures say how many mailboxes of a hosting company send newsletters or travel, so every share below is
**assumed**, each with the thought behind it. Read the weighted figures as "if a host were like this", and the tables by
trait to work out one's own. The bound is Fay and Feuer's for directly standardised rates (Statistics in Medicine 1997):
it stays honest where a rare trait was met a few times and weighs little.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, inf, lgamma, log, sqrt

from evals.score import ACTIONS, ERROR, Healthy

# Share of mailboxes that show the behaviour within the two months of a run; the rest is "office".
ORDINARY = {
    # Ways of using mail: most people have it on the telephone, a part of the lines changes address every night.
    "phone": 0.30, "dynamic_home": 0.15, "mail_app_cloud": 0.08, "low_use": 0.15,
    # One in a hundred is abroad with the mailbox in a given two months, and one in a hundred uses a VPN for mail.
    "traveller": 0.01, "vpn": 0.01,
    # A domain of eight mailboxes in twenty sends a newsletter or has a contact form, one in twenty belongs to a club.
    "newsletter": 0.005, "web_form": 0.005, "club": 0.005,
    # Once in a mailbox's twenty years: the first newsletter with an old list. Once in ten: a notice to everybody.
    "first_newsletter": 0.001, "notice": 0.015,
    # A telephone every four years, a provider every ten, a password with a forgotten device every ten.
    "new_phone": 0.04, "new_provider": 0.015, "password_storm": 0.015,
    # One in ten ever sets a forward, once in five years; one of fifty of these while abroad.
    "forward_home": 0.003, "forward_travelling": 0.0001,
    "new_mailbox": 0.02,
}  # fmt: skip


def shares(travellers: float = 1.0) -> dict[str, float]:
    """The ordinary mix with "office", adding up to 1; `travellers` multiplies those who travel, as in the world."""
    mix = dict(ORDINARY)
    for trait in ("traveller", "forward_travelling"):
        mix[trait] *= travellers
    mix["office"] = 1.0 - sum(mix.values())
    return mix


def weighted(healthy: Mapping[str, Healthy], mix: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Per action the rate a month in the mix, and its upper bound; traits that were never met are left out."""
    met = {trait: share for trait, share in mix.items() if trait in healthy and healthy[trait].months > 0}
    whole = sum(met.values())
    if not whole:
        return dict.fromkeys(ACTIONS, (0.0, inf))
    weights = {trait: share / whole / healthy[trait].months for trait, share in met.items()}
    largest = max(weights.values())
    found = {}
    for action in ACTIONS:
        counts = {trait: healthy[trait].hurt[action] for trait in weights}
        rate = sum(weight * counts[trait] for trait, weight in weights.items())
        variance = sum(weight**2 * counts[trait] for trait, weight in weights.items())
        found[action] = (rate, _fay_feuer(rate, variance, largest))
    return found


def _fay_feuer(rate: float, variance: float, largest: float) -> float:
    mean, spread = rate + largest, variance + largest**2
    return spread / mean * _gamma_quantile(mean**2 / spread, 1 - ERROR)


def _gamma_quantile(shape: float, share: float) -> float:
    """Where a gamma distribution of this shape (scale 1) has `share` below."""
    low, high = 0.0, shape + 20 * sqrt(shape) + 20
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _gamma_below(shape, middle) < share else (low, middle)
    return (low + high) / 2


def _gamma_below(shape: float, x: float) -> float:
    """The regularised lower incomplete gamma function by its series."""
    if x <= 0:
        return 0.0
    total = term = 1.0
    n = shape
    while term > total * 1e-12:
        n += 1
        term *= x / n
        total += term
    return min(1.0, total * exp(shape * log(x) - x - lgamma(shape + 1)))
