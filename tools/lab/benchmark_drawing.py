"""Speed of what is drawn: images of people for a photo and a video frame, sample data, training crops.

    python tools/lab/benchmark_drawing.py

Prints milliseconds of processor time of one call, median and least (time.process_time: what other programs on the
machine do counts little), without the first call, which loads or compiles. --output writes the figures as JSON.
"""
import argparse
import functools
import json
import os
import statistics
import sys
import tempfile
import time

import numpy as np

# The repository root, so that `common` is found from any folder.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.inference.outputs import People  # noqa: E402
from common.inference.person import ImageRecord, Person  # noqa: E402
from common.stand_ins.datasets import coco, up3d  # noqa: E402
from common.stand_ins.scenes.body import scene_body  # noqa: E402
from common.stand_ins.scenes.crops import make_crop  # noqa: E402
from common.stand_ins.scenes.stage import make_stage  # noqa: E402

SIZE, FOCAL = (720, 1280), 1100.0


def people(count, distance=2.9):
    """People of different poses side by side, some metres before the camera of an image of `SIZE`."""
    out, names = [], scene_body("smpl").joint_names
    for index, actor in enumerate(make_stage(np.random.default_rng(4), count, facing=1.0).actors):
        middle = actor.skeleton[0]
        place = np.array([0.9 * (index - 0.5 * (count - 1)), 0.1, distance])
        out.append(Person(actor.vertices - middle, scene_body("smpl").model.faces, list(names), actor.skeleton - middle,
                          np.zeros((len(names), 2)), place, np.array([0.9, 0.0, 0.0]), (640.0, 360.0), 640.0, {},
                          number=index))
    return out


def cases(folder):
    """Name -> (calls for one measurement, function)."""
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    record = ImageRecord("photo", "photo.jpg", SIZE, FOCAL, (640.0, 360.0), "hmr", "synthetic")
    one, two, close = (People(record, found, photo) for found in (people(1), people(2), people(2, 1.2)))

    def sample_data(module, **options):
        args = argparse.Namespace(output_dir=os.path.join(folder, module.__name__), seed=0, easy=False, varied=False,
                                  **options)
        return lambda: module.make(args)

    return {
        "photo: overlay, side and top view, one person": (1, lambda: one.draw_views()),
        "the same, written as png": (1, lambda: one.save(folder, ("png",))),
        "video frame: overlay, two people": (1, lambda: two.draw_views(("overlay",))),
        "video frame: overlay and side view, two people": (1, lambda: two.draw_views(("overlay", "side"))),
        "overlay of two people who fill the photo": (1, lambda: close.draw_views(("overlay",))),
        "sample data coco, one image": (24, sample_data(coco, num=24, years=(2017,))),
        "sample data up3d, one person": (24, sample_data(up3d, num=24, num_lsp=0, crops=0)),
        **{f"training crop, {size} x {size}": (50, functools.partial(crops, size)) for size in (64, 128, 224)},
    }


def crops(size):
    """Fifty training crops."""
    for index in range(50):
        make_crop(0, 0, index, size)


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="time for each case [10]")
    parser.add_argument("--output", default="", help="JSON file for the figures")
    arguments = parser.parse_args(argv)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (calls, function) in cases(folder).items():
            function()
            times, start = [], time.perf_counter()
            while len(times) < 3 or time.perf_counter() - start < arguments.seconds:
                before = time.process_time()
                function()
                times.append(1000.0 * (time.process_time() - before) / calls)
            figures[name] = {"median_ms": statistics.median(times), "least_ms": min(times)}
            print(f"{name:48s} {figures[name]['median_ms']:8.1f} ms, at least {figures[name]['least_ms']:8.1f} ms")
    if arguments.output:
        atomic_write(arguments.output, json.dumps(figures, indent=1).encode())


if __name__ == "__main__":
    run(main, sys.argv[1:])
