"""Lets schemathesis run to its end on Python 3.11.

CPython 3.11 counts how deep `ast.parse` is once for the whole interpreter. When
two threads are in it at the same time, one of them ends with "SystemError: AST
constructor recursion depth mismatch". Hypothesis calls it to describe a lambda,
so that a run over free-form objects (the `option` of an action) could end with
an error that no answer of the API had caused. One thread at a time is safe.
"""

import ast
import threading

# A destructor may run, and parse, while its own thread is parsing.
_one_at_a_time = threading.RLock()
_parse = ast.parse


def _parse_alone(*arguments, **options):
    with _one_at_a_time:
        return _parse(*arguments, **options)


ast.parse = _parse_alone
