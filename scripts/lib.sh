# Shared by the scripts beside it: messages and Debian packages. Source it; it does nothing by itself.
# shellcheck shell=bash

# runuser and apt's own tools live there, and `su` does not always add it.
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# A port of loopback that nobody listens at.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# need WHAT PACKAGE...: installs Debian packages, or says what to install.
need() {
    local what=$1
    shift
    have apt-get || fail "$what is missing, and this is no Debian: install it (on Debian: apt-get install $*)"
    [ "$(id -u)" -eq 0 ] || have sudo ||
        fail "$what is missing, and there is no sudo to install it with: as root, run apt-get install $*"
    say "$what is missing: installing $* with apt"
    local log
    log=$(mktemp)
    {
        as_root apt-get update -q &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null || {
        cat "$log" >&2
        rm -f "$log"
        fail "could not install $what, see above: install the Debian package(s) $* yourself, then try again"
    }
    rm -f "$log"
}
