"""docs/adding_a_model.md, followed to the letter in a folder of its own, and the code of docs/adding_a_dataset.md."""
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from common.data.catalogue import DataSet
from common.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "adding_a_model.md").read_text(encoding="utf-8")
# A file's name, its text up to the block without another block between them, and the block.
FILE = re.compile(r"^`(seen/[\w./]+)`(?:(?!^```)[\s\S])*?^```\w+\n(.*?)^```", re.M | re.S)


def write_model(root):
    """The files of the page, and links to what they use; returns the names."""
    for name in ("common", "tools"):
        (root / name).symlink_to(ROOT / name)
    files = dict(FILE.findall(TEXT))
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return files


def test_the_files_are_those_of_the_house(tmp_path):
    files = write_model(tmp_path)
    assert sorted(files) == ["seen/default_config.yaml", "seen/eval.py", "seen/export.py", "seen/src/config.py",
                             "seen/src/dataset.py", "seen/src/evaluate.py", "seen/src/loss.py", "seen/src/network.py",
                             "seen/train.py"]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    check = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "--config",
                            'lint.isort.known-first-party = ["common", "seen"]', "seen"], cwd=tmp_path,
                           capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


@pytest.mark.full
def test_its_commands_work(tmp_path):
    write_model(tmp_path)
    block = TEXT[TEXT.index("## Try it"):].partition("```bash\n")[2].partition("```")[0]
    said = []
    for command in block.strip().splitlines():
        words = command.split()
        assert words[0] == "python"
        done = subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout + done.stderr)
    _, trained, continued, measured, exported = said
    steps = int(re.search(r"of (\d+): loss", trained)[1]) // 2
    assert f"seen-{2 * steps}.ckpt" in continued and "epoch 3 of 3" in continued and "epoch 2 of 3" not in continued
    assert {path.name for path in (tmp_path / "output" / "seen").glob("*.ckpt")} == {
        f"seen-{epoch * steps}.ckpt" for epoch in (1, 2, 3)}
    assert float(re.search(r"right for ([\d.]+) %", measured)[1]) > 50
    assert "seen.mindir" in exported and "differs from the network by at most" in exported


def test_the_reader_of_the_page_on_data_sets_reads(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "adding_a_dataset.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    names, (reader, row) = {}, code
    exec(compile(reader, "example.py", "exec"), names)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").touch()
    points = ["3", "4", "", ""] + ["10", "20"] * 12
    (tmp_path / "points.csv").write_text(",".join(["1.jpg", *points]) + "\n" + ",".join(["1.jpg", *[""] * 28]) + "\n")
    record, = names["read_example"](str(tmp_path))
    assert record.joints[0] == "right_ankle" and record.j2d[0].tolist() == [3, 4]
    assert record.visibility.tolist() == [2, 0, *[2] * 12] and record.box.tolist() == [3, 4, 7, 16]
    (tmp_path / "points.csv").write_text("1.jpg,1,2\n")
    with pytest.raises(UserError, match="line 1: not 28 numbers"):
        names["read_example"](str(tmp_path))
    exec(row, catalogue := {"DataSet": DataSet})
    assert catalogue["EXAMPLE"].called("Example-V1")
