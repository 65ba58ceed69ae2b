"""Time and memory that annotations of COCO's form and real size cost a training when it starts.

    python tools/lab/benchmark_annotations.py

Writes a file with as many images, people and corners of outlines as person_keypoints_train2017.json has, at random
places, and reads it as openpose's training does, each time in a process of its own. Medians over the rounds.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402

CORNERS = 30, 140  # of an outline


def main(argv):
    parser = Arguments(prog="benchmark_annotations.py", description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=118_287)
    parser.add_argument("--people", type=int, default=262_465)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read", default="", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.read:
        return read(args.read)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "annotations.json")
        write(path, args.images, args.people)
        rounds = [tuple(map(float, subprocess.run([sys.executable, __file__, "--read", path], check=True,
                                                  stdout=subprocess.PIPE).stdout.split())) for _ in range(args.rounds)]
        seconds, megabytes = (statistics.median(values) for values in zip(*rounds))
        print(f"{args.people:,} people in {args.images:,} images, {os.path.getsize(path) / 1e6:.0f} MB: "
              f"{seconds:.1f} s, largest resident size {megabytes / 1e3:.2f} GB")


def read(path):
    """Print seconds and the process's largest size in MB."""
    from common.data.readers.coco import read_annotations

    start = time.perf_counter()
    people = read_annotations(path)
    seconds = time.perf_counter() - start
    assert len(people)
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


def write(path, images, people):
    """Write an annotation file with members as COCO has them."""
    from common.data.readers.coco import JOINTS

    rng = np.random.default_rng(0)
    content = {"images": [{"license": 3, "file_name": f"{number:012d}.jpg", "height": 480, "width": 640, "id": number,
                           "coco_url": f"http://images.cocodataset.org/train2017/{number:012d}.jpg",
                           "date_captured": "2013-11-14 17:02:52"} for number in range(images)],
               "categories": [{"id": 1, "name": "person", "keypoints": JOINTS}]}
    with open(path, "w") as file:
        file.write(json.dumps(content)[:-1] + ', "annotations": [')
        for number in range(people):
            joints = rng.integers(1, 480, (len(JOINTS), 3))
            joints[:, 2] %= 3
            joints[joints[:, 2] == 0] = 0
            entry = {"segmentation": [np.round(480 * rng.random(2 * rng.integers(*CORNERS)), 2).tolist()],
                     "num_keypoints": int((joints[:, 2] > 0).sum()), "area": float(rng.uniform(100, 9000)),
                     "iscrowd": 0, "keypoints": joints.ravel().tolist(), "image_id": int(rng.integers(images)),
                     "bbox": np.round(rng.uniform(1, 200, 4), 2).tolist(), "category_id": 1, "id": number}
            file.write(", " * bool(number) + json.dumps(entry))
        file.write("]}")


if __name__ == "__main__":
    run(main)
