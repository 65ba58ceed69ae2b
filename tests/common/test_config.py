"""Settings: precedence, types, errors."""
import logging
import os

import pytest

from common.config import Config, below_output_path, load_config, present_names
from common.errors import UserError, as_written, run

DEFAULT = """\
# A comment of its own.
learning_rate: 1.0e-3   # initial learning rate
epochs: 200             # passes over the data
camera_frame: false     # predict in the camera's frame
data_dir: data/h36m/    # where the data lies
sizes: [64, 32]         # widths
names: []               # any words
"""


@pytest.fixture
def default(tmp_path):
    path = tmp_path / "default_config.yaml"
    path.write_text(DEFAULT)
    return str(path)


def test_defaults_overlay_and_flags_win_in_this_order(default, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("epochs: 5\nlearning_rate: 1\n")
    config = load_config(default, ["--config_path", str(overlay), "--epochs", "7", "--camera_frame"])
    assert (config.epochs, config.learning_rate, config.camera_frame) == (7, 1.0, True)
    assert isinstance(config.learning_rate, float)
    assert config.data_dir == "data/h36m/"
    assert config.given == {"epochs", "learning_rate", "camera_frame"}
    assert config.typed == config.replace(data_dir="x").typed == {"epochs", "camera_frame"}


def test_values_take_the_type_of_the_default(default):
    config = load_config(default, ["--learning_rate=1e-4", "--sizes", "[1, 2,3]", "--names", "a,b",
                                   "--camera_frame", "false"])
    assert config.learning_rate == 1e-4
    assert config.sizes == [1, 2, 3]
    assert config.names == ["a", "b"]
    assert config.camera_frame is False


def test_a_flag_without_value_does_not_swallow_the_next(default):
    config = load_config(default, ["--camera_frame", "--epochs", "3"])
    assert config.camera_frame is True and config.epochs == 3


def test_overrides_stand_between_defaults_and_flags(default):
    assert load_config(default, [], overrides={"epochs": 1}).epochs == 1
    assert load_config(default, ["--epochs", "2"], overrides={"epochs": 1}).epochs == 2


def test_aliases_lead_to_the_key(default):
    assert load_config(default, ["--date_dir", "x"], {"date_dir": "data_dir"}).data_dir == "x"


def test_aliases_hold_in_overlays_and_win_over_a_key_of_that_name(default, tmp_path, monkeypatch):
    monkeypatch.setattr("common.errors._WRITTEN", {})
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("date_dir: x\n")
    config = load_config(default, ["--config_path", str(overlay), "--epochs", "[3]"],
                         {"date_dir": "data_dir", "epochs": "sizes"})
    assert config.data_dir == "x" and config.sizes == [3] and config.epochs == 200
    overlay.write_text("date_dir: x\ndata_dir: y\n")
    with pytest.raises(UserError, match="overlay.yaml: date_dir and data_dir are the same setting"):
        load_config(default, ["--config_path", str(overlay)], {"date_dir": "data_dir"})


def test_former_names_of_settings(tmp_path):
    """hmr's conventions were called profile, and the recording of updates profile_training."""
    path, overlay = tmp_path / "default_config.yaml", tmp_path / "overlay.yaml"
    path.write_text("convention: tf  # a\nprofile: false  # b\n")
    for argv, expected in ((["--profile", "spin"], ("spin", False)), (["--profile=spin", "--profile"], ("spin", True)),
                           (["--profile", "true"], ("tf", True)), (["--profile", "--convention", "x"], ("x", True))):
        config = load_config(str(path), argv)
        assert (config.convention, config.profile) == expected, argv
    overlay.write_text("profile: spin\nprofile_training: true\n")
    config = load_config(str(path), ["--config_path", str(overlay)], {"profile_training": "profile"})
    assert (config.convention, config.profile) == ("spin", True)
    overlay.write_text("profile: 5\n")
    with pytest.raises(UserError, match="profile: 5 is not a boolean"):
        load_config(str(path), ["--config_path", str(overlay)])
    assert present_names({"profile": True, "lr": 1}) == {"profile": True, "lr": 1}
    assert present_names({"critic_size": 8, "critic_shape_sizes": [5]}) == {
        "discriminator_size": 8, "discriminator_shape_sizes": [5]}
    assert present_names({"profile": "tf", "profile_training": False, "end_epoch": 3}) == {
        "convention": "tf", "profile": False, "epochs": 3}


def test_help_shows_the_sections_of_the_command_first(tmp_path, monkeypatch, capsys):
    path = tmp_path / "default_config.yaml"
    path.write_text("# Everything\n# of it.\n\n# Training (train.py)\nlr: 1.0  # rate\n\n# Seeds\nseed: 1  # number\n\n"
                    "# Export (export.py eval.py)\nfile_name: x  # name\n")
    monkeypatch.setattr("sys.argv", ["eval.py"])
    with pytest.raises(SystemExit):
        load_config(str(path), ["--help"])
    text = capsys.readouterr().out
    places = [text.index(words) for words in ("Export:\n  --file_name", "Seeds:\n  --seed",
                                              "Taken too, but not used by eval.py: --lr")]
    assert places == sorted(places) and "Training" not in text


def test_the_last_of_several_values_counts_and_the_log_says_so(default, monkeypatch):
    said = []
    monkeypatch.setattr(logging.getLogger("mindhuman"), "warning", lambda text, *words: said.append(text % words))
    config = load_config(default, ["--epochs", "1", "--data_dir", "a", "--date_dir=b", "--epochs", "1"],
                         {"date_dir": "data_dir"})
    assert (config.epochs, config.data_dir) == (1, "b")
    assert said == ["--data_dir a does not count: --date_dir b follows it"]


def test_messages_name_settings_as_they_were_written(default, tmp_path, capsys):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("epochs: 5\nnames: [a]\n")
    load_config(default, ["--config_path", str(overlay), "--date_dir", "x", "--names", "b"], {"date_dir": "data_dir"})
    assert as_written("--epochs 5: too few") == f"{overlay}: epochs 5: too few"
    assert as_written("x does not exist (--epochs)") == f"x does not exist ({overlay}: epochs)"
    # Further in a sentence a flag is advice, and another flag that begins alike is not this one.
    assert as_written("give --epochs 3 or --epochs-more, --epochs_more") == "give --epochs 3 or --epochs-more, " \
                                                                              "--epochs_more"
    assert as_written("no --data_dir, no --sizes, no --names") == "no --date_dir, no --sizes, no --names"

    def main(argv):
        raise UserError("--data_dir x is no folder")

    with pytest.raises(SystemExit) as stop:
        run(main, [])
    assert stop.value.code == 1 and capsys.readouterr().err == "error: --date_dir x is no folder\n"


@pytest.mark.parametrize("argv, words", [
    (["--epoch", "3"], ["--epoch", "unknown", "--epochs"]),
    (["--nonsense"], ["--nonsense", "unknown"]),
    (["--epochs", "many"], ["--epochs", "'many'", "whole number"]),
    (["--config_path", "default_config.yml"], ["default_config.yml does not exist (--config_path)"]),
    (["--config_path", "default_config.yaml"], ["default_config.yaml does not exist (--config_path); did you mean /"]),
    (["--epochs", "1.5"], ["--epochs", "whole number"]),
    (["--camera_frame", "perhaps"], ["--camera_frame", "boolean"]),
    (["--sizes", "1,x"], ["--sizes", "whole number"]),
    (["--learning_rate", "nan"], ["--learning_rate", "'nan'", "number"]),
    (["--learning_rate=-inf"], ["--learning_rate", "number"]),
    (["--epochs"], ["--epochs"]),
    (["stray"], ["stray"]),
    (["--config_path", "/nowhere.yaml"], ["/nowhere.yaml", "does not exist"]),
])
def test_bad_command_lines_are_named(default, argv, words):
    with pytest.raises(UserError) as error:
        load_config(default, argv)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text, words", [
    ("epoch: 3\n", ["epoch", "unknown key", "epochs"]),
    ("learning_rate: 1e-4\n", ["learning_rate", "1.0e-4"]),
    ("epochs: true\n", ["epochs", "whole number"]),
    ("learning_rate: .nan\n", ["learning_rate", "number"]),
    ("1: 2\n", ["unknown key 1"]),
    ("epochs: 3\nstages: 2\nwidth: 1\n", ["unknown key 'stages'", "2 of its 3 keys", "another model?"]),
    ("sizes: 3\n", ["sizes", "list"]),
    ("- a\n", ["key: value"]),
    ("a: [\n", ["yaml"]),
])
def test_bad_overlays_are_named(default, tmp_path, text, words):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(text)
    with pytest.raises(UserError) as error:
        load_config(default, ["--config_path", str(overlay)])
    assert all(word in str(error.value) for word in [str(overlay), *words]), str(error.value)


