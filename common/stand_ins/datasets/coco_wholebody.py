"""Sample data in the format of COCO-WholeBody with NeuralAnnot's fits; see `common.data.readers.coco_wholebody`.

Bodies are SMPL-X. A MANO fit has its hand's pose and place with the mean shape, as MANO's shapes are not the body's.
"""
import contextlib
import os

import numpy as np
from tqdm import tqdm

from common.data.readers.smplx_params import LEFT_HAND, RIGHT_HAND
from common.data.records import box_around
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.stand_ins.datasets.annotations import encode_mask, item_rng
from common.stand_ins.datasets.capture import mano_params, smplx_params
from common.stand_ins.datasets.coco import person_category
from common.stand_ins.datasets.image_files import add_crops, check_crops, write_image
from common.stand_ins.datasets.output import coco_file, json_object
from common.stand_ins.scenes.body import scene_body
from common.stand_ins.scenes.crops import make_crop
from common.stand_ins.scenes.scene import make_scene

DEFAULT_NUM = 30
MIN_AREA = 400  # pixels of a person; less is not annotated
MIN_BOX = 6.0  # pixels; a smaller hand or face is not annotated
_SIZES = ((480, 640), (640, 480), (427, 640))
_PEOPLE = (1, 1, 2, 3, 4)
_PARTS = (("keypoints", "coco_17"), ("foot_kpts", "feet_6"), ("lefthand_kpts", "left_hand_21"),
          ("righthand_kpts", "right_hand_21"), ("face_kpts", "face_68"))


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: images; a fifth is for validation, a fiftieth of crops)."""
    add_crops(group)


def make(args):
    """Write the data set; returns a line that says what was written."""
    check_crops(args)
    num, people, every = args.num or DEFAULT_NUM, 0, 50 if args.crops else 5
    folder = os.path.join(args.output_dir, "annotations")
    with contextlib.ExitStack() as stack:
        lists = {split: stack.enter_context(coco_file(os.path.join(folder, f"coco_wholebody_{split}_v1.0.json"),
                                                      categories=[person_category()]))
                 for split in ("train", "val")}
        fits, hands = (stack.enter_context(json_object(os.path.join(folder, f"MSCOCO_train_{name}_NeuralAnnot.json")))
                       for name in ("SMPLX_all", "MANO"))
        for index in tqdm(range(num), desc="COCO-WholeBody", disable=None):
            split = "val" if index % every == every - 1 else "train"
            scene, image = _image(args, index)
            name = f"{index + 1:012d}.jpg"
            write_image(os.path.join(args.output_dir, "images", f"{split}2017", name), image)
            lists[split].add_image(id=index + 1, file_name=name, height=image.shape[0], width=image.shape[1])
            # A crop is of its first person.
            for number, person in enumerate(scene.people[:1] if args.crops else scene.people):
                mask = scene.mask(number)
                if mask.sum() < MIN_AREA:
                    continue
                key, people = 10 * (index + 1) + number, people + 1
                lists[split].add_annotation(id=key, image_id=index + 1, **_annotation(scene, number, mask))
                if split == "train":
                    camera = {"focal": scene.view.focal.tolist(), "princpt": scene.view.principal.tolist()}
                    fits.add(key, value={"smplx_param": smplx_params(person.pose, person.beta, person.expression,
                                                                     person.translation), "cam_param": camera})
                    hands.add(key, value={side: {"mano_param": _hand_fit(person, side), "cam_param": camera}
                                          for side in ("left", "right")})
    return f"{args.output_dir}: {num} images, {people} people"


def _image(args, index):
    """`Scene` and its image."""
    if args.crops:
        crop = make_crop(args.seed, 0, index, args.crops, "smplx")
        return crop.scene, crop.image
    rng = item_rng(args.seed, "coco_wholebody", index)
    size = _SIZES[rng.integers(len(_SIZES))]
    scene = make_scene(rng, size, int(_PEOPLE[rng.integers(len(_PEOPLE))]), "smplx", occluder=0.25)
    return scene, scene.image


def _annotation(scene, number, mask):
    """One person: points of body, feet, hands and face, and boxes."""
    out = {"category_id": 1, "iscrowd": 0, "area": int(mask.sum()), "segmentation": encode_mask(mask),
           "bbox": scene.box(number).tolist()}
    for key, point_set in _PARTS:
        points = scene.points(number, point_set)
        labelled = points.visibility > 0
        rows = np.concatenate([points.j2d, points.visibility[:, None]], 1) * labelled[:, None]
        out[key] = rows.reshape(-1).tolist()
        if key == "keypoints":
            out["num_keypoints"] = int(labelled.sum())
            continue
        part = key.removesuffix("_kpts")
        box = box_around(points.j2d[labelled]) if labelled.any() else np.zeros(4)
        out[f"{part}_valid"] = bool(labelled.mean() > 0.5 and max(box[2:]) >= MIN_BOX)
        if part != "foot":
            out[f"{part}_box"] = box.tolist()
    return out


def _hand_fit(person, side):
    """MANO's parameters of a hand: the wrist's rotation in camera axes, its fingers, and where it is."""
    names, model = scene_body("smplx").joint_names, scene_body("smplx").model
    rotmat = axis_angle_to_matrix(person.pose.reshape(-1, 3))
    joint = names.index(f"{side}_wrist")
    place, turn = person.skeleton[joint], np.eye(3)
    while joint >= 0:
        turn, joint = rotmat[joint] @ turn, model.parents[joint]
    hand = scene_body(f"mano_{side}").model
    pose = np.concatenate([matrix_to_axis_angle(turn), person.pose[LEFT_HAND if side == "left" else RIGHT_HAND]])
    return mano_params(f"mano_{side}", pose, np.zeros(10), place - hand.J_regressor[0] @ hand.v_template)
