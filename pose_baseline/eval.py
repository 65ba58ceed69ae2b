"""Measure a checkpoint on the test subjects.

    python eval.py --ckpt_file experiments/.../checkpoint-24371.ckpt --data_dir data/h36m
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from common.files import make_folder  # noqa: E402
from pose_baseline.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv, {"evaluateActionWise": True})

    from common.engine.runtime import init_runtime
    from pose_baseline.src.config import results_folder
    from pose_baseline.src.dataset import load_dataset
    from pose_baseline.src.evaluate import LOGGER, evaluate, log_evaluation, write_evaluation
    from pose_baseline.src.network import Lifter, load_trained

    init_runtime(config.device_target, config.device_id, config.seed)
    network, config, statistics, checkpoint = load_trained(config, need_statistics=False)
    folder = results_folder(config, checkpoint)
    make_folder(folder or ".")
    data = load_dataset(config, ("test",) if statistics else ("train", "test"), statistics)
    result = evaluate(Lifter(network), data.test, data.statistics, config.procrustes,
                      config.batch_size if config.drop_remainder else None, config.evaluateActionWise)
    log_evaluation(result, config.evaluateActionWise)
    path = os.path.join(folder, "eval_result.json")
    write_evaluation(path, result, checkpoint, config, len(data.test.inputs))
    LOGGER.info("%s: %.2f mm over %d frames; written to %s", "PA-MPJPE" if config.procrustes else "MPJPE",
                result.error, len(data.test.inputs), path)


if __name__ == "__main__":
    run(main)
