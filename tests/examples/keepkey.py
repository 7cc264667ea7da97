"""The keepkey example as it runs: its folder copied, its world on a socket, its people in the workspace, the bot itself."""

import asyncio
import contextlib
import re
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from bot.domain.environment import Colour
from bot.flows.colours import statuses
from sandbox.client import SandboxClient
from sandbox.manifest import read_manifest
from sandbox.server import Sandbox
from sandbox.workspace import Workspace
from storage.ledger import Ledger
from tests.scenarios.hands import DEPLOYMENTS, Message
from tests.scenarios.stage import EXAMPLE as READINESS
from tests.scenarios.stage import ROOT, Stage

EXAMPLE: Final = ROOT / "examples" / "keepkey"
WORLD: Final = "http://127.0.0.1:8072"
KAI, NOA, SAM = "U01KAI", "U02NOA", "U03SAM"
PEOPLE: Final = {"kai": KAI, "noa": NOA, "sam": SAM}
ORDER: Final = ("production", "feature", "dev", "docker", "local")
SEED: Final = {
    "production": "GREEN", "feature": "RED", "dev": "YELLOW", "docker": "GREEN", "local": "GREEN",
}  # fmt: skip
"""The page's own table."""
STATED: Final = re.compile(r"^Last Verified: .*$", re.MULTILINE)


