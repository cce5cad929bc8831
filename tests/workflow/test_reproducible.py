"""Test that two clean copies of the project give equal results."""

MODEL = "digits_fc/original"


def test_results_are_equal_when_two_copies_run(tiny, project):
    metrics = f"results/tiny/metrics/{MODEL}/fiq_int8/litert.json"
    targets = [metrics, f"results/tiny/tflite/{MODEL}/drq/model.tflite"]
    project.snakemake("--cores", "1", *targets, "--configfile", "config/tiny.yaml")
    copy_digests, tiny_digests = project.manifest(), tiny.manifest()
    assert {path: tiny_digests[path] for path in copy_digests} == copy_digests
    suffixes = sorted(path.rpartition(".")[2] for path in copy_digests)
    # Four splits, one model with its stats, one row with its certificate, and four .tflite files
    # with their contracts: those two, and the quantization steps between float32 and fiq_int8.
    assert suffixes == ["h5", *["json"] * 7, *["npz"] * 4, *["tflite"] * 4]
