"""Annotation files of the sample data; equal contents give equal files."""
import json
import zlib

import h5py
import numpy as np
import scipy.io

from common.files import atomic_path, atomic_write
from common.joints import SKELETONS, index_map

# Matlab's files begin with 116 characters of text, in which scipy writes the time of day.
_MAT_TEXT = b"MATLAB 5.0 MAT-file, sample data of a procedural human".ljust(116)


def item_rng(seed, dataset, index):
    """The random numbers of one item: the same whatever else is written."""
    return np.random.default_rng([seed, zlib.crc32(dataset.encode()), index])


def write_json(path, content):
    """Write JSON in one line."""
    atomic_write(path, json.dumps(content, separators=(",", ":")).encode())


def write_openpose(path, scene, most=None, hidden=0.0):
    """Write the joints of a scene's people, of the first `most`, as OpenPose does (18 joints): confidence 1 where one
    is visible, `hidden` where it is covered; 0, 0, 0 outside the image, and where `hidden` is 0."""
    people = []
    for index in range(len(scene.people))[:most]:
        points = scene.points(index, "cocoplus_19")
        joints = np.column_stack([points.j2d, np.choose(points.visibility, (0.0, hidden, 1.0))])
        joints = joints[index_map(points.names, SKELETONS["openpose_18"])]
        joints[joints[:, 2] == 0] = 0.0
        people.append({"person_id": [-1], "pose_keypoints_2d": joints.ravel().round(3).tolist()})
    atomic_write(path, json.dumps({"version": 1.3, "people": people}).encode())


def write_mat(path, variables):
    """Write a Matlab file of version 5 (dict: name -> array, text, dict for a struct, `struct_array`)."""
    with atomic_path(path) as temporary:
        scipy.io.savemat(temporary, variables, appendmat=False, do_compression=True, oned_as="row")
        with open(temporary, "r+b") as stream:
            stream.write(_MAT_TEXT)


def struct_array(items):
    """A Matlab struct array (1, N) of dicts with equal keys; None is an empty value."""
    out = np.empty((1, len(items)), dtype=[(name, object) for name in items[0]])
    for index, item in enumerate(items):
        out[0, index] = tuple(np.zeros((0, 0)) if value is None else value for value in item.values())
    return out


def write_h5(path, arrays):
    """Write arrays as HDF5 datasets."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as stream:
        for name, array in arrays.items():
            stream[name] = array


def encode_mask(mask: np.ndarray) -> dict:
    """(H, W) bool as run lengths that are not packed, the form of crowd regions."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    return {"counts": np.diff(edges, prepend=0, append=len(flat)).tolist(), "size": list(mask.shape)}
