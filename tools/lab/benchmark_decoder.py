"""Time the decoders of openpose against the classic Python decoder on this machine, in one run.

    python tools/lab/benchmark_decoder.py [--people 1 5 10 20 50] [--repeats 5]

The maps are synthetic: standing figures on a 46 x 46 grid, joints as Gaussians, limbs as unit vectors, a little noise.
The classic decoder is written here as plain loops: all 57 maps are enlarged eight times, smoothed, every pair of
candidates is looked at in turn, and every limb is compared with every person. Times are CPU time of one thread, the
best of the repeats. Prints a table in Markdown; a ratio of 1/20 means a twentieth of the classic decoder's time.
"""
import math
import os
import sys
import time
from pathlib import Path

# The repository root comes first, so that `openpose` is found from every directory.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # read when numpy is loaded

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402
from openpose.src.decode import CONVENTIONS, decode  # noqa: E402
from openpose.src.skeleton import COCO_18  # noqa: E402

SIDE = 368
# A standing figure of height 1 around the origin, in the order of the joints.
FIGURE = np.array([(0, -.43), (0, -.33), (-.1, -.325), (-.14, -.18), (-.15, -.04), (.1, -.325), (.14, -.18),
                   (.15, -.04), (-.065, -.02), (-.07, .22), (-.07, .46), (.065, -.02), (.07, .22), (.07, .46),
                   (-.02, -.452), (.02, -.452), (-.045, -.44), (.045, -.44)])


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 5, 10, 20, 50])
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each decoder")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    names = list(CONVENTIONS)
    print("| people | classic ms (found) | " + " | ".join(f"{name} ms (found) | ratio" for name in names) + " |")
    print("|" + "---|" * (2 + 2 * len(names)))
    for count in args.people:
        heat, paf = scene(count, np.random.default_rng(count))
        classic, found = best_time(lambda: classic_decode(heat, paf), args.repeats)  # noqa: B023
        cells = []
        for name in names:
            duration, people = best_time(lambda: decode(heat, paf, decoder=name), args.repeats)  # noqa: B023
            cells.append(f"{1e3 * duration:.1f} ({len(people)}) | 1/{classic / duration:.0f}")
        print(f"| {count} | {1e3 * classic:.0f} ({len(found)}) | " + " | ".join(cells) + " |", flush=True)


def best_time(function, repeats):
    """Least CPU time in seconds, and what the function returned."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def scene(count, rng):
    """Maps of `count` figures spread over a square: heat (19, 46, 46), fields (38, 46, 46)."""
    from openpose.src.targets import make_targets  # loads numba

    height = {1: 300, 5: 190, 10: 150}.get(count, 110)
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    joints = np.ones((count, len(FIGURE), 3))
    for number, person in enumerate(joints):
        place = ((number % columns + 0.5) * SIDE / columns, (number // columns + 0.5) * SIDE / rows)
        bent = FIGURE + rng.normal(0, 0.02, FIGURE.shape)
        person[:, :2] = bent * height * rng.uniform(0.8, 1.0) + place
    joints[..., 2] = ((joints[..., :2] >= 0) & (joints[..., :2] < SIDE)).all(-1)
    heat, paf = make_targets(joints, SIDE // 8, SIDE // 8)
    noise = rng.normal(0, 0.005, (2, *heat.shape[1:])).astype(np.float32)
    return 0.9 * heat + noise[0], 0.9 * paf + noise[1]


def classic_decode(heat, paf):
    """The classic decoder of the CMU model in plain loops; rows of joints' candidate numbers, score and count."""
    heat = cv2.resize(heat.transpose(1, 2, 0), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    paf = cv2.resize(paf.transpose(1, 2, 0), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    candidates, by_joint = [], []
    for joint in range(18):
        channel, smooth = heat[:, :, joint], np.pad(gaussian_filter(heat[:, :, joint], sigma=3), 1)
        middle = smooth[1:-1, 1:-1]
        peak = middle > 0.1
        for other in (smooth[:-2, 1:-1], smooth[2:, 1:-1], smooth[1:-1, :-2], smooth[1:-1, 2:]):
            peak &= middle >= other
        by_joint.append([(x, y, channel[y, x], len(candidates) + number)
                         for number, (y, x) in enumerate(zip(*np.nonzero(peak)))])
        candidates += by_joint[-1]
    return classic_group([classic_limb(paf[:, :, 2 * limb:2 * limb + 2], by_joint[start], by_joint[end])
                          for limb, (start, end) in enumerate(COCO_18.limbs)], candidates)


def classic_limb(field, starts, ends):
    """Best pairs of one limb: (first candidate, second candidate, score)."""
    found = []
    for i, start in enumerate(starts):
        for j, end in enumerate(ends):
            vector = np.subtract(end[:2], start[:2])
            length = max(0.001, math.sqrt(vector[0] * vector[0] + vector[1] * vector[1]))
            vector = vector / length
            places = list(zip(np.linspace(start[0], end[0], 10), np.linspace(start[1], end[1], 10)))
            x = np.array([field[int(round(v)), int(round(u)), 0] for u, v in places])
            y = np.array([field[int(round(v)), int(round(u)), 1] for u, v in places])
            along = x * vector[0] + y * vector[1]
            score = sum(along) / len(along) + min(0.5 * SIDE / length - 1, 0)
            if len(np.nonzero(along > 0.05)[0]) > 8 and score > 0:
                found.append((i, j, score))
    kept = []
    for i, j, score in sorted(found, key=lambda pair: -pair[2]):
        if all(starts[i][3] != first and ends[j][3] != second for first, second, _ in kept):
            kept.append((starts[i][3], ends[j][3], score))
    return kept


def classic_group(limbs, candidates):
    """People as rows: 18 candidate numbers (-1 for none), score, number of joints."""
    rows = np.zeros((0, 20))
    for limb in COCO_18.growth:
        start, end = COCO_18.limbs[limb]
        for first, second, score in limbs[limb]:
            owners = [number for number in range(len(rows))
                      if rows[number][start] == first or rows[number][end] == second][:2]
            shared = len(owners) == 2 and ((rows[owners[0]] >= 0) & (rows[owners[1]] >= 0))[:18].any()
            if len(owners) == 2 and not shared:
                rows[owners[0]][:18] += rows[owners[1]][:18] + 1
                rows[owners[0]][18:] += rows[owners[1]][18:]
                rows[owners[0]][18] += score
                rows = np.delete(rows, owners[1], 0)
            elif owners:
                row = rows[owners[0]]
                if row[end] != second:
                    row[end] = second
                    row[18:] += (candidates[second][2] + score, 1)
            elif limb not in COCO_18.bridges:
                row = -np.ones(20)
                row[[start, end]] = first, second
                row[18:] = candidates[first][2] + candidates[second][2] + score, 2
                rows = np.vstack([rows, row])
    return [row for row in rows if row[19] >= 4 and row[18] / row[19] >= 0.4]


if __name__ == "__main__":
    run(main)
