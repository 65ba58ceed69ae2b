"""Measure a checkpoint: joints of Human3.6M, MPI-INF-3DHP, 3DPW and LSP, bodies of 3DPW and UP-3D.

    python eval.py --data_path HMR_DATA --ckpt_file output/checkpoint/hmr-50000.ckpt --dataset h36m-p2
"""
import logging
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import make_folder  # noqa: E402
from hmr.src.config import read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv, aliases={"batch_size": "eval_batch_size"})

    from common.engine.runtime import init_runtime
    from hmr.src.body import load_body, load_eval_bodies, load_eval_regressor
    from hmr.src.evaluate import Viewer, log_figures, predict, summarize_results, write_results
    from hmr.src.inference import crop_kind
    from hmr.src.network import load_trained
    from hmr.src.protocols import read_subjects

    init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.eval_path):
        make_folder(config.eval_path)
        subjects = read_subjects(config.dataset, config.data_path, config.crop_scale, config.eval_num)
        body = load_body(config)
        network, config, convention, checkpoint = load_trained(config, body)
        viewer = Viewer(network, convention, crop_kind(checkpoint.meta["config"]), config.crop_size, config.crop_scale,
                        config.eval_batch_size)
        results = predict(viewer, subjects, load_eval_bodies(config, body), load_eval_regressor(config, body))
        figures = summarize_results(results)
        left_out = len(subjects) - len(results.subjects)
        if left_out:
            LOGGER.info("%d of %d people are left out, as their images cannot be used", left_out, len(subjects))
        log_figures(config.dataset, figures)
        facts = {"dataset": config.dataset, "checkpoint": checkpoint.path, "convention": convention.name,
                 "joints": config.eval_joints, "body_model": body.source, "left_out": left_out}
        write_results(config.eval_path, facts, figures, results)


if __name__ == "__main__":
    run(main)
