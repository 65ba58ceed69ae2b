"""Initial values: random, except where a checkpoint replaces them."""
import numpy as np

from common.initial import generator, replaced_by_checkpoint


def test_zeros_only_where_a_checkpoint_replaces_everything():
    expected = np.random.default_rng(3).standard_normal((2, 3), np.float32)
    np.testing.assert_array_equal(generator(3).standard_normal((2, 3), np.float32), expected)
    with replaced_by_checkpoint():
        drawn = generator(3).standard_normal((2, 3), np.float32)
        assert drawn.dtype == np.float32 and drawn.shape == (2, 3) and not drawn.any()
        assert not generator(3).uniform(-1.0, 1.0, (4,)).any()
    # A checkpoint that may lack weights leaves them at their initial values.
    with replaced_by_checkpoint(strictly=False):
        np.testing.assert_array_equal(generator(3).standard_normal((2, 3), np.float32), expected)
    assert generator(3).standard_normal((2,)).any()
