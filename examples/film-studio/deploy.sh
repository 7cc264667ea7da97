#!/bin/sh
# Moves traffic to a version by the studio's workflow on GitHub, and waits until it is over; or tells how it stands.
#
#   deploy.sh move|status OWNER/NAME ENVIRONMENT VERSION DIGEST PERCENT RUN
#
# Exit 0: it succeeded. 1: it failed. 2: nobody knows (yet). The workflow deploy-ENVIRONMENT.yml takes the inputs
# version, digest, percent and title, and has to name its run by the last one (`run-name: ${{ inputs.title }}`): by that
# name it is found again, after a crash as well. Needs the GitHub CLI, and GH_TOKEN for an account that may start it.
set -u
verb=$1 repository=$2 environment=$3 version=$4 digest=$5 percent=$6 run=$7
workflow=deploy-$environment.yml
[ "$run" = by-hand ] && run="by hand, $(date +%s)"
TITLE="$version to $environment, $percent per cent ($run)"
export TITLE

# The newest run of that name: its id, and how it ended (nothing while it goes on).
found() {
  gh run list --repo "$repository" --workflow "$workflow" --limit 50 --json databaseId,displayTitle,conclusion \
    --jq 'map(select(.displayTitle == env.TITLE))[0] // empty | "\(.databaseId) \(.conclusion)"'
}

case $verb in
  move)
    gh workflow run "$workflow" --repo "$repository" --ref main -f "version=$version" -f "digest=$digest" \
      -f "percent=$percent" -f "title=$TITLE" || exit 1
    tries=0
    until id=$(found) && [ -n "$id" ]; do
      tries=$((tries + 1))
      [ "$tries" -ge "${LOOKS:-60}" ] && { echo "GitHub shows no run named: $TITLE"; exit 2; }
      sleep 2
    done
    gh run watch "${id%% *}" --repo "$repository" --exit-status
    ;;
  status)
    seen=$(found) || exit 2
    case ${seen#* } in
      success) exit 0 ;;
      '') exit 2 ;;
      *) exit 1 ;;
    esac
    ;;
  *) echo "deploy.sh: $verb is neither move nor status" >&2; exit 2 ;;
esac
