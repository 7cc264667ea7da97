"""The registry adapter against Debian's docker-registry: a real one, with a manifest and an index pushed to it."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.oci_registry import OciRegistry
from bot.domain.artifact import RegistryWord

CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
"""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class RealRegistry:
    address: str

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> str:
        """One call of the registry's own API; gives its Location."""
        url = path if path.startswith("http") else f"http://{self.address}{path}"
        request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(answer.headers.get("Location", ""))

    def push_blob(self, repository: str, blob: bytes) -> dict[str, object]:
        upload = self.send("POST", f"/v2/{repository}/blobs/uploads/")
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        self.send("PUT", f"{upload}{'&' if '?' in upload else '?'}digest={digest}", blob)
        return {"digest": digest, "size": len(blob)}

    def push(self, repository: str, tag: str, manifest: dict[str, object]) -> str:
        body = json.dumps(manifest).encode()
        self.send("PUT", f"/v2/{repository}/manifests/{tag}", body, str(manifest["mediaType"]))
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    def push_image(
        self, repository: str, tag: str, kind: str = MANIFEST, *, content: bytes = b"layer"
    ) -> str:
        config = self.push_blob(repository, b"{}")
        layer = self.push_blob(repository, content)
        docker = kind == DOCKER_MANIFEST
        configs = (
            "application/vnd.docker.container.image.v1+json"
            if docker
            else "application/vnd.oci.image.config.v1+json"
        )
        layers = (
            "application/vnd.docker.image.rootfs.diff.tar.gzip"
            if docker
            else "application/vnd.oci.image.layer.v1.tar"
        )
        return self.push(
            repository,
            tag,
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {"mediaType": configs, **config},
                "layers": [{"mediaType": layers, **layer}],
            },
        )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    program = shutil.which("docker-registry")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("docker-registry is missing")
        pytest.skip("docker-registry is missing")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "config.yml").write_text(CONFIG.format(root=folder / "storage", address=address))
    environ = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}
    process = subprocess.Popen(
        [program, "serve", str(folder / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
    )
    try:
        _wait_for(address, process)
        yield RealRegistry(address)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "docker-registry ended at once"
        try:
            with urllib.request.urlopen(f"http://{address}/v2/", timeout=1) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    pytest.fail("docker-registry did not answer within ten seconds")


@pytest.fixture
def registry(session: aiohttp.ClientSession) -> OciRegistry:
    return OciRegistry(session, clock=SystemClock())


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("kind", [MANIFEST, DOCKER_MANIFEST])
async def test_a_tag_stands_for_the_digest_of_its_manifest(
    real: RealRegistry, registry: OciRegistry, kind: str
) -> None:
    digest = real.push_image("team/checkout", "3f2a1bc", kind)

    answer = await registry.resolve(f"{real.address}/team/checkout", "3f2a1bc")

    assert (answer.word, answer.digest, answer.problem) == (RegistryWord.FOUND, digest, None)


@pytest.mark.requirement("P5")
async def test_a_tag_of_an_index_stands_for_the_index_not_for_one_platform(
    real: RealRegistry, registry: OciRegistry
) -> None:
    inner = real.push_image("multi", "amd64")
    size = len(urllib.request.urlopen(
        urllib.request.Request(f"http://{real.address}/v2/multi/manifests/amd64", headers={"Accept": MANIFEST})
    ).read())  # fmt: skip
    digest = real.push(
        "multi",
        "1.0.0",
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {
                    "mediaType": MANIFEST,
                    "digest": inner,
                    "size": size,
                    "platform": {"architecture": "amd64", "os": "linux"},
                }
            ],
        },
    )

    answer = await registry.resolve(f"{real.address}/multi", "1.0.0")

    assert answer.digest == digest != inner


@pytest.mark.requirement("P5")
async def test_a_tag_that_was_moved_stands_for_its_new_digest(
    real: RealRegistry, registry: OciRegistry
) -> None:
    first = real.push_image("moved", "v1", content=b"one")
    assert (await registry.resolve(f"{real.address}/moved", "v1")).digest == first

    second = real.push_image("moved", "v1", content=b"two")

    assert (await registry.resolve(f"{real.address}/moved", "v1")).digest == second != first


@pytest.mark.requirement("P14")
async def test_a_digest_is_found_while_the_registry_still_has_it(
    real: RealRegistry, registry: OciRegistry
) -> None:
    digest = real.push_image("kept", "v1")
    assert (await registry.resolve(f"{real.address}/kept", digest)).digest == digest

    real.send("DELETE", f"/v2/kept/manifests/{digest}")

    assert (await registry.resolve(f"{real.address}/kept", digest)).word is RegistryWord.MISSING


@pytest.mark.requirement("P14")
@pytest.mark.parametrize("reference", ["nowhere", "sha256:" + "0" * 64])
async def test_what_was_never_pushed_is_missing(
    real: RealRegistry, registry: OciRegistry, reference: str
) -> None:
    real.push_image("known", "v1")

    for repository in ("known", "unknown"):
        answer = await registry.resolve(f"{real.address}/{repository}", reference)
        assert (answer.word, answer.digest) == (RegistryWord.MISSING, None)
