"""
`alicloud-ingress fake`: serves the fake of the ECS API to other processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alicloud_ingress.cli.failure import Failure

if TYPE_CHECKING:
    from alicloud_ingress.testing.behaviour import Behaviour


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; only a loopback address keeps other machines out.",
)
@click.option(
    "--port",
    default=0,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes any free port.",
)
@click.option(
    "--latency-ms",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Delay of each answer, in milliseconds.",
)
@click.option(
    "--calls",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to append each call to, as one line of JSON.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to load groups and rules from, and to save them to after each change.",
)
@click.option(
    "--admin",
    is_flag=True,
    help="Also serve /_fake/faults, /_fake/calls, /_fake/state and /_fake/behaviour,"
    " which control the fake.",
)
@click.option(
    "--cert",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="PEM file with the certificate for https; by default one is generated.",
)
@click.option(
    "--key",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="PEM file with the private key of --cert.",
)
@click.option(
    "--behaviour",
    metavar="NAME=VALUE",
    multiple=True,
    help="Sets how the fake acts where the ECS documentation does not say; repeatable.",
)
def fake(  # noqa: PLR0913 - one for each option
    *,
    host: str,
    port: int,
    latency_ms: int,
    calls: Path | None,
    state: Path | None,
    admin: bool,
    cert: Path | None,
    key: Path | None,
    behaviour: tuple[str, ...],
) -> None:
    """
    Serve a fake of the ECS API for tests, on http and https.

    Both use the same port. The first line of the output is the address. The second
    line names the certificate that clients must trust, for example through the
    environment variable SSL_CERT_FILE.
    """
    try:
        from alicloud_ingress.testing.behaviour import Behaviour
        from alicloud_ingress.testing.fake import run

        code = run(
            host,
            port,
            latency_s=latency_ms / 1000,
            calls=calls,
            state=state,
            admin=admin,
            cert=cert,
            key=key,
            behaviour=_changed(Behaviour(), behaviour),
        )
    except ImportError as error:
        raise Failure(str(error)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"the fake cannot start: {error}") from error
    raise SystemExit(code)


def _changed(behaviour: Behaviour, settings: Sequence[str]) -> Behaviour:
    try:
        for setting in settings:
            behaviour = behaviour.changed_by_text(setting)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--behaviour") from error
    return behaviour
