"""Sample data in the format of UP-3D, and the masks of LSP's images (UPi-S1h).

    up-3d/{train,val,trainval,test}.txt          lines such as /00042_image.png
    up-3d/00042_{image.png,joints.npy,body.pkl,render_light.png}
    upi-s1h/data/lsp/im0001_segmentation.png and im0001_part_segmentation.png
                                                 of lsp_dataset as `lsp` here makes it from the same seed
    namesUPlsp.txt                               the people that GraphCMR tests with: here those of test.txt
    openpose/00042_image_keypoints.json          not of UP-3D: the true joints as OpenPose would write them (18 joints)

A mask is 255 where the person is; parts are numbered as in `joints.BODY_PARTS`, 0 is background. The numbers of the
parts are our own choice.
"""
import os
import pickle

import numpy as np
from tqdm import tqdm

from common.data.records import VISIBLE
from common.errors import UserError
from common.files import atomic_path, atomic_write
from common.stand_ins.datasets import lsp
from common.stand_ins.datasets.annotations import item_rng, write_openpose
from common.stand_ins.datasets.image_files import add_crops, check_crops, write_image
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.crops import make_crop
from common.stand_ins.scenes.scene import make_scene
from common.visual.cameras import PerspectiveCamera
from common.visual.renderer import render

DEFAULT_NUM = 60
_SIZES = ((300, 260), (340, 280), (260, 300), (380, 300))
# For `make_scene`: how people fill the image, whether something stands before them, how many face the camera.
_USUAL = {"fill": (0.6, 0.9), "occluder": 0.15}
_EASY = {"fill": (0.8, 0.95), "occluder": 0.0, "facing": 1.0}


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images of UP-3D)."""
    group.add_argument("--num_lsp", type=int, default=lsp.DEFAULT_NUM,
                       help=f"write masks of that many images of the dataset lsp (default: {lsp.DEFAULT_NUM})")
    group.add_argument("--easy", action="store_true",
                       help="people are large, in full view and more or less face the camera, for short trainings")
    add_crops(group)


def make(args):
    """Write the dataset; returns a line that says what was written."""
    if args.num_lsp < 0:
        raise UserError(f"--num_lsp is {args.num_lsp}; give 0 or more")
    check_crops(args)
    count = args.num or DEFAULT_NUM
    for index in tqdm(range(count), desc="UP-3D", disable=None):
        if args.crops:
            crop = make_crop(args.seed, 0, index, args.crops)
            scene, image = crop.scene, crop.image
        else:
            rng = item_rng(args.seed, "up3d", index)
            scene = make_scene(rng, _SIZES[rng.integers(len(_SIZES))], 1, **(_EASY if args.easy else _USUAL))
            image = scene.image
        _write_person(os.path.join(args.output_dir, "up-3d", f"{index:05d}"), scene, image)
    masks = os.path.join(args.output_dir, "upi-s1h", "data", "lsp")
    for index in tqdm(range(args.num_lsp), desc="UPi-S1h", disable=None):
        item = lsp.make_item(args.seed, index)
        write_image(os.path.join(masks, f"im{index + 1:04d}_segmentation.png"), np.uint8(255) * item.mask)
        write_image(os.path.join(masks, f"im{index + 1:04d}_part_segmentation.png"), item.parts)
    _write_splits(args.output_dir, count, count // 50 if args.crops else count // 5)
    return f"{args.output_dir}: {count} people of UP-3D and masks of {args.num_lsp} images of LSP"


def _write_person(base, scene, image):
    person, points = scene.people[0], scene.points(0, "lsp_14")
    write_image(f"{base}_image.png", image)
    camera = PerspectiveCamera(scene.view.focal, tuple(scene.view.principal))
    drawn = render(person.vertices, scene_body("smpl").model.faces, camera, scene.depth.shape, samples=1)
    write_image(f"{base}_render_light.png", drawn.image)
    with atomic_path(f"{base}_joints.npy") as temporary:
        np.save(temporary, np.column_stack([points.j2d, points.visibility == VISIBLE]).T)
    keypoints = os.path.join(os.path.dirname(os.path.dirname(base)), "openpose")
    write_openpose(os.path.join(keypoints, f"{os.path.basename(base)}_image_keypoints.json"), scene, 1)
    body = {"pose": person.pose, "betas": person.beta, "t": person.translation, "rt": np.zeros(3),
            "f": float(scene.view.focal[0])}
    atomic_write(f"{base}_body.pkl", pickle.dumps(body, protocol=2))


def _write_splits(folder, count, tested):
    """The last `tested` people are for testing, the tenth before them for validation."""
    lines = [f"/{index:05d}_image.png\n" for index in range(count)]
    trainval = count - tested
    train = trainval - count // 10
    splits = {"train": lines[:train], "val": lines[train:trainval], "trainval": lines[:trainval],
              "test": lines[trainval:]}
    for name, chosen in splits.items():
        atomic_write(os.path.join(folder, "up-3d", f"{name}.txt"), "".join(chosen).encode())
    atomic_write(os.path.join(folder, "namesUPlsp.txt"), "".join(splits["test"]).encode())
