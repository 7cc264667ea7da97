"""`portcullis run`: the bot itself."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.policy import Policy
    from bot.settings import Settings


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("run", help="run the bot until it is told to stop")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Run until SIGTERM; SIGHUP reloads the policy. 2 where a setting, the policy, the database or the address is
    wrong, before anything is taken or sent."""
    import gc

    gc.disable()  # until it is ready (bot/wiring.py): a fifth of the start went into collections that found nothing
    try:
        return _configured_and_run()
    finally:
        gc.enable()


def _configured_and_run() -> int:
    from bot import logs
    from bot.adapters.closed_process import close_to_others
    from bot.cli.configured import NotConfigured, cause, finished, policy_file, settings
    from bot.settings import Settings

    close_to_others()  # before a secret is read from a file; what was in the environment no program reads from now on
    configured = settings(Settings)
    policy = policy_file(configured.policy)
    logs.configure()
    try:
        finished(_run(configured, policy))
    except OSError as error:
        where = f"{configured.http_host}:{configured.http_port}"
        raise NotConfigured(
            [f"cannot listen at {where} (PORTCULLIS_HTTP_HOST, PORTCULLIS_HTTP_PORT): {_bare(cause(error))}"]
        ) from None
    return 0


async def _run(configured: "Settings", policy: "Policy") -> None:
    from bot import wiring
    from bot.cli.configured import prepare_ledger

    await prepare_ledger(configured.database_url)  # what is wrong with it is told here, in one line
    await wiring.run_until_stopped(configured, policy)


def _bare(text: str) -> str:
    """asyncio says the address again before it says what is wrong with it."""
    return text.rpartition("): ")[2]
