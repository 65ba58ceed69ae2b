"""Measure the image pipeline: from image files to augmented, normalised 224 batches.

    python tools/lab/benchmark_pipeline.py --workers 1 2

Images of 640 x 480 px are written to a temporary folder (or read from --image_dir); each sample is decoded, turned,
scaled, recoloured, cropped and normalised, as a mesh network's training samples are.
"""
import sys
import tempfile
import time
from pathlib import Path

# The repository root comes first, so that `common` is found from every directory.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402

from common.arguments import Arguments  # noqa: E402
from common.data.augment import GRAPHCMR, scale_colour  # noqa: E402
from common.data.image import crop_matrix, normalize, read_image, transform_points, warp  # noqa: E402
from common.data.order import sample_rng  # noqa: E402
from common.errors import UserError, run  # noqa: E402

JOINTS = np.random.default_rng(1).uniform(100.0, 380.0, (24, 2))


class Photos:
    """Samples as a mesh network's data set makes them: image (3, 224, 224) float32 and joints (24, 2) float32."""

    columns = ("image", "j2d")

    def __init__(self, paths, size):
        self.paths, self.size = paths, size

    def __len__(self):
        return len(self.paths)

    def sample(self, index, rng):
        image = read_image(self.paths[index])
        change = GRAPHCMR.draw(rng)
        center = 0.5 * np.array(image.shape[1::-1])
        matrix = crop_matrix(center, 2.0 * change.scale, self.size, change.rotation_deg, change.flip)
        crop = scale_colour(warp(image, matrix, (self.size, self.size)), change.colour)
        return normalize(crop), transform_points(JOINTS, matrix).astype(np.float32)


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--image_dir", help="folder of images instead of written ones")
    parser.add_argument("--num", type=int, default=640, help="images per epoch (default: 640)")
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--size", type=int, default=224, help="side of the crop in pixels (default: 224)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of threads to try")
    parser.add_argument("--epochs", type=int, default=3, help="the fastest epoch counts (default: 3)")
    args = parser.parse_args(argv)

    from common.data.pipeline import Pipeline
    from tools.lab.benchmark_cases import write_photos

    with tempfile.TemporaryDirectory() as folder:
        paths = list_images(args.image_dir) if args.image_dir else write_photos(folder)
        source = Photos([paths[number % len(paths)] for number in range(args.num)], args.size)
        print(f"{args.num} images, first one {Path(paths[0]).stat().st_size // 1024} KiB, to {args.size} px")
        print(f"plain loop, 1 thread: {args.num / best_time(lambda: plain_loop(source), args.epochs):.0f} images/s")
        for workers in args.workers:
            pipeline = Pipeline(source, args.batch_size, seed=1, num_workers=workers)
            seconds = best_time(lambda pipeline=pipeline: drain(pipeline), args.epochs)
            count = pipeline.steps_per_epoch * args.batch_size
            print(f"pipeline, {pipeline.num_workers} thread(s): {count / seconds:.0f} images/s", flush=True)


def list_images(folder):
    """Sorted paths of the jpg and png files in a folder."""
    paths = sorted(str(path) for path in Path(folder).glob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise UserError(f"--image_dir {folder} holds no jpg or png files; name another folder")
    return paths


def plain_loop(source):
    """Every sample once, one after the other."""
    for index in range(len(source)):
        source.sample(index, sample_rng(1, 0, index))


def drain(pipeline):
    """Every batch of an epoch, thrown away."""
    for _ in pipeline.batches(0):
        pass


def best_time(function, repeats):
    """Seconds of the fastest of several calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    run(main)
