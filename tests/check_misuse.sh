#!/bin/sh
# Every failure that a header speaks of has its row in the tests' tables, every row its sentence, every pointer its NULL.
PYTHONDONTWRITEBYTECODE=1 python3 tests/misuse.py
