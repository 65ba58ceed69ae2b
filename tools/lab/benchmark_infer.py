"""Speed of hmr/infer.py and openpose/infer.py on folders and videos, as a user sees it: the whole command, timed.

    python tools/lab/benchmark_infer.py

Makes photos and a video of 1280 x 720 px and untrained networks of full size, runs the commands on one image and on
many, and prints what each further image costs: seconds on the clock, and seconds of processor time of all threads,
which other programs on the machine change less. --output writes the figures as JSON.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np

# The repository root, so that `common` is found from any folder.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from common.arguments import Arguments  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import atomic_write  # noqa: E402
from common.visual.video import write_video  # noqa: E402

SIZE, BOX = (720, 1280), "400,40,480,640"
MAKE = """
import sys
sys.path.insert(0, {root!r})
from common.engine.checkpoint import write_checkpoint
from hmr.src.body import load_body
from hmr.src.network import build_network
from hmr.src.config import read_settings
config = read_settings([])
write_checkpoint({path!r}, build_network(config, load_body(config)), meta={{"model": "hmr", "config": dict(config)}})
"""


def photo(rng):
    """Soft colours with some grain, which compress like a photo."""
    rough = cv2.resize(rng.integers(0, 256, (9, 16, 3), np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(rough.astype(np.int16) + rng.integers(-6, 7, rough.shape, np.int16), 0, 255).astype(np.uint8)


def make_inputs(folder, photos, frames):
    """The checkpoint, a folder of one photo, one of all, a video of two frames and one of all."""
    rng = np.random.default_rng(0)
    for name, count in (("one", 1), ("all", photos)):
        os.makedirs(os.path.join(folder, name))
        for number in range(count):
            cv2.imwrite(os.path.join(folder, name, f"{number:03d}.jpg"), photo(rng))
    scene = photo(rng)
    for name, count in (("one.mp4", 2), ("all.mp4", frames)):
        write_video(os.path.join(folder, name), (np.roll(scene, 3 * number, 1) for number in range(count)), 25.0)
    checkpoint = os.path.join(folder, "hmr.ckpt")
    subprocess.run([sys.executable, "-c", MAKE.format(root=ROOT, path=checkpoint)], check=True)
    return checkpoint


def timed(argv):
    """(seconds on the clock, seconds of processor time) of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main(argv):
    parser = Arguments(prog="benchmark_infer.py", description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=40, help="photos in the folder")
    parser.add_argument("--frames", type=int, default=300, help="frames of the video")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each command; the median is printed")
    parser.add_argument("--output", default="", help="file for the figures as JSON")
    args = parser.parse_args(argv)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = make_inputs(folder, args.photos, args.frames)
        for name, few, many, count, flags in (
                ("photo, all default files", "one", "all", args.photos - 1, []),
                ("photo, --formats json", "one", "all", args.photos - 1, ["--formats", "json"]),
                ("video frame, drawn", "one.mp4", "all.mp4", args.frames - 2, [])):
            command = [os.path.join(ROOT, "hmr", "infer.py"), "--ckpt_file", checkpoint, "--bbox", BOX,
                       "--device_target", "CPU", *flags]
            rounds = []
            for number in range(args.rounds):
                first, last = (timed([*command, "--image", os.path.join(folder, source), "--output_dir",
                                      os.path.join(folder, "out", str(number))]) for source in (few, many))
                rounds.append([first[0], *(max(after - before, 0.0) / count for before, after in zip(first, last))])
            start, clock, processor = (statistics.median(values) for values in zip(*rounds))
            results[name] = {"first_s": start, "seconds": clock, "processor_seconds": processor}
            print(f"{name:28s} first {start:6.2f} s, each further {clock:6.3f} s on the clock, {processor:6.3f} s of "
                  "processor time", flush=True)
    if args.output:
        atomic_write(args.output, json.dumps(results, indent=1).encode())
    return 0


if __name__ == "__main__":
    run(main)
