#!/usr/bin/env bash
# Runs the tests marked "slurm" on the SLURM of another Debian release, in a chroot: chroot.sh [SUITE [PYTEST-ARGS…]]
#
# SUITE is a release with a newer SLURM than that of this machine (sid, the default; trixie). The chroot is kept in
# build/chroot/SUITE, so that a second run needs no download; remove that folder to get the newest packages.
# The mirror is that of apt on this machine. Everything runs in its own mount and PID namespace: no mount and no
# process is left.
set -Eeuo pipefail

exec 3>&2 # for error messages, also while output goes to a log

die() {
    echo "chroot.sh: $*" >&3
    exit 1
}

suite=${1:-sid}
shift || true
repository=$(realpath "$(dirname "$0")/../..")
root=${DASKTOP_CHROOTS:-$repository/build/chroot}/$suite

((EUID == 0)) || die "must be run as root"
for program in debootstrap apt-get unshare git tar; do
    command -v "$program" >/dev/null || die "$program is not installed"
done
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(COMPONENT) $(CODENAME)' 'Created-By: Packages' |
    awk '$2 == "Debian" && $3 == "main" && $4 !~ /-security$/ { print $1; exit }')}
[[ -n "$mirror" ]] || die "apt on this machine has no Debian mirror: set DEBIAN_MIRROR"

in_chroot() {
    unshare --mount --pid --fork --kill-child "$BASH" -euc '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        for device in null:3 zero:5 full:7 random:8 urandom:9; do
            mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
        done
        mknod -m 666 "$root/dev/tty" c 5 0
        mkdir "$root/dev/pts" "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        # Not exec: the first process of a PID namespace must reap orphans, and bash does.
        status=0
        chroot "$root" "$@" || status=$?
        exit "$status"
    ' in_chroot "$root" "$@"
}

install_slurm() {
    export DEBIAN_FRONTEND=noninteractive
    # Packages must not start daemons: the tests start their own.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    apt-config dump Acquire >"$root/etc/apt/apt.conf.d/90host" # proxies and other settings of this machine
    in_chroot apt-get update -qq
    in_chroot apt-get install -qq --no-install-recommends \
        python3 python3-venv tmux procps ca-certificates \
        slurm-wlm slurmdbd slurm-wlm-mysql-plugin slurm-wlm-basic-plugins munge mariadb-server
}

# The plugin of slurmdbd in these releases fails at once with their newer libmariadb.
install_older_libmariadb() {
    local sources=$root/etc/apt/sources.list.d/bookworm.list
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >"$sources"
    in_chroot apt-get update -qq
    in_chroot sh -euc '
        cd "$(mktemp -d)"
        apt-get download -qq libmariadb3/bookworm
        dpkg-deb -x libmariadb3_*.deb .
        cp usr/lib/*/libmariadb.so.3 /usr/local/lib/
        ldconfig
    '
    rm "$sources"
    in_chroot apt-get update -qq
}

main() {
    if [[ ! -e "$root/.ready" ]]; then
        echo "creating a chroot with Debian $suite in $root"
        if [[ ! -e "$root/.debootstrapped" ]]; then
            rm -rf "$root"
            mkdir -p "$(dirname "$root")"
            debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
                die "debootstrap failed: $(tail -n 1 "$root.log")"
            touch "$root/.debootstrapped"
        fi
        cp /etc/resolv.conf /etc/hosts "$root/etc/"
        trap 'die "installing SLURM failed: $(tail -n 3 "$root.log")"' ERR
        {
            install_slurm
            install_older_libmariadb
        } >"$root.log" 2>&1
        trap - ERR
        touch "$root/.ready"
    fi
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    # The certificates of this machine, for mirrors with their own certificate.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

    mkdir -p "$root/dasktop"
    find "$root/dasktop" -mindepth 1 -maxdepth 1 ! -name .venv ! -name '*.egg-info' -exec rm -rf {} +
    git -C "$repository" ls-files -z --cached --others --exclude-standard |
        tar -C "$repository" --null --files-from=- --ignore-failed-read --create 2>/dev/null | tar -C "$root/dasktop" --extract

    if ! cmp -s "$repository/pyproject.toml" "$root/.installed"; then
        echo "installing dependencies of the tests"
        in_chroot sh -euc '
            cd /dasktop
            test -x .venv/bin/python || python3 -m venv .venv
            unset PIP_FIND_LINKS # it names folders of this machine
            .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
        '
        cp "$repository/pyproject.toml" "$root/.installed"
    fi

    echo "Debian $suite: $(in_chroot slurmd -V), $(in_chroot python3 --version)"
    in_chroot env -C /dasktop HOME=/root LC_ALL=C.UTF-8 DASKTOP_REQUIRE_SLURM=1 \
        .venv/bin/python -m pytest -m slurm -p no:cacheprovider "$@"
}

main "$@"
exit
