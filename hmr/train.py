"""Train HMR on people with 2D and 3D joints and, against a discriminator, on real poses.

    python train.py --data_path HMR_DATA --encoder_path resnet50_imagenet.ckpt
"""
import logging
import math
import os
import sys

# The repository root, so that `common` and `hmr` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from hmr.src.config import MAY_DIFFER, read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv)

    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.model_save):
        train(config, runtime)


def train(config, runtime):
    """One training run, from the settings to the last epoch -> its `Progress`."""
    from common.body_models.embedded import warn_other_body
    from common.data.pipeline import Pipeline
    from common.engine.amp import check_amp
    from common.engine.callbacks import LogLines, MetricsCsv, SaveCheckpoint
    from common.engine.checkpoint import CheckpointFolder, read_checkpoint
    from common.engine.loop import Progress
    from common.engine.run import checkpoint_to_resume, continue_from, save_settings, standard_callbacks, train_to_end
    from common.engine.runtime import broadcast_parameters
    from hmr.src.body import condense, load_body
    from hmr.src.conventions import find_convention
    from hmr.src.datasets import build_training_set
    from hmr.src.network import settings_of
    from hmr.src.train_step import build_start, build_step

    check_amp(config.amp_level, runtime.device_target)
    store = CheckpointFolder(config.model_save, "hmr-{step}.ckpt", config.keep_checkpoint_max)
    # A cosine ends with the last epoch.
    may_differ = MAY_DIFFER - {"epochs", "iter_count"} if config.lr_type == "cosine" else MAY_DIFFER
    resumed = checkpoint_to_resume(config, store, runtime, "hmr", "model_save", may_differ,
                                   ("batch_size", "batch_3d_size", "adv_batch_size"))
    start = resumed or (read_checkpoint(config.ckpt_file) if config.ckpt_file else None)
    if start is not None:
        config = settings_of(start, config)
    body = load_body(config)
    if start is not None:
        warn_other_body(start, "smpl_path", body.synthetic)
    # The losses look at joints only; a checkpoint does not hold the body.
    joints_body = condense(body, "cocoplus_regressor")

    source, batch_size = build_training_set(config, joints_body if config.smpl_joints else None)
    loader = Pipeline(source, batch_size, config.seed, True, runtime.rank, runtime.rank_size, config.num_workers)
    epochs = math.ceil(config.iter_count / loader.steps_per_epoch) if config.iter_count else config.epochs
    progress = Progress(epochs, loader.steps_per_epoch)

    pair = build_start(config, joints_body, "real" in source.columns, start)
    broadcast_parameters(pair.get_parameters(), runtime)

    step, schedule = build_step(config, runtime.rank_size, pair, progress.total_steps)
    continue_from(resumed, pair, step, progress, "--iter_count" if config.iter_count else "--epochs")
    LOGGER.info("%d people per epoch, %d steps of %d; output in %s", len(source), loader.steps_per_epoch,
                batch_size * runtime.rank_size, store.folder)
    save_settings(config, runtime, store.folder)

    callbacks = []
    if runtime.is_main:
        table = MetricsCsv(os.path.join(store.folder, "metrics.csv"), step.term_names, (), schedule,
                           config.log_interval)
        meta = {"model": "hmr", "rank_size": runtime.rank_size, "body_model": body.name,
                "config": {**config, **find_convention(config.convention).settings()}}
        save = SaveCheckpoint(store, pair, step, meta, None, config.save_steps, [table.flush])
        lines = LogLines(config.log_interval, line, batch_size * runtime.rank_size, "people", across_epochs=True)
        callbacks = standard_callbacks(config.profile, lines, save, [table])
    train_to_end(step, loader, progress, callbacks, runtime, config.log_interval)
    return progress


def line(progress, means, _):
    """The mean of the loss and its terms over the last `log_interval` updates."""
    return (f"step {progress.step} of {progress.total_steps}: "
            f"{', '.join(f'{name} {mean:.4f}' for name, mean in means.items())}")


if __name__ == "__main__":
    run(main)
