# What the verification tools share; they source it from the folder of the policy.
#
# options ENVIRONMENT "$@"   takes --job NAME, --update-status and --environment NAME
# finish COLOUR DETAIL       the detail is the last line; with --update-status it and the colour stand in the status file;
#                            the exit status is 0 for GREEN, 2 for YELLOW, 1 for RED
set -eu

options() {
  environment=$1 update=no job=
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --update-status) update=yes ;;
      --environment) environment=${2:?which environment}; shift ;;
      --job) job=${2:?which job}; shift ;;
      *) echo "unknown option: $1" >&2; exit 64 ;;
    esac
    shift
  done
  case $environment$job in
    *[!a-z-]*) echo "names are lower-case letters and dashes" >&2; exit 64 ;;
  esac
}

finish() {
  if [ "$update" = yes ]; then
    file=deployment/status/$environment.status
    printf '%s\nLast Verified: %s\nDetail: %s\n' "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2" > "$file.$$"
    mv "$file.$$" "$file"  # whoever reads it meanwhile reads the old one or the new one
  fi
  printf '%s\n' "$2"
  case $1 in GREEN) exit 0 ;; YELLOW) exit 2 ;; *) exit 1 ;; esac
}

# healthy DETAIL: RED with it where deployment/targets/ENVIRONMENT names no address, or one of them gives no good answer
healthy() {
  targets=deployment/targets/$environment
  [ -s "$targets" ] || finish RED "$1"
  while read -r address; do
    curl -fsS -o /dev/null --max-time 5 "$address" || finish RED "No healthy answer from $address"
  done < "$targets"
}
