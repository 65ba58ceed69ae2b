"""All models on one image, folder or video, and a page that shows what they see.

    python tools/infer.py photo.jpg --output_dir output/photo
    python tools/infer.py walk.mp4 --models openpose,hmr --weights hmr=spin --output_dir output/walk

People are found once (openpose); every model works on them. DIR/index.html needs no network and no server.
"""
import dataclasses
import logging
import os
import pathlib
import sys
import time

import numpy as np

# The repository root comes first, so that `common` and the models are found from every directory.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import Arguments, join_boxes  # noqa: E402
from common.data.readers.keypoint_json import LEAST_JOINTS  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from mindhuman import MODELS, load  # noqa: E402

LOGGER = logging.getLogger("mindhuman")
LIFTER, DETECTOR = "pose_baseline", "openpose"
IMAGE_FORMATS = ("json", "npz", "glb", "html", "png", "bvh", "rig", "amass", "csv")
VIDEO_FORMATS = ("json", "npz", "png", "bvh", "rig", "amass", "csv")
LIFTER_FORMATS = ("json", "npz", "png", "bvh", "trc", "csv")


def main(argv):
    parser = Arguments(__doc__)
    parser.add_argument("input", help="image, folder, pattern or video")
    parser.add_argument("--output_dir", default="output/infer_all", help="where index.html and all files go")
    parser.add_argument("--models", default="", help=f"of {','.join(MODELS)}; all that have weights unless named")
    parser.add_argument("--weights", default="", help="weights by model, as in hmr=spin,openpose=cmu; else "
                        "published ones that were fetched, your newest, or the small ones that come along")
    parser.add_argument("--bbox", default="", help="people in every image: left,top,width,height in px, several with ;")
    parser.add_argument("--frame_max", type=int, default=0, help="frames of a video, 0 for all")
    parser.add_argument("--device_target", default="", help="CPU, GPU or Ascend; empty: the first usable one")
    arguments = parser.parse_args(join_boxes(argv))
    set_up_logging()
    named = _names(arguments.models)
    weights = _weights(arguments.weights)

    from common.inference.sources import open_source

    source = open_source(arguments.input, arguments.frame_max, "INPUT")
    models, missing = _load_all(named or MODELS, bool(named), weights, arguments.device_target)
    work = Work(source, arguments.output_dir, arguments.bbox)
    work.input = arguments.input
    for name, model in models.items():
        started = time.monotonic()
        try:
            work.run(name, model)
        except UserError as error:
            LOGGER.warning("%s: %s", name, error)
            missing[name] = str(error)
        else:
            LOGGER.info("%s: %.1f s", name, time.monotonic() - started)
            work.results[-1].seconds = time.monotonic() - started
    if not work.results:
        raise UserError(f"no model could work on {arguments.input}, for the reasons above; weights: python "
                        "tools/get_weights.py, or --weights MODEL=FILE")

    from tools.infer_page import write_page

    path = write_page(arguments.output_dir, source, work, missing)
    LOGGER.info("Open %s in a browser", path)


