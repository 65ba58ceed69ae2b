"""Renaming of weights by rules that account for every name: nothing is guessed, nothing passes unseen."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from common.errors import UserError, some

if TYPE_CHECKING:
    from mindspore import nn


@dataclass(frozen=True)
class Rule:
    """One source name pattern.

    Args:
        pattern (str): regular expression that must match the whole source name.
        target (str): new name, may refer to groups as \\1; None drops the array, with `why` in the report.
        transform: function array -> array, e.g. `transpose`; None leaves it.
        why (str): reason for dropping.
    """

    pattern: str
    target: str | None
    transform: Callable[[np.ndarray], np.ndarray] | None = None
    why: str = ""


NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
COUNTER = Rule(r".*\.num_batches_tracked", None, why="not used: counts batches only")


def norm_rules(source: str, target: str) -> list[Rule]:
    """Rules of one batch norm; the counter of batches is dropped by `COUNTER`.

    Args:
        source (str): regular expression of its name in PyTorch.
        target (str): name here; may refer to groups of `source`.
    """
    return [Rule(rf"{source}\.{old}", f"{target}.{new}") for old, new in NORM.items()]


def transpose(array: np.ndarray) -> np.ndarray:
    """(in, out) to (out, in)."""
    return np.ascontiguousarray(array.T)


@dataclass
class Conversion:
    """Result: target name -> array, and what became of each source name.

    `mapped` holds (source, target, shape) and `dropped` (source, why).
    """

    weights: dict = field(default_factory=dict)
    mapped: list = field(default_factory=list)
    dropped: list = field(default_factory=list)

    def report(self) -> list[str]:
        """One line per source name."""
        lines = [f"{source} -> {target} {shape}" for source, target, shape in self.mapped]
        return lines + [f"{source} left out: {why}" for source, why in self.dropped]


def shapes_of(network: nn.Cell) -> dict[str, tuple[int, ...]]:
    """Parameter name -> shape of a network."""
    return {parameter.name: parameter.shape for parameter in network.get_parameters()}


def convert(arrays: Mapping[str, np.ndarray], rules: Iterable[Rule], wanted: Mapping[str, Sequence[int]],
            source: str) -> Conversion:
    """Rename arrays by rules and check them against the network -> Conversion.

    Args:
        arrays (dict): source name -> array.
        rules (list[Rule]): the first that matches counts.
        wanted (dict): target name -> shape of all parameters that the network has.
        source (str): file name for the error text.

    Raises:
        UserError: a name that no rule knows, two names for one target, a missing target, a shape that does not fit.
    """
    result, unknown, problems = Conversion(), [], []
    for name, array in arrays.items():
        rule, match = next(((rule, match) for rule in rules if (match := re.fullmatch(rule.pattern, name))),
                           (None, None))
        if rule is None:
            unknown.append(name)
        elif rule.target is None:
            result.dropped.append((name, rule.why))
        else:
            target = match.expand(rule.target)
            value = rule.transform(array) if rule.transform else array
            if target in result.weights:
                problems.append(f"{name} and another name both give {target}")
            result.weights[target] = np.asarray(value, np.float32)
            result.mapped.append((name, target, tuple(value.shape)))
    if unknown:
        problems.append(f"unknown names: {some(unknown)}")
    missing = [name for name in wanted if name not in result.weights]
    if missing:
        problems.append(f"missing for {some(missing)}")
    surplus = [name for name in result.weights if name not in wanted]
    if surplus:
        problems.append(f"the network has no {some(surplus)}")
    other = [f"{name} is {result.weights[name].shape}, the network has {tuple(shape)}" for name, shape in wanted.items()
             if name in result.weights and result.weights[name].shape != tuple(shape)]
    problems += other[:3] + [f"{len(other) - 3} further arrays have other shapes"] * (len(other) > 3)
    not_finite = [name for name, value in result.weights.items() if not np.isfinite(value).all()]
    if not_finite:
        problems.append(f"values that are not finite in {some(not_finite)}")
    if problems:
        raise UserError(f"{source} cannot be converted: " + "; ".join(problems))
    return result
