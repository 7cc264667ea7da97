"""The one place where everything is put together: adapters, storage, flows, jobs and handlers of one running bot."""

from bot.wiring.decider import Decider, build_decider, login_of
from bot.wiring.portcullis import SWITCH_INTERVAL, Portcullis, run_until_stopped

__all__ = ["SWITCH_INTERVAL", "Decider", "Portcullis", "build_decider", "login_of", "run_until_stopped"]
