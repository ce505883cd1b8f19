"""
Loads the package's templates. An unknown name in a template is an error.
"""

from __future__ import annotations

from collections.abc import Callable

import jinja2


def template(name: str, **filters: Callable[..., str]) -> jinja2.Template:
    """
    A template of the folder `templates`.

    Jinja escapes values for HTML only. For Python, the caller escapes each value before
    it renders, or passes a filter for it.

    Args:
        name: such as `import_set.py.j2` or `usage.html.j2`.
        filters: by their name in the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("alicloud_ingress"),
        undefined=jinja2.StrictUndefined,
        autoescape=name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    return environment.get_template(name)
