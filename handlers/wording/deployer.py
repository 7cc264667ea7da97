"""What a deployer said of a call, in words."""


def deployer_said(code: str) -> str:
    """How the deployer ended, by its code."""
    kind, _, number = code.partition("-")
    if kind == "exit" and number.isdigit():
        return "the deployer finished" if number == "0" else f"the deployer failed with exit status {number}"
    if kind == "signal" and number.isdigit():
        return f"the deployer was killed by signal {number}"
    known = {
        "timed-out": "the deployer did not finish within its time limit and was stopped",
        "not-found": "the deployer's program does not exist on the bot's host",
        "not-executable": "the deployer's program may not be executed on the bot's host",
        "cannot-start": "the deployer's program could not be started",
        "no-working-folder": "the folder that the deployer runs in is gone",
        "no-shift": "the policy names no shift command for this service any more, so nothing was called",
        "verified": "the deployer finished, and its status confirms the version that runs",
        "unverified": "the deployer finished, and its status says nothing of the version that runs",
        "not-running": "the deployer finished, and by its own status another version runs",
        "stopped": "it was stopped before its next step",
        "analysis-failed": "what was measured at its step failed it, so it was stopped there",
        "no-deployer": "the policy names no deployer for this service, so nothing was started",
        "looked-up-succeeded": "the deployer says that it succeeded",
        "looked-up-failed": "the deployer says that it failed",
        "lost": "the bot was restarted during the call and the deployer cannot say what came of it",
    }
    return known.get(code, f"the deployer ended with the code {code}")
