"""The sample world of the demo: a service with a health page, a registry, CI that posts evidence, a mailbox, and a
page to play with all of it. It stands for what a team has already; the bot knows it only by its addresses."""

import argparse
import asyncio
import json
import os
import secrets
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pyotp
from aiohttp import web

from examples.readiness.builds import CANDIDATES, FIRST, FOUND, MANIFEST, Build, Shelf
from sandbox.mail import MailServer

PAGE = Path(__file__).with_name("world.html")
HEALTH: Final = ("ok", "warning", "error", "garbled")
"""How production may feel; the last one answers 200 with a page for people, which breaks the contract."""
MOST_READINGS: Final = 300
MOST_LETTERS: Final = 5


def _system_time() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class World:
    """What runs where, how the service feels, and how to reach the bot."""

    bot: str
    token: str
    factors: dict[str, str]  # person -> TOTP secret: the pocket authenticators of the cast
    shelf: Shelf = field(default_factory=Shelf)
    running: dict[tuple[str, str], str] = field(default_factory=dict)
    health: str = "ok"
    faults: dict[str, str] = field(default_factory=dict)
    """What is wrong with a version wherever it runs in production, by its digest: only another version helps."""
    readings: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_READINGS))
    """Each answer of /health: when, and how production felt."""
    mail: MailServer = field(default_factory=MailServer)
    said: list[str] = field(default_factory=list)
    now: Callable[[], datetime] = _system_time
    """What its clocks show: a scenario that puts the bot's forward puts these forward too."""

    @property
    def feels(self) -> str:
        """How production feels: as bad as what happens to it or what runs there."""
        running = [self.faults.get(d, "ok") for (_, e), d in self.running.items() if e == "production"]
        return max([self.health, *running], key=HEALTH.index)

    def note(self, text: str) -> None:
        """Remember what happened, for the page."""
        self.said.insert(0, f"{self.now():%H:%M:%S} {text}")
        del self.said[12:]


WORLD: web.AppKey[World] = web.AppKey("world", World)


async def get_health(request: web.Request) -> web.Response:
    """The service's health, by contract D3, unless it is garbled."""
    world = request.app[WORLD]
    now = world.now().isoformat()
    feels = world.feels
    world.readings.append((now, feels))
    if feels == "garbled":
        return web.Response(text="<h1>Welcome to the shop</h1>", content_type="text/html")
    checks: dict[str, Any] = {"database": feels != "error", "memory": feels != "warning"}
    body = {"status": feels, "checks": checks, "timestamp": now}
    return web.json_response(body, status=503 if feels == "error" else 200)


async def get_manifest(request: web.Request) -> web.Response:
    """The registry: HEAD or GET a manifest by tag or digest."""
    build = request.app[WORLD].shelf.find(request.match_info["name"], request.match_info["reference"])
    if build is None:
        return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, status=404)
    return web.Response(
        body=build.manifest, content_type=MANIFEST, headers={"Docker-Content-Digest": build.digest}
    )


async def post_deploy(request: web.Request) -> web.Response:
    """The platform: run a digest somewhere."""
    world = request.app[WORLD]
    body = await request.json()
    service, environment, digest = body["service"], body["environment"], body["digest"]
    build = world.shelf.find(service, digest)
    if build is None:
        return web.json_response({"error": "no such image"}, status=404)
    world.running[service, environment] = digest
    world.note(f"{service} {build.tag} now runs in {environment}")
    return web.json_response({"digest": digest})


async def get_running(request: web.Request) -> web.Response:
    """Which digest runs."""
    key = (request.match_info["service"], request.match_info["environment"])
    return web.json_response({"digest": request.app[WORLD].running.get(key, "")})


async def post_health(request: web.Request) -> web.Response:
    """Turn the service's health, from the page or the tour."""
    world = request.app[WORLD]
    health = (await request.json()).get("health")
    if health not in HEALTH:
        return web.json_response({"error": f"health is one of {', '.join(HEALTH)}"}, status=400)
    world.health = health
    world.note(f"production turned {health}, whatever runs there")
    return web.json_response({"health": health})


async def post_fault(request: web.Request) -> web.Response:
    """Break or mend the catalogue's version that runs in production now: where it is broken, only another one helps."""
    world = request.app[WORLD]
    health = (await request.json()).get("health")
    digest = world.running.get(("catalogue", "production"))
    build = world.shelf.find("catalogue", digest) if digest else None
    if health not in HEALTH or digest is None or build is None:
        return web.json_response({"error": f"of what runs, health is one of {', '.join(HEALTH)}"}, status=400)
    world.faults[digest] = health
    world.note(f"catalogue {build.tag} is {health} in production")
    return web.json_response({"health": health, "tag": build.tag})