@dataclass
class KeepKey(Stage):
    """Everything of one journey over this example."""

    world_process: asyncio.subprocess.Process | None = None

    async def open(self, *edits: tuple[str, str], enrolled: tuple[str, ...] = ("kai", "noa")) -> None:
        """Everything but the bot: the folder as it is shipped, with the addresses and the day of this run."""
        self._make_secrets(secrets.token_hex(16))
        shutil.copytree(EXAMPLE, self.folder, dirs_exist_ok=True)
        await self._start_world()
        self._edit(*edits)
        self._of_today()
        await self._start_sandbox()
        self.ledger = Ledger(self.database_url, self.clock)
        self._closing.push_async_callback(self.ledger.close)
        await self._enroll(enrolled)

    async def _start_world(self) -> None:
        self.world_process = await asyncio.create_subprocess_exec(
            *(sys.executable, "world.py", "0"), cwd=self.folder, stdout=asyncio.subprocess.PIPE
        )
        self._closing.push_async_callback(self._stop_world)
        assert self.world_process.stdout is not None
        async with asyncio.timeout(20):
            self.world_url = (await self.world_process.stdout.readline()).decode().strip()
        for file in (self.folder / "deployment" / "targets").iterdir():
            file.write_text(file.read_text().replace(WORLD, self.world_url))

    async def _stop_world(self) -> None:
        process, self.world_process = self.world_process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.communicate()

    def _edit(self, *edits: tuple[str, str]) -> None:
        """The policy, read every second and without a registry to ask; each edit has to find its place."""
        file = self.folder / "policy.yaml"
        text = file.read_text(encoding="utf-8")
        usual = (
            ("every: 10m", "every: 1s"),
            ("every: 1m", "every: 1s"),
            ("    image: registry.digitalocean.com/pioneer/support-email\n", ""),
        )
        for old, new in (*usual, *edits):
            assert old in text, f"the example's policy has no {old!r} any more"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")

    def _of_today(self) -> None:
        """The page's status files, as fresh as they were when it was written."""
        now = self.clock.now().isoformat()
        for file in (self.folder / "deployment" / "status").iterdir():
            file.write_text(STATED.sub(f"Last Verified: {now}", file.read_text()))

    async def _start_sandbox(self) -> None:
        cast: dict[str, Any] = YAML(typ="safe", pure=True).load(READINESS / "workspace.yaml")
        cast["people"] = [
            {"id": id_, "name": name, "real_name": name.title(), "tz": "America/Sao_Paulo"}
            for name, id_ in PEOPLE.items()
        ]
        self.sandbox = Sandbox(
            Workspace.from_mapping(cast),
            signing_secret=self.environment["SLACK_SIGNING_SECRET"],
            bot_token=self.environment["SLACK_BOT_TOKEN"],
            app_token="xapp-unused",
            manifest=read_manifest(ROOT / "manifest.yml"),
            events_url=None,
        )
        await self.sandbox.start()
        self._closing.push_async_callback(self.sandbox.stop)
        self.environment["PORTCULLIS_SLACK_API_URL"] = self.sandbox.api_url
        self.people = await self._closing.enter_async_context(SandboxClient(self.sandbox.url))

    def _reachable_at(self, url: str) -> None:
        self.bot_url = url
        self.sandbox.events_url = url + "/slack/events"

    async def see_green(self) -> None:
        """Nothing: the colours here are what the tools find."""

    async def approve(self, person: str, request: str) -> None:
        """Approve with the code of now, or of the next half minute where that one was used."""
        await self.press(PEOPLE[person], "Approve", await self.card(request, "Approve"))
        await self.modal(PEOPLE[person], f"Approve {request}")
        used = self.codes_used.get(person, 0)
        self.codes_used[person] = used + 1
        sent = await self.people.submit(PEOPLE[person], {"code": self.code(person, later=used)})
        assert (sent.acknowledged, sent.errors) == (True, {}), sent
        await self.modal(PEOPLE[person], "Recorded")
        await self.people.close(PEOPLE[person], everything=True)

    async def wish(self, text: str, user: str = KAI) -> str:
        """`/deploy state …`; gives the id of the request that now exists."""
        found = re.search(r"DEP-\d+", answer := await self.deploy(user, f"state {text}"))
        assert found, answer
        return found[0]

    async def env(self, text: str, user: str = SAM) -> str:
        """`/env …`."""
        return await self.deploy(user, text, command="/env")

    async def card_of(self, request: str, *words: str) -> str:
        """What the request's message says, once it says all that."""
        message: Message = await self.message(DEPLOYMENTS, request, *words)
        return self.people.text_of(message)

    async def table(self) -> dict[str, str]:
        """Every environment in its order, and its colour as everybody is told it."""
        policy = self.policy()
        found = await self.read(lambda tx: statuses(tx, policy, tx.now))
        return {status.name: status.colour.value for status in found}

    async def until_table(self, **changes: str) -> None:
        """Wait until the page's table holds, but for these."""
        wanted = SEED | changes

        async def there() -> bool | None:
            return await self.table() == wanted or None

        await self.wait(there, what=f"the environments to be {wanted}", timeout=40)

    async def until_read(self) -> None:
        """Wait until every tool has run and every file was read."""
        wanted = {f"{n}/{m.name}" for n, each in self.policy().environments.items() for m in each.monitors}

        async def there() -> bool | None:
            kept = await self.read(lambda tx: list(tx.environments.monitors()))
            return wanted <= {m.id for m in kept if m.read_at is not None} or None

        await self.wait(there, what="every monitor to be read", timeout=40)

    def told_by(self, environment: str, *, board: bool = False) -> str:
        """A status file: the one that the tools keep, or the one that the bot writes."""
        folder = self.folder / "deployment" / ("board" if board else "status")
        file = folder / f"{environment}.status"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    async def until_board(self, environment: str, colour: Colour) -> str:
        """Wait until the bot's own status file says this."""

        async def there() -> str | None:
            text = self.told_by(environment, board=True)
            return text if text.startswith(colour.value) else None

        return await self.wait(there, what=f"{environment}'s file to say {colour.value}")

    def ci_verified(self) -> None:
        """CI's full verification of the build has run."""
        (self.folder / "deployment" / "ci" / "build-and-push").write_text("success\nverified\n")

    def down(self, environment: str) -> None:
        """Its address answers 503 from now on."""
        folder: Path = self.folder / "deployment" / "down"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / environment).touch()

    def up(self, environment: str) -> None:
        """It answers well again."""
        (self.folder / "deployment" / "down" / environment).unlink()
