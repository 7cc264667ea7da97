"""How the benchmark's own servers serve: on a free loopback port, the first line of output tells which."""

import asyncio
import signal

from aiohttp import web


async def until_stopped(app: web.Application) -> None:
    """Serve `app` until SIGTERM."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    print(f"ready at http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await stopping.wait()
    await runner.cleanup()
