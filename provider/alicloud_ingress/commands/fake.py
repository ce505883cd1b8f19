"""
`alicloud-ingress fake`: the fake of the ECS API, for other processes.
"""

from __future__ import annotations

from pathlib import Path

import click

from alicloud_ingress.commands.failure import Failure


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to bind; any other than loopback lets others in.",
)
@click.option(
    "--port",
    default=0,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: any free port.",
)
@click.option(
    "--latency-ms",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Milliseconds that each call takes.",
)
@click.option(
    "--calls",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to which each call is added as a line of JSON.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to begin from, and to keep the state in.",
)
@click.option("--admin", is_flag=True, help="Answer /_fake/ faults, calls and state.")
def fake(  # noqa: PLR0913 - one for each option
    *,
    host: str,
    port: int,
    latency_ms: int,
    calls: Path | None,
    state: Path | None,
    admin: bool,
) -> None:
    """
    Serve a fake of the ECS API; the first line tells its address.
    """
    try:
        from alicloud_ingress.testing.command import run
    except ImportError as error:
        raise click.UsageError(
            "the fake needs `pip install pulumi-alicloud-ingress[testing]`"
            f" ({error.name} is missing)"
        ) from error
    try:
        code = run(
            host,
            port,
            latency_s=latency_ms / 1000,
            calls=calls,
            state=state,
            admin=admin,
        )
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"the fake cannot be served: {error}") from error
    raise SystemExit(code)
