"""Speed of infer.py as a user sees it: the whole command, timed, on one photo and on folders and videos.

    python tools/lab/benchmark_infer.py

Makes photos and a video of 1280 x 720 px and untrained networks of full size. First the four image models take one
photo of 640 x 480 px each, compiling their network ("compiled") and with the graph that an earlier run has left
("kept"). Then hmr
takes one image and many, which gives what each further image costs: seconds on the clock, and seconds of processor
time of all threads, which other programs on the machine change less. Medians over the rounds; --output writes the
figures as JSON.
"""
import argparse
import importlib
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
SMALL_SIZE, SMALL_BOX = (480, 640), "200,30,240,420"  # of the one photo that every model takes
MODELS = {"hmr": "body", "cmr": "mesh", "openpose": "skeleton", "hand4whole": "body"}  # and what their networks draw on


def photo(rng, size=SIZE):
    """Soft colours with some grain, which compress like a photo."""
    rough = cv2.resize(rng.integers(0, 256, (9, 16, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(rough.astype(np.int16) + rng.integers(-6, 7, rough.shape, np.int16), 0, 255).astype(np.uint8)


def make_inputs(folder, photos, frames):
    """A small photo, a folder of one photo, one of all, a video of two frames and one of all."""
    rng = np.random.default_rng(0)
    for name, count in (("one", 1), ("all", photos)):
        os.makedirs(os.path.join(folder, name))
        for number in range(count):
            cv2.imwrite(os.path.join(folder, name, f"{number:03d}.jpg"), photo(rng))
    cv2.imwrite(os.path.join(folder, "small.jpg"), photo(rng, SMALL_SIZE))
    scene = photo(rng)
    for name, count in (("one.mp4", 2), ("all.mp4", frames)):
        write_video(os.path.join(folder, name), (np.roll(scene, 3 * number, 1) for number in range(count)), 25.0)


def make_weights(path, model):
    """Write the untrained network of a model's default settings."""
    from mindspore import Tensor

    from common.engine.checkpoint import write_checkpoint
    from common.engine.runtime import init_runtime

    init_runtime("CPU")
    config_of, body, network = (importlib.import_module(f"{model}.src.{name}") for name in
                                ("config", MODELS[model], "network"))
    config = config_of.read_settings([])
    body_or_skeleton = body.COCO_18 if model == "openpose" else body.load_body(config)
    extra = {"skeleton": body.describe_skeleton(body.COCO_18)} if model == "openpose" else {}
    made = network.build_network(config, body_or_skeleton)
    if model == "cmr":  # its random camera would place people behind the photo's
        camera = made.graph_cnn.camera_fc
        camera.weight.set_data(Tensor(np.zeros(camera.weight.shape, np.float32)))
        camera.bias.set_data(Tensor(np.float32([0.9, 0.0, 0.0])))
    write_checkpoint(path, made, meta={"model": model, "config": dict(config), **extra})


def infer(folder, model, source, output, *flags):
    """A command line: one of the inputs through a model's infer.py."""
    boxes = () if model == "openpose" else ("--bbox", SMALL_BOX if source == "small.jpg" else BOX)
    return [os.path.join(ROOT, model, "infer.py"), "--ckpt_file", os.path.join(folder, f"{model}.ckpt"),
            "--input", os.path.join(folder, source), "--output_dir", os.path.join(folder, "out", output),
            "--device_target", "CPU", *boxes, *flags]


def timed(argv, **environment):
    """(seconds on the clock, seconds of processor time) of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main(argv):
    parser = Arguments(prog="benchmark_infer.py", description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=40, help="photos in the folder")
    parser.add_argument("--frames", type=int, default=300, help="frames of the video")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each command; the median is printed")
    parser.add_argument("--output", default="", help="file for the figures as JSON")
    parser.add_argument("--make", nargs=2, metavar=("PATH", "MODEL"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.make:
        return make_weights(*args.make)
    with tempfile.TemporaryDirectory() as folder:
        make_inputs(folder, args.photos, args.frames)
        for model in MODELS:
            subprocess.run([sys.executable, __file__, "--make", os.path.join(folder, f"{model}.ckpt"), model],
                           check=True)
        results = {**first_photos(folder, args.rounds), **further_images(folder, args)}
    if args.output:
        atomic_write(args.output, json.dumps(results, indent=1).encode())
    return 0


def first_photos(folder, rounds):
    """Seconds from the shell to all default files of one photo, in turn without and with a kept graph."""
    results = {}
    for model in MODELS:
        command = infer(folder, model, "small.jpg", model)
        where = {"MINDHUMAN_CACHE": os.path.join(folder, "cache")}
        timed(command, **where)  # the body, the drawing's compiled loops and the graph are kept from here on
        seconds = [(timed(command, MINDHUMAN_GRAPHS="0", **where)[0], timed(command, **where)[0])
                   for _ in range(rounds)]
        compiled, kept = (statistics.median(values) for values in zip(*seconds))
        results[f"{model}, one photo"] = {"compiled_s": compiled, "kept_s": kept}
        print(f"{model:12s} one photo: compiled {compiled:6.2f} s, kept {kept:6.2f} s", flush=True)
    return results


def further_images(folder, args):
    """What each further image costs hmr."""
    results = {}
    for name, few, many, count, flags in (
            ("photo, all default files", "one", "all", args.photos - 1, []),
            ("photo, --formats json", "one", "all", args.photos - 1, ["--formats", "json"]),
            ("video frame, drawn", "one.mp4", "all.mp4", args.frames - 2, [])):
        rounds = []
        for number in range(args.rounds):
            first, last = (timed(infer(folder, "hmr", source, str(number), *flags)) for source in (few, many))
            rounds.append([max(after - before, 0.0) / count for before, after in zip(first, last)])
        clock, processor = (statistics.median(values) for values in zip(*rounds))
        results[name] = {"seconds": clock, "processor_seconds": processor}
        print(f"{name:28s} each further {clock:6.3f} s on the clock, {processor:6.3f} s of processor time", flush=True)
    return results


if __name__ == "__main__":
    run(main)
