"""The demo: for each image a folder of its name with mesh, drawings and parameters; videos as infer.py does them.

    python demo.py --img test.png --gpu 0,1
    python demo.py --img hand.png --parts hand --hand_side right
"""
import os
import sys

# The repository root, so that `common`, `hand4whole` and `openpose` are found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.errors import run  # noqa: E402
from hand4whole.infer import prepare  # noqa: E402


def main(argv):
    config, source, model, detector = prepare(argv, __file__)

    from common.inference.meshes import runner_of
    from hand4whole.src.inference import DemoWriter

    folder = os.path.join(config.demo_dir, source.name) if source.fps else config.demo_dir
    runner_of(config, model, detector, folder, DemoWriter(model)).run(source)


if __name__ == "__main__":
    run(main)
