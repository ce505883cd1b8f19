"""
Text from the templates of the package, in which a name that is unknown is an error.
"""

from __future__ import annotations

from collections.abc import Callable

import jinja2


def template(name: str, **filters: Callable[..., str]) -> jinja2.Template:
    """
    A template of the folder `templates`.

    What is written is Markdown or Python and no HTML, so nothing is escaped: whoever
    fills a template in makes each value safe before, or by a filter.

    Args:
        name: such as `preview.md.j2`.
        filters: by the name that the template calls them by.
    """
    environment = jinja2.Environment(  # noqa: S701  see above
        loader=jinja2.PackageLoader("alicloud_ingress"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    return environment.get_template(name)
