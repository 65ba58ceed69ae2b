"""Export a checkpoint for deployment: image in; theta, vertices, 2D and 3D joints and rotations out.

    python export.py --checkpoint_file_path output/checkpoint/hmr-50_500.ckpt --file_name hmr --file_format MINDIR
"""
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402

INPUT = "image"  # its name in the exported file


def main(argv):
    config = read_settings(argv, {"batch_size": 1, "batch_3d_size": 0})

    from common.body_models.embedded import announce_embedded
    from common.engine.export import export_network, write_description
    from common.engine.runtime import init_runtime
    from hmr.src.body import load_body
    from hmr.src.network import OUTPUTS, load_trained

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    # The original's networks took both halves of a training batch; 0 in all leaves the batch free.
    batch_size = config.batch_size + config.batch_3d_size
    with on_modelarts(config, config.data_path, os.path.dirname(os.path.abspath(config.file_name))):
        body = load_body(config)
        network, config, convention, checkpoint = load_trained(config, body)
        path, _ = export_network(network, example_inputs(convention, config.crop_size), config.file_name,
                                 config.file_format, batch_size, runtime.device_target, names=([INPUT], OUTPUTS))
        write_description(path, "hmr", checkpoint, describe(config, convention, checkpoint, batch_size or "B",
                                                            announce_embedded(path, body)))


def example_inputs(convention, size):
    """Function batch size -> [array (B, 3, size, size)]: images of noise, as the network of a convention takes them."""
    import numpy as np

    from hmr.src.conventions import network_input

    def make(batch_size):
        images = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
        return [np.stack([network_input(image, convention) for image in images])]
    return make


def describe(config, convention, checkpoint, batch, body):
    """What an exported file takes and gives, for its description.

    Args:
        convention (Convention): its conventions.
        checkpoint (Checkpoint): its weights.
        batch: images per call, "B" for any number.
        body (dict): the body model inside, see `announce_embedded`.
    """
    from common.joints import SKELETONS
    from hmr.src.inference import crop_kind
    from hmr.src.network import JOINTS, NUM_CAM, NUM_POSE, OUTPUTS, THETA_SIZE

    pose_end = NUM_CAM + NUM_POSE
    channels = {"rgb": "red, green, blue", "bgr": "blue, green, red"}[convention.colour]
    rotmat = "rotation of each joint relative to its parent, root first"
    if convention.rotate_base:
        rotmat += ("; the root's, here and in theta, lacks a half turn about x that the vertices have: "
                   "rotmat[0] @ diag(1, -1, -1)")
    meanings = {
        "theta": {"shape": [THETA_SIZE],
                  "columns": {"cam": [0, NUM_CAM], "pose": [NUM_CAM, pose_end], "beta": [pose_end, THETA_SIZE]},
                  "meaning": "s, tx, ty of the camera: p = s * ((x, y) + (tx, ty)), the crop spans [-1, 1]; axis-angle "
                             "of each joint in radians; shape coefficients"},
        "vertices": {"shape": [6890, 3], "unit": "metres; x right, y down, z forward"},
        "joints2d": {"shape": [len(JOINTS), 2], "joints": list(JOINTS), "unit": "the crop spans [-1, 1]"},
        "joints3d": {"shape": [len(JOINTS), 3], "joints": list(JOINTS), "unit": "metres"},
        "rotmat": {"shape": [24, 3, 3], "joints": list(SKELETONS["smpl_24"]), "meaning": rotmat}}
    return {
        "convention": convention.name, "body_model": body,
        "input": {"name": INPUT, "shape": [batch, 3, config.crop_size, config.crop_size], "channels": channels,
                  "value": "(pixel / divisor - mean) / std", "divisor": 255,
                  "mean": list(convention.mean), "std": list(convention.std),
                  "crop_kind": crop_kind(checkpoint.meta["config"]), "crop_scale": config.crop_scale},
        "outputs": [{"name": name, **meanings[name], "shape": [batch, *meanings[name]["shape"]]} for name in OUTPUTS]}


if __name__ == "__main__":
    run(main)
