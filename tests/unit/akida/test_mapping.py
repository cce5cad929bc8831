"""The mapper runs in a process of its own, because it may end it."""

from snugnet.akida import mapping


def fbz(programs):
    return programs["akida_v2_w8a8"].folder / "program" / "model.fbz"


def test_what_ends_the_mapper_is_a_reason_and_not_the_end(programs, tmp_path):
    path = tmp_path / "model.fbz"
    path.write_bytes(fbz(programs).read_bytes()[:2000])
    result = mapping.map_on_device(path, "SixNodesIPv2")
    assert not result.hardware
    assert result.reason.startswith("the mapper failed with exit code ")
    assert set(result.to_json()) == {"hardware", "reason"}


def test_a_program_of_the_other_generation_does_not_fit(programs):
    result = mapping.map_on_device(fbz(programs), "AKD1000")
    assert not result.hardware
    assert "IP version" in result.reason


def test_the_plain_search_is_tried_where_the_fine_one_ends_the_process(programs, monkeypatch):
    monkeypatch.setattr(mapping, "MODES", ("EndsTheProcess", "Minimal"))
    plain = mapping.map_on_device(fbz(programs), "SixNodesIPv2")
    assert plain.hardware
    assert mapping.DeviceMapping.from_json(plain.to_json()) == plain
    monkeypatch.setattr(mapping, "MODES", ("AllNps",))
    fine = mapping.map_on_device(fbz(programs), "SixNodesIPv2")
    assert fine.layout.processors >= plain.layout.processors
