#!/bin/sh
# The weights of every layer, and of examples/gpt, travel to PyTorch and back: tests/golden/travel_torch.py.
work=$B/travel
rm -rf "$work" && mkdir -p "$work"
for python in python3 /usr/bin/python3 ""; do [ -n "$python" ] && $python -c 'import torch, numpy' 2> /dev/null && break; done
if [ -z "$python" ]; then
    echo "skipped: check_travel.sh: there is no python3 with PyTorch"
    echo "Checks: 0, Failures: 0, Errors: 0"
    exit 0
fi
${CC:-cc} -std=c11 -ffp-contract=off -O2 -Iinclude tests/golden/travel.c "$B/libtarn.a" -lm -lpthread -o "$work/travel" &&
    PYTHONDONTWRITEBYTECODE=1 $python tests/golden/travel_torch.py "$work/travel" examples/gpt README.md "$work"
