"""Tests of the mapper, which runs in a separate process."""

from snugnet.akida import mapping


def fbz(programs):
    return programs["akida_v2_w8a8"].folder / "program" / "model.fbz"


def test_map_on_device_reports_reason_when_mapper_crashes(programs, tmp_path):
    path = tmp_path / "model.fbz"
    path.write_bytes(fbz(programs).read_bytes()[:2000])
    result = mapping.map_on_device(path, "SixNodesIPv2")
    assert not result.hardware
    assert result.reason.startswith("the mapper failed with exit code ")
    assert set(result.to_json()) == {"hardware", "reason"}


def test_map_on_device_fails_when_program_is_for_other_version(programs):
    result = mapping.map_on_device(fbz(programs), "AKD1000")
    assert not result.hardware
    assert "IP version" in result.reason


def test_map_on_device_uses_next_mode_when_first_mode_crashes(programs, monkeypatch):
    monkeypatch.setattr(mapping, "MODES", ("EndsTheProcess", "Minimal"))
    plain = mapping.map_on_device(fbz(programs), "SixNodesIPv2")
    assert plain.hardware
    assert mapping.DeviceMapping.from_json(plain.to_json()) == plain
    monkeypatch.setattr(mapping, "MODES", ("AllNps",))
    fine = mapping.map_on_device(fbz(programs), "SixNodesIPv2")
    assert fine.layout.processors >= plain.layout.processors
