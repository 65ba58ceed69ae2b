"""2D joints of a file to 3D joints, images and a video.

    python infer.py --ckpt_file checkpoint-24371.ckpt --input keypoints.json --output_dir output/infer
"""
import os
import sys

# The repository root, so that `common` and `pose_baseline` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import UserError, run  # noqa: E402
from common.limits import check_given  # noqa: E402
from common.log import set_up_logging  # noqa: E402
from pose_baseline.src.config import read_settings  # noqa: E402


def main(argv):
    config = read_settings(argv)
    check_given(config, {"input": "a file with 2D joints (npz, npy, json) or a folder of OpenPose json"})
    set_up_logging()

    from pose_baseline.src.keypoints import parse_image_size, read_keypoints

    image_size = parse_image_size(config.image_size)
    try:
        tracks = read_keypoints(config.input, config.joint_order or None, config.min_confidence, image_size)
    except UserError as error:
        flag = "--input " if str(error).startswith(config.input) else ""  # else another flag is at fault
        raise UserError(f"{flag}{error}") from None

    from common.engine.runtime import init_runtime
    from pose_baseline.src.inference import open_model, read_truth
    from pose_baseline.src.outputs import check_outputs, write_results

    init_runtime(config.device_target, config.device_id, config.seed)
    model, config = open_model(config)
    check_outputs(config, model.statistics)
    predictions = model.lift(tracks, config.rescale, image_size)
    truth = read_truth(config.ground_truth, predictions, model.statistics)
    write_results(predictions, truth, config)


if __name__ == "__main__":
    run(main)
