"""
The commands run outside of this project.
"""

from __future__ import annotations

from functional.conftest import own_folder

__all__ = ["own_folder"]
