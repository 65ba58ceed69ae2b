"""Several data sets as one, each with its share of an epoch."""
from collections.abc import Mapping

import numpy as np

from common.data.order import SampleSource
from common.errors import UserError


class Mixture:
    """A source for `Pipeline` that draws from several sources by weight.

    An epoch has a fixed number of places for each source. They are spread evenly over its samples: a source with more
    samples than places shows another, evenly spread choice of them in each epoch; one with fewer shows each of them
    equally often, give or take once; one with as many shows each once.

    Args:
        sources (dict): name -> source as `Pipeline` takes it, all with the same columns.
        weights (dict): name -> share of the epoch, positive, in any unit; None: as many as each has samples.
        size (int): samples of an epoch; 0 for as many as all sources have together.

    Raises:
        UserError: the epoch is too short for all sources.
    """

    def __init__(self, sources: Mapping[str, SampleSource], weights: Mapping[str, float] | None = None,
                 size: int = 0):
        lengths = {name: len(source) for name, source in sources.items()}
        weights = lengths if weights is None else weights
        self.columns = next(iter(sources.values())).columns
        if any(source.columns != self.columns for source in sources.values()):
            raise ValueError("the sources of a mixture need the same columns")
        self.places = places_of({name: weights[name] for name in sources}, size or sum(lengths.values()))
        self.sources = [sources[name] for name in self.places]
        self.ends = np.cumsum(list(self.places.values()))

    def __len__(self) -> int:
        return int(self.ends[-1])

    def locate(self, index: int, rng: np.random.Generator) -> tuple[int, int]:
        """Source number and sample number of a place; `rng` chooses within the place's part of the source."""
        number = int(np.searchsorted(self.ends, index, side="right"))
        places = int(self.ends[number] - (self.ends[number - 1] if number else 0))
        place, length = places - (int(self.ends[number]) - index), len(self.sources[number])
        # Place k of n stands for the samples from k / n to (k + 1) / n of the source, neighbours in its files.
        sample = min(int((place + rng.random()) * length / places), length - 1)
        return number, sample

    def sample(self, index: int, rng: np.random.Generator) -> tuple:
        """One sample, with `rng` as its only randomness."""
        number, sample = self.locate(index, rng)
        return self.sources[number].sample(sample, rng)


def places_of(weights: Mapping[str, float], size: int) -> dict[str, int]:
    """How many of `size` places each name gets: whole numbers as near to the weights as they can be.

    Args:
        weights (dict): name -> positive number.
        size (int): their sum in the result.

    Returns:
        dict: name -> int, in the order of `weights`.

    Raises:
        UserError: a name would get no place.
    """
    exact = {name: size * weight / sum(weights.values()) for name, weight in weights.items()}
    places = {name: int(share) for name, share in exact.items()}
    left = size - sum(places.values())
    for name in sorted(exact, key=lambda name: places[name] - exact[name])[:left]:
        places[name] += 1
    empty = [name for name, number in places.items() if number == 0]
    if empty:
        raise UserError(f"an epoch of {size} samples has no place for data set {empty[0]} with its weight: raise the "
                        "weight, or leave the set out")
    return places
