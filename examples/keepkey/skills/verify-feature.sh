#!/bin/sh
# Feature: every feature environment that was configured answers.
cd -- "$(dirname -- "$0")/.." && . skills/verification.sh
options feature "$@"
healthy "Feature environments not yet configured"
finish GREEN "Every feature environment answers"
