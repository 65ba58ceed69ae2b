"""Export a checkpoint for deployment.

    python export.py --ckpt_file experiments/.../checkpoint-24371.ckpt --file_name lifter --file_format MINDIR
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from pose_baseline.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv, {"batch_size": 1}, free_batch=True)

    from common.engine.export import export_network
    from common.engine.runtime import init_runtime
    from pose_baseline.src.build import load_trained
    from pose_baseline.src.deploy import PixelLifter, example_inputs, write_description
    from pose_baseline.src.network import fold

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    network, config, statistics, checkpoint = load_trained(config, need_statistics=config.pixel_input)
    network = fold(network)
    if config.pixel_input:
        network = PixelLifter(network, statistics)
    path, _ = export_network(network, example_inputs(statistics, config.pixel_input), config.file_name,
                             config.file_format, config.batch_size, runtime.device_target)
    write_description(path, config, statistics, checkpoint)


if __name__ == "__main__":
    run(main)
