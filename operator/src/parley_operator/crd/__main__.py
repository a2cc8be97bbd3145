"""`python -m parley_operator.crd` prints the CustomResourceDefinition."""

from __future__ import annotations

import sys

from parley_operator.crd import text

sys.stdout.write(text())