async def post_build(request: web.Request) -> web.Response:
    """CI builds something new, puts it in staging and says so; `critical` builds it with a vulnerability."""
    world = request.app[WORLD]
    body = await request.json()
    service = body.get("service")
    if service not in ("checkout", "catalogue"):
        return web.json_response({"error": "service is checkout or catalogue"}, status=400)
    bad = bool(body.get("critical"))
    build = Build(
        service=service,
        tag=secrets.token_hex(4)[:7],
        soaked=timedelta(minutes=int(body.get("soaked_minutes", 90))),
        critical=1 if bad else 0,
        findings=FOUND if bad else (),
    )
    await publish(world, build)
    return web.json_response({"tag": build.tag, "digest": build.digest})


async def post_code(request: web.Request) -> web.Response:
    """Whoever has the bot's host makes a one-use code for somebody who enrols, by its own command line."""
    person = str((await request.json()).get("person"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "enroll", "--", person),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    request.app[WORLD].note(f"portcullis enroll {person[:40]}, on the bot's host")
    return web.json_response({"said": out.decode(errors="replace"), "status": process.returncode})


async def publish(world: World, build: Build) -> None:
    """Push the image and post what CI says of it."""
    world.shelf.put(build)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {world.token}"}) as session:
        for statement in build.statements(world.now()):
            async with session.post(world.bot + "/api/v1/evidence", json=statement) as answer:
                if answer.status not in (200, 201):
                    raise RuntimeError(f"evidence refused: {answer.status} {await answer.text()}")
    world.note(f"CI published {build.service} {build.tag}")


async def begin(world: World) -> None:
    """The state in which the story begins: a version runs in production, newer ones passed staging."""
    for build in FIRST:
        await publish(world, build)
        world.running[build.service, "production"] = build.digest
        at = world.now() - build.soaked + timedelta(hours=2)
        statement = {
            "kind": "deployment",
            "service": build.service,
            "artifact": build.tag,
            "digest": build.digest,
            "environment": "production",
            "outcome": "passed",
            "at": at.isoformat(),
        }
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {world.token}"}) as session,
            session.post(world.bot + "/api/v1/evidence", json=statement) as answer,
        ):
            answer.raise_for_status()
    for build in sorted(CANDIDATES, key=lambda b: b.soaked, reverse=True):
        await publish(world, build)


async def post_begin(request: web.Request) -> web.Response:
    """Called by the launcher once the bot is ready."""
    await begin(request.app[WORLD])
    return web.json_response({"ok": True})


async def get_state(request: web.Request) -> web.Response:
    """Everything the page shows, with the codes that the pocket authenticators show now."""
    world = request.app[WORLD]
    now = world.now()
    codes = {person: pyotp.TOTP(secret).at(now) for person, secret in world.factors.items()}
    builds = []
    for (service, tag), build in world.shelf.builds.items():
        where = [e for (s, e), d in world.running.items() if s == service and d == build.digest]
        builds.append({"service": service, "tag": tag, "critical": build.critical, "running": where})
    return web.json_response(
        {
            "status": f"{world.bot}/status",
            "health": world.health,
            "fault": world.faults.get(world.running.get(("catalogue", "production"), ""), "ok"),
            "feels": world.feels,
            "readings": list(world.readings),
            "mail": letters(world),
            "codes": codes,
            "valid_seconds": 30 - int(now.timestamp()) % 30,
            "builds": builds,
            "said": world.said,
        }
    )


def letters(world: World) -> list[dict[str, str]]:
    """The newest letters, the newest first."""
    found = []
    for each in reversed(world.mail.received[-MOST_LETTERS:]):
        text = str(each.message.get_content()).strip()
        found.append(
            {"to": ", ".join(each.recipients), "subject": str(each.message["Subject"]), "text": text}
        )
    return found


async def get_page(_: web.Request) -> web.FileResponse:
    """The page."""
    return web.FileResponse(PAGE)


def build_app(world: World) -> web.Application:
    """The whole world as one application."""
    app = web.Application()
    app[WORLD] = world
    app.router.add_get("/", get_page)
    app.router.add_get("/state", get_state)
    app.router.add_get("/health", get_health)
    app.router.add_post("/health", post_health)
    app.router.add_post("/fault", post_fault)
    app.router.add_post("/builds", post_build)
    app.router.add_post("/begin", post_begin)
    app.router.add_post("/host/enroll", post_code)
    app.router.add_post("/deploy", post_deploy)
    app.router.add_get("/running/{service}/{environment}", get_running)
    app.router.add_get("/v2/{name}/manifests/{reference}", get_manifest)
    return app


async def serve(world: World, port: int, mail: int) -> None:
    """Serve on loopback until cancelled."""
    await world.mail.start(mail)
    runner = web.AppRunner(build_app(world), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"sample world at http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


def main() -> int:
    """Started by the launcher; secrets come by the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8071)
    parser.add_argument("--mail", type=int, default=8072, help="the port of everybody's mailbox")
    parser.add_argument("--bot", required=True)
    options = parser.parse_args()
    world = World(
        bot=options.bot, token=os.environ["SAMPLE_TOKEN"], factors=json.loads(os.environ["SAMPLE_FACTORS"])
    )
    asyncio.run(serve(world, options.port, options.mail))
    return 0


if __name__ == "__main__":
    sys.exit(main())
