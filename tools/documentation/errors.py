"""
The tables of errors, from the classes and the codes.
"""

from __future__ import annotations

import inspect

from alicloud_ingress.ecs.error_codes import BY_CODE
from alicloud_ingress.errors import EcsError, IngressError
from alicloud_ingress.rendering.markup import cell, code


def error_tables() -> str:
    """
    Markdown with each class of error and each code of ECS.
    """
    return "\n".join([*_own(), "", *_of_ecs(), "", *_codes(), ""])


def _own() -> list[str]:
    lines = ["## Errors of this package", "", "| error | when |", "|--|--|"]
    return lines + [
        f"| {code(kind.__name__)} | {_meaning(kind)} |"
        for kind in IngressError.__subclasses__()
    ]


def _of_ecs() -> list[str]:
    lines = [
        "## Answers of ECS, by their meaning",
        "",
        "All are an `EcsError`. The pauses between retries grow.",
        "",
        "| error | meaning | retried | next step |",
        "|--|--|--|--|",
    ]
    return lines + [
        f"| {code(kind.__name__)} | {_meaning(kind)} |"
        f" {'yes' if kind.retryable else 'no'} | {_step(kind.next_step)} |"
        for kind in _below(EcsError)
    ]


def _codes() -> list[str]:
    lines = [
        "## Codes of ECS",
        "",
        "The code decides, not the HTTP status. Other codes are not retried.",
        "",
        "| code | error | next step |",
        "|--|--|--|",
    ]
    for name in sorted(BY_CODE):
        error = BY_CODE[name]("Action", name, "detail")
        step = str(error).partition("detail; ")[2].replace("ecs:Action", "the action")
        lines.append(f"| {code(name)} | {code(type(error).__name__)} | {_step(step)} |")
    return lines


def _below(kind: type[EcsError]) -> dict[type[EcsError], None]:
    found: dict[type[EcsError], None] = {}
    for child in kind.__subclasses__():
        found |= {child: None, **_below(child)}
    return found


def _meaning(kind: type[IngressError]) -> str:
    text = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    return cell(" ".join(text.split()))


def _step(step: str) -> str:
    return cell(step.replace("{permission}", "the action"))
