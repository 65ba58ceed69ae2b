"""Sample data in the formats of Human3.6M with images; see `common.data.readers.human36m_images`.

Three parts, each with images of its own: Hand4Whole's tree (SMPL-X people), `annot.h5` and `annots.npz` of HMR (SMPL
people), and the evaluation files of protocols 1 and 2 (`S9`, `S11`, `images/S9_...jpg`).
"""
import os

import h5py
import numpy as np
from tqdm import tqdm

from common.data.readers.human36m import CAMERA_NAMES, SUBJECTS, TEST_SUBJECTS
from common.data.readers.human36m_images import (
    JOINTS,
    PROTOCOL_STEP,
    RAW_JOINTS,
    TEST_STEP,
    TRAIN_STEP,
)
from common.data.readers.lsp import JOINTS as LSP_14
from common.files import atomic_path
from common.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from common.stand_ins.datasets.annotations import write_h5, write_json
from common.stand_ins.datasets.capture import gather, image_side, project, ring_of_views, smplx_params
from common.stand_ins.datasets.image_files import write_image
from common.stand_ins.datasets.output import coco_file, json_object, save_cdf
from common.stand_ins.scenes.scene import photograph
from common.stand_ins.scenes.stage import furnish, make_stage

DEFAULT_NUM = 21
PARTS = ("hand4whole", "hmr", "protocols")
FOCAL = 1.145  # of the image's width, as the original's 1145 of 1000 px
DISTANCE = (4.6, 5.4)
ACTION_NUMBERS = tuple(range(2, 17))
SHOWN = (1, 4)  # Hand4Whole's camera numbers of which images are written
ROOM_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # scene axes to the room's, z up

# Human3.6M's rows that only 17 joints have a regressor for; the others come from SMPL's skeleton and skin.
_REPEATED = {"spine_base": "pelvis", "left_collar": "thorax", "right_collar": "thorax"}
_EXTREMITIES = {"toe": ("smpl_24", "foot"), "toe_end": ("landmarks_21", "big_toe"),
                "thumb_base": ("h36m_17", "wrist"), "thumb": ("landmarks_21", "thumb4"), "hand": ("h36m_17", "wrist"),
                "hand_end": ("landmarks_21", "middle4")}


def add_arguments(group):
    """Options beside --output_dir, --seed and --num (here: moments of each part; Hand4Whole's are seen twice)."""
    group.add_argument("--size", type=image_side, default=400,
                       help="side of the images in pixels (default: 400; the original: 1000)")
    group.add_argument("--only", choices=PARTS, help="write this part alone (default: all)")


def make(args):
    """Write the three parts, or one; returns a line that says what was written."""
    num, only, written = args.num or DEFAULT_NUM, args.only, []
    if only in (None, "hand4whole"):
        for number, subject in enumerate(tqdm(SUBJECTS, desc="subjects", disable=None)):
            frames = len(range(number, num, len(SUBJECTS)))
            if frames:
                _write_subject(args, subject, frames)
        written.append(f"{num * len(SHOWN)} images for Hand4Whole")
    if only in (None, "hmr"):
        _write_hmr(args, num)
        written.append(f"{num} for HMR")
    if only in (None, "protocols"):
        written.append(f"{_write_protocol(args)} for evaluation")
    return f"{args.output_dir}: {', '.join(written)}"


def _studio(args, subject):
    """Random numbers and the four cameras of a subject."""
    rng = np.random.default_rng([args.seed, 7, subject])
    return rng, ring_of_views(rng, len(CAMERA_NAMES), (args.size, args.size), FOCAL * args.size, DISTANCE)


def _moment(rng, args, view, kind):
    return furnish(rng, make_stage(rng, 1, kind), view, (args.size, args.size), 0.1)


def _write_subject(args, subject, frames):
    """Hand4Whole's four files of one subject and the images."""
    rng, views = _studio(args, subject)
    start = os.path.join(args.output_dir, "annotations", f"Human36M_subject{subject}_")
    write_json(start + "camera.json", {str(number): _camera_entry(view) for number, view in enumerate(views, 1)})
    step = TEST_STEP if subject in TEST_SUBJECTS else TRAIN_STEP
    action = ACTION_NUMBERS[subject % len(ACTION_NUMBERS)]
    with coco_file(start + "data.json", categories=[{"id": 1, "name": "person"}]) as lists, \
            json_object(start + "joint_3d.json") as joints, json_object(start + "SMPLX_NeuralAnnot.json") as fits:
        for number in range(frames):
            frame = number * step
            stage = _moment(rng, args, views[0], "smplx")
            actor = stage.actors[0]
            world = gather(actor, [("h36m_17", name) for name in JOINTS]) @ ROOM_AXES.T
            joints.add(action, 1, frame, value=1e3 * world)
            fits.add(action, 1, frame, value=_room_fit(actor))
            for camera in SHOWN:
                image_id = (subject * 10**4 + number) * 10 + camera
                name = f"s_{subject:02d}_act_{action:02d}_subact_01_ca_{camera:02d}"
                name = f"{name}/{name}_{frame + 1:06d}.jpg"
                scene = photograph(rng, stage, views[camera - 1], (args.size, args.size))
                write_image(os.path.join(args.output_dir, "images", name), scene.image)
                lists.add_image(id=image_id, file_name=name, width=args.size, height=args.size, subject=subject,
                                action_idx=action, subaction_idx=1, cam_idx=camera, frame_idx=frame)
                lists.add_annotation(id=image_id, image_id=image_id, category_id=1, iscrowd=0, bbox=scene.box(0))


