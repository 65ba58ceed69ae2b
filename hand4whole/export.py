"""Export a checkpoint for deployment: picture in, SMPL-X parameters and the mesh out.

    python export.py --ckpt_file output/model_dump/snapshot_6.ckpt --file_name hand4whole --file_format MINDIR
"""
import logging
import os
import sys

# The repository root, so that `common` and `hand4whole` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hand4whole.src.cards import use_cards  # noqa: E402
from hand4whole.src.config import read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = use_cards(read_settings(argv), __file__, argv)

    from mindspore import Tensor

    from common.engine.export import export_network
    from common.engine.runtime import init_runtime
    from hand4whole.src.build import load_trained
    from hand4whole.src.deploy import EXPORTED, FirstOutputs, example_inputs, input_shape, write_description

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path,
                      os.path.dirname(os.path.abspath(config.file_name)), config.train_url):
        network, config, model, checkpoint = load_trained(config)
        exported = FirstOutputs(network, len(EXPORTED[config.parts]))
        make = example_inputs(input_shape(config))
        path, _ = export_network(exported, make, config.file_name, config.file_format, config.export_batch_size,
                                 runtime.device_target)
        shapes = [output.shape[1:] for output in exported(Tensor(make(config.export_batch_size or 1)[0]))]
        write_description(path, config, model, checkpoint, shapes)
        LOGGER.info("%s holds arrays of the body model (%s)", path,
                    "synthetic, free to pass on" if model.synthetic else f"{model.source}: its licence counts for it")


if __name__ == "__main__":
    run(main)
