"""The policy file: typed, validated with line numbers, digest, JSON Schema."""

from bot.policy.calendar_section import CalendarSection
from bot.policy.environments import Approval, BreakGlass, Environment, Rollout, Seat, SecondFactor
from bot.policy.load import load, parse
from bot.policy.monitors import FileMonitor, HeartbeatMonitor, HttpMonitor, Monitor
from bot.policy.on_call import ChecklistItem, EscalationStep, OnCall, Target
from bot.policy.people import Person, Role
from bot.policy.policy import NEVER_BYPASSED, Policy
from bot.policy.problems import PolicyError, Problem, Unreadable
from bot.policy.schema import json_schema
from bot.policy.second_factors import Login, SecondFactors
from bot.policy.services import Deployer, Service

__all__ = [
    "NEVER_BYPASSED",
    "Approval",
    "BreakGlass",
    "CalendarSection",
    "ChecklistItem",
    "Deployer",
    "Environment",
    "EscalationStep",
    "FileMonitor",
    "HeartbeatMonitor",
    "HttpMonitor",
    "Login",
    "Monitor",
    "OnCall",
    "Person",
    "Policy",
    "PolicyError",
    "Problem",
    "Role",
    "Rollout",
    "Seat",
    "SecondFactor",
    "SecondFactors",
    "Service",
    "Target",
    "Unreadable",
    "json_schema",
    "load",
    "parse",
]
