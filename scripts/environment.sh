# shellcheck shell=sh
# Sourced by try, test and mutate: makes a virtual environment with the package, built as a wheel.
# A note in the environment says what it was made from, so that the next run only does what changed.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
name=${0##*/}

# The programs must import what is installed here, not a source tree; compiled files save seconds.
unset PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

fail() {
    printf 'scripts/%s: %s\n' "$name" "$1" >&2
    exit 1
}

# Prints the first Python that is new enough. Some commands, such as pyenv's, only print an error.
find_python() {
    found=
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
            continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
        found="$found, $candidate is $version"
    done
    found=${found#, }
    fail "needs Python 3.11 or newer with its venv module, but ${found:-there is none on PATH}: install python3.12, or name one with PYTHON=/path/to/python3"
}

# Prints VERSION=PATH of one Python of each version that is new enough, on PATH or of pyenv.
all_pythons() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13 python3.14 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin/python3; do
        "$candidate" -c '
import os, sys, sysconfig, venv, ensurepip
if sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("%d.%d=%s" % (*sys.version_info[:2], os.path.realpath(sys.executable)))
' 2>/dev/null || true
    done | sort -t= -k1,1V -u
}

# Prints the comment at the head of the script that runs.
help() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

# Prints a checksum of what the package is made from.
sources() {
    (
        cd "$root" || exit 1
        find src hooks schemas pyproject.toml README.md LICENSE -type f ! -name '*.pyc' \
            -exec cksum {} + | LC_ALL=C sort | cksum
    )
}

# same FILE TEXT: whether the file contains exactly the text.
same() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# prepare FOLDER [EXTRA [PACKAGES]]: makes the environment in a folder of the checkout, or brings it
# up to date, and leaves its programs' folder in $bin.
prepare() {
    environment=$root/$1
    bin=$environment/bin
    python=$(find_python) || exit 1
    version=$("$python" -c 'import sys; print(sys.version_info[:3], sys.base_prefix)')
    made_from="$version $environment $(cksum <"$root/pyproject.toml")"
    package_from=$(sources) || exit 1
    if ! same "$environment/made-from" "$made_from" || ! "$bin/python" -c '' 2>/dev/null; then
        make_environment "${2:-}" "${3:-}"
        printf '%s\n' "$made_from" >"$environment/made-from"
    elif ! same "$environment/package-from" "$package_from"; then
        install_wheel "" --force-reinstall --no-deps
    fi
    printf '%s\n' "$package_from" >"$environment/package-from"
}

make_environment() {
    echo "Making $environment with $("$python" -V) (once)"
    rm -rf -- "$environment"
    "$python" -m venv -- "$environment" ||
        fail "could not make a virtual environment in $environment: install the venv module of $python"
    # The launcher that an old pip writes imports more, which makes every hook slower.
    "$bin/python" -m pip install --quiet --upgrade pip ||
        fail "could not upgrade pip: check the package index that pip is configured with"
    install_wheel "${1:+[$1]}"
    if [ -n "$2" ]; then
        # shellcheck disable=SC2086  # several packages
        "$bin/python" -m pip install --quiet $2 || fail "$2 could not be installed"
    fi
}

# install_wheel EXTRAS [OPTION...]: builds into an empty folder, without wheels of earlier versions.
install_wheel() {
    extras=$1
    shift
    echo "Building the wheel and installing it"
    rm -rf -- "$environment/wheel"
    "$bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$environment/wheel" "$root" ||
        fail "the wheel could not be built: see pip's message above"
    for wheel in "$environment"/wheel/*.whl; do
        "$bin/python" -m pip install --quiet "$@" "$wheel$extras" ||
            fail "the wheel could not be installed: see pip's message above"
    done
}
