"""A small Human3.6M tree, and a network trained on it for a few steps."""

import pose_baseline_golden
import pytest

SMALL = ["--camera_frame", "--residual", "--batch_norm", "--max_norm", "--dropout", "0.5", "--linear_size", "32",
         "--batch_size", "32", "--evaluateActionWise", "--device_target", "CPU"]


@pytest.fixture(scope="session")
def golden():
    """The reference cases of this model."""
    return pose_baseline_golden


@pytest.fixture(scope="session")
def tree(tmp_path_factory, golden):
    """Three subjects, two actions: about 200 training and 100 test poses for each of four cameras."""
    folder = tmp_path_factory.mktemp("h36m")
    golden.metadata.write_sequences(str(folder), 1, subjects=(1, 5, 9), actions=("Eating", "Walking"))
    golden.metadata.write_metadata(str(folder / "metadata.xml"), 1)
    return str(folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tree):
    """Folder of a finished small run: `--train_dir` of it."""
    from pose_baseline.train import main

    folder = str(tmp_path_factory.mktemp("trained"))
    main([*SMALL, "--data_dir", tree, "--train_dir", folder, "--epochs", "2", "--log_interval", "2"])
    return folder
