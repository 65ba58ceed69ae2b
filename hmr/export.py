"""Export a checkpoint for deployment: picture in; theta, vertices, 2D and 3D joints and rotations out.

    python export.py --checkpoint_file_path output/checkpoint/hmr-50_500.ckpt --file_name hmr --file_format MINDIR
"""
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv, {"batch_size": 1, "batch_3d_size": 0})

    from common.body_models.embedded import announce_embedded
    from common.engine.export import export_network
    from common.engine.runtime import init_runtime
    from hmr.src.build import load_body, load_trained
    from hmr.src.deploy import example_inputs, write_description

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    # The original's networks took both halves of a training batch; 0 in all leaves the batch free.
    batch_size = config.batch_size + config.batch_3d_size
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path,
                      os.path.dirname(os.path.abspath(config.file_name)), config.train_url):
        body = load_body(config)
        network, config, profile, checkpoint = load_trained(config, body)
        path, _ = export_network(network, example_inputs(profile, config.crop_size), config.file_name,
                                 config.file_format, batch_size, runtime.device_target)
        write_description(path, batch_size, config, profile, checkpoint, announce_embedded(path, body))


if __name__ == "__main__":
    run(main)