def _camera_entry(view):
    """x_camera = R x_room + t in mm."""
    return {"R": (view.rotation @ ROOM_AXES.T).tolist(), "t": (-1e3 * view.rotation @ view.centre).tolist(),
            "f": view.focal.tolist(), "c": view.principal.tolist()}


def _room_fit(actor):
    """SMPL-X parameters of an actor in the room's axes."""
    pose = np.array(actor.pose, np.float64)
    pose[:3] = matrix_to_axis_angle(ROOM_AXES @ axis_angle_to_matrix(pose[:3]))
    translation = ROOM_AXES @ actor.skeleton[0].astype(np.float64) - actor.root_rest
    return smplx_params(pose, actor.beta, actor.expression, translation)


def _raw_rows():
    """Where the body model has the 32 stored joints."""
    rows = []
    for joint in RAW_JOINTS:
        side, _, rest = joint.partition("_")
        if rest in _EXTREMITIES:
            point_set, name = _EXTREMITIES[rest]
            rows.append((point_set, f"{side}_{name}"))
        else:
            rows.append(("h36m_17", _REPEATED.get(joint, joint)))
    return rows


def _write_hmr(args, num):
    """The two files of HMR's implementations; both have the same images."""
    folder = args.output_dir
    rows, content = {name: [] for name in ("gt2d", "gt3d", "pose", "shape", "imagename")}, {}
    lsp_rows = [("h36m_17", {"neck": "thorax", "head_top": "head"}.get(name, name)) for name in LSP_14]
    for number in range(num):
        subject = SUBJECTS[number % len(SUBJECTS)]
        rng, views = _studio(args, subject)
        rng = np.random.default_rng([args.seed, 8, number])
        view = views[number % len(views)]
        scene = photograph(rng, _moment(rng, args, view, "smpl"), view, (args.size, args.size))
        person = scene.people[0]
        name = f"S{subject}_Greeting_1.{CAMERA_NAMES[number % len(views)]}_{number + 1:06d}.jpg"
        write_image(os.path.join(folder, "images", name), scene.image)
        raw, lsp = gather(person, _raw_rows()), gather(person, lsp_rows)
        rows["gt2d"].append(np.concatenate([project(view, lsp), np.ones((len(lsp), 1))], 1).reshape(-1))
        rows["gt3d"].append(lsp.reshape(-1))
        rows["pose"].append(person.pose)
        rows["shape"].append(person.beta)
        rows["imagename"].append(f"/{name}".encode())
        content[name] = {"kp2d": project(view, raw).astype(np.float32), "kp3d": (1e3 * raw).astype(np.float32),
                         "poses": person.pose[None].astype(np.float32), "betas": person.beta.astype(np.float32)}
    write_h5(os.path.join(folder, "annot.h5"), {
        name: np.array(values) if name == "imagename" else np.array(values, np.float32)
        for name, values in rows.items()})
    with atomic_path(os.path.join(folder, "annots.npz")) as temporary:
        np.savez_compressed(temporary, annots=content)  # a pickle is what this layout consists of


def _write_protocol(args, frames=PROTOCOL_STEP + 1):
    """Joints, masks and images of a short take of both test subjects; returns the number of images."""
    written = 0
    for subject in TEST_SUBJECTS:
        rng, views = _studio(args, subject)
        # Only every fifth frame is evaluated; those between show the same moment.
        stages = [_moment(rng, args, views[0], "smpl") for _ in range(0, frames, PROTOCOL_STEP)]
        for camera, view in zip(CAMERA_NAMES, views):
            home, stem = os.path.join(args.output_dir, f"S{subject}"), f"Directions 1.{camera}"
            world = [gather(stage.actors[0], _raw_rows()) for stage in stages]
            poses = np.stack([1e3 * view.to_camera(world[frame // PROTOCOL_STEP]) for frame in range(frames)])
            save_cdf(os.path.join(home, "MyPoseFeatures", "D3_Positions_mono", f"{stem}.cdf"),
                      poses.astype(np.float32))
            masks = []
            for number, stage in enumerate(stages):
                scene = photograph(rng, stage, view, (args.size, args.size))
                masks.append(_box_mask(scene.box(0), args.size))
                name = f"S{subject}_Directions_1.{camera}_{number * PROTOCOL_STEP + 1:06d}.jpg"
                write_image(os.path.join(args.output_dir, "images", name), scene.image)
                written += 1
            _write_masks(os.path.join(home, "MySegmentsMat", "ground_truth_bb", f"{stem}.mat"),
                         [masks[frame // PROTOCOL_STEP] for frame in range(frames)])
    return written


def _box_mask(box, side):
    """(side, side) uint8, 1 inside the box: that is what the original's masks show."""
    left, top, right, bottom = np.rint([box[0], box[1], box[0] + box[2], box[1] + box[3]]).astype(int)
    mask = np.zeros((side, side), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def _write_masks(path, masks):
    """A cell array of images, columns first, as Matlab stores it."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        cells = file.create_dataset("Masks", (len(masks), 1), dtype=h5py.ref_dtype)
        for number, mask in enumerate(masks):
            cells[number, 0] = file.create_dataset(f"#refs#/{number}", data=mask.T, compression="gzip").ref
