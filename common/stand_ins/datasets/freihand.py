"""Sample data in the format of FreiHAND; see `common.data.readers.freihand`."""
import os

from tqdm import tqdm

from common.stand_ins.datasets.annotations import item_rng
from common.stand_ins.datasets.capture import mano_params
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.datasets.output import coco_file, json_object
from common.stand_ins.scenes.scene import make_scene

DEFAULT_NUM = 60
SIDE = 224
EVALUATION_SHARE = 5  # one evaluation image for so many training images
_FOLDERS = {"train": "training", "eval": "evaluation"}
KIND = "mano_right"


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: training images)."""


def make(args):
    """Write the data set; returns a line that says what was written."""
    num = args.num or DEFAULT_NUM
    counts = {"train": num, "eval": max(1, num // EVALUATION_SHARE)}
    for split, count in counts.items():
        _write_split(args, split, count)
    return f"{args.output_dir}: {counts['train']} training and {counts['eval']} evaluation images of right hands"


def _write_split(args, split, count):
    data = os.path.join(args.output_dir, "data")
    start = os.path.join(data, f"freihand_{split}_")
    with coco_file(start + "coco.json", categories=[{"id": 1, "name": "hand"}]) as lists, \
            json_object(start + "data.json") as fits:
        for index in tqdm(range(count), desc=f"FreiHAND {split}", disable=None):
            scene = make_scene(item_rng(args.seed, f"freihand_{split}", index), (SIDE, SIDE), 1, KIND)
            person = scene.people[0]
            name = f"{_FOLDERS[split]}/rgb/{index:08d}.jpg"
            write_image(os.path.join(data, name), scene.image)
            lists.add_image(id=index, file_name=name, db_idx=index, width=SIDE, height=SIDE)
            lists.add_annotation(id=index, image_id=index, category_id=1, iscrowd=0, bbox=scene.box(0))
            fits.add(index, value={
                "cam_param": {"focal": scene.view.focal, "princpt": scene.view.principal},
                "mano_param": mano_params(KIND, person.pose, person.beta, person.translation)})
