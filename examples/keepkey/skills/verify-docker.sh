#!/bin/sh
# Docker: the image was built and pushed, and the container made of it answers.
cd -- "$(dirname -- "$0")/.." && . skills/verification.sh
options docker "$@"
healthy "No container is known"
finish GREEN "Successfully built and pushed to registry.digitalocean.com/pioneer/support-email:latest-dev"
