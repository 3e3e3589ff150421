# Functions for the scripts here, to be sourced.

# make_venv <folder>: a Python environment, made once.
make_venv() {
  [ -x "$1/bin/python" ] && "$1/bin/python" -c 'import pip' 2>/dev/null && return 0
  rm -rf "$1"
  python3 -m venv "$1"
}

# install_requirements <folder> <file>: exactly these packages, without what they would pull in besides; once a version of
# the file.
install_requirements() {
  local stamp
  stamp="$1/$(basename "$2").$(sha256sum <"$2" | cut -c 1-16)"
  [ -f "$stamp" ] && return 0
  "$1/bin/pip" install -q --disable-pip-version-check --no-deps -r "$2" && touch "$stamp"
}
