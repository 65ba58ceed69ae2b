"""Export a checkpoint for deployment: image in; free mesh, camera, SMPL mesh, rotations and shape out.

    python export.py --ckpt_file output/checkpoints/cmr-50_1771.ckpt --file_name cmr --file_format MINDIR
"""
import logging
import os
import sys

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cmr.src.config import read_settings  # noqa: E402
from common.config import EXPORT_ALIASES  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402

LOGGER = logging.getLogger("mindhuman")

# Names in the exported file, in its order.
INPUT, OUTPUTS = "image", ("vertices", "camera", "smpl_vertices", "rotmat", "betas")


def main(argv):
    config = read_settings(argv, aliases=EXPORT_ALIASES)

    from cmr.src.mesh import load_body
    from cmr.src.network import load_trained
    from common.body_models.embedded import announce_embedded
    from common.engine.export import export_network, write_description
    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    if config.file_format.upper() == "ONNX" and config.use_svd:
        LOGGER.info("ONNX has no operator for singular values: the rotations are computed without it")
        config = config.replace(use_svd=False)
    with on_modelarts(config, config.data_path, os.path.dirname(os.path.abspath(config.file_name))):
        body = load_body(config)
        network, config, checkpoint = load_trained(config, body)
        path, _ = export_network(network, example_inputs(config.img_res), config.file_name, config.file_format,
                                 config.export_batch_size, runtime.device_target, names=([INPUT], OUTPUTS))
        write_description(path, "cmr", checkpoint, describe(config, announce_embedded(path, body.model)))


def example_inputs(size):
    """Function batch size -> [array (B, 3, size, size)]: images of noise, normalised."""
    import numpy as np

    def make(batch_size):
        return [np.random.default_rng(0).standard_normal((batch_size, 3, size, size)).astype(np.float32)]
    return make


def describe(config, body):
    """What an exported file takes and gives, for its description.

    Args:
        body (dict): the body model inside, see `announce_embedded`.
    """
    from cmr.src.mesh import NUM_VERTICES
    from cmr.src.network import NUM_BETAS, NUM_JOINTS
    from common.data.image import IMAGENET_MEAN, IMAGENET_STD
    from common.joints import SKELETONS

    batch = config.export_batch_size or "B"
    mesh = {"shape": [batch, NUM_VERTICES, 3], "unit": "metres; x right, y down, z forward"}
    return {
        "body_model": body,
        "input": {"name": INPUT, "shape": [batch, 3, config.img_res, config.img_res], "channels": "red, green, blue",
                  "value": "(pixel / divisor - mean) / std", "divisor": 255,
                  "mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD),
                  "crop": "square around the person, 1.2 times the longer side of the box",
                  "crop_contrast_stretch": config.crop_contrast_stretch},
        "outputs": [
            {"name": OUTPUTS[0], **mesh, "meaning": "free mesh of the graph network"},
            {"name": OUTPUTS[1], "shape": [batch, 3],
             "meaning": "s, tx, ty: p = s * ((x, y) + (tx, ty)), the crop spans [-1, 1]"},
            {"name": OUTPUTS[2], **mesh, "meaning": "mesh of the SMPL body"},
            {"name": OUTPUTS[3], "shape": [batch, NUM_JOINTS, 3, 3], "joints": list(SKELETONS["smpl_24"]),
             "meaning": "rotation of each joint relative to its parent"},
            {"name": OUTPUTS[4], "shape": [batch, NUM_BETAS], "meaning": "shape coefficients of the SMPL body"}]}


if __name__ == "__main__":
    run(main)
