"""Export a checkpoint for deployment: image in, affinity fields and heat maps of the last stage out.

    python export.py --ckpt_file output/checkpoint/ckpt_0/0-8_5304.ckpt --file_name openpose --file_format MINDIR
"""
import os
import sys

# The repository root, so that `common` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from openpose.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)

    from common.engine.export import export_network
    from common.engine.runtime import init_runtime
    from openpose.src.build import load_trained
    from openpose.src.deploy import example_inputs, write_description
    from openpose.src.network import LastStage

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path,
                      os.path.dirname(os.path.abspath(config.file_name)), config.train_url):
        network, config, skeleton, checkpoint = load_trained(config)
        path, _ = export_network(LastStage(network), example_inputs(config.insize, config.normalisation),
                                 config.file_name, config.file_format, config.export_batch_size,
                                 runtime.device_target)
        write_description(path, config, skeleton, checkpoint)


if __name__ == "__main__":
    run(main)
