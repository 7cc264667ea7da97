#!/bin/sh
# Production: the service answers at the addresses of its pods.
cd -- "$(dirname -- "$0")/../.." && . skills/verification.sh
options production "$@"
healthy "No address of production is known"
finish GREEN "Kubernetes pod running with health check passing"
