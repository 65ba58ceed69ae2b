"""Measure a checkpoint on up-3d, h36m-p1, h36m-p2, lsp or 3dpw.

    python eval.py --checkpoint cmr.ckpt --dataset up-3d
"""
import logging
import os
import sys

# The repository root, so that `common` and `cmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from cmr.src.config import read_settings  # noqa: E402
from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import make_folder  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv)

    from mindspore import Tensor

    from cmr.src.datasets import build_test_set
    from cmr.src.evaluate import batches, evaluate, write_result
    from cmr.src.mesh import load_body
    from cmr.src.network import load_trained
    from cmr.src.protocols import TrueShapes
    from common.data.order import epoch_order
    from common.engine.graph_cache import Compiled
    from common.engine.runtime import init_runtime

    init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.result_dir):
        make_folder(config.result_dir)
        body = load_body(config)
        network, config, checkpoint = load_trained(config, body)
        test_set = build_test_set(config, body)
        order = epoch_order(len(test_set.people), config.seed, 0, config.shuffle)
        items = batches(test_set.item, order, config.batch_size, config.num_workers)
        compiled = Compiled(network)
        results = evaluate(lambda image: [output.asnumpy() for output in compiled(Tensor.from_numpy(image))], items,
                           test_set.metric, config.log_freq)
        if isinstance(test_set, TrueShapes):
            results["Mean Shape Error"] = test_set.mean_error()
            LOGGER.info("Mean Shape Error (the mean of these meshes for everybody): %s", results["Mean Shape Error"])
        write_result(config, checkpoint, body, test_set.people, results)


if __name__ == "__main__":
    run(main)
