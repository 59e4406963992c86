#!/bin/sh
# Installs the peers that the benchmarks run beside tarn, from Debian. Without root it prints the command.
packages="fasttext python3-torch libopenblas-dev libdnnl-dev libblis-dev"
if [ "$(id -u)" -ne 0 ]; then
    echo "as root:  apt-get install --no-install-recommends $packages" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages
