"""What is fuzzed: for each class, valid files, what is read from them, and how a result is compared.

A class is a function `make(folder)` that writes valid files once and gives the readers: path of a file or folder ->
function without arguments that reads it. Command lines are a class of their own.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import importlib
import json
import os
import pickle
from pathlib import Path

import numpy as np
import scipy.sparse

from common.arguments import Arguments
from common.joints import SKELETONS
from common.stand_ins.datasets import registry

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("pose_baseline", "openpose", "hmr", "cmr", "hand4whole")
SAMPLES = {
    "human36m": {"subjects": (1,), "fps": 1.0},
    "coco": {"years": ("2017",)},
    "up3d": {"num_lsp": 2},
    "mpi_inf_3dhp": {"size": 64},
    "human36m_images": {"size": 64},
    "mosh": {"sequences": 1},
}


NAMES = list(SKELETONS["coco_17"])


def digest(value):
    """A text that is equal for equal results: arrays, records, and what holds them."""
    found = hashlib.sha256()
    _feed(found, value, 0)
    return found.hexdigest()


def _feed(found, value, depth):
    if depth > 40:
        return
    if isinstance(value, np.ndarray) and value.dtype != object:
        found.update(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif scipy.sparse.issparse(value):
        _feed(found, value.toarray(), depth)
    elif isinstance(value, dict):
        for key, item in value.items():
            found.update(ascii(key).encode())
            _feed(found, item, depth + 1)
    elif isinstance(value, list | tuple | set | range | np.ndarray):
        found.update(type(value).__name__.encode())
        for item in value.tolist() if isinstance(value, np.ndarray) else value:
            _feed(found, item, depth + 1)
    elif dataclasses.is_dataclass(value) or hasattr(value, "__dict__") and not callable(value):
        _feed(found, {name: item for name, item in vars(value).items() if "path" not in name}, depth + 1)
    else:
        with contextlib.suppress(ValueError):  # numbers of more digits than Python writes
            found.update(ascii(value).encode())


def _sample(name, folder, num=2):
    module = registry.find(name)
    parser = Arguments()
    module.add_arguments(parser)
    options = {**vars(parser.parse_args([])), **SAMPLES.get(name, {})}
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(open(os.devnull, "w", encoding="utf-8")):
        module.make(argparse.Namespace(**{**options, "output_dir": str(folder), "num": num, "seed": 1}))
    return folder


def _pickles(folder):
    from common.body_models.files import load_body_model, read_file
    from common.data.restricted_pickle import load_pickle

    model = load_body_model("mano_right")
    content = {
        "v_template": model.v_template,
        "shapedirs": model.shapedirs,
        "posedirs": model.posedirs,
        "J_regressor": scipy.sparse.csc_matrix(model.J_regressor),
        "weights": model.weights,
        "kintree_table": np.array([model.parents, np.arange(len(model.parents))], np.int64).astype(np.uint32),
        "f": model.faces.astype(np.uint32),
    }
    (folder / "body.pkl").write_bytes(pickle.dumps(content, 2))
    values = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": [1, "x", None, 2.5, (True, b"y")],
        "c": {"d": np.arange(3)},
        "e": np.array([{"f": np.ones(2)}, None], object),
        "g": np.float32(2.5),
        "h": {1, 2},
    }
    (folder / "values.pkl").write_bytes(pickle.dumps(values, 4))

    def values_of(path):
        with open(path, "rb") as stream:
            return load_pickle(stream, str(path))

    return {
        "body.pkl": lambda path: [load_body_model("mano_right", str(path)), read_file(str(path))],
        "values.pkl": values_of,
    }


def _arrays(folder):
    from common.data.readers.checks import read_npz
    from common.data.restricted_pickle import load_npy, load_npz

    np.savez(
        folder / "a.npz",
        x=np.arange(12.0).reshape(3, 4),
        names=np.array(["a", "b"]),
        n=np.array(3),
        o=np.array({"s": {"walk": [np.ones((3, 17, 2), np.float32)]}}, object),
    )
    np.save(folder / "a.npy", np.arange(24.0).reshape(2, 3, 4))
    return {"a.npz": lambda path: [load_npz(str(path)), read_npz(str(path))], "a.npy": lambda path: load_npy(str(path))}


def _checkpoints(folder):
    from mindspore import Parameter, Tensor, save_checkpoint

    from common.engine.checkpoint import read_checkpoint

    rng = np.random.default_rng(0)
    arrays = [
        {"name": f"layer.{name}", "data": Parameter(Tensor(rng.normal(size=shape).astype(np.float32)))}
        for name, shape in (("weight", (4, 3)), ("bias", (4,)), ("scale", (1,)))
    ]
    save_checkpoint(arrays, str(folder / "plain.ckpt"))
    meta = json.dumps({"format": 1, "model": "pose_baseline", "epoch": 1, "step": 10, "config": {"linear_size": 64}})
    save_checkpoint(arrays, str(folder / "sum.ckpt"), append_dict={"meta": meta}, crc_check=True)
    return dict.fromkeys(("plain.ckpt", "sum.ckpt"), lambda path: vars(read_checkpoint(str(path))))


def _keypoints(folder):
    from common.data.readers.coco import read_annotations
    from common.data.readers.keypoint_json import read_frames
    from common.inference.people import KeypointFiles, read_boxes
    from pose_baseline.src.keypoints import read_keypoints

    rng = np.random.default_rng(0)

    def joints(count):
        return np.round(np.c_[rng.uniform(0, 500, (count, 2)), np.full(count, 0.9)], 2)

    def flagged(count):
        return np.c_[joints(count)[:, :2].round(), np.full(count, 2.0)]

    def write(name, content):
        (folder / name).write_text(json.dumps(content))

    write(
        "openpose_keypoints.json",
        {
            "version": 1.3,
            "people": [
                {"person_id": [number], "pose_keypoints_2d": joints(25).ravel().tolist(), "face_keypoints_2d": []}
                for number in range(2)
            ],
        },
    )
    write(
        "results.json",
        [
            {
                "image_id": f"{frame:03d}.jpg",
                "category_id": 1,
                "score": 0.9,
                "idx": 1,
                "keypoints": joints(17).ravel().tolist(),
            }
            for frame in range(3)
        ],
    )
    write(
        "annotations.json",
        {
            "images": [
                {"id": number, "file_name": f"v/{number:03d}.jpg", "width": 640, "height": 480} for number in (1, 2)
            ],
            "categories": [{"id": 1, "name": "person", "keypoints": NAMES}],
            "annotations": [
                {
                    "id": number,
                    "image_id": number,
                    "category_id": 1,
                    "track_id": 3,
                    "bbox": [1, 2, 300, 400],
                    "num_keypoints": 17,
                    "area": 5000,
                    "iscrowd": 0,
                    "keypoints": flagged(17).ravel().tolist(),
                    "segmentation": [[1, 1, 50, 1, 50, 50]],
                }
                for number in (1, 2)
            ],
        },
    )
    write(
        "own.json",
        {
            "joint_names": NAMES,
            "people": [
                {
                    "person": "0",
                    "frames": [0, 1],
                    "frame_names": ["a", "b"],
                    "joints_2d": [joints(17)[:, :2].tolist()] * 2,
                    "image_size": [640, 480],
                }
            ],
        },
    )
    write("box.json", {"bbox": [10, 20, 100, 200]})

    def lifted(path):
        return [vars(track) for track in read_keypoints(str(path))]

    return {
        "openpose_keypoints.json": lambda path: [
            read_frames(str(path)),
            KeypointFiles(str(path))("openpose", np.zeros((480, 640, 3), np.uint8)),
            lifted(path),
        ],
        "results.json": lifted,
        "own.json": lifted,
        "annotations.json": lambda path: [vars(read_annotations(str(path))), lifted(path)],
        "box.json": lambda path: read_boxes(str(path)),
    }


def _settings(folder):
    from common.config import load_config
    from openpose.src.skeleton import load_skeleton

    def settings(model):
        module = importlib.import_module(f"{model}.src.config")
        return lambda path: dict(module.read_settings(["--config_path", str(path)]))

    readers = {}
    for model in MODELS:
        (folder / f"{model}.yaml").write_bytes((ROOT / model / "default_config.yaml").read_bytes())
        readers[f"{model}.yaml"] = settings(model)
    (folder / "skeleton.yaml").write_text(
        "joints: [nose, left_hip, right_hip]\nlimbs: [[nose, left_hip], [nose, right_hip]]\n"
        "means: {}\nsigmas: {nose: 0.03}\ncategory: person\n"
    )
    readers["skeleton.yaml"] = lambda path: vars(load_skeleton(str(path)))
    (folder / "plain.yaml").write_text("seed: 3\nlr: 1.0e-3\n")
    default = str(ROOT / "pose_baseline" / "default_config.yaml")
    readers["plain.yaml"] = lambda path: dict(load_config(default, ["--config_path", str(path)]))
    return readers


def _descriptions(folder):
    from hmr.src.bins import read_view
    from hmr.src.inference import CROPS
    from openpose.src.bins import read_exported
    from scripts.run_workers import read_rank_table
    from tools.hccl_tools import read_servers

    (folder / "rank.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "server_count": "1",
                "status": "completed",
                "server_list": [
                    {
                        "server_id": "10.0.0.1",
                        "host_nic_ip": "reserve",
                        "device": [
                            {"device_id": str(chip), "device_ip": f"10.1.0.{chip}", "rank_id": str(chip)}
                            for chip in range(2)
                        ],
                    }
                ],
            }
        )
    )
    (folder / "hmr.json").write_text(
        json.dumps(
            {
                "convention": "spin",
                "input": {"shape": ["B", 3, 224, 224], "crop_kind": next(iter(CROPS)), "crop_scale": 1.2},
            }
        )
    )
    (folder / "openpose.json").write_text(
        json.dumps(
            {
                "input": {"shape": [1, 3, 368, 368], "normalisation": "port"},
                "outputs": [{"name": "paf"}, {"name": "heat", "joints": ["nose", "neck"]}],
            }
        )
    )
    return {
        "rank.json": lambda path: [read_rank_table(str(path), 0), read_servers(str(path))],
        "hmr.json": lambda path: vars(read_view(str(path.with_suffix("")))),
        "openpose.json": lambda path: vars(read_exported(str(path.with_suffix("")))),
    }


def _images(folder):
    from common.data.image import read_image
    from common.inference.sources import open_source

    sample = _sample("lsp", folder / "sample")
    photo = sorted(sample.rglob("*.jpg"))[0]
    (folder / "a.jpg").write_bytes(photo.read_bytes())
    import cv2

    image = cv2.imread(str(photo))
    cv2.imwrite(str(folder / "a.png"), image)
    cv2.imwrite(str(folder / "a.webp"), image)
    return {
        name: lambda path: [read_image(str(path)), [frame.image for frame in open_source(str(path)).frames()]]
        for name in ("a.jpg", "a.png", "a.webp")
    }


def _samples(folder):
    """Every sample data set, read in all ways that there are."""
    from common.data.readers import coco, lsp, mpi_inf_3dhp, mpii
    from common.data.readers.annot_h5 import read_annot_h5
    from common.data.readers.annots_npz import read_annots_npz
    from common.data.readers.coco_wholebody import read_coco_wholebody
    from common.data.readers.ehf import read_ehf, read_vertices
    from common.data.readers.freihand import read_freihand
    from common.data.readers.human36m import CdfTree, read_cameras, resolve_actions
    from common.data.readers.human36m_images import read_human36m, read_human36m_protocol
    from common.data.readers.lsp_extended import read_lsp_extended
    from common.data.readers.mosh import read_mosh
    from common.data.readers.threedpw import read_3dpw
    from common.data.readers.up3d import read_up3d

    def human36m(path):
        tree = CdfTree(str(path))
        return [
            read_cameras(str(path / "metadata.xml")),
            [tree.read(recording) for recording in tree.recordings((1,), resolve_actions("All"))],
        ]

    def coco_people(path):
        found = coco.find_coco(str(path), "train2017")
        annotations = coco.read_annotations(found[0], members=("segmentation",))
        sizes = [image.size or (64, 64) for image in annotations.images]
        regions = [annotations.region(row, size) for place, size in enumerate(sizes) for row in annotations.rows(place)]
        return [coco.read_coco(*found), regions]

    def ehf(path):
        records = read_ehf(str(path))
        return [records, [read_vertices(record) for record in records]]

    def h36m(path):
        return [
            read_human36m(str(path)),
            read_annot_h5(str(path / "annot.h5")),
            read_annots_npz(str(path / "annots.npz"), tuple(f"j{n}" for n in range(32))),
            read_human36m_protocol(str(path), 1),
        ]

    readers = {
        "human36m": human36m,
        "coco": coco_people,
        "ehf": ehf,
        "human36m_images": h36m,
        "lsp": lambda path: [lsp.read_lsp(str(place)) for place in sorted(path.iterdir())],
        "lsp_extended": lambda path: read_lsp_extended(str(path)),
        "mpii": lambda path: [
            mpii.read_mpii(str(path)),
            mpii.read_mpii_h5(str(path / "train.h5"), str(path / "images")),
        ],
        "up3d": lambda path: read_up3d(str(path / "up-3d")),
        "coco_wholebody": lambda path: read_coco_wholebody(str(path)),
        "3dpw": lambda path: read_3dpw(str(path)),
        "freihand": lambda path: [read_freihand(str(path), split) for split in ("train", "eval")],
        "mpi_inf_3dhp": lambda path: [
            mpi_inf_3dhp.read_mpi_inf_3dhp(str(path)),
            mpi_inf_3dhp.read_mpi_inf_3dhp_test(str(path)),
            read_annot_h5(str(path / "annot.h5")),
            read_annots_npz(str(path / "annots.npz"), tuple(f"j{n}" for n in range(28))),
        ],
        "mosh": lambda path: read_mosh(str(path)),
    }
    for name in readers:
        _sample(name, folder / name)
    return readers


CLASSES = {
    "pickles": _pickles,
    "npz, npy": _arrays,
    "checkpoints": _checkpoints,
    "keypoints, annotations": _keypoints,
    "settings, skeletons": _settings,
    "descriptions, rank tables": _descriptions,
    "images": _images,
    "sample data sets": _samples,
}
