"""The sample world's builds: real OCI manifests with real digests, and what CI says of each."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One image of one service, and how long ago staging got it."""

    service: str
    tag: str
    soaked: timedelta
    critical: int = 0
    findings: tuple[dict[str, str], ...] = ()
    authors: tuple[str, ...] = ("lin-w",)

    @property
    def manifest(self) -> bytes:
        """The manifest's bytes; their hash is the digest."""
        config = hashlib.sha256(f"{self.service}:{self.tag}".encode()).hexdigest()
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": f"sha256:{config}",
                    "size": 2,
                },
                "layers": [],
            },
            sort_keys=True,
        ).encode()

    @property
    def digest(self) -> str:
        """`sha256:` and the hash of the manifest."""
        return "sha256:" + hashlib.sha256(self.manifest).hexdigest()

    def statements(self, now: datetime) -> list[dict[str, Any]]:
        """What CI, the scanner and staging say of it by now, as evidence for the bot."""
        staged = now - self.soaked
        about = {"service": self.service, "artifact": self.tag, "digest": self.digest}
        counts = {"critical": self.critical, "high": 0, "medium": 2, "low": 5}

        def said(kind: str, at: datetime, passed: bool = True, **more: Any) -> dict[str, Any]:
            outcome = "passed" if passed else "failed"
            return {"kind": kind, **about, "outcome": outcome, "at": at.isoformat(), **more}

        return [
            said(
                "build",
                staged - timedelta(minutes=20),
                details={"commit": self.tag, "authors": list(self.authors)},
            ),
            said(
                "scan",
                staged - timedelta(minutes=15),
                self.critical == 0,
                counts=counts,
                details={"findings": list(self.findings)},
            ),
            said("deployment", staged, environment="staging"),
            said("verification", staged + timedelta(minutes=5), environment="staging"),
        ]


FOUND = (
    {
        "id": "CVE-2026-1234",
        "package": "openssl",
        "version": "3.0.8",
        "fixed_in": "3.0.9",
        "severity": "critical",
    },
)

FIRST = (
    Build(service="checkout", tag="51be07d", soaked=timedelta(days=6)),
    Build(service="catalogue", tag="0c4d9aa", soaked=timedelta(days=9)),
)
CANDIDATES = (
    Build(service="checkout", tag="7a3f9c2", soaked=timedelta(hours=3)),
    Build(service="catalogue", tag="b81e6f0", soaked=timedelta(hours=3)),
    Build(
        service="catalogue",
        tag="bad5eed",
        soaked=timedelta(hours=5),
        critical=1,
        findings=FOUND,
    ),
)


@dataclass(slots=True)
class Shelf:
    """The registry's content: builds by service and tag."""

    builds: dict[tuple[str, str], Build] = field(default_factory=dict)

    def put(self, build: Build) -> None:
        """Push an image."""
        self.builds[build.service, build.tag] = build

    def find(self, service: str, reference: str) -> Build | None:
        """By tag or by digest."""
        found = self.builds.get((service, reference))
        return found or next(
            (b for (s, _), b in self.builds.items() if s == service and b.digest == reference), None
        )
