#!/bin/sh
# Sees to the tools that a target needs: installs them by apt as root, else says what to type. usage: tools.sh check|coverage|lint|docs|picture|fuzz|aarch64|musl|valgrind
case $1 in
check) packages="check pkg-config"; found() { pkg-config --exists check; } ;;
coverage) packages="check pkg-config gcovr"; found() { pkg-config --exists check && command -v gcovr; } ;;
lint) packages="gcc g++ clang cppcheck"
    found() { command -v gcc && command -v g++ && command -v clang && command -v cppcheck; } ;;
picture) packages="graphviz"; found() { command -v dot; } ;;
aarch64) packages="gcc-aarch64-linux-gnu qemu-user check:arm64" architecture=arm64
    found() { command -v aarch64-linux-gnu-gcc && command -v qemu-aarch64 && [ -e /usr/lib/aarch64-linux-gnu/libcheck_pic.a ]; } ;;
musl) packages="musl-tools"; found() { command -v musl-gcc; } ;;
valgrind) packages="check pkg-config valgrind"; found() { pkg-config --exists check && command -v valgrind; } ;;
docs) packages="doxygen"; found() { command -v doxygen; } ;;
fuzz) packages="clang"; found() { command -v clang; } ;;
*) echo "usage: tools.sh check|coverage|lint|docs|picture|fuzz|aarch64|musl|valgrind" >&2; exit 2 ;;
esac
found >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $packages" >&2
    [ -z "$architecture" ] || dpkg --add-architecture "$architecture"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages; } >/dev/null || exit 1
    found >/dev/null 2>&1 && exit 0
fi
echo "this needs $packages; on Debian: sudo apt-get install $packages" >&2
exit 1
