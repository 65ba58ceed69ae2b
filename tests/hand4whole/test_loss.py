"""Losses and gradients against the published ones, and the rules of the loss by hand."""

import hand4whole_network_cases as cases
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from hand4whole.src.loss import (
    HAND_TERMS,
    TERMS,
    WholeLoss,
    aligned,
    difference,
    pose_difference,
    position_difference,
)
from hand4whole.src.network import Sizes

numbers = cases.reference.numbers


def tensor(array):
    return Tensor(np.asarray(array, np.float32))


def test_differences():
    case = cases.reference.load("losses")
    found, wanted = tensor(numbers("loss/out", (2, 137, 3))), tensor(numbers("loss/gt", (2, 137, 3)))
    valid = tensor(numbers("loss/valid", (2, 137, 1), 0, 1) < 0.6)
    assert np.abs(difference(found, wanted, valid).asnumpy() - case["coord"]).max() < 1e-6
    flat = position_difference(found, wanted, valid, tensor([1, 0])).asnumpy()
    assert np.abs(flat - case["coord_is3D"]).max() < 1e-6
    found, wanted = tensor(numbers("loss/param_out", (2, 159))), tensor(numbers("loss/param_gt", (2, 159)))
    valid = tensor(numbers("loss/param_valid", (2, 159), 0, 1) < 0.6)
    assert np.abs(pose_difference(found, wanted, valid, False).asnumpy() - case["param"]).max() < 1e-6


def test_as_matrices_half_a_turn_is_one_rotation():
    found, wanted = tensor([[np.pi, 0, 0, 0, 0, np.pi / 2]]), tensor([[-np.pi, 0, 0, 0, 0, 0]])
    assert pose_difference(found, wanted, tensor(np.ones((1, 6))), False).asnumpy().max() > 6
    apart = pose_difference(found, wanted, tensor(np.ones((1, 6))), True).asnumpy()
    assert np.abs(apart[0, 0]).max() < 1e-5
    # A quarter turn about z: 1 0 / 0 1 becomes 0 -1 / 1 0.
    assert np.abs(apart[0, 1] - [[1, 1, 0], [1, 1, 0], [0, 0, 0]]).max() < 1e-5
    assert not pose_difference(found, wanted, tensor([[1, 1, 1, 0, 0, 0]]), True).asnumpy()[0, 1].any()


def test_alignment_takes_the_mean_distance_of_what_is_seen():
    found, wanted = tensor([[[0, 0], [1, 0], [5, 5]]]), tensor([[[2, 1], [5, 1], [0, 0]]])
    moved = aligned(found, wanted, tensor([[[1], [1], [0]]])).asnumpy()[0]
    assert moved.tolist() == [[3, 1], [4, 1], [8, 6]]
    assert aligned(found, wanted, tensor([[[0], [0], [0]]])).asnumpy().tolist() == found.asnumpy().tolist()


def test_hands_move_into_their_boxes():
    """A box of 64 x 64 px from (32, 64): two cells from (1, 2); its map has eight."""
    loss = WholeLoss(Sizes())
    joint_img, proj, trunc = np.zeros((1, 137, 3)), np.full((1, 137, 2), 2.0), np.ones((1, 137, 1))
    joint_img[:, 25:45] = [2.5, 3.0, 4.0]
    joint_img[:, 45:65] = [0.5, 3.0, 4.0]  # left of the box
    boxes = np.tile([32, 64, 96, 128], (1, 3, 1))
    found, targets, masks = (part.asnumpy()[0] for part in
                             loss._in_hand_maps(*map(tensor, (proj, joint_img, trunc, boxes))))
    assert targets[30].tolist() == [6.0, 4.0, 4.0] and found[30].tolist() == [4.0, 0.0] and masks[30] == 1
    assert targets[50].tolist() == [-2.0, 4.0, 4.0] and masks[50] == 0
    assert targets[0].tolist() == [0, 0, 0] and found[0].tolist() == [2, 2] and masks[[0, 100]].all()


@pytest.mark.slow
@pytest.mark.parametrize("name, mode, losses, norms", [
    ("whole", "eval_bn", 1e-4, 1e-3), ("hand", "eval_bn", 1e-4, 1e-3), ("hand", "train_bn", 1e-3, 0.03)])
def test_published_losses_and_gradients(name, mode, losses, norms):
    ms.set_context(mode=ms.GRAPH_MODE)
    hand_only = name == "hand"
    case = cases.reference.load("hand_only_losses" if hand_only else "losses")
    step = cases.LossAndGradients(cases.hand() if hand_only else cases.whole(), hand_only)
    step.set_train(mode == "train_bn")
    (total, terms), gradients = step(*(cases.hand_batch() if hand_only else cases.whole_batch()))
    assert float(total) == pytest.approx(float(case[f"{mode}/total"]), rel=losses)
    for term, value in zip(HAND_TERMS if hand_only else TERMS, terms):
        assert float(value) == pytest.approx(float(case[f"{mode}/loss/{term}"]), rel=losses), term
    for key in case:
        if key.startswith(f"{mode}/grad_norm/"):
            group = key.rsplit("/", 1)[1]
            found = cases.gradient_norm(step.parameters, gradients, group)
            assert found == pytest.approx(float(case[key]), rel=norms), group
