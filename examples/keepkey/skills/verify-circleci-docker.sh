#!/bin/sh
# Dev: what CI's job said of its last build. CI writes deployment/ci/JOB: `success` or why not, then `verified` once the
# full verification of that build has run.
cd -- "$(dirname -- "$0")/.." && . skills/verification.sh
options dev "$@"
result=deployment/ci/${job:?--job NAME is missing}
[ -s "$result" ] || finish RED "CircleCI said nothing of $job"
[ "$(head -n 1 "$result")" = success ] || finish RED "CircleCI build failed: $(head -n 1 "$result")"
[ "$(sed -n 2p "$result")" = verified ] || finish YELLOW "CircleCI build successful, needs full verification"
finish GREEN "CircleCI build successful, verified in full"