def _names(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise UserError(f"--models {text}: there is no model {unknown[0]}; choose from {', '.join(MODELS)}")
    return [name for name in MODELS if name in names]


def _weights(text):
    pairs = dict(part.partition("=")[::2] for part in text.split(",") if part.strip())
    wrong = [name for name, value in pairs.items() if name.strip() not in MODELS or not value]
    if wrong:
        raise UserError(f"--weights {text}: write MODEL=WEIGHTS, several with commas, as in hmr=spin; models are "
                        f"{', '.join(MODELS)}")
    return {name.strip(): value.strip() for name, value in pairs.items()}


def _load_all(names, strictly, weights, device):
    """The models that have weights, openpose first, and why the others are left out."""
    models, missing, said = {}, {}, set()

    def once(record):  # each model says on which device it works, and which body stands in
        text = record.getMessage()
        return text not in said and not said.add(text)

    LOGGER.addFilter(once)
    try:
        for name in names:
            try:
                models[name] = load(name, weights.get(name, ""), device=device)
                LOGGER.info("%s: weights %s", name, _described(models[name].weights))
            except UserError as error:
                if strictly or name in weights:
                    raise
                LOGGER.warning("%s is left out: %s", name, error)
                missing[name] = str(error)
    finally:
        LOGGER.removeFilter(once)
    return models, missing


def _described(path):
    from common.convert.named_weights import small_weights, weights_folder

    if any(os.path.realpath(path) == os.path.realpath(small_weights(name)) for name in MODELS):
        return f"{os.path.basename(path)} (small, trained on synthetic people: expect little of photos)"
    if os.path.realpath(os.path.dirname(path)) == os.path.realpath(weights_folder()):
        return f"{os.path.basename(path)} (published)"
    return path


class Result:
    """What a model left: its name, weights, folder, a few facts, the names of its images, pages and videos."""

    def __init__(self, name, weights, folder):
        self.name, self.weights, self.folder, self.seconds = name, _described(weights), folder, 0.0
        self.facts, self.images, self.videos, self.pages, self.notes = [], {}, [], {}, []


class Work:
    """Runs one model after the other over a source; people are found by the first one.

    Args:
        source (Source): images or a video.
        folder (str): of all results; each model has a folder of its own within.
        bbox (str): `--bbox`, or empty.
    """

    def __init__(self, source, folder, bbox):
        self.source, self.folder, self.bbox = source, folder, bbox
        self.detections, self.results, self.input = None, [], ""

    def run(self, name, model):
        result = Result(name, model.weights, os.path.join(self.folder, name))
        {DETECTOR: self._find, LIFTER: self._lift}.get(name, self._mesh)(model, result)
        self.results.append(result)

    def _find(self, model, result):
        from openpose.src.inference import write_source

        detecting = Remembering(model)
        write_source(detecting, self.source, result.folder)
        self.detections = found = detecting.found
        scores = [score for one in found for score in one.scores]
        result.facts = [("people found", len(scores)), ("frames" if self.source.fps else "images", len(found)),
                        ("mean score", f"{sum(scores) / max(len(scores), 1):.2f}")]
        if self.source.fps:
            result.videos = [os.path.join(result.folder, f"{self.source.name}.mp4")]
        else:
            result.images = {one.name: [os.path.join(result.folder, f"{one.name}_rendered.png")] for one in found}

    def _lift(self, model, result):
        from common.inference.motions import motions_page
        from common.names import safe_names
        from pose_baseline.src.outputs import motion_of

        if self.detections is None:
            raise UserError("it lifts what openpose finds, which is not at work here")
        if not any(len(one) for one in self.detections):
            raise UserError("it lifts what openpose finds, which found nobody")
        people = model([one for one in self.detections if len(one)] if not self.source.fps else self.detections)
        motions = []
        for person, name in zip(people, safe_names(f"{one.frame_names[0]}_{one.person}" if not self.source.fps
                                                   else one.person for one in people)):
            person.save(result.folder, LIFTER_FORMATS, name, self.source.name)
            motions.append((person, motion_of(person, name, self.source.name)))
        drawn = [motion for _, motion in motions if motion.skeleton is not None]
        result.facts = [("people", len(people))]
        result.notes.append("joints relative to the pelvis: the network says nothing of where people are, so they "
                            "are shown side by side")
        if self.source.fps and drawn:
            last = max(int(motion.frames[-1]) for motion in drawn) + 1
            result.pages[self.source.name] = motions_page(_apart(drawn), last, self.source.fps, "pose_baseline",
                                                          "3D joints, people side by side")
        elif drawn:
            by_image = {}
            for person, motion in motions:
                by_image.setdefault(person.frame_names[0], []).append(motion)
            for name, own in by_image.items():
                own = _apart([_first_frame(motion) for motion in own])
                result.pages[name] = motions_page(own, 1, 1.0, "pose_baseline", "3D joints, people side by side")

    def _mesh(self, model, result):
        formats = VIDEO_FORMATS if self.source.fps else IMAGE_FORMATS
        known = {"boxes": self.bbox} if self.bbox else {}
        if not known and any(len(one) for one in self.detections or ()):
            known = {"detections": self.detections}
        elif not known:
            reason = "nobody was looked for" if self.detections is None else "nobody was found"
            result.notes.append(f"{reason}, so each image is taken as one person, who fills it")
            LOGGER.info("%s: %s", result.name, result.notes[-1])
        runner = model.runner(**known, folder=result.folder, formats=formats)
        people, write = [], runner.write

        def noted(seen, folder, formats):
            people.append(dataclasses.replace(seen, photo=None))
            return write(seen, folder, formats)

        runner.write = noted
        runner.run(self.source)
        result.facts = [("body model", os.path.basename(model.model.body_model)), ("focal length",
                        f"{model.focal_length:g} px of an image of 224 px")]
        if self.source.fps:
            self._moving(runner.video, result)
        elif "detections" in known:
            found, shown = sum(map(len, self.detections)), sum(map(len, people))
            if shown < found:
                result.notes.append(f"{found - shown} of the {found} people found are left out: too little is seen of "
                                    f"them (a body needs {LEAST_JOINTS} joints)")
                LOGGER.info("%s: %s", result.name, result.notes[-1])
        for seen in people:
            record = seen.record
            result.images[record.name] = [os.path.join(result.folder, f"{record.name}_{view}.png")
                                          for view in ("overlay", "side", "top")]
            result.pages[record.name] = pathlib.Path(result.folder, f"{record.name}.html").read_text("utf-8")
            for person in seen:
                x, y, z = person.translation
                result.facts.append((f"{record.image}, person {person.number}",
                                     f"{x:.2f}, {y:.2f}, {z:.1f} m before a camera of {record.focal_px:.0f} px"))

    def _moving(self, video, result):
        from common.inference.motions import motions_page

        depth = (1.0, 1.0, video.record.nearer())
        motions = [_moved(motion, lambda root: root * depth) for number in sorted(video.tracks)
                   for motion in [video.motion(number, self.source.name)]]
        result.pages[self.source.name] = motions_page(
            motions, video.frames, self.source.fps, result.name, f"body model: {video.record.body_model}")
        result.videos = [os.path.join(result.folder, f"{self.source.name}.mp4")]
        result.facts += [("people", len(motions)), ("frames", video.frames)]


class Remembering:
    """openpose whose answers are kept, without photos and maps, for the models behind it."""

    def __init__(self, detecting):
        self.detecting, self.skeleton, self.found = detecting, detecting.skeleton, []

    def stream(self, source, **options):
        """As `Detecting.stream`."""
        for poses in self.detecting.stream(source, **options):
            # The size of the photo is all that is asked for later.
            blank = np.broadcast_to(np.zeros(1, np.uint8), poses.photo.shape)
            self.found.append(dataclasses.replace(poses, photo=blank, maps=None))
            yield poses


def _apart(motions, step=1.2):
    """The motions beside each other, as the lifter has them all at one place; metres."""
    shifts = step * (np.arange(len(motions)) - 0.5 * (len(motions) - 1))
    return [_moved(motion, lambda root, shift=shift: root + [shift, 0.0, 0.0])
            for motion, shift in zip(motions, shifts)]


def _moved(motion, move):
    """A motion whose places of the root, (T, 3), went through a function."""
    return dataclasses.replace(motion, skeleton=dataclasses.replace(motion.skeleton, root=move(motion.skeleton.root)))


def _first_frame(motion):
    return dataclasses.replace(motion, frames=np.zeros(1, int), time_s=np.zeros(1))


if __name__ == "__main__":
    run(main)
