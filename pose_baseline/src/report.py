"""The lines and files in which results are told; formats of the original programme."""
import json
import logging

from common.files import atomic_write

LOGGER = logging.getLogger("mindhuman")
RULE = "=" * 29


def log_epoch(progress, learning_rate):
    """The block after each epoch."""
    for line in (RULE, f"Global step:         {progress.step}", f"Learning rate:       {learning_rate:.2e}",
                 f"Train loss avg:      {progress.mean_loss:.4f}", RULE):
        LOGGER.info(line)


def log_evaluation(result, action_wise):
    """The table of the actions, or the figures over all frames with the error of each joint."""
    if action_wise:
        LOGGER.info("{:=^12} {:=^6}".format("Action", "mm"))
        for action, error in result.actions.items():
            LOGGER.info(f"{action:<12} {error:>6.2f}")
        LOGGER.info("{:<12} {:>6.2f}".format("Average", result.action_mean))
        LOGGER.info("=" * 19)
        return
    LOGGER.info(RULE)
    LOGGER.info("Val loss avg:        %.4f", result.loss)
    LOGGER.info("Val error avg (mm):  %.2f", result.total_error)
    LOGGER.info(RULE)
    for number, (joint, error) in enumerate(result.joints.items(), 1):
        LOGGER.info("Error in joint %02d (mm): %5.2f  %s", number, error, joint)
    LOGGER.info(RULE)


def write_evaluation(path, result, checkpoint, config, frames):
    """The result of an evaluation as JSON, for programmes."""
    protocol = "PA-MPJPE (each pose aligned by rotation, translation and scale)" if config.procrustes else "MPJPE"
    content = {"metric": protocol, "unit": "mm", "error": result.error, "action_mean": result.action_mean,
               "all_frames": result.total_error, "actions": result.actions, "joints": result.joints,
               "loss": result.loss, "frames": frames, "checkpoint": checkpoint.path,
               "step": checkpoint.meta.get("step"), "detections": config.detections,
               "camera_frame": config.camera_frame, "drop_remainder": config.drop_remainder}
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())
