"""Train Hand4Whole, or with --parts hand the hand-only network.

    python train.py --gpu 0,1 --lr 1e-4 --end_epoch 7 --train_batch_size 16
"""
import logging
import os
import sys

# The repository root, so that `common` and `hand4whole` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.engine.modelarts import on_modelarts  # noqa: E402
from common.errors import run  # noqa: E402
from common.files import make_folder  # noqa: E402
from hand4whole.src.config import read_settings  # noqa: E402
from hand4whole.src.multi_gpu import use_cards  # noqa: E402

LOGGER = logging.getLogger("mindhuman")


def main(argv):
    config = use_cards(read_settings(argv), __file__, argv)

    from common.engine.runtime import init_runtime

    runtime = init_runtime(config.device_target, config.device_id, config.seed)
    with on_modelarts(config, config.data_path, config.output_path):
        train(config, runtime)


def train(config, runtime):
    """One training run, from the settings to the last epoch -> its `Progress`."""
    from common.data.pipeline import Pipeline
    from common.engine.amp import check_amp
    from common.engine.callbacks import LogLines, MetricsCsv, SaveCheckpoint
    from common.engine.loop import Progress
    from common.engine.run import save_settings, standard_callbacks, train_to_end
    from common.engine.runtime import broadcast_parameters
    from common.engine.schedules import learning_rate_at
    from hand4whole.src.body import load_body
    from hand4whole.src.checkpoints import SUFFIXES, Snapshots, continue_from_snapshot, snapshot_to_continue
    from hand4whole.src.datasets import build_training_set
    from hand4whole.src.network import settings_of
    from hand4whole.src.train_step import build_start, build_step
    from hand4whole.src.training_log import Speed, TimedLoader, line, log_file
    from hand4whole.src.weights import read_trained

    check_amp(config.amp_level, runtime.device_target)
    suffix, logs = SUFFIXES[config.parts], os.path.join(config.output_dir, "log")
    if runtime.is_main:
        for folder in ("log", "model_dump", "result", "vis"):
            make_folder(os.path.join(config.output_dir, folder))
    with log_file(os.path.join(logs, f"train_logs{suffix}.txt") if runtime.is_main else None):
        store = Snapshots(os.path.join(config.output_dir, "model_dump"), config.parts, config.keep_checkpoint_max)
        resumed = snapshot_to_continue(config, store, runtime)
        start = read_trained(config.ckpt_file) if config.ckpt_file else resumed
        if start is not None:
            config = settings_of(start, config)

        model = load_body(config)

        loader = TimedLoader(Pipeline(build_training_set(config, model), config.batch_size, config.seed, True,
                                      runtime.rank, runtime.rank_size, config.num_workers))
        progress = Progress(config.epochs, loader.steps_per_epoch)

        network = build_start(config, model, start)
        broadcast_parameters(network.get_parameters(), runtime)

        step, schedule = build_step(config, runtime.rank_size, network, progress)
        continue_from_snapshot(resumed, store, network, step, progress)
        LOGGER.info("%d steps per epoch, epochs %d to %d; output in %s", loader.steps_per_epoch, progress.epoch,
                    progress.epochs - 1, config.output_dir)
        save_settings(config, runtime, store.folder, f"config{suffix}.yaml")

        callbacks = []
        if runtime.is_main:
            table = MetricsCsv(os.path.join(logs, f"metrics{suffix}.csv"), step.term_names, (), schedule,
                               config.log_interval)
            meta = {"model": "hand4whole", "config": dict(config), "rank_size": runtime.rank_size}
            save = SaveCheckpoint(store, network, step, meta, None, config.ckpt_interval, [table.flush],
                                  lambda path, _: LOGGER.info("Write snapshot into %s", path))
            speed = Speed(loader)
            lines = LogLines(config.log_interval, lambda now, *_: line(
                now, learning_rate_at(schedule, now.step - 1), speed), block=lambda now: (
                    f"Epoch {now.epoch}/{now.epochs}: mean loss {now.mean_loss:.4f}",))
            callbacks = [speed, *standard_callbacks(config.profile, lines, save, [table], logs)]
        train_to_end(step, loader, progress, callbacks, runtime, config.log_interval)
    return progress


if __name__ == "__main__":
    run(main)