def test_read_only_and_replace(default):
    config = load_config(default)
    with pytest.raises(AttributeError):
        config.epochs = 3
    with pytest.raises(AttributeError, match="epoch_count"):
        _ = config.epoch_count
    changed = config.replace(epochs=3)
    assert (changed.epochs, config.epochs) == (3, 200)
    with pytest.raises(KeyError):
        config.replace(epoch_count=3)


def test_saved_settings_can_be_given_back(default, tmp_path):
    config = load_config(default, ["--learning_rate", "1e-5", "--sizes", "5"])
    path = str(tmp_path / "used" / "config.yaml")
    config.save(path)
    assert dict(load_config(default, ["--config_path", path])) == dict(config)


def test_help_lists_every_key_with_its_comment(default, capsys):
    with pytest.raises(SystemExit) as stop:
        load_config(default, ["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("--learning_rate", "initial learning rate", "--camera_frame", "predict in the camera's frame",
                 "--names", "any words", "[200]"):
        assert part in text


def test_a_value_of_two_hyphens_is_one(tmp_path):
    path = tmp_path / "default_config.yaml"
    path.write_text("rate: 1.0  # a number\nname: ''  # a text\n")
    with pytest.raises(UserError, match="--rate: '--' is not a number"):
        load_config(str(path), ["--rate=--"])
    assert load_config(str(path), ["--name=--"]).name == "--"


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_texts_that_no_file_can_be_called(default, tmp_path, text):
    with pytest.raises(UserError, match="--data_dir: .* is not a text"):
        load_config(default, ["--data_dir", text])
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text('data_dir: "\\0"\n')
    with pytest.raises(UserError, match="data_dir: .* is not a text"):
        load_config(default, ["--config_path", str(overlay)])


def test_the_home_folder_in_an_overlay(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/own/home")
    (tmp_path / "default_config.yaml").write_text("data_dir: data\nlr: 1.0\n")
    (tmp_path / "own.yaml").write_text("data_dir: ~/data\n")
    config = load_config(str(tmp_path / "default_config.yaml"), ["--config_path", str(tmp_path / "own.yaml")])
    assert config.data_dir == "/own/home/data"


def test_on_modelarts_results_lie_below_output_path():
    values = {"enable_modelarts": True, "output_path": "out", "file_name": "net", "output_dir": "/abs", "other": "x"}
    config = below_output_path(Config(values), "file_name", "output_dir")
    assert (config.file_name, config.output_dir, config.other) == (os.path.join("out", "net"), "/abs", "x")
    off = Config({**values, "enable_modelarts": False})
    assert below_output_path(off, "file_name") is off
