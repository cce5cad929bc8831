"""Figures that the slides report for their own networks and data, in percent, for comparison.

Accuracy for the smartwatch, binary accuracy for the two ECG networks. The columns of a matrix are
those of the slides: pruned lean, pruned fat, original lean, original fat. The rows are in the order
of `SCHEMES`.
"""

SCHEMES = ("float32", "drq", "fiq_float32", "fiq_int8", "fiq_uint8")
FAMILIES = ("smartwatch", "bspc", "bspc_gap")

PTQ = {
    "smartwatch": (
        (92.3, 94.0, 93.4, 94.9),
        (92.3, 94.0, 93.4, 94.8),
        (87.2, 92.7, 88.8, 91.2),
        (77.6, 83.0, 80.9, 82.1),
        (75.5, 80.3, 80.0, 76.6),
    ),
    "bspc": (
        (85.1, 86.3, 86.2, 87.8),
        (85.1, 86.4, 86.1, 87.8),
        (84.9, 86.5, 85.0, 87.7),
        (84.6, 85.8, 84.3, 87.4),
        (84.3, 86.5, 85.1, 87.6),
    ),
    "bspc_gap": (
        (84.0, 85.1, 85.9, 87.5),
        (83.8, 85.1, 86.1, 87.6),
        (82.7, 85.1, 84.4, 86.7),
        (81.6, 85.0, 84.1, 86.6),
        (82.9, 85.0, 84.6, 86.3),
    ),
}
QAT = {
    "smartwatch": (
        (90.8, 91.9, 91.7, 91.4),
        (90.4, 91.8, 90.4, 91.8),
        (90.5, 93.3, 91.5, 91.5),
        (62.4, 70.0, 79.3, 75.0),
        (68.9, 73.4, 68.7, 71.9),
    ),
    "bspc": (
        (84.2, 85.3, 87.8, 85.7),
        (84.5, 85.8, 87.3, 87.1),
        (85.0, 85.9, 87.7, 87.1),
        (82.6, 84.1, 84.4, 85.5),
        (82.9, 84.2, 85.1, 86.5),
    ),
    "bspc_gap": (
        (83.1, 86.0, 84.8, 86.1),
        (84.1, 85.6, 86.4, 87.4),
        (83.8, 85.1, 87.3, 86.0),
        (82.4, 85.0, 84.0, 83.8),
        (83.7, 84.0, 81.7, 86.2),
    ),
}
# The nine final networks, which the slides could not train with QAT. Their points and ours belong
# to different design spaces: their first one is compared with our `lowrank_a`, and so on.
FINAL = {
    ("smartwatch_lean", "lowrank_a"): (91.6, 91.6, 86.1, 77.0, 76.9),
    ("smartwatch_lean", "lowrank_b"): (92.5, 92.5, 89.1, 78.0, 78.4),
    ("smartwatch_lean", "lowrank_c"): (92.8, 92.8, 89.3, 80.9, 80.0),
    ("smartwatch_fat", "lowrank_a"): (94.2, 94.2, 92.4, 79.4, 80.7),
    ("smartwatch_fat", "lowrank_b"): (95.2, 95.1, 93.8, 81.6, 83.6),
    ("bspc_lean", "lowrank_a"): (86.9, 86.9, 84.6, 82.7, 85.2),
    ("bspc_fat", "lowrank_a"): (88.7, 88.7, 88.6, 88.2, 88.6),
    ("bspc_gap_lean", "lowrank_a"): (86.5, 86.4, 85.5, 85.5, 85.4),
    ("bspc_gap_fat", "lowrank_a"): (88.3, 88.2, 88.3, 88.3, 88.0),
}
