"""The least that an approval could take: one form, one verification of the library's own, one Core transaction."""

import asyncio
import hashlib
import json
import sys
from dataclasses import dataclass

import webauthn
from aiohttp import web
from sqlalchemy import Column, LargeBinary, MetaData, String, Table
from sqlalchemy.ext.asyncio import AsyncEngine
from webauthn.helpers import base64url_to_bytes

from bench.authenticator import b64
from bench.floor import audit, head, metadata, opened
from bench.serving import until_stopped

ROWS = {"passkey": 7, "code": 8}
"""Rows that the product writes, in two and three transactions: the challenge (asked in the same request for a code)
and that it was consumed; then credential, intent, approval, audit entry, head and timer."""
OWN = MetaData()
writings = Table(
    "writings", OWN, Column("id", String(120), primary_key=True), Column("body", LargeBinary, nullable=False)
)


@dataclass(frozen=True, slots=True)
class Floor:
    """The server's state: a database, and the one passkey that signs."""

    engine: AsyncEngine
    origin: str
    public_key: bytes

    async def post_challenge(self, request: web.Request) -> web.Response:
        """The same challenge for the same link: nothing is kept."""
        await request.json()
        options = {"challenge": b64(_challenge(request))}
        return web.json_response({"challenge": "floor", "options": options})

    async def post_passkey(self, request: web.Request) -> web.Response:
        """Verify and write."""
        answer = json.loads(str((await request.post())["answer"]))
        webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=_challenge(request),
            expected_rp_id="localhost",
            expected_origin=self.origin,
            credential_public_key=self.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        return await self._written(request, ROWS["passkey"])

    async def post_bare(self, request: web.Request) -> web.Response:
        """Write alone; what a form says of `rows` counts."""
        form = await request.post()
        return await self._written(request, ROWS["code" if "code" in form else "passkey"])

    async def _written(self, request: web.Request, rows: int) -> web.Response:
        """One transaction of so many rows, two of which are the audit entry and the head of its chain."""
        body = json.dumps({"link": request.match_info["token"], "text": "approved " * 40}).encode()
        async with self.engine.begin() as connection:
            seq, previous = (await connection.execute(head.select())).one()[1:]
            digest = hashlib.sha256(previous.encode() + body).hexdigest()
            for number in range(rows - 2):
                row = {"id": f"{request.match_info['token']}/{number}", "body": body}
                await connection.execute(writings.insert(), row)
            await connection.execute(audit.insert(), {"seq": seq + 1, "hash": digest, "body": body})
            await connection.execute(head.update().where(head.c.id == 1).values(seq=seq + 1, hash=digest))
        return web.Response(status=303, headers={"Location": "/done"})


def _challenge(request: web.Request) -> bytes:
    return hashlib.sha256(request.match_info["token"].encode()).digest()


async def serve(origin: str, public_key: str, file: str) -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM; the first line of output tells the address."""
    floor = Floor(opened(file), origin, base64url_to_bytes(public_key))
    async with floor.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(OWN.create_all)
        await connection.execute(head.insert().values(id=1, seq=0, hash=""))
    app = web.Application()
    app.router.add_post("/mfa/{token}/challenge", floor.post_challenge)
    app.router.add_post("/mfa/{token}/passkey", floor.post_passkey)
    app.router.add_post("/mfa/{token}/bare", floor.post_bare)
    app.router.add_post("/mfa/{token}/code", floor.post_bare)
    await until_stopped(app)
    await floor.engine.dispose()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:4]))
