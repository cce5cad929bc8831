"""Tests of the record of a model's size."""

import json

from snugnet.models.stats_record import LayerStats, ModelStats

DENSE = LayerStats("dense", "Dense", ((4, 2), (2,)), 10, 2, macs=8, zeros=1.0, rank=0)
NORMALIZATION = LayerStats("norm", "LayerNormalization", ((2,),), 2, 2, 0, zeros=None, rank=None)
STATS = ModelStats(12, 4, macs=8, zeros=1.0, layers=(DENSE, NORMALIZATION))


def test_model_stats_have_keys_of_file_when_they_are_json():
    assert STATS.to_json() == {
        "parameters": 12,
        "nonzero": 4,
        "macs": 8,
        "zeros": 1.0,
        "dead_layers": ["dense"],
        "layers": [
            {
                "name": "dense",
                "class": "Dense",
                "shapes": [[4, 2], [2]],
                "parameters": 10,
                "nonzero": 2,
                "macs": 8,
                "zeros": 1.0,
                "rank": 0,
            },
            {
                "name": "norm",
                "class": "LayerNormalization",
                "shapes": [[2]],
                "parameters": 2,
                "nonzero": 2,
                "macs": 0,
                "zeros": None,
                "rank": None,
            },
        ],
    }


def test_model_stats_are_equal_when_written_and_read():
    assert ModelStats.from_json(json.loads(json.dumps(STATS.to_json()))) == STATS
