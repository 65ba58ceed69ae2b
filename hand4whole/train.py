"""Train Hand4Whole, or with --parts hand the hand-only network.

    python train.py --gpu 0,1 --lr 1e-4 --end_epoch 7 --train_batch_size 16
"""
import os
import sys

# The repository root, so that `common` and `hand4whole` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hand4whole.src.cards import use_cards  # noqa: E402
from hand4whole.src.config import read_settings  # noqa: E402


def main(argv):
    config = use_cards(read_settings(argv), __file__, argv)

    from common.engine.runtime import init_runtime
    from hand4whole.src.training import train

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config.enable_modelarts, config.data_url, config.data_path, config.output_path,
                      config.train_url):
        train(config, runtime)


if __name__ == "__main__":
    run(main)
