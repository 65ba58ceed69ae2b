"""tools/lab/audit_operators.py: primitives read from graphs, the verdicts, and the command line."""
import json
import pathlib
import platform

import pytest

from common.errors import UserError
from tools.lab import audit_operators, gpu_dry_compile
from tools.lab.audit_operators import PrimitiveUse, ascend_evidence, judge, read_graph
from tools.lab.gpu_dry_compile import DryCompileResult

GRAPHS = pathlib.Path(__file__).with_name("gpu_graphs.py")
NODES = """
  %0(CNode_1) = Load(%para1_weight, UMonad[U]) cnode_attrs: {checkpoint: Bool(1)}
      : (<Ref[Tensor[Float32]], (8, 3), ref_key=weight>, <UMonad, NoShape>) -> (<Tensor[Float32], (8, 3)>)
  %1(y) = PrimFunc_MatMul(%para2_x, %0, Bool(0), Bool(1)) {instance name: matmul}
      : (<Tensor[Float32], (2, 3)>, <Tensor[Float32], (8, 3)>, <Bool, NoShape>) -> (<Tensor[Float32], (2, 8)>)
      # Fullname with scope: (Default/MatMul-op0)
  %2(z) = PrimFunc_MatMul(%para3_x, %0, Bool(0), Bool(1)) {instance name: matmul}
      : (<Tensor[Float16], (2, 3)>, <Tensor[Float16], (8, 3)>) -> (<Tensor[Float16], (2, 8)>)
  %3(success) = Adam(%para1_weight, %1) {instance name: opt}
      : (<Ref[Tensor[Float32]], (8, 3), ref_key=weight>, <Tensor[Int32], ()>) -> (<Tuple[Tensor[Float32]*3], NoShape>)
"""


def test_primitives_are_counted_with_the_types_of_their_inputs():
    assert read_graph(NODES) == {"Adam": (1, ("Float32", "Int32")), "MatMul": (2, ("Float16", "Float32"))}


def test_a_kernel_on_the_cpu_is_missing_on_gpu():
    primitives = {"Add": (1, ("Float32",)), "Cross": (2, ("Float32",))}
    found = judge(primitives, DryCompileResult("g", True, ("Cross", "Eig"), "", 1.0), "GPU")
    assert [(each.primitive, each.supported) for each in found] == [("Add", True), ("Cross", False), ("Eig", False)]
    found = judge(primitives, DryCompileResult("g", False, (), "no kernel", 1.0), "GPU")
    assert found[-1] == PrimitiveUse("(graph)", 1, (), False, "no kernel")


@pytest.mark.parametrize("primitive, words", [
    ("MatMul", "documented: ops.MatMul"),
    ("Tile", "documented: "),
    ("TensorMove", "reviewed: "), ("SumExt", "symbol SumExtAscend in ")])
def test_evidence_for_ascend(primitive, words):
    assert words in ascend_evidence(primitive)


def test_no_evidence_is_missing():
    assert ascend_evidence("NoSuchPrimitive") == ""
    (found,) = judge({"NoSuchPrimitive": (1, ())}, None, "Ascend")
    assert not found.supported and found.evidence == "no evidence"


def test_reviewed_list_gives_reasons_for_primitives_without_other_evidence():
    reviewed = audit_operators._reviewed()
    assert reviewed and all(isinstance(reason, str) and len(reason) > 20 for reason in reviewed.values())


@pytest.mark.parametrize("arguments, words", [
    (["nobody", "--target", "GPU"], "neither a .mindir file nor a model; the models are cmr"),
    (["missing.mindir", "--target", "Ascend"], "missing.mindir does not exist")])
def test_bad_source(arguments, words):
    with pytest.raises(UserError, match=words):
        audit_operators.graphs_of(arguments[0])


def test_command_for_ascend(tmp_path, capsys, monkeypatch):
    path = tmp_path / "audit.json"
    monkeypatch.setattr(audit_operators, "ascend_evidence", lambda name: "" if name == "Conv2D" else "known")
    assert audit_operators.main([f"{GRAPHS}:good", "--target", "Ascend", "--json", str(path)]) == 1
    text = capsys.readouterr().out
    assert "missing: Conv2D\n" in text and "MISSING Conv2D" in text
    (findings,) = json.loads(path.read_text())["graphs"].values()
    assert {found["primitive"] for found in findings} > {"BatchNorm", "Conv2D"}
    assert all(found["dtypes"] == ["Float32"] for found in findings if found["primitive"] in ("BatchNorm", "Conv2D"))


@pytest.mark.gpu
@pytest.mark.skipif(bool(gpu_dry_compile.missing_tools()) or platform.machine() != "x86_64",
                    reason="needs gcc and nm on x86-64")
def test_command_for_gpu(capsys):
    assert audit_operators.main([f"{GRAPHS}:backs_off", "--target", "GPU"]) == 1
    assert "missing: Cross" in capsys.readouterr().out


@pytest.mark.parametrize("batch", [1, None])
def test_an_exported_file_is_read_too(batch, tmp_path, capsys):
    import mindspore as ms
    from mindspore import nn

    path = tmp_path / "net.mindir"
    x = ms.Tensor(shape=[batch, 4], dtype=ms.float32) if batch is None else ms.ops.zeros((batch, 4))
    ms.export(nn.SequentialCell(nn.Dense(4, 3), nn.ReLU()), x, file_name=str(path), file_format="MINDIR")
    assert audit_operators.main([str(path), "--target", "Ascend"]) == 0
    assert "ReLU" in capsys.readouterr().out
