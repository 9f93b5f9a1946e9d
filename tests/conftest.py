"""What holds for all tests: they judge what the program does, never how busy this machine is today."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Hypothesis calls an example that takes 0.2 s a failure, and one that takes long to draw as well: on a busy machine any
# does. The same examples each time, so that a change fails by what it changed; `--hypothesis-profile=default` looks for
# new ones.
settings.register_profile("roadtally", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("roadtally")
