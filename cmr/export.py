"""Export a checkpoint for deployment: picture in; free mesh, camera, SMPL mesh, rotations and shape out.

    python export.py --ckpt_file output/checkpoints/cmr-50_1771.ckpt --file_name cmr --file_format MINDIR
"""
import logging
import os
import sys

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cmr.src.config import read_settings  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    # Here a batch is that of the exported network, whatever training calls so.
    config = read_settings([word.replace("--batch_size", "--export_batch_size", 1) for word in argv])

    from cmr.src.build import load_body, load_trained
    from cmr.src.deploy import example_inputs, write_description
    from common.body_models.embedded import announce_embedded
    from common.engine.export import export_network
    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    if config.file_format.upper() == "ONNX" and config.use_svd:
        LOGGER.info("ONNX has no operator for singular values: the rotations are computed without it")
        config = config.replace(use_svd=False)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path,
                      os.path.dirname(os.path.abspath(config.file_name)), config.train_url):
        body = load_body(config)
        network, config, checkpoint = load_trained(config, body)
        path, _ = export_network(network, example_inputs(config.img_res), config.file_name, config.file_format,
                                 config.export_batch_size, runtime.device_target)
        write_description(path, config, checkpoint, announce_embedded(path, body.model))


if __name__ == "__main__":
    run(main)
