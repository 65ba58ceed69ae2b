"""Join parts of a person that no limb connects, because the neck between them is hidden.

In the table of limbs all four limbs of the trunk end at the neck. When it is hidden, the published decoders report
head and arms, and each leg, as people of their own. Here such parts become one person when sizes and distances fit a
body. Not part of any published decoder; proportions are those of an upright adult, relative to the trunk.
"""
import numpy as np

# Length of limbs relative to shoulder - hip.
LENGTHS = {("shoulder", "elbow"): 0.6, ("elbow", "wrist"): 0.55, ("hip", "knee"): 0.85, ("knee", "ankle"): 0.8}
CORNERS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
# Largest usual distance between corners of the trunk, relative to shoulder - hip.
_SHOULDERS, _HIPS, _LONG = 0.75, 0.45, 1.1
ACROSS = np.array([(_SHOULDERS, _SHOULDERS, _LONG, _LONG), (_SHOULDERS, _SHOULDERS, _LONG, _LONG),
                   (_LONG, _LONG, _HIPS, _HIPS), (_LONG, _LONG, _HIPS, _HIPS)])
LARGEST_STRETCH = 1.35  # of a distance above the usual one
LEAST_TRUNK = 0.4  # of the usual shoulder - hip distance: nearer parts belong to two people
LARGEST_RATIO = 1.7  # between the sizes of two parts


def join_fragments(people, peaks, skeleton):
    """Join parts without a neck that make one body, the best fitting first.

    Args:
        people (list[Person]): parts and whole people.
        peaks (Peaks): candidates that they refer to.
        skeleton (Skeleton): its joints are called as in COCO; without neck, shoulders and hips nothing is joined.

    Returns:
        list[Person]: fewer, or as many.
    """
    names = skeleton.joints
    needed = {"neck", *CORNERS, *(f"{side}_{kind}" for side in ("left", "right") for pair in LENGTHS for kind in pair)}
    if not needed <= set(names):
        return people
    neck = names.index("neck")
    whole = [person for person in people if neck in person.joints]
    parts = [person for person in people if neck not in person.joints]
    places = np.full((len(parts), len(names)), np.nan, np.complex128)
    for row, person in zip(places, parts):
        candidates = list(person.joints.values())
        row[list(person.joints)] = peaks.x[candidates] + 1j * peaks.y[candidates]
    while len(parts) > 1:
        misfit = _misfit(places, names)
        kept, absorbed = np.unravel_index(np.argmin(misfit), misfit.shape)
        if misfit[kept, absorbed] == np.inf:
            break
        places[kept] = np.where(np.isnan(places[kept]), places[absorbed], places[kept])
        places = np.delete(places, absorbed, 0)
        parts[kept].joints.update(parts[absorbed].joints)
        parts[kept].score += parts[absorbed].score
        del parts[absorbed]
    return whole + parts


def _misfit(places, names):
    """How badly two parts fit as one body (F, F), infinite where they do not, and below the diagonal.

    places (F, J): x + iy in pixels, NaN where a joint is missing.
    """
    size = _sizes(places, names)
    larger, smaller = np.maximum.outer(size, size), np.minimum.outer(size, size)
    there = ~np.isnan(places)
    apart = ~(there[:, None] & there[None]).any(-1)
    possible = np.triu(apart & (larger > 0) & (larger <= np.where(smaller > 0, LARGEST_RATIO * smaller, np.inf)), 1)
    one, other = np.nonzero(possible)
    corners = places[:, [names.index(corner) for corner in CORNERS]]
    distance = np.abs(corners[one][:, :, None] - corners[other][:, None])
    stretch = distance / (larger[one, other, None, None] * ACROSS)
    measured = ~np.isnan(stretch)
    least = np.where(ACROSS == _LONG, LEAST_TRUNK, 0.0)
    fits = measured.any((1, 2)) & (~measured | ((stretch >= least) & (stretch <= LARGEST_STRETCH))).all((1, 2))
    misfit = np.full(possible.shape, np.inf)
    mean = np.where(measured, stretch, 0).sum((1, 2)) / np.maximum(measured.sum((1, 2)), 1)
    misfit[one[fits], other[fits]] = mean[fits]
    return misfit


def _sizes(places, names):
    """Length of the trunk in pixels that the limbs of each part tell; foreshortening only makes limbs shorter."""
    lengths = [np.abs(places[:, names.index(f"{side}_{one}")] - places[:, names.index(f"{side}_{other}")]) / share
               for (one, other), share in LENGTHS.items() for side in ("left", "right")]
    return np.nan_to_num(np.array(lengths)).max(0)
