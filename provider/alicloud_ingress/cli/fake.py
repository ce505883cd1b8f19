"""
`alicloud-ingress fake`: the fake of the ECS API, for other processes.
"""

from __future__ import annotations

from pathlib import Path

import click

from alicloud_ingress.cli.failure import Failure


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
@click.option(
    "--admin",
    is_flag=True,
    help="Answer /_fake/faults, /_fake/calls, /_fake/state and /_fake/behaviour.",
)
@click.option(
    "--cert",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="PEM file with the certificate for https; one is made unless it is set.",
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
    help="How to act where the documentation of ECS is silent; repeatable.",
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
    Serve a fake of the ECS API, over http and https on one port.

    The first line of the output is its address. The second names the certificate that
    clients have to trust, for example by the environment variable SSL_CERT_FILE.
    """
    try:
        from alicloud_ingress.testing.behaviour import Behaviour
        from alicloud_ingress.testing.command import run
    except ImportError as error:
        raise _not_installed(error) from error
    settings = Behaviour()
    try:
        for setting in behaviour:
            settings = settings.changed_by_text(setting)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--behaviour") from error
    try:
        code = run(
            host,
            port,
            latency_s=latency_ms / 1000,
            calls=calls,
            state=state,
            admin=admin,
            cert=cert,
            key=key,
            behaviour=settings,
        )
    except ImportError as error:
        raise _not_installed(error) from error
    except (OSError, ValueError, RecursionError) as error:
        raise Failure(f"the fake cannot be served: {error}") from error
    raise SystemExit(code)


def _not_installed(error: ImportError) -> click.UsageError:
    return click.UsageError(
        "the fake needs `pip install pulumi-alicloud-ingress[testing]`"
        f" ({error.name} is missing)"
    )
