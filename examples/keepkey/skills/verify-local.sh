#!/bin/sh
# Local: the development environment on this machine answers.
cd -- "$(dirname -- "$0")/.." && . skills/verification.sh
options local "$@"
healthy "No local environment is known"
finish GREEN "Local development environment verified working"
