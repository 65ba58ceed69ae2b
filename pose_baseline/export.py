"""Export a checkpoint for deployment.

    python export.py --ckpt_file experiments/.../checkpoint-24371.ckpt --file_name lifter --file_format MINDIR
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from pose_baseline.src.config import read_settings  # noqa: E402

INPUT, OUTPUT = "joints_2d", "joints_3d"  # names in the exported file


def main(argv):
    config = read_settings(argv, {"batch_size": 1}, free_batch=True)

    from common.engine.export import export_network, write_description
    from common.engine.runtime import init_runtime
    from pose_baseline.src.network import PixelLifter, fold, load_trained

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    network, config, statistics, checkpoint = load_trained(config, need_statistics=config.pixel_input)
    network = fold(network)
    if config.pixel_input:
        network = PixelLifter(network, statistics)
    path, _ = export_network(network, example_inputs(statistics, config.pixel_input), config.file_name,
                             config.file_format, config.batch_size, runtime.device_target, names=([INPUT], [OUTPUT]))
    write_description(path, "pose_baseline", checkpoint, describe(config, statistics))


def example_inputs(statistics, pixel_input):
    """Function batch size -> [array (B, 32)]: poses such as the exported network will see."""
    import numpy as np

    def make(batch_size):
        poses = np.random.default_rng(0).standard_normal((batch_size, 32))
        if pixel_input:
            poses = statistics.restore_2d(poses)
        return [poses.astype(np.float32)]
    return make


def describe(config, statistics):
    """Joints, units and normalisation of what an exported file takes and gives, for its description."""
    from pose_baseline.src.normalisation import INPUT_JOINTS, OUTPUT_JOINTS, OUTPUT_JOINTS_14

    outputs = OUTPUT_JOINTS_14 if config.predict_14 else OUTPUT_JOINTS
    content = {
        "batch_size": config.batch_size or "free",
        "input": {"name": INPUT, "shape": [config.batch_size or "B", 32], "joints": list(INPUT_JOINTS),
                  "unit": "px" if config.pixel_input else "normalised: (px - mean) / std"},
        "output": {"name": OUTPUT, "shape": [config.batch_size or "B", 3 * len(outputs)], "joints": list(outputs),
                   "unit": "mm, relative to pelvis" if config.pixel_input else
                   "normalised: output * std + mean = mm, relative to pelvis",
                   "frame": "camera: x right, y down, z forward" if config.camera_frame else "world: z up"}}
    if statistics is not None and not config.pixel_input:
        for side, mean, std, used in (("input", statistics.mean_2d, statistics.std_2d, statistics.use_2d),
                                      ("output", statistics.mean_3d, statistics.std_3d, statistics.use_3d)):
            content[side].update(mean=mean[used].tolist(), std=std[used].tolist())
    return content


if __name__ == "__main__":
    run(main)
