"""Sample data in the format of 3DPW's JSON files; see `common.data.readers.threedpw`.

Genders are drawn, as the files have them; the synthetic body is one for all.
"""
import contextlib
import os

from tqdm import tqdm

from common.stand_ins.datasets.annotations import item_rng
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.datasets.output import coco_file
from common.stand_ins.scenes.scene import make_scene

DEFAULT_NUM = 24
FRAMES = 2  # of a sequence
_SPLITS = ("train", "validation", "test")
_PLACES = ("courtyard", "downtown", "outdoors", "office")
_MIN_AREA = 400


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images)."""
    group.add_argument("--layout", choices=("data", "root"), default="data",
                       help="where imageFiles lies: below data, or beside it (default: data)")


def make(args):
    """Write the data set; returns a line that says what was written."""
    num, people = args.num or DEFAULT_NUM, 0
    data = os.path.join(args.output_dir, "data")
    images = os.path.join(data if args.layout == "data" else args.output_dir, "imageFiles")
    with contextlib.ExitStack() as stack:
        lists = {split: stack.enter_context(coco_file(os.path.join(data, f"3DPW_{split}.json"),
                                                      categories=[{"id": 1, "name": "person"}]))
                 for split in _SPLITS}
        for index in tqdm(range(num), desc="3DPW", disable=None):
            rng, number = item_rng(args.seed, "threedpw", index), index // FRAMES
            sequence = f"{_PLACES[number % len(_PLACES)]}_synthetic_{number:02d}"
            size = (960, 540) if number % 2 else (540, 960)
            scene = make_scene(rng, size, int(rng.integers(1, 3)), occluder=0.2)
            name = f"image_{index % FRAMES:05d}.jpg"
            write_image(os.path.join(images, sequence, name), scene.image)
            target = lists[_SPLITS[number % len(_SPLITS)]]
            target.add_image(id=index + 1, file_name=name, sequence=sequence, width=size[1], height=size[0],
                             cam_param={"focal": scene.view.focal, "princpt": scene.view.principal})
            for row, person in enumerate(scene.people):
                if scene.mask(row).sum() < _MIN_AREA:
                    continue
                people += 1
                target.add_annotation(
                    id=10 * (index + 1) + row, image_id=index + 1, category_id=1, iscrowd=0, person_id=row,
                    bbox=scene.box(row), smpl_param={
                        "pose": person.pose, "shape": person.beta, "trans": person.translation,
                        "gender": str(rng.choice(("male", "female")))})
    return f"{args.output_dir}: {num} images, {people} people"
