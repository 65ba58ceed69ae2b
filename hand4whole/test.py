"""Measure a checkpoint on the test set of the settings: EHF, Human36M, PW3D, or FreiHAND with --parts hand.

    python test.py --gpu 0,1 --test_batch_size 24 --pretrained_model ../models/ckpt_6.pth.tar
"""
import os
import sys

# The repository root, so that `common` and `hand4whole` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hand4whole.src.config import read_settings  # noqa: E402
from hand4whole.src.multi_gpu import use_cards  # noqa: E402


def main(argv):
    config = use_cards(read_settings(argv, aliases={"batch_size": "test_batch_size"}), __file__, argv)

    from common.engine.runtime import init_runtime
    from hand4whole.src.evaluate import measure_checkpoint

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.output_path):
        measure_checkpoint(config, runtime)


if __name__ == "__main__":
    run(main)
