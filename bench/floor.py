"""The floor: the least that a signed, durable slash command can be with Bolt and SQLAlchemy, or the ack alone."""

import asyncio
import hashlib
import sys
import time
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, Text, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.commands import BOT_TOKEN, SIGNING_SECRET
from bench.serving import until_stopped

metadata = MetaData()
requests = Table(
    "requests", metadata, Column("id", String(80), primary_key=True), Column("document", Text, nullable=False)
)
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("hash", String(80), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", String(80), nullable=False),
)


def opened(file: str) -> AsyncEngine:
    """SQLite with the product's settings: WAL, an fsync at every commit, one writer that takes its lock first."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", pool_size=1, max_overflow=0)

    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", begin)
    return engine


async def written(engine: AsyncEngine, key: str, text: str) -> None:
    """One transaction: read the head of the chain, insert the row and its audit entry, move the head, commit."""
    body = f'{{"at":{time.time_ns()},"request":"{key}","text":"{text}"}}'
    async with engine.begin() as connection:
        seq, previous = (await connection.execute(head.select())).one()[1:]
        digest = hashlib.sha256(previous.encode() + body.encode()).hexdigest()
        await connection.execute(requests.insert().values(id=key, document=body))
        entry = {"seq": seq + 1, "hash": digest, "body": body.encode()}
        await connection.execute(audit.insert().values(**entry))
        await connection.execute(head.update().where(head.c.id == 1).values(seq=seq + 1, hash=digest))


def bolt(slack_api: str, engine: AsyncEngine | None) -> AsyncApp:
    """A Bolt app with one command and one listener."""
    app = AsyncApp(
        signing_secret=SIGNING_SECRET,
        client=AsyncWebClient(token=BOT_TOKEN, base_url=slack_api),
        process_before_response=True,
    )

    async def deploy(ack: AsyncAck, body: dict[str, Any]) -> None:
        if engine is not None:
            await written(engine, body["trigger_id"], body["text"])
        await ack("done")

    app.command("/deploy")(deploy)
    return app


async def serve(kind: str, slack_api: str, file: str) -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM; the first line of output tells the address."""
    engine = opened(file) if kind == "transaction" else None
    if engine is not None:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(head.insert().values(id=1, seq=0, hash=""))
    app = bolt(slack_api, engine)

    async def events(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    http = web.Application()
    http.router.add_post("/slack/events", events)
    await until_stopped(http)
    if engine is not None:
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:4]))
