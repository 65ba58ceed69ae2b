"""Run a MINDIR file on a folder of .bin files, as the program in ascend310_infer/ does, without MindSpore Lite.

    python tools/infer_mindir.py --model_path hmr.mindir --dataset_path preprocess_Result/img_data

Each .bin file holds one batch of the network's input, float32, in C order. Output k of NAME.bin becomes
RESULT_PATH/NAME_k.bin in the same form; the mean time of a call is printed and stands in
TIME_PATH/test_perform_static.txt.
"""
import glob
import os
import sys
import time

import numpy as np

# The repository root, so that `common` is found from any folder.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common.arguments import Arguments  # noqa: E402
from common.errors import UserError, run  # noqa: E402
from common.files import atomic_write  # noqa: E402


def parse(argv):
    parser = Arguments(__doc__)
    parser.add_argument("--model_path", required=True, help="the MINDIR file")
    parser.add_argument("--dataset_path", required=True, help="folder of the .bin files")
    parser.add_argument("--device_target", default="", help="CPU, GPU or Ascend; empty: the first usable")
    parser.add_argument("--device_id", type=int, default=0, help="card [0]")
    parser.add_argument("--result_path", default="result_Files", help="folder for the outputs [result_Files]")
    parser.add_argument("--time_path", default="time_Result", help="folder for the mean time [time_Result]")
    return parser.parse_args(argv)


def find_inputs(folder):
    """Paths of the .bin files in a folder, sorted.

    Raises:
        UserError: no folder, or nothing in it.
    """
    if not os.path.isdir(folder):
        raise UserError(f"--dataset_path {folder} is no folder: write it with preprocess.py")
    paths = sorted(glob.glob(os.path.join(glob.escape(folder), "*.bin")))
    if not paths:
        raise UserError(f"--dataset_path {folder} holds no .bin files: write them with preprocess.py")
    return paths


def input_shape(path):
    """Shape of the only input of a MINDIR file; a free batch is -1.

    Raises:
        UserError: damaged, or a file with several inputs or more than a free batch.
    """
    from google.protobuf.message import DecodeError
    from mindspore.train.mind_ir_pb2 import ModelProto

    model = ModelProto()
    try:
        with open(path, "rb") as stream:
            model.ParseFromString(stream.read())
    except (OSError, DecodeError) as error:
        raise UserError(f"--model_path {path} cannot be read as MINDIR: {error}") from None
    shapes = [tuple(tensor.dims) for value in model.graph.input for tensor in value.tensor]
    if len(shapes) != 1:
        raise UserError(f"{path} has {len(shapes)} inputs instead of one")
    if min(shapes[0][1:], default=1) < 1:
        raise UserError(f"{path} leaves more than its batch free: export it with a fixed image size")
    return shapes[0]


def read_batch(path, shape):
    """The array of a .bin file; a free batch is what the file holds.

    Raises:
        UserError: the file has another size.
    """
    values = np.fromfile(path, np.float32)
    wanted, one = abs(int(np.prod(shape))), int(np.prod(shape[1:]))
    fits = values.size and values.size % one == 0 if shape[0] < 1 else values.size == wanted
    if not fits or os.path.getsize(path) != values.nbytes:
        raise UserError(f"{path} has {os.path.getsize(path)} bytes, which the network's input of {4 * one} bytes per "
                        "image does not fit: prepare the data for this file")
    return values.reshape(-1, *shape[1:])


def main(argv):
    """Run the network on every file and write its outputs and the time."""
    arguments = parse(argv)
    paths = find_inputs(arguments.dataset_path)
    if not os.path.isfile(arguments.model_path):
        raise UserError(f"--model_path {arguments.model_path} does not exist: write it with export.py")
    from mindspore import Tensor

    from common.engine.export import load_mindir
    from common.engine.runtime import init_runtime

    init_runtime(arguments.device_target, arguments.device_id)
    shape = input_shape(arguments.model_path)
    network = load_mindir(arguments.model_path, [shape] if shape[0] < 1 else None)

    def predict(batch):
        outputs = network(Tensor(batch))
        return [output.asnumpy() for output in (outputs if isinstance(outputs, tuple | list) else (outputs,))]

    seconds = 0.0
    for number, path in enumerate(paths):
        batch = read_batch(path, shape)
        if number == 0:
            predict(batch)  # compiles, and does not count
        start = time.perf_counter()
        outputs = predict(batch)
        seconds += time.perf_counter() - start
        stem = os.path.splitext(os.path.basename(path))[0]
        for index, output in enumerate(outputs):
            if output.dtype != np.float32:
                raise UserError(f"output {index} of {arguments.model_path} is not float32: export it in single "
                                "precision")
            atomic_write(os.path.join(arguments.result_path, f"{stem}_{index}.bin"), output.tobytes())
    line = f"NN inference cost average time: {1000.0 * seconds / len(paths):.3f} ms of infer_count {len(paths)}\n"
    atomic_write(os.path.join(arguments.time_path, "test_perform_static.txt"), line.encode())
    print(line, end="")


if __name__ == "__main__":
    run(main)
