"""
Both fronts of the fake, and hosts that run for one operation of the engine.
"""

from __future__ import annotations

from functional.conftest import fake, front

__all__ = ["fake", "front"]
