"""Export a checkpoint for deployment: image in, SMPL-X parameters and the mesh out.

    python export.py --ckpt_file output/model_dump/snapshot_6.ckpt --file_name hand4whole --file_format MINDIR
"""
import logging
import os
import sys

# The repository root, so that `common` and `hand4whole` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.config import EXPORT_ALIASES  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hand4whole.src.config import read_settings  # noqa: E402
from hand4whole.src.multi_gpu import use_cards  # noqa: E402

LOGGER = logging.getLogger("mindhuman")
MEANINGS = {
    "root_pose": "rotation of the body, axis-angle in radians, camera axes x right, y down, z forward",
    "body_pose": "21 joints of SMPL-X, axis-angle in radians", "jaw_pose": "axis-angle in radians",
    "lhand_pose": "15 joints of the left hand, axis-angle in radians, relative to the mean hand",
    "rhand_pose": "15 joints of the right hand, likewise",
    "shape": "shape coefficients of SMPL-X", "expr": "expression coefficients of SMPL-X",
    "cam_trans": "translation into camera space, metres", "vertices": "mesh in camera space, metres",
    "mano_pose": "root and 15 joints of MANO, axis-angle in radians, relative to the mean hand",
    "mano_shape": "shape coefficients of MANO"}

INPUT = "image"  # its name in the exported file


def main(argv):
    config = use_cards(read_settings(argv, aliases=EXPORT_ALIASES), __file__, argv)

    from mindspore import Tensor

    from common.engine.export import export_network, write_description
    from common.engine.runtime import init_runtime
    from hand4whole.src.network import EXPORTED, FirstOutputs, load_trained

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, os.path.dirname(os.path.abspath(config.file_name))):
        network, config, model, checkpoint = load_trained(config)
        outputs = EXPORTED[config.parts]
        exported = FirstOutputs(network, len(outputs))
        make = example_inputs(config.input_hand_shape if config.parts == "hand" else config.input_img_shape)
        path, _ = export_network(exported, make, config.file_name, config.file_format, config.export_batch_size,
                                 runtime.device_target, names=([INPUT], outputs))
        shapes = [output.shape[1:] for output in exported(Tensor(make(config.export_batch_size or 1)[0]))]
        write_description(path, "hand4whole", checkpoint, describe(config, model, shapes))
        LOGGER.info("%s holds arrays of the body model (%s)", path,
                    "synthetic, free to pass on" if model.synthetic else f"{model.source}: its licence counts for it")


def example_inputs(shape):
    """Function batch size -> [array (B, 3, H, W)]: images of noise."""
    import numpy as np

    def make(batch_size):
        return [np.random.default_rng(0).random((batch_size, 3, *shape), np.float32)]
    return make


def describe(config, model, outputs):
    """What an exported file takes and gives, for its description.

    Args:
        model (BodyModel): whose arrays the file holds.
        outputs (list): shapes of the outputs for one image, without the batch.
    """
    from common.data.crops import PATCH_MARGIN
    from hand4whole.src.network import EXPORTED

    hand_only, batch = config.parts == "hand", config.export_batch_size or "B"
    height, width = config.input_hand_shape if hand_only else config.input_img_shape
    body = config.input_hand_shape if hand_only else config.input_body_shape
    return {
        "parts": config.parts, "body_model": model.name,
        "embedded": "the file holds arrays of the body model: its licence counts for the file too",
        "input": {"name": INPUT, "shape": [batch, 3, height, width], "channels": "red, green, blue",
                  "value": "(pixel / divisor - mean) / std", "divisor": 255, "mean": [0, 0, 0], "std": [1, 1, 1],
                  "crop": f"box of the {'hand' if hand_only else 'person'}, widened to the input's proportions and "
                          f"enlarged {PATCH_MARGIN} times, black outside of the image"},
        "outputs": [{"name": name, "shape": [batch, *shape], "meaning": MEANINGS[name]}
                    for name, shape in zip(EXPORTED[config.parts], outputs)],
        "camera": {"focal_px": [focal * size / part for focal, size, part in
                                zip(config.focal, (width, height), (body[1], body[0]))],
                   "principal_px": [width / 2, height / 2],
                   "projection": "pixel of the input = focal_px * (x, y) / z + principal_px"}}


if __name__ == "__main__":
    run(main)
