"""Finds the deployer of a service in the policy that is in force."""

from collections.abc import Mapping

from bot.adapters.command_deployer import CommandDeployer
from bot.ports import Deployer, PolicyInForce


class PolicyDeployers:
    """Implements ports.Deployers; asks the policy each time, so that a reload counts at once."""

    def __init__(self, policy: PolicyInForce, *, environ: Mapping[str, str]) -> None:
        """`environ` is where PATH, HOME, LANG and what a policy passes on are taken from."""
        self._policy = policy
        self._environ = environ

    def of(self, service: str) -> Deployer | None:
        """The service's deployer; None where the policy names no such service, no deployer for it, or one of a kind
        that cannot be driven from here."""
        policy = self._policy.policy
        found = policy.services.get(service)
        if found is None or found.deployer is None or found.deployer.command is None:
            return None
        return CommandDeployer(found.deployer.command, folder=policy.folder, environ=self._environ)
