"""Intervals that hold for people never seen, as far as the clips allow.

Clips of one signer are right or wrong together, so that a hundred clips of
five people say little more of a sixth person than the five people do. What is
drawn again and again is therefore the signers, with all their clips (cluster
bootstrap: Davison and Hinkley 1997, Bootstrap methods and their application,
section 3.8).

With few signers, quantiles of what was drawn are far too narrow: in
simulations with 3, 6 and 20 signers, a "95%" interval made of them held the
truth in 72%, 83% and 91% of cases. So the bootstrap gives only the standard
error, which Student's t for so many signers makes an interval of, on the
scale of log odds: 97%, 96% and 94% (the sandwich estimate with t quantiles:
Cameron and Miller 2015, A practitioner's guide to cluster-robust inference).
`tests/test_intervals.py` simulates it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binomtest, permutation_test
from scipy.stats import t as student

CONFIDENCE = 0.95
FEWEST_SIGNERS = 3
RESAMPLES = 2000
_AT_ONCE = 200  # resamples; memory grows with them and the clips


class Estimate(NamedTuple):
    """A figure and the ends of its 95% interval, NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def as_json(self) -> dict[str, float | None]:
        """Rounded, with null for an end that is not known."""
        return _rounded(self._asdict())


class Difference(NamedTuple):
    """A paired difference, the ends of its 95% interval, and its p-value."""

    value: float
    low: float
    high: float
    p: float

    def as_json(self) -> dict[str, float | None]:
        """Rounded, with null for what is not known."""
        return _rounded(self._asdict())


def _rounded(numbers: dict[str, float]) -> dict[str, float | None]:
    return {
        name: None if np.isnan(number) else round(float(number), 6)
        for name, number in numbers.items()
    }


@dataclass(frozen=True)
class Units:
    """What an interval resamples as a whole.

    Attributes:
        of: the unit of each clip, int, (clips,), from 0.
        kind: `signers`, or `clips` where too few signers are known.
        signers: how many are known.
    """

    of: np.ndarray
    kind: str
    signers: int

    @property
    def number(self) -> int:
        return int(self.of.max()) + 1 if len(self.of) else 0

    def total(self, sums: np.ndarray) -> np.ndarray:
        """What the clips of each unit add up to.

        Args:
            sums: float, (clips, k).

        Returns:
            float64, (units, k).
        """
        found = np.zeros((self.number, sums.shape[1]))
        np.add.at(found, self.of, sums)
        return found


def units_of(signers: Iterable[str]) -> Units:
    """Signers, if most clips have one and there are three; else the clips.

    Args:
        signers: of each clip; "" where unknown. Among clips of known signers,
            those of unknown ones count as one more person.
    """
    names = np.array(list(signers), object)
    known = [name for name in names if name]
    people = len(set(known))
    if people >= FEWEST_SIGNERS and 2 * len(known) > len(names):
        return Units(
            np.unique(names, return_inverse=True)[1], "signers", people
        )
    return Units(np.arange(len(names)), "clips", people)


def interval(
    sums: np.ndarray,
    units: Units,
    figure: Callable[[np.ndarray], np.ndarray],
    is_share: bool = True,
    seed: int = 0,
) -> Estimate:
    """A figure with the interval that resampling its units gives.

    Args:
        sums: what each clip adds to the sums that the figure is made of,
            float, (clips, k).
        units: what is resampled.
        figure: gives the figure of such sums, (..., k) to (...); NaN where
            they say nothing.
        is_share: whether it lies between 0 and 1; its interval then does so.
        seed: of what is drawn.

    Returns:
        The figure. Its ends are NaN where the units say nothing of how much
        it varies: fewer than two, or a figure of exactly 0 or 1.
    """
    value = float(figure(sums.sum(axis=0)))
    if units.number < 2 or np.isnan(value):
        return Estimate(value)
    totals = units.total(sums)
    drawn = np.concatenate(
        [figure(weights @ totals) for weights in _draws(units.number, seed)]
    )
    # A resample varies around these units as if they were all there are.
    error = np.nanstd(drawn) * np.sqrt(units.number / (units.number - 1))
    half = error * student.ppf((1 + CONFIDENCE) / 2, units.number - 1)
    if not is_share:
        return Estimate(value, value - half, value + half)
    if not 0 < value < 1:
        return Estimate(value)
    steps = np.array([-1, 1]) * half / (value * (1 - value))
    return Estimate(value, *map(float, expit(logit(value) + steps)))


def _draws(units: int, seed: int) -> Iterator[np.ndarray]:
    """How often each unit is drawn in each resample, (resamples, units)."""
    random = np.random.default_rng(seed)
    for _ in range(RESAMPLES // _AT_ONCE):
        yield random.multinomial(units, np.full(units, 1 / units), _AT_ONCE)


def share(right: np.ndarray, units: Units, seed: int = 0) -> Estimate:
    """The share of clips that are right.

    Its interval is never narrower than the Wilson (1927) interval of as many
    clips of nobody in particular, which also holds where all are right.

    Args:
        right: bool, (clips,).
        units: what is resampled; of clips, the interval is Wilson's.
    """
    if not len(right):
        return Estimate(float("nan"))
    found = binomtest(int(right.sum()), len(right))
    wilson = found.proportion_ci(CONFIDENCE, "wilson")
    value, low, high = float(right.mean()), wilson.low, wilson.high
    if units.kind == "signers":
        sums = np.column_stack([right, np.ones(len(right))]).astype(float)
        by_unit = interval(sums, units, ratio, seed=seed)
        low, high = np.fmin(low, by_unit.low), np.fmax(high, by_unit.high)
    return Estimate(value, float(low), float(high))


def ratio(sums: np.ndarray) -> np.ndarray:
    """The first of two sums over the second."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = sums[..., 0] / sums[..., 1]
    return found


def paired_difference(
    one: np.ndarray, other: np.ndarray, units: Units, seed: int = 0
) -> Difference:
    """How much better one model is than another on the same clips.

    The interval resamples the units; the p-value is that of flipping the sign
    of whole units (exact where there are few of them), which asks no more
    than that a unit's difference is as likely to be against as for.

    Args:
        one, other: what each clip counts for each model, such as whether it
            is right, (clips,).
        units: of these clips.
    """
    differences = np.asarray(one, float) - np.asarray(other, float)
    sums = np.column_stack([differences, np.ones(len(differences))])
    found = interval(sums, units, ratio, is_share=False, seed=seed)
    flips: Any = permutation_test(
        (units.total(sums)[:, 0],),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return Difference(*found, float(flips.pvalue))


def holm(p: Sequence[float]) -> np.ndarray:
    """Corrects the p-values of several comparisons made at once.

    Holm 1979, A simple sequentially rejective multiple test procedure: below
    .05, the chance that any of them is a false alarm is at most .05.

    Args:
        p: the p-values.

    Returns:
        The corrected ones in the same order, float64, at most 1.
    """
    values = np.asarray(p, float)
    order = np.argsort(values)
    left = len(values) - np.arange(len(values))
    corrected = np.empty(len(values))
    corrected[order] = np.maximum.accumulate(left * values[order])
    return np.minimum(corrected, 1)
