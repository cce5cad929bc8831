"""Tests of unrolling recurrent layers."""

import numpy as np
import pytest

from snugnet.core.errors import InputError


@pytest.mark.parametrize("kind", ["GRU", "SimpleRNN", "LSTM"])
def test_unroll_keeps_outputs_and_names_when_model_is_recurrent(keras, kind):
    from snugnet.models.loading.unroll_rnn import RECURRENT, list_recurrent_layers, unroll

    layers = keras.tf_keras.layers
    recurrent = getattr(layers, kind)
    model = keras.tf_keras.Sequential(
        [
            layers.Input((9, 2)),
            layers.Bidirectional(recurrent(3, return_sequences=True), name="both"),
            recurrent(4, name="last"),
            layers.Dense(2),
        ]
    )
    written = unroll(model, RECURRENT)
    x = np.random.default_rng(0).normal(size=(5, 9, 2)).astype(np.float32)
    np.testing.assert_allclose(written(x), model(x), atol=1e-6)
    assert [layer.name for layer in written.layers] == [layer.name for layer in model.layers]
    assert written.get_layer("last").unroll
    assert written.get_layer("both").forward_layer.unroll
    assert written.get_layer("both").backward_layer.unroll
    assert unroll(model, ()) is model
    assert list_recurrent_layers(model) == ["'both' (Bidirectional)", f"'last' ({kind})"]


def test_unroll_fails_when_there_are_too_many_steps(keras):
    from snugnet.models.loading.unroll_rnn import MAX_STEPS, RECURRENT, unroll

    layers = keras.tf_keras.layers
    model = keras.tf_keras.Sequential([layers.Input((MAX_STEPS + 1, 2)), layers.GRU(3, name="g")])
    with pytest.raises(
        InputError, match=f"'g': cannot unroll 257 time steps; the maximum is {MAX_STEPS}"
    ):
        unroll(model, RECURRENT)


def test_unroll_fails_when_layers_together_have_too_many_steps(keras):
    from snugnet.models.loading.unroll_rnn import MAX_STEPS, RECURRENT, unroll

    layers = keras.tf_keras.layers
    recurrent = [layers.GRU(2, return_sequences=True) for _ in range(3)]
    model = keras.tf_keras.Sequential([layers.Input((MAX_STEPS, 2)), *recurrent])
    with pytest.raises(InputError, match=r"768 time steps .* the maximum is 512"):
        unroll(model, RECURRENT)
