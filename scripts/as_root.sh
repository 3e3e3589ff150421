# as_root <command …>: runs it as root, to be sourced. Without root and sudo it says what to do by hand and ends the script.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "setup: this needs root: run as root, or install sudo, or run by hand: $*" >&2
    exit 1
  fi
}
