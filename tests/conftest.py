"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# Machines of CI are slow and shared: time is no criterion, and each run tries the same examples.
settings.register_profile(
    "snugnet",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("snugnet")
