"""Train the lifting network; with --sample, draw a grid of its predictions instead.

    python train.py --config_path recipe.yaml --data_dir data/h36m
"""
import logging
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from pose_baseline.src.config import MAY_DIFFER, check_training, experiment_folder, read_settings  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = read_settings(argv)

    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_dir, config.train_dir, urls=("obs_dir", "result")):
        if config.sample:
            from pose_baseline.src.inference import sample

            sample(config)
        else:
            train(config, runtime)


def train(config, runtime):
    """One training run, from the settings to the last epoch.

    Returns:
        Progress: of the finished run, with the metrics of the last evaluation.
    """
    from common.engine.amp import check_amp
    from common.engine.callbacks import LogLines, MetricsCsv, SaveCheckpoint, TensorBoard
    from common.engine.checkpoint import CheckpointFolder
    from common.engine.loop import Progress
    from common.engine.run import checkpoint_to_resume, continue_from, save_settings, standard_callbacks, train_to_end
    from common.engine.runtime import broadcast_parameters
    from common.engine.schedules import learning_rate_at
    from common.engine.train_step import RepeatedStep
    from pose_baseline.src.dataset import load_dataset
    from pose_baseline.src.datasets import build_loader, require_same_poses
    from pose_baseline.src.evaluate import Evaluate, frames_per_action
    from pose_baseline.src.train_step import build_start, build_step

    check_training(config)
    check_amp(config.amp_level, runtime.device_target)
    folder = experiment_folder(config)
    store = CheckpointFolder(folder, "checkpoint-{step}.ckpt", config.keep_checkpoint_max)
    if config.load:
        config = config.replace(resume=True, ckpt_file=store.at(config.load).path)
    # A cosine ends with the last epoch.
    may_differ = MAY_DIFFER - {"epochs"} if config.lr_type == "cosine" else MAY_DIFFER
    resumed = checkpoint_to_resume(config, store, runtime, "pose_baseline", "train_dir", may_differ)

    data = load_dataset(config)
    if data.test is not None:  # too few frames are known before the training, not after it
        frames_per_action(data.test, config.batch_size if config.drop_remainder else None)
    require_same_poses(resumed, data.statistics)
    loader = build_loader(config, runtime, data)
    progress = Progress(config.epochs, loader.steps_per_epoch)

    network = build_start(config, resumed)
    broadcast_parameters(network.get_parameters(), runtime)

    step, schedule = build_step(config, runtime.rank_size, network, progress.total_steps,
                                data.train if loader.indices_only else None)
    continue_from(resumed, network, step, progress, "--epochs (and name the file with --ckpt_file)")
    LOGGER.info("%d training poses, %d test poses; %d batches per epoch; output in %s", len(data.train.inputs),
                len(data.test.inputs) if data.test else 0, loader.steps_per_epoch, folder)
    save_settings(config, runtime, folder)

    callbacks = []
    if runtime.is_main:
        recorders = [MetricsCsv(os.path.join(folder, "metrics.csv"), step.term_names, ("error_mm",), schedule,
                                config.log_interval)]
        if config.tensorboard:
            tags = {"loss": "loss/loss", "learning_rate": "learning_rate/learning_rate", "error_mm": "loss/error_mm"}
            recorders.append(TensorBoard(os.path.join(folder, "log"), tags, schedule, config.log_interval))
        meta = {"model": "pose_baseline", "config": dict(config), "rank_size": runtime.rank_size}
        save = SaveCheckpoint(store, network, step, meta, data.statistics.to_arrays(), config.save_every_steps,
                              [recorders[0].flush],
                              lambda path, ms: LOGGER.info("Saving the model... done in %.2f ms (%s)", ms, path))
        lines = LogLines(config.log_interval, line, block=lambda now: block(now, learning_rate_at(schedule, now.step)))
        evaluation = Evaluate(config, network, data, recorders)
        callbacks = standard_callbacks(config.profile, lines, save, [*recorders, evaluation])
    repeated = RepeatedStep(step, config.steps_per_launch) if config.steps_per_launch > 1 else None
    train_to_end(step, loader, progress, callbacks, runtime, config.log_interval, repeated)
    return progress


def line(progress, _, milliseconds):
    """The original's line, one per `log_interval` batches."""
    return (f"Working on epoch {progress.epoch + 1}, batch {progress.batch} / {progress.steps_per_epoch}, "
            f"loss {progress.terms['loss']} ... done in {milliseconds:.2f} ms")


def block(progress, learning_rate):
    """The original's lines at the end of an epoch."""
    return ("=" * 29, f"Global step:         {progress.step}", f"Learning rate:       {learning_rate:.2e}",
            f"Train loss avg:      {progress.mean_loss:.4f}", "=" * 29)


if __name__ == "__main__":
    run(main)
